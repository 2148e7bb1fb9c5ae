"""Tries the scenarios of one check: draws many, sends them in batches, and shrinks what failed.

Two passes of Hypothesis with the same seed draw the same scenarios up to the first failure. The first pass only
draws, and batches of thousands of probes are tried meanwhile, each in one round trip; the second, which most checks
never need, tries each scenario as it is drawn, and lets Hypothesis shrink.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TypeVar

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky, Unsatisfiable

from harness.kinds.base import Begun, RowPair
from harness.probes import (
    Accepted,
    Answer,
    Endless,
    Execute,
    Family,
    Insert,
    Probe,
    Refused,
    Reply,
    Scenario,
    ServerError,
    Statement,
    Tally,
    Tries,
    Verdict,
    judge,
)
from harness.probes.disturbance import Disturbed
from harness.probes.reply import LOST
from harness.probes.settling import IMMEDIATE
from harness.probes.shapes import UNTRIED
from harness.proving.conveyor import Conveyor
from harness.proving.draws import watched
from harness.proving.opaque import Blame, Opaque
from harness.values.examples import examples

T = TypeVar("T")
F = TypeVar("F")

SHRINKING = 10.0
"""Seconds after which the smallest case found so far is good enough."""

REPLAYS = 400
"""Scenarios after which it is, however quick they are."""


MORE = 8
"""How many times as many scenarios are drawn where the rows of all were refused."""

SETUP = "setup"
"""The aspect of rows that stand before any probe."""

NO_RULE = (LOST[:2], "0A", "42", "53", "54", "55", "57", "58", "XX")
"""Classes of SQLSTATE that are not about what the data are."""


@dataclass(frozen=True)
class Failure:
    """A probe that went wrong, with what stood before it."""

    setup: tuple[Statement, ...]
    probe: Probe
    reply: Reply
    waits: bool = False
    """Whether what stands waits for the probe's row."""


@dataclass
class Trial:
    """What was tried and what it showed. ``refused`` is how the setup failed by a rule that is declared elsewhere.

    ``opaque`` are the aspects that came out wrong by triggers or rewrite rules of which nothing is said, with those;
    ``idle`` are those that had no occasion, and ``unreached`` those that a role did not get to a row for, and why.
    """

    probes: int = 0
    scenarios: int = 0
    shown: set[str] = field(default_factory=set)
    masked: dict[str, ServerError] = field(default_factory=dict)
    opaque: dict[str, Blame] = field(default_factory=dict)
    idle: dict[str, str] = field(default_factory=dict)
    untried: ServerError | None = None
    unreached: dict[str, str] = field(default_factory=dict)
    refused: ServerError | None = None
    failure: Failure | None = None


class _Wrong(Exception):
    """Tells Hypothesis that a scenario failed."""


class _Enough(BaseException):
    """Ends the shrinking; as no Exception, it passes Hypothesis by."""


def attempt(
    session: Tries,
    stated: st.SearchStrategy[Scenario] | Begun,
    *,
    scenarios: int,
    seeded: int,
    shrink: bool,
    own: Iterable[Refused],
    others: Callable[[ServerError], Iterable[Refused]],
    barred: Callable[[Probe, ServerError], bool] = lambda probe, refusal: False,
    ready: Iterable[RowPair] | None = None,
    opaque: Opaque = Opaque(),  # noqa: B008 - frozen
    replays: int | None = None,
) -> Trial:
    """Tries up to ``scenarios`` scenarios. ``own`` are the refusals of the check's rule, ``others`` those
    of all others that may be behind what was refused.

    A probe that is ``barred`` by another rule need not be seen. ``ready`` are the pairs that would be drawn, where they
    have been drawn before. A failure is shrunk by so many ``replays`` at most.
    """
    examine = _Examiner(session, tuple(own), others, barred, opaque)
    trial = Trial()

    def hand_on(scenario: Scenario, answer: Answer) -> bool:
        trial.scenarios += 1
        trial.failure = trial.failure or examine.scenario(trial, scenario, answer)
        return trial.failure is not None

    def run(count: int, pairs: Iterable[RowPair] | None) -> None:
        with Conveyor(session, hand_on) as conveyor:
            if isinstance(stated, Begun):
                pairs = examples(stated.pairs, count, seeded) if pairs is None else pairs
                fed = any(conveyor.put(stated.build(pair)) for pair in pairs)
            else:
                fed = _feed(stated, count, seeded, conveyor.put)
            if not fed:
                conveyor.end()

    run(scenarios, ready)
    if trial.refused is not None and trial.failure is None and not trial.shown:
        # Triggers let few rows pass: there may be some among more of them.
        scenarios *= MORE
        run(scenarios, None)
    if trial.failure is not None and shrink:
        trial.failure = _smallest(examine, stated, scenarios, seeded, trial.failure, replays or REPLAYS)
    if trial.failure is not None:
        trial.failure = examine.fewest_settings(trial.failure)
    return trial


