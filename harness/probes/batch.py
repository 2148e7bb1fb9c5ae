"""Encodes batches of scenarios as JSON, calls the functions that try them, and reads their lines.

Decides whether a session that is not the run's got in the way: then the call is made again, after a pause, and in the
end :class:`~harness.probes.reply.Interference` is raised.
Not here: when a batch is cut or cancelled (``session.py``), and the functions' text (``shapes.py``, ``loops.py``).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg

from harness.catalog.model import Catalog, Column
from harness.probes.family import Family, FamilyRow, Scenario
from harness.probes.loops import UNREADABLE, LoopShape, expected
from harness.probes.probe import Probe
from harness.probes.reply import (
    CONFLICTS,
    DEADLOCK,
    PAUSES,
    Interference,
    Reply,
    ServerError,
    conflicts,
    of_error,
    of_root,
    others,
)
from harness.probes.shapes import EXECUTE, Shapes
from harness.probes.statement import Execute, Insert, SqlStatement, Update
from harness.project.model import TableName, Values

Bases = Mapping[TableName, Values]


class BatchEncoder:
    """Encodes one batch; lists of values that several families share travel once."""

    def __init__(self, catalog: Catalog, shapes: Shapes, refusing_null: Callable[[TableName], Sequence[str]]) -> None:
        """``refusing_null`` returns the columns of a table whose domain refuses NULL."""
        self._catalog = catalog
        self._shapes = shapes
        self._refusing_null = refusing_null
        self._lists: dict[tuple[FamilyRow, ...], int] = {}

    def text(self, scenarios: Sequence[Scenario]) -> str:
        """``{"scenarios": [scenario, …], "lists": [[row, …], …]}``"""
        encoded = ",".join(map(self._scenario, scenarios))
        lists = ",".join(json.dumps(rows) for rows in self._lists)
        return f'{{"scenarios":[{encoded}],"lists":[{lists}]}}'

    def _scenario(self, scenario: Scenario) -> str:
        """``{"base": {table: row}, "setup": [step, …], "probes": [[step, settings, then, before], …]}``

        It has ``"waits"`` where deferred constraints are not to be checked before the probes, and ``"unsettled"``
        where they are not before the postconditions either.
        """
        bases: dict[TableName, Values] = {}
        for statement in self._statements(scenario):
            row = statement.leaves if isinstance(statement, Execute) else statement
            if isinstance(row, Insert) and not any(
                row.values.get(name) is None for name in self._refusing_null(row.table)
            ):
                bases.setdefault(row.table, row.values)
        base = ",".join(
            f'"{self._shapes.variable(table)}":{self._row(table, values)}'
            for table, values in bases.items()
            if self._shapes.knows(table)
        )
        setup = ",".join(self._step(statement, bases, {}) for statement in scenario.setup)
        probes = ",".join(
            self._family(probe, bases) if isinstance(probe, Family) else self._probe(probe, bases)
            for probe in scenario.probes
        )
        waits = ',"waits":true' if scenario.waits or scenario.unsettled else ""
        waits += ',"unsettled":true' if scenario.unsettled else ""
        return f'{{"base":{{{base}}},"setup":[{setup}],"probes":[{probes}]{waits}}}'

    def _statements(self, scenario: Scenario) -> Iterator[SqlStatement]:
        """Yields those whose row may be a base: not the row of a probe that a domain may refuse."""
        yield from scenario.setup
        for probe in scenario.probes:
            table = self._catalog.tables.get(probe.statement.table) if isinstance(probe.statement, Insert) else None
            columns = table.columns if table else ()
            if isinstance(probe, Family) or not any(each.is_domain or each.parts for each in columns):
                yield probe.statement

    def _probe(self, probe: Probe, bases: Bases) -> str:
        # A setting that an earlier transaction left empty cannot be told from one that is set to be empty.
        settings = {**dict.fromkeys(probe.left_empty, ""), **probe.settings}
        return (
            f"[{self._step(probe.statement, bases, probe.settings)},"
            f"{json.dumps(settings) if settings else 'null'},"
            f"{json.dumps(probe.then.sql) if probe.then else 'null'},{json.dumps(probe.before)}]"
        )

    def _family(self, family: Family, bases: Bases) -> str:
        statement = family.statement
        loop = LoopShape.of(self._catalog, family)
        assert loop is not None, "a family without a loop is tried one by one"
        keys = {
            "shape": self._shapes.loop(loop),
            "rows": self._list(family.rows),
            "variants": self._list(family.variants.rows) if loop.variants else None,
            "many": len(family.variants.rows),
            "expected": expected(self._catalog, family),
        }
        row = self._row(statement.table, _changed(bases.get(statement.table, {}), family.fixed))
        key = self._row(statement.table, statement.key if isinstance(statement, Update) else {})
        return f'{json.dumps(keys)[:-1]},"row":{row},"key":{key}}}'

    def _list(self, rows: tuple[FamilyRow, ...]) -> int:
        return self._lists.setdefault(rows, len(self._lists) + 1)

    def _step(self, statement: SqlStatement, bases: Bases, settings: Any) -> str:
        """``[shape, row, key]``; a statement without a shape travels as its text."""
        shape = EXECUTE if settings else self._shapes.number(statement)
        # Rows need a base row if their domains refuse a record in which a column is NULL.
        if (
            shape == EXECUTE
            or isinstance(statement, Execute)
            or (statement.table not in bases and self._refusing_null(statement.table))
        ):
            return f"[{EXECUTE},{json.dumps(statement.sql)}]"
        if isinstance(statement, Insert):
            changed = _changed(bases.get(statement.table, {}), statement.values)
            return f"[{shape},{self._row(statement.table, changed)}]"
        change = self._row(statement.table, getattr(statement, "set", {}))
        return f"[{shape},{change},{self._row(statement.table, statement.key)}]"

    def _row(self, table: TableName, values: Values) -> str:
        """A row as the JSON that ``jsonb_populate_record`` reads: texts, and JSON columns as themselves."""
        json_columns = self._shapes.json_columns(table)
        if not json_columns:
            return json.dumps(dict(values))
        cells = (
            f"{json.dumps(column)}:{value if column in json_columns and value is not None else json.dumps(value)}"
            for column, value in values.items()
        )
        return "{" + ",".join(cells) + "}"


def _changed(base: Values, values: Values) -> Values:
    return {column: value for column, value in values.items() if column not in base or base[column] != value}


T = TypeVar("T")

FUNCTIONS = 8
"""Functions kept at a time. PostgreSQL forgets the plans of one only when it is replaced and called again, and looks
through all it remembers whenever anything in the catalog changes: with hundreds of them it does nothing else."""


@dataclass(frozen=True)
class Line:
    """One row that a function returns: ``place`` 0 is the setup; without a ``member`` it sums up a family.

    A ``conflict`` is an error, of any statement of the probe, that another session may have caused.
    """

    scenario: int
    place: int
    member: int | None
    reply: Reply
    conflict: ServerError | None = None

    @property
    def unreadable(self) -> bool:
        return self.reply.refusal is not None and self.reply.refusal.sqlstate == UNREADABLE


class BatchCaller:
    """Makes and calls functions over one connection; ``companions`` are the processes of other sessions of the run."""

    def __init__(self, connection: psycopg.Connection[Any], catalog: Catalog, companions: Sequence[int]) -> None:
        self.connection = connection
        self._catalog = catalog
        self._companions = companions
        self._functions: dict[Shapes, str] = {}
        self._said_by_rules: set[tuple[str, str]] = set()
        self._refusing_null: dict[TableName, tuple[str, ...]] = {}

    def reconnect(self, connect: Callable[[], psycopg.Connection[Any]]) -> None:
        """Closes the connection, and goes on over a new one."""
        self.connection.close()
        self.connection = connect()
        self._functions.clear()

    def function(self, shapes: Shapes) -> str:
        """The name of the function for these shapes, which is made if there is none."""
        name = self._functions.pop(shapes, None)
        if name is None:
            new = f"pg_temp.harness_probe_{len(self._functions) + 1}"
            name = self._functions.pop(next(iter(self._functions))) if len(self._functions) == FUNCTIONS else new
            text = shapes.function(name, self._catalog).encode()
            self._retried(lambda: self.connection.execute(text))
        self._functions[shapes] = name  # the last one used goes last
        return name

    def lines(self, function: str, shapes: Shapes, batch: Sequence[Scenario]) -> list[list[Line]]:
        """The lines of each scenario of a batch, none of them changed by another session.

        Raises :class:`~harness.probes.reply.Interference` where one interferes each time.
        """

        def ask(scenarios: Sequence[Scenario]) -> list[list[Line]]:
            text = BatchEncoder(self._catalog, shapes, self._columns_refusing_null).text(scenarios)
            found: list[list[Line]] = [[] for _ in scenarios]
            for line in self._retried(lambda: [*self._call(function, text)]):
                found[line.scenario - 1].append(line)
            return found

        return [
            self._undisturbed(lines, lambda scenario=scenario: ask([scenario])[0])  # type: ignore[misc]
            for scenario, lines in zip(batch, ask(batch), strict=True)
        ]

    def _call(self, function: str, text: str) -> Iterator[Line]:
        cursor = self.connection.execute(f"select * from {function}(%s)".encode(), [text])
        for scenario, place, member, rows, then, sqlstate, *rest, conflict in cursor:
            refusal = of_root(self._catalog, ServerError(sqlstate, *rest)) if sqlstate else None
            met = ServerError(conflict, *rest) if conflict else None
            yield Line(scenario, place, member, Reply(refusal, rows or 0, then), met)

    def _retried(self, work: Callable[[], T]) -> T:
        """Does work that another session may not even let begin."""
        for pause in PAUSES:
            try:
                return work()
            except psycopg.OperationalError as error:
                if error.sqlstate not in CONFLICTS:
                    raise
                met = of_error(error)
            time.sleep(pause)
        raise Interference(met, others(self.connection, self._companions))

    def _undisturbed(self, lines: list[Line], again: Callable[[], list[Line]]) -> list[Line]:
        """The lines of a scenario, which is tried ``again`` alone where it met another session."""
        pauses = iter(PAUSES)
        while (met := next(filter(None, map(self._conflict, lines)), None)) is not None:
            pause = next(pauses, None)
            if pause is not None:
                time.sleep(pause)
                lines = again()
                continue
            there = others(self.connection, self._companions)
            if there or met.sqlstate == DEADLOCK:
                raise Interference(met, there)
            # No other session is there, and it says so each time: a rule raises it itself.
            self._said_by_rules.add((met.sqlstate, met.message))
        return lines

    def _conflict(self, line: Line) -> ServerError | None:
        """The error by which a line met another session, as far as can be told."""
        found = line.conflict
        if found is None or (found.sqlstate, found.message) in self._said_by_rules:
            return None
        return found if conflicts(found, self.connection.info.backend_pid) else None

    def _columns_refusing_null(self, table: TableName) -> tuple[str, ...]:
        """The columns of domains that refuse NULL, by NOT NULL or by a CHECK."""
        if table not in self._refusing_null:
            found = self._catalog.tables.get(table)
            columns = [each for each in found.columns if each.is_domain] if found else []
            self._refusing_null[table] = tuple(
                each.name for each in columns if each.not_null or self._checks_null(each)
            )
        return self._refusing_null[table]

    def _checks_null(self, column: Column) -> bool:
        if not column.domain_checks:
            return False
        try:
            with self.connection.transaction(force_rollback=True):
                self.connection.execute(f"select null::{column.type}".encode())
        except psycopg.OperationalError:
            raise
        except psycopg.Error:  # a CHECK that fails on NULL lets no record have it either
            return True
        return False
