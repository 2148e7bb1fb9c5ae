"""The outcome of a check, its status, and the gate that decides which outcomes make a run fail.

Reporters need nothing else. Not here: which status a check gets (``proving/findings.py``), and the exit code
(``cli/run.py``).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.errors import Place


class Status(enum.Enum):
    """The status of a check, the best first.

    Proved: it was tried on the server, it could have failed, and it did not. Present: only the catalog was asked, and
    it agrees with the declaration; or the rule is declared as one that nobody enforces. Unreliable: nothing was shown,
    which is never green. Error: the trial itself failed, which says nothing about the rule.
    """

    PROVED = "proved"
    PRESENT = "present"
    UNRELIABLE = "unreliable"
    BROKEN = "broken"
    ERROR = "error"

    @property
    def green(self) -> bool:
        """Whether the check passes."""
        return self in (Status.PROVED, Status.PRESENT)

    def worse_than(self, other: Status) -> bool:
        return list(Status).index(self) > list(Status).index(other)


THERE = "what the check names is in the database"
EVALUABLE = "an expression that the database can evaluate"
"""Expectations of counterexamples whose ``actual`` says the rest."""


@dataclass(frozen=True)
class Counterexample:
    """The smallest case in which a rule did not do what was declared.

    ``expected`` and ``actual`` are one line each. ``rows`` are the rows it needs, as
    ``(table, {column: SQL text or None})``, the row of the probe last. ``script`` is SQL for psql that
    shows the fault on a database with the schema applied, and leaves nothing behind. If the fault takes two sessions,
    ``steps`` are theirs, one line each, and the script has to be followed by hand. ``columns`` are those of the check's
    table that its rule names.
    """

    expected: str
    actual: str
    rows: tuple[tuple[str, dict[str, str | None]], ...] = ()
    script: str | None = None
    steps: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """The verdict on one check.

    ``probes`` counts the statements tried on the server, ``sequences`` those of several writes, ``facts`` the
    comparisons with the catalog, ``seconds`` is wall time. ``reason`` says why a check is unreliable, or describes
    the error; with an error ``again`` is the command that tries this check alone, and ``traceback`` belongs in a
    report of it. ``notes`` tell which parts were left out or are only shown. The place of a shared check is its
    use, and ``shared`` the place of its text.
    """

    name: str
    kind: str
    subject: str
    module: str
    table: str | None
    place: Place
    status: Status
    probes: int = 0
    sequences: int = 0
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
        """The check in a report: ``accepted_values trigger_type``."""
        return f"{self.kind} {self.subject}".strip()


@dataclass(frozen=True)
class Gate:
    """Decides which outcomes make a run fail: by default those that are not green.

    ``baseline`` has the statuses of an earlier run, by the names of its checks: an outcome that is no worse than there
    does not fail. ``fail_on`` is the best status that fails.
    """

    baseline: Mapping[str, Status] = field(default_factory=dict)
    fail_on: Status = Status.UNRELIABLE

    def fails(self, outcome: Outcome) -> bool:
        before = self.baseline.get(outcome.name)
        if before is None:
            return not self.fail_on.worse_than(outcome.status)
        # A check that was proved and is only present now is worse, too.
        least = Status.PRESENT if self.fail_on is Status.UNRELIABLE else self.fail_on
        return outcome.status.worse_than(before) and not least.worse_than(outcome.status)

    def knows(self, outcome: Outcome) -> bool:
        """Whether an outcome is not green, and no worse than in the baseline. An error is never known."""
        before = self.baseline.get(outcome.name)
        settled = outcome.status.green or outcome.status is Status.ERROR
        return before is not None and not settled and not outcome.status.worse_than(before)


STRICT = Gate()
