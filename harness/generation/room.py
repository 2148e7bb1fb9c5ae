"""Makes room among the rows that stand for those that are drawn."""

from __future__ import annotations

from collections.abc import Iterator

from harness.generation.draft import Draft
from harness.generation.lineage import HUSH, SPEAK
from harness.probes.statement import Execute, Statement, qualified


def room(draft: Draft, silent: bool) -> Iterator[Statement]:
    """Empties the tables whose own rows are in the way, and takes away the rows that are put there again.

    If that can be ``silent`` no trigger sees it, and what refers to the rows stays as it is.
    """
    found = [Execute(f"delete from {qualified(table)}") for table in draft.room]
    found += [Execute(delete.sql) for delete in draft.renewed if delete.table not in draft.room]
    yield from (HUSH, *found, SPEAK) if found and silent else found
