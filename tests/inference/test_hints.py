"""Hints that are found for tables whose rows a trigger refuses, and what is said where nothing helps."""

from __future__ import annotations

import psycopg
import pytest

from harness.catalog import read
from harness.inference import Blocker, HintFinder
from harness.inference.trials import VANISHED
from harness.probes import Session
from harness.project.model import TableName
from harness.server.connection import Connection, Server
from harness.solver.pools import Pools
from harness.solver.row_hints import LogicalReference, RowHints

X, KINDS, USERS, GROUPS = (TableName("t", name) for name in ("x", "kinds", "users", "groups"))


def trigger(body: str, when: str = "before insert", table: str = "x") -> str:
    return (
        f"create function t.guard_{table}() returns trigger language plpgsql as $$ begin {body} return new; end $$;"
        f" create trigger guard {when} on t.{table} for each row execute function t.guard_{table}();"
    )


OF_ONE_OWNER = (
    "create table t.kinds (id integer primary key, owner integer not null references t.users (id));"
    "create table t.parts (id integer primary key, owner integer not null references t.users (id));"
    "create table t.x (kind integer not null references t.kinds (id),"
    " part integer not null references t.parts (id));"
    + trigger(
        "if (select owner from t.kinds where id = new.kind) <> (select owner from t.parts where id = new.part)"
        " then raise exception 'no'; end if;"
    )
)
"""A row whose two parents have to have the same owner."""

