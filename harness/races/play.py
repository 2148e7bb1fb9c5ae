"""Runs one race in one order of its steps, and enumerates every order of turns that the server allows.

The possible orders show only while they are run: a session that waits for the other cannot go on. Every next schedule
repeats the last one up to where another session could have gone on, and takes that one. Decides what is one turn.
Not here: whether the outcome is a fault (``proving/racing.py``), and the rows before (``database.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from harness.probes import ServerError, SqlStatement, assume
from harness.races.database import RaceDatabase
from harness.races.race import UNSEEN, Race
from harness.races.sessions import LONGEST_PAUSE, CommandResult, RaceSession


@dataclass(frozen=True)
class Turn:
    """The session that took a turn, of those that were able to, which are in a fixed order."""

    taken: str
    able: tuple[str, ...]


def following(turns: Sequence[Turn]) -> tuple[str, ...] | None:
    """The beginning of the next schedule; None after the last one. Started from ``()``, each order comes once."""
    for place in reversed(range(len(turns))):
        taken, able = turns[place].taken, turns[place].able
        later = able[able.index(taken) + 1 :]
        if later:
            return (*(turn.taken for turn in turns[:place]), later[0])
    return None


READ_COMMITTED = "read committed"
SNAPSHOT = "select 1"
COMMIT, ROLLBACK = "commit", "rollback"


@dataclass(frozen=True)
class Command:
    """SQL that is sent in one go; ``incidental`` are BEGIN, COMMIT and settings, which are no part of the race."""

    sql: str
    incidental: bool = False


@dataclass(frozen=True)
class IsolationLevel:
    """An isolation level: ``read committed``, ``repeatable read`` or ``serializable``."""

    name: str

    @property
    def words(self) -> str:
        """The words for a report; empty for READ COMMITTED."""
        return "" if self.name == READ_COMMITTED else f" in {self.name.upper()}"

    def turns(self, race: Race, statements: Sequence[SqlStatement]) -> list[tuple[Command, ...]]:
        """The commands of a transaction, grouped into turns: no other session has an effect between those of one turn.

        In READ COMMITTED nothing depends on when a transaction began. In the others its first query takes the snapshot
        that all of it sees: that is a turn of its own.
        """
        begin = [Command(f"begin isolation level {self.name}", incidental=True)]
        begin += (Command(each, incidental=True) for each in assume(race.settings))
        turns = [(Command(each.sql),) for each in statements]
        if self.name == READ_COMMITTED:
            first, *turns = turns
        else:
            first = (Command(SNAPSHOT, incidental=True),)
        return [(*begin, *first), *turns, (Command(COMMIT, incidental=True),)]


@dataclass(frozen=True)
class RaceStep:
    """A command of a session, and its outcome; one that had to wait comes twice, with the same ``number``."""

    number: int
    session: str
    command: Command
    outcome: str
    resumed: bool = False

    def __str__(self) -> str:
        command = "goes on" if self.resumed else self.command.sql
        return f"{self.number} {self.session}: {command}{' → ' if self.outcome else ''}{self.outcome}"


@dataclass
class RaceRun:
    """A race that was run in one order.

    ``observations`` are the texts of the invariant's query: before the race, and after each commit. ``refusals`` are
    the steps that were refused, and ``results`` the outcome of each session's last statement. ``alone`` is the session
    that had ended before the other began, ``changed_rows`` are the sessions that changed a row.
    """

    observations: list[str]
    turns: list[Turn] = field(default_factory=list)
    steps: list[RaceStep] = field(default_factory=list)
    refusals: list[tuple[RaceStep, ServerError]] = field(default_factory=list)
    alone: str | None = None
    changed_rows: set[str] = field(default_factory=set)
    commands: int = 0
    results: dict[str, CommandResult] = field(default_factory=dict)


def play(
    database: RaceDatabase, setup: Sequence[SqlStatement], race: Race, level: IsolationLevel, prefix: Sequence[str]
) -> RaceRun:
    """Runs a race in the order that begins with ``prefix``; after that the first session that can goes on each time.

    Raises :class:`~harness.races.database.Unplayable` and :class:`~harness.races.sessions.Stuck`.
    """
    played = RaceRun([database.insert_rows(setup, race.invariant)])
    database.note_writes(race)
    sides = [
        _Side(session, level.turns(race, statements))
        for session, statements in ((database.a, race.a), (database.b, race.b))
    ]
    _Schedule(database, race, played, sides).run(prefix)
    return played


@dataclass
class _Side:
    """A session in the middle of its transaction; ``waits`` is the step that waits for a lock."""

    session: RaceSession
    turns: list[tuple[Command, ...]]
    waits: RaceStep | None = None
    begun: bool = False

    @property
    def name(self) -> str:
        return self.session.name

    @property
    def able(self) -> bool:
        return bool(self.turns) and self.waits is None

    @property
    def over(self) -> bool:
        return not self.turns and self.waits is None


class _Schedule:
    """Lets the sessions take their turns, and books the outcomes."""

    def __init__(self, database: RaceDatabase, race: Race, played: RaceRun, sides: Sequence[_Side]) -> None:
        self._database = database
        self._invariant = race.invariant
        self._played = played
        self._sides = sides

    def run(self, prefix: Sequence[str]) -> None:
        """Runs both transactions to their ends."""
        wanted = iter(prefix)
        while not all(side.over for side in self._sides):
            self._resume()
            able = [side for side in self._sides if side.able]
            if able:
                name = next(wanted, None)
                self._take(next((side for side in able if side.name == name), able[0]), able)

    def _take(self, side: _Side, able: Sequence[_Side]) -> None:
        self._played.turns.append(Turn(side.name, tuple(each.name for each in able)))
        side.begun = True
        for command in side.turns.pop(0):
            side.session.send(command.sql)
            answer = self._database.monitor.wait(side.session, self._other(side).session)
            step = RaceStep(self._next, side.name, command, f"waits for {self._other(side).name}")
            if answer is None:
                self._played.steps.append(step)
                side.waits = step
            elif not self._book(side, step, answer):
                return

    def _resume(self) -> None:
        """Waits for the sessions that wait for a lock; of two that wait for each other the server ends one."""
        waiting = [side for side in self._sides if side.waits is not None]
        if len(waiting) == len(self._sides):
            self._database.monitor.wait_for_deadlock((self._sides[0].session, self._sides[1].session))
        for side in waiting:
            answer = self._database.monitor.wait(side.session, self._other(side).session)
            if answer is not None and side.waits is not None:
                step, side.waits = side.waits, None
                self._book(side, replace(step, resumed=True), answer)

    def _book(self, side: _Side, step: RaceStep, answer: CommandResult) -> bool:
        """Books an answer; returns whether the transaction goes on."""
        played = self._played
        played.commands += 1
        went_on = answer.refusal is None
        if answer.refusal is not None:
            played.steps.append(replace(step, outcome=str(answer.refusal)))
            played.refusals.append((step, answer.refusal))
            played.changed_rows.discard(side.name)
            self._roll_back(side)
        elif step.command.incidental:
            played.steps.append(replace(step, outcome=""))
            if step.command.sql == COMMIT:
                played.observations.append(self._observe())
        else:
            played.results[side.name] = answer
            played.steps.append(replace(step, outcome=answer.words if self._invariant.results else answer.tag))
            if answer.rows != 0:
                played.changed_rows.add(side.name)
        if side.over and not self._other(side).begun:
            played.alone = side.name
        return went_on

    def _observe(self) -> str:
        if self._invariant.only_at_end and not all(side.over for side in self._sides):
            return UNSEEN
        if self._invariant.results:
            self._database.share_results(self._played.results)
        return self._database.query_text(self._invariant.sql)

    @property
    def _next(self) -> int:
        return 1 + max((step.number for step in self._played.steps), default=0)

    def _roll_back(self, side: _Side) -> None:
        side.turns.clear()
        self._played.steps.append(RaceStep(self._next, side.name, Command(ROLLBACK), ""))
        side.session.send(ROLLBACK)
        while side.session.answer(LONGEST_PAUSE) is None:
            continue

    def _other(self, side: _Side) -> _Side:
        return next(other for other in self._sides if other is not side)