@dataclass(frozen=True)
class _Examiner:
    session: Tries
    own: tuple[Refused, ...]
    others: Callable[[ServerError], Iterable[Refused]]
    barred: Callable[[Probe, ServerError], bool]
    opaque: Opaque

    def scenario(self, trial: Trial, scenario: Scenario, answer: Answer) -> Failure | None:
        """Books what a scenario showed; returns its first failure."""
        if isinstance(answer, ServerError):
            failure = self._setup(trial, scenario, answer)
            doubtful = failure is not None or answer.sqlstate == LOST
            excused = self.opaque.excuses(self.session, scenario, (), self.others) if doubtful else {}
            if excused:
                trial.refused = trial.refused or answer
                trial.opaque[SETUP] = excused[0]
            return None if excused else failure
        failures: list[Failure] = []
        for probe, found in zip(scenario.probes, answer, strict=True):
            for each, reply in _told(trial, probe, found):
                if self._books(trial, each, reply):
                    failures.append(Failure(scenario.setup, each, reply, scenario.waits))
        return self._unexcused(trial, scenario, failures)

    def _by_opaque(self, aspect: str, refusal: ServerError) -> dict[str, Blame]:
        """The aspect and the trigger of which nothing is said, if it was one that refused."""
        stated = (rule for rule in self.others(refusal) if rule.triggers and not rule.sqlstates)
        found = next((rule for rule in stated if rule.matches(refusal)), None)
        return {aspect: Blame(found.triggers)} if found else {}

    def _unexcused(self, trial: Trial, scenario: Scenario, failures: list[Failure]) -> Failure | None:
        """The first failure that no opaque trigger is to blame for; the others are booked."""
        if not failures:
            return None
        probes = [failure.probe for failure in failures]
        excused = self.opaque.excuses(self.session, scenario, probes, self.others)
        for place, blame in excused.items():
            if failures[place].probe.required:
                trial.opaque.setdefault(failures[place].probe.aspect, blame)
        found = next((failure for place, failure in enumerate(failures) if place not in excused), None)
        return found and _in_states(found, probes)

    def fewest_settings(self, failure: Failure) -> Failure:
        """The same with the one setting that is to blame, where several were left empty."""
        names = failure.probe.left_empty
        for name in names if len(names) > 1 else ():
            others = tuple(each for each in names if each != name)
            probe = replace(failure.probe, left_empty=(name,), never_set=others)
            one = Scenario(failure.setup, (probe,), waits=failure.waits)
            with suppress(Endless, Disturbed):
                found = self.scenario(Trial(), one, self.session.run([one])[0])
                if found is not None and found.probe.aspect == failure.probe.aspect:
                    return replace(found, probe=replace(found.probe, never_set=()))
        return failure

    def _books(self, trial: Trial, probe: Probe, reply: Reply) -> bool:
        """Books what one probe showed; whether it went wrong."""
        verdict = judge(probe, reply, self.others(reply.refusal) if reply.refusal else ())
        if verdict is Verdict.AS_EXPECTED:
            trial.shown.add(probe.aspect)
        elif verdict is Verdict.UNTRIED and probe.reaches:
            if probe.required:
                self._unreached(trial, probe.aspect, probe.reaches, reply)
        elif verdict is Verdict.UNTRIED:
            trial.untried = reply.refusal
        elif verdict is Verdict.IDLE and probe.required:
            trial.idle.setdefault(probe.aspect, reply.then or "it left no row")
        elif verdict is Verdict.MASKED and reply.refusal is not None and self._hides(probe, reply.refusal):
            trial.masked.setdefault(probe.aspect, reply.refusal)
            trial.opaque |= self._by_opaque(probe.aspect, reply.refusal)
        return verdict is Verdict.WRONG

    def _unreached(self, trial: Trial, aspect: str, reaches: str, reply: Reply) -> None:
        """Books why a role got to no row; of several reasons that of the statement which got furthest."""
        if reply.refusal is None:
            trial.unreached[aspect] = reaches
        elif reply.refusal.sqlstate == UNTRIED:
            trial.unreached.setdefault(aspect, reply.refusal.message)
        else:
            trial.unreached[aspect] = f"{reply.refusal.message} ({reply.refusal.sqlstate}): {reaches}"

    def _hides(self, probe: Probe, refusal: ServerError) -> bool:
        """Whether something that has to be seen was not."""
        return probe.required and not self.barred(probe, refusal)

    def _setup(self, trial: Trial, scenario: Scenario, refusal: ServerError) -> Failure | None:
        """Rows that keep all declared rules were refused.

        If it was by another declared rule, the check of that one will say so. What is no rule at all (a missing
        privilege, a full disk) shows nothing of this one.
        """
        declared = any(rule.matches(refusal) for rule in self.others(refusal))
        if (declared or refusal.sqlstate[:2] in NO_RULE) and not any(rule.matches(refusal) for rule in self.own):
            trial.refused = trial.refused or refusal
            trial.opaque |= self._by_opaque(SETUP, refusal)
            return None
        if not scenario.setup:
            raise AssertionError(f"no record could be made of what the probes say: {refusal}")
        if refusal.at_commit:
            probe = Probe(Execute(IMMEDIATE), Accepted(), SETUP, "what stands before:")
            return Failure(scenario.setup, probe, Reply(refusal))
        tables = ((each.instead_of if isinstance(each, Execute) else each, each) for each in scenario.setup)
        inserts = (each for one, each in tables if isinstance(one, Insert) and one.table == refusal.table_name)
        statement = next(inserts, scenario.setup[-1])
        probe = Probe(statement, Accepted(), SETUP, "a row that keeps every declared rule")
        before = scenario.setup[: scenario.setup.index(statement)]
        return Failure(before, probe, Reply(refusal))


