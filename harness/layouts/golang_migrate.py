"""golang-migrate: ``N_name.up.sql`` and, if it can be undone, ``N_name.down.sql``; gaps are allowed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from harness.layouts.layout import Layout, Ledger, known_by_name, owned_by, pairs
from harness.project import BuildStep, PsqlFiles, SqlScript

_NAME = re.compile(r"(\d+)_(.*)\.(up|down)\.sql")


def read(files: PsqlFiles, directory: Path) -> Iterator[BuildStep]:
    for up, down in pairs(files, directory, _NAME):
        scripts = (SqlScript(files.parts(path)) for path in (up, down) if path)
        yield BuildStep(up.name.removesuffix(".up.sql"), files.shown(up), *scripts)


LAYOUT = Layout(
    name="golang-migrate",
    sign="N_name.up.sql",
    fits=known_by_name(_NAME),
    owner=owned_by(
        "golang-migrate",
        "migrate -path {path} -database … up",
        Ledger(
            "schema_migrations",
            "create table schema_migrations (version bigint not null primary key, dirty boolean not null)",
        ),
    ),
    read=read,
)
