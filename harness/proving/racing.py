"""Runs the races of one check: draws rows, and runs the races that are worth it, each in every order.

Decides whether a race speaks against the check: a broken invariant, or a refusal by no declared rule. Tries again where
a third session interfered.
Not here: which races are worth it (``race_choice.py``), one order of steps (``races/play.py``), and inserting and
deleting rows around it (``races/database.py``).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from hypothesis import strategies as st

from harness.probes import (
    DEADLOCK,
    NOT_AVAILABLE,
    PAUSES,
    SERIALIZATION,
    Interference,
    Refused,
    ServerError,
    Session,
    SqlStatement,
    deadlocked,
    is_raised,
)
from harness.proving.draws import smallest
from harness.proving.fewer_steps import with_plain_rows
from harness.proving.race_choice import worth_running
from harness.races import IsolationLevel, Race, RaceDatabase, RaceRun, Races, Unplayable, following, play
from harness.races.sessions import Stuck
from harness.values.examples import examples

DRAWS = 4
"""The factor for the number of sets of rows where the first sets have shown nothing."""

RACE_REPLAYS, SIMILAR = 60, 3
"""Sets of rows, and races of each set, that are tried to make a violation smaller."""

CONFLICTS = (SERIALIZATION, DEADLOCK)
"""Serialization failure and deadlock, by which the server itself keeps two transactions apart."""

ORDERS = 1000
"""Orders of one race; two short transactions have twenty at most."""


@dataclass(frozen=True)
class RaceViolation:
    """A race that broke its invariant or met an unexpected refusal, with the order of its steps."""

    setup: tuple[SqlStatement, ...]
    race: Race
    level: IsolationLevel
    expected: str
    actual: str
    played: RaceRun


@dataclass
class RaceResult:
    """The aspects that the races of a check showed; ``missing`` has the required ones that they did not, and why."""

    commands: int = 0
    shown: set[str] = field(default_factory=set)
    missing: dict[str, str] = field(default_factory=dict)
    violation: RaceViolation | None = None

    @property
    def reason(self) -> str | None:
        """The reason why nothing can be relied on; None if all that is required was shown."""
        hidden = [(aspect, why) for aspect, why in self.missing.items() if aspect not in self.shown]
        if hidden:
            aspect, why = hidden[0]
            return f"'{aspect}' could not be raced: {why}"
        return None if self.shown else "no race could be run: no two transactions were found that meet"


def run_races(
    database: RaceDatabase,
    session: Session,
    strategy: st.SearchStrategy[Races],
    *,
    levels: Sequence[str],
    scenarios: int,
    seeded: int,
    replays: int,
    declared: Iterable[Refused],
) -> RaceResult:
    """Runs the races of ``scenarios`` sets of rows, and of more if those show nothing; stops at the first violation.

    A violation is made smaller by ``replays`` tries at the most. ``declared`` are the refusals of all declared rules.
    """
    result = RaceResult()
    runner = _Runner(database, session, [IsolationLevel(level) for level in levels], tuple(declared), result)
    ran = 0
    for number, group in enumerate(_groups(strategy, scenarios, seeded)):
        if number >= scenarios and ran >= scenarios and result.reason is None:
            break
        races, likely = worth_running(session, group)
        ran += likely
        if number < scenarios or likely or result.reason is not None:
            runner.run(group.setup, races)
        first = result.violation
        if first is not None:
            count = max(scenarios, number + 1)
            if replays:
                found = smallest(strategy, count, seeded, partial(runner.again, first), first, replays)
                result.violation = runner.fewer_ahead(found)
            break
    return result


def _groups(strategy: st.SearchStrategy[Races], scenarios: int, seeded: int) -> Iterator[Races]:
    few = examples(strategy, scenarios, seeded)
    yield from few
    # With the same seed the first are the same again.
    yield from examples(strategy, scenarios * DRAWS, seeded)[len(few) :]


@dataclass(frozen=True)
class _Runner:
    database: RaceDatabase
    session: Session
    levels: Sequence[IsolationLevel]
    declared: tuple[Refused, ...]
    result: RaceResult

    def run(self, setup: tuple[SqlStatement, ...], races: Iterable[Race]) -> None:
        """Runs races of one set of rows."""
        for race in races:
            for level in self.levels:
                try:
                    self._orders((*setup, *race.ahead), race, level)
                except Unplayable as reason:
                    self._missed(race, str(reason))
                except Stuck as reason:
                    self._missed(race, str(reason))
                    self.database.close()
                if self.result.violation is not None:
                    return

    def again(self, first: RaceViolation, group: Races) -> RaceViolation | None:
        """Runs the race of a violation on other rows, in the same order."""
        same = [race for race in group.races if race.what == first.race.what]
        for race in (same or [race for race in group.races if race.aspect == first.race.aspect])[:SIMILAR]:
            if (found := self.in_order(first, group.setup, race)) is not None:
                return found
        return None

    def in_order(self, first: RaceViolation, setup: tuple[SqlStatement, ...], race: Race) -> RaceViolation | None:
        """Runs a race in the order of a violation; returns how it fails, if it does."""
        with suppress(Unplayable, Stuck):
            setup = (*setup, *race.ahead)
            played = self._played(setup, race, first.level, [turn.taken for turn in first.played.turns])
            fault = self._fault(race, played)
            if fault is not None:
                return RaceViolation(setup, race, first.level, *_words(race, first.level, fault), played)
        return None

    def fewer_ahead(self, found: RaceViolation) -> RaceViolation:
        """The violation with the fewest statements ahead of it that were found, none of which is refused."""
        rows = found.setup[: len(found.setup) - len(found.race.ahead)]
        for each in reversed(found.race.ahead):
            ahead = tuple(other for other in found.race.ahead if other is not each)
            found = self.in_order(found, rows, replace(found.race, ahead=ahead)) or found
        shortest = found
        return with_plain_rows(rows, lambda setup: self.in_order(shortest, setup, shortest.race), shortest)

    def _played(
        self, setup: tuple[SqlStatement, ...], race: Race, level: IsolationLevel, prefix: Sequence[str]
    ) -> RaceRun:
        """Runs a race in one order, again where a third session interfered. Raises :class:`Interference`."""
        for pause in (*PAUSES, None):
            played = play(self.database, setup, race, level, prefix)
            met = self._met(race, played)
            if met is None:
                break
            there = self.database.others()
            if pause is not None:
                time.sleep(pause)
            elif there or met.sqlstate == DEADLOCK:
                raise Interference(met, there)
        return played

    def _met(self, race: Race, played: RaceRun) -> ServerError | None:
        """Finds a refusal that a session other than the two may have caused."""
        own = {self.database.a.pid, self.database.b.pid}
        for _, refusal in played.refusals:
            if refusal.sqlstate == DEADLOCK and deadlocked(refusal) & own and not deadlocked(refusal) <= own:
                return refusal
            if refusal.sqlstate == NOT_AVAILABLE and not is_raised(refusal) and not self._known(race, refusal):
                return refusal
        return None

    def _missed(self, race: Race, why: str) -> None:
        if race.required:
            self.result.missing.setdefault(race.aspect, why)

    def _orders(self, setup: tuple[SqlStatement, ...], race: Race, level: IsolationLevel) -> None:
        """Runs one race in every order."""
        alone: dict[str, str | None] = {}
        prefix: tuple[str, ...] | None = ()
        for _ in range(ORDERS):
            if prefix is None:
                break
            played = self._played(setup, race, level, prefix)
            self.result.commands += played.commands
            fault = self._fault(race, played)
            if fault is not None:
                self.result.violation = RaceViolation(setup, race, level, *_words(race, level, fault), played)
                return
            if played.alone is not None:
                alone[played.alone] = self._alone(played, played.alone)
            prefix = following(played.turns)
        failed = [f"{who} alone {why}" for who, why in sorted(alone.items()) if why is not None]
        if failed:
            self._missed(race, failed[0])
        else:
            self.result.shown.add(race.aspect)

    def _alone(self, played: RaceRun, who: str) -> str | None:
        """The reason why a session that came first shows nothing; None if it did what it was to do."""
        refusal = next((refusal for step, refusal in played.refusals if step.session == who), None)
        if refusal is not None:
            return f"was {refusal}"
        return None if who in played.changed_rows else "affected no row"

    def _fault(self, race: Race, played: RaceRun) -> tuple[str, str] | None:
        """The expected and the actual outcome, if the two differ."""
        actual = race.invariant.violation(played.observations)
        if actual is not None:
            return race.invariant.expected, actual
        for step, refusal in played.refusals:
            if not (refusal.sqlstate in CONFLICTS or self._known(race, refusal)):
                rules = race.refusals or ()
                by = "refused by a declared rule" if race.refusals is None else " or ".join(map(str, rules))
                return f"accepted{', or ' if by else ''}{by}", f"{step.number} {step.session}: {refusal}"
        return None

    def _known(self, race: Race, refusal: ServerError) -> bool:
        """Whether a refusal is no fault of the race."""
        rules = self.declared if race.refusals is None else race.refusals
        return race.any_refusal or any(rule.matches(refusal) for rule in rules)


def _words(race: Race, level: IsolationLevel, fault: tuple[str, str]) -> tuple[str, str]:
    return f"{race.what} at once{level.words}: {fault[0]}", fault[1]
