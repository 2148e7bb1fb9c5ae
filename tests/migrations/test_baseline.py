"""What pg_dump writes of a database, applied as its first migration, makes the same database again."""

from __future__ import annotations

import os
import re
import subprocess

from psycopg import sql

from harness.server import binaries
from harness.server.connection import Server

from .conftest import Files, Runner

SCHEMA = r"""
create schema shop;
create type shop.state as enum ('new', 'für später');
create function shop.touch() returns trigger language plpgsql as $_$
    begin new.at := clock_timestamp(); return new; end $_$;
create function shop.twice(i int) returns int language sql begin atomic select i; select i * 2; end;
create table shop.parent (
    id int generated always as identity primary key, name text check (name <> E'a\'b;'), at timestamptz
);
create table shop.child (
    id int primary key, parent int references shop.parent, state shop.state default 'new', note text
);
create trigger touch before update on shop.parent for each row execute function shop.touch();
create view shop.all as select p.name, c.note from shop.parent p left join shop.child c on c.parent = p.id;
create rule no_delete as on delete to shop.child do instead (select 1; select 2);
comment on table shop.parent is 'it''s; a -- "comment" /* too';
insert into shop.parent (name) values ('tab	tab'), (E'new\nline; \\.'), (null), ('$$ ''quoted'' "ü"');
insert into shop.child values (1, 1, 'für später', E'\\restrict x'), (2, null, 'new', E'\\.\n\\connect x');
alter table shop.child enable row level security;
"""
# Differs from one dump to the next.
KEYS = re.compile(r"^\\(un)?restrict .*$", re.MULTILINE)


def dump(server: Server, database: str, *options: str) -> str:
    environment = {
        f"PG{key.upper()}": value for key, value in server.conninfo.items() if key in ("host", "port", "user")
    }
    command = [str(binaries.embedded().directory / "pg_dump"), *options, database]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_round_trip(database: tuple[Server, str], runner: Runner, files: Files) -> None:
    server, name = database
    runner.connection.execute(SCHEMA.encode())
    before = dump(server, name)
    assert "\\restrict" in before and "FROM stdin;" in before and "\\.\n" in before
    files.write("app/001_baseline", before, "drop schema shop cascade")
    with server.connect() as maintenance:
        maintenance.execute("create database second_life")
        try:
            with server.connect("second_life") as connection:
                second = Runner(connection, files)
                assert second.apply() == ["app/001_baseline"]
                after = dump(server, "second_life", "--exclude-schema=harness")
                assert KEYS.sub("", after) == KEYS.sub("", before)
                # The dump empties search_path and turns row security off; neither stays.
                assert second.value("show search_path") == '"$user", public'
                assert second.value("show row_security") == "on"
                assert second.rollback() == ["app/001_baseline"]
        finally:
            maintenance.execute(sql.SQL("drop database second_life with (force)"))
