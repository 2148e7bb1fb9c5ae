"""One table's rows as a query: a series, joined with a combination of each pool and a parent of each reference."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from harness.bulk import series
from harness.bulk.site import Site, nullable
from harness.bulk.sources import Combinations, Pick
from harness.catalog.model import ForeignKey, Table
from harness.probes.statement import identifier, qualified
from harness.solver.rules import Unfillable, supplied
from harness.values.types import Unsupported

ROW = "harness_row"


@dataclass(frozen=True)
class Recipe:
    """``inner`` are expressions over FROM, ``outer`` those that need a row's own values; ``rules`` a row may break."""

    table: Table
    inner: Mapping[str, str]
    outer: Mapping[str, str]
    sources: tuple[str, ...]
    rules: tuple[str, ...]
    suspected: tuple[str, ...]

    @property
    def columns(self) -> str:
        return ", ".join(map(identifier, [*self.inner, *self.outer]))

    def rows(self, low: int, high: int, strictly: bool = False) -> str:
        """A query for the rows with these numbers; ``strictly`` only those that keep all rules about one row.

        Its columns are those that are inserted, and ``harness_n``.
        """
        series = f"generate_series({low}::bigint, {high}::bigint) as harness_g (n)"
        values = ", ".join(f"{value} as {identifier(name)}" for name, value in self.inner.items())
        inner = (
            f"select harness_g.n as harness_n{', ' if values else ''}{values} from {' '.join([series, *self.sources])}"
        )
        own = "".join(f", {value} as {identifier(name)}" for name, value in self.outer.items())
        rows = f"select {ROW}.*{own} from ({inner}) as {ROW}"
        rules = self.rules if strictly else self.suspected
        return f"select * from ({self._computed(rows)}) as {self._name} where {' and '.join(rules)}" if rules else rows

    def insert(self, low: int, high: int, strictly: bool = False, conflicts: bool = False) -> str:
        """One INSERT of these rows; with ``conflicts`` those that are in the way of others are left out."""
        head = f"insert into {qualified(self.table.name)}"
        tail = " on conflict do nothing" if conflicts else ""
        if not self.columns:
            return f"{head} select from generate_series({low}::bigint, {high}::bigint){tail}"
        rows = self.rows(low, high, strictly)
        return (
            f"{head} ({self.columns}) overriding system value select {self.columns} from ({rows}) as harness_rows{tail}"
        )

    @property
    def _name(self) -> str:
        return identifier(self.table.name.table)

    def _computed(self, rows: str) -> str:
        """The rows with the columns that the database computes, and NULL for what is left to a default."""
        known = {*self.inner, *self.outer}
        more = [
            f"{f'({column.default})' if column.generated else f'null::{column.type}'} as {identifier(column.name)}"
            for column in self.table.columns
            if column.name not in known
        ]
        return f"select {', '.join([f'{self._name}.*', *more])} from ({rows}) as {self._name}" if more else rows


@dataclass(frozen=True)
class Wish:
    """Rows ``first`` to ``last`` of a table; of references with the names ``absent`` none leads anywhere.

    Columns of ``given`` references are left out: they lead to rows that are inserted at the same time.
    """

    table: Table
    first: int
    last: int
    absent: frozenset[str] = frozenset()
    given: frozenset[str] = frozenset()

    @property
    def rows(self) -> int:
        return self.last - self.first + 1


