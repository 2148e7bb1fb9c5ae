"""Runs the races of one check: draws rows, picks the races that tell something, and plays each in every order."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from hypothesis import strategies as st

from harness.probes import (
    AcceptedOrRefused,
    Execute,
    Probe,
    Refused,
    Reply,
    Scenario,
    ServerError,
    Session,
    SqlStatement,
)
from harness.probes.interference import DEADLOCK, NOT_AVAILABLE, PAUSES, SERIALIZATION, Interference, parties, raised
from harness.proving.trial import smallest
from harness.races import IsolationLevel, Race, RaceDatabase, RaceRun, Races, Unplayable, play
from harness.races.schedules import following
from harness.races.sessions import Stuck
from harness.values.examples import examples

DRAWS = 4
"""How many times as many rows are drawn where the first have shown nothing."""

OPTIONAL = 6
"""Races run for one set of rows, besides those that have to be."""

REPLAYS, ALIKE = 60, 3
"""Sets of rows, and of each the races, that are tried to make a lost race smaller."""

CONFLICTS = (SERIALIZATION, DEADLOCK)
"""Serialization failure and deadlock: the server's own way to keep two transactions apart."""

ORDERS = 1000
"""Orders of one race; two short transactions have twenty at most."""


@dataclass(frozen=True)
class RaceViolation:
    """A race that ended as it may not: in words, and the schedule."""

    setup: tuple[SqlStatement, ...]
    race: Race
    level: IsolationLevel
    expected: str
    actual: str
    played: RaceRun


@dataclass
class RaceResult:
    """What the races of a check showed. ``missing`` has the aspects that were not shown, and why."""

    commands: int = 0
    shown: set[str] = field(default_factory=set)
    missing: dict[str, str] = field(default_factory=dict)
    lost: RaceViolation | None = None

    @property
    def reason(self) -> str | None:
        """Why nothing can be relied on; None if all that is required was shown."""
        hidden = [(aspect, why) for aspect, why in self.missing.items() if aspect not in self.shown]
        if hidden:
            aspect, why = hidden[0]
            return f"'{aspect}' could not be raced: {why}"
        return None if self.shown else "no race could be run: no two transactions were found that meet"


def run_races(
    stage: RaceDatabase,
    session: Session,
    strategy: st.SearchStrategy[Races],
    *,
    levels: Sequence[str],
    scenarios: int,
    seeded: int,
    shrink: bool,
    declared: Iterable[Refused],
) -> RaceResult:
    """Runs the races of ``scenarios`` sets of rows, and of more if those show nothing. Stops at the first that is lost.

    ``declared`` are the refusals of all declared rules.
    """
    runner = _Runner(stage, session, [IsolationLevel(level) for level in levels], tuple(declared), RaceResult())
    for number, group in enumerate(_groups(strategy, scenarios, seeded)):
        if number >= scenarios and runner.contest.reason is None:
            break
        runner.run(group)
        lost = runner.contest.lost
        if lost is not None:
            count = max(scenarios, number + 1)
            if shrink:
                runner.contest.lost = smallest(strategy, count, seeded, partial(runner.again, lost), lost, REPLAYS)
            break
    return runner.contest


def _groups(strategy: st.SearchStrategy[Races], scenarios: int, seeded: int) -> Iterator[Races]:
    few = examples(strategy, scenarios, seeded)
    yield from few
    # With the same seed the first are the same again.
    yield from examples(strategy, scenarios * DRAWS, seeded)[len(few) :]


