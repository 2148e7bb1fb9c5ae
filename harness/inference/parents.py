"""Searches for hints about the rows that a row refers to.

They are: which trigger inserts them, values and columns not NULL that they need, rows that must exist first, one common
ancestor, bypassed triggers, and references that no foreign key declares.
Not here: rows that functions look for by the row's values (``required_rows.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from harness.catalog.model import ForeignKey, Table
from harness.inference.case import Case, comparable
from harness.inference.columns import options, referenced_values
from harness.oracle.introspection import failure_detail
from harness.probes import Insert, SqlStatement
from harness.project.model import TableName, Values
from harness.solver.row_hints import LogicalReference, RowHints
from harness.values.candidates import candidates
from harness.values.types import nth

UNUSUAL = 7919
"""The number of a key that differs from all that are drawn."""

KEPT = 8
"""Values with which a row conflicted no more that are kept."""

HEIRS = 6
"""Tables that inherit from a table that the functions read: they are tried in its place."""

OPTIONS = 24
"""Values of a column of an ancestor that are tried."""


def created_by_trigger(case: Case) -> RowHints | None:
    """A trigger of a row that it refers to has inserted the row already."""
    error, table = case.attempt.error, case.table
    own = error.sqlstate == "23505" and error.table_name == table.name
    return (
        RowHints(created_by_trigger=True) if own and not case.known.created_by_trigger and table.foreign_keys else None
    )


def trigger_creates(case: Case) -> RowHints | None:
    """Its trigger inserts the row that it refers to, or also one above that: they must not exist."""
    error = case.attempt.error
    if error.sqlstate != "23505":
        return None
    for row in case.attempt.rows_before:
        created = case.pools.hints(row.table).trigger_creates
        if error.table_name not in (row.table, *created) or row.table == case.table.name:
            continue
        gone = _with_children(case, row)
        rest = [each for each in case.attempt.before if id(each) not in {id(one) for one in gone}]
        if case.passes(case.error(rest)) and case.is_valid_setup(rest):
            above = _ancestors(case, case.attempt.insert, gone)
            return RowHints(trigger_creates=tuple(dict.fromkeys(each.table for each in above))) if above else None
    return None


def _ancestors(case: Case, row: Insert, among: Sequence[Insert]) -> list[Insert]:
    """The rows, of some, that a row refers to, directly or through others of them."""
    keys = case.pools.catalog.table(row.table).foreign_keys
    parents = [each for each in among if any(_refers(row, key, each) for key in keys)]
    others = [each for each in among if each not in parents]
    return [*parents, *(above for parent in parents for above in _ancestors(case, parent, others))]


def _with_children(case: Case, row: Insert) -> list[Insert]:
    """A row with the rows before the refused one that cannot be inserted without it."""
    found = [row]
    for other in case.attempt.rows_before:
        keys = [key for key in case.pools.catalog.table(other.table).foreign_keys if not key.deferred]
        if any(_refers(other, key, parent) for key in keys for parent in found):
            found.append(other)
    return found


def same_ancestors(case: Case) -> RowHints | None:
    """All that the row refers to has to have one ancestor: to be of one organisation, for example."""
    hints = RowHints(same_ancestors=True)
    if len(case.table.foreign_keys) < 2 or case.accept_progress or case.known.same_ancestors:
        return None
    return hints if case.helps(hints) else None


def bypass_triggers(case: Case) -> RowHints | None:
    """Rows conflict with it that triggers of the rows that it refers to have inserted."""
    hints = RowHints(bypass_triggers=True)
    return hints if case.table.foreign_keys and case.helps(hints) else None


def conflicting_value(case: Case) -> tuple[TableName, RowHints] | None:
    """A row before it conflicts with one that the trigger inserts: it needs another value."""
    error = case.attempt.error
    if error.sqlstate not in ("23505", "23P01") or error.table_name in (None, case.table.name):
        return None
    for place, row in enumerate(case.attempt.before):
        if not isinstance(row, Insert) or row.table != error.table_name:
            continue
        table = case.pools.catalog.table(row.table)
        bound = {name for _, key in case.pools.catalog.referencing(row.table) for name in key.referenced_columns}
        bound |= table.foreign_columns
        for name in (each for each in row.values if each not in bound):
            kept = []
            for value in options(case, table, name):
                before = _with_value(case, place, row, name, value)
                if case.passes(case.error(before)) and case.is_valid_setup(before):
                    kept.append(value)
            if kept:
                return row.table, RowHints(values={name: tuple(kept[-KEPT:])})
    return None


def _with_value(case: Case, place: int, row: Insert, name: str, value: str | None) -> tuple[SqlStatement, ...]:
    """The statements before the refused row, with another value in the row at a place."""
    other = Insert(row.table, {**row.values, name: value})
    return (*case.attempt.before[:place], other, *case.attempt.before[place + 1 :])


def required_first(case: Case) -> RowHints | None:
    """A trigger inserts a row that refers to a missing one: a constant names that one, or PostgreSQL's error does."""
    for key in _violated(case):
        column = case.pools.catalog.table(key.references).column(key.referenced_columns[0])
        constants = [each for each in candidates(column, case.constants) if each in case.constants.literals]
        statements = [each.sql for each in (*case.attempt.before, case.attempt.statement)]
        for value in (*constants, *_KEY.findall(failure_detail(case.pools.connection, statements))):
            more = case.trials.inserts(key.references, {column.name: value}, case.attempt.rows_before)
            if more and case.passes(case.error((*case.attempt.before, *more))):
                return RowHints(requires_first=((key.references, {column.name: value}),))
    return None


