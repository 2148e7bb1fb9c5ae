"""golang-migrate: ``N_name.up.sql`` and, if it can be undone, ``N_name.down.sql``; any numbers, with gaps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from harness.errors import Place, ProjectError
from harness.project.layouts.layout import Layout, Ledger, owned_by, sql, sql_files, taken
from harness.project.model import Step
from harness.project.psql import Source

_NAME = re.compile(r"(\d+)_(.*)\.(up|down)\.sql")


def fits(directory: Path) -> bool:
    return any(_NAME.fullmatch(path.name) for path in sql_files(directory))


def read(source: Source, directory: Path) -> Iterator[Step]:
    """What is not so named the tool does not see, and neither do we."""
    found: dict[tuple[int, str], Path] = {}
    for path in sql_files(directory):
        if match := _NAME.fullmatch(path.name):
            key = (int(match[1]), match[3])
            if key in found:
                raise taken(source, found[key], path, f"number {match[1]}")
            found[key] = path
    for version in sorted({version for version, _ in found}):
        up, down = found.get((version, "up")), found.get((version, "down"))
        if up is None:
            message = "it has nothing to undo: there is no .up.sql of this number"
            raise ProjectError(message, place=Place(source.shown(down or directory)))
        name = up.name.removesuffix(".up.sql")
        yield Step(name, source.shown(up), sql(source, up), sql(source, down) if down else None)


_LEDGER = Ledger(
    "schema_migrations",
    "create table schema_migrations (version bigint not null primary key, dirty boolean not null)",
)
LAYOUT = Layout(
    name="golang-migrate",
    sign="N_name.up.sql",
    fits=fits,
    owner=owned_by("golang-migrate", "migrate -path {path} -database … up", _LEDGER),
    read=read,
)
