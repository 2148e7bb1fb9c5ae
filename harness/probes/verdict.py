"""Reply against want."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import replace

from harness.probes.probe import Accepted, AcceptedIf, AcceptedOrRefused, NotDenied, Probe, Refused
from harness.probes.reply import Reply, ServerError
from harness.probes.shapes import UNTRIED

LACKING = "42501"
"""How privileges and policies refuse."""


class Verdict(enum.Enum):
    AS_EXPECTED = "as expected"
    MASKED = "masked"
    UNTRIED = "untried"
    IDLE = "idle"
    WRONG = "wrong"


def judge(probe: Probe, reply: Reply, declared: Iterable[Refused]) -> Verdict:
    """Whether a reply is what the probe wants.

    ``declared`` are the refusals of all *other* declared rules: refused by one of those, the probe shows nothing of its
    own rule, unless it is ``never_masked``; refused by a rule that nobody declared, it is wrong. Untried is what never got
    as far as its statement, or to no row where that has to reach one; idle what gave its rule no occasion.
    """
    if reply.refusal is None:
        return Verdict.UNTRIED if probe.reaches and reply.rows == 0 else _accepted(probe, reply)
    if reply.refusal.sqlstate == UNTRIED:
        return Verdict.UNTRIED
    if probe.reaches and _by_policy(reply.refusal) and not _is_wanted(probe, reply.refusal):
        return Verdict.UNTRIED
    foreseen = reply.then if isinstance(probe.expected, AcceptedIf) else None
    if isinstance(probe.expected, AcceptedOrRefused) or (
        isinstance(probe.expected, AcceptedIf) and foreseen not in ("yes", "no")
    ):
        return Verdict.MASKED
    if isinstance(probe.expected, NotDenied):
        return Verdict.WRONG if reply.refusal.denied else Verdict.MASKED
    if isinstance(probe.expected, Refused):
        if probe.expected.matches(reply.refusal):
            return Verdict.AS_EXPECTED
    elif (
        not isinstance(probe.expected, Accepted)
        and foreseen != "yes"
        and reply.refusal.sqlstate in probe.expected.sqlstates
    ):
        return Verdict.AS_EXPECTED
    masking = (rule for rule in declared if rule.table is None or rule.table not in probe.not_masked_by)
    if isinstance(probe.expected, Refused) and probe.expected.constraint == reply.refusal.constraint is not None:
        # It bears the name of the rule, though not its SQLSTATE: a trigger in general is no better answer.
        masking = (rule for rule in masking if rule.constraint is not None)
    if not probe.never_masked and any(rule.matches(reply.refusal) for rule in masking):
        return Verdict.MASKED
    return Verdict.WRONG


def _by_policy(refusal: ServerError) -> bool:
    """Whether it was for lack of privilege or by a policy, and not within a function that the write calls."""
    # Our own is always running.
    return refusal.sqlstate == LACKING and all(name.startswith("harness_") for _, name in refusal.functions)


def _is_wanted(probe: Probe, refusal: ServerError) -> bool:
    return isinstance(probe.expected, Refused) and probe.expected.matches(refusal)


def _accepted(probe: Probe, reply: Reply) -> Verdict:
    if isinstance(probe.expected, Refused):
        return Verdict.WRONG
    if not _counts(probe, reply):
        return Verdict.WRONG
    if isinstance(probe.expected, NotDenied) and reply.rows == 0:
        return Verdict.IDLE
    if probe.then is not None and reply.then != probe.then.expected:
        return Verdict.IDLE if reply.then is not None and reply.then == probe.then.idle else Verdict.WRONG
    return Verdict.AS_EXPECTED


def _counts(probe: Probe, reply: Reply) -> bool:
    """Whether as many rows were changed as is expected."""
    match probe.expected:
        case AcceptedOrRefused() | NotDenied() | AcceptedIf() | Accepted(None):
            return True
        case Accepted(rows):
            return reply.rows == rows
    return reply.rows == 0


def actual(probe: Probe, reply: Reply) -> str:
    """What happened, in the words that ``expected:`` uses."""
    if reply.refusal is not None:
        return f"{reply.refusal}{_another(probe, reply.refusal)}"
    if not isinstance(probe.expected, Refused) and _counts(probe, reply) and probe.then is not None:
        return f"{probe.then.meaning}: {'nothing' if reply.then is None else reply.then}"
    changed = "" if isinstance(probe.expected, Refused) and reply.rows == 1 else f", {reply.rows} rows"
    return f"accepted{changed}"


def _another(probe: Probe, refusal: ServerError) -> str:
    """What tells a refusal from the one that was expected, or from none, if the refusal does not say it itself."""
    if isinstance(probe.expected, AcceptedIf):
        return f"; {probe.expected.condition}"
    if isinstance(probe.expected, Refused) and probe.expected.routines:
        alike = replace(probe.expected, routines=()).matches(refusal)
        return f"; not by {' or '.join(probe.expected.routines)}" if alike else ""
    return ""


def expected(probe: Probe) -> str:
    """What was expected: value first, then the outcome."""
    words = str(probe.expected)
    if probe.then is not None:
        words = f"{words}, and {probe.then.meaning}: {probe.then.expected}"
    if probe.never_set:
        words = f"{words} (with {', '.join(probe.never_set)} never set)"
    if probe.left_empty:
        words = f"{words} (with {', '.join(probe.left_empty)} left empty by an earlier transaction)"
    return f"{probe.value} {words}" if probe.value else words
