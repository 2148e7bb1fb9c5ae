"""A bug met by one check costs that check: its outcome says what to report, and all others are what they would be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from harness import declarations
from harness.errors import ProjectError, TargetError
from harness.kinds import KINDS
from harness.kinds.check import CheckKind as CheckKind
from harness.outcome import Outcome, Status
from harness.project.load import load
from harness.proving.prover import Effort, Prover
from harness.scratch.workspaces import workspace
from harness.server.connection import Server
from tests.cli.conftest import CHECKS, DOWN, SETTINGS, UP, scratch_databases

BROKEN = "app.items.check.items_amount_positive"
EFFORT = Effort(3, 1, profile="dev")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "project.yml": SETTINGS.format(name="errors"),
        "schema/app/001_items.up.sql": UP,
        "schema/app/001_items.down.sql": DOWN,
        "checks/app/items.yml": CHECKS,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@contextmanager
def prover(root: Path, server: Server) -> Iterator[tuple[Prover, Callable[[], list[Outcome]]]]:
    project = load(root)
    checks = declarations.read(project, KINDS)
    with workspace(server, project, project.modules) as space, Prover(checks, project, space, EFFORT) as made:
        yield made, lambda: [replace(made.prove(check), seconds=0.0) for check in checks]


def outcomes(root: Path, server: Server) -> list[Outcome]:
    with prover(root, server) as (_, prove):
        return prove()


def plant(monkeypatch: pytest.MonkeyPatch, fault: Callable[[], Any]) -> None:
    def scenarios(self: CheckKind, subject: object) -> Any:
        return fault()

    monkeypatch.setattr(CheckKind, "scenarios", scenarios)


def raising(error: Exception) -> Callable[[], Any]:
    def fault() -> Any:
        raise error

    return fault


def test_a_bug_costs_one_check_and_says_what_to_report(
    root: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = outcomes(root, server)
    plant(monkeypatch, raising(KeyError("planted")))
    found = outcomes(root, server)
    assert [outcome for outcome in found if outcome.name != BROKEN] == [
        outcome for outcome in sound if outcome.name != BROKEN
    ]
    (error,) = (outcome for outcome in found if outcome.name == BROKEN)
    assert error.status is Status.ERROR
    assert error.reason is not None and error.traceback is not None
    assert error.reason.startswith("KeyError: 'planted', at harness/proving/prover.py:")
    assert error.reason.endswith(": this is a bug in harness")
    assert error.again == f"harness --debug test --select {BROKEN} --workers 1 --profile dev --seed 1"
    assert error.traceback.startswith("Traceback (most recent call last):\n")
    assert error.traceback.endswith("KeyError: 'planted'\n")


@pytest.mark.parametrize(
    "error",
    [
        IndexError("planted"),
        StopIteration("planted"),
        RecursionError("planted"),
        # These are not the server's word: psycopg raises them of a call that cannot be right.
        psycopg.ProgrammingError("the query has 2 placeholders but 1 parameters were passed"),
        psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes"),
        psycopg.errors.UniqueViolation("planted"),
        psycopg.errors.InternalError_("cache lookup failed for relation 1"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_it_is(root: Path, server: Server, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    plant(monkeypatch, raising(error))
    found = outcomes(root, server)
    assert [outcome.status.green for outcome in found if outcome.name != BROKEN] == [True] * 5
    (wrong,) = (outcome for outcome in found if outcome.name == BROKEN)
    assert (wrong.status, str(error) in str(wrong.reason)) == (Status.ERROR, True)


@pytest.mark.parametrize("what", ["refusals", "rules", "row_hints", "opaque"])
def test_what_others_need_to_know_of_a_check_costs_that_check_too(
    root: Path, server: Server, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    def planted(*given: object) -> Any:
        raise KeyError("planted")

    monkeypatch.setattr(CheckKind, what, planted)
    found = outcomes(root, server)
    assert [outcome.name for outcome in found if outcome.status is Status.ERROR] == [BROKEN]
    assert {outcome.status.green for outcome in found if outcome.name != BROKEN} == {True}


def test_the_next_check_finds_nothing_of_what_was_left(
    root: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = outcomes(root, server)
    before = set(scratch_databases(server))
    with prover(root, server) as (made, prove):

        def spoil() -> None:
            made.database.connection.execute("drop table app.items")
            made.database.connection.execute("begin")
            made.database.trying.close()
            raise IndexError("planted")

        plant(monkeypatch, spoil)
        assert [outcome for outcome in prove() if outcome.name != BROKEN] == [
            outcome for outcome in sound if outcome.name != BROKEN
        ]
        assert len(set(scratch_databases(server)) - before) == 1


def test_what_had_been_found_is_still_said(root: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    file = root / "schema/app/001_items.up.sql"
    file.write_text(UP.replace("constraint items_amount_positive", "constraint items_amount"))
    plant(monkeypatch, raising(KeyError("planted")))
    (error,) = (outcome for outcome in outcomes(root, server) if outcome.name == BROKEN)
    assert error.status is Status.ERROR
    assert [example.actual.partition(";")[0] for example in error.counterexamples] == [
        "no constraint on app.items: items_amount_positive"
    ]


@pytest.mark.parametrize(
    "error, told",
    [
        (psycopg.OperationalError("server closed the connection unexpectedly"), TargetError),
        (psycopg.errors.AdminShutdown("terminating connection"), TargetError),
        (ProjectError("planted"), ProjectError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
    ids=lambda each: type(each).__name__,
)
def test_what_ends_a_run_ends_it(
    root: Path,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    told: type[BaseException],
) -> None:
    if isinstance(error, psycopg.errors.AdminShutdown):
        assert error.sqlstate == "57P01"
    plant(monkeypatch, raising(error))
    with pytest.raises(told):
        outcomes(root, server)
