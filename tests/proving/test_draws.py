"""Two functions inside Hypothesis are replaced: the version that is installed has them, and calls them."""

from __future__ import annotations

import inspect
import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture.engine import ConjectureRunner

from harness.proving import draws

# In a process of its own: the tests' conftest.py replaces the function, too, whether it is there or not.
ASKED = """
import inspect
from hypothesis.internal.conjecture import providers
print(list(inspect.signature(providers.is_local_module_file).parameters))
print("is_local_module_file" in inspect.getsource(providers._get_local_constants))
"""


def test_hypothesis_asks_which_modules_are_local() -> None:
    asked = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, check=False)
    assert asked.stdout == "['path']\nTrue\n", (
        "this Hypothesis finds the constants of local modules in another way, so that what a run draws hangs on "
        f"what is loaded: harness.proving.draws.settle() has to keep it from that. {asked.stderr}"
    )


def test_hypothesis_goes_through_a_function_that_can_be_watched() -> None:
    why = "this Hypothesis replays examples in another way: harness.proving.draws.watched() has to look there"
    assert inspect.isfunction(getattr(ConjectureRunner, "cached_test_function", None)), why
    before = ConjectureRunner.cached_test_function
    looked = []

    @settings(max_examples=5, database=None)
    @given(st.integers())
    def drawn(_: int) -> None:
        pass

    with draws.watched(lambda: looked.append(1)):
        drawn()
    assert looked, why
    assert ConjectureRunner.cached_test_function is before
