"""Shrinking ends in time, also while Hypothesis goes through examples that it need not replay."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from harness.proving import draws

SCENARIO = st.tuples(*[st.sampled_from(range(3)) for _ in range(60)])
NONE: tuple[int, ...] = ()


def test_the_clock_is_looked_at_more_often_than_examples_are_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = replays = 0

    def monotonic() -> float:
        nonlocal looks
        looks += 1
        return 0.0

    def failing(example: tuple[int, ...]) -> tuple[int, ...] | None:
        nonlocal replays
        replays += 1
        return example if sum(example) >= 30 else None

    monkeypatch.setattr("harness.proving.draws.time.monotonic", monotonic)
    assert sum(draws.smallest(SCENARIO, 20, 0, failing, NONE, most=10**9)) >= 30
    # Once for the start, once for each replay, and for what is known.
    assert looks > 1 + 2 * replays - 20


def test_shrinking_ends_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(10**6))
    monkeypatch.setattr(draws, "SHRINKING", 100.0)
    monkeypatch.setattr("harness.proving.draws.time.monotonic", lambda: float(next(now)))
    replays = 0

    def failing(example: tuple[int, ...]) -> tuple[int, ...] | None:
        nonlocal replays
        replays += 1
        return example if sum(example) >= 30 else None

    assert draws.smallest(SCENARIO, 20, 0, failing, NONE, most=10**9)
    assert replays <= 100
