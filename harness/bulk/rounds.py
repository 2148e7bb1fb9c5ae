"""Inserting the rows of a recipe: all at once, or, where one is refused, one by one with others in their place."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.bulk.recipe import Recipe
from harness.catalog.model import ForeignKey
from harness.probes.statement import identifier, qualified

if TYPE_CHECKING:
    import psycopg

FEW = 0.2
"""When less than this part of the rows is taken, they are tried one by one: the server then stops in time."""

TRIES = 20
"""How many rows are tried for each that is wanted."""

IN_VAIN = 200
"""Refusals without a single row taken after which a table is given up."""

_GONE = ("08", "53", "57", "58")


@dataclass
class Tally:
    """How many rows were inserted, and what refused the others."""

    rows: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def reason(self) -> str | None:
        """What refused most of the rows."""
        return self.refused.most_common(1)[0][0] if self.refused else None


def insert(connection: psycopg.Connection[Any], recipe: Recipe, low: int, wanted: int, tally: Tally) -> int:
    """Inserts ``wanted`` rows, if there are so many; returns the number behind the last one that was tried."""
    end, strictly, conflicts = low + wanted * TRIES + IN_VAIN, False, not _has_deferrable_key(recipe)
    while wanted > 0 and low < end:
        high = low + wanted - 1
        added = _at_once(connection, recipe.insert(low, high, strictly, conflicts), tally)
        if added is None and recipe.rules and not strictly:
            strictly = True
            continue
        if added is None or added < wanted * FEW:
            wanted -= added or 0
            tally.rows += added or 0
            first = low if added is None else high + 1
            return first + _one_by_one(connection, recipe, (first, end), wanted, strictly, tally)
        tally.rows += added
        wanted, low = wanted - added, high + 1
    return low


def _at_once(connection: psycopg.Connection[Any], statement: str, tally: Tally) -> int | None:
    import psycopg

    try:
        with connection.transaction():
            return connection.execute(statement.encode()).rowcount
    except psycopg.Error as error:
        tally.refused[described(error)] += 1
        return None


def _one_by_one(
    connection: psycopg.Connection[Any],
    recipe: Recipe,
    numbers: tuple[int, int],
    wanted: int,
    strictly: bool,
    tally: Tally,
) -> int:
    """Tries the rows with these numbers, each by itself, until ``wanted`` are in; returns how many were tried."""
    import psycopg

    for rules in (strictly, not strictly):
        query = recipe.rows(*numbers, strictly=rules)
        try:
            with connection.transaction():
                connection.execute(_function(recipe, query, wanted).encode())
                row = connection.execute(b"select pg_temp.harness_fill()").fetchone()
                connection.execute(b"drop function pg_temp.harness_fill()")
        except psycopg.Error as error:
            tally.refused[described(error)] += 1
            continue
        found = row[0] if row else {}
        found = json.loads(found) if isinstance(found, str) else found
        tally.rows += found["rows"]
        tally.refused.update({reason: count for reason, count in found["refused"].items() if count})
        return int(found["tried"])
    return 0


def described(error: psycopg.Error) -> str:
    """A refusal in a few words; raises it again if it is none: the server has gone, or its disk is full."""
    diag = error.diag
    if diag.sqlstate is None or diag.sqlstate.startswith(_GONE):
        raise error
    name = diag.constraint_name or (f"not null of {diag.column_name}" if diag.column_name else None)
    return f"{name or diag.message_primary} ({diag.sqlstate})"


def _function(recipe: Recipe, query: str, wanted: int) -> str:
    body = _BODY.format(
        query=query,
        table=qualified(recipe.table.name),
        into=f"({recipe.columns}) overriding system value" if recipe.columns else "",
        values=", ".join(f"harness_r.{identifier(name)}" for name in (*recipe.inner, *recipe.outer)),
        wanted=wanted,
        in_vain=IN_VAIN,
    )
    tag = "$harness$"
    return f"create or replace function pg_temp.harness_fill() returns jsonb language plpgsql as {tag}{body}{tag}"


def _has_deferrable_key(recipe: Recipe) -> bool:
    """ON CONFLICT does not work with these."""
    return any(each.deferrable for each in recipe.table.constraints if not isinstance(each, ForeignKey))


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
            insert into {table} {into} values ({values});
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
