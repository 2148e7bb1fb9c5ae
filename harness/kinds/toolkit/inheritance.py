"""Child tables by INHERITS: a query of the parent finds their rows, but no key of it covers them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from harness.kinds.base import Draft, Subject, Table, TableName, Values, qualified, show
from harness.probes import Accepted, AcceptedOrRefused, Insert, Postcondition, Probe
from harness.project.keys import boolean, key
from harness.races import Invariant

TRIED = 4
"""Values that break a rule and are tried in rows of a table that inherits."""


def only() -> Any:
    """Makes the field ``only`` of kinds whose constraints do not hold for tables that inherit."""
    doc = "true: of the rows of the table itself, and not of those of tables that inherit from it"
    return key(boolean, doc, default=False)


def heirs(subject: Subject) -> tuple[Table, ...]:
    """Returns the tables of the catalog that inherit from the table of a check."""
    names = subject.catalog.heirs.get(subject.table.name, ())
    return tuple(subject.catalog.tables[name] for name in names if name in subject.catalog.tables)


def two_rows(
    subject: Subject, draft: Draft, pair: tuple[Values, Values], shown: str, watch: Invariant
) -> Iterator[Probe]:
    """Yields inserts of two rows that exclude each other, at least one of them into a table that inherits.

    The second may be accepted or refused by anything: afterwards the ``watch`` finds not both.
    """
    table = subject.table.name
    found = heirs(subject)
    rows = {name: [draft.row(name, values) for values in pair] for name in (table, *(each.name for each in found))}
    for heir in found:
        # Shows that rows of this table are accepted at all.
        row = Insert(heir.name, rows[heir.name][1])
        yield Probe(row, Accepted(), f"a row of {heir.name}", f"a row of {heir.name}, which inherits from it,")
    for first, second in _places(table, [each.name for each in found]):
        then = Postcondition(watch.sql, "nothing", f"together in {table}")
        words = f"{shown} in {first} and in {second}:"
        before, insert = Insert(first, rows[first][0]), Insert(second, rows[second][1])
        yield Probe(insert, AcceptedOrRefused(), "one of an heir", words, then=then, before=before.sql, required=False)


def second_row(subject: Subject, draft: Draft, values: Values, shown: str, watch: Invariant) -> Iterator[Probe]:
    """Yields inserts into tables that inherit, of a row that an existing row of the table excludes."""
    for heir in heirs(subject):
        then = Postcondition(watch.sql, "nothing", f"together in {subject.table.name}")
        insert = Insert(heir.name, draft.row(heir.name, values))
        words = f"{shown}, the first in {heir.name}, which inherits from it:"
        yield Probe(insert, AcceptedOrRefused(), "one of an heir", words, then=then, required=False)


def breaking(
    subject: Subject, draft: Draft, heirs: tuple[Table, ...], bad: Sequence[Values], broken: str
) -> Iterator[Probe]:
    """Yields inserts of bad values into tables that inherit: a query of the table finds rows that are ``broken``."""
    table = subject.table.name
    found = f"select coalesce(nullif(count(*), 0)::text, 'none') from {qualified(table)}"
    then = Postcondition(f"{found} where {broken}", "none", f"rows of {table} that break it")
    for heir in heirs:
        row = Insert(heir.name, draft.row(heir.name))
        yield Probe(row, Accepted(), f"a row of {heir.name}", f"a row of {heir.name}")
        for values in draft.sample(bad, TRIED):
            words = f"{show(values)} in {heir.name}, which inherits from it,"
            insert = Insert(heir.name, draft.row(heir.name, values))
            yield Probe(insert, AcceptedOrRefused(), "one of an heir", words, then=then, required=False)


def _places(table: TableName, found: list[TableName]) -> Iterator[tuple[TableName, TableName]]:
    for heir in found:
        yield from ((table, heir), (heir, table), (heir, heir))
    yield from pairwise(found)


def part(row: Values, columns: Iterable[str]) -> Values:
    """Returns these columns of a row, as far as it has them."""
    return {name: row[name] for name in columns if name in row}
