"""The rows of one table as a query: a series, joined with a combination of each pool and a parent of each key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from harness.catalog.model import Table
from harness.probes.statement import identifier, qualified

ROW = "harness_row"

Keeping = Literal["suspected", "all"]
"""The rules that filter the rows of a query: those that rows are suspected to break, or all."""

SUSPECTED: Keeping = "suspected"
ALL: Keeping = "all"


@dataclass(frozen=True)
class InsertQuery:
    """Expressions for the columns of a table. ``outer`` ones need other values of the row, ``inner`` ones do not.

    ``sources`` are joins, ``rules`` are all predicates on one row, and rows are ``suspected`` to break some of them.
    """

    table: Table
    inner: Mapping[str, str]
    outer: Mapping[str, str]
    sources: tuple[str, ...]
    rules: tuple[str, ...]
    suspected: tuple[str, ...]

    @property
    def columns(self) -> str:
        return ", ".join(map(identifier, [*self.inner, *self.outer]))

    def rows(self, low: int, high: int, keeping: Keeping = SUSPECTED) -> str:
        """A query for the rows with these numbers that keep the rules.

        Its columns are ``harness_n`` and those that are inserted.
        """
        series = f"generate_series({low}::bigint, {high}::bigint) as harness_g (n)"
        values = "".join(f", {value} as {identifier(name)}" for name, value in self.inner.items())
        inner = f"select harness_g.n as harness_n{values} from {' '.join([series, *self.sources])}"
        own = "".join(f", {value} as {identifier(name)}" for name, value in self.outer.items())
        rows = f"select {ROW}.*{own} from ({inner}) as {ROW}"
        rules = self.rules if keeping == ALL else self.suspected
        return f"select * from ({self._computed(rows)}) as {self._name} where {' and '.join(rules)}" if rules else rows

    def insert(self, low: int, high: int, keeping: Keeping, on_conflict: str) -> str:
        """One INSERT of these rows, which ends with the clause ``on_conflict``."""
        head = f"insert into {qualified(self.table.name)}"
        if not self.columns:
            return f"{head} select from generate_series({low}::bigint, {high}::bigint){on_conflict}"
        rows = f"select {self.columns} from ({self.rows(low, high, keeping)}) as harness_rows"
        return f"{head} ({self.columns}) overriding system value {rows}{on_conflict}"

    @property
    def _name(self) -> str:
        return identifier(self.table.name.table)

    def _computed(self, rows: str) -> str:
        """The rows with generated columns, and NULL for columns that are left to a default."""
        known = {*self.inner, *self.outer}
        more = [
            f"{f'({column.default})' if column.generated else f'null::{column.type}'} as {identifier(column.name)}"
            for column in self.table.columns
            if column.name not in known
        ]
        return f"select {', '.join([f'{self._name}.*', *more])} from ({rows}) as {self._name}" if more else rows
