"""A race: the statements of two concurrent transactions, and the invariant that has to hold.

Decides which observation broke the invariant. Not here: which refusals are faults (``proving/racing.py``).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from harness.probes import Insert, Refused, SqlStatement
from harness.project.model import TableName

NOTHING = "nothing"

SESSIONS = ("A", "B")

RESULT = "result"
"""The beginning of the names of settings with the rows that a statement returned."""

UNSEEN = ""
"""The observation where nothing was looked at."""


def found_nothing(before: str, after: str) -> bool:
    """Whether a query that looks for violations found none."""
    return after == NOTHING


@dataclass(frozen=True)
class Invariant:
    """A condition on the committed rows, which a third session observes before a race and after each commit.

    - ``sql`` finds one text. ``allows`` decides whether the second of two texts may follow the first, ``expected`` says
      it in words. The query asks for the rule itself, never for the constraint or trigger that should keep it.
    - ``only_at_end``: only the text after the second commit counts, and no other is looked at.
    - ``results``: the query reads the rows that each session's last statement returned from the settings
      ``harness.result_a`` and ``harness.result_b``, each row a list of texts.
    """

    sql: str
    expected: str
    allows: Callable[[str, str], bool] = found_nothing
    only_at_end: bool = False
    results: bool = False

    def violation(self, observations: Sequence[str]) -> str | None:
        """The observation that broke the invariant; the first of ``observations`` is from before the race."""
        pairs = [*itertools.pairwise(observations)]
        for before, after in pairs[1:] if self.only_at_end else pairs:
            if not self.allows(before, after):
                return after if self.only_at_end or before == NOTHING else f"{before}, then {after}"
        return None


@dataclass(frozen=True)
class Race:
    """The statements of session A's transaction and of session B's.

    - ``aspect`` is the sort of race, ``what`` names it for a report. Each of the two has to be accepted where it comes
      first, or nothing was shown; a check is reliable only if every ``required`` aspect was shown. Of the other races
      those are run in which one session blocks the other.
    - ``any_refusal``: no refusal is a fault; else those by ``refusals`` are none (by default, all declared ones).
    - ``settings`` hold for both transactions (``role``, claims …).
    - ``writes_other_rows`` than its statements say: these cannot be deleted again.
    - ``ahead`` are statements committed before it, after the rows of all races.
    """

    aspect: str
    what: str
    a: Sequence[SqlStatement]
    b: Sequence[SqlStatement]
    invariant: Invariant
    required: bool = True
    any_refusal: bool = False
    refusals: tuple[Refused, ...] | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    writes_other_rows: bool = False
    ahead: tuple[SqlStatement, ...] = ()


@dataclass(frozen=True, repr=False)
class Races:
    """Races, and the rows that are committed before each of them; if these are ``optional``, any may be refused."""

    setup: tuple[SqlStatement, ...]
    races: tuple[Race, ...]
    optional: Literal["", "row by row"] = ""

    @property
    def filled(self) -> list[TableName]:
        """The tables that one of the two sessions inserts into."""
        return [
            each.table for race in self.races for each in (*race.ahead, *race.a, *race.b) if isinstance(each, Insert)
        ]

    def mapped(self, change: Callable[[SqlStatement], SqlStatement]) -> Races:
        """The same races of changed statements."""
        races = (
            replace(race, a=[*map(change, race.a)], b=[*map(change, race.b)], ahead=tuple(map(change, race.ahead)))
            for race in self.races
        )
        return replace(self, races=tuple(races))

    def __repr__(self) -> str:
        return f"Races({len(self.setup)} statements, {len(self.races)} races)"

    def _repr_pretty_(self, printer: Any, *_: object) -> None:
        printer.text(repr(self))
