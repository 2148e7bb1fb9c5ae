"""What of Hypothesis is patched that it does not promise to keep: where it has changed, these tests say what to do.

``harness/proving/draws.py`` goes on without a patch whose place it does not find, so nothing else would notice.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import hypothesis
from hypothesis import configuration
from hypothesis import strategies as st

from harness.proving import draws

VERSION = f"Hypothesis {hypothesis.__version__}"

CONSTANTS = f"""
{VERSION} draws constants of loaded modules in another way than `make_reproducible` in harness/proving/draws.py knows.

Patched is `is_local_module_file` in hypothesis/internal/conjecture/providers.py: it says which modules are the user's
own, from whose source numbers and texts are drawn. `make_reproducible` has it say none, since what a run draws is to
follow from its seed alone: not from what happens to be imported, nor from the numbers in our own code, which differ
from worker to worker and from version to version. tests/conftest.py does the same for the tests.

Find in that module what collects local constants now (`_get_local_constants` did), have `make_reproducible` and
tests/conftest.py switch that off, for the older versions in the bounds of pyproject.toml, too, and mend this test. If
Hypothesis draws no such constants any more, the patch can go.
"""

WATCHED = f"""
{VERSION} does not go through `ConjectureRunner.cached_test_function` for each example any more, as
`before_each_example` in harness/proving/draws.py has it.

Patched is that method, in hypothesis/internal/conjecture/engine.py: shrinking looks through thousands of examples whose
outcome is known, without calling the test, and took minutes after the ten seconds that it is given
(`SHRINKING` in harness/proving/draws.py). `before_each_example` has the clock looked at for each of them.

Find what the shrinker asks now for what it knows (in hypothesis/internal/conjecture/shrinker.py, `self.engine.…`), wrap
that, and mend this test. If Hypothesis can be told how long to shrink, say that instead.
"""

HOME = f"""
{VERSION} has another `set_hypothesis_home_dir` in hypothesis/configuration.py, by which `make_reproducible` in
harness/proving/draws.py keeps Hypothesis' tables of Unicode in the user's cache, and not in a directory `.hypothesis`
wherever somebody calls the tool. Find what says so now, or make the tables anew for each directory.
"""

MODULE = "ODD = 918_273_645_463\n"
DRAWN = """\
import sys
sys.path.insert(0, {directory!r})
import odd
from hypothesis import HealthCheck, Phase, given, seed, settings, strategies as st
if {settled}:
    from harness.proving import draws
    draws.make_reproducible()
found = []

@seed(1)
@settings(max_examples=3000, phases=[Phase.generate], database=None, deadline=None,
          suppress_health_check=list(HealthCheck))
@given(st.integers())
def drawn(number):
    found.append(number)

drawn()
print(odd.ODD in found)
"""


def draws_our_numbers(directory: Path, settled: bool) -> bool:
    """Whether a process of its own draws the number that stands in a module that it has loaded."""
    (directory / "odd.py").write_text(MODULE)
    script = DRAWN.format(directory=str(directory), settled=settled)
    done = subprocess.run([sys.executable, "-c", script], cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip() == "True"


def test_no_constants_of_loaded_modules_are_drawn(tmp_path: Path) -> None:
    assert not draws_our_numbers(tmp_path, settled=True), CONSTANTS


def test_without_the_patch_they_would_be(tmp_path: Path) -> None:
    assert draws_our_numbers(tmp_path, settled=False), CONSTANTS


def test_the_place_that_is_patched_is_there() -> None:
    from hypothesis.internal.conjecture import providers

    assert hasattr(providers, "is_local_module_file"), CONSTANTS


def test_shrinking_is_watched_at_each_example_also_those_that_are_known() -> None:
    from hypothesis.internal.conjecture.engine import ConjectureRunner

    assert hasattr(ConjectureRunner, "cached_test_function"), WATCHED
    before = ConjectureRunner.cached_test_function
    looks = replays = 0

    def look() -> None:
        nonlocal looks
        looks += 1

    def failing(example: tuple[int, ...]) -> tuple[int, ...] | None:
        nonlocal replays
        replays += 1
        return example if sum(example) >= 30 else None

    strategy = st.tuples(*[st.sampled_from(range(3)) for _ in range(60)])
    none: tuple[int, ...] = ()
    with draws.before_each_example(look):
        draws.smallest(strategy, 20, 0, failing, none, most=10**9)
    assert looks > replays > 0, WATCHED
    assert ConjectureRunner.cached_test_function is before


def test_the_tables_of_unicode_can_be_kept_elsewhere(tmp_path: Path) -> None:
    assert hasattr(configuration, "set_hypothesis_home_dir"), HOME
    script = (
        "from harness.proving import draws; draws.make_reproducible();"
        " from hypothesis import strategies as st; st.characters(exclude_categories=('Cs',)).validate()"
    )
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.rglob("constraint-harness/hypothesis/unicode_data")), HOME
    assert not (tmp_path / ".hypothesis").exists(), HOME
