"""Plans the query for the rows of one table so that unique keys differ and no two rows conflict.

Decides which column makes a key distinct: a free one, one of a pool that can be varied, or parents counted through like
digits of a number. The server refuses the rest.
Not here: the other columns (``builder.py``).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from harness.bulk import series
from harness.bulk.builder import InsertBuilder, TableRequest
from harness.bulk.context import BulkContext, rows_of
from harness.bulk.inserting import InsertQuery
from harness.bulk.joins import ParentJoin, PoolJoin
from harness.bulk.series import N, NumberTemplate, evaluated, varied
from harness.catalog.model import Column, Index
from harness.generation.exclusions import ExclusionElements
from harness.project.model import Tuple
from harness.server.connection import value
from harness.solver import Pool, deciding_columns, key_columns

_ORDER = ("uuid", "text", "varchar", "citext", "int8", "int4", "numeric", "timestamptz", "timestamp", "bytea", "inet")
"""Types that take any number of values, the most natural ones first."""


def insert_query(context: BulkContext, request: TableRequest) -> InsertQuery:
    """The query for the requested rows.

    Raises :class:`~harness.solver.rules.Unfillable` and :class:`~harness.values.types.Unsupported`.
    """
    builder = InsertBuilder(context, request)
    _keep_keys(builder)
    return builder.query()


def _keep_keys(builder: InsertBuilder) -> None:
    """Makes the rows differ in every unique key, as far as its columns can; the server refuses the rest."""
    distinct = set(builder.sequences)
    for key in sorted(builder.table.unique_keys, key=lambda key: len(key_columns(key))):
        columns = key_columns(key)
        if columns and not distinct & {*columns}:
            distinct |= _make_distinct(builder, key, columns)
    for exclusion in ExclusionElements.all_of(builder.table):
        compared = {element.strip('"') for element, operator in exclusion.elements if operator.endswith(".=)")}
        if not distinct & compared:
            avoid_conflicts(builder, exclusion, compared)


def _make_distinct(builder: InsertBuilder, key: Index, columns: tuple[str, ...]) -> set[str]:
    """Makes one column of a key distinct, or the columns together; returns the column that is so by itself."""
    plain = [name for name in columns if name in key.columns] or list(columns)
    found = _by_free_column(builder, plain) or _by_varied_column(builder, plain)
    return {found} if found else _by_parents(builder, key, columns)


def _by_free_column(builder: InsertBuilder, columns: list[str]) -> str | None:
    free = [builder.table.column(name) for name in columns if name in builder.free]
    for column in sorted(free, key=lambda each: [*_ORDER, each.base_name].index(each.base_name)):
        expression = series.distinct(column, _base(builder, column))
        if expression is not None:
            builder.values[column.name] = expression
            return column.name
    return None


def _base(builder: InsertBuilder, column: Column) -> int:
    """The number behind which those of new rows begin: the largest in the table, where that leaves room."""
    if column.base_name not in ("int4", "int8", "numeric"):
        return 0
    largest = builder.context.largest(builder.table, column.name)
    return largest if largest < 2**30 else 0


def _by_varied_column(builder: InsertBuilder, columns: list[str]) -> str | None:
    foreign = {name for parent in builder.parents for name in parent.own}
    for pool in builder.pools:
        for name in pool.columns:
            if name in columns and name not in foreign and _vary(builder, pool, name):
                return name
    return None


def _vary(builder: InsertBuilder, pool: PoolJoin, name: str) -> bool:
    if pool.texts or name not in builder.values:
        return False
    column, request = builder.table.column(name), builder.request
    numbers = sorted({request.first + 1, (request.first + request.last) // 2 + 1, request.last + 1})
    known = Pool(pool.columns, tuple(pool.rows))
    found = varied(builder.context, builder.table, known, column, numbers, _base(builder, column))
    if found is None:
        return False
    pool.rows, pool.texts = list(found.rows), list(found.texts)
    places = [pool.text(place) for place in range(len(found.texts[0]))]
    builder.values[name] = f"({found.sql.format(*places)})::{column.type}"
    return True


def _by_parents(builder: InsertBuilder, key: Index, columns: tuple[str, ...]) -> set[str]:
    """Counts through the parents of a key as through the digits of a number.

    Returns a column of the first parent if that is enough for all rows.
    """
    parents = [parent for parent in builder.parents if {*parent.own} & {*columns}]
    parents.sort(key=lambda parent: (bool(parent.shared), -parent.total))
    if not parents:
        return set()
    first = parents[0]
    if {*columns} <= {*first.key.columns} and builder.context.count(builder.table):
        first.unused_in = builder.table
        first.total = max(_unused(builder, first), 1)
    counted = 1
    for parent in parents:
        if parent.place is None:
            parent.place = N if counted == 1 else f"{N} / {counted} + {N}"
        counted *= parent.total
    for pool in builder.pools:
        if pool.place is None and {*pool.columns} & {*columns} and counted < builder.request.last:
            pool.place = f"{N} / {counted}"
            counted *= len(pool.rows)
    enough = first.total >= builder.request.rows and not first.shared and {*first.own} <= {*columns}
    return {first.own[0]} if enough else set()


def _unused(builder: InsertBuilder, parent: ParentJoin) -> int:
    query = f"select count(*) from {rows_of(parent.parent)} as p where true{parent.unused}"
    return int(value(builder.context.connection, query.encode()))


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
    values = [dict(zip(names, row, strict=True)) for row in rows]
    for pool in builder.pools:
        if not {*names} & {*pool.columns}:
            continue
        moved = [
            tuple(row.get(name, value) for name, value in zip(pool.columns, combination, strict=True))
            for combination in pool.rows
            for row in values
        ]
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
