"""A diagnosis: one fact about this machine or a server, how serious it is, and what to do about it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from harness.errors import HarnessError


class Severity(enum.Enum):
    """A problem prevents work; a warning does not yet."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Diagnosis:
    """A fact about this machine or a server, and what to do about it."""

    severity: Severity
    what: str
    advice: str | None = None

    def of(self, target: str) -> Diagnosis:
        """Returns the same diagnosis with the name of the target that it is about."""
        return replace(self, what=f"target {target}: {self.what}")


def ok(what: str, advice: str | None = None) -> Diagnosis:
    return Diagnosis(Severity.OK, what, advice)


def warning(what: str, advice: str) -> Diagnosis:
    return Diagnosis(Severity.WARNING, what, advice)


def problem(what: str, advice: str) -> Diagnosis:
    return Diagnosis(Severity.PROBLEM, what, advice)


def of_error(error: HarnessError, severity: Severity = Severity.PROBLEM) -> Diagnosis:
    """Returns an error as a diagnosis; its hint is the advice."""
    place = f"{error.place}: " if error.place else ""
    return Diagnosis(severity, place + error.message, error.hint)
