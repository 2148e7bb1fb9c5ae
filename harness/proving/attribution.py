"""Decides who refused a probe, and what that says of the check: its rule, another rule, or a trigger.

A wrong probe is tried once more with unexplained triggers and rewrite rules disabled (``Attribution.causes``): if it is
right then, they are the cause, and the check is unreliable and not broken. Decides, too, whether a masked probe counts
against the check, and whether rows that were refused before the probes are a failure.
Not here: which failure is kept (``examiner.py``) and shrunk (``trial.py``), and the status (``findings.py``).

``judge`` compares one reply with what its probe expects; the first line that fits decides:

- accepted, but no row was reached where the probe's ``reaches`` says that one has to be: UNTRIED
- accepted, expected to be refused, or with another number of rows than expected: WRONG
- accepted without a row where only a lack of privilege would be wrong: IDLE
- accepted, the postcondition says that there was no occasion: IDLE; says anything else than expected: WRONG
- accepted otherwise: AS_EXPECTED
- the settings of the probe were refused: UNTRIED
- refused for lack of privilege or by a policy where a row has to be reached, and not as expected: UNTRIED
- refused where either outcome will do, or where it is not known which one to expect: MASKED
- refused where only a lack of privilege would be wrong: WRONG for that lack, else MASKED; where a trigger has to work:
  WRONG where its function fails, else MASKED
- refused as expected: AS_EXPECTED
- refused by another rule that is declared: MASKED, unless that rule ``spares`` the statement, or the probe is
  ``never_masked`` or ``not_masked_by`` rules of that table, or the refusal is among those that are ``unexcused``, by
  no trigger either; a refusal with the constraint that was expected is masked
  by other constraints only, never by triggers
- refused otherwise: WRONG

``Attribution`` decides for one check what follows from that:

- MASKED counts against the check where the probe is required, unless another rule of the table, which is proved
  itself, ``shadows`` such probes: it lets none of them get further
- MASKED by a trigger that no check declares, or of which none says what it does: that trigger is the cause
- WRONG is tried once more with the rewrite rules and unexplained triggers of its tables switched off; if it is
  AS_EXPECTED or MASKED then, they are the cause and the check is unreliable, unless the named rule refuses by itself
  what such triggers rewrote (``trial.py``). No rewrite rule is the cause where a trigger is expected to refuse, and
  nothing excuses a lack of privilege
- rows before the probes that were refused by the check's own rule: WRONG; by another declared rule, or for a reason
  that is not about data: nothing was shown; by anything else: WRONG, if no unexplained trigger is the cause
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from harness.declarations import DeclaredCheck
from harness.probes import (
    INSUFFICIENT_PRIVILEGE,
    LOST,
    UNTRIED,
    Accepted,
    AcceptedIf,
    AcceptedOrRefused,
    Execute,
    Expected,
    NotDenied,
    Probe,
    Refused,
    Reply,
    Scenario,
    ScenarioRunner,
    ServerError,
    SqlStatement,
    Works,
    has_expected_rows,
)
from harness.proving.causes import Cause, UnexplainedTriggers, disabled
from harness.proving.undeclared import DeclaredRefusals

NO_RULE = (LOST[:2], "0A", "42", "53", "54", "55", "57", "58", "XX")
"""Classes of SQLSTATE that are not about what the data are."""


class Verdict(enum.Enum):
    AS_EXPECTED = "as expected"
    MASKED = "masked"
    UNTRIED = "untried"
    IDLE = "idle"
    WRONG = "wrong"


def judge(probe: Probe, reply: Reply, other_rules: Iterable[Refused]) -> Verdict:
    """Compares a reply with what the probe expects; ``other_rules`` are the refusals of all other declared rules."""
    if reply.refusal is None:
        return Verdict.UNTRIED if probe.reaches and reply.rows == 0 else _accepted(probe, reply)
    expected, refusal = probe.expected, reply.refusal
    as_expected = isinstance(expected, Refused) and expected.matches(refusal)
    if refusal.sqlstate == UNTRIED or (probe.reaches and _by_policy(refusal) and not as_expected):
        return Verdict.UNTRIED
    condition_holds = reply.then if isinstance(expected, AcceptedIf) else None
    match expected:
        case AcceptedOrRefused():
            return Verdict.MASKED
        case AcceptedIf() if condition_holds not in ("yes", "no"):
            return Verdict.MASKED
        case NotDenied():
            return Verdict.WRONG if expected.excludes(refusal) else Verdict.MASKED
        case Refused() | Accepted():
            pass
        case _:
            as_expected = condition_holds != "yes" and refusal.sqlstate in expected.sqlstates
    if as_expected:
        return Verdict.AS_EXPECTED
    return Verdict.MASKED if _is_masked(probe, refusal, other_rules) else Verdict.WRONG


def _is_masked(probe: Probe, refusal: ServerError, other_rules: Iterable[Refused]) -> bool:
    if probe.never_masked or not probe.excuses(refusal):
        return False
    names_expected = isinstance(probe.expected, Refused) and probe.expected.constraint == refusal.constraint is not None
    return any(
        rule.matches(refusal)
        for rule in other_rules
        if (rule.table is None or rule.table not in probe.not_masked_by)
        # A refusal with the expected name, though not its SQLSTATE, is not explained by any trigger.
        and (rule.constraint is not None or not names_expected)
    )


def _by_policy(refusal: ServerError) -> bool:
    """Whether a privilege was lacking or a policy refused, outside of all functions that the write calls."""
    # The function that tries the batch is always running.
    return refusal.sqlstate == INSUFFICIENT_PRIVILEGE and all(
        name.startswith("harness_") for _, name in refusal.functions
    )


def _accepted(probe: Probe, reply: Reply) -> Verdict:
    if isinstance(probe.expected, Refused) or not has_expected_rows(probe, reply):
        return Verdict.WRONG
    if isinstance(probe.expected, NotDenied) and not isinstance(probe.expected, Works) and reply.rows == 0:
        return Verdict.IDLE
    if probe.then is not None and reply.then != probe.then.expected:
        return Verdict.IDLE if reply.then is not None and reply.then == probe.then.idle else Verdict.WRONG
    return Verdict.AS_EXPECTED


@dataclass(frozen=True)
class Attribution:
    """Decides for one check who refused what it tried; only failures pay for the second try."""

    check: DeclaredCheck | None = None
    refusals: DeclaredRefusals = field(default_factory=DeclaredRefusals)
    unexplained: UnexplainedTriggers = field(default_factory=UnexplainedTriggers)

    def verdict(self, probe: Probe, reply: Reply) -> Verdict:
        return judge(probe, reply, self._other_rules(reply.refusal, probe.statement))

    def counts_as_hidden(self, probe: Probe, refusal: ServerError) -> bool:
        """Whether a masked probe counts against the check: it is required, and no rule of the table shadows it."""
        return probe.required and not (self.check and self.refusals.shadows(self.check, probe, refusal))

    def cause_of(self, refusal: ServerError) -> Cause | None:
        """The trigger that refused, if no check says what it does: one that the statement fires, if it is known."""
        rules = [rule for rule in self._other_rules(refusal) if rule.triggers and not rule.sqlstates]
        matching = [rule for rule in rules if rule.matches(refusal)]
        fitting = [rule for rule in matching if rule.fits(refusal)] or matching
        names = (name for rule in fitting if rule.routines == fitting[0].routines for name in rule.triggers)
        return Cause(tuple(dict.fromkeys(names)), refusal=refusal) if fitting else None

    def doubt(self, probe: Probe, refusal: ServerError) -> str | None:
        """Says why a masked probe is a failure where its aspect is never seen; None where it is none."""
        if isinstance(probe.expected, Works):
            return "" if probe.expected.fails(refusal) else None
        return self.refusals.contradiction(self.check, probe, refusal)

    def is_setup_failure(self, refusal: ServerError) -> bool:
        """Whether rows that keep all declared rules were refused by this check's rule, or by none that is declared."""
        if self.check and any(rule.matches(refusal) for rule in self.refusals.of(self.check)):
            return True
        declared = any(rule.matches(refusal) for rule in self._other_rules(refusal))
        return not (declared or refusal.sqlstate[:2] in NO_RULE)

    def causes(self, session: ScenarioRunner, scenario: Scenario, failed: Sequence[Probe]) -> dict[int, Cause]:
        """The places among the ``failed`` probes that only unexplained triggers or rewrite rules made fail.

        Without ``failed`` the rows before the probes are tried, and their place is 0.
        """
        met = self.unexplained.written(scenario, failed)
        off = tuple(disabled(met.rules, "rule"))
        found: dict[int, Cause] = {}
        if met.rules:
            found = dict.fromkeys(self._fine(session, scenario, failed, off), Cause.of(met.rules, "rule"))
        if met.triggers:
            fine = self._fine(session, scenario, failed, (*off, *disabled(met.triggers, "trigger")))
            found = {**dict.fromkeys(fine, Cause.of(met.triggers, "trigger")), **found}
        return {
            place: cause
            for place, cause in found.items()
            if not failed
            or not ((met.rules and of_trigger(failed[place].expected)) or isinstance(failed[place].expected, NotDenied))
        }

    def narrowed(
        self,
        session: ScenarioRunner,
        scenario: Scenario,
        failed: Sequence[Probe],
        cause: Cause,
        refusal: ServerError | None,
    ) -> Cause:
        """The cause with its error, and of several triggers or rules those that make the difference by themselves."""
        met = self.unexplained.written(scenario, failed)
        triggers = cause.what == "trigger"
        off = tuple(disabled(met.rules, "rule")) if triggers else ()
        alone = (
            name
            for table, names in (met.triggers if triggers else met.rules).items()
            for name in names
            if self._fine(session, scenario, failed, (*off, *disabled({table: (name,)}, cause.what)))
        )
        names = tuple(dict.fromkeys(alone)) if len(cause.names) > 1 else ()
        return replace(cause, names=names or cause.names, refusal=refusal)

    def _other_rules(self, refusal: ServerError | None, tried: SqlStatement | None = None) -> Iterable[Refused]:
        return self.refusals.of_others(self.check, refusal, tried) if refusal is not None else ()

    def _fine(
        self, session: ScenarioRunner, scenario: Scenario, failed: Sequence[Probe], off: Sequence[Execute]
    ) -> list[int]:
        """The places of the probes that come out as expected, or masked, after the statements ``off``."""
        # They come before the rows: a trigger with pending events cannot be switched off.
        answer = session.replies(replace(scenario, setup=(*off, *scenario.setup), probes=tuple(failed)))
        if isinstance(answer, ServerError):
            return [0] if not failed and any(rule.matches(answer) for rule in self._other_rules(answer)) else []
        if not failed:
            return [0]
        verdicts = map(self.verdict, failed, answer)
        return [place for place, each in enumerate(verdicts) if each in (Verdict.AS_EXPECTED, Verdict.MASKED)]


def of_trigger(expected: Expected) -> bool:
    """Whether a trigger is expected to refuse; a lack of privilege is not its word, and a rule may come before it."""
    if not isinstance(expected, Refused) or expected.constraint is not None or expected.column is not None:
        return False
    return expected.sqlstates != (INSUFFICIENT_PRIVILEGE,)
