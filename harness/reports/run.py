"""The description of a run, and its totals, for all reports. Not here: running it (``cli/run.py``)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from harness.outcome import Outcome, Status


@dataclass(frozen=True)
class Run:
    """The settings of a run. ``server`` is a description such as ``embedded PostgreSQL 18.6``, without secrets."""

    project: str
    server: str
    profile: str
    scenarios: int
    seed: int
    selected: int


@dataclass
class Totals:
    """The numbers of checks by status, of probes, sequences and facts."""

    outcomes: dict[Status, int] = field(default_factory=lambda: dict.fromkeys(Status, 0))
    probes: int = 0
    sequences: int = 0
    facts: int = 0

    @classmethod
    def of(cls, outcomes: Iterable[Outcome]) -> Totals:
        totals = cls()
        for outcome in outcomes:
            totals.add(outcome)
        return totals

    def add(self, outcome: Outcome) -> None:
        self.outcomes[outcome.status] += 1
        self.probes += outcome.probes
        self.sequences += outcome.sequences
        self.facts += outcome.facts

    @property
    def checks(self) -> int:
        return sum(self.outcomes.values())
