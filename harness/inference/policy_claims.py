"""Claims that the policies of a table read, by themselves or by functions that they call.

Not here: whether a role reaches rows with them (``adopt/asking.py``).
"""

from __future__ import annotations

import re
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
    """Claims with the value of a column that the policies name, with a constant of theirs, or with any value.

    Columns that only their functions name come after those.
    """
    texts = [each.using for each in table.policies if each.using and each.permissive]
    words = (
        *(name for text in texts for name in sql.columns(text)),
        *re.findall(r"\w+", " ".join(_bodies(pools, table))),
    )
    supplied = {each.name for each in table.columns if each.is_supplied}
    columns = [f"${name}" for name in dict.fromkeys(words) if name in supplied]
    constants = [*constants_of_bodies(texts).literals][:LITERALS]
    return [*_claims(pools, table, (*columns, *constants, *SAMPLES))][:CANDIDATES]


def of_others(pools: Pools, table: Table) -> Iterator[Mapping[str, Any]]:
    """Claims with a variable for the value of a column of another table."""
    yield from _claims(pools, table, ("$user",))


def _claims(pools: Pools, table: Table, values: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
    yield from (hints.claims for hints in claims_read(pools, table, _bodies(pools, table), values))


def _bodies(pools: Pools, table: Table) -> tuple[str, ...]:
    """The policies, and the functions that they call."""
    texts = [each.using for each in table.policies if each.using]
    return (*texts, *FunctionTexts(pools, table).all([call for text in texts for call in sql.calls(text)]))
