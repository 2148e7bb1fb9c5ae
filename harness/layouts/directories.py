"""A directory for each migration: ``up.sql`` and ``down.sql`` (diesel, Sourcegraph), or Prisma's.

Prisma has ``migration.sql``. They go by name, numbers in front as numbers; where a ``metadata.yaml`` names ``parents``
these come first. diesel's ``metadata.toml`` may say ``run_in_transaction = false``, sourcegraph's
``createIndexConcurrently: true``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from harness.errors import Place, ProjectError
from harness.layouts.layout import Layout, Ledger, Owner
from harness.project import BuildStep, PsqlFiles, SqlScript

_UP = ("up.sql", "migration.sql")
_NO_TRANSACTION = re.compile(
    r"^\s*(?:run_in_transaction\s*=\s*false|(?:noTransaction|createIndexConcurrently)\s*:\s*true)\b", re.MULTILINE
)


def fits(directory: Path) -> bool:
    return any(_up(path) for path in directory.iterdir())


def read(files: PsqlFiles, directory: Path) -> Iterator[BuildStep]:
    found = {path.name: up for path in directory.iterdir() if (up := _up(path))}
    for name in _in_order(files, directory, sorted(found, key=_number)):
        up = found[name]
        down = up.with_name("down.sql")
        metadata = [path for each in ("metadata.toml", "metadata.yaml") if (path := up.with_name(each)).is_file()]
        transactional = not any(_NO_TRANSACTION.search(files.text(path)) for path in metadata)
        yield BuildStep(
            name,
            files.shown(up),
            SqlScript(files.parts(up), transactional),
            SqlScript(files.parts(down), transactional) if down.is_file() else None,
        )


def _up(directory: Path) -> Path | None:
    hidden = directory.name.startswith(".")
    return next((directory / name for name in _UP if not hidden and (directory / name).is_file()), None)


def _number(name: str) -> tuple[int, str]:
    """The digits at the beginning of a name, as a number: of ``2019-02-26-002946_x`` and ``00000000000000_setup``."""
    return int(re.sub(r"\D", "", name[: len(name) - len(name.lstrip("0123456789-"))]) or 0), name


def owner(directory: Path) -> Owner:
    """The tool of a directory, recognized by its other files."""
    found = [path for path in directory.iterdir() if _up(path)]
    if any((path / _UP[1]).is_file() for path in found):
        return Owner("Prisma", "prisma migrate deploy", _PRISMA)
    if any((path / "metadata.yaml").is_file() for path in found):
        return Owner("Sourcegraph", "migrator up")
    return Owner("diesel", "diesel migration run", _DIESEL)


def _in_order(files: PsqlFiles, directory: Path, names: list[str]) -> list[str]:
    """The names, each behind its parents, else in the given order."""
    known = {re.match(r"\d*", name)[0]: name for name in names}  # type: ignore[index]
    done: dict[str, None] = {}

    def add(name: str, chain: tuple[str, ...]) -> None:
        if name in chain:
            raise ProjectError(
                f"it is its own parent: {' -> '.join((*chain, name))}",
                place=Place(files.shown(directory / name / "metadata.yaml")),
            )
        for parent in _parents(files, directory / name):
            if parent in known and known[parent] not in done:
                add(known[parent], (*chain, name))
        done[name] = None

    for name in names:
        if name not in done:
            add(name, ())
    return list(done)


def _parents(files: PsqlFiles, directory: Path) -> list[str]:
    path = directory / "metadata.yaml"
    if not path.is_file():
        return []
    try:
        found = yaml.safe_load(files.text(path))
    except yaml.YAMLError as error:
        raise ProjectError(f"not YAML: {error}", place=Place(files.shown(path))) from None
    parents = found.get("parents") if isinstance(found, dict) else None
    return [str(parent) for parent in parents or ()]


_DIESEL = Ledger(
    "__diesel_schema_migrations",
    "create table __diesel_schema_migrations (version varchar(50) primary key,"
    " run_on timestamp not null default current_timestamp)",
)
_PRISMA = Ledger(
    "_prisma_migrations",
    "create table _prisma_migrations (id varchar(36) primary key, checksum varchar(64) not null,"
    " finished_at timestamptz, migration_name varchar(255) not null, logs text, rolled_back_at timestamptz,"
    " started_at timestamptz not null default now(), applied_steps_count integer not null default 0)",
)
LAYOUT = Layout(
    name="directories",
    sign="<name>/up.sql or <name>/migration.sql",
    fits=fits,
    read=read,
    owner=owner,
)
