"""dbmate: one file for each migration, with ``-- migrate:up`` and ``-- migrate:down`` in it.

``transaction:false`` behind either runs that direction outside a transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from harness.errors import Place, ProjectError
from harness.layouts.layout import Layout, Ledger, known_by_line, numbered, owned_by, sections
from harness.project import BuildStep, PsqlFiles, SqlScript

_NAME = re.compile(r"(\d+).*\.sql")
_MARK = re.compile(r"^--[ \t]*migrate:(up|down)\b([^\n]*)$", re.MULTILINE)


def read(files: PsqlFiles, directory: Path) -> Iterator[BuildStep]:
    return (_step(files, path) for path in numbered(files, directory, _NAME))


def _step(files: PsqlFiles, path: Path) -> BuildStep:
    shown = files.shown(path)
    found: list[SqlScript] = []
    for section in sections(files.text(path), _MARK):
        if section.words[:1] != ("up", "down")[len(found) : len(found) + 1]:
            message = f"-- migrate:{section.words[0]} stands where it cannot: a file has one up, then one down"
            raise ProjectError(message, place=Place(shown, section.line))
        transactional = "transaction:false" not in section.words[1].split()
        found.append(SqlScript(files.parts(path, section.text), transactional))
    if not found:
        message = "no line -- migrate:up, so dbmate would not know what to apply"
        raise ProjectError(message, place=Place(shown), hint="write it above the statements")
    return BuildStep(path.stem, shown, *found)


LAYOUT = Layout(
    name="dbmate",
    sign="files with a line -- migrate:up",
    fits=known_by_line(_MARK),
    owner=owned_by(
        "dbmate",
        "dbmate --migrations-dir {path} up",
        Ledger("schema_migrations", "create table schema_migrations (version varchar(128) primary key)"),
    ),
    read=read,
)
