"""Carries scenarios to the server in batches: one round trip for some two thousand probes.

Decides the size of batches, which statement took too long (a cancelled batch is tried one by one), and when a new
connection is needed because a custom setting was set. Every probe runs in a subtransaction that is undone, inside one
of its scenario that is undone as well; only used up sequence numbers stay.
Not here: statements that are committed (``proving/commits.py``).
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

import psycopg

from harness.catalog import Catalog, pieces
from harness.probes.batch import BatchCaller, Line
from harness.probes.family import Family, FamilyReply, Scenario
from harness.probes.loops import LoopShape
from harness.probes.probe import Probe
from harness.probes.reply import Reply, ServerError
from harness.probes.shapes import AT_COMMIT, Shapes
from harness.probes.statement import Execute, SqlStatement
from harness.server.connection import value

BATCH = 2000
"""Probes in one round trip: more does not get faster, and each holds its place in memory."""

BATCH_LIMIT = 6
"""The time limit for a batch, as a multiple of the limit for one probe."""

STATEMENT = 300
"""Characters of a statement that a message shows."""


@dataclass(frozen=True)
class TimeLimits:
    """Milliseconds for one probe together with the rows before it, and for a batch.

    A trigger that never ends must not hold up a run, nor look like a rule that refuses.
    """

    probe: int

    @property
    def batch(self) -> int:
        return self.probe * BATCH_LIMIT


class TimedOut(Exception):
    """A statement was cancelled also when it was tried alone."""

    def __init__(self, statement: SqlStatement, time_limits: TimeLimits) -> None:
        text = statement.sql if len(statement.sql) <= STATEMENT else f"{statement.sql[:STATEMENT]}…"
        super().__init__(f"a statement was cancelled that did not end within {time_limits.probe / 1000:g} s: {text}")


NEVER_SET = "select array(select name from unnest(%s::text[]) as t (name) where current_setting(name, true) is null)"


@dataclass(frozen=True)
class Renewal:
    """Makes new connections with ``connect``; ``settings`` are the custom ones that the database's code may set.

    A session is replaced once a custom setting was set in it: the setting stays there, empty. Neither ROLLBACK nor
    RESET nor DISCARD ALL brings back the state in which ``current_setting(…, true)`` is NULL.
    With ``unknown_names`` the code may also set others, whose names it computes.
    """

    connect: Callable[[], psycopg.Connection[Any]]
    settings: tuple[str, ...]
    unknown_names: bool = False

    def due(self, connection: psycopg.Connection[Any]) -> bool:
        """Whether one of the settings was, or may have been, set over a connection."""
        return self.unknown_names or never_set(connection, self.settings) != self.settings


def never_set(connection: psycopg.Connection[Any], settings: tuple[str, ...]) -> tuple[str, ...]:
    """The settings that have no value in a session, not even an empty one."""
    return tuple(value(connection, NEVER_SET, [list(settings)])) if settings else ()


ScenarioResult = list[Reply | FamilyReply] | ServerError
"""One reply for each probe and family of a scenario, or the error that refused its setup."""


class ScenarioRunner(ABC):
    """Tries scenarios on a server."""

    @abstractmethod
    def run(self, scenarios: Sequence[Scenario]) -> list[ScenarioResult]:
        """Returns for each scenario the replies to its probes and families, or the refusal of its setup."""

    @abstractmethod
    def cancel(self) -> None:
        """Cancels what is being tried; called from another thread."""

    def replies(self, scenario: Scenario) -> list[Reply] | ServerError:
        """Returns the replies to the probes of one scenario without families, or the refusal of its setup."""
        answer = self.run([scenario])[0]
        return answer if isinstance(answer, ServerError) else [each for each in answer if isinstance(each, Reply)]


class Session(ScenarioRunner):
    """Tries scenarios over one connection, which must be in autocommit and is left as it was.

    With ``time_limits`` a batch that takes longer is cancelled, and its probes are tried one by one; the connection's
    ``statement_timeout`` must be that of a batch. ``companions`` are the processes of other sessions of ours in that
    database. A probe that met any other session is tried again; where that happens each time,
    :class:`~harness.probes.reply.Interference` is raised. ``renewal`` makes a connection in which no custom
    setting was ever set.
    """

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        catalog: Catalog,
        companions: Sequence[int] = (),
        time_limits: TimeLimits | None = None,
        renewal: Renewal | None = None,
    ) -> None:
        self._caller = BatchCaller(connection, catalog, companions)
        self._catalog = catalog
        self._time_limits = time_limits
        self._renewal = renewal
        self._has_settings = False
        self._cancelled = False

    def run(self, scenarios: Sequence[Scenario]) -> list[ScenarioResult]:
        """Returns for each scenario the replies to its probes and families, or the refusal of its setup.

        Raises :class:`TimedOut` at a statement that is cancelled also by itself.
        """
        self._cancelled = False
        probes = [probe for scenario in scenarios for probe in scenario.probes if isinstance(probe, Probe)]
        before = (each.sql for scenario in scenarios for each in scenario.setup if isinstance(each, Execute))
        sets = any(probe.left_empty or any("." in name for name in probe.settings) for probe in probes)
        sets = sets or any("set_config" in text for text in before)
        if not any(map(_wants_unset, probes)):
            self._has_settings = self._has_settings or sets
            return self._run(scenarios)
        # These come first: once it was set, a setting is empty for the rest of the session.
        self.refresh()
        first = self._run([replace(each, probes=tuple(filter(_wants_unset, each.probes))) for each in scenarios])
        self._has_settings = sets
        rest = [replace(each, probes=tuple(itertools.filterfalse(_wants_unset, each.probes))) for each in scenarios]
        return [_merged(*each) for each in zip(scenarios, first, self._run(rest), strict=True)]

    def refresh(self) -> None:
        """Goes on over a new connection if a custom setting was ever set in this one."""
        if self._renewal is not None and (self._has_settings or self._renewal.due(self._caller.connection)):
            self.renew()

    def renew(self) -> None:
        """Goes on over a new connection."""
        if self._renewal is not None:
            self._has_settings = False
            self._caller.reconnect(self._renewal.connect)

    def cancel(self) -> None:
        """Cancels what is being tried; called from another thread."""
        self._cancelled = True
        with suppress(psycopg.Error):
            self._caller.connection.cancel_safe(timeout=5)

    def _run(self, scenarios: Sequence[Scenario]) -> list[ScenarioResult]:
        readable = [self._with_loops(scenario) for scenario in scenarios]
        shapes = Shapes.of(self._catalog, readable)
        function = self._caller.function(shapes)
        batches = pieces(readable, lambda scenario: scenario.size, BATCH)
        answers = [answer for batch in batches for answer in self._try(function, shapes, batch)]
        return [
            _regrouped(scenario, answer) if scenario is not tried else answer
            for scenario, tried, answer in zip(scenarios, readable, answers, strict=True)
        ]

    def _try(self, function: str, shapes: Shapes, batch: Sequence[Scenario]) -> list[ScenarioResult]:
        """Tries a batch, in pieces where it takes too long."""
        try:
            found = self._caller.lines(function, shapes, batch)
        except psycopg.errors.QueryCanceled:
            if self._time_limits is None or self._cancelled:
                raise
            if len(batch) > 1:
                return [answer for scenario in batch for answer in self._run([scenario])]
            return [self._one_by_one(batch[0], self._time_limits)]
        return [self._result(scenario, lines) for scenario, lines in zip(batch, found, strict=True)]

    def _one_by_one(self, scenario: Scenario, time_limits: TimeLimits) -> ScenarioResult:
        """Tries each statement of the setup, then each probe, in a round trip of its own."""
        for number, statement in enumerate(scenario.setup, 1):
            answer = self._alone(replace(scenario, setup=scenario.setup[:number], probes=()), statement, time_limits)
            # A deferred constraint may wait for rows that come later in the setup.
            if isinstance(answer, ServerError) and not (answer.at_commit and number < len(scenario.setup)):
                return answer
        found: list[Reply | FamilyReply] = []
        for probe in scenario.one_by_one().probes:
            answer = self._alone(replace(scenario, probes=(probe,)), probe.statement, time_limits)
            if isinstance(answer, ServerError):
                return answer
            found += answer
        return _regrouped(scenario, found)

    def _alone(self, scenario: Scenario, statement: SqlStatement, time_limits: TimeLimits) -> ScenarioResult:
        if self._cancelled:
            raise psycopg.errors.QueryCanceled
        shapes, connection = Shapes.of(self._catalog, [scenario]), self._caller.connection
        function = self._caller.function(shapes)
        try:
            connection.execute(f"set statement_timeout = {time_limits.probe}".encode())
            (lines,) = self._caller.lines(function, shapes, [scenario])
        except psycopg.errors.QueryCanceled:
            if self._cancelled:
                raise
            raise TimedOut(statement, time_limits) from None
        finally:
            if not connection.closed:
                connection.execute(f"set statement_timeout = {time_limits.batch}".encode())
        return self._result(scenario, lines)

    def _with_loops(self, scenario: Scenario) -> Scenario:
        """The scenario, with its families taken apart if one of them cannot be a loop."""
        families = (probe for probe in scenario.probes if isinstance(probe, Family))
        fit = all(LoopShape.of(self._catalog, family) is not None for family in families)
        return scenario if fit else scenario.one_by_one()

    def _result(self, scenario: Scenario, lines: Sequence[Line]) -> ScenarioResult:
        if lines and lines[-1].place == 0:
            refusal = lines[-1].reply.refusal
            assert refusal is not None
            return replace(refusal, at_commit=lines[-1].member == AT_COMMIT)
        if any(line.unreadable for line in lines):
            return _regrouped(scenario, self._run([scenario.one_by_one()])[0])
        found: list[Reply | FamilyReply] = []
        others: list[tuple[int, Reply]] = []
        for line in lines:
            if line.member is not None:
                others.append((line.member, line.reply))
            elif isinstance(scenario.probes[line.place - 1], Family):
                found.append(FamilyReply(line.reply.rows, tuple(sorted(others, key=itemgetter(0)))))
                others = []
            else:
                found.append(line.reply)
        return found


def _regrouped(scenario: Scenario, answer: ScenarioResult) -> ScenarioResult:
    """The replies to single probes, grouped by the families that the probes are of."""
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


def _wants_unset(probe: Probe | Family) -> bool:
    """Whether a probe needs a session in which some custom setting was never set."""
    return isinstance(probe, Probe) and bool(probe.never_set)


def _merged(scenario: Scenario, first: ScenarioResult, rest: ScenarioResult) -> ScenarioResult:
    """The answers to the probes that were tried first and to the rest, in the order of all."""
    if isinstance(first, ServerError) or isinstance(rest, ServerError):
        return first if isinstance(first, ServerError) else rest
    early, late = iter(first), iter(rest)
    return [next(early if _wants_unset(probe) else late) for probe in scenario.probes]