def _in_states(failure: Failure, failed: Iterable[Probe]) -> Failure:
    """A failure that says of settings that nobody set only what matters: nothing, if it fails in either state."""
    probe = failure.probe
    alike = (each for each in failed if not each.never_set and each.statement == probe.statement)
    if probe.never_set and any(each.left_empty and each.value == probe.value for each in alike):
        return replace(failure, probe=replace(probe, never_set=()))
    return failure


def _told(trial: Trial, probe: Probe | Family, found: Reply | Tally) -> Iterator[tuple[Probe, Reply]]:
    """The probes that are still to be judged, with their replies; what the server has judged is booked."""
    if isinstance(probe, Family) and isinstance(found, Tally):
        trial.probes += len(probe)
        if found.as_wanted:
            trial.shown.add(probe.aspect)
        yield from ((probe.probe(member), reply) for member, reply in found.others)
    elif isinstance(probe, Probe) and isinstance(found, Reply):
        trial.probes += 1
        yield probe, found


def _feed(strategy: st.SearchStrategy[T], count: int, seeded: int, put: Callable[[T], bool]) -> bool:
    """Draws until it is enough; whether it was. Nothing that is drawn is kept."""
    errors: list[Exception] = []

    def body(example: T) -> None:
        try:
            enough = put(example)
        except Exception as error:
            # Hypothesis would take it for a failing example, and draw that again.
            errors.append(error)
            enough = True
        if enough:
            raise _Enough

    try:
        _run(strategy, count, seeded, [Phase.generate], body)
    except _Enough:
        if errors:
            raise errors[0] from None
        return True
    return False


def _smallest(
    examine: _Examiner,
    stated: st.SearchStrategy[Scenario] | Begun,
    count: int,
    seeded: int,
    first: Failure,
    most: int,
) -> Failure:
    """The smallest case in which the same aspect fails; the first one found if it does not fail again."""
    aspect = first.probe.aspect

    def failing(scenario: Scenario) -> Failure | None:
        tried = replace(scenario, probes=tuple(probe for probe in scenario.probes if probe.aspect == aspect))
        with suppress(Endless):  # that is another fault
            return examine.scenario(Trial(), tried, examine.session.run([tried])[0])
        return None

    def told(found: Failure) -> Failure:
        # One state alone was tried: whether it matters is known from the first.
        return found if first.probe.never_set else replace(found, probe=replace(found.probe, never_set=()))

    if isinstance(stated, Begun):
        # Not the strategy of what is built from pairs: Hypothesis would draw others.
        build = stated.build
        return told(smallest(stated.pairs, count, seeded, lambda pair: failing(build(pair)), first, most))
    return told(smallest(stated, count, seeded, failing, first, most))


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
        try:
            found = failing(example)
        except Disturbed:
            raise _Enough from None  # what was found so far was found undisturbed
        if found is not None:
            best = found
            raise _Wrong

    def on_time() -> None:
        if time.monotonic() > ends:
            raise _Enough

    with suppress(_Wrong, _Enough, Flaky), watched(on_time):
        _run(strategy, count, seeded, [Phase.generate, Phase.shrink], replay)
    return best


def _run(
    strategy: st.SearchStrategy[T],
    count: int,
    seeded: int,
    phases: list[Phase],
    body: Callable[[T], None],
) -> None:
    """One pass of Hypothesis. What it would print and remember is not expected: reports and seeds say it better."""

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
