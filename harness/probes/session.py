"""Carries scenarios to the server in batches: one round trip for some two thousand probes.

For the *shapes* of statements in a batch (this table, these columns) a temporary function is made whose statements are
static, so that PostgreSQL plans each once. What travels is a base row for each table and, for each probe, only what
differs from it. Every probe runs in a subtransaction of its own that is always undone, inside one of its
scenario that is undone as well: nothing stays behind but used up sequence numbers.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from harness.catalog.model import Catalog, Column
from harness.probes.encoding import BatchEncoder
from harness.probes.family import Family, FamilyReply
from harness.probes.interference import CONFLICTS, DEADLOCK, PAUSES, Interference, conflicts, of_error, others
from harness.probes.loops import UNREADABLE, LoopShape
from harness.probes.probe import Probe
from harness.probes.renewal import Renewal
from harness.probes.reply import Reply, ServerError, of_root
from harness.probes.scenario import Scenario
from harness.probes.shapes import AT_COMMIT, Shapes
from harness.probes.statement import SqlStatement
from harness.probes.time_limits import TimedOut, TimeLimits
from harness.project.model import TableName

if TYPE_CHECKING:
    import psycopg

T = TypeVar("T")

ScenarioResult = list[Reply | FamilyReply] | ServerError
"""What came of a scenario: one for each of its probes and families, or what its setup met."""

BATCH = 2000
"""Probes in one round trip: more does not get faster, and each holds its place in memory."""

FUNCTIONS = 8
"""Functions kept at a time. PostgreSQL forgets the plans of one only when it is replaced and called again, and looks
through all it remembers whenever anything in the catalog changes: with hundreds of them it does nothing else."""


class ScenarioRunner(Protocol):
    """What tries scenarios on a server."""

    def run(self, scenarios: Sequence[Scenario]) -> list[ScenarioResult]: ...
    def replies(self, scenario: Scenario) -> list[Reply] | ServerError: ...
    def cancel(self) -> None: ...


class Session:
    """Tries scenarios over one connection, which must be in autocommit and is left as it was.

    With ``patience`` a batch that takes longer is cancelled, and its probes are tried one by one. The connection's
    ``statement_timeout`` must be that of a batch. ``companions`` are the processes of other sessions of ours in that
    database. What met a session that is none of these is tried again; where it does so each time,
    :class:`~harness.probes.interference.Interference` is raised. By its ``renewal`` it gets a connection in which no
    custom setting was ever set.
    """

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        catalog: Catalog,
        companions: Sequence[int] = (),
        patience: TimeLimits | None = None,
        renewal: Renewal | None = None,
    ) -> None:
        self._connection = connection
        self._renewal = renewal
        self._stained = False
        self._companions = companions
        self._said: set[tuple[str, str]] = set()
        self._catalog = catalog
        self._patience = patience
        self._given_up = False
        self._functions: dict[Shapes, str] = {}
        self._refused: dict[TableName, tuple[str, ...]] = {}

    def run(self, scenarios: Sequence[Scenario]) -> list[ScenarioResult]:
        """For each scenario what came of its probes and families, or the refusal that its setup met.

        Raises :class:`TimedOut` at a statement that is cancelled also by itself.
        """
        self._given_up = False
        probes = [probe for scenario in scenarios for probe in scenario.probes if isinstance(probe, Probe)]
        stains = any(map(_sets, probes))
        if not any(map(_never_set, probes)):
            self._stained = self._stained or stains
            return self._run(scenarios)
        # First, for once it was set a setting is empty for the rest of the session.
        self.refresh()
        first = self._run([replace(each, probes=tuple(filter(_never_set, each.probes))) for each in scenarios])
        self._stained = stains
        rest = [replace(each, probes=tuple(itertools.filterfalse(_never_set, each.probes))) for each in scenarios]
        return [_merged(*each) for each in zip(scenarios, first, self._run(rest), strict=True)]

    def refresh(self, anew: bool = False) -> None:
        """Goes on over a new connection, if a custom setting was ever set in this one, or if told so."""
        if self._renewal is not None and (anew or self._stained or self._renewal.due(self._connection)):
            self._stained = False
            self._connection.close()
            self._connection = self._renewal.connect()
            self._functions.clear()

    def _run(self, scenarios: Sequence[Scenario]) -> list[ScenarioResult]:
        readable = [self._readable(scenario) for scenario in scenarios]
        shapes = Shapes.of(self._catalog, readable)
        function = self._function(shapes)
        answers: list[ScenarioResult] = []
        for batch in _batches(readable):
            answers += self._within(function, shapes, batch)
        return [
            _regrouped(scenario, answer) if scenario is not tried else answer
            for scenario, tried, answer in zip(scenarios, readable, answers, strict=True)
        ]

    def _within(self, function: str, shapes: Shapes, batch: Sequence[Scenario]) -> list[ScenarioResult]:
        """The answers to a batch, in pieces where it takes too long."""
        import psycopg

        try:
            asked = self._asked(function, shapes, batch)
        except psycopg.errors.QueryCanceled:
            if self._patience is None or self._given_up:
                raise
            if len(batch) > 1:
                return [answer for scenario in batch for answer in self._run([scenario])]
            return [self._one_by_one(batch[0], self._patience)]
        return [self._answer(scenario, lines) for scenario, lines in zip(batch, asked, strict=True)]

    def _one_by_one(self, scenario: Scenario, patience: TimeLimits) -> ScenarioResult:
        """The answer to a scenario whose probes are each sent by themselves, after the rows that stand before."""
        for number, statement in enumerate(scenario.setup, 1):
            answer = self._alone(replace(scenario, setup=scenario.setup[:number], probes=()), statement, patience)
            # What waits for the end of the transaction waits for the rows to come, too.
            if isinstance(answer, ServerError) and not (answer.at_commit and number < len(scenario.setup)):
                return answer
        found: list[Reply | FamilyReply] = []
        for probe in scenario.one_by_one().probes:
            assert isinstance(probe, Probe)
            answer = self._alone(replace(scenario, probes=(probe,)), probe.statement, patience)
            if isinstance(answer, ServerError):
                return answer
            found += answer
        return _regrouped(scenario, found)

    def _alone(self, scenario: Scenario, statement: SqlStatement, patience: TimeLimits) -> ScenarioResult:
        import psycopg

        if self._given_up:
            raise psycopg.errors.QueryCanceled
        shapes = Shapes.of(self._catalog, [scenario])
        function = self._function(shapes)
        try:
            self._connection.execute(f"set statement_timeout = {patience.probe}".encode())
            (lines,) = self._asked(function, shapes, [scenario])
        except psycopg.errors.QueryCanceled:
            if self._given_up:
                raise
            raise TimedOut(statement, patience) from None
        finally:
            if not self._connection.closed:
                self._connection.execute(f"set statement_timeout = {patience.batch}".encode())
        return self._answer(scenario, lines)

    def replies(self, scenario: Scenario) -> list[Reply] | ServerError:
        """What came of the probes of one scenario without families, or the refusal that its setup met."""
        answer = self.run([scenario])[0]
        return answer if isinstance(answer, ServerError) else [each for each in answer if isinstance(each, Reply)]

    def cancel(self) -> None:
        """Has the server give up on what it tries just now, for another thread."""
        import psycopg

        self._given_up = True
        with suppress(psycopg.Error):
            self._connection.cancel_safe(timeout=5)

    def _refusing(self, table: TableName) -> tuple[str, ...]:
        """The columns of domains that refuse NULL, by their own say or by a CHECK."""
        if table not in self._refused:
            found = self._catalog.tables.get(table)
            columns = [each for each in found.columns if each.is_domain] if found else []
            self._refused[table] = tuple(each.name for each in columns if each.not_null or self._checks_null(each))
        return self._refused[table]

    def _checks_null(self, column: Column) -> bool:
        import psycopg

        if not column.domain_checks:
            return False
        try:
            with self._connection.transaction(force_rollback=True):
                self._connection.execute(f"select null::{column.type}".encode())
        except psycopg.OperationalError:
            raise
        except psycopg.Error:  # a CHECK that fails on NULL lets no record have it either
            return True
        return False

    def _asked(self, function: str, shapes: Shapes, batch: Sequence[Scenario]) -> list[list[_Line]]:
        """The lines of each scenario of a batch, in which no other session had its say."""
        ask = partial(self._ask, function, shapes)
        return [
            self._undisturbed(lines, partial(ask, [scenario]))
            for scenario, lines in zip(batch, ask(batch), strict=True)
        ]

    def _ask(self, function: str, shapes: Shapes, batch: Sequence[Scenario]) -> list[list[_Line]]:
        """The lines of each scenario of a batch."""
        plan = BatchEncoder(self._catalog, shapes, self._refusing).text(batch)
        return self._patiently(lambda: _apart(self._call(function, plan), batch))

    def _patiently(self, work: Callable[[], T]) -> T:
        """Does what another session may not even let begin."""
        import psycopg

        for pause in PAUSES:
            try:
                return work()
            except psycopg.OperationalError as error:
                if error.sqlstate not in CONFLICTS:
                    raise
                met = of_error(error)
            time.sleep(pause)
        raise Interference(met, others(self._connection, self._companions))

    def _undisturbed(self, lines: list[_Line], again: Callable[[], list[list[_Line]]]) -> list[_Line]:
        """The lines of a scenario, which is tried ``again`` alone where it met another session."""
        pauses = iter(PAUSES)
        while (met := next(filter(self._met, lines), None)) is not None:
            pause = next(pauses, None)
            if pause is not None:
                time.sleep(pause)
                (lines,) = again()
                continue
            assert met.conflict is not None
            there = others(self._connection, self._companions)
            if there or met.conflict.sqlstate == DEADLOCK:
                raise Interference(met.conflict, there)
            # Nobody else is there, and it says so each time: the rule's own word.
            self._said.add((met.conflict.sqlstate, met.conflict.message))
        return lines

    def _met(self, line: _Line) -> bool:
        """Whether what was tried met another session, as far as can be told."""
        found = line.conflict
        if found is None or (found.sqlstate, found.message) in self._said:
            return False
        return conflicts(found, self._connection.info.backend_pid)

    def _readable(self, scenario: Scenario) -> Scenario:
        """With families that no loop fits taken apart."""
        families = (probe for probe in scenario.probes if isinstance(probe, Family))
        fit = all(LoopShape.of(self._catalog, family) is not None for family in families)
        return scenario if fit else scenario.one_by_one()

    def _answer(self, scenario: Scenario, replies: Sequence[_Line]) -> ScenarioResult:
        if replies and replies[-1].place == 0:
            refusal = replies[-1].reply.refusal
            assert refusal is not None
            return replace(refusal, at_commit=replies[-1].member == AT_COMMIT)
        if any(line.unreadable for line in replies):
            return _regrouped(scenario, self._run([scenario.one_by_one()])[0])
        found: list[Reply | FamilyReply] = []
        others: list[tuple[int, Reply]] = []
        for line in replies:
            if line.member is not None:
                others.append((line.member, line.reply))
            elif isinstance(scenario.probes[line.place - 1], Family):
                found.append(FamilyReply(line.reply.rows, tuple(sorted(others, key=itemgetter(0)))))
                others = []
            else:
                found.append(line.reply)
        return found

    def _function(self, shapes: Shapes) -> str:
        name = self._functions.pop(shapes, None)
        if name is None:
            full = len(self._functions) == FUNCTIONS
            name = self._functions.pop(next(iter(self._functions))) if full else self._new_name()
            text = shapes.function(name, self._catalog).encode()
            self._patiently(lambda: self._connection.execute(text))
        self._functions[shapes] = name  # the last one used goes last
        return name

    def _new_name(self) -> str:
        return f"pg_temp.harness_probe_{len(self._functions) + 1}"

    def _call(self, function: str, plan: str) -> Iterator[_Line]:
        cursor = self._connection.execute(f"select * from {function}(%s)".encode(), [plan])
        for scenario, place, member, rows, then, sqlstate, *rest, conflict in cursor:
            refusal = of_root(self._catalog, ServerError(sqlstate, *rest)) if sqlstate else None
            met = ServerError(conflict, *rest) if conflict else None
            yield _Line(scenario, place, member, Reply(refusal, rows or 0, then), met)


@dataclass(frozen=True)
class _Line:
    """One row of a function's answer: ``place`` 0 is the setup, without a ``member`` it sums up a family.

    A ``conflict`` is a refusal, of whatever belongs to the probe, that may be the doing of another session.
    """

    scenario: int
    place: int
    member: int | None
    reply: Reply
    conflict: ServerError | None = None

    @property
    def unreadable(self) -> bool:
        return self.reply.refusal is not None and self.reply.refusal.sqlstate == UNREADABLE


def _apart(lines: Iterable[_Line], batch: Sequence[Scenario]) -> list[list[_Line]]:
    """The lines of each scenario."""
    found: list[list[_Line]] = [[] for _ in batch]
    for line in lines:
        found[line.scenario - 1].append(line)
    return found


def _regrouped(scenario: Scenario, answer: ScenarioResult) -> ScenarioResult:
    """The replies to single probes as those to the families that they are of."""
    if isinstance(answer, ServerError):
        return answer
    replies = iter(answer)
    found: list[Reply | FamilyReply] = []
    for probe in scenario.probes:
        if isinstance(probe, Family):
            own = [reply for reply in itertools.islice(replies, len(probe)) if isinstance(reply, Reply)]
            found.append(FamilyReply(0, tuple(enumerate(own))))
        else:
            found.append(next(replies))
    return found


def _never_set(probe: Probe | Family) -> bool:
    return isinstance(probe, Probe) and bool(probe.never_set)


def _sets(probe: Probe) -> bool:
    return bool(probe.left_empty) or any("." in name for name in probe.settings)


def _merged(scenario: Scenario, first: ScenarioResult, rest: ScenarioResult) -> ScenarioResult:
    """The answers to the probes that were tried first and to the rest, in the order of all."""
    if isinstance(first, ServerError) or isinstance(rest, ServerError):
        return first if isinstance(first, ServerError) else rest
    early, late = iter(first), iter(rest)
    return [next(early if _never_set(probe) else late) for probe in scenario.probes]


def _batches(scenarios: Sequence[Scenario]) -> Iterator[list[Scenario]]:
    batch: list[Scenario] = []
    size = 0
    for scenario in scenarios:
        if batch and size + scenario.size > BATCH:
            yield batch
            batch, size = [], 0
        batch.append(scenario)
        size += scenario.size
    if batch:
        yield batch
