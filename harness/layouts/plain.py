"""``files``: SQL as psql runs it, file by file: a ``structure.sql``, a ``pg_dump``, DDL written by hand.

Transactions are those that the files themselves begin and commit.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.layouts.layout import Layout, owned_by, sql_files
from harness.project.model import Step
from harness.project.psql import Source


def fits(directory: Path) -> bool:
    """Of several files nobody knows the order."""
    return len(sql_files(directory)) == 1


def read(source: Source, directory: Path) -> Iterator[Step]:
    """By name, where somebody says that it is this layout."""
    return source.scripts(sql_files(directory))


LAYOUT = Layout(
    name="files",
    sign="one SQL file",
    fits=fits,
    owner=owned_by("another tool", "psql -f {path}"),
    read=read,
)
