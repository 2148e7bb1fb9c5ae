"""The loop that tries a family in a batch's function: typed values around one static statement.

The server counts the probes that it knows to be as expected, and replies only for the others. Each probe that it counts
``proving.attribution.judge`` would find as expected, too. Decides which families have to be tried one by one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from harness.catalog.model import Catalog, Column, Table
from harness.probes.family import Family
from harness.probes.probe import Accepted, Refused
from harness.probes.reply import CONFLICTS
from harness.probes.statement import Insert, Update, identifier, qualified
from harness.project.model import TableName

UNREADABLE = "HX003"
"""The SQLSTATE of a reply for a family whose values could not be read: its probes have to be tried one by one."""

_STATES = ", ".join(f"'{state}'" for state in CONFLICTS)
CONFLICT = (
    f"detail := null; conflict := null; if state in ({_STATES}) then"
    " conflict := state; get stacked diagnostics detail = pg_exception_detail; end if;"
)
"""Code of an exception block: returns an error that another session may have caused with its detail."""

VARIABLES = """\
    harness_counted bigint;
    harness_expected jsonb;
    harness_accepts boolean;
    harness_rows bigint;
    harness_states text[];
    harness_schema text;
    harness_table text;
    harness_constraint text;
    harness_column text;
"""

# Variables that hold the last refusal are only read after one: they need not be emptied for every probe.
LOOP = """\
harness_r{n} := jsonb_populate_record(harness_b{n}, harness_probe -> 'row');
harness_k{n} := jsonb_populate_record(harness_b{n}, harness_probe -> 'key');
for harness_f{number} in {query} loop
    begin
        {statement}
        get diagnostics changed = row_count;
        {immediate}
        raise exception using errcode = 'HX001';
    exception
        when sqlstate 'HX001' then
            if harness_accepts and (harness_rows is null or changed = harness_rows) then
                harness_counted := harness_counted + 1;
            else
                member := harness_f{number}.harness_member;
                state := null; in_schema := null; in_table := null; in_column := null; in_constraint := null;
                in_datatype := null; message := null; context := null; detail := null; conflict := null;
                return next;
            end if;
        when others or assert_failure then
            get stacked diagnostics
                state = returned_sqlstate, in_schema = schema_name, in_table = table_name,
                in_column = column_name, in_constraint = constraint_name, in_datatype = pg_datatype_name;
            if state = any(harness_states) and {same_rule} then
                harness_counted := harness_counted + 1;
            else
                get stacked diagnostics message = message_text, context = pg_exception_context;
                {conflict}
                member := harness_f{number}.harness_member; changed := 0;
                return next;
            end if;
    end;
