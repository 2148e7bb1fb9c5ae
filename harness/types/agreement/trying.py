"""Rows drawn as ``harness test`` draws them, tried on the server, and read back as drivers return them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from hypothesis import strategies as st

from harness.catalog import Column
from harness.catalog.model import Table
from harness.kinds.base import Subject, Unreliable
from harness.kinds.toolkit.predicates import PredicateRule
from harness.probes import Accepted, Insert, Probe, Scenario, SqlStatement
from harness.probes.statement import identifier, literal
from harness.project.model import NewRow, Values
from harness.solver.rules import Unfillable
from harness.types.agreement.cases import SentValue, TriedRecord
from harness.types.agreement.edges import edges
from harness.types.model import TableShape
from harness.values.examples import examples
from harness.values.types import Unsupported

DRAWN = 20
"""Scenarios that are drawn for each table; more rows are variants of theirs."""

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


class TriedTable:
    """Tries rows of one table, each in a savepoint, and makes cases of what the server says."""

    def __init__(self, connection: psycopg.Connection[Any], subject: Subject, shape: TableShape) -> None:
        self._connection, self._subject, self._shape = connection, subject, shape
        self._table: Table = subject.table

    def cases(self, drawn: Sequence[DrawnRow], count: int) -> Iterator[TriedRecord]:
        """Yields up to ``count`` accepted rows, and every row that breaks a rule by itself."""
        each = -(-count // max(len(drawn), 1))
        changes = list(self._changes())
        for number, row in enumerate(drawn):
            part = changes[number :: len(drawn)] if len(changes) > len(drawn) * 4 else changes
            with self._connection.transaction(force_rollback=True):
                try:
                    for statement in row.setup:
                        self._connection.execute(statement.sql.encode())
                except psycopg.Error:
                    continue
                yield from self._of(row, part, each)

    def _of(self, drawn: DrawnRow, changes: Sequence[NewRow], count: int) -> Iterator[TriedRecord]:
        """Yields ``count`` accepted rows at most, and changes of the first of them: as many refused ones at least."""
        variants = [drawn.row, *drawn.variants][:count]
        for number, values in enumerate(variants):
            yield from self._tried(self._lean(values) if number % 3 == 2 else values, {})
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

    def _changes(self) -> Iterator[NewRow]:
        """Yields values on both sides of each rule, and at the edges of the types."""
        for check in self._table.checks:
            rule = PredicateRule(self._subject, check.expression, check.name, None)
            with suppress(*UNFILLABLE, psycopg.Error):
                good, bad = rule.sides
                yield from (*bad, *good)
        for field in self._shape.inserted:
            yield from ({field.name: value} for value in edges(field))

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
            yield TriedRecord(self._table.name, "Row", stored)
            yield from self._sent(values, "Insert", None)
            if change:
                yield from self._sent(change, "Update", None)
        elif error is not None and change and (name := self._name(error, change)):
            base, _ = self._insert(row)
            sent = self._send(values)
            if base is None or sent is None:
                return
            yield TriedRecord(self._table.name, "Row", {**base, **sent}, name)
            yield from self._sent(values, "Insert", name)
            if self._decides(name, change):
                yield from self._sent(change, "Update", name)

    def _decides(self, name: str, change: Values) -> bool:
        """Whether the changed columns alone show that a rule is broken."""
        rule = next((rule for rule in self._shape.rules if rule.name == name), None)
        return rule is None or {*rule.columns} <= {*change}

    def _insert(self, values: Values) -> tuple[dict[str, SentValue] | None, psycopg.Error | None]:
        """The row as it was stored, or the error."""
        insert = Insert(self._table.name, values).sql
        alias = identifier(self._table.name.table)
        try:
            with self._connection.transaction(force_rollback=True):
                cursor = self._connection.execute(f"{insert} returning *, to_json({alias}.*)::text".encode())
                return (_read(cursor) if cursor.rowcount else None), None
        except psycopg.Error as error:
            if self._connection.closed:
                raise
            return None, error

    def _name(self, error: psycopg.Error, change: Values) -> str | None:
        """The name that the types give to a refusal; None if it is none of theirs, or of another column."""
        state, said = error.sqlstate or "", error.diag
        if state == "23514":
            return said.constraint_name
        if state == "23502":
            column = said.column_name or next(iter(change))
            return f"{column} (23502)" if column in change else None
        one = next(iter(change)) if len(change) == 1 else None
        return f"{one} ({state})" if one and state in ("22001", "22003", "22P02") else None

    def _sent(self, values: Values, shape: Any, name: str | None) -> Iterator[TriedRecord]:
        fields = self._shape.inserted if shape == "Insert" else self._shape.updated
        known = {each.name for each in fields}
        if shape == "Update" and not {*values} <= known:
            return
        sent = self._send({column: value for column, value in values.items() if column in known})
        if sent is not None:
            yield TriedRecord(self._table.name, shape, sent, name)

    def _send(self, values: Values) -> dict[str, SentValue] | None:
        """Values as the program would have them, before the table has its say."""
        if not values:
            return {}
        columns = [self._table.column(name) for name in values]
        typed = zip(columns, values.values(), strict=True)
        items = ", ".join(
            f"{literal(value)}::{_free_type(column)} as {identifier(column.name)}" for column, value in typed
        )
        try:
            with self._connection.transaction(force_rollback=True):
                found = _read(
                    self._connection.execute(f"select t.*, to_json(t)::text from (select {items}) as t".encode())
                )
        except psycopg.Error:
            return None
        return {column.name: _of_column(column, found[column.name]) for column in columns}


def _free_type(column: Column) -> str:
    """The type of a column without what limits it."""
    if column.base_name in _INTEGERS:
        return "numeric"
    if column.base_name == "float4":
        return "float8"
    if column.base_kind == "e":
        return "text"
    return {"varchar": "text", "numeric": "numeric", "bpchar": "bpchar"}.get(column.base_name, column.base_type)


def _of_column(column: Column, sent: SentValue) -> SentValue:
    """Returns a value that was sent without its limits as one of the column."""
    oid = _OIDS.get(column.base_name, sent.oid)
    if column.base_name not in _INTEGERS or sent.python is None:
        return replace(sent, oid=oid)
    return SentValue(sent.text, oid, sent.json, sent.json, int(sent.python))


_INTEGERS = ("int2", "int4", "int8")
_NUMERIC = (1700, 1231)
"""The OIDs of numeric and of its array."""

_OIDS = {"int2": 21, "int4": 23, "int8": 20, "float4": 700, "varchar": 1043}
"""OIDs of types that values were sent without, for their limits."""


def _read(cursor: psycopg.Cursor[Any]) -> dict[str, SentValue]:
    """A row whose last column is its JSON."""
    result = cursor.pgresult
    assert result is not None and cursor.description is not None, "it returns a row"
    *texts, document = [
        None if (value := result.get_value(0, place)) is None else value.decode() for place in range(result.nfields)
    ]
    names = [each.name for each in cursor.description][:-1]
    try:
        python: Sequence[Any] = cursor.fetchone() or ()
    except (psycopg.DataError, ValueError, OverflowError):
        python = [_alone(cursor, place) for place in range(len(names))]
    documents: Mapping[str, Any] = json.loads(document or "{}")
    exact: Mapping[str, Any] = json.loads(document or "{}", parse_int=str, parse_float=str)
    found = {}
    for place, (name, text) in enumerate(zip(names, texts, strict=True)):
        oid = result.ftype(place)
        best = exact if oid in _NUMERIC else documents
        found[name] = SentValue(text, oid, documents[name], best[name], python[place])
    return found


def _alone(cursor: psycopg.Cursor[Any], place: int) -> Any:
    """One value of a row of which psycopg cannot read another."""
    result = cursor.pgresult
    assert result is not None, "it returned a row"
    value = result.get_value(0, place)
    if value is None:
        return None
    try:
        return psycopg.adapt.Transformer(cursor).get_loader(result.ftype(place), psycopg.pq.Format.TEXT).load(value)
    except (psycopg.DataError, ValueError, OverflowError) as error:
        return error
