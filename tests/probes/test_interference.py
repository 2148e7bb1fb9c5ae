"""A session that is not the run's gets in a probe's way on purpose: it is tried again, and no rule is blamed for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from harness.catalog import read
from harness.probes import (
    Accepted,
    Execute,
    Insert,
    Postcondition,
    Probe,
    Reply,
    Scenario,
    ServerError,
    Session,
    SqlStatement,
    batch,
)
from harness.probes.reply import PAUSES, Interference, conflicts, deadlocked, is_raised
from harness.project.model import TableName
from harness.proving.attribution import Verdict, judge
from harness.server.connection import Connection, Server

SCHEMA = """
create table rows (id integer primary key, n integer);
insert into rows values (1, 0), (2, 0);
create function add() returns void language plpgsql as $$
begin
    update rows set n = n + 1 where id = 1;
    perform pg_sleep(0.1);
    update rows set n = n + 1 where id = 2;
end $$;
create table said (state text);
create function say() returns trigger language plpgsql as $$
begin
    raise exception 'so says the rule' using errcode = new.state;
end $$;
create trigger say before insert on said for each row execute function say();
"""
BOTH = Execute("select add()")
SAID = TableName("public", "said")
ROWS = TableName("public", "rows")


@pytest.fixture
def connection(database: tuple[Server, str]) -> Iterator[Connection]:
    server, name = database
    with server.connect(name) as found:
        found.execute(SCHEMA.encode())
        found.execute("set deadlock_timeout = '300ms'; set lock_timeout = '100ms'")
        yield found


@pytest.fixture
def other(database: tuple[Server, str]) -> Iterator[Connection]:
    """A session of somebody else, which is in no hurry to find a deadlock out."""
    server, name = database
    with server.connect(name) as found:
        found.execute("set application_name = somebody; set deadlock_timeout = '30s'")
        yield found


@pytest.fixture
def session(connection: Connection) -> Session:
    return Session(connection, read(connection, "harness"))


def one(session: Session, statement: SqlStatement, **further: Any) -> Verdict | ServerError:
    probe = Probe(statement, Accepted(), "tried", **further)
    answer = session.replies(Scenario((), (probe,)))
    return answer if isinstance(answer, ServerError) else judge(probe, answer[0], ())


def reply(session: Session, statement: SqlStatement) -> Reply:
    answer = session.replies(Scenario((), (Probe(statement, Accepted(), "tried"),)))
    assert not isinstance(answer, ServerError)
    return answer[0]


@contextmanager
def deadlocking(other: Connection, times: int) -> Iterator[list[int]]:
    """Somebody who takes the second row and then wants the first, so many times; how often it came to that."""
    came: list[int] = []

    def work() -> None:
        for number in range(times):
            other.execute("begin")
            other.execute("update rows set n = 5 where id = 2")
            held.set()
            while not waiting(other):  # until the probe has the first row, and wants this one
                time.sleep(0.005)
            other.execute("update rows set n = 5 where id = 1")
            came.append(number)
            other.execute("rollback")

    held = threading.Event()
    thread = threading.Thread(target=work)
    thread.start()
    assert held.wait(10)
    yield came
    thread.join(30)


def waiting(other: Connection) -> bool:
    query = "select exists (select from pg_locks where not granted and pid <> pg_backend_pid())"
    row = other.execute(query).fetchone()
    return bool(row and row[0])


def test_a_deadlock_with_somebody_else_is_tried_again(
    connection: Connection, session: Session, other: Connection
) -> None:
    connection.execute("set lock_timeout = 0")
    with deadlocking(other, 1) as came:
        assert one(session, BOTH) is Verdict.AS_EXPECTED
    assert came == [0]


def test_a_deadlock_each_time_is_no_verdict(
    connection: Connection, session: Session, other: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection.execute("set lock_timeout = 0")
    monkeypatch.setattr(batch, "PAUSES", (0.3,))
    with deadlocking(other, 2) as came, pytest.raises(Interference, match="refused with 40P01: deadlock detected"):
        one(session, BOTH)
    assert came == [0, 1]


PLACES: dict[str, dict[str, Any]] = {
    "statement": {"statement": Execute("update rows set n = 1")},
    "before": {"statement": Execute("select 1"), "before": "alter table rows disable trigger all"},
    "then": {
        "statement": Execute("select 1"),
        "then": Postcondition("select count(*)::text from rows", "2", "two rows"),
    },
}


@pytest.mark.parametrize("place", PLACES)
def test_a_lock_of_somebody_else_is_waited_for(session: Session, other: Connection, place: str) -> None:
    other.execute("begin")
    other.execute("lock table rows")
    threading.Timer(0.3, lambda: other.execute("rollback")).start()
    assert one(session, **PLACES[place]) is Verdict.AS_EXPECTED


@pytest.mark.parametrize("place", PLACES)
def test_a_lock_that_stays_is_no_verdict_and_names_who_has_it(
    session: Session, other: Connection, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(batch, "PAUSES", (0.01, 0.01))
    other.execute("begin")
    other.execute("lock table rows")
    with pytest.raises(Interference) as caught:
        one(session, **PLACES[place])
    said = str(caught.value)
    assert "refused with 55P03: canceling statement due to lock timeout" in said
    assert f"; there is somebody (process {other.info.backend_pid});" in said
    # The connection is as good as new.
    other.execute("rollback")
    assert one(session, **PLACES[place]) is Verdict.AS_EXPECTED


def test_rows_that_stand_before_are_tried_again_too(session: Session, other: Connection) -> None:
    other.execute("begin")
    other.execute("lock table rows")
    threading.Timer(0.3, lambda: other.execute("rollback")).start()
    row = Insert(ROWS, {"id": "3", "n": "0"})
    found = session.replies(Scenario((row,), (Probe(Execute("select 1"), Accepted(), "tried"),)))
    assert not isinstance(found, ServerError) and found[0].refusal is None


def counted(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How often something was tried again."""
    slept: list[float] = []
    monkeypatch.setattr("harness.probes.batch.time.sleep", slept.append)
    return lambda: len(slept)


