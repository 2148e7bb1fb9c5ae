"""What mutants are made of besides the catalog: functions, views and enum types, as PostgreSQL prints them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row

from harness.project.model import TableName

FUNCTIONS = """
select p.oid::regprocedure::text as signature, n.nspname || '.' || p.proname as name, l.lanname as language,
    pg_get_functiondef(p.oid) as definition, p.prosrc as body, p.prosecdef as definer,
    p.prorettype = 'trigger'::regtype as fires, coalesce(array_to_string(p.proconfig, ','), '') as settings,
    case when p.proretset then format('select (null::%%1$s).* where false', format_type(p.prorettype, null))
    else format('select null::%%1$s', format_type(p.prorettype, null)) end as nothing,
    array(select distinct a.grantee::regrole::text from aclexplode(p.proacl) as a
    where a.grantee not in (0, p.proowner) order by 1) as callers
from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace join pg_language as l on l.oid = p.prolang
where n.nspname = %s and p.prokind = 'f' and l.lanname in ('sql', 'plpgsql')
and not exists (select from pg_depend as d where d.objid = p.oid and d.deptype = 'e')
order by 1
"""
VIEWS = """
select n.nspname as schema, c.relname as table, pg_get_viewdef(c.oid) as query,
    coalesce(array_to_string(c.reloptions, ', '), '') as options,
    array(select distinct a.grantee::regrole::text from aclexplode(c.relacl) as a
    where a.grantee not in (0, c.relowner) order by 1) as readers
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where n.nspname = %s and c.relkind = 'v' order by 2
"""
ENUMS = """
select t.oid::regtype::text as name, array_agg(e.enumlabel order by e.enumsortorder)::text[] as labels
from pg_type as t join pg_namespace as n on n.oid = t.typnamespace join pg_enum as e on e.enumtypid = t.oid
where n.nspname = %s group by t.oid order by 1
"""


@dataclass(frozen=True)
class Function:
    """``nothing`` is a query that returns what the function would if it did nothing."""

    signature: str
    name: str
    language: str
    definition: str
    body: str
    definer: bool
    fires: bool
    settings: str
    nothing: str
    callers: list[str]

    def with_body(self, body: str) -> str:
        return self.definition.replace(self.body, body)


@dataclass(frozen=True)
class View:
    schema: str
    table: str
    query: str
    options: str
    readers: list[str]

    @property
    def name(self) -> TableName:
        return TableName(self.schema, self.table)


@dataclass(frozen=True)
class Enum:
    name: str
    labels: list[str]


@dataclass(frozen=True)
class Sources:
    functions: list[Function]
    views: list[View]
    enums: list[Enum]


def read(connection: psycopg.Connection[Any], schema: str) -> Sources:
    """All of a schema."""

    def rows(made: type[Any], query: str) -> list[Any]:
        return connection.cursor(row_factory=class_row(made)).execute(query.encode(), [schema]).fetchall()

    return Sources(rows(Function, FUNCTIONS), rows(View, VIEWS), rows(Enum, ENUMS))
