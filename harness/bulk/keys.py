"""How the rows of a table differ where its unique keys and exclusion constraints want them to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.bulk import series
from harness.bulk.apart import keep_apart
from harness.bulk.forms import varied
from harness.bulk.series import N
from harness.catalog.model import Column, Index
from harness.generation.exclusions import ExclusionElements
from harness.solver.alike import columns_of
from harness.solver.pool import Pool

if TYPE_CHECKING:
    from harness.bulk.recipe import Draftsman
    from harness.bulk.sources import Combinations, Pick

_ORDER = ("uuid", "text", "varchar", "citext", "int8", "int4", "numeric", "timestamptz", "timestamp", "bytea", "inet")
"""Types that take any number of values, the most natural ones first."""


def keep_keys(draft: Draftsman) -> None:
    """Has the rows differ in every unique key, as far as its columns can; what is left the server sorts out."""
    distinct = set(draft.sequences)
    for key in sorted(draft.table.unique_keys, key=lambda key: len(columns_of(key))):
        columns = columns_of(key)
        if columns and not distinct & {*columns}:
            distinct |= _tell_apart(draft, key, columns)
    for exclusion in ExclusionElements.all_of(draft.table):
        plain = {element.strip('"') for element, operator in exclusion.elements if operator.endswith(".=)")}
        if not distinct & plain:
            keep_apart(draft, exclusion, plain)


def _tell_apart(draft: Draftsman, key: Index, columns: tuple[str, ...]) -> set[str]:
    """Makes one column of a key differ in every row, or the columns together; says which by itself does."""
    plain = [name for name in columns if name in key.columns] or list(columns)
    found = _by_a_free_column(draft, plain) or _by_a_varied_column(draft, plain)
    return {found} if found else _by_parents(draft, key, columns)


def _by_a_free_column(draft: Draftsman, columns: list[str]) -> str | None:
    free = [draft.table.column(name) for name in columns if name in draft.free]
    for column in sorted(free, key=_rank):
        expression = series.distinct(column, base_of(draft, column))
        if expression is not None:
            draft.values[column.name] = expression
            return column.name
    return None


def _rank(column: Column) -> int:
    return _ORDER.index(column.base_name) if column.base_name in _ORDER else len(_ORDER)


def base_of(draft: Draftsman, column: Column) -> int:
    """The number after which those of new rows begin: behind all that stand, where that leaves room."""
    if column.base_name not in ("int4", "int8", "numeric"):
        return 0
    largest = draft.site.largest(draft.table, column.name)
    return largest if largest < 2**30 else 0


def _by_a_varied_column(draft: Draftsman, columns: list[str]) -> str | None:
    foreign = {name for pick in draft.picks for name in pick.own}
    for pool in draft.pools:
        for name in pool.columns:
            if name in columns and name not in foreign and _vary(draft, pool, name):
                return name
    return None


def _vary(draft: Draftsman, pool: Combinations, name: str) -> bool:
    if pool.texts or name not in draft.values:
        return False
    column, wish = draft.table.column(name), draft.wish
    numbers = sorted({wish.first + 1, (wish.first + wish.last) // 2 + 1, wish.last + 1})
    known = Pool(pool.columns, tuple(pool.rows))
    found = varied(draft.site, draft.table, known, column, numbers, base_of(draft, column))
    if found is None:
        return False
    pool.rows, pool.texts = list(found.rows), list(found.texts)
    places = [pool.text(place) for place in range(len(found.texts[0]))]
    draft.values[name] = f"({found.template.format(*places)})::{column.type}"
    return True


def _by_parents(draft: Draftsman, key: Index, columns: tuple[str, ...]) -> set[str]:
    """Counts through the parents of a key as through the digits of a number."""
    picks = [pick for pick in draft.picks if {*pick.own} & {*columns}]
    picks.sort(key=lambda pick: (bool(pick.shared), -pick.total))
    if not picks:
        return set()
    first = picks[0]
    if {*columns} <= {*first.key.columns} and draft.site.count(draft.table):
        first.unused_in = draft.table
        first.total = max(_unused(draft, first), 1)
    counted = 1
    for pick in picks:
        if pick.place is None:
            pick.place = N if counted == 1 else f"{N} / {counted} + {N}"
        counted *= pick.total
    for pool in draft.pools:
        if pool.place is None and {*pool.columns} & {*columns} and counted < draft.wish.last:
            pool.place = f"{N} / {counted}"
            counted *= len(pool.rows)
    return (
        {first.own[0]} if first.total >= draft.wish.rows and not first.shared and {*first.own} <= {*columns} else set()
    )


def _unused(draft: Draftsman, pick: Pick) -> int:
    from harness.bulk.site import rows_of

    query = f"select count(*) from {rows_of(pick.parent)} as p where true{pick.unused}"
    row = draft.site.connection.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0