FOUND: dict[str, tuple[str, RowHints | dict[TableName, RowHints]]] = {
    "a setting that is the row's own value": (
        "create function t.me() returns uuid language sql stable as"
        " $$ select nullif(current_setting('app.clerk', true), '')::uuid $$;"
        "create table t.users (id uuid primary key);"
        "create table t.x (id integer primary key, clerk uuid not null references t.users (id));"
        + trigger("new.clerk := t.me();"),
        RowHints(claims={"app.clerk": "$clerk"}),
    ),
    "a setting without a default": (
        "create table t.x (id integer primary key, shop integer not null);"
        + trigger("if new.shop <> current_setting('app.shop')::integer then raise exception 'no'; end if;"),
        RowHints(claims={"app.shop": "$shop"}),
    ),
    "a text in JSON, and a constant beside it": (
        "create table t.x (id integer primary key, shop uuid not null);"
        + trigger(
            "if current_setting('app.claims', true)::json ->> 'role' is distinct from 'clerk'"
            " then raise exception 'no clerk'; end if;\n"
            "if current_setting('app.claims', true)::json -> 'app' ->> 'shop' is distinct from new.shop::text"
            " then raise exception 'another shop'; end if;"
        ),
        RowHints(claims={"app.claims": {"role": "clerk", "app": {"shop": "$shop"}}}),
    ),
    "a setting that a row needs which the trigger writes": (
        "create table t.users (id integer primary key);"
        "create table t.log (x integer not null, by integer not null references t.users (id));"
        "create table t.x (id integer primary key);"
        + trigger("insert into t.log values (new.id, current_setting('app.clerk', true)::integer);", "after insert"),
        RowHints(claims={"app.clerk": "7919"}, requires_first=((USERS, {"id": "7919"}),)),
    ),
    "a setting and a row that says what it may do": (
        "create table t.users (id uuid primary key);"
        "create table t.kinds (id integer primary key);"
        "create table t.members (kind integer references t.kinds (id), person uuid references t.users (id),"
        " primary key (kind, person));"
        "create table t.x (id integer primary key, kind integer not null references t.kinds (id));"
        + trigger(
            "if not exists (select from t.members m where m.kind = new.kind"
            " and m.person = current_setting('app.clerk', true)::uuid) then raise exception 'no member'; end if;"
        ),
        RowHints(
            claims={"app.clerk": "00000000-0000-4000-8000-000000007919"},
            requires=(
                (TableName("t", "members"), {"person": "00000000-0000-4000-8000-000000007919", "kind": "$kind"}),
            ),
        ),
    ),
    "a setting that a CHECK reads": (
        "create table t.x (id integer primary key, shop text not null, check (shop = current_setting('app.shop')));",
        RowHints(claims={"app.shop": "7919"}),
    ),
    "a setting that a default reads": (
        "create table t.x (id integer primary key,"
        " clerk integer not null default current_setting('app.clerk', true)::integer);",
        RowHints(claims={"app.clerk": "$clerk"}),
    ),
    "a constant": (
        "create table t.x (id integer primary key, note text, code text not null);"
        + trigger("if new.code not in ('AB', 'CD') then raise exception 'no'; end if;"),
        RowHints(values={"code": ("AB", "CD")}),
    ),
    "a form of text": (
        "create table t.x (id integer primary key, doc text not null);" + trigger("perform new.doc::json;"),
        RowHints(values={"doc": ("1", "{}", "[]", "true", "1.0")}),
    ),
    "columns that have to be NULL": (
        "create table t.x (id integer primary key, a integer, b integer, c integer, d integer, e integer);"
        + trigger("if num_nonnulls(new.a, new.b, new.c, new.d, new.e) > 0 then raise exception 'no'; end if;"),
        RowHints(values=dict.fromkeys("abcde", (None,))),
    ),
    "a row that a trigger needs": (
        "create table t.kinds (id integer primary key);"
        "create table t.log (kind integer references t.kinds (id));"
        "create table t.x (id integer primary key);" + trigger("insert into t.log values (14);", "after insert"),
        RowHints(requires_first=((KINDS, {"id": "14"}),)),
    ),
    "a reference": (
        "create table t.users (id integer primary key);"
        "create table t.x (id integer primary key, size integer not null, owner bigint not null);"
        + trigger("if not exists (select from t.users where id = new.owner) then raise exception 'no'; end if;"),
        RowHints(leads={"owner": LogicalReference(USERS, "id")}),
    ),
    "a value of a parent": (
        "create table t.kinds (id integer primary key, open text not null);"
        "create table t.x (id integer primary key, kind integer not null references t.kinds (id));"
        + trigger("if (select open from t.kinds where id = new.kind) <> 'wide' then raise exception 'no'; end if;"),
        RowHints(parents={"kind": {"open": "wide"}}),
    ),
    "columns that a rule ties together": (
        "create table t.x (id text primary key, kind text not null, above text references t.x,"
        " check (kind = 'root' and above is null or kind = 'leaf' and above = 'top'));"
        "insert into t.x values ('top', 'root');" + trigger("if new.above is null then raise exception 'no'; end if;"),
        RowHints(values={"above": ("top",)}),
    ),
    "the name of a function": (
        "create function t.worked(integer) returns text language sql as $$ select 'a' $$;"
        "create function t.tidied(text) returns text language sql as $$ select $1 $$;"
        "create function t.is_function(text) returns boolean language sql as"
        " $$ select exists (select from pg_proc where pronamespace::regnamespace || '.' || proname = $1) $$;"
        "create table t.x (id integer primary key, works text not null check (t.is_function(works)));"
        + trigger("execute format('select %s(%L)', new.works, 'a');"),
        RowHints(values={"works": ("t.is_function", "t.tidied")}),
    ),
    "a reference without which a column is empty": (
        "create table t.users (id integer primary key, size integer not null);"
        "create table t.x (id integer primary key, owner bigint not null, size integer not null);"
        + trigger("new.size := (select size from t.users where id = new.owner);"),
        RowHints(leads={"owner": LogicalReference(USERS, "id")}),
    ),
    "a parent that the trigger inserts": (
        "create table t.kinds (id integer primary key);"
        "create table t.x (id integer primary key references t.kinds (id));"
        + trigger("insert into t.kinds values (new.id);"),
        RowHints(trigger_creates=(KINDS,)),
    ),
    "a parent of the parent that the trigger inserts": (
        "create table t.users (id text primary key check (length(id) > 10));"
        "create table t.kinds (id integer primary key, owner text not null references t.users (id));"
        "create table t.x (id integer primary key references t.kinds (id), size integer, owner text not null);"
        + trigger("insert into t.kinds values (new.id, new.owner);"),
        RowHints(trigger_creates=(KINDS,)),
    ),
    "a grandparent that the trigger of the inserted parent inserts": (
        "create table t.users (id integer primary key);"
        "create table t.kinds (id integer primary key references t.users (id));"
        + trigger("insert into t.users values (new.id);", table="kinds")
        + "create table t.x (id integer primary key references t.kinds (id));"
        + trigger("insert into t.kinds values (new.id);"),
        {KINDS: RowHints(trigger_creates=(USERS,)), X: RowHints(trigger_creates=(KINDS, USERS))},
    ),
    "columns that must not be NULL": (
        "create table t.users (id integer primary key);"
        "create table t.x (id integer primary key, owner integer references t.users (id),"
        " author integer references t.users (id), size integer);"
        + trigger("if num_nulls(new.owner, new.author) > 0 then raise exception 'no'; end if;"),
        RowHints(present=("owner", "author")),
    ),
    "one of the existing rows": (
        "create table t.kinds (name text primary key);"
        "insert into t.kinds values ('new'), ('old'), ('gone');"
        "create table t.x (id integer primary key, kind text not null references t.kinds (name));"
        + trigger("if new.kind <> 'old' then raise exception 'no'; end if;"),
        RowHints(values={"kind": ("old",)}),
    ),
    "a value that a view shows": (
        "create view t.allowed as select 'x' || n as code from generate_series(1, 3) as n;"
        "create table t.x (id integer primary key, code text not null);"
        + trigger("if new.code not in (select code from t.allowed) then raise exception 'no'; end if;"),
        RowHints(values={"code": ("x1", "x2", "x3")}),
    ),
    "a row that the parent's trigger inserts": (
        "create table t.kinds (id integer primary key);"
        "create table t.x (kind integer not null references t.kinds (id), state text not null);"
        + trigger("insert into t.x values (new.id, 'new');", "after insert", "kinds")
        + trigger("if exists (select from t.x where kind = new.kind) then raise exception 'no'; end if;"),
        RowHints(bypass_triggers=True),
    ),
    "a row that refers to the same parent": (
        "create table t.users (id integer primary key);"
        "create table t.roles (name text primary key); insert into t.roles values ('admin'), ('guest');"
        "create table t.kinds (id integer primary key, owner integer not null references t.users (id),"
        " role text not null references t.roles (name));"
        "create table t.x (id integer primary key, owner integer not null references t.users (id));"
        + trigger(
            "if not exists (select from t.kinds join t.roles on name = role where owner = new.owner and name = 'admin')"
            " then raise exception 'no'; end if;"
        ),
        RowHints(requires=((KINDS, {"role": "admin", "owner": "$owner"}),)),
    ),
    "a row that a parent requires": (
        "create table t.users (id integer primary key);"
        "create table t.kinds (id integer primary key, owner integer not null references t.users (id));"
        "create table t.groups (id integer primary key, owner integer not null references t.users (id));"
        + trigger(
            "if not exists (select from t.kinds where owner = new.owner) then raise exception 'no'; end if;",
            table="groups",
        )
        + "create table t.x (id integer primary key, part integer not null references t.groups (id));",
        {GROUPS: RowHints(requires=((KINDS, {"owner": "$owner"}),))},
    ),
    "references with one ancestor": (
        "create table t.users (id integer primary key);" + OF_ONE_OWNER,
        RowHints(same_ancestors=True),
    ),
    "an ancestor whose reference must not be NULL": (
        "create table t.users (id integer primary key);"
        "create table t.kinds (id integer primary key, owner integer references t.users (id));"
        "create table t.x (id integer primary key, kind integer not null references t.kinds (id));"
        + trigger(
            "if not exists (select from t.kinds join t.users on users.id = owner where kinds.id = new.kind)"
            " then raise exception 'no'; end if;"
        ),
        {KINDS: RowHints(present=("owner",))},
    ),
    "the rank of a parent among existing rows": (
        "create table t.ranks (name text primary key); insert into t.ranks values ('a'), ('b'), ('c');"
        "create table t.kinds (id integer primary key, rank text not null references t.ranks (name));"
        "create table t.x (id integer primary key, kind integer not null references t.kinds (id));"
        + trigger("if (select rank from t.kinds where id = new.kind) <> 'c' then raise exception 'no'; end if;"),
        RowHints(parents={"kind": {"rank": "c"}}),
    ),
    "a log entry of the trigger that inserts an ancestor": (
        "create table t.users (id integer primary key); create table t.log (kind integer);"
        "create table t.kinds (id integer primary key references t.users (id), name text not null default '');"
        "create table t.x (kind integer not null references t.kinds (id));"
        + trigger("insert into t.kinds values (new.id); insert into t.log values (new.id);", "after insert", "users")
        + trigger("if not exists (select from t.log where kind = new.kind) then raise exception 'no'; end if;"),
        {KINDS: RowHints(created_by_trigger=True)},
    ),
    "references with one ancestor in a tree": (
        "create table t.users (id integer primary key,"
        " above integer not null references t.users (id) check (above = 1));"
        "insert into t.users values (1, 1);" + OF_ONE_OWNER,
        RowHints(same_ancestors=True),
    ),
    "a value of a parent that a CHECK's function reads": (
        "create table t.kinds (id integer primary key, name text not null check (name in ('a', 'b')));"
        "create function t.named(integer) returns text language sql stable"
        " as 'select name from t.kinds where id = $1';"
        "create table t.x (kind integer not null references t.kinds (id), check (t.named(kind) = 'b'));"
        "create index on t.x (kind desc nulls last);",
        RowHints(parents={"kind": {"name": "b"}}),
    ),
    "a row that a CHECK's function looks for": (
        "create table t.users (name text not null, active boolean not null);"
        "create function t.knows(who text) returns boolean language sql stable"
        " as 'select exists (select from t.users where name = who and active)';"
        "create table t.x (id integer primary key, owner text not null, check (t.knows(owner)));",
        RowHints(requires=((USERS, {"active": "true", "name": "$owner"}),)),
    ),
    "a child that has to be inserted with it": (
        "create table t.x (id integer primary key);"
        "create table t.kinds (id integer primary key, x integer not null references t.x (id));"
        + trigger(
            "if not exists (select from t.kinds where x = new.id) then raise exception 'no'; end if;", "after insert"
        ).replace(
            "create trigger guard after insert on t.x",
            "create constraint trigger guard after insert on t.x deferrable initially deferred",
        ),
        RowHints(requires=((KINDS, {"x": "$id"}),)),
    ),
    "a value of a row with children": (
        "create table t.x (id integer primary key, code text not null);"
        "create table t.kinds (id integer primary key, x integer not null references t.x (id));"
        "create function t.complete() returns trigger language plpgsql as $$ begin"
        " if not exists (select from t.kinds where x = new.id) then raise exception 'alone'; end if;\n"
        " if new.code not in ('AB', 'CD') then raise exception 'no'; end if; return null; end $$;"
        "create constraint trigger complete after insert on t.x deferrable initially deferred"
        " for each row execute function t.complete();",
        RowHints(requires=((KINDS, {"x": "$id"}),), values={"code": ("AB", "CD")}),
    ),
    "the name of a text search configuration": (
        "create table t.kinds (id text primary key);"
        "create table t.users (x integer, config text not null references t.kinds (id), active boolean not null);"
        "create table t.x (id integer primary key, words tsvector not null);"
        + trigger(
            "\nif not exists (select from t.users where x = new.id and active) then raise exception 'no'; end if;"
            "\nnew.words := (select to_tsvector(config::regconfig, 'a') from t.users where x = new.id and active);"
        ),
        RowHints(requires=((USERS, {"active": "true", "config": "simple", "x": "$id"}),)),
    ),
    "a row of a table that inherits": (
        "create function t.no() returns integer language plpgsql as $$ begin raise exception 'not here'; end $$;"
        "create table t.kinds (id integer primary key);"
        "create rule nowhere as on insert to t.kinds do instead select t.no();"
        "create table t.users (name text not null) inherits (t.kinds);"
        "create table t.x (id integer primary key, kind integer not null);"
        + trigger("perform from t.kinds where id = new.kind; if not found then raise exception 'none'; end if;"),
        RowHints(leads={"kind": LogicalReference(USERS, "id")}),
    ),
    "one rule after another": (
        "create table t.x (id integer primary key, state text not null check (state in ('new', 'old')),"
        " size integer not null, weight integer not null);"
        + trigger(
            "if new.state <> 'new' then\nraise exception 'state'; end if;\n"
            "if new.size <> 7 then\nraise exception 'size'; end if;\n"
            "if new.weight <> 9 then\nraise exception 'weight'; end if;"
        ),
        RowHints(values={"state": ("new",), "size": ("7",), "weight": ("9",)}),
    ),
    "a row that is looked up by the row's own values": (
        "create table t.kinds (id integer primary key, code text not null, owner integer not null);"
        "create table t.x (id integer primary key, code text, owner integer not null);"
        + trigger(
            "if not exists (select from t.kinds as k where k.code = new.code and new.owner = k.owner)"
            " then raise exception 'no'; end if;"
        ),
        RowHints(requires=((KINDS, {"code": "$code", "owner": "$owner"}),), present=("code",)),
    ),
    "a function that an ancestor names": (
        "create table t.kinds (id integer primary key, called text not null);"
        "create table t.x (id integer primary key, kind integer not null references t.kinds (id));"
        + trigger(
            "execute 'select ' || coalesce((select called from t.kinds where id = new.kind), 'upper') || '(''a'')';"
        ),
        RowHints(parents={"kind": {"called": "upper"}}),
    ),
    "a row that the parent's trigger inserts itself": (
        "create table t.kinds (id integer primary key);"
        "create table t.x (id integer primary key references t.kinds (id));"
        + trigger("insert into t.x values (new.id);", "after insert", "kinds"),
        RowHints(created_by_trigger=True),
    ),
}
"""Tables with the hints that are found: those for ``t.x``, or for several tables."""

