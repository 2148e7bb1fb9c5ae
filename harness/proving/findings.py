"""Decides the status of one check: proved, present, unreliable, broken or error, with the reason.

An aspect that was never seen, because something else refused first or no row was reached, makes it unreliable.
Not here: the verdict on one reply (``attribution.py``), and which status fails a run (``outcome.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.catalog import Catalog
from harness.declarations import DeclaredCheck
from harness.kinds.base import Fact, Kind, Missing
from harness.outcome import THERE, Counterexample, Outcome, Status
from harness.probes import CASTS_EMPTY_TEXT, ServerError
from harness.proving import bug
from harness.proving.causes import Cause
from harness.proving.doors import DoorFindings
from harness.proving.examiner import SETUP, Trial
from harness.proving.racing import RaceResult
from harness.proving.reproduction import counterexample, race_counterexample
from harness.proving.undeclared import UndeclaredRules
from harness.proving.unset import LEFT_EMPTY


@dataclass
class Findings:
    """An outcome in the making."""

    probes: int = 0
    sequences: int = 0
    facts: int = 0
    tried: bool = False
    only_shown: bool = False
    """Whether the check is at best present, and what is not seen of it is only a hint."""
    broken: list[Counterexample] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    reason: str | None = None
    error: Exception | None = None
    again: str | None = None
    disturbed: str | None = None

    def add_facts(self, facts: Sequence[Fact]) -> None:
        self.facts += len(facts)
        self.tried |= any(fact.tried for fact in facts)
        self.broken += [Counterexample(fact.expected, fact.actual) for fact in facts if not fact.holds]

    def add_missing(self, missing: Missing, check: DeclaredCheck, catalog: Catalog) -> None:
        """Adds that the catalog lacks a name, and the name that the rule of the check has there."""
        table, words = catalog.tables.get(check.table) if check.table else None, str(missing)
        if table is not None and (meant := check.rule.meant(table)) is not None:
            words = f"{words.partition('; did you mean')[0]}; did you mean {meant!r}? Then say `constraint: {meant}`"
        if (found := Counterexample(THERE, words)) not in self.broken:
            self.broken.append(found)

    def add_trial(self, check: DeclaredCheck, trial: Trial, undeclared: UndeclaredRules) -> None:
        self.probes += trial.probes
        self.sequences += trial.sequences
        if trial.failure is not None:
            # An example of what happens says more than a line of the catalog.
            self.broken.insert(0, counterexample(check, trial.failure, undeclared.catalog))
        elif trial.setup_refused is not None and not trial.shown:
            by = f"; {replace(trial.causes[SETUP], refusal=None)}" if SETUP in trial.causes else ""
            self.reason = f"no scenario could be built: its rows were {trial.setup_refused.said(check.table)}{by}"
        elif trial.untried is not None:
            self.reason = f"it could not be tried: {trial.untried.message}"
        elif trial.scenarios == 0:
            self.reason = "no scenario could be built: no rows were found that keep all rules"
        else:
            # Rows that nobody refuses prove no rule.
            self.tried |= bool(trial.shown) and check.rule.enforced
            self._add_hidden(trial, check.rule, undeclared)

    def _add_hidden(self, trial: Trial, rule: Kind, undeclared: UndeclaredRules) -> None:
        """Says which aspect no probe showed, because something else refused first or no row was reached."""
        unknown = {name for _, names in undeclared.triggers() for name in names}
        # What a trigger hides that nobody declared is another check's finding first.
        past = {aspect: cause for aspect, cause in trial.past_triggers.items() if not {*cause.names} & unknown}
        shown = trial.shown - (trial.past_triggers.keys() - past.keys())
        for aspect, mask in trial.masked.items() if not rule.leaves_out else ():
            if aspect not in shown and aspect not in trial.causes:
                self.reason = (
                    f"'{aspect}' was never seen: each time it was {mask}{_because(aspect, mask, rule, undeclared)}"
                )
        for aspect, why in trial.idle.items():
            if aspect not in shown and aspect not in trial.masked:
                self.reason = f"'{aspect}' was never seen: each time {why}"
        for aspect, cause in sorted(trial.causes.items(), key=lambda each: each[1].fails):
            if aspect in shown and rule.every_row and {*cause.names} & unknown:
                self.reason = f"'{aspect}' was not seen of every row: some met {cause}"
            elif aspect not in shown and aspect != SETUP:
                self.reason = f"'{aspect}' was never seen: each time it met {cause}"
        self.notes += _switched_off(past)
        if self.reason is None:
            unreached = ((aspect, why) for aspect, why in trial.unreached.items() if aspect not in shown)
            self.reason = next((f"'{aspect}' was never tried: {why}" for aspect, why in unreached), None)
        if self.reason is None and not shown and not rule.leaves_out:
            self.reason = "nothing of it was seen: no probe came as far as this rule"

    def add_doors(self, found: DoorFindings) -> None:
        self.probes += found.probes
        # That a view was seen to show rows says more than that it may.
        self.broken = [each for each in self.broken if not each.expected.startswith(found.views)]
        self.broken += found.broken
        self.notes += found.notes

    def add_races(self, check: DeclaredCheck, result: RaceResult) -> None:
        self.probes += result.commands
        self.tried |= bool(result.shown)
        if result.violation is not None:
            self.broken.insert(0, race_counterexample(check, result.violation))
        elif result.reason is not None:
            self.reason = result.reason

    @property
    def status(self) -> Status:
        if self.error is not None or self.disturbed is not None:
            return Status.ERROR
        if self.broken:
            return Status.BROKEN
        if self.only_shown:
            return Status.PRESENT
        if self._unshown is not None:
            return Status.UNRELIABLE
        return Status.PROVED if self.tried else Status.PRESENT

    @property
    def _unshown(self) -> str | None:
        """The reason why nothing can be relied on."""
        return "nothing was looked at" if self.reason is None and not self.tried and not self.facts else self.reason

    @property
    def _why(self) -> str | None:
        if self.error is not None:
            return bug.reason(self.error)
        return self.disturbed or (self._unshown if self.status is Status.UNRELIABLE else None)

    @property
    def _noted(self) -> tuple[str, ...]:
        """The notes on a check that is green."""
        hints = [self.reason] if self.only_shown and self.reason else []
        return (*self.notes, *hints) if self.status.green else ()

    def outcome(self, check: DeclaredCheck, seconds: float) -> Outcome:
        return Outcome(
            name=check.name,
            kind=check.kind,
            subject=check.subject,
            module=check.module,
            table=str(check.table) if check.table else None,
            place=check.place,
            status=self.status,
            probes=self.probes,
            sequences=self.sequences,
            facts=self.facts,
            seconds=seconds,
            reason=self._why,
            counterexamples=tuple(self.broken),
            notes=self._noted,
            again=self.again,
            traceback=bug.text(self.error) if self.error is not None else None,
            shared=check.shared,
        )


def _because(aspect: str, mask: ServerError, rule: Kind, undeclared: UndeclaredRules) -> str:
    """Says what to do about an error that hid an aspect; nothing where no key of the kind says that it is meant."""
    if any(each.matches(mask) and each.fits(mask) for _, _, each in undeclared.refusals()):
        return ", which no check declares"
    if aspect.endswith(LEFT_EMPTY) and mask.of_empty_text:
        return CASTS_EMPTY_TEXT
    if hasattr(rule, "errors") and not mask.constraint:
        return f"; if that is meant, say `errors: [{mask.sqlstate}]`"
    by = f" {mask.constraint}" if mask.constraint else ""
    return f"; if that is meant, say `implied_by:{by}`" if hasattr(rule, "implied_by") else ""


def _switched_off(past: Mapping[str, Cause]) -> Iterator[str]:
    """Says which aspects were seen only without the triggers that hid them."""
    for off in dict.fromkeys(cause.switched_off for cause in past.values()):
        aspects = sorted(f"'{aspect}'" for aspect, cause in past.items() if cause.switched_off == off)
        yield f"{', '.join(aspects)}: seen only with {off}"
