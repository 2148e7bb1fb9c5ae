"""Groups the checks that are not green by status and reason, for the end of a run.

Decides their order, broken ones first, and leaves out what the baseline knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import metadata

from harness.errors import shortened
from harness.outcome import EVALUABLE, STRICT, THERE, Counterexample, Gate, Outcome, Status
from harness.reports import words

REASON = 300
"""Characters of a reason that are shown whole; of a longer one, the middle is left out."""
MEMBERS = 10
"""Checks that are listed for one reason."""
KINDS = 3
"""Kinds that are named where to read on."""

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
    return [(status, reason, _lines(members, gate)) for (status, reason), members in by_status]


def title(outcome: Outcome) -> str:
    """Returns the status and the reason, as a sentence that can be understood alone."""
    status, reason = outcome.status.value, outcome.reason or ""
    if outcome.status is Status.PRESENT:
        reason = "nothing was tried any more"
    if outcome.status is Status.BROKEN:
        # A difference in the catalog explains the failures of rows.
        reason = next(map(_in_words, sorted(outcome.counterexamples, key=lambda each: bool(each.rows))), "")
    return f"{status}: {shortened(words.plain(reason), REASON)}"


def _in_words(example: Counterexample) -> str:
    if example.expected in (THERE, EVALUABLE):
        return example.actual
    expected = shortened(words.plain(example.expected), REASON // 2)
    return f"expected: {expected}; actual: {example.actual}"


def where_to_read(outcomes: Iterable[Outcome], gate: Gate = STRICT) -> Iterator[str]:
    """Yields where broken kinds are explained, and the reasons of unreliable checks; not of those that the gate knows.

    A check that is not written has no kind to read about, and neither has a name that the catalog lacks.
    """
    red = [each for each in outcomes if not each.status.green and not gate.knows(each)]
    told = [each for each in red if each.subject and any(one.expected != THERE for one in each.counterexamples)]
    kinds = dict.fromkeys(each.kind for each in told if each.status is Status.BROKEN)
    if kinds:
        yield f"read on: {', '.join(f'harness explain {kind}' for kind in [*kinds][:KINDS])}"
    if any(each.status is Status.UNRELIABLE for each in red):
        yield f"what to do, reason by reason: {documentation()}/how-to/unreliable.md"


def documentation() -> str:
    """Returns the address of the project's documentation, or its folder where the installation does not know it."""
    urls = dict(each.split(", ", 1) for each in metadata("constraint-harness").get_all("Project-URL", []))
    return str(urls.get("Documentation", "docs"))


def _lines(outcomes: Sequence[Outcome], gate: Gate) -> list[str]:
    """A line for each check; of more than ``MEMBERS`` for the first ones."""
    left = len(outcomes) - MEMBERS
    more = [f"… and {left} more"] if left > 0 else []
    return [*(_line(each, gate) for each in outcomes[:MEMBERS]), *more]


def _line(outcome: Outcome, gate: Gate) -> str:
    before = gate.baseline.get(outcome.name)
    was = f"  was {before.value}" if before else "  new" if gate.baseline else ""
    return f"{words.plain(outcome.name)}  {words.plain(words.where(outcome))}{was}"
