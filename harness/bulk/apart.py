"""Rows that an exclusion constraint keeps apart: values that move on with the row's number."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from harness.bulk import series
from harness.bulk.forms import Form, evaluated
from harness.bulk.series import N
from harness.catalog.model import Column
from harness.generation.exclusions import ExclusionElements
from harness.oracle import Tuple
from harness.solver.rules import supplied

if TYPE_CHECKING:
    from harness.bulk.recipe import Draftsman

_NUMBERS = ("int2", "int4", "int8", "numeric", "float4", "float8")


def keep_apart(draft: Draftsman, exclusion: ExclusionElements, plain: set[str]) -> None:
    """Has the rows differ in a column that is compared by equality, or move apart by another element."""
    for name in sorted(plain & draft.free):
        column = draft.table.column(name)
        expression = series.distinct(column)
        if expression is not None:
            draft.values[name] = expression
            return
    for pick in draft.picks:
        if pick.own[0] in plain and not pick.shared and pick.needed and pick.place is None:
            pick.place = N
            if pick.total >= draft.wish.rows:
                return
    for element in exclusion.elements:
        columns = [draft.table.column(name) for name in supplied(draft.table, element[0])]
        if element[0].strip('"') not in plain and columns and _move(draft, element, columns):
            return


def _move(draft: Draftsman, element: tuple[str, str], columns: Sequence[Column]) -> bool:
    """Finds forms of the columns that keep the rules and never meet, and takes them."""
    names = tuple(column.name for column in columns)
    if any(name in pick.own for pick in draft.picks for name in names):
        return False
    numbers = sorted({draft.wish.first, draft.wish.first + 1, draft.wish.last, draft.wish.last + 1})
    for forms in itertools.product(*(list(_forms(column)) for column in columns)):
        found = [
            evaluated(draft.site, column, [form], numbers)[form] for column, form in zip(columns, forms, strict=True)
        ]
        if not all(found):
            continue
        rows = list(zip(*found, strict=True))
        pairs = [(rows[0], other) for other in rows[1:]]
        if all(draft.site.pairs(draft.table, names, pairs, [element])) and _fit(draft, names, rows):
            for column, form in zip(columns, forms, strict=True):
                draft.values[column.name] = f"({form.template})::{column.type}"
            return True
    return False


def _rows(draft: Draftsman, columns: Sequence[Column], forms: Sequence[Form], numbers: Sequence[int]) -> list[Tuple]:
    """What the forms make of the numbers; nothing where one of them fails."""
    both = zip(columns, forms, strict=True)
    found = [evaluated(draft.site, column, [form], numbers)[form] for column, form in both]
    return list(zip(*found, strict=True)) if all(found) else []


def _fit(draft: Draftsman, names: tuple[str, ...], rows: Sequence[Tuple]) -> bool:
    """Leaves those combinations of the pools that go with the values; whether there are any in each."""
    fitting = []
    for pool in draft.pools:
        places = {name: pool.columns.index(name) for name in names if name in pool.columns}
        if not places:
            continue
        moved = []
        for combination in pool.rows:
            for row in rows:
                entry = list(combination)
                for name, place in places.items():
                    entry[place] = row[names.index(name)]
                moved.append(tuple(entry))
        kept = draft.site.keeping(draft.table, pool.columns, moved)
        good = [each for n, each in enumerate(pool.rows) if all(kept[n * len(rows) : (n + 1) * len(rows)])]
        if not good or pool.texts:
            return False
        fitting.append((pool, good))
    for pool, good in fitting:
        pool.rows = good
    return True


def _forms(column: Column) -> Iterator[Form]:
    name = column.base_name
    if column.base_kind == "r":
        expression = series.distinct(column)
        if expression is not None:
            yield Form(expression)
    elif name == "date":
        for start, days in itertools.product(("2020-01-01", "2020-01-02"), (3, -3)):
            yield Form(f"date '{start}' + {N}::integer * {days}")
    elif name in ("timestamp", "timestamptz"):
        starts = ("2020-01-01 00:00", "2020-01-01 01:00", "2020-01-02 00:00")
        for start, unit in itertools.product(starts, ("2 hours", "-2 hours", "3 days", "-3 days")):
            yield Form(f"{name} '{start}' + {N} * interval '{unit}'")
    elif name in _NUMBERS:
        for first in (0, 1):
            yield Form(f"{first} + {N} * 3")
