"""Rows in bulk keep every rule there is: the server takes them, and as many as were asked for."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from psycopg import sql

from harness.catalog import read
from harness.database.connection import Connection, Server
from harness.generation import Oracle, Pools
from harness.generation.bulk import Filled, Site, load
from harness.project.model import TableName

ROWS = 60

SCHEMAS = {
    "keys": """
        create table t.single (id integer primary key, word text not null unique, small smallint not null unique);
        create table t.composite (a boolean not null, b integer, c text, primary key (a, c), unique (b, a));
        create table t.partial (id serial primary key, state text not null, who integer);
        create unique index on t.partial (who) where state = 'open';
        create table t.expressions (id serial primary key, email text not null, at timestamptz not null);
        create unique index on t.expressions (lower(email));
        create unique index on t.expressions (coalesce(email, ''), (at at time zone 'UTC'));
        create table t.nulls (a text, b integer, unique nulls not distinct (a, b));
        create table t.late (id integer primary key, place integer not null unique deferrable initially deferred);
        create table t.short (code char(3) primary key, other varchar(5) not null unique);
    """,
    "ruled keys": """
        create table t.emails (email text primary key check (email like '%_@_%._%'));
        create table t.codes (code text primary key check (code ~ '^[A-Z]{2}-[0-9]{4}$' or code = 'AB-1234'));
        create table t.positive (id integer primary key check (id > 0), even integer unique check (even % 2 = 0));
        create table t.pairs (low integer not null unique, high integer not null, check (low < high));
        create table t.lower (name text unique not null check (name = lower(name)), kind text not null
            check (kind in ('a', 'b')), check (kind <> 'a' or length(name) < 40));
    """,
    "parents": """
        create table t.a (id bigint generated always as identity primary key, word text not null unique);
        create table t.b (id uuid primary key, a_id bigint not null references t.a, word text references t.a (word));
        create table t.one (a_id bigint primary key references t.a, note text);
        create table t.join (a_id bigint references t.a, b_id uuid references t.b, primary key (a_id, b_id));
        create table t.pair (one bigint not null references t.a, other bigint not null references t.a,
            check (one <> other), unique (one, other));
        create table t.numbered (a_id bigint not null references t.a, n integer not null, primary key (a_id, n));
        create table t.kinds (a_id bigint not null references t.a, kind text not null check (kind in ('x', 'y')),
            unique (a_id, kind));
    """,
    "tenants": """
        create table t.tenants (id integer primary key);
        create table t.people (tenant integer references t.tenants, id integer, primary key (tenant, id));
        create table t.tasks (
            id integer primary key, tenant integer not null references t.tenants, person integer, boss integer not null,
            foreign key (tenant, person) references t.people, foreign key (tenant, boss) references t.people
        );
        create table t.notes (
            tenant integer not null references t.tenants, id integer, above integer, primary key (tenant, id),
            foreign key (tenant, above) references t.notes
        );
    """,
    "itself": """
        create table t.tree (
            id serial primary key, above integer references t.tree, kind text not null check (kind in ('leaf', 'node'))
        );
        create table t.own (id integer primary key, root integer not null references t.own);
        create table t.root_or_child (id serial primary key, above integer references t.root_or_child,
            root boolean not null, check (root = (above is null)));
    """,
    "circles": """
        create table t.a (id serial primary key, b_id integer);
        create table t.b (id serial primary key, a_id integer not null references t.a);
        alter table t.a add foreign key (b_id) references t.b;
        create table t.c (id uuid primary key, d_id uuid not null);
        create table t.d (id uuid primary key, c_id uuid not null references t.c);
        alter table t.c add foreign key (d_id) references t.d;
        create table t.e (id bigint generated always as identity primary key, f_id bigint not null unique);
        create table t.f (id bigint generated always as identity primary key, e_id bigint not null unique
            references t.e deferrable initially deferred);
        alter table t.e add foreign key (f_id) references t.f deferrable;
    """,
    "across": """
        create table t.x (
            id integer primary key, a integer not null, b integer, c date, d date,
            constraint one check (a < b), constraint two check (num_nonnulls(b, c) = 1),
            constraint three check (d >= c), constraint four check (b % 10 = 0)
        );
        create table t.parents (id serial primary key);
        create table t.either (id serial primary key, one integer references t.parents, other integer
            references t.parents, word text, check (num_nonnulls(one, other, word) = 1));
        create type t.state as enum ('open', 'paid');
        create table t.states (id integer primary key, state t.state not null, paid_at timestamptz,
            check ((state = 'paid') = (paid_at is not null)));
    """,
    "exclusions": """
        create table t.rooms (id serial primary key);
        create table t.ranges (during tstzrange not null, exclude using gist (during with &&));
        create table t.columns (id serial primary key, starts timestamptz not null, ends timestamptz not null,
            check (starts < ends), exclude using gist (tstzrange(starts, ends) with &&));
        create table t.days (first date not null, last date not null, state text not null
            check (state in ('kept', 'dropped')), check (last >= first),
            exclude using gist (daterange(first, last, '[]') with &&) where (state = 'kept'));
        create table t.numbers (during int4range, exclude using gist (during with &&), check (not isempty(during)));
    """,
    "domains": """
        create domain t.share as numeric(5,2) check (value between 0 and 100);
        create domain t.half as t.share check (value <= 50) not null;
        create domain t.word as text check (value ~ '^[a-z]+$');
        create table t.x (id bigint generated by default as identity, share t.share, half t.half, word t.word unique,
            double integer generated always as (id * 2) stored, part integer generated always as (100 / n) stored,
            n integer not null);
    """,
    "partitions": """
        create table t.days (id bigserial, at date not null, primary key (id, at)) partition by range (at);
        create table t.days_1 partition of t.days for values from ('2024-01-01') to ('2024-02-01');
        create table t.days_2 partition of t.days for values from ('2024-02-01') to ('2024-03-01');
        create table t.lists (id serial, kind text not null) partition by list (kind);
        create table t.lists_1 partition of t.lists for values in ('a', 'b');
        create table t.lists_2 partition of t.lists for values in ('c') partition by hash (id);
        create table t.lists_2a partition of t.lists_2 for values with (modulus 2, remainder 0);
        create table t.lists_2b partition of t.lists_2 for values with (modulus 2, remainder 1);
        create table t.hashed (id integer primary key) partition by hash (id);
        create table t.hashed_1 partition of t.hashed for values with (modulus 2, remainder 0);
        create table t.hashed_2 partition of t.hashed for values with (modulus 2, remainder 1);
        create table t.child (day bigint, at date, foreign key (day, at) references t.days);
    """,
    "inherited": """
        create table t.base (id serial primary key, word text);
        create table t.derived (more integer not null) inherits (t.base);
        create table t.child (base integer not null references t.base);
    """,
    "types": """
        create type t.mood as enum ('sad', 'ok');
        create table t.x (
            a int2, b int4, c int8, d float4, e float8, f numeric, g numeric(3,1), h money, i text, j varchar(3),
            k char(2), l bytea, m date, n time, o timetz, p timestamp, q timestamptz, r interval, s bool, t t.mood,
            u uuid, v inet, w cidr, x macaddr, y macaddr8, z json, aa jsonb, ac bit(5), ad varbit(7),
            ae tsvector, af tsquery, ag point, ah int4range, ai tstzrange, aj int4multirange, ak text[], al t.mood[],
            am int4[], an oid, ao name
        );
    """,
    "every type a key": """
        create table t.x (
            a int2 unique, b int4 unique, c int8 unique, d float4 unique, e float8 unique, f numeric unique,
            g numeric(5,1) unique, h money unique, i text unique, j varchar(4) unique, k char(4) unique, l bytea unique,
            m date unique, n time unique, p timestamp unique, q timestamptz unique, r interval unique,
            u uuid unique, v inet unique, w cidr unique, x macaddr unique, y macaddr8 unique, aa jsonb unique,
            ac bit(9) unique, ad varbit(9) unique, ae tsvector unique, ah int4range unique, ai tstzrange unique,
            ak text[] unique, am int4[] unique, an oid unique, ao name unique
        );
    """,
    "triggers": """
        create function t.odd() returns trigger language plpgsql as
            'begin if new.n % 2 = 0 then raise exception ''even''; end if; return new; end';
        create table t.refused (id serial primary key, n integer not null);
        create trigger odd before insert on t.refused for each row execute function t.odd();
        create function t.dropped() returns trigger language plpgsql as
            'begin return case when new.n % 3 = 0 then new end; end';
        create table t.dropped (id serial primary key, n integer not null);
        create trigger dropped before insert on t.dropped for each row execute function t.dropped();
    """,
    "nothing": "create table t.empty (); create table t.alone (id serial primary key);",
    "quoted": """
        create table t."select" ("from" integer primary key, "a b" text unique, "100%" integer check ("100%" % 2 = 1));
        create table t."o'clock" ("to" integer not null references t."select", "{n}" text not null check ("{n}" > 'a'));
    """,
}


@pytest.mark.parametrize("schema", SCHEMAS)
def test_every_table_is_filled(schema: str, database: tuple[Server, str]) -> None:
    server, name = database
    with server.connect(name) as connection:
        connection.execute(f"create schema t; {SCHEMAS[schema]}".encode())
        found = fill(connection, ROWS)
        assert {str(table): each.reason for table, each in found.items() if each.rows != ROWS} == {}
        assert {table: count(connection, table) for table in found} == dict.fromkeys(found, ROWS)
        # Beside what stands now there is room for as many again.
        again = fill(connection, ROWS)
        assert {str(table): each.reason for table, each in again.items() if each.rows != ROWS} == {}
        connection.execute("set constraints all immediate")


def fill(connection: Connection, rows: int) -> Mapping[TableName, Filled]:
    catalog = read(connection)
    site = Site(connection, catalog, Pools(Oracle(connection), catalog, {}))
    return {each.table: each for each in load(site, list(site.tables.values()), lambda table: rows)}


def count(connection: Connection, table: TableName) -> int:
    name = sql.Identifier(table.schema, table.table)
    kind = connection.execute("select relkind from pg_class where oid = %s::regclass", [name.as_string()]).fetchone()
    only = sql.SQL("" if kind == ("p",) else "only ")
    row = connection.execute(sql.SQL("select count(*) from {}{}").format(only, name)).fetchone()
    assert row is not None
    return int(row[0])