_KEY = re.compile(r"\([^(),]+\)=\(([^,]*)\)")
"""A key and its value, whatever the language: ``Key (class_id)=(5) is not present …``."""


def logical_reference(case: Case) -> RowHints | None:
    """A column refers to a row of a table that the trigger reads, though no foreign key says so."""
    table = case.table
    bound = table.foreign_columns | {*table.primary_key}
    for parent, key in _read_tables(case):
        unusual = _unusual_key(case, parent, key)
        more = case.trials.inserts(parent.name, {key: unusual} if unusual else {}, case.attempt.rows_before)
        rows = [each.values for each in more if isinstance(each, Insert) and each.table == parent.name]
        columns = [
            column.name
            for column in table.columns
            if rows and column.name not in bound and comparable(column, parent.column(key))
        ]
        changed: list[Values] = [{**case.values, column: rows[-1][key]} for column in columns]
        for column, accepted in zip(columns, case.accepted(changed, more), strict=True):
            if accepted:
                return RowHints(leads={column: LogicalReference(parent.name, key)})
    return None


def _read_tables(case: Case) -> Iterator[tuple[Table, str]]:
    """The tables that the functions read, each with its key; then the tables that inherit from them."""
    catalog = case.pools.catalog
    violated = _violated(case) if case.attempt.error.table_name else ()
    named = {table.name: table for table in (*(catalog.table(key.references) for key in violated), *case.mentioned)}
    tables = [table for table in named.values() if len(table.primary_key) == 1]
    for table in tables:
        yield table, table.primary_key[0]
    for table in tables:
        for heir in case.pools.introspection.heirs(table, HEIRS):
            if heir in catalog.tables:
                yield catalog.table(heir), table.primary_key[0]


def present(case: Case) -> tuple[TableName, RowHints] | None:
    """Some nullable columns of an ancestor must not be NULL."""
    for name in dict.fromkeys(row.table for row in case.attempt.rows_before):
        if name.table.lower() not in case.words:
            continue
        table = case.pools.catalog.table(name)
        free = [each.name for each in table.columns if each.is_supplied and not each.not_null]
        named = {each for each in free if each.lower() in case.words}
        # A foreign key with one NULL refers to nothing.
        named |= {each for key in table.foreign_keys if named & {*key.columns} for each in key.columns}
        found = case.fewest_present(name, tuple(each for each in free if each in named))
        if found:
            return name, RowHints(present=found)
    return None


def parent_value(case: Case) -> tuple[TableName, RowHints] | None:
    """An ancestor needs another value in a column that the trigger reads."""
    for place, parent in reversed(list(enumerate(case.attempt.before))):
        if not isinstance(parent, Insert) or parent.table.table.lower() not in case.words:
            continue
        reference = _reference_to(case, parent)
        if reference is None:
            continue
        child, key = reference
        table = case.pools.catalog.table(parent.table)
        for column in table.columns:
            if column.name.lower() not in case.words or column.name in key.referenced_columns:
                continue
            for option in _possible_values(case, table, column.name):
                before = _with_value(case, place, parent, column.name, option)
                error = case.error(before)
                if error is None or (case.is_progress(error) and case.is_valid_setup(before)):
                    return child, RowHints(parents={key.columns[0]: {column.name: option}})
    return None


def _possible_values(case: Case, table: Table, name: str) -> list[str | None]:
    """Values for a column of an ancestor: keys of existing rows, or the row's own value and other options."""
    if name in table.foreign_columns:
        return referenced_values(case, table, name)
    return [*([case.values[name]] if name in case.values else []), *options(case, table, name)[:OPTIONS]]


def _reference_to(case: Case, parent: Insert) -> tuple[TableName, ForeignKey] | None:
    """The table and the foreign key of a row of the attempt that refers to this one."""
    for row in (case.attempt.insert, *case.attempt.rows_before):
        for key in case.pools.catalog.table(row.table).foreign_keys:
            if _refers(row, key, parent):
                return row.table, key
    return None


def _refers(row: Insert, key: ForeignKey, parent: Insert) -> bool:
    """Whether a row refers to another by a foreign key."""
    return key.references == parent.table and all(row.values.get(own) == parent.values.get(to) for own, to in key.pairs)


def _violated(case: Case) -> list[ForeignKey]:
    """The violated foreign key, of the table or of another one into which a trigger inserts."""
    error = case.attempt.error
    table = case.pools.catalog.tables.get(error.table_name or case.table.name)
    return [key for key in (table.foreign_keys if table else ()) if key.name == error.constraint]


def _unusual_key(case: Case, table: Table, name: str) -> str | None:
    """A key that no column has by chance; where rules decide it, the last that they allow."""
    pool = next((each for each in case.pools.of(table) if name in each.columns), None)
    if pool is None:
        return nth(table.column(name), UNUSUAL)
    return next((value for value in reversed(pool.of_column(name)) if value is not None), None)
