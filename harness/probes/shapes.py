"""The temporary function of a batch: one static statement for each shape that occurs in it.

Decides which statements have a shape; others are sent as text. Gives up a setup whose INSERT left no row (``LOST``),
and tells a refused setting of a probe (``UNTRIED``) from a refused statement.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from harness.catalog.model import Catalog
from harness.probes.family import Family, Scenario
from harness.probes.loops import CONFLICT, FAMILIES, UNREADABLE, VARIABLES, LoopShape
from harness.probes.reply import LOST
from harness.probes.settling import IMMEDIATE, settle
from harness.probes.statement import (
    Delete,
    Execute,
    Insert,
    SqlStatement,
    Update,
    identifier,
    literal,
    qualified,
    written,
)
from harness.project.model import TableName

EXECUTE = 0
"""The number for statements without a shape: their text is executed."""

AT_COMMIT = 0
"""The member in the reply of a setup that was refused only when its deferred constraints were checked."""

UNTRIED = "HX002"
"""The SQLSTATE of a reply for a probe whose settings were refused: its statement was never tried."""

Shape = tuple[str, TableName, tuple[str, ...], tuple[str, ...]]
"""The parts that a static statement depends on: verb, table, columns, key columns."""

FUNCTION = """\
create or replace function {name}(plan jsonb)
returns table (
    scenario integer, place integer, member integer, changed bigint, found_then text, state text,
    in_schema text, in_table text, in_column text, in_constraint text, in_datatype text, message text, context text,
    detail text, conflict text
)
language plpgsql as $harness$
#variable_conflict use_column
declare
    harness_lists jsonb[] := array(select value from jsonb_array_elements(plan -> 'lists'));
    harness_scenario jsonb;
    harness_probe jsonb;
    harness_step jsonb;
    harness_phase text;
{family_variables}    {variables}
begin
    scenario := 0;
    for harness_scenario in select value from jsonb_array_elements(plan -> 'scenarios') loop
        scenario := scenario + 1; place := 0; member := null;
        begin
            {bases}
            for harness_step in select value from jsonb_array_elements(harness_scenario -> 'setup') loop
                {dispatch}
                {lost}
            end loop;
            {settle_rows}
            for harness_probe in select value from jsonb_array_elements(harness_scenario -> 'probes') loop
                place := place + 1; member := null; changed := 0; found_then := null; state := null;
                harness_phase := 'settings';
                in_schema := null; in_table := null; in_column := null; in_constraint := null;
                in_datatype := null; message := null; context := null; detail := null; conflict := null;
                {families}
                begin
                    harness_step := harness_probe -> 0;
                    if jsonb_typeof(harness_probe -> 3) = 'string' then
                        execute harness_probe ->> 3;
                        {settle}
                        found_then := current_setting('harness.foreseen', true);
                    end if;
                    if jsonb_typeof(harness_probe -> 1) = 'object' then
                        perform set_config(key, value, true)
                        from jsonb_each_text(harness_probe -> 1) where key <> 'role';
                        -- The role last: the role that is taken on may not be allowed to set the others.
                        if harness_probe -> 1 ? 'role' then
                            perform set_config('role', harness_probe -> 1 ->> 'role', true);
                        end if;
                    end if;
                    harness_phase := 'statement';
                    {dispatch}
                    get diagnostics changed = row_count;
                    {early}
                    if jsonb_typeof(harness_probe -> 2) = 'string' then
                        harness_phase := 'then';
                        perform set_config('role', 'none', true);
                        perform set_config('harness.changed', changed::text, true);
                        execute harness_probe ->> 2 into found_then;
                        harness_phase := 'statement';
                    end if;
                    {immediate}
                    raise exception using errcode = 'HX001';
                exception
                    when sqlstate 'HX001' then null;
                    when others or assert_failure then
                        get stacked diagnostics
                            message = message_text, state = returned_sqlstate, in_schema = schema_name,
                            in_table = table_name, in_column = column_name, in_constraint = constraint_name,
                            in_datatype = pg_datatype_name, context = pg_exception_context;
                        {conflict}
                        if harness_phase = 'then' then
                            found_then := 'error: ' || message;
                            state := null;
                        elsif harness_phase = 'settings' then
                            state := '{untried}';
                        end if;
                end;
                return next;
            end loop;
            raise exception using errcode = 'HX001';
        exception
            when sqlstate 'HX001' then null;
            when others or assert_failure then
                get stacked diagnostics
                    message = message_text, state = returned_sqlstate, in_schema = schema_name,
                    in_table = table_name, in_column = column_name, in_constraint = constraint_name,
                    in_datatype = pg_datatype_name, context = pg_exception_context;
                {conflict}
                place := 0; changed := 0; found_then := null;
                return next;
        end;
    end loop;
