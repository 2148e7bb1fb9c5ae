"""The verdict on each table: cases on which PostgreSQL and types agree, differences, and rules that nothing broke."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.types.agreement.cases import TriedRecord, unheld
from harness.types.model import Driver, TableShape

SHOWN = 5
"""Disagreements of a table that are shown."""


@dataclass(frozen=True)
class Judgement:
    """The word of the types on one case; the messages are names of the rules that it breaks, none if they accept it."""

    accepted: bool
    messages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Disagreement:
    """A case on which PostgreSQL and the types differ."""

    case: TriedRecord
    judgement: Judgement

    def __str__(self) -> str:
        values = ", ".join(
            f"{name} = {sent.text!r}" for name, sent in self.case.values.items() if sent.text is not None
        )
        types = "accept it" if self.judgement.accepted else f"say {'; '.join(self.judgement.messages)}"
        database = f"refuses by {self.case.refused_by}" if self.case.refused_by else "accepts"
        return f"{self.case.table} {self.case.shape}: PostgreSQL {database}, the types {types}\n    {values}"


@dataclass
class TableVerdict:
    """The verdict on one table: numbers of cases by side, rules that were broken, and what differs.

    ``unfillable`` is the reason why no rows can be drawn, ``error`` the failure of the proof itself, if there is one.
    ``unstated`` is the number of CHECKs that the types do not state.
    """

    shape: TableShape
    unstated: int = 0
    accepted: int = 0
    refused: int = 0
    broken: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    disagreements: list[Disagreement] = field(default_factory=list)
    unfillable: str | None = None
    error: str | None = None
    traceback: str | None = None

    @property
    def untried(self) -> tuple[str, ...]:
        """The rules that the types state, NOT NULL among them, and that no case broke."""
        stated = (*(rule.name for rule in self.shape.rules), *self._not_null)
        return tuple(name for name in stated if name not in self.broken)

    @property
    def _not_null(self) -> tuple[str, ...]:
        """The names by which types refuse NULL in what is sent."""
        sent = self.shape.inserted if self.shape.insertable else self.shape.updated if self.shape.updatable else ()
        return tuple(f"{each.name} (23502)" for each in sent if not each.nullable)

    @property
    def agrees(self) -> bool:
        """Whether rows were tried, and nothing differed or stayed untried."""
        return not (self.disagreements or self.untried or self.unfillable or self.error) and self.accepted > 0

    def lines(self) -> Iterator[str]:
        """Yields the verdict as lines of text."""
        name = str(self.shape.name)
        if self.error:
            yield f"  {name}: ERROR, not proved: {self.error}"
            yield "    please report it; --report json writes its traceback"
            return
        if self.unfillable:
            yield f"  {name}: not proved, no rows can be drawn: {self.unfillable}"
            return
        rules = len(self.shape.rules) + len(self._not_null)
        broken = rules - len(self.untried)
        word = "agrees" if self.agrees else "DIFFERS" if self.disagreements else "not proved"
        not_stated = f", {self.unstated} not stated" if self.unstated else ""
        yield (
            f"  {name}: {word}; {self.accepted} accepted, {self.refused} refused, "
            f"{broken} of {rules} rules broken{not_stated}"
        )
        yield from (f"    no row breaks {rule} alone" for rule in self.untried)
        yield from (f"    {each}" for each in self.disagreements[:SHOWN])
        if len(self.disagreements) > SHOWN:
            yield f"    and {len(self.disagreements) - SHOWN} more"

    def json(self) -> dict[str, Any]:
        """Returns the verdict for a report."""
        return {
            "table": str(self.shape.name),
            "agrees": self.agrees,
            "accepted": self.accepted,
            "refused": self.refused,
            "rules_not_stated": self.unstated,
            "broken": dict(sorted(self.broken.items())),
            "not_broken": list(self.untried),
            "left_out": dict(sorted(self.left_out.items())),
            "unfillable": self.unfillable,
            **({"error": self.error, "traceback": self.traceback} if self.error else {}),
            "disagreements": [str(each) for each in self.disagreements],
        }


def compare(verdict: TableVerdict, cases: Sequence[TriedRecord], judgements: Iterable[Judgement]) -> None:
    """Adds to a verdict what the types said of the cases."""
    for case, judgement in zip(cases, judgements, strict=True):
        if case.refused_by is None:
            verdict.accepted += 1
            agrees = judgement.accepted
        else:
            verdict.refused += 1
            verdict.broken[case.refused_by] += 1
            agrees = case.refused_by in judgement.messages
        if not agrees:
            verdict.disagreements.append(Disagreement(case, judgement))


def held(verdict: TableVerdict, cases: Iterable[TriedRecord], driver: Driver) -> list[TriedRecord]:
    """Returns the cases that a driver can bring and the types can state; counts the others by reason."""
    stated = {rule.name for rule in verdict.shape.rules}
    found = []
    for case in cases:
        reasons = [unheld(verdict.shape.field(name), sent, driver, case.shape) for name, sent in case.values.items()]
        reason = case.untold or next((each for each in reasons if each), None)
        if reason is None and case.refused_by and "(" not in case.refused_by and case.refused_by not in stated:
            reason = f"rows that break {case.refused_by}, which is not stated"
        if reason is None:
            found.append(case)
        else:
            verdict.left_out[reason] += 1
    return found
