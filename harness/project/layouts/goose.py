"""goose: one file for each migration, ``-- +goose Up`` above what it does, ``-- +goose Down`` above what undoes it.

``-- +goose NO TRANSACTION`` opts out. ``StatementBegin`` and ``StatementEnd`` only help goose to find the ends of
statements, which PostgreSQL's own parser does here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from harness.errors import Place, ProjectError
from harness.project.layouts.layout import Layout, mentions, sql_files, taken
from harness.project.layouts.sections import merged, sections
from harness.project.model import Step
from harness.project.psql import Source

_NAME = re.compile(r"(\d+)_(.*)\.(sql|go)")
_MARK = re.compile(r"^[ \t]*--[ \t]*\+goose[ \t]+(up|down)\b[^\n]*$", re.MULTILINE | re.IGNORECASE)
_ALONE = re.compile(r"^[ \t]*--[ \t]*\+goose[ \t]+no[ \t]+transaction\b", re.MULTILINE | re.IGNORECASE)


def fits(directory: Path) -> bool:
    return mentions(directory, _MARK)


def read(source: Source, directory: Path) -> Iterator[Step]:
    _refuse_code(source, directory)
    found: dict[int, Path] = {}
    for path in sql_files(directory):
        if match := _NAME.fullmatch(path.name):
            version = int(match[1])
            if version in found:
                raise taken(source, found[version], path, f"version {match[1]}")
            found[version] = path
    for _, path in sorted(found.items()):
        yield _step(source, path)


def _refuse_code(source: Source, directory: Path) -> None:
    for path in sorted(directory.glob("*.go")):
        if _NAME.fullmatch(path.name) and not path.name.endswith("_test.go"):
            raise ProjectError(
                "a migration written in Go, which only goose itself can run",
                place=Place(source.shown(path)),
                hint="let goose build a database and adopt that one, by its connection string",
            )


def _step(source: Source, path: Path) -> Step:
    text, shown = source.text(path), source.shown(path)
    found = sections(text, _MARK)
    ups, downs = ([each for each in found if each.words == (direction,)] for direction in ("up", "down"))
    if len(ups) != 1 or len(downs) > 1 or found[0] != ups[0]:
        raise ProjectError(
            "a file of goose has one line -- +goose Up, and after it at most one -- +goose Down",
            place=Place(shown, found[-1].line if found else None),
        )
    transactional = _ALONE.search(text) is None
    down = merged(source, path, downs, transactional=transactional) if downs else None
    return Step(path.stem, shown, merged(source, path, ups, transactional=transactional), down)


LAYOUT = Layout(
    name="goose",
    tool="goose",
    command="goose -dir {path} postgres … up",
    sign="files with a line -- +goose Up",
    fits=fits,
    read=read,
)
