"""Doors to rows of others: each is named where it is open, and none where it is shut."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from psycopg import sql
from psycopg.conninfo import make_conninfo

from harness.outcome import Outcome, Status
from harness.proving.reproduction import SHOWN, TO_READ
from harness.pytest_session import Options, ProjectSession
from harness.server.connection import Server
from tests.test_field import SEEDS, replayed

DOORS: Mapping[str, Mapping[str, str]] = yaml.safe_load(Path(__file__).with_name("doors.yml").read_text())
ROLES = ("door_user", "door_admin", "door_other")
SCHEMA = """\
create schema app;
create schema api;
create schema inside;
grant usage on schema app, api to door_user, door_admin;
create function app.me() returns uuid language sql stable as $$
    select nullif(current_setting('app.me', true), '')::uuid
$$;
create type app.kind as enum ('short', 'long');
create domain app.word as text check (length(value) < 20);
create sequence app.numbers;
grant usage on sequence app.numbers to door_user;
create table app.folders (id integer primary key);
grant select, delete on app.folders to door_user;
create table app.notes (
    id bigint primary key, owner_id uuid not null, title text not null check (length(title) < 100),
    amount integer not null, done boolean not null, kind app.kind not null, at timestamptz not null, folder integer
);
grant select, insert, update, delete on app.notes to door_user;
grant select on app.notes to door_admin;
alter table app.notes enable row level security;
alter table app.notes force row level security;
create policy own on app.notes to door_user using (owner_id = app.me());
create policy admin on app.notes to door_admin using (true);
"""
CHECKS = """\
table: app.notes
checks:
  - row_security: whoever a note is for sees it
    as: door_user
    claims: {app.me: $me}
    sees: owner_id = $me
    may_write: owner_id = $me
