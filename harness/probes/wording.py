"""A probe's expectation and its reply, in the words of reports."""

from __future__ import annotations

from dataclasses import replace

from harness.probes.probe import Accepted, AcceptedIf, AcceptedOrRefused, NotDenied, Probe, Refused
from harness.probes.reply import Reply, ServerError


def has_expected_rows(probe: Probe, reply: Reply) -> bool:
    """Whether as many rows were changed as is expected."""
    match probe.expected:
        case AcceptedOrRefused() | NotDenied() | AcceptedIf() | Accepted(None):
            return True
        case Accepted(rows):
            return reply.rows == rows
    return reply.rows == 0


def actual(probe: Probe, reply: Reply) -> str:
    """The actual outcome, in the words that ``expected:`` uses."""
    if reply.refusal is not None:
        return f"{reply.refusal}{_another(probe, reply.refusal)}"
    if not isinstance(probe.expected, Refused) and has_expected_rows(probe, reply) and probe.then is not None:
        return f"{probe.then.meaning}: {'nothing' if reply.then is None else reply.then}"
    changed = "" if isinstance(probe.expected, Refused) and reply.rows == 1 else f", {reply.rows} rows"
    return f"accepted{changed}"


def _another(probe: Probe, refusal: ServerError) -> str:
    """Adds how the refusal differs from the expected one, where its own words do not tell."""
    if isinstance(probe.expected, AcceptedIf):
        return f"; {probe.expected.condition}"
    if isinstance(probe.expected, Refused) and probe.expected.routines:
        same_error = replace(probe.expected, routines=()).matches(refusal)
        return f"; not by {' or '.join(probe.expected.routines)}" if same_error else ""
    return ""


def expected(probe: Probe) -> str:
    """The expected outcome, after the value that was tried."""
    words = str(probe.expected)
    if probe.then is not None:
        words = f"{words}, and {probe.then.meaning}: {probe.then.expected}"
    if probe.never_set:
        words = f"{words} (with {', '.join(probe.never_set)} never set)"
    if probe.left_empty:
        words = f"{words} (with {', '.join(probe.left_empty)} left empty by an earlier transaction)"
    return f"{probe.value} {words}" if probe.value else words
