"""No false alarm, whatever the seed: what a rare draw once made of rules that hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.declarations import read
from harness.kinds import KINDS
from harness.project.load import load
from harness.proving.prover import Effort, Prover
from harness.server.connection import Connection, Server
from tests.test_cases import PROJECT, holding

SEEDS = range(8)

SAME_NUMBER = """
create table t.reviews (
    id integer primary key, score numeric(3,2) constraint chk_score check (score between 0 and 0.01),
    status text not null constraint chk_status check (status in ('pending', 'approved'))
);
create function t.stays() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and new is not distinct from old then return new; end if;
    raise exception 'it stays';
end $$;
create trigger reviews_stay before update or delete on t.reviews
for each row when (old.status <> 'pending') execute function t.stays();
create trigger reviews_no_truncate before truncate on t.reviews for each statement execute function t.stays();
"""
SAME_NUMBER_CHECK = """
table: t.reviews
columns:
  score: {type: "numeric(3,2)", check: score between 0 and 0.01, constraint: chk_score}
  status: {type: text, not_null: true, accepted_values: [pending, approved], constraint: chk_status}
checks:
  - primary_key: [id]
  - immutable: rows
    when: status <> 'pending'
    unchanged: free
    refused_by: {trigger: [reviews_stay, reviews_no_truncate]}
"""

EMPTY_KEY = """
create table t.users (id integer primary key, email text not null constraint uq_email unique, name text not null);
insert into t.users values (1, '', 'nobody'), (0, 'a', 'somebody');
alter table t.users enable row level security;
alter table t.users force row level security;
grant usage on schema t to case_user;
grant select on t.users to case_user;
"""
EMPTY_KEY_CHECK = """
table: t.users
columns:
  email: {type: text, not_null: true}
  name: {type: text, not_null: true}
checks:
  - primary_key: [id]
  - unique: [email]
    constraint: uq_email
  - row_security: nobody sees anybody
    as: case_user
    sees: false
"""

SAME_WINDOW = """
create extension btree_gist;
create table t.windows (
    id integer primary key, room integer not null, day integer not null, hours int4range not null,
    free boolean not null, constraint uq_window unique (room, day, hours),
    constraint no_overlap exclude using gist (room with =, day with =, hours with &&) where (free)
);
"""
SAME_WINDOW_CHECK = """
table: t.windows
columns:
  room: {type: integer, not_null: true}
  day: {type: integer, not_null: true}
  hours: {type: int4range, not_null: true}
  free: {type: boolean, not_null: true}
checks:
  - primary_key: [id]
  - unique: [room, day, hours]
    constraint: uq_window
  - exclude: {room: "=", day: "=", hours: "&&"}
    where: free
    constraint: no_overlap
"""

FEW_APART = """
create extension btree_gist;
create table t.rooms (id integer primary key);
create table t.windows (
    id integer primary key, room integer not null constraint fk_room references t.rooms on delete cascade,
    day integer not null constraint chk_day check (day between 0 and 3),
    constraint one_a_day exclude using gist (room with =, day with =)
);
"""
FEW_APART_CHECK = """
table: t.windows
columns:
  room: {type: integer, not_null: true}
  day: {type: integer, not_null: true, check: day between 0 and 3, constraint: chk_day}
checks:
  - primary_key: [id]
  - exclude: {room: "=", day: "="}
    constraint: one_a_day
  - foreign_key: [room]
    references: t.rooms
    on_delete: cascade
    constraint: fk_room
"""

HOLDS = {
    "a change to the same number in other digits": (SAME_NUMBER, SAME_NUMBER_CHECK),
    "rows that hold an empty setting": (EMPTY_KEY, EMPTY_KEY_CHECK),
    "a row outside of where that has the whole key": (SAME_WINDOW, SAME_WINDOW_CHECK),
    "more rows than there are places apart": (FEW_APART, FEW_APART_CHECK),
}


@pytest.fixture(scope="module")
def maintenance(server: Server) -> Iterator[Connection]:
    with server.connect() as connection:
        connection.execute(
            "do $$ begin create role case_user nologin; exception when duplicate_object then null; end $$"
        )
        yield connection


@pytest.mark.parametrize("name", HOLDS)
def test_what_holds_is_proved_whatever_the_seed(
    name: str, server: Server, maintenance: Connection, tmp_path: Path
) -> None:
    schema, check = HOLDS[name]
    (tmp_path / "project.yml").write_text(PROJECT)
    path = tmp_path / "checks" / "t" / "case.yml"
    path.parent.mkdir(parents=True)
    path.write_text(check.lstrip())
    project = load(tmp_path)
    declared = read(project, KINDS)
    scratch = holding(schema, server, maintenance)
    outcomes = []
    for seed in SEEDS:
        with Prover(declared, project, scratch, Effort(scenarios=3, seed=seed, shrink=False)) as prover:
            outcomes += [(seed, prover.prove(check)) for check in declared if check.kind != "columns"]
        scratch.drop(scratch.made[-1])
    found = [
        (seed, outcome.label, outcome.reason, [each.actual for each in outcome.counterexamples])
        for seed, outcome in outcomes
        if not outcome.status.green
    ]
    assert found == []
