"""Where the columns of a new row come from besides their type: a pool's combinations, a parent's key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.bulk.series import N
from harness.bulk.site import rows_of
from harness.catalog.model import ForeignKey, Table
from harness.oracle import Tuple
from harness.probes.statement import identifier, literal, qualified
from harness.solver.pool import Pool

MOST = 200
"""Combinations of a pool that are used."""

LONG = 300
"""Characters of a combination that is left out where shorter ones are."""

PARENTS = 100_000
"""Rows of a parent that are referred to, unless a key asks for others."""


@dataclass
class Combinations:
    """A pool in FROM. ``texts`` are what a form needs besides; ``place`` is which combination a row takes."""

    number: int
    columns: tuple[str, ...]
    rows: list[Tuple]
    texts: list[tuple[str, ...]] = field(default_factory=list)
    place: str | None = None

    @classmethod
    def of(cls, number: int, pool: Pool, absent: set[str], present: set[str]) -> Combinations:
        """Those in which ``absent`` columns are NULL and ``present`` ones are not; the short ones of them."""
        places = {name: place for place, name in enumerate(pool.columns)}
        rows = [
            row
            for row in pool.rows
            if all(row[places[name]] is None for name in absent & {*places})
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
        """The place of a form's text."""
        return f"{self.alias}.harness_x{place}"

    def join(self, table: Table) -> str:
        """What stands in FROM."""
        count, width = len(self.rows), len(self.texts[0]) if self.texts else 0
        rows = []
        for number, row in enumerate(self.rows):
            values = [*row, *(self.texts[number] if self.texts else ())]
            rows.append(f"({', '.join([str(number), *map(literal, values)])})")
        texts = [f"harness_x{n}" for n in range(width)]
        names = ", ".join(["place", *map(identifier, self.columns), *texts])
        typed = [f"v.{identifier(name)}::{table.column(name).type} as {identifier(name)}" for name in self.columns]
        place = self.place or f"({N} * 7919 + {N} / {count})"
        # OFFSET keeps the casts here: they are done once for each combination, and not for each row.
        return (
            f"join (select {', '.join(['v.place', *typed, *(f'v.{each}' for each in texts)])}"
            f" from (values {', '.join(rows)}) as v ({names}) offset 0) as {self.alias}"
            f" on {self.alias}.place = ({place}) % {count}"
        )


@dataclass
class Pick:
    """A reference in FROM: ``own`` of its columns it decides, ``shared`` ones others have decided before.

    ``total`` parents stand there. ``place`` is which of them a row takes; it is NULL where the row has none.
    """

    number: int
    key: ForeignKey
    parent: Table
    own: tuple[str, ...]
    shared: Mapping[str, str]
    needed: bool
    total: int
    place: str | None = None
    chance: str | None = None
    unused_in: Table | None = None

    @property
    def alias(self) -> str:
        return f"harness_f{self.number}"

    def value(self, name: str) -> str:
        """What a column of the row takes from the parent."""
        pairs = dict(self.key.pairs)
        return f"{self.alias}.{identifier(pairs[name])}"

    def join(self) -> str:
        """What stands in FROM."""
        # A prime of its own for each reference: two that lead to one table mostly do not meet.
        number = self.place or f"{N} * {_PRIMES[self.number % len(_PRIMES)]} + {self.number}"
        how = "join" if self.needed else "left join"
        if self.shared:
            return self._by_family(how, number)
        place = f"({number}) % {self.total}"
        if self.chance:
            place = f"case when {self.chance} then {place} end"
        return f"{how} ({self._parents('')}) as {self.alias} on {self.alias}.place = {place}"

    def _by_family(self, how: str, number: str) -> str:
        """Of the parents with what the row has already, one."""
        names = [identifier(name) for name in self.shared]
        totals, chance = f"{self.alias}_t", f" and {self.chance}" if self.chance else ""
        same = " and ".join(
            f"{totals}.{name} = {value}" for name, value in zip(names, self.shared.values(), strict=True)
        )
        alike = " and ".join(f"{self.alias}.{name} = {totals}.{name}" for name in names)
        grouped = ", ".join(f"p.{name}" for name in names)
        return (
            f"{how} (select {grouped}, count(*) as total from {rows_of(self.parent)} as p group by {grouped})"
            f" as {totals} on {same}{chance}"
            f" {how} ({self._parents(f'partition by {grouped}')}) as {self.alias}"
            f" on {alike} and {self.alias}.place = ({number}) % {totals}.total"
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
        """A condition that leaves out the parents that a row of the table refers to already."""
        if self.unused_in is None:
            return ""
        same = " and ".join(f"c.{identifier(own)} = p.{identifier(referenced)}" for own, referenced in self.key.pairs)
        return f" and not exists (select from {qualified(self.unused_in.name)} as c where {same})"


_PRIMES = (7919, 104729, 1299709, 611953, 15485863, 32452843, 49979687, 67867967)
