"""Draws rows and tries them on the server, to see which are refused. Nothing of them stays.

Finds the first statement of a scenario that is refused, and rows that vanish though they are accepted.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.errors import UnsatisfiedAssumption

from harness.catalog import Missing, grouped, may_disable_triggers
from harness.generation.draft import Draft
from harness.generation.groups import GroupBuilder
from harness.generation.setup import setup_statements
from harness.generation.users import Users
from harness.inference.attempt import Attempt, Blocker
from harness.probes import (
    Accepted,
    Execute,
    Insert,
    Postcondition,
    Probe,
    Scenario,
    ServerError,
    Session,
    SqlStatement,
    qualified,
)
from harness.project.model import NewRow, TableName, Values
from harness.solver import Pools, RowHints, Unfillable
from harness.values.examples import examples
from harness.values.types import Unsupported

PATIENCE = 40
"""Rows that are begun with some values before it counts as impossible to draw them."""

VANISHED = "its rows are accepted, and nowhere afterwards: a trigger or a rule makes something else of them"


class _Impossible(BaseException):
    """Ends the drawing of rows. Hypothesis would try an Exception once more."""


class Trials:
    """Draws rows from pools, and asks the server how they are refused."""

    def __init__(self, session: Session, pools: Pools) -> None:
        self._session = session
        self.pools = pools
        self._bypass_triggers = may_disable_triggers(pools.connection)
        self.spent = 0
        """The number of rows that were tried so far."""

    def row(
        self, name: TableName, fixed: Values | None = None, present: tuple[str, ...] = ()
    ) -> Callable[[Draft], Scenario]:
        """A function that draws a row as a probe, behind all that it refers to, and with its companions."""

        def build(draft: Draft) -> Scenario:
            statement, groups = draft.insert_statement(name, fixed, present), GroupBuilder(draft, self.pools)
            setup = (*groups.complete(self._setup(draft)),)
            *before, statement = groups.complete([statement])
            return Scenario((*setup, *before), (Probe(statement, Accepted(1), "a row"),))

        return build

    def drawn(
        self,
        build: Callable[[Draft], Scenario],
        count: int,
        existing: Mapping[TableName, Sequence[NewRow]] | None = None,
    ) -> list[Scenario]:
        """Up to ``count`` scenarios, drawn besides ``existing`` rows."""
        return examples(st.composite(lambda draw: build(Draft(draw, self.pools, existing)))(), count)

    def inserts(self, name: TableName, fixed: Values, existing: Sequence[Insert]) -> tuple[SqlStatement, ...]:
        """The statements that insert a row and all it refers to, besides ``existing`` rows; empty if impossible."""
        rows = grouped((insert.table, dict(insert.values)) for insert in existing)

        def build(draft: Draft) -> Scenario:
            draft.insert(name, fixed)
            return Scenario((*GroupBuilder(draft, self.pools).complete(self._setup(draft)),), ())

        try:
            return next((scenario.setup for scenario in self.drawn(build, 1, rows)), ())
        except (Unfillable, Unsupported, Missing):
            return ()

    def errors(
        self, tries: Sequence[tuple[Sequence[SqlStatement], SqlStatement]], row: Values | None = None
    ) -> list[ServerError | None]:
        """The errors of statements, each behind others; None where it is accepted.

        Their users are those of a ``row`` of which the statements may leave columns out.
        """
        found: list[ServerError | None] = []
        # Statements with the same setup share one.
        for _, group in itertools.groupby(tries, key=lambda each: tuple(map(id, each[0]))):
            same = list(group)
            found += self._answers(self._tried(same[0][0], [statement for _, statement in same], row))
        return found

    def errors_supposing(
        self, table: TableName, hints: Sequence[RowHints], before: Sequence[SqlStatement], statement: SqlStatement
    ) -> list[ServerError | None]:
        """The errors of a statement behind others, once with each of some hints for a table."""
        scenarios = []
        for each in hints:
            with self.supposing(table, each):
                scenarios.append(self._tried(before, [statement]))
        found: list[ServerError | None] = []
        # Of most tables the statements before stay the same, whoever writes the row: they are sent once.
        for _, same in itertools.groupby(scenarios, key=lambda each: each.setup):
            first, *others = same
            found += self._answers(replace(first, probes=(*first.probes, *(one.probes[0] for one in others))))
        return found

    def _tried(
        self, before: Sequence[SqlStatement], statements: Sequence[SqlStatement], row: Values | None = None
    ) -> Scenario:
        probes = tuple(Probe(statement, Accepted(), "a row") for statement in statements)
        return self._as_text(Scenario(tuple(before), probes, waits=True), row)

    def _answers(self, scenario: Scenario) -> list[ServerError | None]:
        self.spent += len(scenario.probes)
        answer = self._session.replies(scenario)
        if isinstance(answer, ServerError):
            return [answer] * len(scenario.probes)
        return [each.refusal for each in answer]

    def culprit(self, scenario: Scenario) -> Attempt | Blocker | None:
        """The first statement of a scenario that is refused; None if its row is accepted and exists then."""
        tried = scenario.probes[0].statement
        insert = tried.leaves if isinstance(tried, Execute) else tried
        assert isinstance(insert, Insert)
        last = self.errors([(scenario.setup, tried)])[0]
        if last is None:
            return Blocker(insert.table, VANISHED) if self._vanishes(scenario.setup, tried, insert.table) else None
        statements = (*scenario.setup, tried)
        place = self._first_refused(statements)
        before, statement = statements[:place], statements[place]
        error = self.errors([(before, statement)])[0]
        refused = statement.leaves if isinstance(statement, Execute) else statement
        if error is None:
            # The functions decided otherwise this time: what is certain is that the row was refused.
            return Attempt(scenario.setup, insert, last, _beside(tried))
        if not isinstance(refused, Insert):
            return Blocker(insert.table, f"existing rows cannot be deleted: {error}")
        return Attempt(before, refused, error, _beside(statement))

    def _vanishes(self, setup: Sequence[SqlStatement], tried: SqlStatement, name: TableName) -> bool:
        """Whether a table, with those that inherit from it, has no more rows after one was accepted than before."""
        table = self.pools.catalog.table(name)
        before = [each for each in table.triggers if each.timing == "before" and "insert" in each.events]
        if not before and not table.has_instead_rule("insert"):
            return False
        count = Postcondition(f"select count(*)::text from {qualified(name)}", "", "rows")
        probes = tuple(Probe(each, Accepted(), "a row", then=count) for each in (Execute("select"), tried))
        answer = self._session.replies(self._as_text(Scenario(tuple(setup), probes)))
        return not isinstance(answer, ServerError) and answer[0].then == answer[1].then

    def _first_refused(self, statements: Sequence[SqlStatement]) -> int:
        """The place of the first statement that is refused, found by bisection; the last if no other is."""
        low, high = 0, len(statements) - 1
        while low < high:
            middle = (low + high) // 2
            error = self.errors([(statements[:middle], statements[middle])])[0]
            if error is None or self.is_deferred(error):
                low = middle + 1
            else:
                high = middle
        return low

    def is_deferred(self, error: ServerError) -> bool:
        """Whether the error is of a deferred foreign key, which may find its row later."""
        table = self.pools.catalog.tables.get(error.table_name) if error.table_name else None
        keys = table.foreign_keys if table and error.sqlstate == "23503" else ()
        return any(key.deferred for key in keys if key.name == error.constraint)

    def patiently(
        self, build: Callable[[Draft], Scenario], count: int
    ) -> list[tuple[tuple[SqlStatement, ...], SqlStatement]]:
        """Up to ``count`` rows, each with its setup; none if most rows that are begun cannot be completed."""
        tries = itertools.count(1)

        def impatient(draft: Draft) -> Scenario:
            try:
                return build(draft)
            except UnsatisfiedAssumption:
                # Hypothesis would go on for hundreds of rows that are impossible.
                if next(tries) < PATIENCE:
                    raise
                raise _Impossible from None

        try:
            return [(each.setup, each.probes[0].statement) for each in self.drawn(impatient, count)]
        except (Unfillable, Unsupported, Missing, _Impossible):
            return []

    @contextmanager
    def supposing(self, table: TableName, hints: RowHints) -> Iterator[None]:
        """Has rows of a table drawn with these hints meanwhile."""
        row_hints = dict(self.pools.row_hints)
        self.pools.add_hints(table, hints)
        try:
            yield
        finally:
            self.pools.replace_hints(row_hints)

    def _as_text(self, scenario: Scenario, row: Values | None = None) -> Scenario:
        """A scenario whose rows their users write, of texts: static statements are not worth it for one try."""
        written = Users(self.pools, lambda _: [row] if row else []).of(scenario)
        probes = (replace(each, statement=_text(each.statement)) for each in written.probes if isinstance(each, Probe))
        return replace(written, setup=(*map(_text, written.setup),), probes=(*probes,))

    def _setup(self, draft: Draft) -> tuple[SqlStatement, ...]:
        return setup_statements(draft, draft.inserts, bypass_triggers=self._bypass_triggers)


def _text(statement: SqlStatement) -> Execute:
    return statement if isinstance(statement, Execute) else Execute(statement.sql)


def _beside(statement: SqlStatement) -> tuple[Insert, ...]:
    """The rows that a statement inserts besides the one that it is about."""
    return statement.beside if isinstance(statement, Execute) else ()
