"""Examples of a Hypothesis strategy, the same every time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

T = TypeVar("T")


def examples(strategy: st.SearchStrategy[T], count: int, seeded: int = 0) -> list[T]:
    """Up to ``count`` examples; none if nothing can be drawn. Errors of the strategy are raised."""
    found: list[T] = []
    draw(strategy, max(count, 1), seeded, [Phase.generate], found.append)
    return found


def draw(
    strategy: st.SearchStrategy[T], count: int, seeded: int, phases: list[Phase], body: Callable[[T], None]
) -> None:
    """One pass of Hypothesis, which prints and remembers nothing: reports and seeds say it better."""

    @seed(seeded)
    @settings(
        max_examples=count,
        phases=phases,
        database=None,
        deadline=None,
        verbosity=Verbosity.quiet,
        report_multiple_bugs=False,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def passed(example: T) -> None:
        body(example)

    with suppress(Unsatisfiable):
        passed()
