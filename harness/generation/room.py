"""Makes room among the rows that stand for those that are drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from harness.generation.draft import Draft
from harness.generation.statements import DISABLE_TRIGGERS, ENABLE_TRIGGERS, combined
from harness.probes.statement import Execute, SqlStatement, qualified

S = TypeVar("S", bound=SqlStatement)


def standing(draft: Draft, statements: Sequence[SqlStatement], silent: bool) -> tuple[SqlStatement, ...]:
    """The statements that have the rows of a draft stand.

    Tables whose own rows are in the way are emptied, but for the rows that others count on. If that can be ``silent``
    no trigger sees it, and what refers to the rows stays as it is.
    """
    return (*_room(draft, silent), *combined(added(draft, statements), draft.rings, draft.silent, draft.cleared))


def added(draft: Draft, statements: Sequence[S]) -> list[S]:
    """The statements without those of rows that stand already, or that a trigger makes."""
    others = {id(insert) for insert in (*draft.stood, *draft.made)}
    return [statement for statement in statements if id(statement) not in others]


def _room(draft: Draft, silent: bool) -> Iterator[SqlStatement]:
    if draft.room and silent:
        yield DISABLE_TRIGGERS
    yield from (Execute(f"delete from {qualified(table)}") for table in draft.room)
    yield from (insert for insert in draft.stood if insert.table in draft.room)
    if draft.room and silent:
        yield ENABLE_TRIGGERS
