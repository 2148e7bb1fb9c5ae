"""The bare loop: the rows that a run tried, typed, in tables, tried and undone by static SQL and nothing else."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.catalog.model import Catalog
from harness.probes import Delete, Insert, Probe, Scenario, SqlStatement, Update
from harness.probes.loops import bare_type
from harness.probes.statement import identifier, qualified
from harness.project.model import TableName

Row = tuple[str | None, ...]
Shape = tuple[str, TableName, tuple[str, ...], tuple[str, ...]]

LOOP = """
for r in select * from {values} where scenario = s loop
    begin
        {statement}
        raise exception sqlstate 'HX001';
    exception when others then null;
    end;
end loop;"""

SETUP = "insert into {table} ({columns}) overriding system value select {cells} from {values} where scenario = s;"

FUNCTION = """
create or replace function pg_temp.bare(scenarios integer) returns void language plpgsql as $bare$
#variable_conflict use_column
declare r record;
begin
    for s in 1 .. scenarios loop
        begin
            {setup}
            {loops}
            raise exception sqlstate 'HX001';
        exception when sqlstate 'HX001' then null;
        end;
    end loop;
end $bare$"""


@dataclass
class Bare:
    """Scenarios as tables of typed values, one for each form of statement, and the function that goes through them."""

    connection: Any
    catalog: Catalog
    scenarios: Sequence[Scenario]
    tried: int = 0
    left_out: int = 0
    _setup: dict[tuple[int, Shape], list[tuple[int, Row]]] = field(default_factory=dict)
    _probes: dict[Shape, list[tuple[int, Row]]] = field(default_factory=dict)

    def build(self) -> None:
        """Puts everything on the server, analyzed and indexed, so that the loop does nothing but try."""
        for number, scenario in enumerate(self.scenarios, 1):
            # One place after the other: parents before children.
            for place, statement in enumerate(scenario.setup):
                self._setup.setdefault((place, _shape(statement)), []).append((number, _row(statement)))
            for probe in scenario.one_by_one().probes:
                assert isinstance(probe, Probe)
                self._take(number, probe)
        names = (f"bare_{number}" for number in itertools.count())
        setup = [self._put(next(names), key[1], rows, SETUP) for key, rows in sorted(self._setup.items(), key=_place)]
        loops = [self._put(next(names), shape, rows, LOOP) for shape, rows in self._probes.items()]
        self.connection.execute(FUNCTION.format(setup="\n".join(setup), loops="\n".join(loops)).encode())

    def run(self) -> None:
        self.connection.execute(f"select pg_temp.bare({len(self.scenarios)})".encode())

    def _take(self, number: int, probe: Probe) -> None:
        if isinstance(probe.statement, Insert | Update | Delete) and not probe.settings:
            self._probes.setdefault(_shape(probe.statement), []).append((number, _row(probe.statement)))
            self.tried += 1
        else:
            self.left_out += 1

    def _put(self, name: str, shape: Shape, rows: Sequence[tuple[int, Row]], template: str) -> str:
        _, table, columns, key = shape
        definition = self.catalog.table(table)
        types = [bare_type(definition.column(column)) for column in (*columns, *key)]
        cells = ", ".join(f"v{n} {kind}" for n, kind in enumerate(types))
        self.connection.execute(f"create temporary table {name} (scenario integer, {cells})".encode())
        with self.connection.cursor().copy(f"copy {name} from stdin".encode()) as copy:
            for scenario, row in rows:
                copy.write_row((scenario, *row))
        self.connection.execute(f"create index on {name} (scenario); analyze {name}".encode())
        given = ", ".join(f"v{n}" for n in range(len(columns)))
        text = template.format(
            table=qualified(table),
            columns=", ".join(map(identifier, columns)),
            cells=given,
            values=name,
            statement=_static(shape),
        )
        return text


def _place(item: tuple[tuple[int, Shape], Any]) -> int:
    return item[0][0]


def _shape(statement: SqlStatement) -> Shape:
    match statement:
        case Insert(table, values):
            return "insert", table, tuple(values), ()
        case Update(table, key, changes):
            return "update", table, tuple(changes), tuple(key)
        case Delete(table, key):
            return "delete", table, (), tuple(key)
    raise ValueError("the tables of this bench need no other statements")


def _row(statement: SqlStatement) -> Row:
    return tuple(_values(statement))


def _values(statement: SqlStatement) -> Iterator[str | None]:
    if isinstance(statement, Insert):
        yield from statement.values.values()
    if isinstance(statement, Update):
        yield from statement.set.values()
    if isinstance(statement, Update | Delete):
        yield from statement.key.values()


def _static(shape: Shape) -> str:
    verb, table, columns, key = shape
    values = [f"r.v{n}" for n in range(len(columns))]
    where = " and ".join(f"{identifier(name)} = r.v{n}" for n, name in enumerate(key, len(columns)))
    if verb == "insert":
        names = ", ".join(map(identifier, columns))
        return f"insert into {qualified(table)} ({names}) overriding system value values ({', '.join(values)});"
    if verb == "update":
        changes = ", ".join(f"{identifier(name)} = {value}" for name, value in zip(columns, values, strict=True))
        return f"update {qualified(table)} set {changes} where {where};"
    return f"delete from {qualified(table)} where {where};"
