"""Probes that differ in nothing but values: stated once, tried in a loop on the server and judged there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

from harness.probes.probe import Probe
from harness.probes.reply import Reply
from harness.probes.statement import Insert, Update
from harness.project.model import Tuple, Values


@dataclass(frozen=True)
class Variants:
    """Values for columns that the probes of a family are not about: each probe is tried with each of the rows."""

    columns: tuple[str, ...] = ()
    rows: tuple[Tuple, ...] = ((),)

    @property
    def values(self) -> Iterator[Values]:
        """Each of the rows as values by their columns."""
        return (dict(zip(self.columns, row, strict=True)) for row in self.rows)


@dataclass(frozen=True)
class Family:
    """For each of ``rows``, values for ``columns``, one probe like ``of``; ``variants`` multiply them.

    The statement of ``of`` is an INSERT or an UPDATE, with neither settings nor anything asked before or after it.
    If ``named``, reports say these values first.
    """

    of: Probe
    columns: tuple[str, ...]
    rows: tuple[Tuple, ...]
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
        """The probe of this number, from 0."""
        row, variant = divmod(member, len(self.variants.rows))
        changes = dict(zip(self.columns, self.rows[row], strict=True))
        beside = dict(zip(self.variants.columns, self.variants.rows[variant], strict=True))
        value = show(changes) if self.named else self.of.value
        return replace(self.of, statement=_with(self.statement, {**beside, **changes}), value=value)

    def probes(self) -> Iterator[Probe]:
        """All of them, one by one."""
        return map(self.probe, range(len(self)))

    @cached_property
    def fixed(self) -> Values:
        """What the statement puts into a row that is the same in all probes."""
        values = self.statement.values if isinstance(self.statement, Insert) else self.statement.set
        varied = {*self.columns, *self.variants.columns}
        return {column: value for column, value in values.items() if column not in varied}


@dataclass(frozen=True)
class Tally:
    """What came of a family: how many were as expected, and the replies to the others by their number."""

    as_wanted: int
    others: tuple[tuple[int, Reply], ...] = ()


def show(values: Values) -> str:
    """Values for a report: ``'whim'`` for one column, ``a = 1, b = null`` for several."""
    if len(values) == 1:
        return shorten(next(iter(values.values())))
    return ", ".join(f"{column} = {shorten(value)}" for column, value in values.items())


def shorten(value: str | None, limit: int = 60) -> str:
    """A value between quotes, cut in the middle of what nobody reads."""
    if value is None:
        return "null"
    if len(value) > limit:
        return f"'{value[:20]}…' ({len(value)} characters)"
    return f"'{value}'"


def _with(statement: Insert | Update, changes: Values) -> Insert | Update:
    if isinstance(statement, Insert):
        return Insert(statement.table, {**statement.values, **changes})
    return Update(statement.table, statement.key, {**statement.set, **changes})
