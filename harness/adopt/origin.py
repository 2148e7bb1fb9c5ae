"""Finds the source of a schema: a live database, a directory of migrations, or SQL files.

Decides whether an argument is a connection string or a path, and refuses a path that does not exist. A live database is
dumped into files of the project.
Not here: which tool's layout a directory has (``layouts``), and the call of ``pg_dump`` (``dump.py``).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness import layouts
from harness.adopt.dump import dump, roles, search_path
from harness.adopt.project_file import SchemaSource
from harness.errors import ProjectError
from harness.files import write
from harness.project.model import BuildStep, ForeignMigrations, Project, Target
from harness.project.psql import PsqlFiles
from harness.project.settings import BUILT_IN_PROFILES, BUILT_IN_TARGETS
from harness.server.connection import parse_dsn
from harness.server.targets import open_server

NO_TEXTS: Mapping[Path, str] = {}
DUMP, ROLES = Path("database.sql"), Path("roles.sql")


def is_dsn(source: str) -> bool:
    """Whether a source names a database, not a file."""
    return "://" in source or ("=" in source and not Path(source).exists())


def from_database(
    root: Path, dsn: str, base: Sequence[Path], schemas: Sequence[str]
) -> tuple[SchemaSource, dict[Path, str]]:
    """Dumps the schema of a live database, which is only read. Returns the texts of the dumps by their paths.

    Raises :class:`TargetError`, which never shows a password.
    """
    parse_dsn(dsn, "the connection string")
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory) / DUMP
        with open_server(bare(root, "adopt"), Target("the source", "dsn", dsn=dsn)) as server:
            dump(server, scratch, schemas=schemas)
            with server.connect(server.default_database) as connection:
                connection.execute("set default_transaction_read_only = on")
                made, path = roles(connection), search_path(connection)
        texts = {DUMP: scratch.read_text(encoding="utf-8")}
    if made:
        texts[ROLES] = made
    first = (str(ROLES),) if made else ()
    return SchemaSource((str(DUMP),), None, (*first, *_relative(root, base)), path), texts


def from_files(root: Path, sources: Sequence[Path], layout: str | None, base: Sequence[Path]) -> SchemaSource:
    """A directory of migrations, or SQL files in this order, which stay where they are."""
    for path in (*sources, *base):
        if not path.exists():
            raise ProjectError(f"there is no such file or directory: {path}")
    if layout is None and len(sources) == 1 and sources[0].is_dir():
        layout = layouts.detect(sources[0]).name
    return SchemaSource(tuple(_relative(root, sources)), layout, tuple(_relative(root, base)))


def _relative(root: Path, paths: Sequence[Path]) -> list[str]:
    return [Path(os.path.relpath(path.absolute(), root.absolute())).as_posix() for path in paths]


def bare(
    root: Path, name: str, schema_source: SchemaSource | None = None, texts: Mapping[Path, str] = NO_TEXTS
) -> Project:
    """The project as ``project.yml`` will describe it, before there is one; ``texts`` are files yet to be written."""
    base, adopted = _read(root, schema_source, texts) if schema_source else ((), None)
    return Project(
        root=root,
        name=name,
        modules=(),
        default_target="embedded",
        targets=BUILT_IN_TARGETS,
        profiles=BUILT_IN_PROFILES,
        base=base,
        adopted=adopted,
        search_path=schema_source.search_path if schema_source else (),
    )


def _read(
    root: Path, schema_source: SchemaSource, texts: Mapping[Path, str]
) -> tuple[tuple[BuildStep, ...], ForeignMigrations]:
    """Reads the SQL files; those in ``texts`` from a directory in which they are written for this alone."""
    with tempfile.TemporaryDirectory() as directory:
        for path, text in texts.items():
            write(Path(directory) / path, text)

        homes = {
            path: Path(directory) if Path(path) in texts else root
            for path in (*schema_source.base, *schema_source.paths)
        }
        base = [
            step for path in schema_source.base for step in PsqlFiles(homes[path], {}).scripts([homes[path] / path])
        ]
        home = homes[schema_source.paths[0]]
        layout = layouts.named(schema_source.layout) if schema_source.layout else None
        return tuple(base), layouts.read(PsqlFiles(home, {}), [home / path for path in schema_source.paths], layout)
