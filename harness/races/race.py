"""What two sessions do at once, and what may come of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.probes import Insert, Refused, SqlStatement
from harness.project.model import TableName

NOTHING = "nothing"

SESSIONS = ("A", "B")

RESULT = "result"
"""What settings with the rows that a statement returned are called."""

UNSEEN = ""
"""In the place of what is not looked at."""


def found_nothing(before: str, after: str) -> bool:
    """For a query that looks for what must not be: there is nothing."""
    return after == NOTHING


@dataclass(frozen=True)
class Invariant:
    """What a third session sees of the committed rows: once they stand, and after each of the two commits.

    ``sql`` gives one text. ``may`` says whether the second of two texts may follow the first, ``expected`` says it in
    words. The rule itself is asked, never the constraint or the trigger that should keep it. If it is ``only_at_end``,
    only what is there after the second commit counts, and nothing is looked at before. With ``results`` it asks for the
    rows that each session's last statement returned: the settings ``harness.result_a`` and ``harness.result_b`` hold
    them, each row a list of texts.
    """

    sql: str
    expected: str
    may: Callable[[str, str], bool] = found_nothing
    only_at_end: bool = False
    results: bool = False

    def fault(self, pictures: Sequence[str]) -> str | None:
        """What came after a commit that may not come; ``pictures`` are the texts, the first from before it all."""
        pairs = [*itertools.pairwise(pictures)]
        for before, after in pairs[1:] if self.only_at_end else pairs:
            if not self.may(before, after):
                return after if self.only_at_end or before == NOTHING else f"{before}, then {after}"
        return None

    def bears(self, picture: str) -> bool:
        """Whether the rows may stand as they do before it all."""
        return self.only_at_end or self.may(picture, picture)


@dataclass(frozen=True)
class Race:
    """The statements of session A's transaction and of session B's.

    ``aspect`` is the sort of race, ``what`` names it for a report. Each of the two has to be accepted where it comes
    first, or nothing was shown; a check is reliable only if every ``required`` aspect was shown. Of the others those
    are run in which the one gets in the way of the other. If ``any_refusal`` will do, no refusal is a fault; else those
    by ``refusals`` are none, by default those of all declared rules. ``settings`` hold for both transactions (``role``,
    claims …). What ``writes_other_rows`` than its statements say cannot be taken away again.
    """

    aspect: str
    what: str
    a: Sequence[SqlStatement]
    b: Sequence[SqlStatement]
    watch: Invariant
    required: bool = True
    any_refusal: bool = False
    refusals: tuple[Refused, ...] | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    writes_other_rows: bool = False


@dataclass(frozen=True, repr=False)
class Races:
    """Rows that stand, committed, before each of these races."""

    setup: tuple[SqlStatement, ...]
    races: tuple[Race, ...]

    @property
    def filled(self) -> list[TableName]:
        """The tables that one of the two sessions inserts a row into."""
        return [each.table for race in self.races for each in (*race.a, *race.b) if isinstance(each, Insert)]

    def __repr__(self) -> str:
        return f"Races({len(self.setup)} statements, {len(self.races)} races)"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))
