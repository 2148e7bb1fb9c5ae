"""What a proved check says that it did not try."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from psycopg.conninfo import make_conninfo

from harness.outcome import Outcome, Status
from harness.pytest_session import Options, ProjectSession
from harness.server.connection import Server

SCHEMA = """\
create schema t;
create schema api;
grant usage on schema t, api to noted_user;
create table t.notes (id integer primary key, owner text not null, slug text not null unique);
grant select, insert on t.notes to noted_user;
alter table t.notes enable row level security;
alter table t.notes force row level security;
create policy own on t.notes to noted_user using (owner = current_setting('app.me', true));
create table t.log (id integer primary key);
create function api.leaves() returns void language plpgsql security definer set search_path = ''
    as $$ begin copy t.notes to program 'cat'; end $$;
create function api.waits() returns bigint language plpgsql security definer set search_path = ''
    as $$ begin perform pg_sleep(100); return (select count(*) from t.notes); end $$;
create function api.fails() returns bigint language sql security definer set search_path = ''
    as $$ select count(*) / 0 from t.notes where owner = current_setting('app.me', true) $$;
create function api.hidden() returns setof t.notes language sql security definer set search_path = ''
    as $$ select * from t.notes $$;
revoke execute on function api.hidden() from public;
create function api.plain() returns setof t.notes language sql set search_path = '' as $$ select * from t.notes $$;
create function t.kept() returns trigger language plpgsql security definer set search_path = ''
    as $$ begin return new; end $$;
create trigger notes_kept before insert on t.notes for each row execute function t.kept();
create trigger log_kept before insert on t.log for each row execute function t.kept();
"""
CHECKS = """\
table: t.notes
checks:
  - row_security: whoever a note is for sees and adds it
    as: noted_user
    claims: {app.me: $me}
    sees: owner = $me
    may_insert: owner = $me
    policy: own
    through:
      - {function: api.plain(), reason: it was one once}
  - primary_key: [id]
  - unique: [slug]
  - not_null: owner
  - not_null: slug
  - trigger: notes_kept
    on: [insert]
    timing: before
    function: t.kept
"""


def test_what_was_not_tried_is_named(server: Server, tmp_path: Path) -> None:
    with server.connect() as connection:
        connection.execute("drop role if exists noted_user; create role noted_user")
    secured, *others = _proved(tmp_path, server)
    assert (secured.status, secured.notes) == (
        Status.PROVED,
        (
            "not tried, since it may leave the server: api.leaves()",
            "not tried to the end, which takes more than 1 s: function api.waits()",
            "never got through: function api.fails() (22012)",
            "hint: a key that is taken tells that another owner has a row with it: notes_slug_key",
            "`through` names no door: function api.plain(): leave it out",
        ),
    )
    assert [(other.kind, other.status, other.notes) for other in others] == [
        ("primary_key", Status.PROVED, ()),
        ("unique", Status.PROVED, ()),
        ("not_null", Status.PROVED, ()),
        ("not_null", Status.PROVED, ()),
        ("trigger", Status.PRESENT, ()),
        ("declared", Status.PROVED, ()),
    ]


def test_cascades_that_never_met_are_named(server: Server, tmp_path: Path) -> None:
    schema = """
        create schema t;
        create table t.fairs (id integer primary key);
        create table t.guests (id integer primary key, fair integer not null references t.fairs on delete cascade);
        create table t.halls (id integer primary key, fair integer not null references t.fairs on delete cascade);
        create table t.stands (
            id integer primary key,
            hall integer references t.halls on delete cascade,
            guest integer references t.guests on delete cascade,
            check (hall is null or guest is null)
        );
    """
    checks = "table: t.fairs\nchecks:\n  - {referenced_by: t.halls, on_delete: cascade}\n"
    of_halls, *_ = _proved(tmp_path, server, schema, checks)
    assert (of_halls.status, of_halls.notes) == (
        Status.PROVED,
        ("not tried: a deletion that reaches one row below in two ways, as no such row was accepted",),
    )


def _proved(root: Path, server: Server, schema: str = SCHEMA, checks: str = CHECKS) -> list[Outcome]:
    files = {
        "project.yml": "name: t\nmodules: {t: {}}\nmigrations: {path: schema.sql, layout: files}\n",
        "schema.sql": schema,
        "checks/t/notes.yml": checks,
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    with closing(ProjectSession(root, Options(target=make_conninfo(**server.conninfo), seed=1))) as bench:
        return [bench.prove(check) for check in bench.checks]
