"""sqlx: ``<timestamp>_name.sql``, or ``.up.sql`` and ``.down.sql``; ``-- no-transaction`` opts out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from harness.layouts.layout import Layout, Ledger, known_by_name, owned_by, pairs
from harness.project import BuildStep, PsqlFiles, SqlScript

_NAME = re.compile(r"(\d+)_(.*?)(?:\.(up|down))?\.sql")


def read(files: PsqlFiles, directory: Path) -> Iterator[BuildStep]:
    for up, down in pairs(files, directory, _NAME):
        scripts = (_sql(files, path) for path in (up, down) if path)
        yield BuildStep(up.name.removesuffix(".sql").removesuffix(".up"), files.shown(up), *scripts)


def _sql(files: PsqlFiles, path: Path) -> SqlScript:
    text = files.text(path)
    return SqlScript(files.parts(path, text), transactional=not text.startswith("-- no-transaction"))


LAYOUT = Layout(
    name="sqlx",
    sign="<timestamp>_name.sql",
    fits=known_by_name(_NAME),
    owner=owned_by(
        "sqlx",
        "sqlx migrate run --source {path}",
        Ledger(
            "_sqlx_migrations",
            "create table _sqlx_migrations (version bigint primary key, description text not null,"
            " installed_on timestamptz not null default now(), success boolean not null, checksum bytea not null,"
            " execution_time bigint not null)",
        ),
    ),
    read=read,
)
