"""SQL about rows: keys as text and how they compare, and triggers that narrow a write to the whole table."""

from __future__ import annotations

from collections.abc import Sequence

from harness.kinds.base import Subject, Table, Values
from harness.probes import Execute, Postcondition, condition, identifier, literal, qualified


def narrowed(subject: Subject, command: str, rows: Sequence[Values]) -> str:
    """Returns SQL after which an update or delete of the whole table writes these rows alone, and reads no column."""
    old = (" and ".join(f"old.{condition({name: value})}" for name, value in subject.key(row).items()) for row in rows)
    here = " or ".join(f"({each})" for each in old)
    return _trigger(subject, command, "skipped", f"when (({here}) is not true) ")


def unchanging(subject: Subject) -> str:
    """Returns SQL after which an update leaves all rows as they are, so that no rule can refuse the new values."""
    return _trigger(subject, "update", "unchanged", "")


def _trigger(subject: Subject, command: str, word: str, when: str) -> str:
    trigger = f'create trigger "! harness {word}" before {command} on {qualified(subject.table.name)} for each row'
    return f"{trigger} {when}execute function pg_temp.harness_narrowed('{word}'); "


NONE = "none of them stood there"
"""The result where a role sees or writes no row, and there is no such row."""

NARROWED = Execute(
    "create function pg_temp.harness_narrowed() returns trigger language plpgsql as "
    "$$ begin if tg_argv[0] = 'unchanged' then return old; end if; return null; end $$"
)
"""The setup that :func:`narrowed` and :func:`unchanging` need."""


def row_key(table: Table) -> str:
    """Returns an expression for the key of a row, as a text without blanks."""
    columns = table.primary_key or tuple(column.name for column in table.columns)
    return f"md5(row({', '.join(map(identifier, columns))})::text)"


def joined(key: str) -> str:
    """Returns an expression for the keys of all rows of a query, as one text."""
    return f"coalesce(string_agg({key}, ' ' order by {key}), '')"


def rows_where(predicate: str) -> str:
    return f"the rows where {predicate}"


def not_the(seen: str, named: str) -> str:
    """Returns an SQL expression for the words about two numbers of rows."""
    return f"format('%s row%s, not the %s', {seen}, case {seen}::text when '1' then '' else 's' end, {named})"


def compared(named: str, meaning: str, expected: str) -> Postcondition:
    seen = "current_setting('harness.seen')"
    count = "coalesce(cardinality(string_to_array(nullif({}, ''), ' ')), 0)"
    found = (
        f"select case when {seen} <> {named} then {not_the(count.format(seen), count.format(named))} "
        f"when {seen} = '' then '{NONE}' else {literal(expected).strip()} end"
    )
    return Postcondition(found, expected, meaning, NONE)
