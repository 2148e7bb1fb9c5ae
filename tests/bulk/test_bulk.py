"""Rows in bulk keep every rule: the server accepts them, as many as were requested."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from psycopg import sql

from harness.bulk import BulkContext, FillResult, load, sizes
from harness.catalog import read
from harness.errors import ProjectError
from harness.project.model import TableName
from harness.server.connection import Connection, Server
from harness.solver.pools import Pools
from harness.solver.rules import Rule

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
    "cycles": """
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


def fill(connection: Connection, rows: int) -> Mapping[TableName, FillResult]:
    catalog = read(connection)
    context = BulkContext(connection, catalog, Pools(connection, catalog, {}))
    return {each.table: each for each in load(context, list(context.tables.values()), lambda table: rows)}


def count(connection: Connection, table: TableName) -> int:
    name = sql.Identifier(table.schema, table.table)
    kind = connection.execute("select relkind from pg_class where oid = %s::regclass", [name.as_string()]).fetchone()
    only = sql.SQL("" if kind == ("p",) else "only ")
    row = connection.execute(sql.SQL("select count(*) from {}{}").format(only, name)).fetchone()
    assert row is not None
    return int(row[0])


REFUSALS = {
    "a trigger": (
        """create function t.no() returns trigger language plpgsql as 'begin raise exception ''never''; end';
        create table t.x (id serial primary key);
        create trigger no before insert on t.x for each row execute function t.no();""",
        0,
        "never (P0001)",
    ),
    "no room": ("create table t.x (a boolean primary key);", 2, "x_pkey (23505)"),
    "no values": (
        "create table t.x (a integer not null constraint one check (a > 3) constraint two check (a < 3));",
        0,
        "no values of a found that keep one, two; supply some: `rows:` in the file of t.x",
    ),
    "a trigger that says nothing": (
        """create function t.no() returns trigger language plpgsql as 'begin return null; end';
        create table t.x (id serial primary key);
        create trigger no before insert on t.x for each row execute function t.no();""",
        0,
        "a trigger leaves rows out",
    ),
    "a parent that has no rows": (
        """create table t.above (id integer primary key constraint never check (id <> id));
        create table t.x (id serial primary key, above integer not null constraint needed references t.above);""",
        0,
        "needed needs a row in t.above, which has none",
    ),
    "a deferred constraint": (
        """create function t.no() returns trigger language plpgsql as 'begin raise exception ''too late''; end';
        create table t.x (id serial primary key);
        create constraint trigger no after insert on t.x deferrable initially deferred
            for each row execute function t.no();""",
        0,
        "too late (P0001)",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_the_constraint_that_refuses_rows_is_named_and_other_tables_are_filled(
    case: str, database: tuple[Server, str]
) -> None:
    server, name = database
    schema, rows, reason = REFUSALS[case]
    with server.connect(name) as connection:
        connection.execute(f"create schema t; {schema} create table t.other (id serial primary key);".encode())
        found = fill(connection, ROWS)
        x, other = found[TableName("t", "x")], found[TableName("t", "other")]
        assert (x.rows, x.reason) == (rows, reason)
        assert (other.rows, other.reason) == (ROWS, None)


def test_sequences_end_up_behind_the_rows(database: tuple[Server, str]) -> None:
    server, name = database
    schema = """
        create schema t;
        create table t.x (id serial primary key, n bigint generated always as identity unique, small smallserial);
        insert into t.x (id, n) overriding system value values (1, 1), (2, 2), (40, 50);
    """
    with server.connect(name) as connection:
        connection.execute(schema.encode())
        assert fill(connection, ROWS)[TableName("t", "x")].rows == ROWS
        connection.execute("insert into t.x default values")
        assert connection.execute("select max(id), max(n) from t.x").fetchone() == (40 + ROWS + 1, 50 + ROWS + 1)


def test_references_vary_and_only_new_rows_are_linked(database: tuple[Server, str]) -> None:
    server, name = database
    schema = """
        create schema t;
        create table t.a (id serial primary key, b integer);
        create table t.b (id serial primary key, a integer not null references t.a, c integer references t.a);
        alter table t.a add foreign key (b) references t.b;
        insert into t.a default values;
    """
    with server.connect(name) as connection:
        connection.execute(schema.encode())
        fill(connection, ROWS)
        assert connection.execute("select b from t.a where id = 1").fetchone() == (None,)
        linked = connection.execute("select count(b), count(distinct b) from t.a").fetchone()
        assert linked is not None
        assert linked[0] > ROWS // 2 and linked[1] > ROWS // 4
        row = connection.execute("select count(distinct a), count(c) between 1 and %s from t.b", [ROWS - 1]).fetchone()
        assert row is not None
        assert row[0] > ROWS // 2 and row[1]


def test_triggers_fire_as_for_an_application(database: tuple[Server, str]) -> None:
    server, name = database
    schema = """
        create schema t;
        create table t.log (id serial primary key, of integer not null);
        create table t.x (id serial primary key, seen boolean not null default false);
        create function t.seen() returns trigger language plpgsql as
            'begin insert into t.log (of) values (new.id); new.seen := true; return new; end';
        create trigger seen before insert on t.x for each row execute function t.seen();
    """
    with server.connect(name) as connection:
        connection.execute(schema.encode())
        catalog = read(connection)
        context = BulkContext(connection, catalog, Pools(connection, catalog, {}))
        assert [each.rows for each in load(context, [catalog.table(TableName("t", "x"))], lambda table: ROWS)] == [ROWS]
        assert connection.execute("select count(*) from t.x where seen").fetchone() == (ROWS,)
        assert connection.execute("select count(*) from t.log join t.x on x.id = log.of").fetchone() == (ROWS,)


def test_declared_rules_count_besides_those_of_the_catalog(database: tuple[Server, str]) -> None:
    server, name = database
    with server.connect(name) as connection:
        connection.execute("create schema t; create table t.x (id serial primary key, n integer not null)")
        catalog = read(connection)
        x = TableName("t", "x")
        context = BulkContext(connection, catalog, Pools(connection, catalog, {x: [Rule("n in (3, 5)")]}))
        assert [each.rows for each in load(context, [catalog.table(x)], lambda table: ROWS)] == [ROWS]
        assert connection.execute("select distinct n from t.x order by n").fetchall() == [(3,), (5,)]


def test_sizes_of_named_tables_and_of_their_empty_parents(database: tuple[Server, str]) -> None:
    server, name = database
    schema = """
        create schema t; create schema u;
        create table t.a (id serial primary key); create table t.full (id serial primary key);
        create table t.b (a integer references t.a, other integer references t.full);
        create table u.c (id serial primary key);
        insert into t.full default values;
    """
    with server.connect(name) as connection:
        connection.execute(schema.encode())
        catalog = read(connection)
        context = BulkContext(connection, catalog, Pools(connection, catalog, {}))

        def chosen(*names: str) -> dict[str, int]:
            return {str(table): rows for table, rows in sizes(context, 7, names).items()}

        assert chosen() == {"t.a": 7, "t.b": 7, 't."full"': 7, "u.c": 7}
        assert chosen("b") == {"t.b": 7, "t.a": 7}
        assert chosen("u", "t.f*") == {"u.c": 7, 't."full"': 7}
        with pytest.raises(ProjectError, match=r"no schema or table t\.fill; did you mean 't\.full'\?"):
            chosen("t.fill")
