"""Scenarios in which the triggers are out of the way that may have hidden an aspect: not yet fired, or switched off.

Not here: trying them (``trial.py``), and which triggers made a probe go wrong (``attribution.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass, field, replace

from harness.probes import Accepted, Family, Insert, Probe, Refused, Scenario, Update, single
from harness.proving.attribution import of_trigger
from harness.proving.causes import Cause, UnexplainedTriggers, disabled
from harness.proving.examiner import Trial


def unsettled(trial: Trial, hidden: Set[str]) -> Callable[[Scenario], Scenario]:
    """Makes scenarios of which no deferred trigger runs before the probes, of the ``hidden`` aspects.

    Where nothing was shown at all, they are of every aspect that is not a trigger's.
    """

    def fits(probe: Probe | Family) -> bool:
        expected = _one(probe).expected
        known = isinstance(expected, Accepted | Refused) and not of_trigger(expected)
        return known and (probe.aspect in hidden or not trial.shown)

    def change(scenario: Scenario) -> Scenario:
        besides = tuple(map(change, scenario.besides))
        return replace(scenario, probes=tuple(filter(fits, scenario.probes)), unsettled=True, besides=besides)

    return change


@dataclass
class PastTriggers:
    """Makes scenarios with triggers switched off of which no check says what they do.

    They are of the aspects of a trial that were hidden; ``causes`` are the triggers that hid them, or may have.
    """

    trial: Trial
    unexplained: UnexplainedTriggers
    causes: dict[str, Cause] = field(default_factory=dict)
    hidden: set[str] = field(init=False)

    def __post_init__(self) -> None:
        trial = self.trial
        failing = {aspect for aspect, cause in trial.causes.items() if cause.fails}
        known = {*trial.masked, *trial.causes} - trial.shown - failing
        self.hidden = known if self.unexplained.triggers else set()

    def leave_out(self, aspect: str) -> None:
        """Takes an aspect out; all of them, if it is none of the hidden ones."""
        self.hidden = self.hidden - {aspect} if aspect in self.hidden else set()

    def scenario(self, scenario: Scenario) -> Scenario:
        """The same scenario without these triggers, and without a probe where it meets none of them."""
        probes = [each for each in scenario.probes if each.aspect in self.hidden and self._stands_alone(_one(each))]
        met = self.unexplained.written(scenario, [*map(_one, probes)])
        probes = probes if met.triggers else []
        for each in probes:
            self.causes[each.aspect] = self.trial.causes.get(each.aspect) or Cause.of(met.triggers, "trigger")
        off, besides = disabled(met.triggers, "trigger"), tuple(map(self.scenario, scenario.besides))
        return replace(scenario, setup=(*off, *scenario.setup), probes=tuple(probes), besides=besides)

    def _stands_alone(self, probe: Probe) -> bool:
        """Whether a named rule refuses, so that no row breaks it whatever a trigger makes of the row.

        A delete that a trigger lets pass is another matter: it was to be refused. A named rule lets an UPDATE pass that
        a trigger refuses for reasons of its own; one whose own writes are refused may be at fault.
        """
        cause, expected = self.trial.causes.get(probe.aspect), probe.expected
        raised, written = cause is not None and cause.refusal is not None, single(probe.statement)
        if isinstance(expected, Accepted):
            return cause is not None and cause.raises and isinstance(written, Update)
        kept = cause is None or raised or isinstance(written, Insert | Update)
        return kept and isinstance(expected, Refused) and (expected.constraint or expected.column) is not None


def _one(probe: Probe | Family) -> Probe:
    return probe.of if isinstance(probe, Family) else probe
