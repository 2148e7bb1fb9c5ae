"""With a role there are shapes only for what it may do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg import sql

from harness.errors import ProjectError
from harness.server.connection import Server
from harness.types import pydantic_models
from harness.types.model import DatabaseTypes
from harness.types.queries import read
from tests.types.from_server import built, functions, table, types_of

READER, GROUP, STRANGER = "types_reader", "types_group", "types_stranger"
SCHEMA = f"""
create schema app;
grant usage on schema app to {READER};
grant usage on schema app to public;
create table app.whole (id integer primary key, note text, at timestamptz not null default now());
create table app.parts (
    id integer not null, note text, secret text, number integer generated always as identity, hidden text,
    constraint parts_note check (note <> ''), constraint parts_secret check (secret <> ''),
    constraint parts_both check (secret <> note), constraint parts_sent check (id > 0 or secret = 'x'),
    constraint parts_hidden check (hidden in ('a', 'b'))
);
create table app.read_only (id integer);
create table app.write_only (id integer);
create table app.nothing (id integer);
create table app.of_group (id integer);
create table app.of_all (id integer);
create view app.seen as select * from app.whole;
create view app.unseen as select * from app.whole;
create type app.pair as (a integer);
grant select, insert, update on app.whole to {READER};
grant select (id, note), insert (id, secret), update (note) on app.parts to {READER};
grant select on app.read_only, app.seen to {READER};
grant insert on app.write_only to {READER};
grant delete, truncate on app.nothing to {READER};
grant update on app.of_group to {GROUP};
grant select on app.of_all to public;
create function app.free() returns integer language sql as 'select 1';
create function app.theirs() returns integer language sql as 'select 1';
create function app.hers() returns integer language sql as 'select 1';
revoke execute on function app.theirs(), app.hers() from public;
grant execute on function app.hers() to {READER};
create schema hidden;
create table hidden.open (id integer);
grant all on hidden.open to {READER};
create function hidden.free() returns integer language sql as 'select 1';
"""


@pytest.fixture(scope="module")
def roles(server: Server) -> Iterator[None]:
    names = [sql.Identifier(each) for each in (READER, GROUP, STRANGER)]
    with server.connect() as connection:
        for each in names:
            connection.execute(sql.SQL("create role {}").format(each))
        connection.execute(sql.SQL("grant {} to {}").format(names[1], names[0]))
        yield
        for each in names:
            connection.execute(sql.SQL("drop role {}").format(each))


@pytest.fixture(scope="module")
def types(server: Server, roles: None) -> Iterator[DatabaseTypes]:
    with built(server, SCHEMA) as connection:
        yield types_of(connection, role=READER)


def test_which_shapes(types: DatabaseTypes) -> None:
    found = {
        each.name.table: "".join(
            letter if may else "-"
            for letter, may in zip("siu", (each.selectable, each.insertable, each.updatable), strict=True)
        )
        for each in types.modules[0].tables
    }
    assert found == {
        "whole": "siu",
        "parts": "siu",
        "read_only": "s--",
        "write_only": "-i-",
        "nothing": "---",
        "of_group": "--u",
        "of_all": "s--",
        "seen": "s--",
        "unseen": "---",
        "pair": "s--",
    }


def test_columns(types: DatabaseTypes) -> None:
    parts = table(types, "parts")
    assert [each.name for each in parts.selected] == ["id", "note"]
    assert [each.name for each in parts.inserted] == ["id", "secret"]
    assert [each.name for each in parts.updated] == ["note"]
    whole = table(types, "whole")
    assert len(whole.selected) == len(whole.inserted) == len(whole.updated) == 3


def test_rules_of_which_a_record_has_all_columns(types: DatabaseTypes) -> None:
    parts = table(types, "parts")
    assert [each.name for each in parts.rules] == ["parts_note", "parts_secret", "parts_sent"]
    assert [each.name for each in parts.fields] == ["id", "note", "secret"]
    unstated = {each.subject: each.reason for each in types.unstated if each.table == "app.parts"}
    assert unstated == dict.fromkeys(["parts_both", "parts_hidden"], "the role has all of its columns in no record")
    text = pydantic_models.render(types)["app.py"]
    assert "parts_hidden" not in text and 'RowRule("parts_both"' not in text


def test_functions(types: DatabaseTypes) -> None:
    assert functions(types, "free") and functions(types, "hers") and not functions(types, "theirs")


def test_another_schema_has_to_be_open(server: Server, roles: None) -> None:
    with built(server, SCHEMA) as connection:
        (hidden,) = types_of(connection, schemas=("hidden",), role=READER).modules
        (everyones,) = types_of(connection, schemas=("hidden",)).modules
        (strangers,) = types_of(connection, role=STRANGER).modules
    assert [(each.selectable, each.insertable, each.updatable) for each in hidden.tables] == [(False, False, False)]
    assert not hidden.functions and len(everyones.functions) == 1
    assert [each.name.table for each in strangers.tables if each.selectable] == ["of_all", "pair"]
    assert [each.name for each in strangers.functions] == ["free"]


def test_without_a_role_all_is_there(server: Server, roles: None) -> None:
    with built(server, SCHEMA) as connection:
        (module,) = types_of(connection).modules
    tables = [each for each in module.tables if each.kind == "table"]
    assert all(each.selectable and each.insertable and each.updatable for each in tables) and len(tables) == 7


def test_a_role_or_a_schema_that_is_not_there(server: Server, roles: None) -> None:
    with built(server, SCHEMA) as connection:
        with pytest.raises(ProjectError) as caught:
            read(connection, ["app"], "types_raeder")
        assert str(caught.value) == "the database has no role types_raeder; did you mean 'types_reader'?"
        with pytest.raises(ProjectError) as caught:
            read(connection, ["app", "hiden"])
        assert str(caught.value) == "the database has no schema hiden; did you mean 'hidden'?"
