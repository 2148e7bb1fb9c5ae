"""As whom roles ask, as ``harness adopt`` finds it from policies: claims, and roles that no policy lets see a row."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli

BASE = """
create role visitor nologin;
create role member nologin;
create schema auth;
create table auth.users (id uuid primary key);
grant usage on schema auth, public to visitor, member;
create function auth.uid() returns uuid language sql stable as $$
    select coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$;
create function auth.role() returns text language sql stable as $$
    select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role' $$;
"""

SCHEMA = """
create table notes (id integer primary key, user_id uuid not null references auth.users, body text);
create policy own on notes using (user_id = auth.uid());
create table open (id integer primary key, shown boolean not null);
create policy shown on open using (shown);
create table teams (id integer primary key, name text);
create table members (team_id integer references teams, who uuid references auth.users, primary key (team_id, who));
create policy own on members to member using (who = auth.uid());
create policy of_members on teams to member
    using (exists (select from members m where m.team_id = teams.id and m.who = auth.uid()));
create function is_in(team integer) returns boolean language sql stable security definer set search_path = '' as $$
    select exists (select from public.members as m where m.team_id = team and m.who = auth.uid()) $$;
create table projects (id integer primary key, team_id integer not null references teams);
create policy of_members on projects to member using (is_in(team_id));
create table seats (team_id integer references teams, taken_by uuid not null default auth.uid());
create function sits(team integer) returns boolean language sql stable security definer set search_path = '' as $$
    select exists (select from public.seats as s where s.team_id = team and s.taken_by = auth.uid()) $$;
create policy of_those_who_sit on seats to member using (sits(team_id));
create table signed_in (id integer primary key);
create policy anybody on signed_in for select to member using (auth.role() = 'signed in');
create table letters (id integer primary key);
create policy posted on letters for insert to visitor with check (true);
create table secrets (id integer primary key);
create policy never on secrets to member using (false);
do $$ declare name text; begin
    for name in select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace loop
        execute format('alter table %I enable row level security; grant all on %I to visitor, member', name, name);
    end loop;
end $$;
"""

CLAIMS = {
    "notes": "{request.jwt.claims: {sub: $user_id}}",
    "teams": "{request.jwt.claims: {sub: $user}}",
    "members": "{request.jwt.claims: {sub: $who}}",
    "projects": "{request.jwt.claims: {sub: $user}}",
    "seats": "{request.jwt.claims: {sub: $taken_by}}",
    "signed_in": "{request.jwt.claims: {role: signed in}}",
}
SIGHTLESS = {"teams": "visitor", "members": "visitor", "signed_in": "visitor", "secrets": "visitor"}
SIGHTLESS |= {"projects": "visitor", "seats": "visitor", "letters": "member visitor"}


def _after(text: str, begin: str) -> list[str]:
    return [line.partition(begin)[2] for line in text.splitlines() if begin in line]


@pytest.fixture
def adopted(cli: Cli) -> Cli:
    for path in sorted(cli.root.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    cli.write("base.sql", BASE)
    cli.write("schema.sql", SCHEMA)
    answer = cli.run("adopt", "schema.sql", "--base", "base.sql")
    assert answer.returncode == 0, answer.stderr
    return cli


def _files(cli: Cli) -> dict[str, str]:
    return {path.stem: path.read_text() for path in Path(cli.root, "checks/public").glob("*.yml")}


def test_what_the_policies_read_is_found_and_proved(adopted: Cli) -> None:
    files = _files(adopted)
    assert {name: _after(text, "claims: ") for name, text in files.items() if "claims: " in text} == {
        name: [claims] for name, claims in CLAIMS.items()
    }
    seen = {name: " ".join(_after(text, "    as: ")) for name, text in files.items() if "    as: " in text}
    assert seen == SIGHTLESS
    assert "may_insert: true" in files["letters"]
    assert files["letters"].count("may_insert") == 1
    tested = adopted.run("test", "--seed", "1")
    unproved = [line.split()[0] for line in tested.stdout.splitlines() if line.startswith("  public.")]
    # Nobody can reach a row there, and no claims help.
    assert unproved == ["public.secrets.privileges"], tested.stdout
    assert "0 broken, 1 unreliable" in tested.stdout


def test_an_update_keeps_what_was_found(adopted: Cli) -> None:
    before = _files(adopted)
    adopted.write("schema.sql", SCHEMA + "revoke delete on notes from visitor;")
    answer = adopted.run("adopt", "--update")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    after = _files(adopted)
    assert CLAIMS["notes"] in after.pop("notes") != before.pop("notes")
    assert after == before


@pytest.mark.parametrize(
    ("change", "red"),
    [
        ("create policy all_of_it on teams to visitor using (true);", "public.teams.row_security"),
        ("alter table teams disable row level security;", "public.teams.row_security"),
        ("drop policy posted on letters;", "public.letters.row_security"),
        ("revoke delete on members from visitor;", "public.members.privileges"),
        ("grant select on auth.users to visitor; drop policy own on notes;", "public.notes.privileges"),
    ],
)
def test_a_change_is_seen(adopted: Cli, change: str, red: str) -> None:
    adopted.write("schema.sql", SCHEMA + change)
    tested = adopted.run("test", "--seed", "1", "--select", "kind:row_security", "--select", "kind:privileges")
    assert tested.returncode == 1
    assert any(line.split()[0].startswith(red) for line in tested.stdout.splitlines() if line.startswith("  public."))