UNNEEDED = {
    "reference data": (
        "create table t.kinds (name text primary key check (name in ('small', 'large')), rank integer not null);"
        "insert into t.kinds values ('small', 1), ('large', 2);"
        "create table t.log (kind text references t.kinds (name));"
        "create table t.x (id integer primary key, kind text not null references t.kinds (name));"
        + trigger(
            "insert into t.log values ('large');"
            "if (select rank from t.kinds where name = new.kind) not in (1, 2) then raise exception 'no'; end if;"
        ),
        "delete from t.kinds; insert into t.kinds values ('small', 3); insert into t.x values (1, 'small')",
    ),
    "reference data and a rule": (
        "create table t.kinds (name text primary key check (name in ('small', 'large')));"
        "insert into t.kinds values ('small'), ('large');"
        "create table t.x (id integer primary key, size integer,"
        " kind text not null references t.kinds (name) check (kind <> 'huge'));",
        "insert into t.kinds values ('huge'); insert into t.x values (1, 1, 'huge')",
    ),
    "a reference to an existing row": (
        "create table t.kinds (name text primary key, rank integer not null);"
        + trigger("raise exception 'no';", table="kinds").replace("before insert", "before delete")
        + "insert into t.kinds values ('root', 1);"
        "create table t.x (id integer primary key, kind text not null check (kind = 'root') references t.kinds);",
        "delete from t.kinds",
    ),
    "a table with one row": (
        "create table t.x (id integer not null, note text);"
        "create unique index x_one_row on t.x ((id is not null)); insert into t.x values (1);",
        "insert into t.x values (2)",
    ),
    "a table with one row of a kind": (
        "create table t.x (id integer primary key, chosen boolean not null, note text);"
        "create unique index x_one_chosen on t.x ((true)) where chosen; insert into t.x values (1, true);"
        # Were the table emptied for a new row, this one would be missed.
        + trigger("if not exists (select from t.x where id = 1) then raise exception 'no'; end if;"),
        "delete from t.x; insert into t.x values (2, false)",
    ),
    "the result of a call with constants": (
        "create function t.mark(text) returns text language sql immutable as $$ select upper($1) || '!' $$;"
        "create table t.x (id integer primary key, note text not null default t.mark('none')"
        " check (note = t.mark('none')));",
        "insert into t.x values (1, 'none')",
    ),
    "keys behind many existing ones": (
        "create table t.x (id integer primary key);"
        "insert into t.x select number from generate_series(0, 40000) as number;"
        "create table t.y (x integer references t.x);",
        "insert into t.x values (1)",
    ),
    "a cycle of deferred references": (
        "create table t.x (id integer primary key, kind integer not null unique);"
        "create table t.kinds (id integer primary key, x integer not null unique"
        " references t.x (id) deferrable initially deferred);"
        "alter table t.x add foreign key (kind) references t.kinds (id) deferrable initially deferred;",
        "insert into t.x values (1, 1); set constraints all immediate",
    ),
    "a CHECK's function that fails without rows": (
        "create table t.kinds (id integer primary key);"
        "create function t.known(integer) returns boolean language plpgsql immutable as $$ begin"
        " perform from t.kinds where id = $1; if not found then raise exception 'no'; end if; return true; end $$;"
        "create table t.x (kind integer not null references t.kinds (id), check (t.known(kind)));",
        "insert into t.kinds values (1); insert into t.x values (2)",
    ),
    "the name of a role": (
        "create function t.is_user(name) returns boolean language sql stable"
        " as 'select exists (select from pg_user where usename = $1)';"
        "create table t.x (id integer primary key, owner name not null, check (t.is_user(owner)));",
        "insert into t.x values (1, 'no role')",
    ),
    "a cycle of rows that are named by their parents": (
        "create table t.x (id integer primary key check (id > 0), kind integer not null);"
        "create table t.kinds (id integer, x integer not null references t.x (id) deferrable initially deferred,"
        " primary key (x, id));"
        "alter table t.x add foreign key (id, kind) references t.kinds (x, id) deferrable initially deferred;",
        "insert into t.x values (1, 1); set constraints all immediate",
    ),
}
"""Tables that are filled without hints, each with statements that its schema refuses."""


