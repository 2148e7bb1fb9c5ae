"""Uses the doors that a role has besides the table of a check, and keeps one counterexample for each that is open.

A door is open where a probe comes out wrong; what a key alone tells is a hint. Decides what is said of doors that never
got through, did not end in time, or are declared and shut.
Not here: which doors there are, and what opens one (``kinds/row_access``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from harness.catalog import Catalog, grouped, pieces
from harness.declarations import DeclaredCheck
from harness.kinds.base import DoorProbes, Subject
from harness.kinds.row_access.door_functions import TOLD_BY_KEY
from harness.outcome import Counterexample
from harness.probes import (
    INSUFFICIENT_PRIVILEGE,
    UNTRIED,
    Interference,
    Probe,
    Reply,
    Scenario,
    ServerError,
    Session,
    TimedOut,
)
from harness.proving.attribution import Verdict, judge
from harness.proving.door_messages import DoorMessages
from harness.proving.effort import Effort
from harness.proving.examiner import Failure
from harness.proving.fewer_rows import FewerRows
from harness.proving.prover_database import ProverDatabase
from harness.proving.reproduction import counterexample
from harness.solver import Unfillable
from harness.values.examples import examples
from harness.values.types import Unsupported

CALLED = ("function ", "procedure ")
"""Beginnings of the words for doors that are called, and not written to."""

TOGETHER = 24
"""Probes that are tried together, on the same rows."""

REDUCED = 5
"""Open doors that are shown with as few rows as can be."""

DOOR_MILLISECONDS = 1000
"""The time limit for one use of a door."""


NOT_TRIED = "not tried: what else the role can use"
NOT_COMPARED = "not compared with what comes back without rows of others"


@dataclass
class DoorFindings:
    """Counterexamples and notes of the uses of doors; ``views`` are the words for those that are open."""

    probes: int = 0
    broken: list[Counterexample] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    views: tuple[str, ...] = ()


@dataclass
class DoorTrial:
    """The doors as they were found: open, passed without a fault, or refused each time and how.

    ``endless`` are those that did not end, now or before, ``left_out`` those of them that are asked for. ``hints`` are
    the keys that tell that a row is there.
    """

    session: Session
    messages: DoorMessages
    endless: set[str]
    probes: int = 0
    opened: dict[str, Failure] = field(default_factory=dict)
    passed: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    hints: dict[str, None] = field(default_factory=dict)
    left_out: dict[str, None] = field(default_factory=dict)

    def use(self, scenario: Scenario) -> ServerError | None:
        """Uses each door that is not open yet; returns the error that refused the rows."""
        probes = [each for each in scenario.probes if isinstance(each, Probe)]
        self.left_out |= dict.fromkeys(each.aspect for each in probes if each.aspect in self.endless)
        doors = grouped((each.aspect, each) for each in probes if each.aspect not in {*self.opened, *self.endless})
        for some in pieces([*doors.values()], len, TOGETHER):
            together = [probe for own in some for probe in own]
            try:
                refused = self._use(scenario, together)
            except TimedOut:
                refused = next(filter(None, (self._use_alone(scenario, own) for own in some)), None)
            if refused is not None:
                return refused
        return None

    def _use_alone(self, scenario: Scenario, probes: Sequence[Probe]) -> ServerError | None:
        try:
            return self._use(scenario, probes)
        except TimedOut:
            self.endless.add(probes[0].aspect)
            self.left_out.setdefault(probes[0].aspect)
            return None

    def _use(self, scenario: Scenario, probes: Sequence[Probe]) -> ServerError | None:
        answer = self.session.replies(replace(scenario, probes=tuple(probes)))
        if isinstance(answer, ServerError):
            return answer
        self.probes += len(probes)
        for probe, reply in zip(probes, answer, strict=True):
            seen = self.messages.seen(probe, reply)
            tried = Failure(scenario.setup, probe, seen, scenario.waits, in_message=seen is not reply)
            self._book(probe.aspect, tried)
        self.messages.shown.clear()
        return None

    def _book(self, door: str, tried: Failure) -> None:
        refusal = tried.reply.refusal
        if is_open(tried.probe, tried.reply):
            self.opened.setdefault(door, tried)
        elif refusal is None or (refusal.sqlstate == INSUFFICIENT_PRIVILEGE and not door.startswith(CALLED)):
            # A write that policies or privileges refuse leads nowhere.
            self.passed.add(door)
        elif refusal.sqlstate == TOLD_BY_KEY:
            self.passed.add(door)
            self.hints.setdefault(refusal.constraint)
        elif refusal.sqlstate != UNTRIED:
            self.refused[door] = refusal.sqlstate

    def again(self, failure: Failure) -> Failure | None:
        """Uses an open door once more with other rows; None if it is not open then."""
        with suppress(TimedOut, Interference):
            self.messages.shown.clear()
            answer = self.session.replies(Scenario(failure.setup, (failure.probe,), waits=failure.waits))
            if not isinstance(answer, ServerError):
                reply = self.messages.seen(failure.probe, answer[0])
                if is_open(failure.probe, reply):
                    return replace(failure, reply=reply, in_message=reply is not answer[0])
        return None


def is_open(probe: Probe, reply: Reply) -> bool:
    return judge(probe, reply, ()) is Verdict.WRONG


def try_doors(check: DeclaredCheck, subject: Subject, database: ProverDatabase, effort: Effort) -> DoorFindings:
    """Uses all doors of a check in a few scenarios, but for those that had no end before."""
    doors = check.rule.doors(subject)
    if doors is None:
        return DoorFindings()
    messages = DoorMessages()
    with database.quick_session(min(effort.timeout, DOOR_MILLISECONDS), messages.hear) as session:
        try:
            return _tried(check, doors, DoorTrial(session, messages, database.endless), database.catalog, effort)
        except (Unfillable, Unsupported) as reason:
            return DoorFindings(notes=[f"{NOT_TRIED}: {reason}"])


def _tried(check: DeclaredCheck, doors: DoorProbes, trial: DoorTrial, catalog: Catalog, effort: Effort) -> DoorFindings:
    why = None
    for scenario in examples(doors.scenarios, effort.doors, effort.seed):
        why = trial.use(scenario) or why
    meant = [name for name, fits in doors.through.items() if any(map(fits, trial.opened))]
    fewer = FewerRows(check, catalog, trial.again)
    unmeant = [each for door, each in trial.opened.items() if not any(fits(door) for fits in doors.through.values())]
    broken = [
        counterexample(check, fewer.of(failure) if number < REDUCED else failure, catalog)
        for number, failure in enumerate(unmeant)
    ]
    views = tuple(f"{door} " for door in trial.opened if "view " in door)
    notes = [*doors.notes, *_notes(trial, why, doors.keys), *_shut(doors.through, meant)]
    return DoorFindings(trial.probes, broken, notes, views)


def _notes(trial: DoorTrial, why: ServerError | None, keys: Collection[str]) -> Iterator[str]:
    if not trial.probes and why is not None:
        yield f"{NOT_TRIED}: the rows were {why}"
    if trial.left_out:
        yield f"not tried to the end, which takes more than {DOOR_MILLISECONDS / 1000:g} s: {', '.join(trial.left_out)}"
    errors = {door: error for door, error in trial.refused.items() if door not in {*trial.passed, *trial.opened}}
    if errors:
        yield f"never got through: {', '.join(f'{door} ({error})' for door, error in sorted(errors.items()))}"
    for why_kept, doors in grouped((each, door) for door, each in trial.messages.kept.items()).items():
        yield f"{NOT_COMPARED}, which cannot be deleted ({why_kept}): {', '.join(doors)}"
    if hints := [key for key in trial.hints if key in keys]:
        yield f"hint: a key that is taken tells that another owner has a row with it: {', '.join(hints)}"


def _shut(through: Iterable[str], meant: Iterable[str]) -> Iterator[str]:
    for name in through:
        if name not in meant:
            yield f"`through` names no door: {name}: leave it out"
