"""A refused row, and the experiments with it that searches for hints do.

Decides whether a hint helps: rows are accepted with it, or get further.
Not here: which hints are tried in which order (``finder.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.catalog.model import Column, Table
from harness.inference.attempt import Attempt, at_same_place, got_further
from harness.inference.trials import Trials
from harness.probes import Insert, ServerError, SqlStatement, claim_texts
from harness.project.model import TableName, Values
from harness.solver import Pools, RowHints
from harness.values.constants import RuleConstants, constants_of_bodies, words

SURE = 8
"""Rows that are tried before a value of a column counts as what was lacking."""

FEW = 6
"""Rows that are tried with nullable columns that are not NULL."""


@dataclass(frozen=True)
class Case:
    """A refused row, the ``bodies`` of the functions that may have refused it, and the lines ``near`` the error.

    If it is to ``accept_progress``, a row that gets further also counts as accepted. If ``strict``, other rows of the
    table are accepted: then a hint has to help all rows, as some may pass by chance.
    """

    trials: Trials
    table: Table
    attempt: Attempt
    bodies: tuple[str, ...]
    near: str
    accept_progress: bool
    strict: bool

    @property
    def pools(self) -> Pools:
        return self.trials.pools

    @property
    def values(self) -> Values:
        """The values of the refused row."""
        return self.attempt.insert.values

    @property
    def known(self) -> RowHints:
        """The hints for the table that are known already."""
        return self.pools.hints(self.table.name)

    @cached_property
    def constants(self) -> RuleConstants:
        """The constants of the functions, and those of the claims by which rows are written."""
        return constants_of_bodies(self.bodies).also(claim_texts(self.known.claims))

    @cached_property
    def words(self) -> set[str]:
        """The words of the functions, in lower case."""
        return words(self.bodies)

    def error(self, before: Sequence[SqlStatement], statement: SqlStatement | None = None) -> ServerError | None:
        """The error of the row, or of another statement, behind these statements."""
        return self.trials.errors([(before, statement or self.attempt.statement)])[0]

    def accepted(self, rows: Sequence[Values], more: Sequence[SqlStatement] = ()) -> list[bool]:
        """For each row whether it is accepted in place of the refused one, behind ``more`` statements."""
        before = (*self.attempt.before, *more)
        if more and not self.is_valid_setup(before):
            return [False] * len(rows)
        found = self.trials.errors([(before, self.attempt.with_row(row)) for row in rows])
        return [each is None or self.is_progress(each) for each in found]

    def is_progress(self, error: ServerError) -> bool:
        """Whether a row with this error got further than the refused one, and that counts."""
        return self.accept_progress and got_further(self.table, error, self.attempt.error)

    def passes(self, error: ServerError | None) -> bool:
        """Whether a row with this error, or None, passes the rule that refused the first one."""
        first = self.attempt.error
        return error is None or (error.sqlstate, error.constraint) != (first.sqlstate, first.constraint)

    @cached_property
    def mentioned(self) -> list[Table]:
        """The tables that the functions name, without the row's own."""
        names = words(self.bodies, r"[\w.]+")
        return [
            each
            for each in self.pools.catalog.tables.values()
            if each.name != self.table.name and ({each.name.plain.lower(), each.name.table.lower()} & names)
        ]

    def view_values(self, name: str) -> list[str]:
        """The values of a column of this name in the views that the functions read."""
        return [value for view in self._views for value in self.pools.introspection.view_values(view, name)]

    @cached_property
    def _views(self) -> tuple[str, ...]:
        return tuple(self.pools.introspection.views(self.words))

    def fewest_present(self, table: TableName, columns: tuple[str, ...]) -> tuple[str, ...]:
        """The nullable columns, of these, that must not be NULL for rows to be accepted; none if that is no help."""
        most = len(self._helped(table, RowHints(present=columns))) if columns else 0
        for column in columns if most else ():
            fewer = tuple(name for name in columns if name != column)
            helped = self._helped(table, RowHints(present=fewer)) if fewer else []
            # Rows differ: the column may have been present by chance.
            if len(helped) >= most and any(values[column] is None for row in helped for values in row):
                columns = fewer
        return columns if most else ()

    def accepts(self, fixed: Values) -> bool:
        """Whether some rows with these values are accepted, and none is refused where the first one was."""
        rows = self.trials.patiently(self.trials.row(self.table.name, fixed), SURE)
        found = self.trials.errors(rows)
        if len(rows) <= SURE // 2 or None not in found:
            return False
        return not any(at_same_place(each, self.attempt.error) for each in found if each is not None)

    def helps(self, hints: RowHints) -> bool:
        """Whether rows are accepted with these hints: some, or, if progress counts, all get further."""
        return bool(self._helped(self.table.name, hints))

    def _helped(self, table: TableName, hints: RowHints) -> list[list[Values]]:
        """The rows that are accepted with these hints for a table, each with all the rows of that table.

        If progress counts, all have to get further: rows differ, and one may get further by chance.
        """
        with self.trials.supposing(table, hints):
            rows = self.trials.patiently(self.trials.row(self.table.name), FEW)
            errors = [self.error(*row) for row in rows]
        if self.strict and any(each is not None and at_same_place(each, self.attempt.error) for each in errors):
            return []
        accepted = [row for row, error in zip(rows, errors, strict=True) if error is None]
        if (
            not accepted
            and self.accept_progress
            and all(each is not None and self.is_progress(each) for each in errors)
        ):
            accepted = [row for row in rows if self.is_valid_setup(row[0])]
        return [
            [each.values for each in (*before, row) if isinstance(each, Insert) and each.table == table]
            for before, row in accepted
        ]

    def is_valid_setup(self, statements: Sequence[SqlStatement]) -> bool:
        """Whether these statements are accepted: else an error of theirs would count as progress of the row."""
        error = self.error(statements[:-1], statements[-1]) if statements else None
        return error is None or self.trials.is_deferred(error)


def comparable(one: Column, other: Column) -> bool:
    """Whether values of one column can be values of the other: integers of all sizes can."""
    integers = ("int2", "int4", "int8")
    return one.base_name == other.base_name or (one.base_name in integers and other.base_name in integers)