def of_tables(connection: Connection) -> HintFinder:
    """A finder for the tables of a database, without hints."""
    catalog = read(connection)
    return HintFinder(Session(connection, catalog), Pools(connection, catalog, {}))


@pytest.mark.parametrize("what", FOUND)
def test_found(what: str, database: tuple[Server, str]) -> None:
    server, name = database
    schema, hints = FOUND[what]
    with server.connect(name) as connection:
        connection.execute(f"create schema t; {schema}".encode())
        before = connection.execute("select array_agg(x::text) from t.x").fetchone()
        finder = of_tables(connection)
        assert finder.fill(X) is None
        assert finder.found == ({X: hints} if isinstance(hints, RowHints) else hints)
        assert connection.execute("select array_agg(x::text) from t.x").fetchone() == before


@pytest.mark.parametrize("what", UNNEEDED)
def test_filled_without_hints(what: str, database: tuple[Server, str]) -> None:
    server, name = database
    schema, refused = UNNEEDED[what]
    with server.connect(name) as connection:
        connection.execute(f"create schema t; {schema}".encode())
        before = connection.execute("select array_agg(x::text) from t.x").fetchone()
        with pytest.raises(psycopg.Error), connection.transaction():
            connection.execute(refused.encode())
        finder = of_tables(connection)
        assert finder.fill(X) is None
        assert finder.found == {}
        assert connection.execute("select array_agg(x::text) from t.x").fetchone() == before


