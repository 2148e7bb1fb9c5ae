"""Facts about a constraint in the catalog: whether it is deferrable, validated and enforced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.catalog.model import Constraint
from harness.kinds.base import Fact, Kind
from harness.project.keys import boolean, choice, key

TIMINGS = ("not", "initially immediate", "initially deferred")


def deferrable() -> Any:
    """Makes the field ``deferrable`` of a kind; None compares nothing."""
    return key(choice(*TIMINGS), "whether it can wait for the end of the transaction, if that matters", default=None)


def validated() -> Any:
    """Makes the field ``validated`` of a kind."""
    return key(boolean, "false: rows that stood before it may break it (NOT VALID)", default=True)


def timing(constraint: Constraint) -> str:
    """Returns the timing of a constraint, in the words of the field ``deferrable``."""
    return TIMINGS[constraint.deferrable + constraint.deferred]


def timing_fact(expected: str | None, constraint: Constraint) -> Iterator[Fact]:
    """Compares the timing of a constraint with the declared one, if there is one."""
    if expected is not None:
        yield Fact(f"deferrable: {expected}", f"deferrable: {timing(constraint)}")


class Validatable(Kind):
    """A kind with the key ``validated``."""

    validated: bool

    def validity_fact(self, constraint: Constraint) -> Fact:
        """States that existing rows were checked (VALIDATED); or NOT VALID, if that is declared."""
        state = "validated" if constraint.validated else "NOT VALID" if constraint.enforced else "NOT ENFORCED"
        return Fact(f"{constraint.name} {'validated' if self.validated else 'NOT VALID'}", f"{constraint.name} {state}")
