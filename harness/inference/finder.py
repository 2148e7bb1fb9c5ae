"""Fills tables, searches hints where rows are refused, and keeps the hints that lead to a row.

Decides the order of the searches, and when a table is given up. Drops hints that lead to no row, or that no row can
keep together with the rules.
Not here: which tables count as empty or full (``adopt/filling.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.catalog import Missing, Table, ancestors
from harness.inference import columns, parents, required_rows, users
from harness.inference.attempt import Attempt, Blocker, FunctionTexts, functions, innermost, is_dynamic, running
from harness.inference.case import Case
from harness.inference.trials import Trials
from harness.probes import Session
from harness.project.model import TableName
from harness.solver import Memo, Pools, RowHints, Unfillable
from harness.values.types import Unsupported

TRIES = 12
"""Rows that are drawn before a table counts as one that refuses them."""

HINTS = 16
"""Hints found for one table and its ancestors before it is given up."""

BUDGET = 4000
"""Rows that are tried for one table before it is given up, and once more when it is filled: a few seconds."""

UNKNOWN_NAME = ("42P01", "42883", "42704")
"""A function names a table, a function, a type or a setting that does not exist: no values can help that."""

REFINED = 6
"""Rows of a table that are tried once it is filled: where some of them are refused, more hints are searched."""

HintSearch = Callable[[Case], "RowHints | tuple[TableName, RowHints] | None"]
"""Searches hints for the table whose row was refused, or for another one, which is returned with them."""

_BY_TRIGGER: tuple[HintSearch, ...] = (
    users.user,
    parents.trigger_creates,
    parents.conflicting_value,
    columns.null_together,
    parents.parent_value,
    columns.value,
    parents.logical_reference,
    columns.tied_value,
    columns.present,
    parents.present,
    parents.same_ancestors,
    required_rows.by_own_values,
    required_rows.by_values_of_ancestor,
    required_rows.by_common_parent,
    parents.bypass_triggers,
    users.assumed,
)
_BY_REFERENCE: tuple[HintSearch, ...] = (
    users.user,
    parents.required_first,
    parents.logical_reference,
    columns.value,
    columns.tied_value,
)
_BY_KEY: tuple[HintSearch, ...] = (parents.created_by_trigger,)


class HintFinder:
    """Fills tables, and adds to the pools the hints that this takes. ``found`` are the hints of each table."""

    def __init__(self, session: Session, pools: Pools) -> None:
        self._trials = Trials(session, pools)
        self._pools = pools
        self.found: dict[TableName, RowHints] = {}
        self._given_up: dict[TableName, Blocker] = {}
        self._memo = Memo()
        self._until = 0
        self._in_vain: dict[object, Mapping[TableName, RowHints]] = {}
        """The hints that were known, by the table and the place where rows are refused, when none more was found."""

    def fill(self, name: TableName) -> Blocker | None:
        """None if a row of the table, with all it refers to, is accepted; else what refuses it."""
        found, row_hints = dict(self.found), dict(self._pools.row_hints)
        self._until = self._trials.spent + BUDGET
        try:
            self._find_user(users.of_check, name)
            blocker = self._fill(name)
            if blocker is None:
                self._until = self._trials.spent + BUDGET
                self._refine(name)
                self._find_user(users.of_default, name)
        except (Unfillable, Unsupported, Missing) as reason:
            blocker = Blocker(name, str(reason))
        except Exception:
            self._reset(found, row_hints)
            raise
        if blocker is not None:
            self._given_up.setdefault(blocker.table, blocker)
            # Hints that did not lead to a row are dropped.
            self._reset(found, row_hints)
        return blocker

    def _find_user(self, search: Callable[[Trials, Table], RowHints | None], name: TableName) -> None:
        hints = search(self._trials, self._pools.catalog.table(name))
        if hints is not None:
            self._add(name, hints)

    def _reset(self, found: dict[TableName, RowHints], row_hints: Mapping[TableName, RowHints]) -> None:
        self.found = found
        self._pools.replace_hints(row_hints)

    def retry(self) -> None:
        """Has tables that were given up tried again."""
        self._given_up.clear()
        self._in_vain.clear()

    def _fill(self, name: TableName) -> Blocker | None:
        for _ in range(HINTS):
            refused = self._try(name)
            if not isinstance(refused, Attempt):
                return refused
            if refused.insert.table in self._given_up and refused.insert.table != name:
                return self._given_up[refused.insert.table]
            if not self._search(refused):
                return self._blocker(refused)
        refused = self._try(name)
        return self._blocker(refused) if isinstance(refused, Attempt) else refused

    def _blocker(self, attempt: Attempt) -> Blocker:
        return attempt.blocker(self._pools.catalog.table(attempt.insert.table))

    def _refine(self, name: TableName) -> None:
        """Searches hints for a table that is filled, but of which triggers refuse some rows."""
        tables = ancestors(self._pools.catalog, name).values()
        if not any(table.triggers or self._texts_of(table).checks for table in tables):
            return
        for _ in range(HINTS):
            refused = [
                each
                for each in map(self._trials.culprit, self._trials.drawn(self._trials.row(name), REFINED))
                if isinstance(each, Attempt) and self._is_by_functions(each)
            ]
            # Of those refused at one place the last will do: the first ones are the simplest, and equal by chance.
            places = {innermost(each.error) or each.error.constraint: each for each in refused}
            cases = reversed(places.items())
            if len(refused) < 2 or not any(self._search_strictly(each, place) for place, each in cases):
                return

    def _search_strictly(self, attempt: Attempt, place: object) -> bool:
        """Searches hints for all rows of a table, unless that was in vain before, for rows that refer to it."""
        above = ancestors(self._pools.catalog, attempt.insert.table)
        known = {name: self._pools.hints(name) for name in above}
        where = attempt.insert.table, place
        if self._in_vain.get(where) == known:
            return False
        found = self._search(attempt, strict=True)
        if not found and self._trials.spent < self._until:
            self._in_vain[where] = known
        return found

    def _is_by_functions(self, attempt: Attempt) -> bool:
        """Whether functions refused the row: their texts may contain hints."""
        table = self._pools.catalog.table(attempt.insert.table)
        return bool(running(attempt.error) or self._texts_of(table).called_by(attempt.error))

    def _try(self, name: TableName) -> Attempt | Blocker | None:
        """None if one of several rows was accepted, else how the first one was refused."""
        first: Attempt | Blocker | None = None
        for count in (1, TRIES):
            for scenario in self._trials.drawn(self._trials.row(name), count):
                found = self._trials.culprit(scenario)
                if found is None:
                    return None
                if isinstance(found, Attempt) and found.insert.table in self._given_up:
                    return found
                # The first row is the simplest: fewest things in it can be wrong.
                first = first or found
        return first or Blocker(name, "no row could be drawn that keeps all rules")

    def _search(self, attempt: Attempt, *, strict: bool = False) -> bool:
        """Whether hints were found with which the row is accepted, or, if not ``strict``, at least gets further."""
        table = self._pools.catalog.table(attempt.insert.table)
        texts = self._texts_of(table)
        called = texts.called_by(attempt.error)
        suspects = (*called, *functions(table, attempt))
        bodies, near = (*called.values(), *texts.all(suspects)), texts.near(attempt.error)
        searches = _BY_KEY if not suspects else _BY_REFERENCE if attempt.error.sqlstate == "23503" else _BY_TRIGGER
        if attempt.error.sqlstate in UNKNOWN_NAME and not is_dynamic(attempt.error):
            searches = (users.user,)
        for accept_progress in (False,) if strict else (False, True):
            case = Case(self._trials, table, attempt, bodies, near, accept_progress, strict)
            for search in searches:
                found = search(case) if self._trials.spent < self._until else None
                if found is not None and self._add(*(found if isinstance(found, tuple) else (table.name, found))):
                    return True
        return False

    def _texts_of(self, table: Table) -> FunctionTexts:
        return self._memo(table.name, lambda: FunctionTexts(self._pools, table))

    def _add(self, table: TableName, hints: RowHints) -> bool:
        """Adds hints to the pools; False if they are known already, or no row keeps both them and the rules."""
        row_hints = dict(self._pools.row_hints)
        self._pools.add_hints(table, hints)
        if self._pools.row_hints == row_hints:
            return False
        try:
            self._pools.of(self._pools.catalog.table(table))
        except Unfillable:
            self._pools.replace_hints(row_hints)
            return False
        self.found[table] = self.found.get(table, RowHints()) | hints
        return True
