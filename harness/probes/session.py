"""Carries scenarios to the server in batches: one round trip for some two thousand probes.

For the *shapes* of statements in a batch (this table, these columns) a temporary function is made whose statements are
static, so that PostgreSQL plans each once. What travels is a base row for each table and, for each probe, only what
differs from it. Every probe runs in a subtransaction of its own that is always undone, inside one of its
scenario that is undone as well: nothing stays behind but used up sequence numbers.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from harness.catalog.model import Catalog
from harness.probes.encoding import Plan
from harness.probes.family import Family, Tally
from harness.probes.loops import UNREADABLE, LoopShape
from harness.probes.patience import Endless, Patience
from harness.probes.probe import Probe
from harness.probes.reply import Refusal, Reply, of_root
from harness.probes.scenario import Scenario
from harness.probes.shapes import Shapes
from harness.probes.statement import Statement

if TYPE_CHECKING:
    import psycopg

Answer = list[Reply | Tally] | Refusal
"""What came of a scenario: one for each of its probes and families, or what its setup met."""

BATCH = 2000
"""Probes in one round trip: more does not get faster, and each holds its place in memory."""

FUNCTIONS = 8
"""Functions kept at a time. PostgreSQL forgets the plans of one only when it is replaced and called again, and looks
through all it remembers whenever anything in the catalog changes: with hundreds of them it does nothing else."""


class Session:
    """Tries scenarios over one connection, which must be in autocommit and is left as it was.

    With ``patience`` a batch that takes longer is cancelled, and its probes are tried one by one. The connection's
    ``statement_timeout`` must be that of a batch.
    """

    def __init__(self, connection: psycopg.Connection[Any], catalog: Catalog, patience: Patience | None = None) -> None:
        self._connection = connection
        self._catalog = catalog
        self._patience = patience
        self._given_up = False
        self._functions: dict[Shapes, str] = {}

    def run(self, scenarios: Sequence[Scenario]) -> list[Answer]:
        """For each scenario what came of its probes and families, or the refusal that its setup met.

        Raises :class:`Endless` at a statement that is cancelled also by itself.
        """
        self._given_up = False
        return self._run(scenarios)

    def _run(self, scenarios: Sequence[Scenario]) -> list[Answer]:
        readable = [self._readable(scenario) for scenario in scenarios]
        shapes = Shapes.of(self._catalog, readable)
        function = self._function(shapes)
        answers: list[Answer] = []
        for batch in _batches(readable):
            answers += self._within(function, shapes, batch)
        return [
            _regrouped(scenario, answer) if scenario is not tried else answer
            for scenario, tried, answer in zip(scenarios, readable, answers, strict=True)
        ]

    def _within(self, function: str, shapes: Shapes, batch: Sequence[Scenario]) -> list[Answer]:
        """The answers to a batch, in pieces where it takes too long."""
        import psycopg

        try:
            lines = _apart(self._call(function, Plan(self._catalog, shapes).text(batch)), batch)
        except psycopg.errors.QueryCanceled:
            if self._patience is None or self._given_up:
                raise
            if len(batch) > 1:
                return [answer for scenario in batch for answer in self._run([scenario])]
            return [self._one_by_one(batch[0], self._patience)]
        return [self._answer(scenario, of) for scenario, of in zip(batch, lines, strict=True)]

    def _one_by_one(self, scenario: Scenario, patience: Patience) -> Answer:
        """The answer to a scenario whose probes are each sent by themselves, after the rows that stand before."""
        for number, statement in enumerate(scenario.setup, 1):
            answer = self._alone(Scenario(scenario.setup[:number], ()), statement, patience)
            if isinstance(answer, Refusal):
                return answer
        found: list[Reply | Tally] = []
        for probe in scenario.one_by_one().probes:
            assert isinstance(probe, Probe)
            answer = self._alone(Scenario(scenario.setup, (probe,)), probe.statement, patience)
            if isinstance(answer, Refusal):
                return answer
            found += answer
        return _regrouped(scenario, found)

    def _alone(self, scenario: Scenario, statement: Statement, patience: Patience) -> Answer:
        import psycopg

        if self._given_up:
            raise psycopg.errors.QueryCanceled
        shapes = Shapes.of(self._catalog, [scenario])
        function = self._function(shapes)
        try:
            self._connection.execute(f"set statement_timeout = {patience.probe}".encode())
            lines = _apart(self._call(function, Plan(self._catalog, shapes).text([scenario])), [scenario])
        except psycopg.errors.QueryCanceled:
            if self._given_up:
                raise
            raise Endless(statement, patience) from None
        finally:
            if not self._connection.closed:
                self._connection.execute(f"set statement_timeout = {patience.batch}".encode())
        return self._answer(scenario, lines[0])

    def replies(self, scenario: Scenario) -> list[Reply] | Refusal:
        """What came of the probes of one scenario without families, or the refusal that its setup met."""
        answer = self.run([scenario])[0]
        return answer if isinstance(answer, Refusal) else [each for each in answer if isinstance(each, Reply)]

    def cancel(self) -> None:
        """Has the server give up on what it tries just now, for another thread."""
        import psycopg

        self._given_up = True
        with suppress(psycopg.Error):
            self._connection.cancel_safe(timeout=5)

    def _readable(self, scenario: Scenario) -> Scenario:
        """With families that no loop fits taken apart."""
        families = (probe for probe in scenario.probes if isinstance(probe, Family))
        fit = all(LoopShape.of(self._catalog, family) is not None for family in families)
        return scenario if fit else scenario.one_by_one()

    def _answer(self, scenario: Scenario, replies: Sequence[_Line]) -> Answer:
        if replies and replies[-1].place == 0:
            refusal = replies[-1].reply.refusal
            assert refusal is not None
            return refusal
        if any(line.unreadable for line in replies):
            return _regrouped(scenario, self._run([scenario.one_by_one()])[0])
        found: list[Reply | Tally] = []
        others: list[tuple[int, Reply]] = []
        for line in replies:
            if line.member is not None:
                others.append((line.member, line.reply))
            elif isinstance(scenario.probes[line.place - 1], Family):
                found.append(Tally(line.reply.rows, tuple(sorted(others, key=itemgetter(0)))))
                others = []
            else:
                found.append(line.reply)
        return found

    def _function(self, shapes: Shapes) -> str:
        name = self._functions.pop(shapes, None)
        if name is None:
            full = len(self._functions) == FUNCTIONS
            name = self._functions.pop(next(iter(self._functions))) if full else self._new_name()
            self._connection.execute(shapes.function(name, self._catalog).encode())
        self._functions[shapes] = name  # the last one used goes last
        return name

    def _new_name(self) -> str:
        return f"pg_temp.harness_probe_{len(self._functions) + 1}"

    def _call(self, function: str, plan: str) -> Iterator[_Line]:
        cursor = self._connection.execute(f"select * from {function}(%s)".encode(), [plan])
        for scenario, place, member, rows, then, sqlstate, *rest in cursor:
            refusal = of_root(self._catalog, Refusal(sqlstate, *rest)) if sqlstate else None
            yield _Line(scenario, place, member, Reply(refusal, rows or 0, then))


@dataclass(frozen=True)
class _Line:
    """One row of a function's answer: ``place`` 0 is the setup, without a ``member`` it sums up a family."""

    scenario: int
    place: int
    member: int | None
    reply: Reply

    @property
    def unreadable(self) -> bool:
        return self.reply.refusal is not None and self.reply.refusal.sqlstate == UNREADABLE


def _apart(lines: Iterable[_Line], batch: Sequence[Scenario]) -> list[list[_Line]]:
    """The lines of each scenario."""
    found: list[list[_Line]] = [[] for _ in batch]
    for line in lines:
        found[line.scenario - 1].append(line)
    return found


def _regrouped(scenario: Scenario, answer: Answer) -> Answer:
    """The replies to single probes as those to the families that they are of."""
    if isinstance(answer, Refusal):
        return answer
    replies = iter(answer)
    found: list[Reply | Tally] = []
    for probe in scenario.probes:
        if isinstance(probe, Family):
            own = [reply for reply in itertools.islice(replies, len(probe)) if isinstance(reply, Reply)]
            found.append(Tally(0, tuple(enumerate(own))))
        else:
            found.append(next(replies))
    return found


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
