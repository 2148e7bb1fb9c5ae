"""Tries rows on the server: which are refused, and what is accepted in their place. Nothing of them stays."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from hypothesis import strategies as st
from hypothesis.errors import UnsatisfiedAssumption

from harness.catalog.model import Column, Missing, Table
from harness.generation.draft import Draft
from harness.generation.groups import Grouping
from harness.generation.room import standing
from harness.inference.attempt import Attempt, Obstacle, further, same_place, text
from harness.probes import Accepted, Execute, Insert, Postcondition, Probe, Scenario, ServerError, Session, SqlStatement
from harness.probes.statement import qualified
from harness.project.model import NewRow, TableName, Values
from harness.solver.pools import Pools
from harness.solver.row_hints import RowHints
from harness.solver.rules import Unfillable
from harness.values.examples import examples
from harness.values.hints import Hints, of_bodies, words
from harness.values.types import Unsupported

PATIENCE = 40
"""Rows with such a value that are begun before it counts as one with which there are none."""

SURE = 8
"""Rows that have to be accepted before a value of a column counts as what was lacking."""


NOWHERE = "its rows are accepted, and nowhere afterwards: a trigger or a rule makes something else of them"

FEW = 6
"""Rows that are tried with columns that may be NULL and are not."""


class _Enough(BaseException):
    """Ends the drawing of rows. Of what is an Exception Hypothesis would want to know whether it comes again."""


class Trials:
    """Draws rows from pools, and asks the server how they are refused."""

    def __init__(self, session: Session, pools: Pools) -> None:
        self._session = session
        self.pools = pools
        self.spent = 0
        """Rows that were tried so far."""

    def row(
        self, name: TableName, fixed: Values | None = None, present: tuple[str, ...] = ()
    ) -> Callable[[Draft], Scenario]:
        """Draws a row of a table as a probe, behind all that it refers to, and with the rows that belong to it."""

        def build(draft: Draft) -> Scenario:
            statement, grouping = draft.whole(name, fixed, present), Grouping(draft, self.pools)
            setup = (*grouping.stand(self._setup(draft)),)
            *ahead, statement = grouping.stand([statement])
            return Scenario((*setup, *ahead), (Probe(statement, Accepted(1), "a row"),))

        return build

    def drawn(
        self,
        build: Callable[[Draft], Scenario],
        count: int,
        beside: Mapping[TableName, Sequence[NewRow]] | None = None,
    ) -> list[Scenario]:
        """Up to so many of what is built, ``beside`` rows that stand."""
        return examples(st.composite(lambda draw: build(Draft(draw, self.pools, beside)))(), count)

    def standing(self, name: TableName, fixed: Values, beside: Sequence[Insert]) -> tuple[SqlStatement, ...]:
        """A row of a table with all it refers to, as statements, ``beside`` others; none if it cannot be drawn."""
        others: dict[TableName, list[NewRow]] = {}
        for insert in beside:
            others.setdefault(insert.table, []).append(dict(insert.values))

        def build(draft: Draft) -> Scenario:
            draft.insert(name, fixed)
            return Scenario((*Grouping(draft, self.pools).stand(self._setup(draft)),), ())

        try:
            return next((scenario.setup for scenario in self.drawn(build, 1, others)), ())
        except (Unfillable, Unsupported, Missing):
            return ()

    def refusals(self, tries: Sequence[tuple[Sequence[SqlStatement], SqlStatement]]) -> list[ServerError | None]:
        """How each statement is refused behind others; None where it is accepted."""
        found: list[ServerError | None] = []
        # What stands before is put there once for all that come behind it.
        for _, group in itertools.groupby(tries, key=lambda each: tuple(map(id, each[0]))):
            same = list(group)
            self.spent += len(same)
            probes = tuple(Probe(text(statement), Accepted(), "a row") for _, statement in same)
            answer = self._session.replies(Scenario(tuple(map(text, same[0][0])), probes, waits=True))
            if isinstance(answer, ServerError):
                found += [answer] * len(same)
            else:
                found += [each.refusal for each in answer]
        return found

    def culprit(self, scenario: Scenario) -> Attempt | Obstacle | None:
        """The first statement of a scenario that is refused; or that its row is accepted, and is nowhere then."""
        tried = scenario.probes[0].statement
        wanted = tried.leaves if isinstance(tried, Execute) else tried
        assert isinstance(wanted, Insert)
        last = self.refusals([(scenario.setup, tried)])[0]
        if last is None:
            return Obstacle(wanted.table, NOWHERE) if self._vanishes(scenario.setup, tried, wanted.table) else None
        statements = (*scenario.setup, tried)
        place = self._place(statements)
        before, statement = statements[:place], statements[place]
        refusal = self.refusals([(before, statement)])[0]
        insert = statement.leaves if isinstance(statement, Execute) else statement
        if refusal is None:
            # Functions may change their mind: what is sure is that the row was refused.
            return Attempt(scenario.setup, wanted, last, _beside(tried))
        if not isinstance(insert, Insert):
            return Obstacle(wanted.table, f"rows that stand cannot be taken away: {refusal}")
        return Attempt(before, insert, refusal, _beside(statement))

    def _vanishes(self, setup: Sequence[SqlStatement], tried: SqlStatement, name: TableName) -> bool:
        """Whether a table, with those that inherit from it, has no more rows than before one was accepted."""
        table = self.pools.catalog.table(name)
        before = [each for each in table.triggers if each.timing == "before" and "insert" in each.events]
        if not before and not table.has_instead_rule("insert"):
            return False
        count = Postcondition(f"select count(*)::text from {qualified(name)}", "", "rows")
        probes = tuple(Probe(each, Accepted(), "a row", then=count) for each in (Execute("select"), text(tried)))
        answer = self._session.replies(Scenario(tuple(map(text, setup)), probes))
        return not isinstance(answer, ServerError) and answer[0].then == answer[1].then

    def _place(self, statements: Sequence[SqlStatement]) -> int:
        """Which of the statements is refused first, by halves: the last one if all others stand."""
        low, high = 0, len(statements) - 1
        while low < high:
            middle = (low + high) // 2
            refusal = self.refusals([(statements[:middle], statements[middle])])[0]
            if refusal is None or self.waits(refusal):
                low = middle + 1
            else:
                high = middle
        return low

    def waits(self, refusal: ServerError) -> bool:
        """Whether it is a deferred foreign key that refuses, which may find its row later."""
        holder = self.pools.catalog.tables.get(refusal.table_name) if refusal.table_name else None
        keys = holder.foreign_keys if holder and refusal.sqlstate == "23503" else ()
        return any(key.deferred for key in keys if key.name == refusal.constraint)

    def patiently(
        self, build: Callable[[Draft], Scenario], count: int
    ) -> list[tuple[tuple[SqlStatement, ...], SqlStatement]]:
        """Up to so many rows, each with what stands before it; none where most that are begun come to nothing."""
        tries = itertools.count(1)

        def impatient(draft: Draft) -> Scenario:
            try:
                return build(draft)
            except UnsatisfiedAssumption:
                # Hypothesis would go on for hundreds of rows that cannot be.
                if next(tries) < PATIENCE:
                    raise
                raise _Enough from None

        try:
            return [(each.setup, each.probes[0].statement) for each in self.drawn(impatient, count)]
        except (Unfillable, Unsupported, Missing, _Enough):
            return []

    @contextmanager
    def supposing(self, table: TableName, hints: RowHints) -> Iterator[None]:
        """Meanwhile rows of a table are made as if this were known of them."""
        row_hints = dict(self.pools.row_hints)
        self.pools.add_hints(table, hints)
        try:
            yield
        finally:
            self.pools.replace_hints(row_hints)

    def _setup(self, draft: Draft) -> tuple[SqlStatement, ...]:
        """What stands before a row that was drawn."""
        return standing(draft, draft.inserts, self.pools.oracle.may_disable_triggers)


@dataclass(frozen=True)
class Case:
    """A row that was refused, and the ``bodies`` of the functions that were at it, ``near`` the place where they were.

    If ``lenient``, what gets further is a lesson as well. If ``picky``, other rows of the table are accepted: what lets
    some rows pass where others are still refused may be chance, and is no lesson.
    """

    trials: Trials
    table: Table
    attempt: Attempt
    bodies: tuple[str, ...]
    lenient: bool = False
    picky: bool = False
    near: str = ""

    @property
    def pools(self) -> Pools:
        """What rows are drawn from."""
        return self.trials.pools

    @cached_property
    def hints(self) -> Hints:
        """What the functions' constants let suppose."""
        return of_bodies(self.bodies)

    def refused(self, before: Sequence[SqlStatement], statement: SqlStatement | None = None) -> ServerError | None:
        """How the row, or another statement, is refused behind these."""
        return self.trials.refusals([(before, statement or self.attempt.statement)])[0]

    def accepted(self, rows: Sequence[Values], more: Sequence[SqlStatement] = ()) -> list[bool]:
        """Which of these are accepted in place of the row that was refused, or get further if that will do."""
        before = (*self.attempt.before, *more)
        if more and not self.stands(before):
            return [False] * len(rows)
        found = self.trials.refusals([(before, self.attempt.instead(row)) for row in rows])
        return [each is None or self.further(each) for each in found]

    def further(self, refusal: ServerError) -> bool:
        """Whether a row that is refused as well at least got further, if that will do."""
        return self.lenient and further(self.table, refusal, self.attempt.refusal)

    def past(self, refusal: ServerError | None) -> bool:
        """Whether a row is not refused by the rule that refused the first one."""
        before = self.attempt.refusal
        return refusal is None or (refusal.sqlstate, refusal.constraint) != (before.sqlstate, before.constraint)

    @cached_property
    def mentioned(self) -> list[Table]:
        """The tables that the functions name, without the row's own."""
        spoken = words(self.bodies, r"[\w.]+")
        return [
            each
            for each in self.pools.catalog.tables.values()
            if each.name != self.table.name and ({str(each.name).lower(), each.name.table.lower()} & spoken)
        ]

    def shown(self, name: str) -> list[str]:
        """What the views that the functions look into show in a column of this name."""
        return [value for view in self._views for value in self.pools.oracle.shown(view, name)]

    @cached_property
    def _views(self) -> tuple[str, ...]:
        return tuple(self.pools.oracle.views(words(self.bodies)))

    def fewest(self, table: TableName, columns: tuple[str, ...]) -> tuple[str, ...]:
        """Of columns that may be NULL those that must not be, for rows to be accepted; none if that is no help."""
        most = len(self._helped(table, RowHints(present=columns))) if columns else 0
        for column in columns if most else ():
            fewer = tuple(name for name in columns if name != column)
            helped = self._helped(table, RowHints(present=fewer)) if fewer else []
            # Rows differ: the column may have been there by chance.
            if len(helped) >= most and any(values[column] is None for row in helped for values in row):
                columns = fewer
        return columns if most else ()

    def takes(self, fixed: Values) -> bool:
        """Whether rows with these values are accepted, or at least not refused as the first one was."""
        rows = self.trials.patiently(self.trials.row(self.table.name, fixed), SURE)
        found = self.trials.refusals(rows)
        if len(rows) <= SURE // 2 or None not in found:
            return False
        return not any(self.same(each) for each in found if each is not None)

    def same(self, refusal: ServerError) -> bool:
        """Whether a row is refused where the first one was."""
        return same_place(refusal, self.attempt.refusal)

    def helps(self, hints: RowHints) -> bool:
        """Whether some rows are accepted if this is known of them, or all get further if that will do."""
        return bool(self._helped(self.table.name, hints))

    def _helped(self, table: TableName, hints: RowHints) -> list[list[Values]]:
        """Of some rows those that are accepted, each with all there is of a table of which this is known.

        If those will do that get further all have to, as rows differ, and one may get further by chance.
        """
        with self.trials.supposing(table, hints):
            rows = self.trials.patiently(self.trials.row(self.table.name), FEW)
        refusals = [self.refused(*row) for row in rows]
        if self.picky and any(each is not None and self.same(each) for each in refusals):
            return []
        accepted = [row for row, refusal in zip(rows, refusals, strict=True) if refusal is None]
        if not accepted and self.lenient and all(each is not None and self.further(each) for each in refusals):
            accepted = [row for row in rows if self.stands(row[0])]
        return [
            [each.values for each in (*before, row) if isinstance(each, Insert) and each.table == table]
            for before, row in accepted
        ]

    def stands(self, before: Sequence[SqlStatement]) -> bool:
        """Whether these rows are accepted: what they were refused for is no progress of a row behind them."""
        refusal = self.refused(before[:-1], before[-1]) if before else None
        return refusal is None or self.trials.waits(refusal)


def _beside(statement: SqlStatement) -> tuple[Insert, ...]:
    """The rows that a statement inserts beside the one that it is about."""
    return statement.beside if isinstance(statement, Execute) else ()


def comparable(one: Column, other: Column) -> bool:
    """Whether values of one column can be those of another: all integers can be compared."""
    integers = ("int2", "int4", "int8")
    return one.base_name == other.base_name or (one.base_name in integers and other.base_name in integers)
