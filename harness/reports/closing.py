"""What a run ends with: the checks that are not green, those together that are so for the same reason."""

from __future__ import annotations

from collections.abc import Iterable

from harness.outcome import Outcome, Status
from harness.reports import words

REASON = 160
"""Characters of a reason that are shown whole."""

_ORDER = (Status.BROKEN, Status.UNRELIABLE, Status.ERROR)

Group = tuple[Status, str, list[str]]
"""A status, with its reason as a title, and a line for each check: its name and where its rule is written."""


def groups(outcomes: Iterable[Outcome]) -> list[Group]:
    """The groups in the order of their first checks, the broken ones first."""
    found: dict[tuple[Status, str], list[Outcome]] = {}
    for outcome in outcomes:
        if not outcome.status.green:
            found.setdefault((outcome.status, _reason(outcome)), []).append(outcome)
    by_status = sorted(found.items(), key=lambda group: _ORDER.index(group[0][0]))
    return [(status, reason, list(map(_line, members))) for (status, reason), members in by_status]


def _reason(outcome: Outcome) -> str:
    """What was caught first; or why nothing was."""
    status, reason = outcome.status.value, outcome.reason or ""
    if outcome.status is Status.BROKEN:
        status, reason = f"{status}, caught", next((example.caught for example in outcome.counterexamples), "")
    reason = words.plain(reason)
    return f"{status}: {reason if len(reason) <= REASON else f'{reason[:REASON]}…'}"


def _line(outcome: Outcome) -> str:
    return f"{words.plain(outcome.name)}  {words.plain(words.where(outcome))}"
