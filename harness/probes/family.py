"""Scenarios: rows, and the probes tried on them, single ones or families.

The probes of a family differ only in values: they are stated once, tried in a loop on the server and judged there.
Not here: the text of that loop (``loops.py``), and which probes are tried (``kinds``).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from harness.probes.probe import Probe
from harness.probes.reply import Reply
from harness.probes.statement import Insert, SqlStatement, Update, written
from harness.project.model import TableName, Values

FamilyRow = tuple[str | None, ...]
"""The values of one row, in the order of the columns that the family names."""


@dataclass(frozen=True)
class Variants:
    """Values for other columns of a family's rows: each probe is tried with each row of ``rows``."""

    columns: tuple[str, ...] = ()
    rows: tuple[FamilyRow, ...] = ((),)

    @property
    def values(self) -> Iterator[Values]:
        """Each row as values by their columns."""
        return (dict(zip(self.columns, row, strict=True)) for row in self.rows)


@dataclass(frozen=True)
class Family:
    """One probe like ``of`` for each of ``rows``, which are values for ``columns``; ``variants`` multiply them.

    The statement of ``of`` is an INSERT or an UPDATE, without settings, a query before it or a postcondition.
    If ``named``, reports begin with the values of the row.
    """

    of: Probe
    columns: tuple[str, ...]
    rows: tuple[FamilyRow, ...]
    variants: Variants = field(default_factory=Variants)
    named: bool = False

    @property
    def statement(self) -> Insert | Update:
        assert isinstance(self.of.statement, Insert | Update), "a family is of INSERTs or of UPDATEs"
        return self.of.statement

    @property
    def aspect(self) -> str:
        return self.of.aspect

    def __len__(self) -> int:
        return len(self.rows) * len(self.variants.rows)

    def probe(self, member: int) -> Probe:
        """The probe with this number, counted from 0."""
        row, variant = divmod(member, len(self.variants.rows))
        changes = dict(zip(self.columns, self.rows[row], strict=True))
        other = dict(zip(self.variants.columns, self.variants.rows[variant], strict=True))
        value = show(changes) if self.named else self.of.value
        return replace(self.of, statement=_with(self.statement, {**other, **changes}), value=value)

    def probes(self) -> Iterator[Probe]:
        """The probes one by one."""
        return map(self.probe, range(len(self)))

    @cached_property
    def fixed(self) -> Values:
        """The values of the statement that are the same in all probes."""
        values = self.statement.values if isinstance(self.statement, Insert) else self.statement.set
        varied = {*self.columns, *self.variants.columns}
        return {column: value for column, value in written(values).items() if column not in varied}


@dataclass(frozen=True)
class FamilyReply:
    """The reply to a family: how many probes were as expected, and the replies to the others by their number."""

    as_expected: int
    others: tuple[tuple[int, Reply], ...] = ()


def show(values: Values) -> str:
    """Values for a report: ``'whim'`` for one column, ``a = 1, b = null`` for several."""
    if len(values) == 1:
        return shorten(next(iter(values.values())))
    return ", ".join(f"{column} = {shorten(value)}" for column, value in values.items())


def shorten(value: str | None, limit: int = 60) -> str:
    """A value between quotes; of a long one only the beginning and the length."""
    if value is None:
        return "null"
    if len(value) > limit:
        return f"'{value[:20]}…' ({len(value)} characters)"
    return f"'{value}'"


def _with(statement: Insert | Update, changes: Values) -> Insert | Update:
    if isinstance(statement, Insert):
        return Insert(statement.table, {**statement.values, **changes})
    return Update(statement.table, statement.key, {**statement.set, **changes})


@dataclass(frozen=True, repr=False)
class Scenario:
    """The ``setup`` inserts the rows that each probe finds; probes do not see one another.

    If it ``waits``, deferred constraints are not checked before a probe has added its row; if it is ``unsettled``, only
    after the probe's postcondition. Scenarios ``besides`` are made of the same draw. One that is ``optional`` says
    nothing where its rows are refused, as a whole or each.
    """

    setup: tuple[SqlStatement, ...]
    probes: tuple[Probe | Family, ...]
    waits: bool = field(default=False, kw_only=True)
    unsettled: bool = field(default=False, kw_only=True)
    optional: Literal["", "as a whole", "row by row"] = field(default="", kw_only=True)
    besides: tuple[Scenario, ...] = field(default=(), kw_only=True)

    @property
    def size(self) -> int:
        """The number of probes."""
        return sum(len(probe) if isinstance(probe, Family) else 1 for probe in self.probes)

    @property
    def filled(self) -> list[TableName]:
        """The tables that the probes insert into."""
        return [probe.statement.table for probe in self.probes if isinstance(probe.statement, Insert)]

    def one_by_one(self) -> Scenario:
        """The same scenario with single probes in place of families."""
        single = (probe.probes() if isinstance(probe, Family) else (probe,) for probe in self.probes)
        return replace(self, probes=tuple(itertools.chain.from_iterable(single)))

    def __repr__(self) -> str:
        return f"Scenario({len(self.setup)} statements, {self.size} probes)"

    def _repr_pretty_(self, printer: Any, *_: object) -> None:
        # Hypothesis spells out every scenario that fails while it shrinks: hundreds of rows each time.
        printer.text(repr(self))
