"""Somebody else's session gets in the way of a check: tried again, then an error, never a verdict on the rule."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from harness.kinds.check import CheckKind as CheckKind
from harness.outcome import Outcome, Status
from harness.probes import ServerError, batch
from harness.proving import prover as provers
from harness.proving import racing
from harness.races import IsolationLevel, Race, RaceDatabase, RaceRun, play
from harness.server.connection import Server
from tests.proving import test_errors
from tests.proving.test_errors import BROKEN, outcomes, prover

root = test_errors.root

CONFLICTS = [psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable, psycopg.errors.SerializationFailure]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (batch, provers, racing):
        monkeypatch.setattr(module, "PAUSES", (0.01, 0.01))


@pytest.mark.parametrize("kind", CONFLICTS)
@pytest.mark.parametrize("times", [2, 1000])
def test_a_statement_of_ours_is_tried_again(
    root: Path, server: Server, monkeypatch: pytest.MonkeyPatch, kind: type[psycopg.Error], times: int
) -> None:
    scenarios, left = CheckKind.scenarios, iter(range(times))

    def disturbed(self: CheckKind, subject: Any) -> Any:
        if next(left, None) is not None:
            raise kind("planted")
        return scenarios(self, subject)

    monkeypatch.setattr(CheckKind, "scenarios", disturbed)
    found = outcomes(root, server)
    assert [outcome.status.green for outcome in found if outcome.name != BROKEN] == [True] * 5
    (tried,) = (outcome for outcome in found if outcome.name == BROKEN)
    if times == 2:
        assert tried.status is Status.PROVED
        return
    assert tried.status is Status.ERROR
    assert str(tried.reason).startswith("each time a session that is not the run's got in the way: refused with ")
    assert (tried.again, tried.traceback) == (None, None), "nobody has to report it"


@pytest.fixture
def alone(root: Path, server: Server) -> Iterator[tuple[psycopg.Connection[Any], Callable[[], list[Outcome]]]]:
    """A prover that waits for no lock longer than a moment, and somebody else in its database."""
    with prover(root, server) as (made, prove):
        made.database.trying.execute("set lock_timeout = '50ms'")
        other = server.connect(made.database.trying.info.dbname)
        other.execute("set application_name = somebody")
        yield other, prove
        other.close()


def test_a_lock_is_waited_for(alone: tuple[psycopg.Connection[Any], Callable[[], list[Outcome]]]) -> None:
    other, prove = alone
    other.execute("begin")
    other.execute("lock table app.items in share mode")
    release = threading.Timer(0.1, lambda: other.execute("rollback"))
    release.start()
    assert {outcome.status for outcome in prove()} == {Status.PROVED, Status.PRESENT}
    release.join()


def test_a_lock_that_stays_is_an_error_and_no_rule_is_broken(
    alone: tuple[psycopg.Connection[Any], Callable[[], list[Outcome]]],
) -> None:
    other, prove = alone
    other.execute("begin")
    other.execute("lock table app.items in share mode")
    # Whoever comes next has a new database, where nobody else is.
    first, *others = (outcome for outcome in prove() if outcome.probes or outcome.status is Status.ERROR)
    assert first.status is Status.ERROR
    assert f"; there is somebody (process {other.info.backend_pid});" in str(first.reason)
    assert {outcome.status for outcome in others} == {Status.PROVED}


DETAIL = """\
Process {} waits for ShareLock on transaction 755; blocked by process {}.
Process {} waits for ShareLock on transaction 756; blocked by process {}."""


def deadlock(one: int, other: int) -> ServerError:
    return ServerError("40P01", message="deadlock detected", detail=DETAIL.format(one, other, other, one))


@pytest.fixture
def raced(root: Path) -> Path:
    """The project with a key that is proven between two sessions."""
    file = root / "schema/app/001_items.up.sql"
    file.write_text(file.read_text().replace("note text,", "note text,\n    constraint items_note_key unique (note),"))
    checks = root / "checks/app/items.yml"
    checks.write_text(f"{checks.read_text()}  - unique: [note]\n    concurrently: true\n")
    return root


def played_with(monkeypatch: pytest.MonkeyPatch, refusal: Callable[[RaceDatabase], ServerError], times: int) -> None:
    """Has so many races end with a refusal of the second session."""
    left = iter(range(times))

    def planted(
        database: RaceDatabase, setup: Sequence[Any], race: Race, level: IsolationLevel, prefix: Sequence[str]
    ) -> RaceRun:
        played = play(database, setup, race, level, prefix)
        if next(left, None) is not None:
            played.refusals[:] = [(played.steps[-1], refusal(database))]
        return played

    monkeypatch.setattr(racing, "play", planted)


def of_the_race(root: Path, server: Server) -> Outcome:
    return next(replace(each, seconds=0.0) for each in outcomes(root, server) if each.kind == "unique")


def test_a_deadlock_of_the_two_sessions_of_a_race_is_a_refusal(
    raced: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = of_the_race(raced, server)
    played_with(monkeypatch, lambda database: deadlock(database.a.pid, database.b.pid), 1)
    assert of_the_race(raced, server) == sound
    assert sound.status is Status.PROVED


@pytest.mark.parametrize("state", ["40P01", "55P03"])
def test_a_race_in_which_somebody_else_took_part_is_run_again(
    raced: Path, server: Server, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    sound = of_the_race(raced, server)

    def refusal(database: RaceDatabase) -> ServerError:
        return deadlock(database.a.pid, 1) if state == "40P01" else ServerError("55P03", message="lock timeout")

    played_with(monkeypatch, refusal, 2)
    assert of_the_race(raced, server) == sound


def test_a_race_in_which_somebody_else_takes_part_each_time_is_an_error(
    raced: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    played_with(monkeypatch, lambda database: deadlock(1, database.b.pid), 1000)
    found = of_the_race(raced, server)
    assert (found.status, found.counterexamples) == (Status.ERROR, ())
    assert "refused with 40P01: deadlock detected" in str(found.reason)


def test_a_refusal_that_two_sessions_meet_by_themselves_is_a_fault(
    raced: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else is there: it was NOWAIT, which no rule declares."""
    played_with(monkeypatch, lambda database: ServerError("55P03", message="could not obtain lock"), 1000)
    found = of_the_race(raced, server)
    assert found.status is Status.BROKEN
    assert "refused with 55P03: could not obtain lock" in found.counterexamples[0].actual
