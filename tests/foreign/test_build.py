"""Scratch databases built from ``base:`` and from the migrations of another tool, on real servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from harness.errors import HarnessError, StatementError, TargetError
from harness.foreign import builder
from harness.global_objects.guards import ScratchGuard, Skipped
from harness.project.load import load
from harness.project.model import Project
from harness.scratch.templates import clean
from harness.scratch.workspaces import workspace
from harness.server import binaries
from harness.server.connection import Connection, Server

HEAD = "name: demo\nmodules: [public]\n"

Make = Callable[..., Project]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A project: further lines of ``project.yml``, and files by their names."""

    def project(settings: str, **files: str) -> Project:
        for name, text in {"project.yml": HEAD + settings, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return load(tmp_path)

    return project


@pytest.fixture(autouse=True)
def tidy(server: Server) -> Iterator[None]:
    yield
    clean(server, None)
    with server.connect() as connection:
        for role in ("app_owner", "app_reader"):
            connection.execute(f"drop role if exists {role}".encode())


@pytest.fixture
def connection(database: tuple[Server, str]) -> Iterator[Connection]:
    server, name = database
    with server.connect(name) as opened:
        yield opened


def build(connection: Connection, project: Project, *, own: bool = True) -> list[Skipped]:
    """Builds in the database, and returns what was left out."""
    with psycopg.connect(connection.info.dsn, dbname="postgres", autocommit=True) as maintenance:
        guard = ScratchGuard(maintenance, own, may_make=True)
        builder.build(connection, project, guard)
    return guard.skipped


def value(connection: Connection, query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None


def names(connection: Connection) -> list[str]:
    """The tables that are there."""
    found = connection.execute(
        "select oid::regclass::text from pg_class where relkind = 'r' and relnamespace not in"
        " ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)"
    )
    return sorted(name for (name,) in found)


def refusal(connection: Connection, project: Project) -> HarnessError:
    with pytest.raises(HarnessError) as caught:
        build(connection, project)
    assert str(caught.value)
    return caught.value


def test_base_comes_first_then_the_migrations(make: Make, connection: Connection) -> None:
    project = make(
        "base: base.sql\nmigrations: {path: db}\n",
        **{
            "base.sql": "create schema auth; create table auth.users (id int primary key);",
            "db/1_a.up.sql": "create table a (id int references auth.users);",
            "db/2_b.up.sql": "create table b (id int); insert into b values (1), (2);",
        },
    )
    assert build(connection, project) == []
    assert names(connection) == ["a", "auth.users", "b"]
    assert value(connection, "select count(*) from b") == 2


def test_what_a_file_sets_lasts_through_it_and_ends_with_it(make: Make, connection: Connection) -> None:
    project = make(
        "base: base.sql\nmigrations: {path: [dump.sql, more.sql]}\n",
        **{
            "base.sql": "create schema app; set search_path = app;",
            "dump.sql": (
                "select pg_catalog.set_config('search_path', '', false);\n"
                "create table app.in_full (id int);\nset search_path to app;\ncreate table alone (id int);\n"
                "create temp table scratch_paper (id int);\n"
            ),
            "more.sql": "create table in_public (id int);",
        },
    )
    build(connection, project)
    assert names(connection) == ["app.alone", "app.in_full", "in_public"]
    assert value(connection, "show search_path") == '"$user", public'


def test_a_file_of_psql_has_its_own_transactions(make: Make, connection: Connection) -> None:
    project = make(
        "migrations: {path: db.sql}\n",
        **{
            "db.sql": (
                "\\set ON_ERROR_STOP 1\nbegin;\ncreate table a (id int);\ncommit;\n"
                "begin;\ncreate table b (id int);\nrollback;\n"
                "create index concurrently on a (id);\ncopy a from stdin;\n1\n2\n\\.\nvacuum a;\n"
            )
        },
    )
    build(connection, project)
    assert names(connection) == ["a"]
    assert value(connection, "select sum(id)::int from a") == 3
    assert value(connection, "select count(*)::int from pg_index where indrelid = 'a'::regclass") == 1


def test_a_migration_is_one_transaction_unless_it_cannot_be(make: Make, connection: Connection) -> None:
    project = make(
        "migrations: {path: db}\n",
        **{
            "db/1_a.up.sql": "create table a (id int, at timestamptz default now());\ninsert into a values (1);\n"
            "select pg_sleep(0.01);\ninsert into a values (2);\n",
            "db/2_b.up.sql": "create index concurrently a_id on a (id);",
            "db/3_c.up.sql": "begin;\ninsert into a values (3);\ncommit;",
        },
    )
    build(connection, project)
    assert value(connection, "select count(distinct at)::int from a") == 2


def test_a_transaction_that_is_left_open(make: Make, connection: Connection) -> None:
    project = make("migrations: {path: db.sql}\n", **{"db.sql": "begin;\ncreate table a (id int);\n"})
    assert str(refusal(connection, project)) == (
        "db.sql: the file begins a transaction and does not commit it: psql would take it back\n"
        "hint: end it with COMMIT"
    )
    assert names(connection) == []


def test_a_refused_statement_is_shown_where_it_stands(make: Make, connection: Connection) -> None:
    project = make(
        "migrations: {path: db}\n",
        **{"db/1_a.sql": "-- migrate:up\nbegin;\ncreate table a ();\ncreate table b (id numbr);\n-- migrate:down\n"},
    )
    error = refusal(connection, project)
    assert isinstance(error, StatementError)
    assert str(error) == (
        'db/1_a.sql:4:20: type "numbr" does not exist (42704)\n'
        "    4 | create table b (id numbr);\n"
        "      |                    ^\n"
        "hint: what the platform brings (roles, schemas, functions) belongs into an SQL file under base: in project.yml"
    )
    assert value(connection, "select 1") == 1


def test_what_no_transaction_may_hold_and_no_parser_sees(make: Make, connection: Connection) -> None:
    text = "create procedure p() language sql as 'vacuum';\ncall p();"
    error = refusal(connection, make("migrations: {path: db}\n", **{"db/1_a.up.sql": text}))
    assert error.hint == "let the file say that it runs outside of a transaction, in the words of its tool"


def test_an_error_in_an_included_file_and_in_copied_rows(make: Make, connection: Connection) -> None:
    files = {"all.sql": "create table a (id int);\n\\ir rows.sql\n", "rows.sql": "\ncopy a from stdin;\n1\nx\n\\.\n"}
    error = refusal(connection, make("migrations: {path: all.sql}\n", **files))
    assert (str(error.place), error.message) == (
        "rows.sql:4",
        'invalid input syntax for type integer: "x" (22P02)',
    )


def test_what_is_no_sql_is_found_before_anything_runs(make: Make, connection: Connection) -> None:
    project = make(
        "migrations: {path: db}\n",
        **{"db/1_a.up.sql": "create table a (id int);", "db/2_b.up.sql": "select :version;"},
    )
    assert str(refusal(connection, project)) == (
        'db/2_b.up.sql:1:8: syntax error at or near ":" (42601)\n    1 | select :version;\n      |        ^\n'
        "hint: a variable of psql? give it under migrations: {variables: {name: value}} in project.yml"
    )
    assert names(connection) == []


def test_an_extension_that_the_server_lacks(
    make: Make, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "installed", lambda: ())
    files = {
        "db/1_a.up.sql": "create table a (id int);",
        "db/2_b.up.sql": 'create extension btree_gist;\ncreate extension if not exists "uuid-ossp";\n',
        "db/3_c.up.sql": "create extension postgis with schema public;",
    }
    project = make("migrations: {path: db}\n", **files)
    error = refusal(connection, project)
    assert isinstance(error, TargetError)
    version = value(connection, "show server_version")
    assert str(error) == (
        f"db/2_b.up.sql:2:1: PostgreSQL {version} has no extension uuid-ossp (nor postgis) here\n"
        '    2 | create extension if not exists "uuid-ossp";\n      | ^\n'
        "hint: run where it is installed: --target with a connection string, or --target system once this "
        "machine has it; or write what is used of it into a file under base: in project.yml, and say extensions: "
        "{stand_ins: [uuid-ossp, postgis]} (harness adopt takes it as --base FILE --stand-in uuid-ossp --stand-in "
        "postgis); of uuid-ossp most need only a function uuid_generate_v4() that selects "
        "gen_random_uuid(), which is built in"
    )
    assert names(connection) == []


def test_an_extension_that_another_server_of_this_machine_has(
    make: Make, connection: Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    (other / "extension").mkdir(parents=True)
    (other / "extension" / "postgis.control").touch()
    (other / "pg_config").write_text(f"#!/bin/sh\necho {other}\n")
    (other / "pg_config").chmod(0o755)
    monkeypatch.setattr(binaries, "installed", lambda: (binaries.Binaries("system", other, "17.1"),))
    files = {"1_a.up.sql": "create extension postgis;", "2_b.up.sql": "create extension citus;"}
    (tmp_path / "db").mkdir()
    for expected, hint in ((1, "PostgreSQL 17.1 of this machine has it: --target system;"), (2, "run where it is ")):
        named = {f"db/{name}": text for name, text in list(files.items())[:expected]}
        error = refusal(connection, make("migrations: {path: db}\n", **named))
        assert (error.hint or "").startswith(hint)


def test_roles_that_nobody_makes(make: Make, connection: Connection) -> None:
    settings = "base: base.sql\nmigrations: {path: db}\n"
    files = {
        "base.sql": "do $$ begin create role app_owner nologin; end $$;\ncreate role app_reader nologin;\n",
        "db/1_a.up.sql": (
            "create table a (id int);\nalter table a owner to app_nobody;\n"
            "grant select on a to app_reader, app_owner, public;\n"
        ),
        "db/2_b.up.sql": 'grant insert on a to app_guest;\ncreate policy p on a to "app User", app_guest using (true);',
    }
    error = refusal(connection, make(settings, **files))
    assert isinstance(error, TargetError)
    assert str(error) == (
        "db/2_b.up.sql:1:1: there is no role app_guest (nor app User), and nothing makes it\n"
        "    1 | grant insert on a to app_guest;\n      | ^\n"
        "hint: make what the platform brings in an SQL file under base: in project.yml: "
        'create role app_guest nologin; create role "app User" nologin;'
    )
    assert names(connection) == []
    del files["db/2_b.up.sql"]
    (make(settings, **files).root / "db/2_b.up.sql").unlink()
    build(connection, make(settings, **files))
    assert value(connection, "select has_table_privilege('app_owner', 'a', 'select')")
    connection.execute("drop table a")


def test_stand_ins_for_extensions(make: Make, connection: Connection) -> None:
    project = make(
        "base: base.sql\nmigrations: {path: db}\nextensions: {stand_ins: [uuid-ossp]}\n",
        **{
            "base.sql": "create function uuid_generate_v4() returns uuid return gen_random_uuid();",
            "db/1_a.up.sql": (
                'create extension "uuid-ossp";\ncomment on extension "uuid-ossp" is \'x\';\n'
                "create table a (id uuid default uuid_generate_v4());\ninsert into a default values;\n"
                'drop extension "uuid-ossp";'
            ),
        },
    )
    skipped = build(connection, project)
    assert [(str(each.place), each.statement, each.why) for each in skipped] == [
        (f"db/1_a.up.sql:{line}:1", statement, "project.yml has a stand-in for the extension")
        for line, statement in (
            (1, 'create extension "uuid-ossp"'),
            (2, 'comment on extension "uuid-ossp" is'),
            (5, 'drop extension "uuid-ossp"'),
        )
    ]
    assert value(connection, "select count(id)::int from a") == 1


def test_our_own_migrations_are_compared_with_the_extensions_too(make: Make, server: Server) -> None:
    files = {"schema/public/001_a.up.sql": "create extension postgis;", "schema/public/001_a.down.sql": "select;"}
    project = make("", **files)
    with workspace(server, project, project.modules) as space, pytest.raises(TargetError) as caught:
        space.template()
    assert str(caught.value.place) == "schema/public/001_a.up.sql:1:1"
    assert "has no extension postgis here" in caught.value.message


@pytest.mark.parametrize("own", [True, False])
def test_nothing_outside_of_the_scratch_database_changes(make: Make, connection: Connection, own: bool) -> None:
    connection.execute("create role app_reader nologin connection limit 7")
    lines = [
        "create database harness_never",
        "drop database if exists postgres",
        "alter database postgres set search_path = nowhere",
        "comment on database postgres is 'changed'",
        "alter system set work_mem = '1GB'",
        "create role app_reader login",
        "alter role app_reader connection limit 1",
        "alter role app_reader set search_path = nowhere",
        "drop role app_reader",
        "create role app_owner nologin",
        "create table a (id int)",
        "alter table a owner to app_owner",
        "create table b (id int)",
        "alter table b owner to app_nobody",
        "grant select on a to app_reader",
    ]
    project = make("migrations: {path: db.sql}\n", **{"db.sql": ";\n".join(lines) + ";\n"})
    skipped = build(connection, project, own=own)
    assert [(each.place.line, each.why) for each in skipped] == [
        *((line, "it is about another database than the one that is built here") for line in (1, 2, 3, 4)),
        (5, "it is about the whole server"),
        *((line, "the role was there before, and belongs to the whole server") for line in (8, 9)),
        (14, "there is no role app_nobody on this server to own it"),
    ]
    assert value(connection, "select rolconnlimit from pg_roles where rolname = 'app_reader'") == 7
    assert value(connection, "select relowner::regrole::text from pg_class where relname = 'a'") == "app_owner"
    assert value(connection, "select has_table_privilege('app_reader', 'a', 'select')")
    connection.execute("drop table a")


def test_a_script_of_psql_may_drop_what_is_not_there_and_make_what_is(make: Make, connection: Connection) -> None:
    text = "drop table a;\ndrop function f();\ncreate schema public;\ncreate table a (id int);\n"
    skipped = build(connection, make("migrations: {path: db.sql}\n", **{"db.sql": text}))
    assert [(each.place.line, each.why) for each in skipped] == [
        (1, "there is nothing to drop"),
        (2, "there is nothing to drop"),
        (3, "it is there already"),
    ]
    assert names(connection) == ["a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("begin;\ndrop table a;\ncommit;\n", 'table "a" does not exist (42P01)'),
        ("create table b ();\ncreate table b ();\n", 'relation "b" already exists (42P07)'),
    ],
)
def test_other_refusals_end_a_script(make: Make, connection: Connection, text: str, message: str) -> None:
    error = refusal(connection, make("migrations: {path: db.sql}\n", **{"db.sql": text}))
    assert (error.message, error.place and error.place.line) == (message, 2)


def test_a_migration_that_drops_what_is_not_there_is_refused(make: Make, connection: Connection) -> None:
    error = refusal(connection, make("migrations: {path: db}\n", **{"db/1_a.up.sql": "drop table a;"}))
    assert error.message == 'table "a" does not exist (42P01)'


def test_settings_that_only_a_newer_dump_needs(make: Make, system_server: Server) -> None:
    """What pg_dump of version 17 sets an older server does not know."""
    known = system_server.major >= 17
    text = "set transaction_timeout = 0;\nset row_security = off;\ncreate table dumped (id int);\n"
    project = make("migrations: {path: db.sql}\n", **{"db.sql": text})
    with workspace(system_server, project, project.modules) as space, space.connect(space.empty()) as connection:
        skipped = build(connection, project)
        assert [each.statement for each in skipped] == ([] if known else ["set transaction_timeout = 0"])
        assert names(connection) == ["dumped"]


def test_a_template_is_named_after_all_that_goes_into_it(make: Make, server: Server) -> None:
    settings = "base: base.sql\nmigrations: {path: db.sql}\n"
    files = {"base.sql": "create schema a;", "db.sql": "\\ir more.sql\n", "more.sql": "create table a.t (id int);"}
    found = []
    for change in ({}, {"base.sql": "create schema a; create schema b;"}, {"more.sql": "create table a.u (id int);"}):
        files.update(change)
        project = make(settings, **files)
        with workspace(server, project, ()) as space:
            found.append((space.template(), space.modules))
            with space.connect(space.clone()) as connection:
                assert names(connection) == (["a.u"] if "u (" in files["more.sql"] else ["a.t"])
    assert len({name for name, _ in found}) == 3
    assert all(modules == project.modules for _, modules in found)  # whatever was selected


def test_base_comes_before_our_own_migrations_too(make: Make, server: Server) -> None:
    project = make(
        "base: base.sql\n",
        **{
            "base.sql": "create schema auth; create table auth.users (id int primary key);",
            "schema/public/001_a.up.sql": "create table a (id int references auth.users);",
            "schema/public/001_a.down.sql": "drop table a;",
            "seeds/public/auth.users.csv": "id\n1\n",
        },
    )
    with workspace(server, project, project.modules) as space, space.connect(space.clone()) as connection:
        assert names(connection) == ["a", "auth.users", "harness.migrations"]
        assert value(connection, "select count(*)::int from auth.users") == 1


def test_the_search_path_of_the_application(make: Make, server: Server) -> None:
    project = make(
        "base: base.sql\nmigrations: {path: db.sql}\nsearch_path: [app, public]\n",
        **{"base.sql": "create schema app;", "db.sql": "create table a (id int);"},
    )
    with workspace(server, project, project.modules) as space, space.connect(space.clone()) as connection:
        assert value(connection, "select relnamespace::regnamespace::text from pg_class where relname = 'a'") == "app"
        assert value(connection, "show search_path") == "app, public"


def test_the_ledger_of_the_tool(make: Make, connection: Connection) -> None:
    project = make(
        "migrations: {path: db}\n",
        **{"db/1_a/up.sql": "create view applied as select version from __diesel_schema_migrations;"},
    )
    build(connection, project)
    assert names(connection) == ["__diesel_schema_migrations"]
