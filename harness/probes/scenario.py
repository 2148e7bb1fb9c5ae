"""A scenario: rows that stand, and the probes tried on them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import Any

from harness.probes.family import Family
from harness.probes.probe import Probe
from harness.probes.statement import Insert, SqlStatement
from harness.project.model import TableName


@dataclass(frozen=True, repr=False)
class Scenario:
    """Rows that stand before each of the probes, which do not see one another.

    Where one ``waits`` for the row of a probe, what is deferred is not asked of them before that is there.
    """

    setup: tuple[SqlStatement, ...]
    probes: tuple[Probe | Family, ...]
    waits: bool = field(default=False, kw_only=True)

    @property
    def size(self) -> int:
        """How many probes it comes to."""
        return sum(len(probe) if isinstance(probe, Family) else 1 for probe in self.probes)

    @property
    def filled(self) -> list[TableName]:
        """The tables that its probes insert a row into."""
        return [probe.statement.table for probe in self.probes if isinstance(probe.statement, Insert)]

    def one_by_one(self) -> Scenario:
        """The same with each probe of a family by itself."""
        apart = (probe.probes() if isinstance(probe, Family) else (probe,) for probe in self.probes)
        return replace(self, probes=tuple(itertools.chain.from_iterable(apart)))

    def __repr__(self) -> str:
        return f"Scenario({len(self.setup)} statements, {self.size} probes)"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        # Hypothesis spells out every scenario that fails while it shrinks: hundreds of rows each time.
        printer.text(repr(self))
