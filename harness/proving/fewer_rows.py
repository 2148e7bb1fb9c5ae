"""Leaves rows out of a failure: each is taken away, or shared, and the probe tried again on what is left.

Decides which rows may go: those of tables that the check does not name, if nothing that stays refers to them. Where a
rule is about each row by itself, other rows of its table may go as well; where a trigger may miss a row, only those
that no references connect with the row of the probe. The reply has to stay the same but for
numbers.
Not here: the values of the rows, which Hypothesis shrinks (``draws.py``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from harness.catalog import Catalog
from harness.declarations import DeclaredCheck
from harness.probes import (
    INSUFFICIENT_PRIVILEGE,
    Delete,
    Insert,
    NoRowChanged,
    Probe,
    Reply,
    ServerError,
    SqlStatement,
    literal,
    rows_of,
)
from harness.project.model import TableName, Values
from harness.proving.examiner import Failure

MOST = 80
"""Tries for one failure: each takes milliseconds."""

_OF_ROW = ("23502", "23505", "23514", "23P01")
"""SQLSTATEs of rules that no missing row can make refuse; a foreign key is one for DELETE only."""


@dataclass(frozen=True)
class FewerRows:
    """Tries a failure with fewer rows; ``again`` is how a failure fails now, None where it does not."""

    check: DeclaredCheck
    catalog: Catalog
    again: Callable[[Failure], Failure | None]

    def of(self, failure: Failure) -> Failure:
        """Returns the failure with the fewest rows that were found."""
        if not self._depends_on_no_missing_row(failure):
            return self._same(failure, list(self._connected(failure))) or failure
        tries = iter(range(MOST))
        failure = self._same(failure, list(self._useless(failure))) or failure
        for row in reversed(failure.setup):
            if row in [*self._free(failure)] and next(tries, None) is not None:
                failure = self._same(failure, [each for each in failure.setup if each is not row]) or failure
        for row in failure.setup:
            for shared in self._sharing(failure, row):
                if next(tries, None) is not None and (found := self._same(failure, shared)) is not None:
                    failure = found
                    break
        return failure

    def _same(self, failure: Failure, setup: Sequence[SqlStatement]) -> Failure | None:
        found = self.again(replace(failure, setup=tuple(setup))) if len(setup) < len(failure.setup) else None
        return found if found is not None and _shape(found) == _shape(failure) else None

    def _depends_on_no_missing_row(self, failure: Failure) -> bool:
        """Whether a refusal, if it was one, cannot come of a row that is not there."""
        refusal = failure.reply.refusal
        if refusal is None:
            return True
        if any(not name.startswith("harness_") for _, name in refusal.functions):
            return False
        of_delete = refusal.sqlstate == "23503" and isinstance(failure.probe.statement, Delete)
        return of_delete or refusal.sqlstate in _OF_ROW or _of_statement(refusal)

    def _connected(self, failure: Failure) -> Iterator[SqlStatement]:
        """Yields the setup without rows that no references connect with that of the probe, in either direction."""
        written = [*rows_of(failure.probe.statement)]
        left = [each for each in failure.setup if isinstance(each, Insert)]
        found: set[int] = set()
        while near := [each for each in left if self._is_beside_any(each, written)]:
            found |= {id(each) for each in near}
            written += [(each.table, each.values) for each in near]
            left = [each for each in left if id(each) not in found]
        return (each for each in failure.setup if not isinstance(each, Insert) or id(each) in found)

    def _is_beside_any(self, row: Insert, written: Sequence[tuple[TableName, Values]]) -> bool:
        """Whether a row is one of those that are written, or refers to one, or one refers to it."""
        return any(
            (table == row.table and values.items() <= row.values.items())
            or self._refers(table, values, row)
            or self._refers(row.table, row.values, Insert(table, values))
            for table, values in written
        )

    def _useless(self, failure: Failure) -> Iterator[SqlStatement]:
        """Yields the setup without rows that are free, and then without those that only these refer to."""
        setup = list(failure.setup)
        own = {id(each) for each in setup if not self._is_named(failure, each)}
        while gone := {id(each) for each in self._free(replace(failure, setup=tuple(setup)))} & own:
            setup = [each for each in setup if id(each) not in gone]
        return iter(setup)

    def _free(self, failure: Failure) -> Iterator[SqlStatement]:
        """Yields the inserts of the setup that may be left out, and to whose rows nothing refers."""
        for each in failure.setup:
            if not isinstance(each, Insert) or any(self._referring(failure, each)):
                continue
            if not self._is_named(failure, each) or self._is_beside(failure, each):
                yield each

    def _referring(self, failure: Failure, to: Insert) -> Iterator[SqlStatement]:
        for statement in (*failure.setup, failure.probe.statement):
            if any(self._refers(table, values, to) for table, values in rows_of(statement)):
                yield statement

    def _refers(self, table: TableName, values: Values, to: Insert) -> bool:
        known = self.catalog.tables.get(table)
        keys = [key for key in known.foreign_keys if key.references == to.table] if known else []
        return values is not to.values and any(
            all(values.get(own) is not None and values.get(own) == to.values.get(name) for own, name in key.pairs)
            for key in keys
        )

    def _is_named(self, failure: Failure, statement: SqlStatement) -> bool:
        """Whether the check is of this row's table, or names it."""
        if not isinstance(statement, Insert):
            return True
        texts = " ".join((repr(self.check.rule), *_texts(failure.probe)))
        name = rf"(?<!\w){re.escape(statement.table.table)}(?!\w)"
        return statement.table == self.check.table or re.search(name, texts) is not None

    def _is_beside(self, failure: Failure, row: Insert) -> bool:
        """Whether the probe says the same without this row of its table: it is about others."""
        probe = failure.probe
        if not self.check.rule.row_alone:
            return False
        told = probe.then.idle is not None if probe.then else isinstance(probe.expected, NoRowChanged)
        return told or (row.table == self.check.table and not names_row(probe, row.values, self._key(row)))

    def _key(self, row: Insert) -> Sequence[str]:
        table = self.catalog.tables.get(row.table)
        return (table.primary_key if table else ()) or tuple(row.values)

    def _sharing(self, failure: Failure, gone: SqlStatement) -> Iterator[list[SqlStatement]]:
        """Yields setups in which what refers to a row refers to another one of its table instead."""
        if not isinstance(gone, Insert) or self._is_named(failure, gone):
            return
        referring = list(self._referring(failure, gone))
        if any(self._is_named(failure, each) for each in referring):
            return
        for other in failure.setup:
            if isinstance(other, Insert) and other.table == gone.table and other is not gone:
                rest = [each for each in failure.setup if each is not other]
                turned = {id(each): self._turned(each, gone, other) for each in referring if isinstance(each, Insert)}
                yield [other if each is gone else turned.get(id(each), each) for each in rest]

    def _turned(self, row: Insert, gone: Insert, to: Insert) -> Insert:
        """Returns a row that refers to another row."""
        values = dict(row.values)
        for key in self.catalog.table(row.table).foreign_keys:
            if key.references == gone.table:
                values |= {
                    own: to.values.get(name) for own, name in key.pairs if values.get(own) == gone.values.get(name)
                }
        return Insert(row.table, values)


