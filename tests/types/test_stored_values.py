"""Rules look at what PostgreSQL stores: rounded, cut, of a limited type; and every rule is broken that can be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.server.connection import Server
from harness.types.agreement import trying
from harness.types.agreement.triggers import REPLACED, ReplacingTriggers
from tests.types.proving import POSTGREST, PYDANTIC, ZOD, Proving, proving

SCHEMA = """\
create schema app;
create table app.rounded (price numeric(8, 2) not null constraint rounded_price check (price >= 0));
create table app.cut (token varchar(4) not null constraint cut_token check (length(token) = 4));
create table app.short_sets (
    category char(1) not null constraint short_sets_category check (category in ('A', 'B')),
    kind varchar(2) not null constraint short_sets_kind check (kind in ('x', 'yz')),
    level smallint not null constraint short_sets_level check (level in (1, 2, 5))
);
create table app.two_rules (
    status text not null constraint two_rules_status check (status in ('draft', 'paid')),
    paid_at date,
    constraint two_rules_paid check ((status = 'paid') = (paid_at is not null))
);
create table app.files (content bytea not null constraint files_content check (length(content) > 0));
create table app.loads (load double precision not null default 0 check (not load < 0));
create domain app.scope as text constraint scope_form check (length(value) > 3);
create table app.aliases (scope app.scope not null constraint aliases_global check (scope = 'global'));
create table app.stamped (created_at timestamptz not null default now(), n integer constraint stamped_n check (n > 0));
create table app.begun (starts timestamptz not null default now() constraint begun_at check (starts > '1990-01-01'));
create table app.events (id integer constraint events_pkey primary key);
create table app.grants (
    person integer not null,
    revoked integer constraint grants_revoked_fkey references app.events,
    revoker integer constraint grants_revoker_fkey references app.events,
    active boolean default true constraint grants_active check (active),
    constraint grants_a_sane check (
        (active is null and revoked is not null and revoker is not null)
        or (active is not null and revoked is null and revoker is null)
    )
);
"""
CHECKS = {
    "loads": "columns:\n  load: {type: double precision, not_null: true, default: 0, check: not load < 0}\n",
    "grants": """\
columns:
  active: {type: boolean, default: true, check: active, constraint: grants_active}
checks:
  - check: >-
      (active is null and (revoked is not null) and (revoker is not null)) or ((active is not null) and revoked is null
      and revoker is null)
    constraint: grants_a_sane
  - rows:
      revoked: {not_null: true}
""",
}
"""A CHECK in other words than PostgreSQL prints, and rows that are all of one sort."""
ALL = {output.path: output for output in (ZOD, POSTGREST, PYDANTIC)}

PLANTS = {
    "rounded": (
        "runtime.ts",
        "    .overwrite((value) => (precision === undefined ? value : rounded(value, scale)));",
        ";",
    ),
    "cut": ("runtime.ts", '    .overwrite((value) => [...value].slice(0, most).join(""));', ";"),
    "short_sets": ("app.ts", 'pg.setOf("level", "short_sets_level", pg.int2("level"))', 'pg.column("level")'),
    "two_rules": (
        "runtime.ts",
        "set !== undefined && set.rule !== rule && set.type.safeParse(issue.input).success",
        "false",
    ),
    "files": (
        "app.ts",
        'row.content.length > 0, pg.rule("files_content", "content"));\nexport type FilesRow',
        'row.content.length > 1, pg.rule("files_content", "content"));\nexport type FilesRow',
    ),
}
"""By table: what a file has, and what stands there in its place as if nobody had thought of it."""


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[Proving]:
    with proving(tmp_path_factory.mktemp("stored"), server, SCHEMA, CHECKS, rows=20) as found:
        yield found


@pytest.mark.parametrize("path", ALL)
def test_types_agree(tried: Proving, path: str) -> None:
    verdicts = tried.verdicts(ALL[path])
    assert {name: list(each.lines()) for name, each in verdicts.items() if not each.agrees} == {}


def test_microseconds_matter_where_a_rule_looks_at_them(tried: Proving) -> None:
    lost = "microseconds, of which a Date has none"
    assert {name for name, each in tried.verdicts(ZOD).items() if each.left_out[lost]} == {"begun"}


def test_what_is_not_stored_like_that_is_found(tried: Proving) -> None:
    planted: dict[str, dict[str, str]] = {}
    for file, old, new in PLANTS.values():
        planted.setdefault(file, {})[old] = new
    verdicts = tried.verdicts(ZOD, planted)
    assert {name for name, each in verdicts.items() if each.disagreements} == {*PLANTS}


TIED = """\
create schema app;
create table app.tickets (
    state text not null constraint tickets_state check (state in ('open', 'closed')),
    days integer constraint tickets_days check (days > 0)
);
create function app.tie() returns trigger language plpgsql as $$
begin
    if new.state = 'open' and new.days is not null then
        raise exception 'an open ticket has no days';
    end if;
    return new;
