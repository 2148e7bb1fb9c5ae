"""Reply against want."""

from __future__ import annotations

import enum
from collections.abc import Iterable

from harness.probes.probe import Accepted, Probe, Refused
from harness.probes.reply import Reply
from harness.probes.shapes import UNTRIED


class Verdict(enum.Enum):
    AS_WANTED = "as wanted"
    MASKED = "masked"
    UNTRIED = "untried"
    WRONG = "wrong"


def judge(probe: Probe, reply: Reply, declared: Iterable[Refused]) -> Verdict:
    """Whether a reply is what the probe wants.

    ``declared`` are the refusals of all *other* declared rules: refused by one of those, the probe shows nothing of its
    own rule; refused by a rule that nobody declared, it is wrong. Untried is what never got as far as its statement.
    """
    if reply.refusal is None:
        return _accepted(probe, reply)
    if reply.refusal.sqlstate == UNTRIED:
        return Verdict.UNTRIED
    if isinstance(probe.wanted, Refused):
        if probe.wanted.matches(reply.refusal):
            return Verdict.AS_WANTED
    elif not isinstance(probe.wanted, Accepted) and reply.refusal.sqlstate in probe.wanted.sqlstates:
        return Verdict.AS_WANTED
    if any(rule.matches(reply.refusal) for rule in declared):
        return Verdict.MASKED
    return Verdict.WRONG


def _accepted(probe: Probe, reply: Reply) -> Verdict:
    if isinstance(probe.wanted, Refused):
        return Verdict.WRONG
    wanted_rows = probe.wanted.rows if isinstance(probe.wanted, Accepted) else 0
    if wanted_rows is not None and reply.rows != wanted_rows:
        return Verdict.WRONG
    if probe.then is not None and reply.then != probe.then.wanted:
        return Verdict.WRONG
    return Verdict.AS_WANTED


def caught(probe: Probe, reply: Reply) -> str:
    """What happened, in the words that ``wanted:`` uses."""
    if reply.refusal is not None:
        return str(reply.refusal)
    if isinstance(probe.wanted, Accepted) and probe.wanted.rows in (None, reply.rows) and probe.then is not None:
        return f"{probe.then.meaning}: {'nothing' if reply.then is None else reply.then}"
    changed = "" if isinstance(probe.wanted, Refused) and reply.rows == 1 else f", {reply.rows} rows"
    return f"accepted{changed}"


def wanted(probe: Probe) -> str:
    """What was wanted: value first, then the outcome."""
    words = str(probe.wanted)
    if probe.then is not None:
        words = f"{words}, and {probe.then.meaning}: {probe.then.wanted}"
    return f"{probe.value} {words}" if probe.value else words