def test_a_hint_for_some_of_the_rows_is_none_that_helps_by_chance(database: tuple[Server, str]) -> None:
    """Rows whose parent has no owner are refused: that is found, and nothing that accepted rows have by chance."""
    server, name = database
    with server.connect(name) as connection:
        connection.execute(
            b"create schema t; create table t.users (id integer primary key, note text);"
            b"create table t.kinds (id integer primary key, owner integer references t.users (id),"
            b" author integer not null references t.users (id));"
            b"create table t.x (id integer primary key, kind integer not null references t.kinds (id));"
            + trigger(
                "if not exists (select note from t.kinds join t.users on users.id = owner where kinds.id = new.kind)"
                " then raise exception 'no'; end if;"
            ).encode()
        )
        finder = of_tables(connection)
        assert finder.fill(X) is None
        assert finder.found == {KINDS: RowHints(present=("owner",))}


def test_a_row_that_an_ancestor_requires_is_found(database: tuple[Server, str]) -> None:
    """The simplest rows have equal keys by chance: other rows show what the function compares."""
    server, name = database
    with server.connect(name) as connection:
        connection.execute(
            b"create schema t; create table t.users (id integer primary key, code integer not null);"
            b"create table t.kinds (id integer primary key, code integer not null, during int4range not null);"
            b"create table t.x (id integer primary key, owner integer not null references t.users (id));"
            + trigger(
                "declare _users t.users; begin\nselect * into strict _users from t.users where id = new.owner;\n"
                "if not exists (select from t.kinds where code = _users.code and during @> 123456) then\n"
                "raise exception 'no'; end if; end;"
            ).encode()
        )
        finder = of_tables(connection)
        assert finder.fill(X) is None
        assert finder.found[USERS] == RowHints(requires=((KINDS, {"during": "(,)", "code": "$code"}),))


