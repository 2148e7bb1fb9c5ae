"""Rows drawn as ``harness test`` draws them, tried on the server, and read back as drivers return them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from hypothesis import strategies as st

from harness.catalog.model import Table
from harness.kinds.base import Subject, Unreliable
from harness.kinds.check import PredicateKind
from harness.kinds.toolkit.predicate_values import combinations
from harness.kinds.toolkit.predicates import PredicateRule
from harness.oracle import Answer
from harness.probes import Accepted, Insert, Probe, Scenario, SqlStatement
from harness.probes.statement import identifier, literal
from harness.project.model import NewRow, Values
from harness.solver.rules import Unfillable, domain_rules
from harness.types.agreement.cases import SentValue, TriedRecord
from harness.types.agreement.edges import edges
from harness.types.agreement.received import read
from harness.types.agreement.records import ServerRecords
from harness.types.agreement.triggers import REPLACED, ReplacingTriggers
from harness.types.model import TableShape
from harness.values.examples import examples
from harness.values.types import Unsupported

DRAWN = 20
"""Scenarios that are drawn for each table; more rows are variants of theirs."""

IN_EACH = 4
"""Changes of a sort that are tried in each drawn row, if there are as many: in some rows other rules refuse first."""

FEW, SOME = 2, 8
"""Rows, and changes of a sort in each, that are tried for a rule which nothing broke before."""

UNFILLABLE = (Unreliable, Unfillable, Unsupported)


@dataclass(frozen=True)
class DrawnRow:
    """A row that the table should accept, the statements that go before it, and others that differ from it."""

    setup: tuple[SqlStatement, ...]
    row: Values
    variants: tuple[Values, ...]


def drawn_rows(subject: Subject, count: int, seed: int) -> list[DrawnRow]:
    """Draws rows of the subject's table, ``count`` with their variants. Raises :data:`UNFILLABLE`."""

    def build(draft: Any) -> Scenario:
        insert = Insert(subject.table.name, draft.row(subject.table.name))
        return Scenario(tuple(draft.inserts), (Probe(insert, Accepted(1), "insert"),))

    strategy: st.SearchStrategy[Scenario] = subject.scenarios(build)
    return [_drawn(subject, scenario) for scenario in examples(strategy, min(DRAWN, count), seed)]


def _drawn(subject: Subject, scenario: Scenario) -> DrawnRow:
    (probe,) = scenario.probes
    insert = probe.statement
    assert isinstance(insert, Insert), "it was built of one INSERT"
    varied = subject.variants(insert, ())
    others = (dict(zip(varied.columns, each, strict=True)) for each in varied.rows)
    return DrawnRow(scenario.setup, insert.values, tuple({**insert.values, **each} for each in others))


@dataclass(frozen=True)
class _Sides:
    """Values that keep a rule, and values that break it."""

    name: str | None
    good: Sequence[NewRow]
    bad: Sequence[NewRow]


