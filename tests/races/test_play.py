"""Two real sessions: who waits, who is refused, and what is left when it ends early."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest

from harness.catalog import read
from harness.catalog.model import Catalog
from harness.catalog.roles import Roles
from harness.probes import Delete, Execute, Insert, SqlStatement, Update
from harness.project.model import TableName
from harness.races import Invariant, IsolationLevel, Race, RaceDatabase, RaceRun, Unplayable, play
from harness.races.play import following
from harness.races.sessions import LockMonitor, RaceSession
from harness.server.connection import Server
from tests.databases import Scratch

TABLE = TableName("public", "rows")
SCHEMA = """
create table rows (id integer primary key, n integer not null);
create table kept (id integer primary key);
create function refuse() returns trigger language plpgsql as $$ begin raise 'kept'; end $$;
create trigger kept before delete on kept for each row execute function refuse();
alter table kept enable always trigger kept;
"""
ROWS = [Insert(TABLE, {"id": str(key), "n": "0"}) for key in (1, 2)]
SUM = Invariant("select sum(n)::text from rows", "any", lambda before, after: True)


SUPERUSER, ORDINARY = (cast("Roles", SimpleNamespace(may_disable_triggers=may)) for may in (True, False))


@pytest.fixture
def scratch(server: Server) -> Iterator[Scratch]:
    with server.connect() as maintenance:
        found = Scratch(server, maintenance, SCHEMA)
        yield found
        assert found.made == [], "a clone was not dropped"


@pytest.fixture
def catalog(scratch: Scratch) -> Catalog:
    name = scratch.clone()
    with scratch.connect(name) as connection:
        found = read(connection, "harness")
    scratch.drop(name)
    return found


@pytest.fixture
def database(scratch: Scratch, catalog: Catalog) -> Iterator[RaceDatabase]:
    with RaceDatabase(scratch, catalog, SUPERUSER) as found:
        yield found


def add(key: int, to: int) -> SqlStatement:
    return Update(TABLE, {"id": str(key)}, {"n": str(to)})


def race(a: list[SqlStatement], b: list[SqlStatement], invariant: Invariant = SUM) -> Race:
    return Race("race", "a race", a, b, invariant)


def every(database: RaceDatabase, tried: Race, level: str = "read committed") -> list[RaceRun]:
    found: list[RaceRun] = []
    prefix: tuple[str, ...] | None = ()
    while prefix is not None:
        found.append(play(database, ROWS, tried, IsolationLevel(level), prefix))
        prefix = following(found[-1].turns)
    return found


def lines(played: RaceRun) -> list[str]:
    return [f"{step.number} {step.session} {step.outcome}" for step in played.steps if step.outcome]


def test_who_is_in_the_way_is_waited_for(database: RaceDatabase) -> None:
    tried = race([add(1, 1)], [add(1, 2)])
    played = play(database, ROWS, tried, IsolationLevel("read committed"), ("A", "B"))
    assert lines(played) == ["2 A UPDATE 1", "4 B waits for A", "4 B UPDATE 1"]
    assert [turn.able for turn in played.turns] == [("A", "B"), ("A", "B"), ("A",), ("B",)]
    assert played.observations == ["0", "1", "2"]


def test_the_orders_are_those_in_which_nobody_goes_on_who_waits(database: RaceDatabase) -> None:
    together = every(database, race([add(1, 1)], [add(1, 2)]))
    apart = every(database, race([add(1, 1)], [add(2, 2)]))
    assert ["".join(turn.taken for turn in played.turns) for played in together] == [
        "AABB",
        "ABAB",
        "BABA",
        "BBAA",
    ]
    assert len(apart) == 6
    assert {played.alone for played in apart} == {"A", "B", None}


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_a_picture_that_is_out_of_date_is_a_refusal(database: RaceDatabase, level: str) -> None:
    found = {
        refusal.sqlstate
        for played in every(database, race([add(1, 1)], [add(1, 2)]), level)
        for _, refusal in played.refusals
    }
    assert found == {"40001"}


def test_of_two_who_wait_for_each_other_one_is_refused(database: RaceDatabase) -> None:
    tried = race([add(1, 1), add(2, 1)], [add(2, 2), add(1, 2)])
    deadlocked = [played for played in every(database, tried) if played.refusals]
    assert deadlocked
    for played in deadlocked:
        assert [refusal.sqlstate for _, refusal in played.refusals] == ["40P01"]
        assert len(played.observations) == 2, "the other one has committed"
        assert "rollback" in [step.command.sql for step in played.steps]


def test_the_same_again(database: RaceDatabase) -> None:
    tried = race([add(1, 1)], [add(1, 2)])
    first, second = ([list(map(str, played.steps)) for played in every(database, tried)] for _ in range(2))
    assert first == second


def test_rows_are_taken_away(database: RaceDatabase, scratch: Scratch) -> None:
    clones = scratch.clones
    every(database, race([add(1, 1)], [Insert(TABLE, {"id": "3", "n": "5"})]))
    assert scratch.clones == clones + 1
    assert (
        database.insert_rows([], Invariant("select count(*)::text from rows", "any", lambda before, after: True)) == "0"
    )


KEPT = Insert(TableName("public", "kept"), {"id": "1"})


def test_where_rows_stay_it_is_a_new_clone(scratch: Scratch, catalog: Catalog) -> None:
    clones = scratch.clones
    with RaceDatabase(scratch, catalog, ORDINARY) as database:
        assert len(every(database, race([KEPT], [add(1, 1)]))) == 6
    assert scratch.clones == clones + 6


def test_triggers_look_away_only_meanwhile(database: RaceDatabase, scratch: Scratch) -> None:
    clones = scratch.clones
    assert len(every(database, race([KEPT], [add(1, 1)]))) == 6
    assert scratch.clones == clones + 1
    refused = race([KEPT, Delete(KEPT.table, {"id": "1"})], [add(1, 1)])
    assert {refusal.message for played in every(database, refused) for _, refusal in played.refusals} == {"kept"}


def test_rows_that_are_refused(database: RaceDatabase) -> None:
    with pytest.raises(Unplayable, match="the rows before it were refused: duplicate key"):
        database.insert_rows([*ROWS, *ROWS], SUM)
    with pytest.raises(Unplayable, match="before it there was 0"):
        database.insert_rows(ROWS, Invariant(SUM.sql, "something", lambda before, after: after != "0"))


def test_what_is_interrupted_leaves_no_session(
    scratch: Scratch, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = LockMonitor._waits
    seen: list[str] = []

    def interrupted(self: LockMonitor, session: RaceSession, other: RaceSession) -> bool:
        if waits(self, session, other):
            seen.append("one waits for the other")
            raise KeyboardInterrupt
        return False

    monkeypatch.setattr(LockMonitor, "_waits", interrupted)
    with pytest.raises(KeyboardInterrupt), RaceDatabase(scratch, catalog, SUPERUSER) as database:
        play(database, ROWS, race([add(1, 1)], [add(1, 2)]), IsolationLevel("read committed"), ("A", "B"))
    assert seen
    assert scratch.made == []


def test_a_command_that_never_ends_is_ended_by_the_server(
    database: RaceDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.races.sessions.STATEMENT_TIMEOUT", 1)
    played = play(
        database, ROWS, race([Execute("select pg_sleep(60)")], [add(1, 1)]), IsolationLevel("read committed"), ()
    )
    assert [refusal.sqlstate for _, refusal in played.refusals] == ["57014"]