"""


def _make_roles(server: Server) -> None:
    with server.connect() as connection:
        known = {name for (name,) in connection.execute("select rolname from pg_roles")}
        for name in ROLES:
            if name not in known:
                connection.execute(f"create role {name}".encode())
        connection.execute("alter role door_user noinherit; grant door_admin to door_user")


def _secured(
    server: Server, root: Path, schema: str, checks: str = CHECKS, seed: int = 1, user: str | None = None
) -> tuple[Outcome, str | None]:
    """The outcome of the only check of row security, and what its script ends with."""
    _make_roles(server)
    files = {
        "project.yml": "name: t\nmodules: {app: {}}\nmigrations: {path: schema.sql, layout: files}\n",
        "schema.sql": schema,
        "checks/app/notes.yml": checks,
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    options = Options(target=make_conninfo(**{**server.conninfo, **({"user": user} if user else {})}), seed=seed)
    with closing(ProjectSession(root, options)) as bench:
        outcome = next(bench.prove(check) for check in bench.checks if check.kind == "row_security")
        return outcome, replayed(bench, outcome, root)


def _named(outcome: Outcome) -> set[str]:
    return {each.expected.partition(" by ")[0] for each in outcome.counterexamples if each.script is not None}


@pytest.mark.parametrize("seed", SEEDS)
def test_every_open_door_is_named(server: Server, tmp_path: Path, seed: int) -> None:
    outcome, shown = _secured(server, tmp_path, SCHEMA + "\n".join(each["open"] for each in DOORS.values()), seed=seed)
    assert outcome.status is Status.BROKEN
    assert {*DOORS} - _named(outcome) == set()
    assert _named(outcome) - {*DOORS} == set()
    assert shown == SHOWN


@pytest.mark.parametrize("seed", SEEDS)
def test_no_shut_door_is_named(server: Server, tmp_path: Path, seed: int) -> None:
    outcome, _ = _secured(server, tmp_path, SCHEMA + "\n".join(each["shut"] for each in DOORS.values()), seed=seed)
    assert (outcome.counterexamples, outcome.reason) == ((), None)
    assert outcome.status is Status.PROVED


def test_a_message_is_to_be_read(server: Server, tmp_path: Path) -> None:
    outcome, shown = _secured(server, tmp_path, SCHEMA + DOORS["function app.said(bigint)"]["open"])
    (found,) = outcome.counterexamples
    assert found.actual.startswith("of others: title = 'x")
    assert "is shown in a message, by select" in found.actual
    assert shown == TO_READ


def test_rows_that_stay_are_told(server: Server, tmp_path: Path) -> None:
    # Nobody but a superuser can switch the trigger off that keeps the rows.
    _make_roles(server)
    with server.connect() as connection:
        connection.execute("create role door_owner login createdb; grant door_user to door_owner")
    schema = """\
    create schema app;
    grant usage on schema app to door_user;
    create table app.notes (id integer primary key, owner_id uuid not null, title text not null);
    grant select, insert, update on app.notes to door_user;
    alter table app.notes enable row level security;
    create policy own on app.notes to door_user using (owner_id = nullif(current_setting('app.me', true), '')::uuid);
    create function app.stay() returns trigger language plpgsql as $$ begin raise exception 'it stays'; end $$;
    create trigger stay before delete on app.notes for each row execute function app.stay();
    create function app.many() returns bigint language sql security definer set search_path = '' as $$
        select count(*) from app.notes
    $$;
    """
    try:
        outcome, _ = _secured(
            server, tmp_path, schema, f"{CHECKS}    may_delete: false\n    forced: false\n", user="door_owner"
        )
    finally:
        with server.connect() as connection:
            own = "select datname from pg_database where datdba = 'door_owner'::regrole"
            for (name,) in connection.execute(own).fetchall():
                connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
            connection.execute("drop owned by door_owner; drop role door_owner")
    assert outcome.notes == (
        "not compared with what comes back without rows of others, which cannot be deleted (it stays): "
        "function app.many(), trigger stay on app.notes",
    )


ALONE = {
    "a trigger that tells whose value it is": (
        """
        create function app.taken() returns trigger language plpgsql security definer set search_path = '' as $$
        declare other app.notes;
        begin
            select * into other from app.notes where title = new.title and id <> new.id limit 1;
            if found then raise exception 'taken' using detail = format('it has %s', other.amount); end if;
            return new;
        end $$;
        create trigger taken before insert or update on app.notes for each row execute function app.taken();
        """,
        ("format('it has %s', other.amount)", "'ask them'"),
        "trigger taken on app.notes",
    ),
    "a trigger that changes like rows": (
        """
        create function app.replace() returns trigger language plpgsql security definer set search_path = '' as $$
        begin update app.notes set done = not done where title = new.title and id <> new.id; return null; end $$;
        create trigger replace after insert on app.notes for each row execute function app.replace();
        """,
        ("and id <> new.id", "and id <> new.id and owner_id = new.owner_id"),
        "trigger replace on app.notes",
    ),
    "a trigger of another table that looks up what it refers to": (
        """
        create table app.copies (id integer primary key, note_id bigint not null references app.notes, title text);
        grant select, insert, update on app.copies to door_user;
        create function app.copy() returns trigger language plpgsql security definer set search_path = '' as $$
        begin select title into new.title from app.notes where id = new.note_id; return new; end $$;
        create trigger copy before insert on app.copies for each row execute function app.copy();
        """,
        ("where id = new.note_id", "where id = new.note_id and owner_id = app.me()"),
        "trigger copy on app.copies",
    ),
    "a view whose trigger changes like rows": (
        """
        create view app.mine with (security_barrier) as select id, title, done from app.notes where owner_id = app.me();
        grant select, update on app.mine to door_user;
        create function app.done() returns trigger language plpgsql security definer set search_path = '' as $$
        begin update app.notes set done = new.done where title = old.title; return new; end $$;
        create trigger done instead of update on app.mine for each row execute function app.done();
        """,
        ("where title = old.title", "where title = old.title and owner_id = app.me()"),
        "view app.mine",
    ),
    "a column that is called like the table, and one that is called key": (
        """
        alter table app.notes add column key text, add column notes text;
        create function app.every() returns setof app.notes language sql security definer set search_path = '' as $$
            select * from app.notes
        $$;
        """,
        ("select * from app.notes\n", "select * from app.notes where owner_id = app.me()\n"),
        "function app.every()",
    ),
}
"""By what it is: the schema of a door that is alone in it, what shuts it, and its name."""


@pytest.mark.parametrize("what", ALONE)
def test_a_door_by_itself(server: Server, tmp_path: Path, what: str) -> None:
    schema, (loose, tight), door = ALONE[what]
    outcome, shown = _secured(server, tmp_path / "open", SCHEMA + schema)
    assert (door in _named(outcome), shown) == (True, SHOWN)
    assert loose in schema
    outcome, _ = _secured(server, tmp_path / "shut", SCHEMA + schema.replace(loose, tight))
    assert (outcome.counterexamples, outcome.reason, outcome.status) == ((), None, Status.PROVED)
