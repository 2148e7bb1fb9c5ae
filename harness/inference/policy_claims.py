"""Claims that the policies of a table read, by themselves or by functions that they call.

Not here: whether a role reaches rows with them (``adopt/asking.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.catalog.model import Table
from harness.inference.attempt import FunctionTexts
from harness.inference.users import LITERALS, SAMPLES, claims_read
from harness.project import sql
from harness.solver import Pools
from harness.values.constants import constants_of_bodies

CANDIDATES = 40
"""Claims that are tried on one row."""


def of_columns(pools: Pools, table: Table) -> list[Mapping[str, Any]]:
    """Claims with the value of a column that the policies name, with a constant of theirs, or with any value."""
    texts = [each.using for each in table.policies if each.using and each.permissive]
    names = dict.fromkeys(name for text in texts for name in sql.columns(text))
    columns = [f"${each.name}" for each in table.columns if each.name in names and each.is_supplied]
    constants = [*constants_of_bodies(texts).literals][:LITERALS]
    return [*_claims(pools, table, (*columns, *constants, *SAMPLES))][:CANDIDATES]


def of_others(pools: Pools, table: Table) -> Iterator[Mapping[str, Any]]:
    """Claims with a variable for the value of a column of another table, which the policies ask."""
    texts = [f"select {each.using}" for each in table.policies if each.using]
    if any(sql.tables(text) or sql.unqualified(text) for text in texts):
        yield from _claims(pools, table, ("$user",))


def _claims(pools: Pools, table: Table, values: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
    texts = [each.using for each in table.policies if each.using]
    bodies = (*texts, *FunctionTexts(pools, table).all([call for text in texts for call in sql.calls(text)]))
    yield from (hints.claims for hints in claims_read(pools, table, bodies, values))
