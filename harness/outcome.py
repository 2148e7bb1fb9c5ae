"""What came of a check. Imports nothing above it; reporters need nothing else."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.errors import Place


class Status(enum.Enum):
    """What a check comes to, the best first.

    Proved: it was tried on the server, it could have failed, and it did not. Present: only the catalog was asked, and
    it says what is declared. Unreliable is never green: nothing was shown. Error is no word about the rule: trying it
    went wrong.
    """

    PROVED = "proved"
    PRESENT = "present"
    UNRELIABLE = "unreliable"
    BROKEN = "broken"
    ERROR = "error"

    @property
    def green(self) -> bool:
        """Whether nothing is to be done about it."""
        return self in (Status.PROVED, Status.PRESENT)

    def worse_than(self, other: Status) -> bool:
        order = list(Status)
        return order.index(self) > order.index(other)


THERE = "what the check names is in the database"
EVALUABLE = "an expression that the database can evaluate"
"""What is expected where ``actual`` says all."""


@dataclass(frozen=True)
class Counterexample:
    """The smallest case in which a rule did not do what was declared.

    ``expected`` and ``actual`` are one line each. ``rows`` are the rows it took, as
    ``(table, {column: SQL text or None})``, the row of the probe last. ``script`` is SQL for psql that
    shows the fault on a database with the schema applied, and leaves nothing behind. ``steps`` are those of two
    sessions, one line each, where it took two: then the script is to be followed by hand.
    """

    expected: str
    actual: str
    rows: tuple[tuple[str, dict[str, str | None]], ...] = ()
    script: str | None = None
    steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """The verdict on one check.

    ``probes`` counts the statements tried on the server, ``facts`` what was compared with the catalog,
    ``seconds`` is wall time. ``reason`` says why a check is unreliable, or what the error was; of an error ``again`` is
    the command that tries this check alone, and ``traceback`` what a report of it needs. ``notes`` say what a reader
    has to know besides: what was left out, and what is only shown. ``shared`` is where the text of a shared check
    stands; its place is where it is used.
    """

    name: str
    kind: str
    subject: str
    module: str
    table: str | None
    place: Place
    status: Status
    probes: int = 0
    facts: int = 0
    seconds: float = 0.0
    reason: str | None = None
    counterexamples: tuple[Counterexample, ...] = field(default=())
    notes: tuple[str, ...] = ()
    again: str | None = None
    traceback: str | None = field(default=None, repr=False)
    shared: Place | None = None

    @property
    def label(self) -> str:
        """How a report names it: ``accepted_values trigger_type``."""
        return f"{self.kind} {self.subject}".strip()


@dataclass(frozen=True)
class Gate:
    """Which outcomes make a run fail: those that are not green, if nothing else is said.

    ``baseline`` has the statuses of an earlier run, by the names of its checks: what is no worse than there does not
    fail. ``fail_on`` is the status from which on a check fails.
    """

    baseline: Mapping[str, Status] = field(default_factory=dict)
    fail_on: Status = Status.UNRELIABLE

    def fails(self, outcome: Outcome) -> bool:
        before = self.baseline.get(outcome.name)
        if before is None:
            return not self.fail_on.worse_than(outcome.status)
        # What was proved and is only present now is worse, too.
        least = Status.PRESENT if self.fail_on is Status.UNRELIABLE else self.fail_on
        return outcome.status.worse_than(before) and not least.worse_than(outcome.status)

    def knows(self, outcome: Outcome) -> bool:
        """Whether it is not green, and no worse than in the baseline. An error is none of what can be known."""
        before = self.baseline.get(outcome.name)
        settled = outcome.status.green or outcome.status is Status.ERROR
        return before is not None and not settled and not outcome.status.worse_than(before)


STRICT = Gate()
