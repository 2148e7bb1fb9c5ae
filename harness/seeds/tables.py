"""What loading seeds has to know of the tables: columns, keys, sequences, and which come first."""

from __future__ import annotations

import graphlib
from collections.abc import Iterable
from dataclasses import dataclass

from psycopg.rows import class_row, dict_row

from harness.project.model import TableName
from harness.server.connection import Connection

_TABLES = """
select c.oid::bigint as oid, n.nspname as schema, c.relname as name
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
order by n.nspname, c.relname
"""
# A domain is what it stands for; a sequence is the one an identity or serial column owns.
_COLUMNS = """
select a.attname as name, t.typcategory = 'A' as is_array, b.typname in ('json', 'jsonb') as is_json,
    pg_catalog.format_type(a.atttypid, a.atttypmod) as type,
    a.attgenerated <> '' as is_generated, a.attidentity = 'a' as is_always,
    sn.nspname as sequence_schema, s.relname as sequence_name
from pg_catalog.pg_attribute a
join pg_catalog.pg_class c on c.oid = a.attrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_type t on t.oid = a.atttypid
join pg_catalog.pg_type b on b.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
left join pg_catalog.pg_class s on s.oid = pg_catalog.pg_get_serial_sequence(
    pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), a.attname)::regclass
left join pg_catalog.pg_namespace sn on sn.oid = s.relnamespace
where a.attrelid = %s and a.attnum > 0 and not a.attisdropped
order by a.attnum
"""
# The primary key first, then other unique keys that nulls cannot escape.
_KEYS = """
select array_agg(a.attname::text order by k.ordinality) as columns
from pg_catalog.pg_index i
cross join lateral unnest(i.indkey::int2[]) with ordinality k(attnum, ordinality)
join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
where i.indrelid = %s and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
    and k.ordinality <= i.indnkeyatts
group by i.indexrelid, i.indisprimary
having bool_and(a.attnotnull)
order by i.indisprimary desc, i.indexrelid
"""
_FOREIGN_KEYS = """
select f.conname as name, f.confrelid::bigint as parent, n.nspname as parent_schema, c.relname as parent_name,
    array(select a.attname::text from unnest(f.conkey) with ordinality k(n, o)
        join pg_catalog.pg_attribute a on a.attrelid = f.conrelid and a.attnum = k.n order by k.o) as columns,
    array(select a.attname::text from unnest(f.confkey) with ordinality k(n, o)
        join pg_catalog.pg_attribute a on a.attrelid = f.confrelid and a.attnum = k.n order by k.o) as referenced
from pg_catalog.pg_constraint f
join pg_catalog.pg_class c on c.oid = f.confrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where f.conrelid = %s and f.contype = 'f'
order by f.conname
"""


@dataclass(frozen=True)
class Column:
    """``is_always`` is an identity that clients do not write; ``type`` is as ``format_type`` prints it."""

    name: str
    type: str
    is_array: bool
    is_json: bool
    is_generated: bool
    is_always: bool
    sequence_schema: str | None
    sequence_name: str | None


@dataclass(frozen=True)
class ForeignKey:
    """``columns`` point at ``referenced`` of the table whose oid is ``parent``."""

    name: str
    parent: int
    parent_schema: str
    parent_name: str
    columns: list[str]
    referenced: list[str]


@dataclass(frozen=True)
class Table:
    """A table of the database. ``keys`` are its unique keys without nulls, the primary key first."""

    oid: int
    name: TableName
    columns: dict[str, Column]
    keys: tuple[frozenset[str], ...]
    foreign_keys: tuple[ForeignKey, ...]


def names(connection: Connection) -> dict[TableName, int]:
    """All tables of the database with their oids."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_TABLES, prepare=False).fetchall()
    return {TableName(row["schema"], row["name"]): row["oid"] for row in rows}


def read(connection: Connection, name: TableName, oid: int) -> Table:
    """One table from the catalog."""
    with connection.cursor(row_factory=class_row(Column)) as cursor:
        columns = {column.name: column for column in cursor.execute(_COLUMNS, (oid,), prepare=False)}
    with connection.cursor(row_factory=class_row(ForeignKey)) as cursor:
        foreign_keys = tuple(cursor.execute(_FOREIGN_KEYS, (oid,), prepare=False))
    keys = tuple(frozenset(row[0]) for row in connection.execute(_KEYS, (oid,), prepare=False))
    return Table(oid, name, columns, keys, foreign_keys)


def in_order(tables: Iterable[Table]) -> list[tuple[Table, ...]]:
    """Parents before children; tables that point at each other in a circle come together in one group."""
    by_oid = {table.oid: table for table in tables}
    group_of: dict[int, tuple[int, ...]] = {oid: (oid,) for oid in by_oid}
    while True:
        graph: dict[tuple[int, ...], set[tuple[int, ...]]] = {}
        for group in group_of.values():
            parents = {key.parent for oid in group for key in by_oid[oid].foreign_keys}
            graph[group] = {group_of[oid] for oid in parents if oid in group_of} - {group}
        try:
            order = list(graphlib.TopologicalSorter(graph).static_order())
            return [tuple(by_oid[oid] for oid in group) for group in order]
        except graphlib.CycleError as error:
            merged = tuple(dict.fromkeys(oid for group in error.args[1] for oid in group))
            group_of.update(dict.fromkeys(merged, merged))
