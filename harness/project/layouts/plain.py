"""``files``: SQL as psql runs it, file by file: a ``structure.sql``, a ``pg_dump``, DDL written by hand.

Transactions are those that the files themselves begin and commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.project.layouts.layout import Layout, owned_by, sql, sql_files
from harness.project.model import BuildStep
from harness.project.psql import PsqlFiles


def fits(directory: Path) -> bool:
    """Of several files nobody knows the order."""
    return len(sql_files(directory)) == 1


def read(source: PsqlFiles, directory: Path) -> Iterator[BuildStep]:
    """By name, where somebody says that it is this layout."""
    return steps(source, sql_files(directory))


def steps(source: PsqlFiles, paths: Iterable[Path]) -> Iterator[BuildStep]:
    """These files, in this order."""
    for path in paths:
        shown = source.shown(path)
        yield BuildStep(path.stem, shown, sql(source, path, transactional=False))


LAYOUT = Layout(
    name="files",
    sign="one SQL file",
    fits=fits,
    owner=owned_by("another tool", "psql -f {path}"),
    read=read,
)
