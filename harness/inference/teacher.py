"""Fills tables, goes through the lessons where rows are refused, and keeps those that lead to a row."""

from __future__ import annotations

from collections.abc import Callable

from harness.catalog.graph import ancestors
from harness.catalog.model import Missing, Table
from harness.inference import beside, columns, parents
from harness.inference.attempt import Attempt, Obstacle, dynamic, functions, place, running
from harness.inference.texts import Texts
from harness.inference.trials import Case, Trials
from harness.probes import Session
from harness.project.model import TableName
from harness.solver.pools import Pools
from harness.solver.row_hints import RowHints
from harness.solver.rules import Unfillable
from harness.values.types import Unsupported

TRIES = 12
"""Rows that are drawn before a table counts as one that refuses them."""

LESSONS = 16
"""Lessons learnt for one table and the tables above it before it is given up."""

BUDGET = 4000
"""Rows that are tried for one table before it is given up, and once more when it is filled: a few seconds."""

NAMELESS = ("42P01", "42883", "42704")
"""A function names a table, a function or a type that is not there: no row can help that."""

PICKY = 6
"""Rows of a table that are tried once it is filled: where some of them are refused, there is more to learn."""

Lesson = Callable[[Case], "RowHints | tuple[TableName, RowHints] | None"]
"""What is found out of the table whose row was refused, or of another one above it."""

_BY_TRIGGER: tuple[Lesson, ...] = (
    parents.makes,
    parents.in_the_way,
    columns.empty,
    parents.parent_value,
    columns.value,
    parents.lead,
    columns.tied,
    columns.present,
    parents.present,
    parents.agree,
    beside.looked_up,
    beside.looked_up_above,
    beside.sibling,
    parents.past_those,
)
_BY_REFERENCE: tuple[Lesson, ...] = (parents.row_before, parents.lead, columns.value, columns.tied)
_BY_KEY: tuple[Lesson, ...] = (parents.made,)


class Teacher:
    """Fills tables, and lets pools know what it takes."""

    def __init__(self, session: Session, pools: Pools) -> None:
        self._trials = Trials(session, pools)
        self._pools = pools
        self.learnt: dict[TableName, RowHints] = {}
        self._given_up: dict[TableName, Obstacle] = {}
        self._told: dict[TableName, Texts] = {}
        self._until = 0

    def fill(self, name: TableName) -> Obstacle | None:
        """Whether a row of the table, with all it refers to, is accepted; else what stood in the way."""
        learnt, row_hints = dict(self.learnt), dict(self._pools.row_hints)
        self._until = self._trials.spent + BUDGET
        try:
            found = self._filled(name)
            if found is None:
                self._until = self._trials.spent + BUDGET
                self._refine(name)
        except (Unfillable, Unsupported, Missing) as reason:
            found = Obstacle(name, str(reason))
        except Exception:
            self._forget(learnt, row_hints)
            raise
        if found is not None:
            self._given_up.setdefault(found.table, found)
            # What did not lead to a row in the end was no lesson.
            self._forget(learnt, row_hints)
        return found

    def _forget(self, learnt: dict[TableName, RowHints], row_hints: dict[TableName, RowHints]) -> None:
        """Goes back to what was known before."""
        self.learnt = learnt
        self._pools.replace_hints(row_hints)

    def take_heart(self) -> None:
        """Has tables that were given up tried again."""
        self._given_up.clear()

    def _filled(self, name: TableName) -> Obstacle | None:
        for _ in range(LESSONS):
            refused = self._tried(name)
            if not isinstance(refused, Attempt):
                return refused
            if refused.insert.table in self._given_up and refused.insert.table != name:
                return self._given_up[refused.insert.table]
            if not self._learn(refused):
                return self._obstacle(refused)
        refused = self._tried(name)
        return self._obstacle(refused) if isinstance(refused, Attempt) else refused

    def _obstacle(self, attempt: Attempt) -> Obstacle:
        return attempt.obstacle(self._pools.catalog.table(attempt.insert.table))

    def _refine(self, name: TableName) -> None:
        """Learns what rows lack, where triggers refuse some of them."""
        if not any(
            table.triggers or self._texts(table).checks for table in ancestors(self._pools.catalog, name).values()
        ):
            return
        for _ in range(LESSONS):
            drawn = self._trials.drawn(self._trials.row(name), PICKY)
            found = [self._trials.culprit(scenario) for scenario in drawn]
            refused = [each for each in found if isinstance(each, Attempt) and self._is_taught(each)]
            # Of those refused at one place the last will do: the first ones are the simplest, and alike by chance.
            places = {place(each.refusal) or each.refusal.constraint: each for each in refused}
            if len(refused) < 2 or not any(self._learn(each, picky=True) for each in reversed(places.values())):
                return

    def _is_taught(self, attempt: Attempt) -> bool:
        """Whether functions refused the row, of which something can be learnt."""
        table = self._pools.catalog.table(attempt.insert.table)
        return bool(running(attempt.refusal) or self._texts(table).called_by(attempt.refusal))

    def _tried(self, name: TableName) -> Attempt | Obstacle | None:
        """None if one of several rows was accepted, else how the first one was refused."""
        first: Attempt | Obstacle | None = None
        for count in (1, TRIES):
            for scenario in self._trials.drawn(self._trials.row(name), count):
                found = self._trials.culprit(scenario)
                if found is None:
                    return None
                if isinstance(found, Attempt) and found.insert.table in self._given_up:
                    return found
                # The first is the simplest: there is least to learn from it.
                first = first or found
        return first or Obstacle(name, "no row could be drawn that keeps all rules")

    def _learn(self, attempt: Attempt, picky: bool = False) -> bool:
        """Whether something was found with which the row is accepted, or, if not ``picky``, at least gets further."""
        if attempt.refusal.sqlstate in NAMELESS and not dynamic(attempt.refusal):
            return False
        table = self._pools.catalog.table(attempt.insert.table)
        texts = self._texts(table)
        called = texts.called_by(attempt.refusal)
        suspects = (*called, *functions(table, attempt))
        bodies, near = (*called.values(), *texts.all(suspects)), texts.near(attempt.refusal)
        by_reference = attempt.refusal.sqlstate == "23503"
        lessons = _BY_KEY if not suspects else _BY_REFERENCE if by_reference else _BY_TRIGGER
        for lenient in (False,) if picky else (False, True):
            case = Case(self._trials, table, attempt, bodies, lenient, picky, near)
            for lesson in lessons:
                found = lesson(case) if self._trials.spent < self._until else None
                if found is not None and self._take(*(found if isinstance(found, tuple) else (table.name, found))):
                    return True
        return False

    def _texts(self, table: Table) -> Texts:
        if table.name not in self._told:
            self._told[table.name] = Texts(self._pools, table)
        return self._told[table.name]

    def _take(self, table: TableName, found: RowHints) -> bool:
        """Whether this is news, and rows can be made of it."""
        row_hints = dict(self._pools.row_hints)
        self._pools.add_hints(table, found)
        if self._pools.row_hints == row_hints:
            return False
        try:
            self._pools.of(self._pools.catalog.table(table))
        except Unfillable:
            # It helped one row, but no rule would let it be so.
            self._pools.replace_hints(row_hints)
            return False
        self.learnt[table] = self.learnt.get(table, RowHints()) | found
        return True
