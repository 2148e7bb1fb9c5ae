"""``project.yml`` of an adopted schema, and texts of files that are not written yet, to be written all at once.

Decides the name of the project and its comments. Refuses to write anything if the project could not be read afterwards.
Not here: which files change and which are removed (``adoption.py``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from harness import declarations, files
from harness.declarations import DeclaredCheck
from harness.describe import yaml
from harness.kinds import KINDS
from harness.project.json_schema import modeline
from harness.project.load import FILE, from_text
from harness.project.model import Project, TableName

HEAD = "# The project's one settings file: every path starts here."
MODULES = """\
# One module is one folder under checks/ (the rules that are meant, one file a table) and seeds/ (fixtures, if there
# are any), named after its PostgreSQL schema."""
BASE = """\
# What the platform brings (roles, an auth schema, stand-ins of extensions): run first, in scratch databases only."""
MIGRATIONS = """\
# The schema stays where it is, under its own tool. `harness test` builds scratch databases from it and never applies it
# to a database of yours. After a change: harness adopt --update"""
TARGET = """\
# Where scratch databases are made: `embedded` is the server that comes with the tool, `system` the PostgreSQL that is
# installed here (for extensions that the embedded one lacks). Without this line an application's DATABASE_URL and PG*
# would count. A server of yours is one more target:
#   targets:
#     staging: {dsn: "${STAGING_URL}"}"""
SQLFLUFF = """\
# For `harness lint FILE …`, sqlfluff and editors. What is there has a style of its own, so only the house rules of
# harness are asked: that constraints have names, that migrations lock little, and so on. For all: rules = all, harness
[sqlfluff]
dialect = postgres
templater = raw
large_file_skip_byte_limit = 0
rules = harness
# HS05 wants row level security on every table, HS07 data classes, and HS10 random keys.
exclude_rules = Harness_HS05, Harness_HS07, Harness_HS10
"""
ROLLBACK = """\
checks:
  # Every migration is undone by its down file, on empty tables and on full ones, and up again gives the same.
  - rollback: all
"""
CLASSES = """\
# Data classes that comments may end in ('Where receipts go. [personal]'); `class:` checks then hold columns to them:
#   classes: [public, administrative, personal]"""
TYPES = """\
# `harness types` writes TypeScript, Zod and Pydantic that agree with the database, with or without checks:
#   types: [{language: zod, path: types/zod}, {language: pydantic, path: types/models}]"""


@dataclass(frozen=True)
class SchemaSource:
    """The files that a schema is built from: paths as ``project.yml`` is to have them."""

    paths: tuple[str, ...]
    layout: str | None = None
    base: tuple[str, ...] = ()
    search_path: tuple[str, ...] = ()
    stand_ins: tuple[str, ...] = ()


def render(name: str, modules: Sequence[str], origin: SchemaSource, target: str) -> str:
    """The text of the file."""
    lines = [modeline(Path(FILE), "project"), HEAD, *yaml.entry("name", name), "", *MODULES.split("\n"), "modules:"]
    lines += [f"  {yaml.key_text(module)}: {{}}" for module in modules]
    if origin.base:
        lines += ["", *BASE.split("\n"), *yaml.entry("base", list(origin.base))]
    lines += ["", *MIGRATIONS.split("\n"), "migrations:"]
    lines += yaml.entry("path", origin.paths[0] if len(origin.paths) == 1 else list(origin.paths), 2)
    if origin.layout:
        lines += yaml.entry("layout", origin.layout, 2)
    if origin.stand_ins:
        lines += ["", *yaml.entry("extensions", {"stand_ins": list(origin.stand_ins)})]
    if origin.search_path:
        lines += ["", *yaml.entry("search_path", list(origin.search_path))]
    lines += ["", *TARGET.split("\n"), *yaml.entry("target", target), "", *CLASSES.split("\n"), "", *TYPES.split("\n")]
    return "\n".join(lines) + "\n"


def project_name(directory: str) -> str:
    """A name for the project of a directory."""
    return re.sub(r"[^\w-]+", "_", directory).strip("_-") or "adopted"


ChangedTexts = Mapping[Path, str | None]
"""Texts of files by their paths below the project's root; None is a file to be removed."""


@dataclass(frozen=True)
class ProjectTexts:
    """A project as its files will be once the texts in ``changed`` are written."""

    project: Project
    changed: ChangedTexts = field(default_factory=dict)

    def with_changes(self, changed: ChangedTexts) -> ProjectTexts:
        """The project after further changes."""
        project = self.project
        if (settings := changed.get(Path(FILE))) is not None:
            project = from_text(project.root, settings, base=project.base, adopted=project.adopted)
        return replace(self, project=project, changed={**self.changed, **changed})

    @cached_property
    def checks(self) -> tuple[DeclaredCheck, ...]:
        return declarations.read(self.project, KINDS, self.changed)

    @cached_property
    def described(self) -> dict[TableName, Path]:
        """The file of each table, below the project's root: the first that speaks of it."""
        found: dict[TableName, Path] = {}
        for check in self.checks:
            if check.table is not None:
                found.setdefault(check.table, check.place.path)
        return found

    def text(self, path: Path) -> str:
        """The text of a file, by its path below the project's root."""
        if path in self.changed:
            return self.changed[path] or ""
        return (self.project.root / path).read_text(encoding="utf-8")

    def write(self) -> None:
        """Writes the changed files, and removes those that are to go.

        Raises :class:`ProjectError`, and writes nothing, if the project could not be read afterwards.
        """
        declarations.read(self.project, KINDS, self.changed)
        write(self.project.root, self.changed)


def write(root: Path, texts: ChangedTexts) -> None:
    for path, text in texts.items():
        if text is None:
            (root / path).unlink()
        else:
            files.write(root / path, text)


def create(root: Path, texts: ChangedTexts) -> None:
    """Writes files that are new; removes them all again if that is interrupted."""
    try:
        write(root, texts)
    except BaseException:
        for path in texts:
            files.remove(root / path, root)
        raise
