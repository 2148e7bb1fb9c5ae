"""golang-migrate: ``N_name.up.sql`` and, if it can be undone, ``N_name.down.sql``; any numbers, with gaps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from harness.layouts.layout import Layout, Ledger, owned_by, pairs, sql_files
from harness.project.model import BuildStep
from harness.project.psql import PsqlFiles

_NAME = re.compile(r"(\d+)_(.*)\.(up|down)\.sql")


def fits(directory: Path) -> bool:
    return any(_NAME.fullmatch(path.name) for path in sql_files(directory))


def read(files: PsqlFiles, directory: Path) -> Iterator[BuildStep]:
    for up, down in pairs(files, directory, _NAME):
        yield BuildStep(
            up.name.removesuffix(".up.sql"), files.shown(up), files.sql(up), files.sql(down) if down else None
        )


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
