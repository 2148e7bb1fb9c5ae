"""Carries scenarios to the server in batches: one round trip for some two thousand probes.

For the *shapes* of statements in a batch (this table, these columns) a temporary function is made whose statements are
static, so that PostgreSQL plans each once. What travels is a base row for each table and, for each probe, only what
differs from it. Every probe runs in a subtransaction of its own that is always undone, inside one of its
scenario that is undone as well: nothing stays behind but used up sequence numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from harness.catalog.model import Catalog
from harness.probes.probe import Scenario
from harness.probes.reply import Refusal, Reply, of_root
from harness.probes.shapes import EXECUTE, Shapes
from harness.probes.statement import Execute, Insert, Statement, Values
from harness.project.model import TableName

if TYPE_CHECKING:
    import psycopg

BATCH = 2000
"""Probes in one round trip: more does not get faster, and each holds its place in memory."""

FUNCTIONS = 8
"""Functions kept at a time. PostgreSQL forgets the plans of one only when it is replaced and called again, and looks
through all it remembers whenever anything in the catalog changes: with hundreds of them it does nothing else."""


class Session:
    """Tries scenarios over one connection, which must be in autocommit and is left as it was."""

    def __init__(self, connection: psycopg.Connection[Any], catalog: Catalog) -> None:
        self._connection = connection
        self._catalog = catalog
        self._functions: dict[Shapes, str] = {}

    def run(self, scenarios: Sequence[Scenario]) -> list[list[Reply] | Refusal]:
        """For each scenario the replies to its probes, or the refusal that its setup met."""
        shapes = Shapes.of(self._catalog, scenarios)
        function = self._function(shapes)
        replies: list[list[Reply] | Refusal] = []
        for batch in _batches(scenarios):
            plan = "[" + ",".join(_encode(scenario, shapes) for scenario in batch) + "]"
            answer: list[list[Reply] | Refusal] = [[] for _ in batch]
            for number, reply, setup_failed in self._call(function, plan):
                place = answer[number - 1]
                if setup_failed:
                    assert reply.refusal is not None
                    answer[number - 1] = reply.refusal
                else:
                    assert isinstance(place, list)
                    place.append(reply)
            replies.extend(answer)
        return replies

    def _function(self, shapes: Shapes) -> str:
        name = self._functions.pop(shapes, None)
        if name is None:
            full = len(self._functions) == FUNCTIONS
            name = self._functions.pop(next(iter(self._functions))) if full else self._new_name()
            self._connection.execute(shapes.function(name).encode())
        self._functions[shapes] = name  # the last one used goes last
        return name

    def _new_name(self) -> str:
        return f"pg_temp.harness_probe_{len(self._functions) + 1}"

    def _call(self, function: str, plan: str) -> Iterator[tuple[int, Reply, bool]]:
        cursor = self._connection.execute(f"select * from {function}(%s)".encode(), [plan])
        for scenario, setup, rows, then, sqlstate, *rest in cursor:
            refusal = of_root(self._catalog, Refusal(sqlstate, *rest)) if sqlstate else None
            yield scenario, Reply(refusal, rows or 0, then), setup


def _batches(scenarios: Sequence[Scenario]) -> Iterator[list[Scenario]]:
    batch: list[Scenario] = []
    size = 0
    for scenario in scenarios:
        if batch and size + len(scenario.probes) > BATCH:
            yield batch
            batch, size = [], 0
        batch.append(scenario)
        size += len(scenario.probes)
    if batch:
        yield batch


def _encode(scenario: Scenario, shapes: Shapes) -> str:
    """``{"base": {table: row}, "setup": [step, …], "probes": [[step, settings, then, before], …]}`` as JSON text."""
    bases: dict[TableName, Values] = {}
    for statement in _statements(scenario):
        if isinstance(statement, Insert):
            bases.setdefault(statement.table, statement.values)
    base = ",".join(
        f'"{shapes.variable(table)}":{_row(shapes, table, values)}'
        for table, values in bases.items()
        if shapes.knows(table)
    )
    setup = ",".join(_step(shapes, statement, bases, {}) for statement in scenario.setup)
    probes = ",".join(
        f"[{_step(shapes, probe.statement, bases, probe.settings)},"
        f"{json.dumps(dict(probe.settings)) if probe.settings else 'null'},"
        f"{json.dumps(probe.then.sql) if probe.then else 'null'},{json.dumps(probe.before)}]"
        for probe in scenario.probes
    )
    return f'{{"base":{{{base}}},"setup":[{setup}],"probes":[{probes}]}}'


def _statements(scenario: Scenario) -> Iterator[Statement]:
    yield from scenario.setup
    for probe in scenario.probes:
        yield probe.statement


def _step(shapes: Shapes, statement: Statement, bases: dict[TableName, Values], settings: Any) -> str:
    """``[shape, row, key]``; a statement that no shape fits travels as its text."""
    shape = EXECUTE if settings else shapes.number(statement)
    if shape == EXECUTE or isinstance(statement, Execute):
        return f"[{EXECUTE},{json.dumps(statement.sql)}]"
    if isinstance(statement, Insert):
        base = bases.get(statement.table, {})
        changed = {
            column: value for column, value in statement.values.items() if column not in base or base[column] != value
        }
        return f"[{shape},{_row(shapes, statement.table, changed)}]"
    key = _row(shapes, statement.table, statement.key)
    change = _row(shapes, statement.table, getattr(statement, "set", {}))
    return f"[{shape},{change},{key}]"


def _row(shapes: Shapes, table: TableName, values: Values) -> str:
    """A row as JSON that ``jsonb_populate_record`` reads: texts, but JSON columns as themselves."""
    json_columns = shapes.json_columns(table)
    cells = (
        f"{json.dumps(column)}:{value if column in json_columns and value is not None else json.dumps(value)}"
        for column, value in values.items()
    )
    return "{" + ",".join(cells) + "}"
