"""sqlx: ``<timestamp>_name.sql``, or ``.up.sql`` and ``.down.sql``; a first line ``-- no-transaction`` opts out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from harness.layouts.layout import Layout, Ledger, owned_by, pairs, sql_files
from harness.project.model import BuildStep, SqlScript
from harness.project.psql import PsqlFiles

_NAME = re.compile(r"(\d+)_(.*?)(?:\.(up|down))?\.sql")


def fits(directory: Path) -> bool:
    return any(_NAME.fullmatch(path.name) for path in sql_files(directory))


def read(files: PsqlFiles, directory: Path) -> Iterator[BuildStep]:
    for up, down in pairs(files, directory, _NAME):
        yield BuildStep(
            up.name.removesuffix(".sql").removesuffix(".up"),
            files.shown(up),
            _sql(files, up),
            _sql(files, down) if down else None,
        )


def _sql(files: PsqlFiles, path: Path) -> SqlScript:
    text = files.text(path)
    return SqlScript(files.parts(path, text), transactional=not text.startswith("-- no-transaction"))


_LEDGER = Ledger(
    "_sqlx_migrations",
    "create table _sqlx_migrations (version bigint primary key, description text not null,"
    " installed_on timestamptz not null default now(), success boolean not null, checksum bytea not null,"
    " execution_time bigint not null)",
)
LAYOUT = Layout(
    name="sqlx",
    sign="<timestamp>_name.sql",
    fits=fits,
    owner=owned_by("sqlx", "sqlx migrate run --source {path}", _LEDGER),
    read=read,
)
