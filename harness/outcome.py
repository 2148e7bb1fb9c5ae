"""What came of a check. Imports nothing above it; reporters need nothing else."""

from __future__ import annotations

import enum
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


@dataclass(frozen=True)
class Counterexample:
    """The smallest case in which a rule did not do what was declared.

    ``wanted`` and ``caught`` are one line each. ``rows`` are the rows it took, as
    ``(table, {column: SQL text or None})``, the row of the probe last. ``script`` is SQL for psql that
    shows the fault on a database with the schema applied, and leaves nothing behind. ``steps`` are those of two
    sessions, one line each, where it took two: then the script is to be followed by hand.
    """

    wanted: str
    caught: str
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
