"""Calls the temporary functions that try batches of scenarios, and reads their lines.

A call that met a session which is not the run's is made again, after a pause.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from harness.catalog.model import Catalog, Column
from harness.probes.encoding import BatchEncoder
from harness.probes.interference import CONFLICTS, DEADLOCK, PAUSES, Interference, conflicts, of_error, others
from harness.probes.loops import UNREADABLE
from harness.probes.reply import Reply, ServerError, of_root
from harness.probes.scenario import Scenario
from harness.probes.shapes import Shapes
from harness.project.model import TableName

if TYPE_CHECKING:
    import psycopg

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
            full = len(self._functions) == FUNCTIONS
            new = f"pg_temp.harness_probe_{len(self._functions) + 1}"
            name = self._functions.pop(next(iter(self._functions))) if full else new
            text = shapes.function(name, self._catalog).encode()
            self._retried(lambda: self.connection.execute(text))
        self._functions[shapes] = name  # the last one used goes last
        return name

    def lines(self, function: str, shapes: Shapes, batch: Sequence[Scenario]) -> list[list[Line]]:
        """The lines of each scenario of a batch, none of them changed by another session.

        Raises :class:`~harness.probes.interference.Interference` where one interferes each time.
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
        import psycopg

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
        import psycopg

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
