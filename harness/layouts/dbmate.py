"""dbmate: one file for each migration, ``-- migrate:up`` above what it does, ``-- migrate:down`` above what undoes it.

``transaction:false`` behind either runs that direction outside a transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from harness.errors import Place, ProjectError
from harness.layouts.layout import Layout, Ledger, has_line, numbered, owned_by
from harness.layouts.sections import Section, joined, sections
from harness.project.model import BuildStep, SqlScript
from harness.project.psql import PsqlFiles

_NAME = re.compile(r"(\d+).*\.sql")
_MARK = re.compile(r"^--[ \t]*migrate:(up|down)\b([^\n]*)$", re.MULTILINE)


def fits(directory: Path) -> bool:
    return has_line(directory, _MARK)


def read(files: PsqlFiles, directory: Path) -> Iterator[BuildStep]:
    return (_step(files, path) for path in numbered(files, directory, _NAME))


def _step(files: PsqlFiles, path: Path) -> BuildStep:
    up: SqlScript | None = None
    down: SqlScript | None = None
    shown = files.shown(path)
    for section in sections(files.text(path), _MARK):
        if down is not None or (up is not None) == (section.words[0] == "up"):
            message = f"-- migrate:{section.words[0]} stands where it cannot: a file has one up, then one down"
            raise ProjectError(message, place=Place(shown, section.line))
        if section.words[0] == "up":
            up = _sql(files, path, section)
        else:
            down = _sql(files, path, section)
    if up is None:
        message = "no line -- migrate:up, so dbmate would not know what to apply"
        raise ProjectError(message, place=Place(shown), hint="write it above the statements")
    return BuildStep(path.stem, shown, up, down)


def _sql(files: PsqlFiles, path: Path, section: Section) -> SqlScript:
    return joined(files, path, [section], transactional="transaction:false" not in section.words[1].split())


_LEDGER = Ledger(
    "schema_migrations",
    "create table schema_migrations (version varchar(128) primary key)",
)
LAYOUT = Layout(
    name="dbmate",
    sign="files with a line -- migrate:up",
    fits=fits,
    owner=owned_by("dbmate", "dbmate --migrations-dir {path} up", _LEDGER),
    read=read,
)