end
$harness$"""


@dataclass(frozen=True)
class Shapes:
    """The shapes of a batch in the order of their numbers, from 1, and facts of the catalog about their tables."""

    shapes: tuple[Shape, ...]
    tables: tuple[TableName, ...]
    settle: tuple[str, ...]
    json: tuple[tuple[TableName, str], ...] = field(repr=False)
    loops: tuple[LoopShape, ...] = ()

    @classmethod
    def of(cls, catalog: Catalog, scenarios: Iterable[Scenario]) -> Shapes:
        """All shapes that occur, without tables that the catalog lacks."""
        found: dict[Shape, None] = {}
        loops: dict[LoopShape, None] = {}
        for scenario in scenarios:
            for statement in scenario.setup:
                _add(found, catalog, statement)
            for probe in scenario.probes:
                if isinstance(probe, Family):
                    loop = LoopShape.of(catalog, probe)
                    assert loop is not None, "a family without a loop is tried one by one"
                    loops.setdefault(loop)
                elif not probe.settings:
                    _add(found, catalog, probe.statement)
        tables = tuple(dict.fromkeys([*(shape[1] for shape in found), *(loop.table for loop in loops)]))
        json = tuple(
            (name, column.name) for name in tables for column in catalog.tables[name].columns if column.is_json
        )
        return cls(tuple(found), tables, settle(catalog), json, tuple(loops))

    def number(self, statement: SqlStatement) -> int:
        """The number of a statement's shape; :data:`EXECUTE` if it has none."""
        shape = _shape(statement)
        if shape is None or shape not in self.shapes or self._has_json_null(statement):
            return EXECUTE
        return self.shapes.index(shape) + 1

    def knows(self, table: TableName) -> bool:
        return table in self.tables

    def variable(self, table: TableName) -> int:
        return self.tables.index(table) + 1

    def json_columns(self, table: TableName) -> frozenset[str]:
        return frozenset(column for name, column in self.json if name == table)

    def _has_json_null(self, statement: SqlStatement) -> bool:
        # A JSON null in a json column: jsonb_populate_record makes an SQL NULL of it.
        values = getattr(statement, "values", None) or getattr(statement, "set", {})
        columns = self.json_columns(getattr(statement, "table"))  # noqa: B009 - not every Statement has one
        return any((values.get(column) or "").strip() == "null" for column in columns)

    def loop(self, loop: LoopShape) -> int:
        """The number of a family's loop."""
        return self.loops.index(loop) + 1

    def function(self, name: str, catalog: Catalog) -> str:
        """The text that creates the function."""
        rows = [f"{row} {qualified(table)};" for table in self.tables for row in self._variables(table)]
        bases = [
            f"harness_b{n} := case when harness_scenario -> 'base' ? '{n}' then "
            f"jsonb_populate_record(null::{qualified(table)}, harness_scenario -> 'base' -> '{n}') end;"
            for n, table in enumerate(self.tables, 1)
        ]
        rows += [f"harness_f{n} record;" for n, _ in enumerate(self.loops, 1)]
        immediate = f"{IMMEDIATE};" if self.settle else ""
        asked = " ".join(f"{each};" for each in self.settle)
        settled = f"if not harness_scenario ? 'waits' then {asked} end if;" if asked else ""
        return FUNCTION.format(
            name=name,
            untried=UNTRIED,
            conflict=CONFLICT,
            family_variables=VARIABLES if self.loops else "",
            variables="\n    ".join(rows),
            families=self._families(catalog, immediate) if self.loops else "",
            bases="\n            ".join(bases),
            dispatch=self._dispatch(),
            lost=self._lost(),
            early=f"if not harness_scenario ? 'unsettled' then {immediate} end if;" if immediate else "",
            immediate=immediate,
            settle=settled,
            settle_rows=f"member := {AT_COMMIT}; {settled} member := null;" if settled else "",
        )

    def _families(self, catalog: Catalog, immediate: str) -> str:
        branches = (
            f"when {number} then {loop.sql(catalog.tables[loop.table], number, self.variable(loop.table), immediate)}"
            for number, loop in enumerate(self.loops, 1)
        )
        return FAMILIES.format(branches="\n".join(branches), unreadable=UNREADABLE)

    def _variables(self, table: TableName) -> tuple[str, str, str]:
        n = self.variable(table)
        return f"harness_b{n}", f"harness_r{n}", f"harness_k{n}"

    def _dispatch(self) -> str:
        branches = [f"when {n} then {self._static(shape)}" for n, shape in enumerate(self.shapes, 1)]
        branches.append(f"when {EXECUTE} then execute harness_step ->> 1;")
        return "case (harness_step ->> 0)::integer\n" + "\n".join(branches) + "\nend case;"

    def _lost(self) -> str:
        """The code that ends a setup whose INSERT left no row: its probes would be tried on nothing."""
        tables = {number: shape[1] for number, shape in enumerate(self.shapes, 1) if shape[0] == "insert"}
        branches = "\n".join(
            f"when {number} then raise exception using errcode = '{LOST}', schema = {literal(table.schema)}, "
            f"table = {literal(table.table)}, message = {literal(f'an INSERT into {table} left no row')};"
            for number, table in tables.items()
        )
        # EXECUTE does not change FOUND.
        if not tables:
            return ""
        return f"if not found then case (harness_step ->> 0)::integer {branches} else null; end case; end if;"

    def _static(self, shape: Shape) -> str:
        verb, table, columns, key = shape
        base, row, keys = self._variables(table)
        read_row = f"{row} := jsonb_populate_record({base}, harness_step -> 1);\n"
        read_key = f"{keys} := jsonb_populate_record({base}, harness_step -> 2);\n"
        where = " and ".join(f"{identifier(column)} = {keys}.{identifier(column)}" for column in key)
        if verb == "insert":
            names = ", ".join(identifier(column) for column in columns)
            values = ", ".join(f"{row}.{identifier(column)}" for column in columns)
            return (
                f"{read_row}insert into {qualified(table)} ({names}) overriding system value values ({values});"
                if columns
                else f"insert into {qualified(table)} default values;"
            )
        if verb == "update":
            changes = ", ".join(f"{identifier(column)} = {row}.{identifier(column)}" for column in columns)
            return f"{read_row}{read_key}update {qualified(table)} set {changes} where {where};"
        return f"{read_key}delete from {qualified(table)} where {where};"


def _add(found: dict[Shape, None], catalog: Catalog, statement: SqlStatement) -> None:
    shape = _shape(statement)
    if shape is not None and shape[1] in catalog.tables:
        found.setdefault(shape)


def _shape(statement: SqlStatement) -> Shape | None:
    match statement:
        case Insert(table, values):
            return "insert", table, tuple(written(values)), ()
        case Update(table, key, changes) if None not in key.values():
            return "update", table, tuple(written(changes)), tuple(key)
        case Delete(table, key) if None not in key.values():
            return "delete", table, (), tuple(key)
        case Execute() | _:
            return None