def names_row(probe: Probe, values: Values, key: Sequence[str]) -> bool:
    """Whether the texts of a probe name a row by its key."""
    texts = " ".join(_texts(probe))
    return all(literal(values.get(name)).strip() in texts for name in key)


def _texts(probe: Probe) -> Iterator[str]:
    """Yields the statements of a probe, without the row that it inserts."""
    statements = [*(probe.ahead or ()), probe.statement]
    yield from (each.sql for each in statements if not isinstance(each, Insert))
    yield from filter(None, (probe.before, probe.then and probe.then.sql))


def _of_statement(refusal: ServerError) -> bool:
    """Whether it is about the statement or a value: a policy may refuse a row for want of another one."""
    of_policy = refusal.sqlstate == INSUFFICIENT_PRIVILEGE and not refusal.message.startswith("permission denied")
    return refusal.sqlstate[:2] in ("22", "42") and not of_policy


def _shape(failure: Failure) -> tuple[object, ...]:
    """Returns what has to stay the same: a reply may only differ in numbers."""
    reply: Reply = failure.reply
    if (refusal := reply.refusal) is not None:
        return failure.probe.aspect, refusal.sqlstate, refusal.table_name, refusal.constraint, refusal.column
    return failure.probe.aspect, reply.rows > 0, re.sub(r"\d+( rows?)?", "#", reply.then or "")
