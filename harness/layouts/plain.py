"""``files``: SQL as psql runs it, file by file: a ``structure.sql``, a ``pg_dump``, DDL by hand.

Transactions are those that the files themselves begin and commit.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.layouts.layout import Layout, owned_by, sql_files
from harness.project import BuildStep, PsqlFiles


def fits(directory: Path) -> bool:
    """Whether the directory has one SQL file: the order of several is unknown."""
    return len(sql_files(directory)) == 1


def read(files: PsqlFiles, directory: Path) -> Iterator[BuildStep]:
    """The files by name, if the project names this layout."""
    return files.scripts(sql_files(directory))


LAYOUT = Layout(
    name="files",
    sign="one SQL file",
    fits=fits,
    owner=owned_by("another tool", "psql -f {path}"),
    read=read,
)
