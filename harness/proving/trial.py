"""Tries the scenarios of one check: draws many, sends them in batches, and shrinks what failed.

Two passes of Hypothesis with the same seed draw the same scenarios up to the first failure. The first pass only
draws and collects, so that a batch of thousands of probes costs one round trip; the second, which most checks never
need, tries each scenario as it is drawn, and lets Hypothesis shrink.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky, Unsatisfiable

from harness.probes import (
    Accepted,
    Insert,
    Probe,
    Refusal,
    Refused,
    Reply,
    Scenario,
    Session,
    Statement,
    Verdict,
    judge,
)
from harness.probes.session import BATCH

T = TypeVar("T")
F = TypeVar("F")

SHRINKING = 10.0
"""Seconds after which the smallest case found so far is good enough."""

REPLAYS = 400
"""Scenarios after which it is, however quick they are."""


NO_RULE = ("0A", "42", "53", "54", "55", "57", "58", "XX")
"""Classes of SQLSTATE that are not about what the data are."""


@dataclass(frozen=True)
class Failure:
    """A probe that went wrong, with what stood before it."""

    setup: tuple[Statement, ...]
    probe: Probe
    reply: Reply


@dataclass
class Trial:
    """What was tried and what it showed. ``refused`` is how the setup failed by a rule that is declared elsewhere."""

    probes: int = 0
    scenarios: int = 0
    shown: set[str] = field(default_factory=set)
    masked: dict[str, Refusal] = field(default_factory=dict)
    untried: Refusal | None = None
    refused: Refusal | None = None
    failure: Failure | None = None


class _Wrong(Exception):
    """Tells Hypothesis that a scenario failed."""


class _Enough(BaseException):
    """Ends the shrinking; as no Exception, it passes Hypothesis by."""


def attempt(
    session: Session,
    strategy: st.SearchStrategy[Scenario],
    *,
    scenarios: int,
    seeded: int,
    shrink: bool,
    own: Iterable[Refused],
    others: Callable[[Refusal], Iterable[Refused]],
    barred: Callable[[Probe, Refusal], bool] = lambda probe, refusal: False,
) -> Trial:
    """Tries up to ``scenarios`` scenarios. ``own`` are the refusals of the check's rule, ``others`` those
    of all others that may be behind what was refused.

    A probe that is ``barred`` by another rule need not be seen.
    """
    examine = _Examiner(session, tuple(own), others, barred)
    trial = Trial()
    for batch in _batches(strategy, scenarios, seeded):
        for scenario, answer in zip(batch, session.run(batch), strict=True):
            trial.scenarios += 1
            trial.failure = trial.failure or examine.scenario(trial, scenario, answer)
        if trial.failure is not None:
            if shrink:
                trial.failure = _smallest(examine, strategy, scenarios, seeded, trial.failure)
            break
    return trial


@dataclass(frozen=True)
class _Examiner:
    session: Session
    own: tuple[Refused, ...]
    others: Callable[[Refusal], Iterable[Refused]]
    barred: Callable[[Probe, Refusal], bool]

    def scenario(self, trial: Trial, scenario: Scenario, answer: list[Reply] | Refusal) -> Failure | None:
        """Books what a scenario showed; returns its first failure."""
        if isinstance(answer, Refusal):
            return self._setup(trial, scenario, answer)
        failures: list[Failure] = []
        for probe, reply in zip(scenario.probes, answer, strict=True):
            trial.probes += 1
            verdict = judge(probe, reply, self.others(reply.refusal) if reply.refusal else ())
            if verdict is Verdict.AS_WANTED:
                trial.shown.add(probe.aspect)
            elif verdict is Verdict.WRONG:
                failures.append(Failure(scenario.setup, probe, reply))
            elif verdict is Verdict.UNTRIED:
                trial.untried = reply.refusal
            elif probe.required and reply.refusal is not None and not self.barred(probe, reply.refusal):
                trial.masked.setdefault(probe.aspect, reply.refusal)
        return failures[0] if failures else None

    def _setup(self, trial: Trial, scenario: Scenario, refusal: Refusal) -> Failure | None:
        """Rows that keep all declared rules were refused.

        If it was by another declared rule, the check of that one will say so. What is no rule at all (a missing
        privilege, a full disk) shows nothing of this one.
        """
        declared = any(rule.matches(refusal) for rule in self.others(refusal))
        if (declared or refusal.sqlstate[:2] in NO_RULE) and not any(rule.matches(refusal) for rule in self.own):
            trial.refused = trial.refused or refusal
            return None
        inserts = [statement for statement in scenario.setup if isinstance(statement, Insert)]
        statement = next((insert for insert in inserts if insert.table == refusal.table_name), scenario.setup[-1])
        probe = Probe(statement, Accepted(), "setup", "a row that keeps every declared rule")
        before = scenario.setup[: scenario.setup.index(statement)]
        return Failure(before, probe, Reply(refusal))


def drawn(strategy: st.SearchStrategy[T], count: int, seeded: int) -> list[T]:
    """What one pass draws."""
    found: list[T] = []
    _run(strategy, count, seeded, [Phase.generate], found.append)
    return found


def _batches(strategy: st.SearchStrategy[Scenario], count: int, seeded: int) -> Iterator[list[Scenario]]:
    batch: list[Scenario] = []
    size = 0
    for scenario in drawn(strategy, count, seeded):
        batch.append(scenario)
        size += len(scenario.probes)
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _smallest(
    examine: _Examiner, strategy: st.SearchStrategy[Scenario], count: int, seeded: int, first: Failure
) -> Failure:
    """The smallest case in which the same aspect fails; the first one found if it does not fail again."""
    aspect = first.probe.aspect

    def failing(scenario: Scenario) -> Failure | None:
        tried = Scenario(scenario.setup, tuple(probe for probe in scenario.probes if probe.aspect == aspect))
        return examine.scenario(Trial(), tried, examine.session.run([tried])[0])

    return smallest(strategy, count, seeded, failing, first, REPLAYS)


def smallest(
    strategy: st.SearchStrategy[T], count: int, seeded: int, failing: Callable[[T], F | None], best: F, most: int
) -> F:
    """What the smallest example fails with, after so many replays at ``most``; ``best`` if none fails again."""
    ends = time.monotonic() + SHRINKING
    replays = 0

    def replay(example: T) -> None:
        nonlocal best, replays
        replays += 1
        if replays > most or time.monotonic() > ends:
            raise _Enough
        found = failing(example)
        if found is not None:
            best = found
            raise _Wrong

    with suppress(_Wrong, _Enough, Flaky):
        _run(strategy, count, seeded, [Phase.generate, Phase.shrink], replay)
    return best


def _run(
    strategy: st.SearchStrategy[T],
    count: int,
    seeded: int,
    phases: list[Phase],
    body: Callable[[T], None],
) -> None:
    """One pass of Hypothesis. What it would print and remember is not wanted: reports and seeds say it better."""

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

    try:
        passed()
    except Unsatisfiable:
        return
