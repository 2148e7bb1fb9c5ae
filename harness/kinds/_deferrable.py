"""Whether a constraint can wait for the end of the transaction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.catalog.model import Constraint
from harness.kinds.base import Fact
from harness.project.keys import choice, key

WORDS = ("not", "initially immediate", "initially deferred")


def deferrable() -> Any:
    """The field of kinds whose constraints can be deferred; nothing is compared where it is not said."""
    return key(choice(*WORDS), "whether it can wait for the end of the transaction, if that matters", default=None)


def timing(constraint: Constraint) -> str:
    """In the words of the field."""
    return WORDS[constraint.deferrable + constraint.deferred]


def timed(expected: str | None, constraint: Constraint) -> Iterator[Fact]:
    """That it waits as declared."""
    if expected is not None:
        yield Fact(f"deferrable: {expected}", f"deferrable: {timing(constraint)}")
