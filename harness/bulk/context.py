"""The database whose tables are filled: its catalog, its pools, its existing rows.

Decides which tables take rows (no partitions, none of extensions), which foreign keys may be NULL, and whether two rows
can conflict by an exclusion constraint. Moves sequences behind existing rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import psycopg

from harness.catalog import Catalog, Column, ForeignKey, Table
from harness.oracle import Answer
from harness.probes.statement import identifier, literal, qualified
from harness.project.model import TableName, Tuple
from harness.server.connection import value
from harness.solver import Pool, Pools, Unfillable, deciding_columns
from harness.values.types import Unsupported

# Every row finds a partition in a table partitioned by hash: there the table's own bounds are enough.
_BOUNDS = """
select n.nspname, c.relname, string_agg('(' || b.bounds || ')', ' or ' order by l.relid::text)
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
cross join lateral pg_catalog.pg_partition_tree(c.oid) as l
left join pg_catalog.pg_partitioned_table as p on p.partrelid = l.relid
cross join lateral (select pg_catalog.pg_get_partition_constraintdef(l.relid) as bounds) as b
where c.relkind = 'p' and not c.relispartition and b.bounds is not null and (l.isleaf or p.partstrat = 'h')
and not exists (
    select from pg_catalog.pg_partition_ancestors(l.relid) as a
    join pg_catalog.pg_partitioned_table as o on o.partrelid = a.relid
    where o.partstrat = 'h' and a.relid <> l.relid
)
group by n.nspname, c.relname
"""
_OF_EXTENSIONS = """
select n.nspname, c.relname
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where exists (
    select from pg_catalog.pg_depend as d
    where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
)
"""


@dataclass(frozen=True)
class BulkContext:
    """A database to be filled. Without triggers, rows need not keep the rules for INSERT only."""

    connection: psycopg.Connection[Any]
    catalog: Catalog
    pools: Pools
    with_triggers: bool = True

    @cached_property
    def tables(self) -> dict[TableName, Table]:
        """The tables that rows are inserted into: no partitions, and none that belongs to an extension."""
        of_extensions = {TableName(*row) for row in self.connection.execute(_OF_EXTENSIONS)}
        left_out = {*of_extensions, *self.catalog.above}
        return {name: table for name, table in self.catalog.tables.items() if name not in left_out}

    @cached_property
    def _bounds(self) -> dict[TableName, str]:
        with self.connection.transaction():
            # Without a search path, names in the bounds come with their schema.
            self.connection.execute("select set_config('search_path', '', true)")
            rows = self.connection.execute(_BOUNDS).fetchall()
        return {TableName(schema, table): bounds for schema, table, bounds in rows}

    def bounds(self, table: Table) -> tuple[str, ...]:
        """The predicate that rows have to keep to find a partition; empty if the table is not partitioned."""
        found = self._bounds.get(table.name)
        return (found,) if found else ()

    def pools_of(self, table: Table) -> tuple[Pool, ...]:
        """The pools of new rows. Raises :class:`~harness.solver.rules.Unfillable`."""
        pools = self.pools.of if self.with_triggers else self.pools.of_changed_rows
        return pools(table, self.bounds(table))

    def valid(self, table: Table, columns: Sequence[str], rows: Sequence[Tuple]) -> list[bool]:
        """For each combination whether it keeps all predicates that one of these columns decides."""
        rules = [each.predicate for each in self.pools.rules(table) if self.with_triggers or not each.on_insert_only]
        rules += self.bounds(table)
        asked = [each for each in rules if set(deciding_columns(table, each)) & {*columns}]
        return [all(answer.holds for answer in each) for each in self.pools.oracle.answers(table, columns, rows, asked)]

    def count(self, table: Table) -> int:
        """The number of existing rows, without those of tables that inherit from the table."""
        return int(value(self.connection, f"select count(*) from {rows_of(table)}".encode()))

    def largest(self, table: Table, column: str) -> int:
        """The largest number of the existing rows in a column, or 0."""
        query = f"select coalesce(max({identifier(column)}), 0)::bigint from {rows_of(table)}"
        return max(int(value(self.connection, query.encode())), 0)

    def sequence(self, table: Table, column: Column) -> str | None:
        """An expression for the next value of an identity or a serial column; None for any other."""
        if column.identity:
            query = "select pg_catalog.pg_get_serial_sequence(%s, %s)"
            name = value(self.connection, query, (qualified(table.name), column.name))
            return f"nextval({literal(name)}::regclass)" if name else None
        default = column.default or ""
        return default if default.startswith("nextval(") else None

    def advance_sequences(self, table: Table) -> None:
        """Moves the sequences of a table behind its existing rows: seeds may have brought numbers of their own."""
        for column in table.columns:
            sequence = self.sequence(table, column) if column.is_supplied else None
            if sequence and column.base_name in ("int2", "int4", "int8"):
                name = sequence.removeprefix("nextval(").removesuffix(")")
                largest = self.largest(table, column.name)
                self.connection.execute(
                    f"select setval(s, {largest}) from (select {name}::regclass as s) as harness_s"
                    f" where {largest} > coalesce(pg_sequence_last_value(s), 0)".encode()
                )

    def never_conflict(
        self, table: Table, columns: Sequence[str], pairs: Sequence[tuple[Tuple, Tuple]], elements: Sequence[Any]
    ) -> bool:
        """Whether no pair of rows conflicts by these elements of an exclusion constraint; False if they fail on one."""
        try:
            answers = self.pools.oracle.pairs(table, columns, pairs, elements)
        except psycopg.DataError:
            return False
        return all(any(answer is not Answer.TRUE for answer in each[: len(elements)]) for each in answers)


def rows_of(table: Table) -> str:
    """A table as an item of FROM: with its partitions, and without the tables that inherit from it."""
    return qualified(table.name) if table.kind == "p" else f"only {qualified(table.name)}"


def is_optional(context: BulkContext, table: Table, key: ForeignKey) -> bool:
    """Whether a foreign key may be NULL in a new row, by its columns and by the rules about them."""
    free = nullable(table, key)
    if not free or ("MATCH FULL" in key.definition and len(free) < len(key.columns)):
        return False
    try:
        pools = context.pools_of(table)
    except (Unfillable, Unsupported, psycopg.Error):
        return True
    return all(pool.allows({name: None for name in free if name in pool.columns}) for pool in pools)


def nullable(table: Table, key: ForeignKey) -> list[str]:
    """The columns of a foreign key that are set NULL where it refers to nothing: not those that other keys share."""
    free = [name for name in key.columns if not table.column(name).not_null]
    others = {name for other in table.foreign_keys if other != key for name in other.columns}
    return [name for name in free if name not in others] or free
