"""Rows by which one condition of a predicate alone decides: what lacks the condition, or has a wider one, shows there.

They are taken from rows that are worth trying anyway. Where none of them shows a condition, one is searched.
Not here: the conditions, and what says that a row shows one (``project/sql/deciding.py``).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from harness.kinds.base import NewRow, Subject
from harness.kinds.toolkit.changes import entries
from harness.oracle import Answer
from harness.solver.rules import Rule, Unfillable, deciding_columns

ASKED = 400
"""Rows that are asked about before others are searched."""

CONDITIONS = 40
"""Conditions, and ways to widen them, that are tried of one predicate."""


@dataclass(frozen=True)
class DecidingRows:
    """Finds a row for each condition for which there is one.

    It has values of ``columns``, which keep the ``rules`` beside NULL in all other columns. Where ``wider`` is given,
    these are more columns and more rules, and the row may have values of those, too.
    """

    subject: Subject
    columns: tuple[str, ...]
    rules: Sequence[str]
    wider: tuple[tuple[str, ...], Sequence[str]] = ((), ())

    def of(self, rows: Sequence[NewRow], conditions: Sequence[tuple[str, ...]]) -> tuple[list[NewRow], list[str]]:
        """Returns such rows, each once, and the conditions for which there is none; nothing of those that are wider.

        The rows are some of these ``rows``, of every set of columns one, or are searched. The oracle takes what a row
        has no value for as NULL.
        """
        conditions, asked = conditions[:CONDITIONS], rows[:ASKED]
        names = list(dict.fromkeys(name for row in asked for name in row))
        values = [tuple(row.get(name) for name in names) for row in asked]
        texts = [" and ".join(f"({each})" for each in said) for said in conditions]
        answers = self.subject.oracle.answers(self.subject.table, names, values, texts)
        found: list[NewRow] = []
        missing: list[str] = []
        for place, said in enumerate(conditions):
            shown = [row for row, each in zip(asked, answers, strict=True) if each[place] is Answer.TRUE]
            firsts = {tuple(row): row for row in reversed(shown)}
            own = [*firsts.values()] or self._searched(said)
            found += own
            missing += [said[-1]] if not own and said[:-1] not in conditions else []
        return [row for place, row in enumerate(found) if row not in found[:place]], missing

    def _searched(self, said: tuple[str, ...]) -> list[NewRow]:
        subject, (more, others) = self.subject, self.wider
        nulls: NewRow = {name: None for name in more if not subject.table.column(name).not_null}
        alone = self._pool(self.columns, self.rules, said) if {*more} <= {*nulls, *self.columns} else []
        return [{**nulls, **row} for row in alone] or (self._pool(more, others, said) if more else [])

    def _pool(self, columns: tuple[str, ...], rules: Sequence[str], said: tuple[str, ...]) -> list[NewRow]:
        subject, kept = self.subject, [Rule(each) for each in (*said, *rules)]
        if not {name for each in said for name in deciding_columns(subject.table, each)} <= {*columns}:
            return []  # the database's own rule is about other columns
        try:
            found = entries(subject.pools.pool_of(subject.table, columns, kept))[:ASKED]
        except Unfillable:
            return []
        # A rule that reads tables may have been left out.
        answers = subject.oracle.answers(subject.table, columns, [tuple(row.values()) for row in found], said)
        shown = (row for row, each in zip(found, answers, strict=True) if all(answer is Answer.TRUE for answer in each))
        return [*itertools.islice(shown, 1)]