@dataclass(frozen=True)
class _Runner:
    stage: RaceDatabase
    session: Session
    levels: Sequence[IsolationLevel]
    declared: tuple[Refused, ...]
    contest: RaceResult

    def run(self, group: Races) -> None:
        """All races of one set of rows."""
        for race in self._telling(group):
            for level in self.levels:
                try:
                    self._orders(group.setup, race, level)
                except Unplayable as reason:
                    self._missed(race, str(reason))
                except Stuck as reason:
                    self._missed(race, str(reason))
                    self.stage.close()
                if self.contest.lost is not None:
                    return

    def again(self, lost: RaceViolation, group: Races) -> RaceViolation | None:
        """The same race on other rows, in the order in which it was lost."""
        same = [race for race in group.races if race.what == lost.race.what]
        alike = same or [race for race in group.races if race.aspect == lost.race.aspect]
        for race in alike[:ALIKE]:
            with suppress(Unplayable, Stuck):
                played = self._played(group.setup, race, lost.level, [turn.taken for turn in lost.played.turns])
                fault = self._fault(race, played)
                if fault is not None:
                    return RaceViolation(group.setup, race, lost.level, *_words(race, lost.level, fault), played)
        return None

    def _played(
        self, setup: tuple[SqlStatement, ...], race: Race, level: IsolationLevel, beginning: Sequence[str]
    ) -> RaceRun:
        """A race in one order, once more where a third session had its say. Raises :class:`Interference`."""
        for pause in (*PAUSES, None):
            played = play(self.stage, setup, race, level, beginning)
            met = self._met(race, played)
            if met is None:
                break
            there = self.stage.others()
            if pause is not None:
                time.sleep(pause)
            elif there or met.sqlstate == DEADLOCK:
                raise Interference(met, there)
        return played

    def _met(self, race: Race, played: RaceRun) -> ServerError | None:
        """A refusal that may be the doing of a session that is neither of the two."""
        own = {self.stage.a.pid, self.stage.b.pid}
        for _, refusal in played.refusals:
            if refusal.sqlstate == DEADLOCK and parties(refusal) & own and not parties(refusal) <= own:
                return refusal
            if refusal.sqlstate == NOT_AVAILABLE and not raised(refusal) and not self._known(race, refusal):
                return refusal
        return None

    def _missed(self, race: Race, why: str) -> None:
        if race.required:
            self.contest.missing.setdefault(race.aspect, why)

    def _orders(self, setup: tuple[SqlStatement, ...], race: Race, level: IsolationLevel) -> None:
        """One race in every order."""
        alone: dict[str, str | None] = {}
        beginning: tuple[str, ...] | None = ()
        for _ in range(ORDERS):
            if beginning is None:
                break
            played = self._played(setup, race, level, beginning)
            self.contest.commands += played.commands
            fault = self._fault(race, played)
            if fault is not None:
                self.contest.lost = RaceViolation(setup, race, level, *_words(race, level, fault), played)
                return
            if played.alone is not None:
                alone[played.alone] = self._alone(played, played.alone)
            beginning = following(played.turns)
        failed = [f"{who} alone {why}" for who, why in sorted(alone.items()) if why is not None]
        if failed:
            self._missed(race, failed[0])
        else:
            self.contest.shown.add(race.aspect)

    def _alone(self, played: RaceRun, who: str) -> str | None:
        """Why a session that came first shows nothing; None if it did what it was to do."""
        refusal = next((refusal for step, refusal in played.refusals if step.session == who), None)
        if refusal is not None:
            return f"was {refusal}"
        return None if who in played.effective else "affected no row"

    def _fault(self, race: Race, played: RaceRun) -> tuple[str, str] | None:
        """What was expected and what was actual."""
        actual = race.watch.fault(played.pictures)
        if actual is not None:
            return race.watch.expected, actual
        for step, refusal in played.refusals:
            if not (refusal.sqlstate in CONFLICTS or self._known(race, refusal)):
                rules = race.refusals or ()
                by = "refused by a declared rule" if race.refusals is None else " or ".join(map(str, rules))
                return f"accepted{', or ' if by else ''}{by}", f"{step.number} {step.session}: {refusal}"
        return None

    def _known(self, race: Race, refusal: ServerError) -> bool:
        """Whether it is one of the refusals that are none of a race's faults."""
        rules = self.declared if race.refusals is None else race.refusals
        return race.any_refusal or any(rule.matches(refusal) for rule in rules)

    def _telling(self, group: Races) -> list[Race]:
        """The races that have to be run, and of the others those that tell most: one gets in the other's way."""
        required = [race for race in group.races if race.required]
        optional = [race for race in group.races if not race.required]
        if len(optional) <= OPTIONAL:
            return [*required, *optional]
        answer = self.session.run([Scenario(group.setup, tuple(_serial(optional)))])[0]
        if isinstance(answer, ServerError):
            return required
        found: list[tuple[int, Race]] = []
        for place, race in enumerate(optional):
            worth = _worth([each for each in answer[4 * place : 4 * place + 4] if isinstance(each, Reply)])
            if worth is not None:
                found.append((worth, race))
        return [*required, *_varied(found)]


def _serial(races: Iterable[Race]) -> Iterator[Probe]:
    """Each side alone, and after the other."""
    for race in races:
        for before, statement in (((), race.a), ((), race.b), (race.a, race.b), (race.b, race.a)):
            *ahead, last = [*before, *statement]
            text = "; ".join(each.sql for each in ahead) or None
            yield Probe(last if text is None else Execute(last.sql), AcceptedOrRefused(), "serial", before=text)


def _worth(replies: Sequence[Reply]) -> int | None:
    """0 if the second is refused where each alone is accepted, 1 if nothing is; None if one alone is refused."""
    alone, after = replies[:2], replies[2:]
    if any(reply.refusal is not None or reply.rows == 0 for reply in alone):
        return None
    return 0 if any(reply.refusal is not None for reply in after) else 1


def _varied(found: Sequence[tuple[int, Race]]) -> list[Race]:
    """The best, of every aspect in turn."""
    turns: dict[tuple[int, str], int] = {}
    places: list[tuple[int, int, int, Race]] = []
    for number, (worth, race) in enumerate(found):
        turn = turns[worth, race.aspect] = turns.get((worth, race.aspect), -1) + 1
        places.append((worth, turn, number, race))
    best = sorted(places, key=lambda place: place[:3])
    # Where nothing is refused two writes may still undo one another: some of those as well.
    harmless = sum(worth for worth, *_ in best)
    refused = len(best) - harmless
    kept = min(refused, max(OPTIONAL - math.ceil(OPTIONAL / 3), OPTIONAL - harmless))
    return [race for *_, race in [*best[:kept], *best[refused:][: OPTIONAL - kept]]]


def _words(race: Race, level: IsolationLevel, fault: tuple[str, str]) -> tuple[str, str]:
    return f"{race.what} at once{level.words}: {fault[0]}", fault[1]
