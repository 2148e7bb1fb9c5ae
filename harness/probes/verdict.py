"""Reply against want."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import replace

from harness.probes.probe import Accepted, Either, Foreseen, Permitted, Probe, Refused
from harness.probes.reply import Refusal, Reply
from harness.probes.shapes import UNTRIED

LACKING = "42501"
"""How privileges and policies refuse."""


class Verdict(enum.Enum):
    AS_WANTED = "as wanted"
    MASKED = "masked"
    UNTRIED = "untried"
    IDLE = "idle"
    WRONG = "wrong"


def judge(probe: Probe, reply: Reply, declared: Iterable[Refused]) -> Verdict:
    """Whether a reply is what the probe wants.

    ``declared`` are the refusals of all *other* declared rules: refused by one of those, the probe shows nothing of its
    own rule, unless it is ``unmasked``; refused by a rule that nobody declared, it is wrong. Untried is what never got
    as far as its statement, or to no row where that has to reach one; idle what gave its rule no occasion.
    """
    if reply.refusal is None:
        return Verdict.UNTRIED if probe.reaches and reply.rows == 0 else _accepted(probe, reply)
    if reply.refusal.sqlstate == UNTRIED:
        return Verdict.UNTRIED
    if probe.reaches and _by_policy(reply.refusal) and not _is_wanted(probe, reply.refusal):
        return Verdict.UNTRIED
    foreseen = reply.then if isinstance(probe.wanted, Foreseen) else None
    if isinstance(probe.wanted, Either) or (isinstance(probe.wanted, Foreseen) and foreseen not in ("yes", "no")):
        return Verdict.MASKED
    if isinstance(probe.wanted, Permitted):
        return Verdict.WRONG if reply.refusal.denied else Verdict.MASKED
    if isinstance(probe.wanted, Refused):
        if probe.wanted.matches(reply.refusal):
            return Verdict.AS_WANTED
    elif (
        not isinstance(probe.wanted, Accepted)
        and foreseen != "yes"
        and reply.refusal.sqlstate in probe.wanted.sqlstates
    ):
        return Verdict.AS_WANTED
    masking = (rule for rule in declared if rule.table is None or rule.table not in probe.answers_for)
    if isinstance(probe.wanted, Refused) and probe.wanted.constraint == reply.refusal.constraint is not None:
        # It bears the name of the rule, though not its SQLSTATE: a trigger in general is no better answer.
        masking = (rule for rule in masking if rule.constraint is not None)
    if not probe.unmasked and any(rule.matches(reply.refusal) for rule in masking):
        return Verdict.MASKED
    return Verdict.WRONG


def _by_policy(refusal: Refusal) -> bool:
    """Whether it was for lack of privilege or by a policy, and not within a function that the write calls."""
    # Our own is always running.
    return refusal.sqlstate == LACKING and all(name.startswith("harness_") for _, name in refusal.functions)


def _is_wanted(probe: Probe, refusal: Refusal) -> bool:
    return isinstance(probe.wanted, Refused) and probe.wanted.matches(refusal)


def _accepted(probe: Probe, reply: Reply) -> Verdict:
    if isinstance(probe.wanted, Refused):
        return Verdict.WRONG
    if not _counts(probe, reply):
        return Verdict.WRONG
    if isinstance(probe.wanted, Permitted) and reply.rows == 0:
        return Verdict.IDLE
    if probe.then is not None and reply.then != probe.then.wanted:
        return Verdict.IDLE if reply.then is not None and reply.then == probe.then.idle else Verdict.WRONG
    return Verdict.AS_WANTED


def _counts(probe: Probe, reply: Reply) -> bool:
    """Whether as many rows were changed as is wanted."""
    match probe.wanted:
        case Either() | Permitted() | Foreseen() | Accepted(None):
            return True
        case Accepted(rows):
            return reply.rows == rows
    return reply.rows == 0


def caught(probe: Probe, reply: Reply) -> str:
    """What happened, in the words that ``wanted:`` uses."""
    if reply.refusal is not None:
        return f"{reply.refusal}{_another(probe, reply.refusal)}"
    if not isinstance(probe.wanted, Refused) and _counts(probe, reply) and probe.then is not None:
        return f"{probe.then.meaning}: {'nothing' if reply.then is None else reply.then}"
    changed = "" if isinstance(probe.wanted, Refused) and reply.rows == 1 else f", {reply.rows} rows"
    return f"accepted{changed}"


def _another(probe: Probe, refusal: Refusal) -> str:
    """What tells a refusal from the one that was wanted, or from none, if the refusal does not say it itself."""
    if isinstance(probe.wanted, Foreseen):
        return f"; {probe.wanted.condition}"
    if isinstance(probe.wanted, Refused) and probe.wanted.routines:
        alike = replace(probe.wanted, routines=()).matches(refusal)
        return f"; not by {' or '.join(probe.wanted.routines)}" if alike else ""
    return ""


def wanted(probe: Probe) -> str:
    """What was wanted: value first, then the outcome."""
    words = str(probe.wanted)
    if probe.then is not None:
        words = f"{words}, and {probe.then.meaning}: {probe.then.wanted}"
    if probe.never_set:
        words = f"{words} (with {', '.join(probe.never_set)} never set)"
    if probe.left_empty:
        words = f"{words} (with {', '.join(probe.left_empty)} left empty by an earlier transaction)"
    return f"{probe.value} {words}" if probe.value else words
