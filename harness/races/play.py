"""One race in one order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from harness.probes import ServerError, SqlStatement
from harness.probes.statement import assume
from harness.races.database import RaceDatabase
from harness.races.race import UNSEEN, Race
from harness.races.schedules import Turn
from harness.races.sessions import LONGEST_PAUSE, CommandResult, RaceSession

READ_COMMITTED = "read committed"
SNAPSHOT = "select 1"
COMMIT, ROLLBACK = "commit", "rollback"


@dataclass(frozen=True)
class Command:
    """What is sent in one go; one that is ``quiet`` does nothing of what the race is about."""

    sql: str
    quiet: bool = False


@dataclass(frozen=True)
class IsolationLevel:
    """An isolation level: ``read committed``, ``repeatable read`` or ``serializable``."""

    name: str

    @property
    def words(self) -> str:
        """For a report; empty for what is usual."""
        return "" if self.name == READ_COMMITTED else f" in {self.name.upper()}"

    def turns(self, race: Race, statements: Sequence[SqlStatement]) -> list[tuple[Command, ...]]:
        """The commands of a transaction, those together that no other session can come between to any effect.

        In READ COMMITTED nothing depends on when a transaction began. In the others its first query takes the picture
        that all of it sees: that is a turn of its own.
        """
        begin = [Command(f"begin isolation level {self.name}", quiet=True)]
        begin += (Command(each, quiet=True) for each in assume(race.settings))
        turns = [(Command(each.sql),) for each in statements]
        if self.name == READ_COMMITTED:
            first, *turns = turns
        else:
            first = (Command(SNAPSHOT, quiet=True),)
        return [(*begin, *first), *turns, (Command(COMMIT, quiet=True),)]


@dataclass(frozen=True)
class RaceStep:
    """A command of a session and what came of it; the ``number`` of one that had to wait comes twice."""

    number: int
    session: str
    command: Command
    came: str
    goes_on: bool = False

    def __str__(self) -> str:
        command = "goes on" if self.goes_on else self.command.sql
        return f"{self.number} {self.session}: {command}{' → ' if self.came else ''}{self.came}"


@dataclass
class RaceRun:
    """What came of a race in one order.

    ``pictures`` are what the third session saw: at first, and after each commit. ``refusals`` has the step's number
    and session. ``results`` is what came of each session's last statement. ``alone`` is the session that had ended
    before the other began, ``effective`` those that changed a row.
    """

    pictures: list[str]
    turns: list[Turn] = field(default_factory=list)
    steps: list[RaceStep] = field(default_factory=list)
    refusals: list[tuple[RaceStep, ServerError]] = field(default_factory=list)
    alone: str | None = None
    effective: set[str] = field(default_factory=set)
    commands: int = 0
    results: dict[str, CommandResult] = field(default_factory=dict)


def play(
    stage: RaceDatabase, setup: Sequence[SqlStatement], race: Race, level: IsolationLevel, beginning: Sequence[str]
) -> RaceRun:
    """Plays a race in the order that begins so, and goes on with whoever comes first each time.

    Raises :class:`~harness.races.database.Unplayable` and :class:`~harness.races.sessions.Stuck`.
    """
    played = RaceRun([stage.put_up(setup, race.watch)])
    stage.wrote(race)
    sides = [
        _Side(contender, level.turns(race, statements))
        for contender, statements in ((stage.a, race.a), (stage.b, race.b))
    ]
    _Schedule(stage, race, played, sides).run(beginning)
    return played


@dataclass
class _Side:
    """A session in the middle of its transaction."""

    contender: RaceSession
    turns: list[tuple[Command, ...]]
    waits: RaceStep | None = None
    begun: bool = False

    @property
    def name(self) -> str:
        return self.contender.name

    @property
    def able(self) -> bool:
        return bool(self.turns) and self.waits is None

    @property
    def over(self) -> bool:
        return not self.turns and self.waits is None


class _Schedule:
    """Lets the sides take their turns and writes down what comes of them."""

    def __init__(self, stage: RaceDatabase, race: Race, played: RaceRun, sides: Sequence[_Side]) -> None:
        self._stage = stage
        self._watch = race.watch
        self._played = played
        self._sides = sides

    def run(self, beginning: Sequence[str]) -> None:
        """To the end of both transactions."""
        wishes = iter(beginning)
        while not all(side.over for side in self._sides):
            self._settle()
            able = [side for side in self._sides if side.able]
            if able:
                self._take(self._chosen(able, wishes), able)

    def _chosen(self, able: Sequence[_Side], wishes: Iterator[str]) -> _Side:
        wish = next(wishes, None)
        return next((side for side in able if side.name == wish), able[0])

    def _take(self, side: _Side, able: Sequence[_Side]) -> None:
        self._played.turns.append(Turn(side.name, tuple(each.name for each in able)))
        side.begun = True
        for command in side.turns.pop(0):
            side.contender.send(command.sql)
            answer = self._stage.watcher.wait(side.contender, self._other(side).contender)
            step = RaceStep(self._next, side.name, command, f"waits for {self._other(side).name}")
            if answer is None:
                self._played.steps.append(step)
                side.waits = step
            elif not self._came(side, step, answer):
                return

    def _settle(self) -> None:
        """Those who waited go on as soon as they can; of two who wait for each other the server ends one."""
        waiting = [side for side in self._sides if side.waits is not None]
        if len(waiting) == len(self._sides):
            self._stage.watcher.first((self._sides[0].contender, self._sides[1].contender))
        for side in waiting:
            answer = self._stage.watcher.wait(side.contender, self._other(side).contender)
            if answer is not None and side.waits is not None:
                step, side.waits = side.waits, None
                self._came(side, replace(step, goes_on=True), answer)

    def _came(self, side: _Side, step: RaceStep, answer: CommandResult) -> bool:
        """Books an answer; whether the transaction goes on."""
        played = self._played
        played.commands += 1
        went_on = answer.refusal is None
        if answer.refusal is not None:
            played.steps.append(replace(step, came=str(answer.refusal)))
            played.refusals.append((step, answer.refusal))
            played.effective.discard(side.name)
            self._roll_back(side)
        elif step.command.quiet:
            played.steps.append(replace(step, came=""))
            if step.command.sql == COMMIT:
                played.pictures.append(self._look())
        else:
            played.results[side.name] = answer
            played.steps.append(replace(step, came=answer.words if self._watch.results else answer.tag))
            if answer.rows != 0:
                played.effective.add(side.name)
        if side.over and not self._other(side).begun:
            played.alone = side.name
        return went_on

    def _look(self) -> str:
        if self._watch.only_at_end and not all(side.over for side in self._sides):
            return UNSEEN
        if self._watch.results:
            self._stage.tell(self._played.results)
        return self._stage.look(self._watch.sql)

    @property
    def _next(self) -> int:
        return 1 + max((step.number for step in self._played.steps), default=0)

    def _roll_back(self, side: _Side) -> None:
        side.turns.clear()
        self._played.steps.append(RaceStep(self._next, side.name, Command(ROLLBACK), ""))
        side.contender.send(ROLLBACK)
        while side.contender.answer(LONGEST_PAUSE) is None:
            continue

    def _other(self, side: _Side) -> _Side:
        return next(other for other in self._sides if other is not side)