@pytest.mark.parametrize("state", ["40001", "40P01", "55P03"])
def test_what_a_rule_raises_itself_is_its_own_word(
    session: Session, other: Connection, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    slept = counted(monkeypatch)
    other.execute("begin")
    other.execute("lock table rows")  # somebody is there, and has nothing to do with it
    refusal = reply(session, Insert(SAID, {"state": state})).refusal
    assert refusal is not None and (refusal.sqlstate, refusal.message) == (state, "so says the rule")
    assert slept() == 0


def test_what_is_refused_each_time_while_nobody_is_there_is_a_verdict(
    connection: Connection, other: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here a session of ours has the lock; it might be a rule that says so by other means than RAISE."""
    slept = counted(monkeypatch)
    ours = Session(connection, read(connection, "harness"), (other.info.backend_pid,))
    other.execute("begin")
    other.execute("lock table rows")
    for _ in range(2):
        refusal = reply(ours, Execute("update rows set n = 1")).refusal
        assert refusal is not None and refusal.sqlstate == "55P03"
    assert slept() == len(PAUSES)  # the second time it is known


GERMAN = """\
Prozess 4711 wartet auf ShareLock-Sperre auf Transaktion 755; blockiert von Prozess 4712.
Prozess 4712 wartet auf RowLock-Sperre auf Tupel (0,1) in Relation 16 der Datenbank 5; blockiert von Prozess 4711."""


def test_messages_are_read_in_any_language() -> None:
    deadlock = ServerError("40P01", message="Verklemmung entdeckt", detail=GERMAN)
    assert deadlocked(deadlock) == {4711, 4712}
    assert conflicts(deadlock, 4711) and not conflicts(deadlock, 5)
    assert is_raised(ServerError("40P01", context="PL/pgSQL-Funktion say() Zeile 3 bei RAISE\nSQL-Anweisung »…«"))
    assert not is_raised(ServerError("40001", context='SQL statement "…"\nPL/pgSQL function add() line 3 at RAISE'))


def test_a_server_says_who_took_part(connection: Connection, other: Connection) -> None:
    connection.execute("set lock_timeout = 0")
    with deadlocking(other, 1), pytest.raises(psycopg.errors.DeadlockDetected) as caught:
        connection.execute("select add()")
    found = ServerError("40P01", detail=caught.value.diag.message_detail or "")
    assert deadlocked(found) == {connection.info.backend_pid, other.info.backend_pid}
