"""Values that move on with the row's number, so that rows do not conflict by an exclusion constraint."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from harness.bulk import series
from harness.bulk.builder import InsertBuilder
from harness.bulk.series import N
from harness.bulk.templates import NumberTemplate, evaluated
from harness.catalog.model import Column
from harness.generation.exclusions import ExclusionElements
from harness.project.model import Tuple
from harness.solver.rules import deciding_columns

_NUMBERS = ("int2", "int4", "int8", "numeric", "float4", "float8")


def avoid_conflicts(builder: InsertBuilder, exclusion: ExclusionElements, compared: set[str]) -> None:
    """Makes rows differ in a column that is ``compared`` by equality, or else by another element."""
    for name in sorted(compared & builder.free):
        expression = series.distinct(builder.table.column(name))
        if expression is not None:
            builder.values[name] = expression
            return
    for parent in builder.parents:
        if parent.own[0] in compared and not parent.shared and parent.needed and parent.place is None:
            parent.place = N
            if parent.total >= builder.request.rows:
                return
    for element in exclusion.elements:
        columns = [builder.table.column(name) for name in deciding_columns(builder.table, element[0])]
        if element[0].strip('"') not in compared and columns and _move_on(builder, element, columns):
            return


def _move_on(builder: InsertBuilder, element: tuple[str, str], columns: Sequence[Column]) -> bool:
    """Takes templates for the columns with which rows keep the rules and never conflict; False if there are none."""
    names = tuple(column.name for column in columns)
    if any(name in parent.own for parent in builder.parents for name in names):
        return False
    request = builder.request
    numbers = sorted({request.first, request.first + 1, request.last, request.last + 1})
    for templates in itertools.product(*(list(_templates(column)) for column in columns)):
        chosen = list(zip(columns, templates, strict=True))
        found = [evaluated(builder.context, column, [each], numbers)[each] for column, each in chosen]
        if not all(found):
            continue
        rows = list(zip(*found, strict=True))
        pairs = [(rows[0], other) for other in rows[1:]]
        never = builder.context.never_conflict(builder.table, names, pairs, [element])
        if never and _narrow_pools(builder, names, rows):
            builder.values |= {column.name: f"({each.sql})::{column.type}" for column, each in chosen}
            return True
    return False


def _narrow_pools(builder: InsertBuilder, names: tuple[str, ...], rows: Sequence[Tuple]) -> bool:
    """Keeps the combinations of each pool that go with all these values; False if a pool has none."""
    fitting = []
    for pool in builder.pools:
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
        valid = builder.context.valid(builder.table, pool.columns, moved)
        good = [each for n, each in enumerate(pool.rows) if all(valid[n * len(rows) : (n + 1) * len(rows)])]
        if not good or pool.texts:
            return False
        fitting.append((pool, good))
    for pool, good in fitting:
        pool.rows = good
    return True


def _templates(column: Column) -> Iterator[NumberTemplate]:
    """Templates for values that grow or shrink with the row's number, in steps wider than what rows may span."""
    name = column.base_name
    if column.base_kind == "r":
        expression = series.distinct(column)
        if expression is not None:
            yield NumberTemplate(expression)
    elif name == "date":
        for start, days in itertools.product(("2020-01-01", "2020-01-02"), (3, -3)):
            yield NumberTemplate(f"date '{start}' + {N}::integer * {days}")
    elif name in ("timestamp", "timestamptz"):
        starts = ("2020-01-01 00:00", "2020-01-01 01:00", "2020-01-02 00:00")
        for start, unit in itertools.product(starts, ("2 hours", "-2 hours", "3 days", "-3 days")):
            yield NumberTemplate(f"{name} '{start}' + {N} * interval '{unit}'")
    elif name in _NUMBERS:
        for first in (0, 1):
            yield NumberTemplate(f"{first} + {N} * 3")
