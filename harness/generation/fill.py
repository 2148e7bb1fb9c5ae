"""Fills a table with many rows at once, as a grown application would have left it, for planners to look at.

The rows are made by the server: columns that rules tie together take combinations from their pools, the others spread
over a plausible range of their type, references lead to rows of a parent that is filled first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.catalog.model import Catalog, Column, Table
from harness.generation.candidates import sample
from harness.generation.pool import Pool
from harness.generation.pools import Pools, Unfillable
from harness.probes.statement import identifier, literal, qualified

if TYPE_CHECKING:
    import psycopg

ROWS = 10_000
"""Rows of a filled table: enough that reading all of it is the wrong plan for a query that wants a few."""

FAN_OUT = 10
"""Children for each parent."""


def fill(connection: psycopg.Connection[Any], catalog: Catalog, pools: Pools, table: Table, rows: int = ROWS) -> None:
    """Inserts about ``rows`` rows into a table and fewer into its ancestors, then analyzes them; commits.

    Triggers and foreign keys are switched off for it where the role may do that. Raises :class:`Unfillable` where
    one refuses a row nevertheless.
    """
    import psycopg

    order = _ancestry(catalog, table)
    with connection.transaction():
        connection.execute("select setseed(0.5)")
        silent = _is_superuser(connection)
        if silent:
            connection.execute("set local session_replication_role to replica")
        for ancestor, generation in order:
            # Where no trigger looks, rows may be what others have become since they were born.
            drawn = pools.of(ancestor, born=not silent)
            statement = _statement(catalog, drawn, ancestor, max(rows // FAN_OUT**generation, 20))
            try:
                connection.execute(statement.encode())
            except (psycopg.OperationalError, psycopg.InternalError, psycopg.ProgrammingError):
                raise
            except psycopg.DatabaseError as error:  # a constraint, or a trigger with whatever SQLSTATE
                how = "" if silent else " without switching triggers off, which takes a superuser"
                raise Unfillable(f"{ancestor.name} cannot be filled{how}: {error.diag.message_primary}") from None
    for ancestor, _ in order:
        # Not only analyzed: a GIN index looks expensive until its pending entries are sorted in.
        connection.execute(f"vacuum (analyze) {qualified(ancestor.name)}".encode())


def _ancestry(catalog: Catalog, table: Table) -> list[tuple[Table, int]]:
    """The table after all it refers to, each with its generation above the table."""
    order: dict[Any, int] = {}

    def visit(current: Table, generation: int) -> None:
        if generation > 6 or order.get(current.name, -1) >= generation:
            return
        order[current.name] = generation
        for key in current.of_type("f"):
            if key.references is not None and key.references != current.name:
                visit(catalog.table(key.references), generation + 1)

    visit(table, 0)
    names = sorted(order, key=lambda name: -order[name])
    return [(catalog.table(name), order[name]) for name in names]


def _is_superuser(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute("select rolsuper from pg_roles where rolname = current_user").fetchone()
    return bool(row and row[0])


def _statement(catalog: Catalog, pools: Sequence[Pool], table: Table, rows: int) -> str:
    """One INSERT: a series joined with a picked combination of each pool and a picked parent of each reference."""
    values: dict[str, str] = {}
    sources = [f"generate_series(1, {rows}) as harness_g (n)"]
    unique = {column for key in table.unique_keys for column in key.columns}
    for column in table.columns:
        if column.is_supplied:
            values[column.name] = _spread(column, column.name in unique, rows)
    for number, pool in enumerate(pools):
        sources.append(_pick_from_pool(table, pool, number))
        values |= {name: f"harness_p{number}.{identifier(name)}" for name in pool.columns}
    led: set[str] = set()
    for number, key in enumerate(sorted(table.of_type("f"), key=lambda key: len(key.columns))):
        assert key.references is not None
        if key.references == table.name:
            values |= {column: "null" for column in key.columns if not table.column(column).not_null}
            continue
        pairs = dict(zip(key.columns, key.referenced_columns, strict=True))
        # Two references that share a column lead to parents of one owner.
        shared = {referenced: values[name] for name, referenced in pairs.items() if name in led}
        needed = all(table.column(name).not_null for name in pairs if name not in led)
        sources.append(_pick_parent(catalog.table(key.references), key.referenced_columns, number, shared, needed))
        for name, referenced in pairs.items():
            if name in led:
                continue
            led.add(name)
            parent, decided = f"harness_f{number}.{identifier(referenced)}", values[name]
            # Rules have decided whether it leads anywhere: only where to is the parent's.
            ruled = decided.startswith("harness_p") and not table.column(name).not_null
            values[name] = f"case when {decided} is not null then {parent} end" if ruled else parent
    columns = ", ".join(map(identifier, values))
    return (
        f"insert into {qualified(table.name)} ({columns}) overriding system value "
        f"select {', '.join(values.values())} from {' '.join(sources)} on conflict do nothing"
    )


def _pick_from_pool(table: Table, pool: Pool, number: int) -> str:
    """Joins one combination, at random; NULLs and edges are as frequent as anything else."""
    rows = ", ".join(
        f"({place}, {', '.join(literal(value) for value in row)})" for place, row in enumerate(pool.rows[:200])
    )
    names = ", ".join(map(identifier, pool.columns))
    typed = ", ".join(f"v.{identifier(name)}::{table.column(name).type} as {identifier(name)}" for name in pool.columns)
    count = min(len(pool.rows), 200)
    # The reference to harness_g makes PostgreSQL pick anew for every row.
    return (
        f"cross join lateral (select {typed} from (values {rows}) as v (place, {names})"
        f" where v.place = (harness_g.n * 7919::bigint + harness_g.n / {count}) % {count}) as harness_p{number}"
    )


def _pick_parent(parent: Table, columns: tuple[str, ...], number: int, shared: Mapping[str, str], needed: bool) -> str:
    """Joins a parent; one with the values that are ``shared`` with another reference, if there is one."""
    names = ", ".join(map(identifier, columns))
    if shared:
        same = " and ".join(f"p.{identifier(name)} = {value}" for name, value in shared.items())
        query = f"select {names} from {qualified(parent.name)} as p where {same} limit 1"
        return f"{'' if needed else 'left '}join lateral ({query}) as harness_f{number} on true"
    numbered = f"select {names}, row_number() over () as place, count(*) over () as total from {qualified(parent.name)}"
    return (
        f"join ({numbered}) as harness_f{number}"
        f" on harness_f{number}.place = 1 + (harness_g.n * 7919::bigint) % harness_f{number}.total"
    )


def _spread(column: Column, unique: bool, rows: int) -> str:
    """An expression that spreads plausible values over the rows; ``harness_g.n`` is the number of the row."""
    value = _UNIQUE.get(column.base_name) if unique else None
    value = value or _SPREAD.get(column.base_name, "").format(distinct=max(rows // 20, 5))
    if column.base_kind == "e" or not value:
        samples = column.labels if column.base_kind == "e" else sample(column, 12)
        array = ", ".join(literal(text) for text in samples)
        value = f"(array[{array}])[1 + harness_g.n % {len(samples)}]"
    value = f"({value})::{column.type}"
    # One row in five lacks what it may lack.
    return value if column.not_null or unique else f"case when random() < 0.2 then null else {value} end"


_UNIQUE = {
    "text": "'value ' || harness_g.n",
    "varchar": "left('v' || harness_g.n, 12)",
    "citext": "'value ' || harness_g.n",
    "int2": "harness_g.n % 32000",
    "int4": "harness_g.n",
    "int8": "harness_g.n",
    "numeric": "harness_g.n",
}

_SPREAD = {
    "text": "'value ' || floor(random() * {distinct})",
    "citext": "'value ' || floor(random() * {distinct})",
    "int2": "floor(random() * 1000)",
    "int4": "floor(random() * 100000)",
    "int8": "floor(random() * 100000000)",
    "float4": "random() * 1000",
    "float8": "random() * 1000",
    "bool": "random() < 0.5",
    "uuid": "gen_random_uuid()",
    "date": "current_date + floor((random() - 0.5) * 365)::integer",
    "timestamp": "now() + (random() - 0.5) * interval '60 days'",
    "timestamptz": "now() + (random() - 0.5) * interval '60 days'",
}
