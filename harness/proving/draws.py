"""Runs Hypothesis: draws that follow from the seed alone, and shrinking that ends in time.

The same rows are drawn whichever process draws. Not here: which failure is shrunk (``trial.py``), whether workers have
the same versions (``workers/job.py``), and single examples (``values/examples.py``).
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, TypeVar

from hypothesis import Phase
from hypothesis import strategies as st
from hypothesis.errors import Flaky

from harness.kinds.base import Begun
from harness.probes.family import Scenario
from harness.probes.reply import Interference
from harness.values.examples import draw

T = TypeVar("T")
F = TypeVar("F")

SHRINKING = 10.0
"""Seconds after which the smallest case found so far is good enough."""


def changed(
    stated: st.SearchStrategy[Scenario] | Begun, change: Callable[[Scenario], Scenario]
) -> st.SearchStrategy[Scenario] | Begun:
    """The same scenarios, drawn as before, and each changed then."""
    if isinstance(stated, Begun):
        build = stated.build
        return replace(stated, build=lambda pair: change(build(pair)))
    return stated.map(change)


class _Wrong(Exception):
    """Tells Hypothesis that an example failed."""


class _StopDrawing(BaseException):
    """Ends drawing or shrinking; Hypothesis does not catch it, as it is no Exception."""


def make_reproducible() -> None:
    """Prepares a process of ours (a command, or a worker of one) for draws that follow from the seed alone.

    Hypothesis also draws constants that it finds in the source of the modules loaded, so a number in our own code, or
    an import that comes later in one process than in another, would change what a check tries. Its tables of Unicode
    take a second to make: they are kept for the user, not for every directory.

    What is loaded by now stays, and drawing makes much that is gone again at once: Python's garbage collector need not
    look through all of it so often.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    from hypothesis.internal.conjecture import providers

    if hasattr(providers, "is_local_module_file"):
        providers.is_local_module_file = lambda path: False
    if "HYPOTHESIS_STORAGE_DIRECTORY" not in os.environ:
        import platformdirs
        from hypothesis.configuration import set_hypothesis_home_dir

        set_hypothesis_home_dir(platformdirs.user_cache_path("constraint-harness") / "hypothesis")


def draw_until(strategy: st.SearchStrategy[T], count: int, seeded: int, enough: Callable[[T], bool]) -> bool:
    """Draws ``count`` examples, or fewer if one is ``enough``; returns whether one was. Keeps none of them."""
    errors: list[Exception] = []

    def body(example: T) -> None:
        try:
            stop = enough(example)
        except Exception as error:
            # Hypothesis would take it for a failing example, and draw that again.
            errors.append(error)
            stop = True
        if stop:
            raise _StopDrawing

    try:
        draw(strategy, count, seeded, [Phase.generate], body)
    except _StopDrawing:
        if errors:
            raise errors[0] from None
        return True
    return False


def smallest(
    strategy: st.SearchStrategy[T], count: int, seeded: int, failing: Callable[[T], F | None], best: F, most: int
) -> F:
    """Shrinks, with ``most`` replays at the most; returns what the smallest example fails with.

    Returns ``best`` if none of the ``count`` examples fails again.
    """
    ends = time.monotonic() + SHRINKING
    replays = 0

    def replay(example: T) -> None:
        nonlocal best, replays
        replays += 1
        if replays > most or time.monotonic() > ends:
            raise _StopDrawing
        try:
            found = failing(example)
        except Interference:
            raise _StopDrawing from None  # what was found so far was found undisturbed
        if found is not None:
            best = found
            raise _Wrong

    def stop_in_time() -> None:
        if time.monotonic() > ends:
            raise _StopDrawing

    with suppress(_Wrong, _StopDrawing, Flaky), before_each_example(stop_in_time):
        draw(strategy, count, seeded, [Phase.generate, Phase.shrink], replay)
    return best


@contextmanager
def before_each_example(look: Callable[[], None]) -> Iterator[None]:
    """Calls ``look`` before each example that Hypothesis goes through, also one that it need not replay.

    Shrinking a scenario of a hundred rows, it goes through thousands that it knows to lead nowhere, for minutes.
    """
    from hypothesis.internal.conjecture.engine import ConjectureRunner

    known: Any = getattr(ConjectureRunner, "cached_test_function", None)
    if known is None:  # another Hypothesis: replays are looked at all the same
        yield
        return

    def looking(self: ConjectureRunner, *arguments: Any, **options: Any) -> Any:
        look()
        return known(self, *arguments, **options)

    setattr(ConjectureRunner, known.__name__, looking)
    try:
        yield
    finally:
        setattr(ConjectureRunner, known.__name__, known)