def test_an_error_of_an_ancestor_is_no_progress_of_the_row(database: tuple[Server, str]) -> None:
    """A value of an ancestor that its own rules refuse is no hint."""
    server, name = database
    with server.connect(name) as connection:
        connection.execute(
            b"create schema t; create table t.classes (name text primary key check (name in ('a', 'b')));"
            b"create table t.kinds (id integer primary key, class text not null references t.classes (name));"
            b"create table t.x (id integer primary key, kind integer not null references t.kinds (id),"
            b" vector text not null);"
            + trigger("perform class from t.kinds where id = new.kind and class <> ''; new.vector := null;").encode()
        )
        finder = of_tables(connection)
        assert finder.fill(X) == Blocker(X, "refused by NOT NULL of vector (23502)")
        assert finder.found == {}


def test_a_trigger_that_refuses_all_rows_is_named(database: tuple[Server, str]) -> None:
    server, name = database
    with server.connect(name) as connection:
        connection.execute(
            b"create schema t; create table t.kinds (id integer primary key);"
            b"create table t.x (id integer primary key, kind integer not null references t.kinds (id));"
            + trigger("raise exception 'never';", table="kinds").encode()
        )
        finder = of_tables(connection)
        assert finder.fill(X) == Blocker(KINDS, "refused with P0001: never (trigger guard)")
        assert finder.fill(KINDS) == Blocker(KINDS, "refused with P0001: never (trigger guard)")
        assert finder.found == {}


