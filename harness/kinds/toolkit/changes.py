"""Changes of a row's columns that keep all rules: one column with as few others as possible, or all.

Decides which columns an update may set, which values are surely different, and when another parent is inserted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import suppress
from decimal import Decimal, InvalidOperation

from harness.catalog.model import Column, Table
from harness.kinds.base import Draft, NewRow, Subject, Values, condition
from harness.project import sql
from harness.solver.pool import Pool
from harness.solver.rules import Unfillable
from harness.values.candidates import sample
from harness.values.types import Unsupported

SAMPLE = 12
"""Values that are tried of a column that no rule names, where a check is about that column."""

FEW = 3
"""Values that are tried of such a column where all columns are updated."""

OPTIONS = 6
"""Values that are tried of a column that rules name: one of them may be a state that the column can move to."""

UNCOMPARABLE = ("json", "xml", "point")


def differs(column: Column, one: str | None, other: str | None) -> bool:
    """Whether two texts surely are two values of a column: ``0`` and ``0.00`` are one number."""
    if one is None or other is None:
        return one is not other
    return _comparable(column, one) != _comparable(column, other)


def _comparable(column: Column, value: str) -> object:
    if column.is_json:
        return json.dumps(json.loads(value), sort_keys=True)
    try:
        number = Decimal(value)
    except InvalidOperation:
        return value.casefold().strip()
    return number if number.is_finite() else str(number)


def other_values(subject: Subject, table: Table, column: str, row: NewRow) -> list[NewRow]:
    """Returns changes that give a column another value that is not NULL."""
    for pool in pools_of(subject, table, column):
        return smallest(table, column, row, [each for each in entries(pool) if each[column] is not None])
    definition = table.column(column)
    return [{column: value} for value in sample(definition, SAMPLE) if differs(definition, value, row[column])]


def nulls(subject: Subject, table: Table, column: str, row: NewRow) -> list[NewRow]:
    """Returns changes that set a column to NULL."""
    for pool in pools_of(subject, table, column):
        return smallest(table, column, row, [each for each in entries(pool) if each[column] is None])
    return [{column: None}]


def pools_of(subject: Subject, table: Table, column: str) -> list[Pool]:
    """Returns the pool that holds a column, by the rules for existing rows; an empty list where no rule names it."""
    return [pool for pool in subject.pools.of_changed_rows(table) if column in pool.columns]


def entries(pool: Pool) -> list[NewRow]:
    """Returns the combinations of a pool, each as columns with values."""
    return [dict(zip(pool.columns, row, strict=True)) for row in pool.rows]


def smallest(table: Table, column: str, row: NewRow, options: Sequence[NewRow]) -> list[NewRow]:
    """Returns the options that change a column of a row, and as few other columns as possible."""
    changes = [
        {name: value for name, value in entry.items() if differs(table.column(name), value, row[name])}
        for entry in options
    ]
    found = [
        change
        for change in changes
        # A foreign key's value comes from its parent.
        if column in change
        and all(value is None or name not in table.foreign_columns for name, value in change.items())
    ]
    least = min(map(len, found), default=0)
    return [change for change in found if len(change) == least]


def later_states(subject: Subject, table: Table, row: NewRow) -> list[NewRow]:
    """Returns changes of a row to states in which no row is inserted, as rules say that hold for INSERT only.

    The row stays where it is: no column of a key changes.
    """
    keys = table.foreign_columns | {name for index in table.unique_keys for name in index.columns}
    keys |= {name for _, key in subject.catalog.referencing(table.name) for name in key.referenced_columns}
    keys |= {column.name for column in table.columns if column.identity == "a"}
    states = subject.pools.cached(("later states", table.name), lambda: [*_later_states(subject, table)])
    changes = (
        {name: value for name, value in state.items() if differs(table.column(name), value, row[name])}
        for state in states
    )
    return sorted((each for each in changes if each and not keys & each.keys()), key=len)


def _later_states(subject: Subject, table: Table) -> Iterator[NewRow]:
    """Yields the values for which a rule is false that holds for INSERT only."""
    for rule in subject.pools.rules(table):
        if rule.on_insert_only and sql.can_be_false(rule.predicate):
            with suppress(Unfillable, Unsupported):
                for pool in subject.pools.of_changed_rows(table, also=(f"({rule.predicate}\n) is false",)):
                    if {*sql.columns(rule.predicate)} & {*pool.columns}:
                        yield from entries(pool)


def by_pattern(rows: Sequence[NewRow], pattern: Callable[[Sequence[str | None]], object]) -> list[NewRow]:
    """Returns the first row of each pattern of values, and then the others: those in front are surely tried."""
    ahead: dict[object, NewRow] = {}
    for row in rows:
        ahead.setdefault(pattern([*row.values()]), row)
    first = {id(row) for row in ahead.values()}
    return [*ahead.values(), *(row for row in rows if id(row) not in first)]


def change_to(subject: Subject, draft: Draft, row: Values, column: str, value: str | None) -> NewRow:
    """Returns the change of a column to this value, with as few other columns as the rules need."""
    return _smallest_valid(subject, draft, row, column, lambda found: found == value) or {column: value}


def change_of(subject: Subject, draft: Draft, row: Values, column: str, fresh: Values) -> NewRow | None:
    """Returns a change of a column with as few other columns as the rules need; None if there is none.

    The value comes from another row, ``fresh``, where no rule and no foreign key decides it.
    """
    table = subject.table
    definition = table.column(column)
    if pools_of(subject, table, column):
        return _smallest_valid(subject, draft, row, column, lambda value: differs(definition, value, row[column]))
    if column in table.foreign_columns:
        return new_parent(subject, draft, row, column)
    if differs(definition, fresh[column], row[column]):
        return {column: fresh[column]}
    # A guard that compares with <> does not see a change from NULL: that one is tried always.
    was_null = row[column] is None and column not in subject.pools.unique_columns(table)
    return {column: sample(definition, 1)[0]} if was_null else None


def change_to_null(subject: Subject, row: Values, column: str) -> NewRow | None:
    """Returns the change of a column to NULL, if all rules accept it by itself."""
    to_null: NewRow = {column: None}
    changes = not subject.table.column(column).not_null and row[column] is not None
    pools = pools_of(subject, subject.table, column)
    return to_null if changes and all(pool.allows({**row, **to_null}) for pool in pools) else None


def new_parent(subject: Subject, draft: Draft, row: Values, column: str) -> NewRow:
    """Inserts another parent for a column of a foreign key, and returns the change that refers to it.

    The key's other columns stay the same, unless they already decide which parent it is.
    """
    key = max((key for key in subject.table.foreign_keys if column in key.columns), key=lambda key: len(key.columns))
    pairs = dict(key.pairs)
    kept = {pairs[name]: row[name] for name in key.columns if name != column and row[name] is not None}
    if has_key_in(subject.catalog.table(key.references), kept.keys()):
        kept = {}
    values = subject.pools.hints(subject.table.name).parent_values(key.columns)
    parent = draft.insert_parent(key, {**values, **kept})
    return {name: parent[pairs[name]] for name in key.columns if pairs[name] not in kept}


def has_key_in(table: Table, columns: Set[str]) -> bool:
    """Whether these columns contain a unique key, so that a row with their values has no second one beside it."""
    return any(key.is_plain and columns >= {*key.columns} for key in table.unique_keys)


def filled_references(table: Table, pools: Iterable[Pool]) -> tuple[str, ...]:
    """Returns the columns of foreign keys that can be not NULL together, as many as the rules accept."""
    found: list[str] = []
    places = {column: pool for pool in pools for column in pool.columns}
    for column in sorted(table.foreign_columns):
        pool = places.get(column)
        expected = [place for place, name in enumerate(pool.columns) if name in (*found, column)] if pool else []
        if pool is None or any(all(row[place] is not None for place in expected) for row in pool.rows):
            found.append(column)
    return tuple(found)


def is_unchanged(subject: Subject, row: Values, without: Iterable[str] = ()) -> str:
    """Returns an SQL condition: all columns but ``without`` have the values of a row, if they can be compared."""
    skipped = {*without, *subject.rewritten}
    kept = [column.name for column in subject.table.columns if column.base_name not in UNCOMPARABLE]
    return condition({name: row[name] for name in kept if name in row and name not in skipped})


def _smallest_valid(
    subject: Subject, draft: Draft, row: Values, column: str, fits: Callable[[str | None], bool]
) -> NewRow | None:
    """Returns the change to a combination whose value of the column ``fits``, with the fewest other columns."""
    foreign = subject.table.foreign_columns
    for pool in pools_of(subject, subject.table, column):
        options: list[NewRow] = []
        for values in (each for each in entries(pool) if fits(each[column])):
            # A reference may keep its parent, whichever that is.
            kept = [name for name in foreign if name != column and None not in (row[name], values.get(name))]
            options.append({name: value for name, value in values.items() if value != row[name] and name not in kept})
        fewest = min(map(len, options), default=0)
        if fewest:
            chosen = draft.choose([option for option in options if len(option) == fewest])
            references = {name for name, value in chosen.items() if value is not None and name in foreign}
            changed = {name: value for name, value in chosen.items() if name not in references}
            for name in sorted(references):
                changed |= new_parent(subject, draft, row, name)
            return changed
    return None


def updatable(subject: Subject) -> list[str]:
    """Returns the columns that an update may set, those of keys and references last."""
    table = subject.table
    found = [each for each in table.columns if _why_not(subject, each) is None and each.name not in subject.rewritten]
    # Texts first: a report that names one is the easiest to read.
    found.sort(key=lambda each: (each.name in table.key_columns, each.base_name != "text", each.is_json))
    return [each.name for each in found]


def why_none(subject: Subject) -> str:
    """Returns the sentence for a table in which an update may set no column."""
    named = ((each.name, _why_not(subject, each)) for each in subject.table.columns)
    reasons = ", ".join(f"{name} is {why}" for name, why in named if why)
    return f"{subject.table.name} has no column that an update could change" + (f": {reasons}" if reasons else "")


def _why_not(subject: Subject, column: Column) -> str | None:
    if not column.is_supplied:
        return "generated"
    if column.identity == "a":
        return "always generated as identity"
    return "immutable" if column.name in subject.frozen else None


def updates(subject: Subject, draft: Draft, row: Values, fresh: Values) -> Iterator[tuple[str, NewRow]]:
    """Yields changes of each column that keep all rules, and one of ``all columns``, each with the column's name.

    ``fresh`` is another row that values come from. Parents that a change refers to are inserted into the draft.
    """
    allowed = updatable(subject)
    seen: list[NewRow] = []
    for column in allowed:
        for found in _options(subject, draft, row, column, fresh):
            if found and found not in seen and {*found} <= {*allowed}:
                seen.append(found)
                yield column, found
    table = subject.table
    every = {
        name: fresh[name] for name in allowed if name in fresh and differs(table.column(name), fresh[name], row[name])
    }
    if len(every) > 1 and every not in seen:
        yield "all columns", every


def defaults(subject: Subject) -> NewRow:
    """Returns the values that an INSERT leaves in columns which it need not name: constant defaults and NULL.

    Columns of references, and columns whose defaults together break a rule, are left out.
    """
    table = subject.table
    found: NewRow = {}
    for column in table.columns:
        if column.name in table.foreign_columns or not column.is_supplied or column.identity:
            continue
        if column.default is None and not column.not_null:
            found[column.name] = None
        elif column.default is not None and not sql.calls(column.default):
            found[column.name] = subject.oracle.scalar(table, column.default)
    for pool in subject.pools.of(table):
        if not {*pool.columns} <= found.keys() or tuple(map(found.get, pool.columns)) not in pool.rows:
            found = {name: value for name, value in found.items() if name not in pool.columns}
    return {
        name: value for name, value in found.items() if value is None or name not in subject.pools.unique_columns(table)
    }


def _options(subject: Subject, draft: Draft, row: Values, column: str, fresh: Values) -> Iterator[NewRow]:
    table = subject.table
    definition = table.column(column)
    for pool in pools_of(subject, table, column) if column not in table.foreign_columns else ():
        others = [value for value in dict.fromkeys(pool.of_column(column)) if differs(definition, value, row[column])]
        yield from (change_to(subject, draft, row, column, value) for value in draft.sample(others, OPTIONS))
        return
    options = (fresh.get(column), *sample(definition, FEW)) if column not in table.foreign_columns else ()
    plain = next((value for value in options if differs(definition, value, row[column])), None)
    found = change_of(subject, draft, row, column, fresh) if plain is None else {column: plain}
    yield from filter(None, (found, change_to_null(subject, row, column)))
