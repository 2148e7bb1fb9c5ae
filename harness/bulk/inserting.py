"""Inserts the rows of a query: all at once or, where one is refused, one by one with others instead.

Counts why rows were refused, and decides which errors are no refusals (a lost server, a full disk). The query for the
rows of one table is a series, joined with a combination of each pool and a parent of each key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import psycopg

from harness.catalog.model import ForeignKey, Table
from harness.probes.statement import identifier, literal, qualified
from harness.server.connection import value

ROW = "harness_row"

Keeping = Literal["suspected", "all"]
"""The rules that filter the rows of a query: those that rows are suspected to break, or all."""

SUSPECTED: Keeping = "suspected"
ALL: Keeping = "all"


@dataclass(frozen=True)
class InsertQuery:
    """Expressions for the columns of a table. ``outer`` ones need other values of the row, ``inner`` ones do not.

    ``sources`` are joins, ``rules`` are all predicates on one row, and rows are ``suspected`` to break some of them.
    ``settings`` are those of the user who writes a row, as expressions on it; with a role rows are inserted one by one.
    """

    table: Table
    inner: Mapping[str, str]
    outer: Mapping[str, str]
    sources: tuple[str, ...]
    rules: tuple[str, ...]
    suspected: tuple[str, ...]
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> str:
        return ", ".join(map(identifier, [*self.inner, *self.outer]))

    def rows(self, low: int, high: int, keeping: Keeping = SUSPECTED) -> str:
        """A query for the rows with these numbers that keep the rules.

        Its columns are ``harness_n`` and those that are inserted.
        """
        series = f"generate_series({low}::bigint, {high}::bigint) as harness_g (n)"
        values = "".join(f", {value} as {identifier(name)}" for name, value in self.inner.items())
        inner = f"select harness_g.n as harness_n{values} from {' '.join([series, *self.sources])}"
        own = "".join(f", {value} as {identifier(name)}" for name, value in self.outer.items())
        rows = f"select {ROW}.*{own} from ({inner}) as {ROW}"
        rules = self.rules if keeping == ALL else self.suspected
        return f"select * from ({self._computed(rows)}) as {self._name} where {' and '.join(rules)}" if rules else rows

    def insert(self, low: int, high: int, keeping: Keeping, on_conflict: str) -> str:
        """One INSERT of these rows, which ends with the clause ``on_conflict``."""
        head = f"insert into {qualified(self.table.name)}"
        if not self.columns:
            return f"{head} select from generate_series({low}::bigint, {high}::bigint){on_conflict}"
        # As each row is read, before it is inserted.
        set_for = "".join(f", {each}" for each in self.set_for_row)
        rows = f"select harness_r.*{set_for} from ({self.rows(low, high, keeping)}) as harness_r"
        rows = f"select {self.columns} from ({rows}) as harness_rows"
        return f"{head} ({self.columns}) overriding system value {rows}{on_conflict}"

    @property
    def set_for_row(self) -> list[str]:
        """Calls that make the settings of the user who writes the row ``harness_r``, the role last."""
        named = sorted(self.settings.items(), key=lambda item: item[0] == "role")
        return [f"set_config({literal(name)}, {value}, true)" for name, value in named]

    @property
    def _name(self) -> str:
        return identifier(self.table.name.table)

    def _computed(self, rows: str) -> str:
        """The rows with generated columns, and NULL for columns that are left to a default."""
        known = {*self.inner, *self.outer}
        more = [
            f"{f'({column.default})' if column.generated else f'null::{column.type}'} as {identifier(column.name)}"
            for column in self.table.columns
            if column.name not in known
        ]
        return f"select {', '.join([f'{self._name}.*', *more])} from ({rows}) as {self._name}" if more else rows


FEW = 0.2
"""The part of the rows of which fewer must be accepted before they are tried one by one, to stop in time."""

TRIES = 20
"""Rows that are tried for each that is requested."""

IN_VAIN = 200
"""Rows that are refused, with none accepted, before a table is given up."""

_LOST = ("08", "53", "57", "58")
"""Classes of SQLSTATEs that say nothing of a row: connection lost, resources, intervention, system error."""


@dataclass
class InsertTally:
    """The number of inserted rows, and the reasons why others were refused."""

    rows: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def reason(self) -> str | None:
        """The reason why most of the rows were refused."""
        return self.refused.most_common(1)[0][0] if self.refused else None


def insert(connection: psycopg.Connection[Any], query: InsertQuery, low: int, wanted: int, tally: InsertTally) -> int:
    """Inserts ``wanted`` rows, if there are so many; returns the number behind the last one that was tried."""
    end, keeping = low + wanted * TRIES + IN_VAIN, SUSPECTED
    # ON CONFLICT does not work with deferrable keys.
    deferrable = any(each.deferrable for each in query.table.constraints if not isinstance(each, ForeignKey))
    on_conflict = "" if deferrable else " on conflict do nothing"
    while wanted > 0 and low < end:
        high = low + wanted - 1
        if "role" in query.settings:
            return low + _one_by_one(connection, query, (low, end), wanted, keeping, tally)
        added = _at_once(connection, query.insert(low, high, keeping, on_conflict), tally)
        if added is None and query.rules and keeping == SUSPECTED:
            keeping = ALL
            continue
        if added is None or added < wanted * FEW:
            wanted -= added or 0
            tally.rows += added or 0
            first = low if added is None else high + 1
            return first + _one_by_one(connection, query, (first, end), wanted, keeping, tally)
        tally.rows += added
        wanted, low = wanted - added, high + 1
    return low


def _at_once(connection: psycopg.Connection[Any], statement: str, tally: InsertTally) -> int | None:
    try:
        with connection.transaction():
            return connection.execute(statement.encode()).rowcount
    except psycopg.Error as error:
        tally.refused[describe(error)] += 1
        return None


def _one_by_one(
    connection: psycopg.Connection[Any],
    query: InsertQuery,
    numbers: tuple[int, int],
    wanted: int,
    keeping: Keeping,
    tally: InsertTally,
) -> int:
    """Tries the rows with these numbers, each by itself, until ``wanted`` are in; returns how many were tried."""
    for rules in (keeping, ALL if keeping == SUSPECTED else SUSPECTED):
        try:
            with connection.transaction():
                connection.execute(_function(query, query.rows(*numbers, rules), wanted).encode())
                found = value(connection, "select pg_temp.harness_fill()")
                connection.execute(b"drop function pg_temp.harness_fill()")
        except psycopg.Error as error:
            tally.refused[describe(error)] += 1
            continue
        tally.rows += found["rows"]
        tally.refused.update({reason: count for reason, count in found["refused"].items() if count})
        return int(found["tried"])
    return 0


def raise_if_lost(error: psycopg.Error) -> None:
    """Raises the error again if it refuses no row: the server is lost, or its disk is full."""
    if error.sqlstate is None or error.sqlstate.startswith(_LOST):
        raise error


def describe(error: psycopg.Error) -> str:
    """The constraint that refused a row, or else the message, and the SQLSTATE. See :func:`raise_if_lost`."""
    raise_if_lost(error)
    diag = error.diag
    name = diag.constraint_name or (f"not null of {diag.column_name}" if diag.column_name else None)
    return f"{name or diag.message_primary} ({diag.sqlstate})"


def _function(query: InsertQuery, rows: str, wanted: int) -> str:
    body = _BODY.format(
        query=rows,
        table=qualified(query.table.name),
        into=f"({query.columns}) overriding system value" if query.columns else "",
        values=", ".join(f"harness_r.{identifier(name)}" for name in (*query.inner, *query.outer)),
        settings="".join(f"perform {each}; " for each in query.set_for_row),
        reset="reset role;" if "role" in query.settings else "",
        wanted=wanted,
        in_vain=IN_VAIN,
    )
    tag = "$harness$"
    return f"create or replace function pg_temp.harness_fill() returns jsonb language plpgsql as {tag}{body}{tag}"


_BODY = """
#variable_conflict use_column
declare
    harness_r record;
    harness_rows bigint := 0;
    harness_tried bigint := 0;
    harness_refused jsonb := '{{}}';
    harness_state text; harness_name text; harness_column text; harness_message text;
begin
    for harness_r in {query} loop
        harness_tried := harness_tried + 1;
        harness_name := null;
        begin
            {settings}insert into {table} {into} values ({values});
            {reset}
            if found then
                harness_rows := harness_rows + 1;
            else
                harness_name := 'a trigger leaves rows out';
            end if;
        exception when others or assert_failure then
            get stacked diagnostics harness_state = returned_sqlstate, harness_name = constraint_name,
                harness_column = column_name, harness_message = message_text;
            harness_name := coalesce(nullif(harness_name, ''), 'not null of ' || nullif(harness_column, ''),
                harness_message) || ' (' || harness_state || ')';
        end;
        if harness_name is not null then
            harness_refused := jsonb_set(harness_refused, array[harness_name],
                to_jsonb(coalesce((harness_refused ->> harness_name)::bigint, 0) + 1));
        end if;
        exit when harness_rows >= {wanted} or (harness_rows = 0 and harness_tried >= {in_vain});
    end loop;
    return jsonb_build_object('rows', harness_rows, 'tried', harness_tried, 'refused', harness_refused);
end
"""
