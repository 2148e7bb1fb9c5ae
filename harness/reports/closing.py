"""What a run ends with: the checks that are not green, those together that are so for the same reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.outcome import EVALUABLE, STRICT, THERE, Counterexample, Gate, Outcome, Status
from harness.reports import words

REASON = 240
"""Characters of a reason that are shown whole."""

_ORDER = (Status.BROKEN, Status.UNRELIABLE, Status.PRESENT, Status.ERROR)

Group = tuple[Status, str, list[str]]
"""A status, with its reason as a title, and a line for each check: its name and where its rule is written."""


def groups(outcomes: Iterable[Outcome], gate: Gate = STRICT) -> list[Group]:
    """The groups in the order of their first checks, the broken ones first; without those that the gate knows.

    With them stands what is green and fails all the same, because it was better in the baseline.
    """
    found: dict[tuple[Status, str], list[Outcome]] = {}
    for outcome in outcomes:
        if gate.fails(outcome) or not (outcome.status.green or gate.knows(outcome)):
            found.setdefault((outcome.status, title(outcome)), []).append(outcome)
    by_status = sorted(found.items(), key=lambda group: _ORDER.index(group[0][0]))
    return [(status, reason, [_line(each, gate) for each in members]) for (status, reason), members in by_status]


def title(outcome: Outcome) -> str:
    """The status, and why: a sentence that can be understood by itself."""
    status, reason = outcome.status.value, outcome.reason or ""
    if outcome.status is Status.PRESENT:
        reason = "nothing was tried any more"
    if outcome.status is Status.BROKEN:
        reason = _telling(outcome.counterexamples)
    reason = words.plain(reason)
    return f"{status}: {reason if len(reason) <= REASON else f'{reason[:REASON]}…'}"


def _telling(examples: Sequence[Counterexample]) -> str:
    """What the catalog lacks or has otherwise, if that was seen: rows only show what follows from it."""
    example = next((each for each in examples if not each.rows), examples[0] if examples else None)
    if example is None:
        return ""
    if example.expected in (THERE, EVALUABLE):
        return example.actual
    return f"expected: {example.expected}; actual: {example.actual}"


def _line(outcome: Outcome, gate: Gate) -> str:
    before = gate.baseline.get(outcome.name)
    was = f"  was {before.value}" if before else "  new" if gate.baseline else ""
    return f"{words.plain(outcome.name)}  {words.plain(words.where(outcome))}{was}"
