"""The checks would notice: every rule of a module's database taken out, weakened or made stricter turns red a check
that is green without that, and that names the rule.

There are thousands of such mutants. An ordinary run tries a few of each group in each module, the same every time; a
nightly one tries all.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.declarations import read as read_checks
from harness.kinds import KINDS
from harness.project.load import load
from harness.server.connection import Server

from .equivalent import EQUIVALENT
from .mutant import Mutant
from .noticing import Bench, bench

ROOT = Path(__file__).parents[2]
EVERYWHERE = (
    "additions",
    "checks",
    "columns",
    "comments",
    "defaults",
    "functions",
    "grants",
    "indexes",
    "keys",
    "not null",
    "policies",
    "triggers",
)
BESIDES = {
    "absence": ("function grants", "races", "views"),
    "clinic": ("exclusions", "function grants"),
    "intents": (),
    "orchestrator": (),
    "weeksmith": ("enums", "function grants", "races"),
}
"""The groups of mutants that not every module has."""
SAMPLE = 2
"""Mutants of a group that an ordinary run tries; test_planted.py tries chosen ones beside them."""

GROUPS = [(module, group) for module, more in BESIDES.items() for group in sorted((*EVERYWHERE, *more))]


@pytest.fixture(scope="module")
def opened(request: pytest.FixtureRequest, server: Server) -> Iterator[Bench]:
    project = load(ROOT)
    with bench(server, project, request.param, read_checks(project, KINDS)) as made:
        yield made


@pytest.mark.parametrize("opened", BESIDES, indirect=True)
def test_there_are_mutants_of_every_group(opened: Bench) -> None:
    apart = EQUIVALENT[opened.module]
    groups = {mutant.group for mutant in opened.mutants if str(mutant) not in apart}
    assert groups == {*EVERYWHERE, *BESIDES[opened.module]}
    known = {str(mutant) for mutant in opened.mutants}
    assert [name for name in apart if name not in known] == []


@pytest.mark.parametrize(("opened", "group"), GROUPS, indirect=["opened"])
def test_noticed(opened: Bench, group: str) -> None:
    made = _made(opened, group)
    assert _survivors(opened, made[:: -(-len(made) // SAMPLE)]) == []


@pytest.mark.nightly
@pytest.mark.parametrize(("opened", "group"), GROUPS, indirect=["opened"])
def test_all_noticed(opened: Bench, group: str) -> None:
    assert _survivors(opened, _made(opened, group)) == []


def _made(opened: Bench, group: str) -> list[Mutant]:
    apart = EQUIVALENT[opened.module]
    return [mutant for mutant in opened.mutants if mutant.group == group and str(mutant) not in apart]


def _survivors(opened: Bench, mutants: list[Mutant]) -> list[str]:
    assert mutants, "no mutants: the test would show nothing"
    return [str(mutant) for mutant in mutants if opened.noticed_by(mutant) is None]
