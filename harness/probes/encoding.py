"""Scenarios as the JSON text that a batch's function reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from harness.catalog.model import Catalog
from harness.probes.family import Family
from harness.probes.loops import LoopShape, expected
from harness.probes.probe import Probe
from harness.probes.scenario import Scenario
from harness.probes.shapes import EXECUTE, Shapes
from harness.probes.statement import Execute, Insert, Statement, Update
from harness.project.model import TableName, Tuple, Values

Bases = Mapping[TableName, Values]


class Plan:
    """The plan of one batch: lists of values that families share travel once."""

    def __init__(self, catalog: Catalog, shapes: Shapes, refusing: Callable[[TableName], Sequence[str]]) -> None:
        """``refusing`` are the columns of a table of which a domain refuses NULL."""
        self._catalog = catalog
        self._shapes = shapes
        self._refusing = refusing
        self._lists: dict[tuple[Tuple, ...], int] = {}

    def text(self, scenarios: Sequence[Scenario]) -> str:
        """``{"scenarios": [scenario, …], "lists": [[row, …], …]}``"""
        encoded = ",".join(map(self._scenario, scenarios))
        lists = ",".join(json.dumps(rows) for rows in self._lists)
        return f'{{"scenarios":[{encoded}],"lists":[{lists}]}}'

    def _scenario(self, scenario: Scenario) -> str:
        """``{"base": {table: row}, "setup": [step, …], "probes": [[step, settings, then, before], …]}``

        It has ``"waits"`` where what is deferred is not to be asked before the probes.
        """
        bases: dict[TableName, Values] = {}
        for statement in _statements(scenario):
            row = statement.leaves if isinstance(statement, Execute) else statement
            if isinstance(row, Insert) and not any(row.values.get(name) is None for name in self._refusing(row.table)):
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
        waits = ',"waits":true' if scenario.waits else ""
        return f'{{"base":{{{base}}},"setup":[{setup}],"probes":[{probes}]{waits}}}'

    def _probe(self, probe: Probe, bases: Bases) -> str:
        # What an earlier transaction left empty cannot be told from what is set to be empty.
        settings = {**dict.fromkeys(probe.left_empty, ""), **probe.settings}
        return (
            f"[{self._step(probe.statement, bases, probe.settings)},"
            f"{json.dumps(settings) if settings else 'null'},"
            f"{json.dumps(probe.then.sql) if probe.then else 'null'},{json.dumps(probe.before)}]"
        )

    def _family(self, family: Family, bases: Bases) -> str:
        statement = family.statement
        loop = LoopShape.of(self._catalog, family)
        assert loop is not None, "what has no loop is tried one by one"
        keys = {
            "shape": self._shapes.loop(loop),
            "rows": self._list(family.rows),
            "variants": self._list(family.variants.rows) if loop.beside else None,
            "many": len(family.variants.rows),
            "expected": expected(self._catalog, family),
        }
        row = self._row(statement.table, _changed(bases.get(statement.table, {}), family.fixed))
        key = self._row(statement.table, statement.key if isinstance(statement, Update) else {})
        return f'{json.dumps(keys)[:-1]},"row":{row},"key":{key}}}'

    def _list(self, rows: tuple[Tuple, ...]) -> int:
        return self._lists.setdefault(rows, len(self._lists) + 1)

    def _step(self, statement: Statement, bases: Bases, settings: Any) -> str:
        """``[shape, row, key]``; a statement that no shape fits travels as its text."""
        shape = EXECUTE if settings else self._shapes.number(statement)
        if shape == EXECUTE or isinstance(statement, Execute) or self._needs_base(statement.table, bases):
            return f"[{EXECUTE},{json.dumps(statement.sql)}]"
        if isinstance(statement, Insert):
            changed = _changed(bases.get(statement.table, {}), statement.values)
            return f"[{shape},{self._row(statement.table, changed)}]"
        key = self._row(statement.table, statement.key)
        change = self._row(statement.table, getattr(statement, "set", {}))
        return f"[{shape},{change},{key}]"

    def _needs_base(self, table: TableName, bases: Bases) -> bool:
        """Whether there is no record of a row without a base: a domain refuses NULL also where a record has it."""
        return table not in bases and bool(self._refusing(table))

    def _row(self, table: TableName, values: Values) -> str:
        """A row as JSON that ``jsonb_populate_record`` reads: texts, but JSON columns as themselves."""
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


def _statements(scenario: Scenario) -> Iterator[Statement]:
    yield from scenario.setup
    for probe in scenario.probes:
        yield probe.statement