end loop;"""

# A rule of a domain comes without a table, and without a column.
SAME_RULE = """\
(harness_constraint is null or in_constraint = harness_constraint) and (
                in_table = '' and in_datatype <> ''
                or (harness_table is null or in_table = harness_table and in_schema = harness_schema)
                and (harness_column is null or in_column = harness_column))"""

FAMILIES = """\
if jsonb_typeof(harness_probe) = 'object' then
                    harness_counted := 0;
                    harness_expected := harness_probe -> 'expected';
                    harness_accepts := (harness_expected ->> 'accepts')::boolean;
                    harness_rows := (harness_expected ->> 'rows')::bigint;
                    harness_states := array(select jsonb_array_elements_text(harness_expected -> 'states'));
                    harness_schema := harness_expected ->> 'schema';
                    harness_table := harness_expected ->> 'table';
                    harness_constraint := harness_expected ->> 'constraint';
                    harness_column := harness_expected ->> 'column';
                    begin
                        case (harness_probe ->> 'shape')::integer
                        {branches}
                        end case;
                    exception when others or assert_failure then
                        state := '{unreadable}'; member := null;
                        return next;
                        continue;
                    end;
                    member := null; changed := harness_counted; state := null; conflict := null;
                    return next;
                    continue;
                end if;"""


@dataclass(frozen=True)
class LoopShape:
    """The parts of a family that its loop depends on; ``fixed`` columns have one value for all probes."""

    verb: str
    table: TableName
    fixed: tuple[str, ...]
    key: tuple[str, ...]
    columns: tuple[str, ...]
    variants: tuple[str, ...]

    @classmethod
    def of(cls, catalog: Catalog, family: Family) -> LoopShape | None:
        """The shape of a family; None if its probes have to be tried one by one."""
        statement = family.statement
        key = statement.key if isinstance(statement, Update) else {}
        table = catalog.tables.get(statement.table)
        if table is None or None in key.values() or _has_json_null(table, family):
            return None
        verb = "insert" if isinstance(statement, Insert) else "update"
        return cls(verb, table.name, tuple(family.fixed), tuple(key), family.columns, family.variants.columns)

    def sql(self, table: Table, number: int, n: int, immediate: str) -> str:
        """The code of the loop; ``n`` is the number of the table's variables."""
        values = {name: f"harness_r{n}.{identifier(name)}" for name in self.fixed}
        values |= {name: f"harness_f{number}.harness_v{place}" for place, name in enumerate(self.variants)}
        values |= {name: f"harness_f{number}.harness_c{place}" for place, name in enumerate(self.columns)}
        return LOOP.format(
            number=number,
            n=n,
            query=self._query(table),
            statement=self._statement(values, n),
            immediate=immediate,
            same_rule=SAME_RULE,
            conflict=CONFLICT,
        )

    def _statement(self, values: dict[str, str], n: int) -> str:
        if self.verb == "insert":
            names = ", ".join(map(identifier, values))
            return (
                f"insert into {qualified(self.table)} ({names}) overriding system value"
                f" values ({', '.join(values.values())});"
            )
        changes = ", ".join(f"{identifier(name)} = {value}" for name, value in values.items())
        where = " and ".join(f"{identifier(name)} = harness_k{n}.{identifier(name)}" for name in self.key)
        return f"update {qualified(self.table)} set {changes} where {where};"

    def _query(self, table: Table) -> str:
        """The query for the values of each probe with its number; converts each text once, not for each combination."""
        rows = _list(table, self.columns, "harness_c", "rows")
        if not self.variants:
            return f"select harness_n as harness_member, rows.* from ({rows}) as rows"
        variants = _list(table, self.variants, "harness_v", "variants")
        return (
            f"with rows as materialized ({rows}), variants as materialized ({variants})"
            " select rows.harness_n * (harness_probe ->> 'many')::integer + variants.harness_n as harness_member,"
            " rows.*, variants.* from rows cross join variants"
        )


def expected(catalog: Catalog, family: Family) -> dict[str, Any]:
    """The outcome that the server counts as expected; it need not recognise every one that is."""
    match family.of.expected:
        case Accepted(rows):
            return {"accepts": True, "rows": rows, "states": []}
        case Refused(sqlstates, table, constraint, column, routines):
            if routines or (table is not None and catalog.root(table, constraint or "", column or "")[0] != table):
                return {"accepts": False, "states": []}
            named = {"schema": table.schema, "table": table.table} if table else {}
            return {"accepts": False, "states": sqlstates, "constraint": constraint, "column": column, **named}
    return {"accepts": False, "states": []}


def _list(table: Table, columns: tuple[str, ...], prefix: str, name: str) -> str:
    cells = "".join(
        f", (value ->> {place})::{bare_type(table.column(column))} as {prefix}{place}"
        for place, column in enumerate(columns)
    )
    source = f"jsonb_array_elements(harness_lists[(harness_probe ->> '{name}')::integer])"
    return f"select ordinality::integer - 1 as harness_n{cells} from {source} with ordinality"


def bare_type(column: Column) -> str:
    """A column's type without its length: a cast would truncate a value that the column refuses."""
    if "." in column.base_type:
        return re.sub(r'\([^()"]*\)((\[\])*)$', r"\1", column.base_type)
    return f"pg_catalog.{identifier(column.base_name)}"


def _has_json_null(table: Table, family: Family) -> bool:
    """Whether a fixed column holds a JSON null: read from JSON it would become an SQL NULL."""
    return any(table.column(name).is_json and (value or "").strip() == "null" for name, value in family.fixed.items())
