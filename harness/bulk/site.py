"""What is known of the database whose tables are filled: its catalog, rules and pools, and what stands in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from harness.catalog.model import Catalog, Column, ForeignKey, Table
from harness.catalog.parts import root_tables
from harness.oracle import Tuple
from harness.probes.statement import identifier, literal, qualified
from harness.project.model import TableName
from harness.solver.pool import Pool
from harness.solver.pools import Pools
from harness.solver.rules import Unfillable, supplied

if TYPE_CHECKING:
    import psycopg

# Of a table that is partitioned by hash every row finds its partition: what it is itself bound to is enough.
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
_OWNED = """
select n.nspname, c.relname
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where exists (
    select from pg_catalog.pg_depend as d
    where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
)
"""


@dataclass(frozen=True)
class Site:
    """A database to be filled. Rows are as they are ``born``, or, where no trigger looks, as they may become."""

    connection: psycopg.Connection[Any]
    catalog: Catalog
    pools: Pools
    born: bool = True

    @cached_property
    def tables(self) -> dict[TableName, Table]:
        """The tables that rows are inserted into: no partitions, and none that belongs to an extension."""
        foreign = {TableName(*row) for row in self.connection.execute(_OWNED)}
        return {table.name: table for table in root_tables(self.catalog) if table.name not in foreign}

    @cached_property
    def _bounds(self) -> dict[TableName, str]:
        with self.connection.transaction():
            # Only so do names in the bounds come with their schema.
            self.connection.execute("select set_config('search_path', '', true)")
            rows = self.connection.execute(_BOUNDS).fetchall()
        return {TableName(schema, table): bounds for schema, table, bounds in rows}

    def bounds(self, table: Table) -> tuple[str, ...]:
        """The predicate that the rows of a partitioned table keep so that there is a partition for them."""
        found = self._bounds.get(table.name)
        return (found,) if found else ()

    def pools_of(self, table: Table) -> tuple[Pool, ...]:
        """Raises :class:`~harness.solver.pools.Unfillable`."""
        return self.pools.of(table, born=self.born, also=self.bounds(table))

    def predicates(self, table: Table) -> list[str]:
        """All that is asked of a row by itself."""
        rules = [rule.predicate for rule in self.pools.rules(table) if self.born or not rule.birth]
        return [*rules, *self.bounds(table)]

    def keeping(self, table: Table, columns: Sequence[str], rows: Sequence[Tuple]) -> list[bool]:
        """Which of the combinations keep all that is asked about some of these columns."""
        asked = [each for each in self.predicates(table) if set(supplied(table, each)) & {*columns}]
        answers = self.pools.oracle.answers(table, columns, rows, asked)
        return [all(answer.holds for answer in each) for each in answers]

    def count(self, table: Table) -> int:
        """The rows that stand in a table, without those of tables that inherit from it."""
        row = self.connection.execute(f"select count(*) from {rows_of(table)}".encode()).fetchone()
        return int(row[0]) if row else 0

    def largest(self, table: Table, column: str) -> int:
        """The largest whole number that stands in a column, or 0."""
        row = self.connection.execute(
            f"select coalesce(max({identifier(column)}), 0)::bigint from {rows_of(table)}".encode()
        ).fetchone()
        return max(int(row[0]), 0) if row else 0

    def sequence(self, table: Table, column: Column) -> str | None:
        """An expression for the next value of an identity or a serial column; None for any other."""
        if column.identity:
            query = "select pg_catalog.pg_get_serial_sequence(%s, %s)"
            row = self.connection.execute(query, (qualified(table.name), column.name)).fetchone()
            return f"nextval({literal(row[0])}::regclass)" if row and row[0] else None
        default = column.default or ""
        return default if default.startswith("nextval(") else None

    def pairs(
        self, table: Table, columns: Sequence[str], pairs: Sequence[tuple[Tuple, Tuple]], elements: Sequence[Any]
    ) -> list[bool]:
        """Which pairs of rows these elements of an exclusion constraint keep apart; none if they fail on some."""
        import psycopg

        from harness.oracle import Answer

        try:
            answers = self.pools.oracle.pairs(table, columns, pairs, elements)
        except psycopg.DataError:
            return [False] * len(pairs)
        return [any(answer is not Answer.TRUE for answer in each[: len(elements)]) for each in answers]


def rows_of(table: Table) -> str:
    """A table in FROM: with its partitions, and without what inherits from it."""
    return qualified(table.name) if table.kind == "p" else f"only {qualified(table.name)}"


def is_optional(site: Site, table: Table, key: ForeignKey) -> bool:
    """Whether a reference may be NULL in a new row, by its columns and by the rules about them."""
    import psycopg

    from harness.values.types import Unsupported

    free = nullable(table, key)
    if not free or ("MATCH FULL" in key.definition and len(free) < len(key.columns)):
        return False
    try:
        pools = site.pools_of(table)
    except (Unfillable, Unsupported, psycopg.Error):
        return True
    return all(pool.takes({name: None for name in free if name in pool.columns}) for pool in pools)


def nullable(table: Table, key: ForeignKey) -> list[str]:
    """The columns of a reference that are NULL where it leads nowhere: not those that another one needs."""
    free = [name for name in key.columns if not table.column(name).not_null]
    others = {name for other in table.foreign_keys if other != key for name in other.columns}
    return [name for name in free if name not in others] or free