def test_a_row_that_is_accepted_and_vanishes_fills_nothing(database: tuple[Server, str]) -> None:
    server, name = database
    with server.connect(name) as connection:
        connection.execute(
            b"create schema t; create table t.x (id integer primary key); create table t.parts () inherits (t.x);"
            b"create table t.users (id integer primary key); create rule n as on insert to t.users do instead nothing;"
            + trigger("insert into t.parts values (new.id); return null;").encode()
        )
        finder = of_tables(connection)
        assert finder.fill(X) is None
        assert finder.fill(USERS) == Blocker(USERS, VANISHED)


def test_a_table_full_of_reference_data_is_filled(database: tuple[Server, str]) -> None:
    """All values that its rule allows exist: one of the rows is deleted and inserted again."""
    server, name = database
    schema = "create table t.x (name text primary key check (name in ('a', 'b'))); insert into t.x values ('a'), ('b');"
    with server.connect(name) as connection:
        connection.execute(f"create schema t; {schema}".encode())
        finder = of_tables(connection)
        assert finder.fill(X) is None
        assert connection.execute("select count(*) from t.x").fetchone() == (2,)


def test_hints_that_do_not_lead_to_a_row_are_dropped(database: tuple[Server, str]) -> None:
    server, name = database
    guard = trigger("if new.code <> 'AB' then raise exception 'code'; end if;\nraise exception 'never';")
    with server.connect(name) as connection:
        connection.execute(
            f"create schema t; create table t.x (id integer primary key, code text not null); {guard}".encode()
        )
        pools = Pools(connection, catalog := read(connection), {})
        finder = HintFinder(Session(connection, catalog), pools)
        blocker = finder.fill(X)
        assert blocker is not None and "never" in blocker.reason
        assert (finder.found, pools.row_hints) == ({}, {})


def test_the_role_that_a_trigger_asks_for_is_found(database: tuple[Server, str]) -> None:
    server, name = database
    with server.connect(name) as connection:
        connection.execute(
            b"create schema t; create table t.x (id integer primary key); create role hints_clerk;"
            b"grant usage on schema t to hints_clerk; grant insert on t.x to hints_clerk;"
            + trigger("if current_user <> 'hints_clerk' then raise exception 'no'; end if;").encode()
        )
        try:
            finder = of_tables(connection)
            assert finder.fill(X) is None
            assert finder.found == {X: RowHints(as_="hints_clerk")}
        finally:
            connection.execute("drop owned by hints_clerk; drop role hints_clerk")