class Draftsman:
    """Works out the recipe of one table; what is decided later may ask for more of what was decided before."""

    def __init__(self, site: Site, wish: Wish) -> None:
        self.site = site
        self.wish = wish
        self.table = wish.table
        self.values: dict[str, str] = {}
        self.outer: dict[str, str] = {}
        self.pools: list[Combinations] = []
        self.picks: list[Pick] = []
        self.sequences: set[str] = set()
        self.free: set[str] = set()

    def recipe(self) -> Recipe:
        """Raises :class:`Unfillable` and :class:`~harness.values.types.Unsupported`."""
        from harness.bulk.keys import keep_keys

        self._count()
        absent = self._leave_out()
        self._combine(absent)
        self._refer()
        self._fill_the_rest()
        keep_keys(self)
        inner = {column.name: self.values[column.name] for column in self.table.columns if column.name in self.values}
        joins = [*(each.join(self.table) for each in self.pools), *(each.join() for each in self.picks)]
        rules = [f"({each}\n) is not false" for each in self._checks()]
        suspected = [f"({each}\n) is not false" for each in self._checks() if self._is_suspected(each)]
        return Recipe(self.table, inner, self.outer, tuple(joins), tuple(rules), tuple(suspected))

    def _count(self) -> None:
        """Columns whose values a sequence gives."""
        foreign = {name for key in self.table.foreign_keys for name in key.columns}
        for column in self.table.columns:
            if column.name not in foreign and column.is_supplied:
                sequence = self.site.sequence(self.table, column)
                if sequence:
                    self.values[column.name] = sequence
                    self.sequences.add(column.name)

    def _leave_out(self) -> set[str]:
        """The columns of references that lead nowhere yet."""
        absent = set()
        for key in self.table.foreign_keys:
            if self._is_absent(key):
                absent |= {*nullable(self.table, key)}
        self.values |= {name: f"null::{self.table.column(name).type}" for name in absent}
        return absent

    def _is_absent(self, key: ForeignKey) -> bool:
        if key.name in self.wish.absent:
            return True
        if (
            key.references is None
            or key.references == self.table.name
            or (self.wish.given and key.name in self.wish.given)
        ):
            return False
        return bool(nullable(self.table, key)) and not self.site.count(self.site.catalog.table(key.references))

    def _combine(self, absent: set[str]) -> None:
        present = {
            name
            for key in self.table.foreign_keys
            for name in key.columns
            if name not in absent and self.table.column(name).not_null
        }
        for pool in self.site.pools_of(self.table):
            if {*pool.columns} <= self.sequences:
                continue
            found = Combinations.of(len(self.pools), pool, absent, present)
            if not found.rows:
                names = ", ".join(name for name in pool.columns if name in absent)
                raise Unfillable(f"no rows have been found that keep its rules while {names} is NULL")
            self.pools.append(found)
            for name in pool.columns:
                if name not in self.sequences | absent:
                    self.values[name] = found.value(name)

    def _refer(self) -> None:
        keys = [key for key in self.table.foreign_keys if not self._is_absent(key) and key.name not in self.wish.given]
        needed = {key.name for key in keys if any(self.table.column(name).not_null for name in key.columns)}
        led: set[str] = set()
        for key in sorted(keys, key=lambda key: (key.name not in needed, -len(key.columns), key.name)):
            own = tuple(name for name in key.columns if name not in led)
            if not own:
                continue
            if key.references == self.table.name and self._is_own_parent(key):
                self._lead_to_itself({name: referenced for name, referenced in key.pairs if name in own})
            else:
                self._lead(key, own, led)
            led |= {*own}

    def _is_own_parent(self, key: ForeignKey) -> bool:
        return not nullable(self.table, key)

    def _lead_to_itself(self, pairs: Mapping[str, str]) -> None:
        """A row that needs a parent in its own table is its own."""
        for name, referenced in pairs.items():
            self.values.pop(name, None)
            if name != referenced:
                self.outer[name] = f"{ROW}.{identifier(referenced)}"

    def _lead(self, key: ForeignKey, own: tuple[str, ...], led: set[str]) -> None:
        parent = self.site.catalog.table(key.references)
        shared = {
            referenced: self.values[name] for name, referenced in key.pairs if name in led and name in self.values
        }
        needed = any(self.table.column(name).not_null for name in own)
        pick = Pick(len(self.picks), key, parent, own, shared, needed, self.site.count(parent))
        if not pick.total:
            raise Unfillable(f"{key.name} needs a row in {parent.name}, which has none")
        if not needed:
            pick.chance = self._presence(own) or f"{series.N} / {len(self.picks) + 1} % 5 <> 0"
        for name in own:
            ruled = any(name in pool.columns for pool in self.pools) and not self.table.column(name).not_null
            decided = self.values.get(name)
            self.values[name] = (
                f"case when {decided} is not null then {pick.value(name)} end" if ruled and needed else pick.value(name)
            )
        self.picks.append(pick)

    def _presence(self, own: Collection[str]) -> str:
        """Where rules have decided whether a reference leads anywhere, that; only where to is the parent's."""
        ruled = [pool.value(name) for pool in self.pools for name in own if name in pool.columns]
        return " and ".join(f"{each} is not null" for each in ruled)

    def _fill_the_rest(self) -> None:
        given = {name for key in self.table.foreign_keys if key.name in self.wish.given for name in key.columns}
        led = {name for pick in self.picks for name in pick.own}
        for name in given - led:
            self.values.pop(name, None)
        for column in self.table.columns:
            if {column.name} & (self.values.keys() | self.outer.keys() | given) or not column.is_supplied:
                continue
            try:
                self.values[column.name] = series.value(column, self.wish.rows)
                self.free.add(column.name)
            except Unsupported:
                if column.not_null and column.default is None:
                    raise

    def _checks(self) -> list[str]:
        checks = [check.expression for check in self.table.checks if check.expression]
        return [*checks, *self.site.bounds(self.table)]

    def _is_suspected(self, rule: str) -> bool:
        """Whether a rule looks at values that were put in place of those which it has let pass."""
        replaced = self.sequences | {name for pick in self.picks for name in pick.own} | {*self.outer}
        about = {*supplied(self.table, rule)}
        valued = {name for pool in self.site.pools_of(self.table) for name in pool.valued}
        return bool(about & replaced & (valued | self.sequences | {*self.outer}))
