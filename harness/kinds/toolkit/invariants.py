"""Invariants that a third session watches while two others write: queries built from the rule itself.

Not here: whether a race broke its invariant (``races/race.py``), and what that says of the check
(``proving/racing.py``).
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.generation.exclusions import ExclusionElements
from harness.kinds.toolkit.key_expressions import element
from harness.probes.statement import identifier, literal, qualified
from harness.project.model import TableName
from harness.races import Invariant

ALL = "true"


def found(query: str) -> str:
    """Returns a query that joins the column ``found`` of another query to one text."""
    return f"select coalesce(string_agg(found, ', ' order by found), 'nothing') from ({query}) as harness_f"


def no_duplicates(
    table: TableName, elements: Sequence[str], where: str | None = None, nulls: str = "distinct"
) -> Invariant:
    """Returns the invariant that no two rows have one key of columns or expressions; two ``nulls`` may be one key."""
    filled = [f"{element(each)} is not null" for each in elements] if nulls == "distinct" else []
    conditions = " and ".join([f"({where or ALL}\n)", *filled])
    named = ", ".join(f"{element(each)} as harness_{place}" for place, each in enumerate(elements))
    names = ", ".join(f"harness_{place}" for place in range(len(elements)))
    rows = f"select {named} from {qualified(table)} where {conditions}"
    keys = f"select {names}, count(*) as harness_n from ({rows}) as harness_r group by {names}"
    values = ", ".join(f"{literal(each)}, harness_{place}" for place, each in enumerate(elements))
    shown = f"jsonb_build_object({values})::text || ' in ' || harness_n || ' rows'"
    query = f"select {shown} as found from ({keys}) as harness_k where harness_n > 1"
    return Invariant(found(query), "no two rows with one key")


def no_conflicts(table: TableName, exclusion: ExclusionElements, shown: Sequence[str]) -> Invariant:
    """Returns the invariant that no two rows make every element of an exclusion true."""
    elements = ", ".join(f"({expression}\n) as harness_{n}" for n, (expression, _) in enumerate(exclusion.elements))
    side = (
        f"select tableoid as harness_table, ctid as harness_id, {_shown(shown)} as harness_row, {elements}"
        f" from {qualified(table)} where ({exclusion.where or ALL}\n)"
    )
    operators = enumerate(operator for _, operator in exclusion.elements)
    both = " and ".join(f"(a.harness_{n} {operator} b.harness_{n})" for n, operator in operators)
    query = (
        f"select a.harness_row || ' beside ' || b.harness_row as found"
        f" from ({side}) as a join ({side}) as b"
        f" on (a.harness_table, a.harness_id) < (b.harness_table, b.harness_id) and {both}"
    )
    return Invariant(found(query), "no two rows that exclude each other")


def no_orphans(
    table: TableName, pairs: Sequence[tuple[str, str]], parent: TableName, period: tuple[str, str] | None
) -> Invariant:
    """Returns the invariant that each row without a NULL in the foreign key has its parent, or those of its period.

    ``pairs`` are the columns that are equal, the child's first; ``period`` the two that are ranges, if there are such.
    """
    columns = [here for here, _ in (*pairs, *([period] if period else []))]
    same = " and ".join(f"p.{identifier(there)} = c.{identifier(here)}" for here, there in pairs)
    if period:
        same += f" having c.{identifier(period[0])} <@ range_agg(p.{identifier(period[1])})"
    filled = " and ".join(f"c.{identifier(column)} is not null" for column in columns)
    query = (
        f"select {_shown(columns)} || ' without a parent' as found from {qualified(table)} as c"
        f" where {filled} and not exists (select from {qualified(parent)} as p where {same})"
    )
    return Invariant(found(query), "no row without its parent")


def _shown(columns: Sequence[str]) -> str:
    """Returns an expression for the values of some columns, as text."""
    values = ", ".join(f"{literal(column)}, {identifier(column)}" for column in columns)
    return f"jsonb_build_object({values})::text"
