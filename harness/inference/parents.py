"""Lessons about the rows that a row refers to: who makes them, what they have to be, where columns lead."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from harness.catalog.model import ForeignKey, Table
from harness.inference.columns import listed, options
from harness.inference.trials import Case, comparable
from harness.probes import Insert, ServerError
from harness.project.model import TableName
from harness.solver.row_hints import NOTHING, LogicalReference, RowHints
from harness.values.candidates import candidates
from harness.values.hints import words
from harness.values.types import nth

STRANGE = 7919
"""The number of a key that is unlike all that are drawn."""

APART = 8
"""Values of a column of a row that was in the way, which keep it apart."""

HEIRS = 6
"""Tables that inherit from one that is looked into that are tried in its place."""

OPTIONS = 24
"""Values of a column of a row above it that are tried."""


def made(case: Case) -> RowHints | None:
    """A trigger of a row that it refers to has made the row already."""
    refusal, table = case.attempt.refusal, case.table
    known = case.pools.row_hints.get(table.name, NOTHING)
    own = refusal.sqlstate == "23505" and refusal.table_name == table.name
    return RowHints(created_by_trigger=True) if own and not known.created_by_trigger and table.foreign_keys else None


def makes(case: Case) -> RowHints | None:
    """Its trigger makes the row that it refers to, or also one above that: they must not be there."""
    refusal = case.attempt.refusal
    if refusal.sqlstate != "23505":
        return None
    for row in case.attempt.rows_before:
        makes = case.pools.row_hints.get(row.table, NOTHING).trigger_creates
        if refusal.table_name not in (row.table, *makes) or row.table == case.table.name:
            continue
        gone = _with_children(case, row)
        rest = [each for each in case.attempt.before if id(each) not in {id(one) for one in gone}]
        if case.past(case.refused(rest)) and case.stands(rest):
            above = _above(case, case.attempt.insert, gone)
            return RowHints(trigger_creates=tuple(dict.fromkeys(each.table for each in above))) if above else None
    return None


def _above(case: Case, row: Insert, among: Sequence[Insert]) -> list[Insert]:
    """Those of some rows that a row leads to through nothing but others of them."""
    keys = case.pools.catalog.table(row.table).foreign_keys
    parents = [each for each in among if any(_leads(row, key, each) for key in keys)]
    others = [each for each in among if each not in parents]
    return [*parents, *(above for parent in parents for above in _above(case, parent, others))]


def _with_children(case: Case, row: Insert) -> list[Insert]:
    """A row with those before the one that was refused that cannot stand without it."""
    found = [row]
    for other in case.attempt.rows_before:
        keys = [key for key in case.pools.catalog.table(other.table).foreign_keys if not key.deferred]
        if any(_leads(other, key, parent) for key in keys for parent in found):
            found.append(other)
    return found


def agree(case: Case) -> RowHints | None:
    """What the row refers to has to agree above: to be of one organisation, for example."""
    hints = RowHints(same_ancestors=True)
    related = case.pools.row_hints.get(case.table.name, NOTHING).same_ancestors
    if len(case.table.foreign_keys) < 2 or case.lenient or related:
        return None
    return hints if case.helps(hints) else None


def past_those(case: Case) -> RowHints | None:
    """What triggers of the rows that it refers to leave behind is in its way."""
    hints = RowHints(bypass_triggers=True)
    return hints if case.table.foreign_keys and case.helps(hints) else None


def in_the_way(case: Case) -> tuple[TableName, RowHints] | None:
    """A row that stands before is in the way of one that the trigger writes: another value keeps them apart."""
    refusal = case.attempt.refusal
    if refusal.sqlstate not in ("23505", "23P01") or refusal.table_name in (None, case.table.name):
        return None
    for place, row in enumerate(case.attempt.before):
        if not isinstance(row, Insert) or row.table != refusal.table_name:
            continue
        table = case.pools.catalog.table(row.table)
        bound = {name for _, key in case.pools.catalog.referencing(row.table) for name in key.referenced_columns}
        bound |= table.foreign_columns
        for name in (each for each in row.values if each not in bound):
            kept = [each for each in options(case, table, name) if case.past(_instead(case, place, row, {name: each}))]
            if kept:
                return row.table, RowHints(values={name: tuple(kept[-APART:])})
    return None


def _instead(case: Case, place: int, row: Insert, values: Mapping[str, str | None]) -> ServerError | None:
    """How the row is refused if one before it has other values."""
    other = Insert(row.table, {**row.values, **values})
    before = (*case.attempt.before[:place], other, *case.attempt.before[place + 1 :])
    return case.refused(before) if case.stands(before) else case.attempt.refusal


def row_before(case: Case) -> RowHints | None:
    """A trigger writes a row that refers to one that is not there; a constant names that one, or PostgreSQL does."""
    for key in _failing(case):
        column = case.pools.catalog.table(key.references).column(key.referenced_columns[0])
        constants = [each for each in candidates(column, case.hints) if each in case.hints.constants]
        for value in (*constants, *_missing(case)):
            more = case.trials.standing(key.references, {column.name: value}, case.attempt.rows_before)
            if more and case.past(case.refused((*case.attempt.before, *more))):
                return RowHints(requires_first=((key.references, {column.name: value}),))
    return None


def _missing(case: Case) -> list[str]:
    """The value that a foreign key of one column does not find."""
    statements = (*case.attempt.before, case.attempt.statement)
    return _KEY.findall(case.pools.oracle.detail([each.sql for each in statements]))


_KEY = re.compile(r"\([^(),]+\)=\(([^,]*)\)")
"""A key and its value, whatever the language: ``Key (class_id)=(5) is not present …``."""


def lead(case: Case) -> RowHints | None:
    """A column leads to a row of a table that the trigger looks into, though no foreign key says so."""
    table = case.table
    foreign = table.foreign_columns | {*table.primary_key}
    for parent, key in _looked_into(case):
        known = _strange(case, parent, key)
        more = case.trials.standing(parent.name, {key: known} if known else {}, case.attempt.rows_before)
        rows = [each.values for each in more if isinstance(each, Insert) and each.table == parent.name]
        columns = [
            column.name
            for column in table.columns
            if rows and column.name not in foreign and comparable(column, parent.column(key))
        ]
        changed = [{**case.attempt.insert.values, column: rows[-1][key]} for column in columns]
        for column, accepted in zip(columns, case.accepted(changed, more), strict=True):
            if accepted:
                return RowHints(leads={column: LogicalReference(parent.name, key)})
    return None


def _looked_into(case: Case) -> Iterator[tuple[Table, str]]:
    """The tables that the functions look into, each with its key; then those that inherit from them."""
    named = {table.name: table for table in (*_missed(case), *case.mentioned)}
    tables = [table for table in named.values() if len(table.primary_key) == 1]
    for table in tables:
        yield table, table.primary_key[0]
    for table in tables:
        for heir in case.pools.oracle.heirs(table, HEIRS):
            if heir in case.pools.catalog.tables:
                yield case.pools.catalog.table(heir), table.primary_key[0]


def present(case: Case) -> tuple[TableName, RowHints] | None:
    """In rows above it some columns have to be there, though they may be NULL."""
    spoken = words(case.bodies)
    for name in dict.fromkeys(row.table for row in case.attempt.rows_before):
        table = case.pools.catalog.table(name)
        free = [each.name for each in table.columns if each.is_supplied and not each.not_null]
        looked = {each for each in free if each.lower() in spoken}
        # A reference of which a part is NULL leads nowhere.
        looked |= {each for key in table.foreign_keys if looked & {*key.columns} for each in key.columns}
        columns = tuple(each for each in free if each in looked) if name.table.lower() in spoken else ()
        found = case.fewest(name, columns)
        if found:
            return name, RowHints(present=found)
    return None


def parent_value(case: Case) -> tuple[TableName, RowHints] | None:
    """A row above it has to have another value in a column that the trigger looks at."""
    spoken = words(case.bodies)
    for place, parent in reversed(list(enumerate(case.attempt.before))):
        led = _leading(case, parent) if isinstance(parent, Insert) else None
        if led is None or not isinstance(parent, Insert) or parent.table.table.lower() not in spoken:
            continue
        child, key = led
        definition = case.pools.catalog.table(parent.table)
        for column in definition.columns:
            if column.name.lower() not in spoken or column.name in key.referenced_columns:
                continue
            for option in _possible(case, definition, column.name):
                other = Insert(parent.table, {**parent.values, column.name: option})
                before = (*case.attempt.before[:place], other, *case.attempt.before[place + 1 :])
                refusal = case.refused(before)
                if refusal is None or (case.further(refusal) and case.stands(before)):
                    return child, RowHints(parents={key.columns[0]: {column.name: option}})
    return None


def _possible(case: Case, table: Table, name: str) -> list[str | None]:
    """What a column of a row above could be: what the row itself has, or the key of a row that stands."""
    if name in table.foreign_columns:
        return listed(case, table, name)
    own = [value for column, value in case.attempt.insert.values.items() if column == name]
    return [*own, *options(case, table, name)[:OPTIONS]]


def _leading(case: Case, parent: Insert) -> tuple[TableName, ForeignKey] | None:
    """A row of the attempt that refers to this one, by its table and the foreign key."""
    for row in (case.attempt.insert, *case.attempt.rows_before):
        for key in case.pools.catalog.table(row.table).foreign_keys:
            if _leads(row, key, parent):
                return row.table, key
    return None


def _leads(row: Insert, key: ForeignKey, parent: Insert) -> bool:
    """Whether a row refers to another by a foreign key."""
    return key.references == parent.table and all(row.values.get(own) == parent.values.get(to) for own, to in key.pairs)


def _failing(case: Case) -> Iterator[ForeignKey]:
    """The foreign key, of the table or of another one that a trigger writes, that finds nothing."""
    refusal = case.attempt.refusal
    holder = case.pools.catalog.tables.get(refusal.table_name or case.table.name)
    for key in holder.foreign_keys if holder else ():
        if key.name == refusal.constraint:
            yield key


def _missed(case: Case) -> list[Table]:
    """The table in which a foreign key of a row that a trigger writes finds nothing."""
    keys = _failing(case) if case.attempt.refusal.table_name else ()
    return [case.pools.catalog.table(key.references) for key in keys if key.references]


def _strange(case: Case, table: Table, name: str) -> str | None:
    """A key that no column has by chance; where rules speak of it, the last that they let pass."""
    pool = next((each for each in case.pools.of(table) if name in each.columns), None)
    if pool is None:
        return nth(table.column(name), STRANGE)
    found = [row[pool.columns.index(name)] for row in pool.rows]
    return next((value for value in reversed(found) if value is not None), None)
