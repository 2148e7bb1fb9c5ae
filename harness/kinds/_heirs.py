"""Tables that inherit from another: their rows are among its rows when it is queried, and no key of it sees them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from harness.catalog.model import Table
from harness.generation.draft import Draft
from harness.kinds.base import Subject
from harness.probes import Accepted, AcceptedOrRefused, Insert, Postcondition, Probe
from harness.project.keys import boolean, key
from harness.project.model import TableName, Values
from harness.races import Invariant


def only() -> Any:
    """The field of kinds whose constraints no table has that inherits from the table of the check."""
    doc = "true: of the rows of the table itself, and not of those of tables that inherit from it"
    return key(boolean, doc, default=False)


def heirs(subject: Subject) -> tuple[Table, ...]:
    """The tables that inherit from the table of a check, those among them that are described."""
    names = subject.catalog.heirs.get(subject.table.name, ())
    return tuple(subject.catalog.tables[name] for name in names if name in subject.catalog.tables)


def met(subject: Subject, draft: Draft, pair: tuple[Values, Values], shown: str, watch: Invariant) -> Iterator[Probe]:
    """Two rows with these values that do not go together, one of them in an heir: the other there as well, or not.

    Whatever refuses the second, there are not both of them.
    """
    table = subject.table.name
    found = heirs(subject)
    rows = {name: [draft.row(name, values) for values in pair] for name in (table, *(each.name for each in found))}
    for heir in found:
        # That its rows are accepted at all has to be seen.
        row = Insert(heir.name, rows[heir.name][1])
        yield Probe(row, Accepted(), f"a row of {heir.name}", f"a row of {heir.name}, which inherits from it,")
    for first, second in _places(table, [each.name for each in found]):
        then = Postcondition(watch.sql, "nothing", f"together in {table}")
        words = f"{shown} in {first} and in {second}:"
        before, insert = Insert(first, rows[first][0]), Insert(second, rows[second][1])
        yield Probe(insert, AcceptedOrRefused(), "one of an heir", words, then=then, before=before.sql, required=False)


def beside(subject: Subject, draft: Draft, values: Values, shown: str, watch: Invariant) -> Iterator[Probe]:
    """Rows of heirs with these values, which do not go together with a row that stands in the table."""
    table = subject.table.name
    for heir in heirs(subject):
        then = Postcondition(watch.sql, "nothing", f"together in {table}")
        insert = Insert(heir.name, draft.row(heir.name, values))
        words = f"{shown}, the first in {heir.name}, which inherits from it:"
        yield Probe(insert, AcceptedOrRefused(), "one of an heir", words, then=then, required=False)


def _places(table: TableName, found: list[TableName]) -> Iterator[tuple[TableName, TableName]]:
    for heir in found:
        yield from ((table, heir), (heir, table), (heir, heir))
    yield from pairwise(found)


def of(row: Values, columns: Iterable[str]) -> Values:
    """The part of a row that a rule is about."""
    return {name: row[name] for name in columns if name in row}
