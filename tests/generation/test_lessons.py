"""Tables whose rows a trigger refuses: what is learnt of them, and what is said where nothing helps."""

from __future__ import annotations

import pytest

from harness.catalog import read
from harness.database.connection import Server
from harness.generation import Oracle, Pools
from harness.generation.lessons import Obstacle, Teacher
from harness.generation.supply import Lead, Supply
from harness.probes import Session
from harness.project.model import TableName

X, KINDS, USERS = TableName("t", "x"), TableName("t", "kinds"), TableName("t", "users")


def trigger(body: str, when: str = "before insert", table: str = "x") -> str:
    return (
        f"create function t.guard_{table}() returns trigger language plpgsql as $$ begin {body} return new; end $$;"
        f" create trigger guard {when} on t.{table} for each row execute function t.guard_{table}();"
    )


LESSONS = {
    "a constant": (
        "create table t.x (id integer primary key, note text, code text not null);"
        + trigger("if new.code not in ('AB', 'CD') then raise exception 'no'; end if;"),
        Supply(values={"code": ("AB", "CD")}),
    ),
    "a form": (
        "create table t.x (id integer primary key, doc text not null);" + trigger("perform new.doc::json;"),
        None,
    ),
    "columns that are empty": (
        "create table t.x (id integer primary key, a integer, b integer, c integer, d integer, e integer);"
        + trigger("if num_nonnulls(new.a, new.b, new.c, new.d, new.e) > 0 then raise exception 'no'; end if;"),
        None,
    ),
    "a row before": (
        "create table t.kinds (id integer primary key);"
        "create table t.log (kind integer references t.kinds (id));"
        "create table t.x (id integer primary key);" + trigger("insert into t.log values (14);", "after insert"),
        Supply(before=((KINDS, {"id": "14"}),)),
    ),
    "a reference": (
        "create table t.users (id integer primary key);"
        "create table t.x (id integer primary key, size integer not null, owner bigint not null);"
        + trigger("if not exists (select from t.users where id = new.owner) then raise exception 'no'; end if;"),
        Supply(leads={"owner": Lead(USERS, "id")}),
    ),
    "a value of a parent": (
        "create table t.kinds (id integer primary key, open text not null);"
        "create table t.x (id integer primary key, kind integer not null references t.kinds (id));"
        + trigger("if (select open from t.kinds where id = new.kind) <> 'wide' then raise exception 'no'; end if;"),
        Supply(parents={"kind": {"open": "wide"}}),
    ),
    "reference data": (
        "create table t.kinds (name text primary key check (name in ('small', 'large')), rank integer not null);"
        "insert into t.kinds values ('small', 1), ('large', 2);"
        "create table t.log (kind text references t.kinds (name));"
        "create table t.x (id integer primary key, kind text not null references t.kinds (name));"
        + trigger(
            "insert into t.log values ('large');"
            "if (select rank from t.kinds where name = new.kind) not in (1, 2) then raise exception 'no'; end if;"
        ),
        None,
    ),
    "reference data and a rule": (
        "create table t.kinds (name text primary key check (name in ('small', 'large')));"
        "insert into t.kinds values ('small'), ('large');"
        "create table t.x (id integer primary key, size integer,"
        " kind text not null references t.kinds (name) check (kind <> 'huge'));",
        None,
    ),
    "a row that stands": (
        "create table t.kinds (name text primary key, rank integer not null);"
        + trigger("raise exception 'no';", table="kinds").replace("before insert", "before delete")
        + "insert into t.kinds values ('root', 1);"
        "create table t.x (id integer primary key, kind text not null check (kind = 'root') references t.kinds);",
        None,
    ),
    "columns that are tied": (
        "create table t.x (id text primary key, kind text not null, above text references t.x,"
        " check (kind = 'root' and above is null or kind = 'leaf' and above = 'top'));"
        "insert into t.x values ('top', 'root');" + trigger("if new.above is null then raise exception 'no'; end if;"),
        Supply(values={"above": ("top",)}),
    ),
    "a row that it makes": (
        "create table t.kinds (id integer primary key);"
        "create table t.x (id integer primary key references t.kinds (id));"
        + trigger("insert into t.kinds values (new.id);"),
        Supply(makes=(KINDS,)),
    ),
    "a reference of the row that it makes": (
        "create table t.users (id text primary key check (length(id) > 10));"
        "create table t.kinds (id integer primary key, owner text not null references t.users (id));"
        "create table t.x (id integer primary key references t.kinds (id), size integer, owner text not null);"
        + trigger("insert into t.kinds values (new.id, new.owner);"),
        Supply(makes=(KINDS,), leads={"owner": Lead(USERS, "id")}),
    ),
    "a row that its parent makes": (
        "create table t.kinds (id integer primary key);"
        "create table t.x (id integer primary key references t.kinds (id));"
        + trigger("insert into t.x values (new.id);", "after insert", "kinds"),
        Supply(past_triggers=True),
    ),
}


@pytest.mark.parametrize("what", LESSONS)
def test_learnt(what: str, database: tuple[Server, str]) -> None:
    server, name = database
    schema, lesson = LESSONS[what]
    with server.connect(name) as connection:
        connection.execute(f"create schema t; {schema}".encode())
        catalog = read(connection)
        teacher = Teacher(Session(connection, catalog), Pools(Oracle(connection), catalog, {}))
        assert teacher.fill(X) is None
        if lesson is not None:
            assert teacher.learnt == {X: lesson}
        assert connection.execute("select count(*) from t.x where id::text <> 'top'").fetchone() == (0,)


def test_what_nobody_can_please_is_named(database: tuple[Server, str]) -> None:
    server, name = database
    with server.connect(name) as connection:
        connection.execute(
            b"create schema t; create table t.kinds (id integer primary key);"
            b"create table t.x (id integer primary key, kind integer not null references t.kinds (id));"
            + trigger("raise exception 'never';", table="kinds").encode()
        )
        catalog = read(connection)
        teacher = Teacher(Session(connection, catalog), Pools(Oracle(connection), catalog, {}))
        assert teacher.fill(X) == Obstacle(KINDS, "refused with P0001: never")
        assert teacher.fill(KINDS) == Obstacle(KINDS, "refused with P0001: never")
        assert teacher.learnt == {}


def test_a_table_full_of_reference_data_is_filled(database: tuple[Server, str]) -> None:
    """All values that its rule lets pass are there: one of the rows is taken away and put there again."""
    server, name = database
    schema = "create table t.x (name text primary key check (name in ('a', 'b'))); insert into t.x values ('a'), ('b');"
    with server.connect(name) as connection:
        connection.execute(f"create schema t; {schema}".encode())
        catalog = read(connection)
        teacher = Teacher(Session(connection, catalog), Pools(Oracle(connection), catalog, {}))
        assert teacher.fill(X) is None
        assert connection.execute("select count(*) from t.x").fetchone() == (2,)
