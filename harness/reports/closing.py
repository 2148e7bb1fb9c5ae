"""Groups the checks that are not green by status and reason, for the end of a run.

Decides their order, broken ones first, and leaves out what the baseline knows.
"""

from __future__ import annotations

from collections.abc import Iterable

from harness.outcome import EVALUABLE, STRICT, THERE, Counterexample, Gate, Outcome, Status
from harness.reports import words

REASON = 240
"""Characters of a reason that are shown whole."""

_ORDER = (Status.BROKEN, Status.UNRELIABLE, Status.PRESENT, Status.ERROR)

OutcomeGroup = tuple[Status, str, list[str]]
"""A status, a title with the reason, and a line for each check: its name and the place of its rule."""


def groups(outcomes: Iterable[Outcome], gate: Gate = STRICT) -> list[OutcomeGroup]:
    """Returns the groups, broken checks first, without checks that the gate knows from the baseline.

    A green check that was better in the baseline fails, and is among them.
    """
    found: dict[tuple[Status, str], list[Outcome]] = {}
    for outcome in outcomes:
        if gate.fails(outcome) or not (outcome.status.green or gate.knows(outcome)):
            found.setdefault((outcome.status, title(outcome)), []).append(outcome)
    by_status = sorted(found.items(), key=lambda group: _ORDER.index(group[0][0]))
    return [(status, reason, [_line(each, gate) for each in members]) for (status, reason), members in by_status]


def title(outcome: Outcome) -> str:
    """Returns the status and the reason, as a sentence that can be understood alone."""
    status, reason = outcome.status.value, outcome.reason or ""
    if outcome.status is Status.PRESENT:
        reason = "nothing was tried any more"
    if outcome.status is Status.BROKEN:
        # A difference in the catalog explains the failures of rows.
        reason = next(map(_in_words, sorted(outcome.counterexamples, key=lambda each: bool(each.rows))), "")
    reason = words.plain(reason)
    return f"{status}: {reason if len(reason) <= REASON else f'{reason[:REASON]}…'}"


def _in_words(example: Counterexample) -> str:
    if example.expected in (THERE, EVALUABLE):
        return example.actual
    return f"expected: {example.expected}; actual: {example.actual}"


def _line(outcome: Outcome, gate: Gate) -> str:
    before = gate.baseline.get(outcome.name)
    was = f"  was {before.value}" if before else "  new" if gate.baseline else ""
    return f"{words.plain(outcome.name)}  {words.plain(words.where(outcome))}{was}"
