"""What is drawn follows from the seed alone, whichever process draws it."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def settle() -> None:
    """For a process that is ours: a command, or a worker of one.

    Hypothesis also draws constants that it finds in the source of whatever modules are loaded, so a number in our own
    code, or an import that comes later in one process than in another, would change what a check tries. Its tables of
    Unicode take a second to make: once for a person, not once for every directory.

    What is loaded by now stays, and drawing makes much that is gone again at once: Python need not look through all of
    it so often.
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


@contextmanager
def watched(look: Callable[[], None]) -> Iterator[None]:
    """Has ``look`` called before each example that Hypothesis goes through, also one that it need not replay.

    Shrinking a scenario of a hundred rows, it goes through thousands that it knows to lead nowhere, for minutes.
    """
    from hypothesis.internal.conjecture.engine import ConjectureRunner

    known: Any = getattr(ConjectureRunner, "cached_test_function", None)
    if known is None:  # another Hypothesis: what is replayed is looked at all the same
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