end
$$;
create trigger tie before insert on app.tickets for each row execute function app.tie();
"""
OPEN = {"tickets": "checks:\n  - rows:\n      state: {sql: \"'open'\"}\n      days: {sql: 'null::integer'}\n"}
"""A column that only rows of another sort have, as no declared rule says, and rows that are all of one sort."""


@pytest.mark.parametrize(("few", "untried"), [(trying.FEW, ()), (0, ("tickets_days",))])
def test_a_rule_is_broken_in_rows_of_another_sort(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, few: int, untried: tuple[str, ...]
) -> None:
    monkeypatch.setattr(trying, "FEW", few)
    with proving(tmp_path, server, TIED, OPEN, rows=20) as found:
        assert found.verdicts(PYDANTIC)["tickets"].untried == untried


TRIGGER = """\
create schema app;
create table app.issued (
    scope text not null,
    version integer not null,
    allowed integer not null constraint issued_allowed check (allowed >= 0),
    constraint issued_version check (version <= allowed)
);
create function app.issue() returns trigger language plpgsql as $$
begin
    new.scope := 'global';
    new.version := 1;
    return new;
end
$$;
create trigger issue before insert on app.issued for each row execute function app.issue();
create table app.log (note text not null constraint log_note check (note <> 'a'));
create table app.logged (note text);
create function app.write_down() returns trigger language plpgsql as $$
begin
    insert into app.log values (new.note);
    return null;
end
$$;
create table app.picky (note text);
create function app.pick() returns trigger language plpgsql as $$
begin
    if new.note is null then
        raise exception 'no note' using errcode = '23502', schema = 'app', table = 'picky', column = 'note';
    end if;
    return new;
end
$$;
create trigger pick before insert on app.picky for each row execute function app.pick();
create trigger write_down after insert on app.logged for each row execute function app.write_down();
"""


def test_what_a_trigger_replaces_is_left_out(tmp_path: Path, server: Server) -> None:
    with proving(tmp_path, server, TRIGGER, {}, rows=20) as found:
        verdicts = found.verdicts(PYDANTIC)
    issued = verdicts["issued"]
    # NULL in these columns is replaced as well: nothing was shown of it.
    assert (issued.disagreements, issued.untried) == ([], ("issued_version", "scope (23502)", "version (23502)"))
    assert issued.broken["issued_allowed"] and issued.left_out[REPLACED]
    for name in ("logged", "picky"):
        assert verdicts[name].agrees and not verdicts[name].broken


def test_without_that_it_would_differ(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReplacingTriggers, "replaced", lambda *_: False)
    with proving(tmp_path, server, TRIGGER, {}, rows=20) as found:
        issued = found.verdicts(PYDANTIC)["issued"]
    accepted = {each.judgement.messages for each in issued.disagreements if each.case.refused_by is None}
    refused = {each.case.refused_by for each in issued.disagreements if each.judgement.accepted}
    assert accepted == {("issued_version",), ("scope (23502)",), ("version (23502)",)}
    assert refused == {"issued_version"}
