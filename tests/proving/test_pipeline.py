"""One batch is tried while the next is drawn, and nobody can tell from what comes of it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, cast

import pytest
from hypothesis import strategies as st

from harness.kinds.base import Begun, RowPair
from harness.probes import Accepted, Execute, Probe, Refused, Reply, Scenario, ScenarioResult, Session
from harness.probes.session import BATCH
from harness.project.model import TableName
from harness.proving.effort import Effort
from harness.proving.trial import BatchPipeline, Context, attempt
from harness.values.examples import examples


class Spy:
    """In place of a session: accepts everything, and fails at a batch if told to."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.batches: list[list[Scenario]] = []
        self.threads: set[int] = set()
        self.cancelled = 0
        self._fails_at = fails_at

    def run(self, scenarios: Sequence[Scenario]) -> list[ScenarioResult]:
        self.batches.append(list(scenarios))
        self.threads.add(threading.get_ident())
        if self._fails_at == len(self.batches):
            raise ConnectionError("gone")
        return [[Reply(None, 1)] * len(scenario.probes) for scenario in scenarios]

    def cancel(self) -> None:
        self.cancelled += 1


def session(spy: Spy) -> Session:
    return cast(Session, spy)


def scenario(number: int, probes: int, **keys: Any) -> Scenario:
    probe = Probe(Execute(f"select {number}"), keys.get("expected", Accepted()), "a")
    return Scenario((), (probe,) * probes)


def test_all_come_back_in_their_order() -> None:
    spy, seen = Spy(), []

    def is_enough(scenario: Scenario, answer: ScenarioResult) -> bool:
        seen.append(scenario)
        return False

    scenarios = [scenario(number, BATCH // 3) for number in range(20)]
    with BatchPipeline(session(spy), is_enough) as pipeline:
        assert not any(map(pipeline.put, scenarios))
        assert not pipeline.end()
    assert seen == scenarios
    assert [len(batch) for batch in spy.batches] == [4] * 5
    assert threading.get_ident() not in spy.threads
    assert not spy.cancelled


def test_what_comes_after_enough_is_not_looked_at() -> None:
    spy, seen = Spy(), []

    def is_enough(scenario: Scenario, answer: ScenarioResult) -> bool:
        seen.append(scenario)
        return len(seen) == 1

    scenarios = [scenario(number, BATCH // 2) for number in range(20)]
    with BatchPipeline(session(spy), is_enough) as pipeline:
        assert any(map(pipeline.put, scenarios))
    assert seen == scenarios[:2], "a whole batch, so that counts do not depend on what was under way"
    assert len(spy.batches) <= 2


@pytest.mark.parametrize("fails_at", [1, 2, 3])
def test_an_error_of_the_server_arrives_through_hypothesis(fails_at: int) -> None:
    strategy = st.integers().map(lambda number: scenario(number, BATCH))
    with pytest.raises(ConnectionError):
        attempt(Context(session(Spy(fails_at)), scenarios=9, seed=0), strategy)


def test_the_first_failure_ends_the_drawing() -> None:
    spy = Spy()
    strategy = st.integers().map(lambda number: scenario(number, BATCH, expected=Refused(("23514",))))
    trial = attempt(Context(session(spy), scenarios=50, seed=0, shrink=False), strategy)
    assert trial.failure is not None
    assert (trial.scenarios, trial.probes) == (1, BATCH)
    assert len(spy.batches) <= 2


def test_what_failed_among_rows_drawn_for_several_checks_is_found_again() -> None:
    rows = st.fixed_dictionaries({"n": st.integers(0, 10**9).map(str)})
    pairs = st.builds(RowPair, st.just(()), rows, rows, st.none())
    ready = examples(pairs, 40, 7)
    late = next(n for n in range(20, 40) if ready.index(ready[n]) == n)
    seen: list[RowPair] = []

    def build(pair: RowPair) -> Scenario:
        seen.append(pair)
        return scenario(0, 1, expected=Refused(("23514",)) if pair == ready[late] else Accepted())

    begun = Begun(TableName("t", "t"), pairs, build)
    trial = attempt(Context(session(Spy()), scenarios=40, seed=7), begun, ready)
    assert trial.failure is not None
    assert seen[: len(ready)] == ready
    assert seen[len(ready) :][: late + 1] == ready[: late + 1]


@pytest.mark.parametrize(("scenarios", "expected"), [(1, (1, 1)), (20, (20, 1)), (21, (21, 1)), (200, (33, 7))])
def test_of_many_scenarios_some_are_drawn(scenarios: int, expected: tuple[int, int]) -> None:
    effort = Effort(scenarios, 0)
    assert (effort.drawn, effort.variety) == expected
    assert effort.drawn * effort.variety >= scenarios


class _Deaf(Spy):
    """Tries until it is told to give up for the second time: the first comes between two statements."""

    def __init__(self) -> None:
        super().__init__()
        self.given_up = threading.Event()

    def run(self, scenarios: Sequence[Scenario]) -> list[ScenarioResult]:
        assert self.given_up.wait(20)
        return super().run(scenarios)

    def cancel(self) -> None:
        super().cancel()
        if self.cancelled == 2:
            self.given_up.set()


@pytest.mark.parametrize("waiting", [False, True])
def test_an_interrupt_has_the_server_give_up(monkeypatch: pytest.MonkeyPatch, waiting: bool) -> None:
    spy = _Deaf()

    def interrupted(self: object, timeout: float | None = None) -> list[ScenarioResult]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), BatchPipeline(session(spy), lambda scenario, answer: False) as pipeline:
        pipeline.put(scenario(1, BATCH))
        if not waiting:
            raise KeyboardInterrupt
        monkeypatch.setattr("concurrent.futures.Future.result", interrupted)
        pipeline.end()
    assert spy.cancelled == 2