class TriedTable:
    """Tries rows of one table, each in a savepoint, and makes cases of what the server says."""

    def __init__(self, connection: psycopg.Connection[Any], subject: Subject, shape: TableShape) -> None:
        self._connection, self._subject, self._shape = connection, subject, shape
        self._table: Table = subject.table
        self._records = ServerRecords(connection, self._table, shape)
        self._triggers = ReplacingTriggers(connection, self._table, shape)
        self._bases: dict[tuple[tuple[str, str | None], ...], dict[str, SentValue] | None] = {}

    def cases(self, drawn: Sequence[DrawnRow], count: int) -> Iterator[TriedRecord]:
        """Yields up to ``count`` accepted rows, and every row that breaks a rule by itself."""
        each = -(-count // max(len(drawn), 1))
        sides = list(self._sides())
        sorts = [*(side for sort in sides for side in (sort.bad, sort.good)), self._edges()]
        broken: set[str | None] = set()
        for number, row in enumerate(drawn):
            part = [change for sort in sorts for change in _share(sort, number, len(drawn))]
            with self._standing(row) as stands:
                for case in self._of(row, part, each) if stands else ():
                    broken |= {case.refused_by} if case.untold is None else set()
                    yield case
        for rule in sides:
            if rule.name not in broken:
                yield from self._broken_after_a_change(rule, drawn, sides)

    @contextmanager
    def _standing(self, drawn: DrawnRow) -> Iterator[bool]:
        """Inserts what has to stand before a row, for the time; gives whether the server takes it."""
        with self._connection.transaction(force_rollback=True):
            try:
                self._bases.clear()
                for statement in drawn.setup:
                    self._connection.execute(statement.sql.encode())
            except psycopg.Error:
                yield False
            else:
                yield True

    def _broken_after_a_change(
        self, rule: _Sides, drawn: Sequence[DrawnRow], others: Sequence[_Sides]
    ) -> Iterator[TriedRecord]:
        """Breaks a rule in a row in which something was changed first, as rows may all be of one sort."""
        for row in drawn[:FEW]:
            with self._standing(row) as stands:
                for change in (each for other in others for each in _some(other.good)) if stands else ():
                    changed = {**row.row, **change}
                    if self._insert(changed)[0] is None:
                        continue
                    for bad in _some(rule.bad):
                        found = list(self._tried(changed, bad))
                        if any(case.refused_by == rule.name and case.untold is None for case in found):
                            yield from found
                            return

    def _of(self, drawn: DrawnRow, changes: Sequence[NewRow], count: int) -> Iterator[TriedRecord]:
        """Yields ``count`` accepted rows at most, and changes of the first of them: as many refused ones at least."""
        variants = [drawn.row, *drawn.variants][:count]
        for number, values in enumerate(variants):
            yield from self._tried(self._lean(values) if number % 3 == 2 else values, {})
        yield from self._left_out(drawn.row)
        refused = 0
        for values in variants if changes else ():
            for change in changes:
                for case in self._tried(values, change):
                    refused += self._is_stated(case.refused_by)
                    yield case
            if refused >= count:
                break

    def _is_stated(self, name: str | None) -> bool:
        """Whether types can say by this name that a record is refused."""
        return name is not None and ("(" in name or any(rule.name == name for rule in self._shape.rules))

    def _sides(self) -> Iterator[_Sides]:
        """Yields values on both sides of each rule; of a domain's rules, with no name."""
        for name, predicate in self._predicates():
            with suppress(*UNFILLABLE, psycopg.Error):
                good, bad = PredicateRule(self._subject, predicate, name, None).sides
                yield _Sides(name, good, bad)
        for column in self._table.columns:
            for rule in domain_rules(column):
                with suppress(*UNFILLABLE, psycopg.Error):
                    yield self._sides_of_domain(column.name, rule.predicate)

    def _sides_of_domain(self, column: str, predicate: str) -> _Sides:
        """Values on both sides of a domain's rule, which refuses before the table's do: they need not keep those."""
        rows = combinations(self._subject, (column,), (predicate,))
        answers = self._subject.oracle.answers(self._table, (column,), rows, [predicate])
        good, bad = (
            [{column: value} for (value,), (answer,) in zip(rows, answers, strict=True) if answer in side]
            for side in ((Answer.TRUE, Answer.NULL), (Answer.FALSE,))
        )
        return _Sides(None, good, bad)

    def _edges(self) -> Sequence[NewRow]:
        """Values at the edges of the types."""
        return [{field.name: value} for field in self._shape.inserted for value in edges(field)]

    def _predicates(self) -> Iterator[tuple[str, str]]:
        """Yields the name and the predicate of each CHECK.

        It is the declared one, where there is one: in other words it would be taken for another rule, which refuses all
        that this one does.
        """
        kinds = [each for each in self._subject.declared.get(self._table.name, ()) if isinstance(each, PredicateKind)]
        declared = {rule.name: kind.predicate for kind in kinds for rule in kind.declares(self._table)}
        for check in self._table.checks:
            yield check.name, declared.get(check.name, check.expression)

    def _lean(self, values: Values) -> Values:
        """A row without the columns that an INSERT may leave out and for which the database has a value."""
        optional = {each.name for each in self._shape.fields if each.insert == "optional"}
        return {name: value for name, value in values.items() if name not in optional or name in self._needed}

    @property
    def _needed(self) -> frozenset[str]:
        """Columns that rules tie to others: to leave them out would break these."""
        return frozenset(name for rule in self._shape.rules for name in rule.columns if len(rule.columns) > 1)

    def _tried(self, row: Values, change: Values) -> Iterator[TriedRecord]:
        values = {**row, **change}
        stored, error = self._insert(values)
        if stored is not None:
            yield from self._records.stored(stored)
            replaced = self._triggers.replaced(values, stored)
            yield from _told(self._records.sent("Insert", values, None), unless=replaced)
            if change:
                yield from _told(self._records.sent("Update", change, None), unless=replaced)
        elif error is not None and change and (name := self._name(error, change)):
            base = self._base(row)
            if base is not None:
                hidden = self._triggers.hide(name)
                yield from _told(self._records.unstored(base, values, name), unless=hidden)
                yield from _told(self._records.sent("Insert", values, name), unless=hidden)
                yield from _told(self._records.sent("Update", change, name), unless=hidden)

    def _left_out(self, row: Values) -> Iterator[TriedRecord]:
        """Leaves out all columns that an INSERT may leave out, and each that it has to give."""
        yield from self._tried(self._lean(row), {})
        for name in [each.name for each in self._shape.inserted if each.insert == "required" and each.name in row]:
            values = {column: value for column, value in row.items() if column != name}
            stored, error = self._insert(values)
            if stored is not None:
                yield from _told(self._records.sent("Insert", values, None), unless=self._triggers.exist)
            elif error is not None and error.diag.column_name == name and error.sqlstate == "23502":
                yield from self._records.sent("Insert", values, f"{name} (23502)")

    def _base(self, row: Values) -> dict[str, SentValue] | None:
        """The row as it is stored, among the rows that stand now; None if it is refused."""
        key = tuple(row.items())
        if key not in self._bases:
            stored, _ = self._insert(row)
            self._bases[key] = stored
            if stored is not None:
                self._triggers.replaced(row, stored)
        return self._bases[key]

    def _insert(self, values: Values) -> tuple[dict[str, SentValue] | None, psycopg.Error | None]:
        """The row as it was stored, or the error."""
        insert = Insert(self._table.name, values).sql
        alias = identifier(self._table.name.table)
        try:
            with self._connection.transaction(force_rollback=True):
                cursor = self._connection.execute(f"{insert} returning *, to_json({alias}.*)::text".encode())
                return (read(cursor, self._table.columns) if cursor.rowcount else None), None
        except psycopg.Error as error:
            if self._connection.closed:
                raise
            return None, error

    def _name(self, error: psycopg.Error, change: Values) -> str | None:
        """The name that the types give to a refusal; None if it is none of theirs, or of another column."""
        state, said = error.sqlstate or "", error.diag
        if said.table_name not in (None, self._table.name.table) and self._table.kind != "p":
            return None  # a trigger wrote into another table; of a partitioned one it may be a part
        if state == "23514":
            return said.constraint_name
        if state == "23502":
            column = said.column_name or next(iter(change))
            # Of a column that can be NULL it is a trigger that says so.
            return f"{column} (23502)" if column in change and self._table.column(column).not_null else None
        one = next(iter(change)) if len(change) == 1 else None
        if one is None or state not in ("22001", "22003", "22P02"):
            return None
        # A rule or a generated column may calculate more than fits into a type.
        return None if state == "22003" and self._is_stored(one, change[one]) else f"{one} ({state})"

    def _is_stored(self, column: str, value: str | None) -> bool:
        """Whether a value by itself is one of the column's type."""
        try:
            with self._connection.transaction(force_rollback=True):
                self._connection.execute(f"select {literal(value)}::{self._table.column(column).base_type}".encode())
        except psycopg.Error:
            return False
        return True


def _told(records: Iterable[TriedRecord], *, unless: bool) -> Iterator[TriedRecord]:
    """The records, or, as they say nothing of what is stored, with the reason why not."""
    return (replace(each, untold=REPLACED) if unless else each for each in records)


def _share(changes: Sequence[NewRow], number: int, rows: int) -> Sequence[NewRow]:
    """The changes of one sort that are tried in one of so many rows: each in some of them, and some in each."""
    step = max(min(rows, len(changes) // IN_EACH), 1)
    return changes[number % step :: step]


def _some(changes: Sequence[NewRow]) -> Sequence[NewRow]:
    """A few changes: the first, which are of different sorts, and some of all others."""
    others = changes[SOME:]
    return *changes[:SOME], *others[:: len(others) // SOME + 1]
