"""A scenario: rows, and the probes tried on them."""

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
    """The ``setup`` inserts the rows that each probe finds; probes do not see one another.

    If it ``waits``, deferred constraints are not checked before a probe has added its row.
    """

    setup: tuple[SqlStatement, ...]
    probes: tuple[Probe | Family, ...]
    waits: bool = field(default=False, kw_only=True)

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
