"""Examples of a Hypothesis strategy, the same every time."""

from __future__ import annotations

from contextlib import suppress
from typing import TypeVar

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

T = TypeVar("T")


def examples(strategy: st.SearchStrategy[T], count: int, seeded: int = 0) -> list[T]:
    """Up to ``count`` examples; none if nothing can be drawn. Errors of the strategy are raised."""
    found: list[T] = []

    @seed(seeded)
    @settings(
        max_examples=max(count, 1),
        phases=[Phase.generate],
        database=None,
        deadline=None,
        verbosity=Verbosity.quiet,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(example: T) -> None:
        found.append(example)

    with suppress(Unsatisfiable):
        collect()
    return found
