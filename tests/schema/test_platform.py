"""What a hosted database brings is left alone; what is missing is made, once, and removed again."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from harness.server.connection import Server

from .conftest import SCHEMA, Fresh

PLATFORM = "platform/001_auth"
ADA = "0f0c6d4e-6c1b-4b0e-9a65-0f6e1f2f7a01"

HOSTED = """
create schema auth;
create table auth.users (id uuid primary key, email varchar(255), phone text);
create function auth.uid() returns uuid language sql stable return '00000000-0000-0000-0000-000000000001'::uuid;
create function auth.role() returns text language sql stable return 'hosted';
comment on schema auth is 'Auth. Made by the host.';
comment on table auth.users is 'Auth: Stores user login data within a secure schema.';
comment on function auth.uid() is 'Deprecated. Use auth.jwt() -> ''sub'' instead.';
comment on function auth.role() is 'Deprecated. Use auth.jwt() -> ''role'' instead.';
"""
HOSTED_JWT = "create function auth.jwt() returns jsonb language sql stable return '{}'::jsonb;"

OBJECTS = """
select pg_describe_object(tableoid, oid, 0), acl::text, obj_description(oid, tableoid::regclass::name)
from (
    select tableoid, oid, nspacl as acl from pg_namespace where nspname = 'auth'
    union all select tableoid, oid, relacl from pg_class where relnamespace = to_regnamespace('auth')
    union all select tableoid, oid, proacl from pg_proc where pronamespace = to_regnamespace('auth')
    union all select tableoid, oid, null from pg_policy
) as objects
order by 1
"""


def objects(fresh: Fresh) -> list[tuple[object, ...]]:
    with fresh.connect() as connection:
        return connection.execute(OBJECTS).fetchall()


def test_up_makes_everything_and_down_removes_it(fresh: Fresh) -> None:
    fresh.up(PLATFORM)
    names = {str(row[0]) for row in objects(fresh)}
    assert {"schema auth", "table auth.users", "policy users_owner on table auth.users"} <= names
    assert {"function auth.uid()", "function auth.role()", "function auth.jwt()"} <= names
    fresh.down(PLATFORM)
    assert objects(fresh) == []


def test_up_a_second_time_changes_nothing(fresh: Fresh) -> None:
    fresh.up(PLATFORM)
    before = objects(fresh)
    fresh.up(PLATFORM)
    assert objects(fresh) == before


def test_a_hosted_database_keeps_its_own(fresh: Fresh) -> None:
    with fresh.connect() as connection:
        connection.execute((HOSTED + HOSTED_JWT).encode())
    before = objects(fresh)
    fresh.up(PLATFORM)
    assert objects(fresh) == before
    fresh.down(PLATFORM)
    assert objects(fresh) == before


def test_only_what_a_hosted_database_lacks_is_made_and_removed(fresh: Fresh) -> None:
    with fresh.connect() as connection:
        connection.execute(HOSTED.encode())
    before = objects(fresh)
    fresh.up(PLATFORM)
    assert [row[0] for row in objects(fresh) if row not in before] == ["function auth.jwt()"]
    fresh.down(PLATFORM)
    assert objects(fresh) == before


def test_down_does_not_take_what_others_built_on_it(fresh: Fresh) -> None:
    fresh.up(PLATFORM)
    with fresh.connect() as connection:
        connection.execute("create table public.profiles (id uuid references auth.users (id))")
    before = objects(fresh)
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        fresh.down(PLATFORM)
    assert objects(fresh) == before


@pytest.mark.parametrize(
    ("claims", "jwt", "uid", "role"),
    [
        (None, None, None, None),
        ("", None, None, None),
        (" ", None, None, None),
        ("{not json", None, None, None),
        ("[1]", None, None, None),
        ("null", None, None, None),
        ('"text"', None, None, None),
        ('{"a": "\\u0000"}', None, None, None),
        ('{"a": 1e999999}', None, None, None),
        ("[" * 100_000, None, None, None),
        ("{}", "{}", None, None),
        ('{"sub": "somebody"}', '{"sub": "somebody"}', None, None),
        ('{"sub": {"a": 1}}', '{"sub": {"a": 1}}', None, None),
        ('{"role": "anon"}', '{"role": "anon"}', None, "anon"),
        (f'{{"sub": "{ADA}"}}', f'{{"sub": "{ADA}"}}', ADA, None),
    ],
    ids=lambda value: str(value)[:20],
)
def test_claims(fresh: Fresh, claims: str | None, jwt: str | None, uid: str | None, role: str | None) -> None:
    fresh.up(PLATFORM)
    with fresh.connect() as connection:
        if claims is not None:
            connection.execute("select set_config('request.jwt.claims', %s, false)", (claims,))
        row = connection.execute("select auth.jwt()::text, auth.uid()::text, auth.role()").fetchone()
    assert row == (jwt, uid, role)


def test_claims_end_with_their_transaction(fresh: Fresh) -> None:
    fresh.up(PLATFORM)
    with fresh.connect() as connection:
        with connection.transaction():
            connection.execute("select set_config('request.jwt.claims', %s, true)", (f'{{"sub": "{ADA}"}}',))
            assert connection.execute("select auth.uid()::text").fetchone() == (ADA,)
        assert connection.execute("select auth.uid()").fetchone() == (None,)


def test_only_the_service_role_enters_users(applied: Fresh) -> None:
    with applied.server.connect(applied.name) as connection:
        connection.execute("insert into auth.users (email) values ('ada@example.org')")
        for role in ("anon", "authenticated"):
            connection.execute(f"set role {role}".encode())
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("select from auth.users")
        connection.execute("set role service_role")
        assert connection.execute("select email from auth.users").fetchall() == [("ada@example.org",)]


ROLES = ("anon", "authenticated", "service_role")


@pytest.fixture
def renamed(any_server: Server) -> Iterator[tuple[bytes, list[str]]]:
    """The file with roles the server does not have yet, and two databases."""
    text = re.sub(rf"\b({'|'.join(ROLES)})\b", r"race_\1", (SCHEMA / f"{PLATFORM}.up.sql").read_text())
    databases = ["schema_race_a", "schema_race_b"]
    with any_server.connect() as maintenance:
        for database in databases:
            maintenance.execute(f"create database {database} template template0".encode())
        yield text.encode(), databases
        for database in databases:
            maintenance.execute(f"drop database {database} with (force)".encode())
        for role in ROLES:
            maintenance.execute(f"drop role race_{role}".encode())


@pytest.mark.parametrize("ending", ["commit", "rollback"])
def test_two_runs_at_once(any_server: Server, renamed: tuple[bytes, list[str]], ending: str) -> None:
    text, databases = renamed
    failures: list[BaseException] = []
    with (
        any_server.connect(databases[0]) as first,
        any_server.connect(databases[1]) as second,
        any_server.connect() as watcher,
    ):
        first.autocommit = second.autocommit = False
        first.execute(text)

        def run() -> None:
            try:
                second.execute(text)
                second.commit()
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        deadline = time.monotonic() + 10
        blocked = "select cardinality(pg_blocking_pids(%s))"
        while watcher.execute(blocked, (second.info.backend_pid,)).fetchone() == (0,):
            assert time.monotonic() < deadline, "the second run never met the first"
            time.sleep(0.01)
        getattr(first, ending)()
        thread.join(10)
        assert failures == []
        roles = "select rolname::text from pg_roles where rolname like 'race\\_%' order by 1"
        assert watcher.execute(roles).fetchall() == [(f"race_{role}",) for role in ROLES]
