"""The statements that insert the rows of a draft, before a probe or a race.

Decides which tables are emptied first (existing rows have most of their keys), and which rows get no INSERT: those that
exist already and those that a trigger inserts.
Not here: statements for cycles and without triggers (``statements.py``), and rows after a race (``races/database.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from harness.generation.draft import Draft
from harness.generation.statements import DISABLE_TRIGGERS, ENABLE_TRIGGERS, merge_cycles
from harness.probes.statement import Execute, SqlStatement, qualified

S = TypeVar("S", bound=SqlStatement)


def setup_statements(
    draft: Draft, statements: Sequence[SqlStatement], *, bypass_triggers: bool
) -> tuple[SqlStatement, ...]:
    """The statements that insert the rows of a draft.

    Tables of which existing rows have most keys are emptied first, but for the rows that others refer to. If it can
    ``bypass_triggers``, that fires none and leaves what refers to the rows as it is.
    """
    emptying: list[SqlStatement] = [Execute(f"delete from {qualified(table)}") for table in draft.emptied_tables]
    emptying += (insert for insert in draft.existing_inserts if insert.table in draft.emptied_tables)
    if emptying and bypass_triggers:
        emptying = [DISABLE_TRIGGERS, *emptying, ENABLE_TRIGGERS]
    inserts = new_rows(draft, statements)
    return (*emptying, *merge_cycles(inserts, draft.cycles, draft.bypassing_triggers, draft.deleted_first))


def new_rows(draft: Draft, statements: Sequence[S]) -> list[S]:
    """The statements without the inserts of rows that exist already or that a trigger inserts."""
    others = {id(insert) for insert in (*draft.existing_inserts, *draft.created_by_trigger)}
    return [statement for statement in statements if id(statement) not in others]
