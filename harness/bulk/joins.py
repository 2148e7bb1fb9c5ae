"""Joins that give columns of new rows their values: the combinations of a pool, the keys of a parent.

Decides which combination and which parent the row with a number takes, and leaves out parents that are used already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.bulk.context import rows_of
from harness.bulk.series import N
from harness.catalog.model import ForeignKey, Table
from harness.probes.statement import identifier, literal, qualified
from harness.project.model import Tuple
from harness.solver.pool import Pool

MOST = 200
"""PoolJoin of a pool that are used."""

LONG = 300
"""Characters of a combination that is left out where shorter ones are."""


@dataclass
class PoolJoin:
    """A pool as an item of FROM. ``place`` is the expression for the number of the combination that a row takes.

    ``texts`` are the arguments of a template, for each combination.
    """

    number: int
    columns: tuple[str, ...]
    rows: list[Tuple]
    texts: list[tuple[str, ...]] = field(default_factory=list)
    place: str | None = None

    @classmethod
    def of(cls, number: int, pool: Pool, null: set[str], present: set[str]) -> PoolJoin:
        """The combinations in which ``null`` columns are NULL and ``present`` ones are not; short ones if possible."""
        places = {name: place for place, name in enumerate(pool.columns)}
        rows = [
            row
            for row in pool.rows
            if all(row[places[name]] is None for name in null & {*places})
            and all(row[places[name]] is not None for name in present & {*places})
        ]
        short = [row for row in rows if sum(len(value or "") for value in row) <= LONG]
        return cls(number, pool.columns, (short or rows)[:MOST])

    @property
    def alias(self) -> str:
        return f"harness_p{self.number}"

    def value(self, name: str) -> str:
        return f"{self.alias}.{identifier(name)}"

    def text(self, place: int) -> str:
        """The expression for an argument of a template, by its place."""
        return f"{self.alias}.harness_x{place}"

    def join(self, table: Table) -> str:
        """The item of FROM."""
        count, arguments = len(self.rows), self.texts or [()] * len(self.rows)
        values = ((*row, *texts) for row, texts in zip(self.rows, arguments, strict=True))
        rows = [f"({', '.join([str(number), *map(literal, each)])})" for number, each in enumerate(values)]
        texts = [f"harness_x{n}" for n in range(len(arguments[0]))]
        names = ", ".join(["place", *map(identifier, self.columns), *texts])
        typed = [f"v.{identifier(name)}::{table.column(name).type} as {identifier(name)}" for name in self.columns]
        place = self.place or f"({N} * 7919 + {N} / {count})"
        # OFFSET makes PostgreSQL cast once for each combination, and not for each row.
        return (
            f"join (select {', '.join(['v.place', *typed, *(f'v.{each}' for each in texts)])}"
            f" from (values {', '.join(rows)}) as v ({names}) offset 0) as {self.alias}"
            f" on {self.alias}.place = ({place}) % {count}"
        )


@dataclass
class ParentJoin:
    """The parent of a foreign key as an item of FROM. It decides its ``own`` columns; others have decided ``shared``.

    The parent has ``total`` rows. ``place`` is the expression for the number of the one that a row refers to. Where the
    ``condition`` is false the row refers to none. Rows that are referred to by one of ``unused_in`` are left out.
    """

    number: int
    key: ForeignKey
    parent: Table
    own: tuple[str, ...]
    shared: Mapping[str, str]
    needed: bool
    total: int
    place: str | None = None
    condition: str | None = None
    unused_in: Table | None = None

    @property
    def alias(self) -> str:
        return f"harness_f{self.number}"

    def value(self, name: str) -> str:
        """The expression for a column of the row, which the parent decides."""
        return f"{self.alias}.{identifier(dict(self.key.pairs)[name])}"

    def join(self) -> str:
        """The item of FROM."""
        # Each key has a prime of its own: two that refer to one table mostly choose different rows.
        number = self.place or f"{N} * {_PRIMES[self.number % len(_PRIMES)]} + {self.number}"
        how = "join" if self.needed else "left join"
        if self.shared:
            return self._join_by_shared(how, number)
        place = f"({number}) % {self.total}"
        if self.condition:
            place = f"case when {self.condition} then {place} end"
        return f"{how} ({self._parents('')}) as {self.alias} on {self.alias}.place = {place}"

    def _join_by_shared(self, how: str, number: str) -> str:
        """A join with one of the parents that agree with the values that the row has already."""
        names = [identifier(name) for name in self.shared]
        totals, condition = f"{self.alias}_t", f" and {self.condition}" if self.condition else ""
        same = " and ".join(
            f"{totals}.{name} = {value}" for name, value in zip(names, self.shared.values(), strict=True)
        )
        same_parent = " and ".join(f"{self.alias}.{name} = {totals}.{name}" for name in names)
        grouped = ", ".join(f"p.{name}" for name in names)
        return (
            f"{how} (select {grouped}, count(*) as total from {rows_of(self.parent)} as p group by {grouped})"
            f" as {totals} on {same}{condition}"
            f" {how} ({self._parents(f'partition by {grouped}')}) as {self.alias}"
            f" on {same_parent} and {self.alias}.place = ({number}) % {totals}.total"
        )

    def _parents(self, window: str) -> str:
        names = ", ".join(f"p.{identifier(name)}" for name in self.key.referenced_columns)
        present = " and ".join(f"p.{identifier(name)} is not null" for name in self.key.referenced_columns)
        return (
            f"select {names}, row_number() over ({window}) - 1 as place"
            f" from {rows_of(self.parent)} as p where {present}{self.unused}"
        )

    @property
    def unused(self) -> str:
        """A condition that leaves out the parents that are referred to already."""
        if self.unused_in is None:
            return ""
        same = " and ".join(f"c.{identifier(own)} = p.{identifier(referenced)}" for own, referenced in self.key.pairs)
        return f" and not exists (select from {qualified(self.unused_in.name)} as c where {same})"


_PRIMES = (7919, 104729, 1299709, 611953, 15485863, 32452843, 49979687, 67867967)
