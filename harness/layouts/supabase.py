"""Supabase: ``<timestamp>_name.sql`` in ``supabase/migrations``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from harness.layouts.layout import Layout, Ledger, matches, numbered, owned_by
from harness.project import BuildStep, PsqlFiles, SqlScript

_NAME = re.compile(r"(\d+)_(.*)\.sql")


def fits(directory: Path) -> bool:
    """Whether the directory is Supabase's, told by its place: sqlx has files of the same names."""
    ours = directory.absolute().parent.name == "supabase" or (directory.parent / "config.toml").is_file()
    return ours and bool(matches(directory, _NAME))


def read(files: PsqlFiles, directory: Path) -> Iterator[BuildStep]:
    for path in numbered(files, directory, _NAME):
        yield BuildStep(path.stem, files.shown(path), SqlScript(files.parts(path)))


LAYOUT = Layout(
    name="supabase",
    sign="supabase/migrations/<timestamp>_name.sql",
    fits=fits,
    owner=owned_by(
        "Supabase",
        "supabase db push",
        Ledger(
            "schema_migrations",
            "create schema if not exists supabase_migrations; create table supabase_migrations.schema_migrations"
            " (version text not null primary key, statements text[], name text)",
        ),
    ),
    read=read,
)
