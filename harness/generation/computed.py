"""Generated columns by which a row refers to others or is referred to: it has them, and no statement writes them.

Decides which values a row needs so that a generated column has a value that is wanted. Gives the example up if there
are none.
Not here: computing them (``columns.py``).
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import reject

from harness.catalog.model import ForeignKey, Table
from harness.probes.statement import Computed, identifier, literal
from harness.project.model import NewRow, Values
from harness.solver import Pool, Pools, Unfillable


def wanted_values(pools: Pools, table: Table, fixed: Values) -> NewRow:
    """The values that generated columns are to have; one that another row has is computed anew."""
    names = (name for name in pools.computed(table) if name in fixed)
    return {name: fixed[name] for name in names if not isinstance(fixed[name], Computed)}


def pools_with(pools: Pools, table: Table, wanted: Values, present: Sequence[str]) -> Sequence[Pool] | None:
    """The pools from which generated columns get the wanted values and are not NULL; None where nothing is wanted."""
    filled = [name for name in pools.computed(table) if name in present and name not in wanted]
    equal = (f"{identifier(name)} is not distinct from {literal(value)}" for name, value in wanted.items())
    also = (*equal, *(f"{identifier(name)} is not null" for name in filled))
    try:
        return pools.of(table, also) if also else None
    except Unfillable:
        return reject()


def referenced(pools: Pools, table: Table, key: ForeignKey, row: Values) -> NewRow:
    """The values that a row refers to by a foreign key, some of which are computed."""
    computed = {name: pools.value_of(table, name, row) for name in pools.computed(table)}
    return key.referenced({**row, **computed})
