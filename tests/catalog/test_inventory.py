"""What one change of a database does to its inventory."""

from __future__ import annotations

import pytest

from harness.catalog.inventory import differences, inventory
from harness.server.connection import Server

SCHEMA = """
create schema t; create schema harness; create table harness.ledger (id integer);
create type t.mood as enum ('sad'); create domain t.word as text; create sequence t.numbers;
create table t.x (id integer primary key, word text default 'a', constraint chk check (id > 0));
create view t.v as select id from t.x; create index idx on t.x (word);
create function t.f() returns integer language sql as 'select 1';
create function t.touch() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger touch before update on t.x for each row execute function t.touch();
create policy own on t.x using (id > 1);
comment on column t.x.word is 'A word.';
"""
CHANGES = {
    "select 1": [],
    "insert into t.x values (1)": [],
    "create table harness.more (id integer)": [],
    "create table t.y ()": ["table t.y is left over"],
    "drop view t.v": ["view t.v is missing"],
    "alter table t.x add n integer": [
        """table t.x has changed: "id integer not null  , word text   'a'::text A word." is now """
        """"id integer not null  , word text   'a'::text A word., n integer  \""""
    ],
    "alter table t.x enable row level security": ["table t.x has changed: 'row security' is new"],
    "comment on table t.x is 'New.'": ["""table t.x has changed: "comment 'New.'" is new"""],
    "grant usage on schema t to public": [
        "schema t has changed: 'grants postgres CREATE, postgres USAGE' is now "
        "'grants public USAGE, postgres CREATE, postgres USAGE'"
    ],
    "revoke execute on function t.f() from public": [
        "function t.f() has changed: 'grants public EXECUTE, postgres EXECUTE' is now 'grants postgres EXECUTE'"
    ],
    "alter table t.x disable trigger touch": [
        "trigger touch on t.x has changed: 'CREATE TRIGGER touch BEFORE UPDATE ON t.x FOR EACH ROW "
        "EXECUTE FUNCTION t.touch() O' is now 'CREATE TRIGGER touch BEFORE UPDATE ON t.x FOR EACH ROW "
        "EXECUTE FUNCTION t.touch() D'"
    ],
    "drop policy own on t.x": ["policy own on t.x is missing"],
    "alter type t.mood add value 'ok'": ["type t.mood has changed: 'e sad f' is now 'e sad,ok f'"],
    "alter sequence t.numbers increment 2": [
        "sequence t.numbers has changed: 'bigint 1 1 1 9223372036854775807 1 f' is now "
        "'bigint 1 2 1 9223372036854775807 1 f'"
    ],
    "alter table t.x drop constraint chk": ["constraint chk on t.x is missing"],
    "drop index t.idx": ["index t.idx is missing"],
    "alter default privileges in schema t grant select on tables to public": ["default privileges"],
    "create extension citext schema t": ["extension citext is left over"],
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_told(change: str, database: tuple[Server, str]) -> None:
    server, name = database
    with server.connect(name) as connection:
        connection.execute(SCHEMA)
        before = inventory(connection)
        assert differences(before, inventory(connection)) == []
        connection.execute(change.encode())
        found = differences(before, inventory(connection))
    if CHANGES[change] == ["default privileges"]:
        assert [line.split()[:2] for line in found] == [["default", "privileges"]]
    else:
        assert found == CHANGES[change]
