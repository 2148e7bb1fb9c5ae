"""What two sessions do at once, and what may come of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.probes import Statement

NOTHING = "nothing"


def found_nothing(before: str, after: str) -> bool:
    """For a query that looks for what must not be: there is nothing."""
    return after == NOTHING


@dataclass(frozen=True)
class Watch:
    """What a third session sees of the committed rows: once they stand, and after each of the two commits.

    ``sql`` gives one text. ``may`` says whether the second of two texts may follow the first, ``wanted`` says it in
    words. The rule itself is asked, never the constraint or the trigger that should keep it.
    """

    sql: str
    wanted: str
    may: Callable[[str, str], bool] = found_nothing

    def caught(self, before: str, after: str) -> str:
        """What came after a commit that may not come."""
        return after if before == NOTHING else f"{before}, then {after}"


@dataclass(frozen=True)
class Race:
    """The statements of session A's transaction and of session B's.

    ``aspect`` is the sort of race, ``what`` names it for a report. Each of the two has to be accepted where it comes
    first, or nothing was shown; a check is reliable only if every ``required`` aspect was shown. Of the others those
    are run in which the one gets in the way of the other. If ``any_refusal`` will do, no refusal is a fault.
    """

    aspect: str
    what: str
    a: Sequence[Statement]
    b: Sequence[Statement]
    watch: Watch
    required: bool = True
    any_refusal: bool = False


@dataclass(frozen=True, repr=False)
class Races:
    """Rows that stand, committed, before each of these races."""

    setup: tuple[Statement, ...]
    races: tuple[Race, ...]

    def __repr__(self) -> str:
        return f"Races({len(self.setup)} statements, {len(self.races)} races)"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))
