"""The journal of a run: what is written is read again, whatever else lies in the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import ProjectError
from harness.outcome import Status
from harness.reports import journal
from harness.reports.journal import Interrupted, Journal

from .test_reports import BROKEN, OUTCOMES, UNRELIABLE

ORIGIN = {"check files": "abc", "seed": "1"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return journal.path(tmp_path)


def begun(path: Path) -> Journal:
    kept = Journal(path)
    kept.begin(ORIGIN, 1, "harness test --resume")
    return kept


def test_what_is_written_is_read_again(path: Path) -> None:
    error = replace(UNRELIABLE, name="e", status=Status.ERROR, again="harness test", traceback="Trace\nback \udc80")
    steps = replace(BROKEN, name="s", counterexamples=(replace(BROKEN.counterexamples[0], steps=("A 1", "B 2")),))
    noted = replace(OUTCOMES[1], name="n", notes=("not tried: app.report()",))
    kept = begun(path)
    for outcome in [*OUTCOMES, error, steps, noted]:
        kept.add(outcome, 1.5)
    # It is read before it is closed, as if the run had been killed here.
    found = Interrupted.read(path)
    kept.close()
    assert list(found.outcomes.values()) == [*OUTCOMES, error, steps, noted]
    assert (found.origin, found.seed, found.seconds, found.command) == (ORIGIN, 1, 1.5, "harness test --resume")


def test_half_a_line_and_lines_of_others_are_passed_by(path: Path) -> None:
    kept = begun(path)
    kept.add(OUTCOMES[0], 1.0)
    kept.close()
    other = Journal(path)
    other.resume()
    other.add(OUTCOMES[1], 1.0)
    other.close()
    path.write_text(path.read_text() + path.read_text().splitlines()[1][:40])
    again = Journal(path, Interrupted.read(path).run)
    again.resume()
    again.add(OUTCOMES[2], 2.0)
    again.close()
    assert list(Interrupted.read(path).outcomes.values()) == [OUTCOMES[0], OUTCOMES[2]]


def test_one_that_ended_leaves_nothing_to_resume(path: Path) -> None:
    begun(path).end()
    assert not path.exists()
    with pytest.raises(ProjectError, match="there is no run to resume"):
        Interrupted.read(path)


def test_a_run_takes_away_its_own_alone(path: Path) -> None:
    first = begun(path)
    begun(path).close()
    first.end()
    assert path.exists()


@pytest.mark.parametrize("text", ["", "{}", "[1]\n", "nonsense\n", '{"version": 0}\n'])
def test_what_is_no_journal(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(ProjectError, match="there is no run to resume"):
        Interrupted.read(path)


def test_where_it_cannot_be_written_the_run_goes_on(path: Path) -> None:
    path.parent.write_text("no directory")
    kept = begun(path)
    kept.add(OUTCOMES[0], 1.0)
    kept.end()


def test_what_differs_is_named(path: Path) -> None:
    begun(path).close()
    found = Interrupted.read(path)
    found.require(ORIGIN)
    with pytest.raises(ProjectError, match=r"changed: the check files\n"):
        found.require({**ORIGIN, "check files": "abd"})
    with pytest.raises(ProjectError, match=r"changed: the seed \(1, now 2\)\n"):
        found.require({**ORIGIN, "seed": "2"})
