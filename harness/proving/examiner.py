"""Books what the scenarios of one check showed: the aspects seen, what hid others, the first failure.

Decides which of several wrong probes is the failure, and whether a refused setup is one. Of settings that were left
empty it keeps the one that matters.
Not here: the verdict on one reply, and the second try with unexplained triggers and rewrite rules disabled
(``attribution.py``); the status of the check (``findings.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace

from harness.probes import (
    IMMEDIATE,
    LOST,
    UNTRIED,
    Accepted,
    Execute,
    Family,
    FamilyReply,
    Insert,
    Interference,
    Probe,
    Reply,
    Scenario,
    ScenarioResult,
    ScenarioRunner,
    ServerError,
    SqlStatement,
    TimedOut,
    single,
)
from harness.proving.attribution import Attribution, Verdict
from harness.proving.causes import Cause
from harness.proving.committed_rows import CommittedRows, is_in_doubt

SETUP = "setup"
"""The aspect of the rows that are inserted before any probe."""


@dataclass(frozen=True)
class Failure:
    """A probe that went wrong, with the statements before it."""

    setup: tuple[SqlStatement, ...]
    probe: Probe
    reply: Reply
    waits: bool = False
    """Whether a row of the setup waits for the probe's row."""
    because: str = ""
    """The other declaration that it contradicts, in words."""
    in_message: bool = False
    """Whether only a message of the server shows it, which no script gets."""


@dataclass
class Trial:
    """The probes and the sequences that were tried, and the aspects that they showed.

    ``masked`` are the aspects that another rule hid, ``causes`` those that an unexplained trigger or rewrite rule made
    fail, ``idle`` those that had no occasion, ``unreached`` those whose role got to no row, and why.
    ``setup_refused`` is how the rows before the probes failed by a rule that is declared elsewhere. ``doubts`` are
    probes that other rules hid: they are failures where nothing of their aspect is shown.
    """

    probes: int = 0
    sequences: int = 0
    scenarios: int = 0
    rows: int = 0
    """Statements before the probes of all scenarios."""
    shown: set[str] = field(default_factory=set)
    masked: dict[str, ServerError] = field(default_factory=dict)
    causes: dict[str, Cause] = field(default_factory=dict)
    idle: dict[str, str] = field(default_factory=dict)
    untried: ServerError | None = None
    unreached: dict[str, str] = field(default_factory=dict)
    setup_refused: ServerError | None = None
    doubts: dict[str, Failure] = field(default_factory=dict)
    failure: Failure | None = None
    past_triggers: dict[str, Cause] = field(default_factory=dict)
    """Aspects that were only seen with these triggers switched off."""
    confirmed: set[str] = field(default_factory=set)
    """Aspects that a foreign key hid on committed rows, too."""

    @property
    def is_hidden(self) -> bool:
        """Whether triggers, or rules declared elsewhere, refused all that would have shown an aspect."""
        refused = {aspect for aspect, cause in self.causes.items() if cause.refusal is not None}
        return bool(refused - self.shown - {SETUP}) or (self.setup_refused is not None and not self.shown)

    def add_cause(self, aspect: str, cause: Cause | None) -> None:
        if cause is not None:
            self.causes[aspect] = cause

    def add_unreached(self, aspect: str, why: str, reply: Reply) -> None:
        """Books why a role got to no row; of several reasons the one of the statement that got furthest."""
        if reply.refusal is None:
            self.unreached[aspect] = why
        elif reply.refusal.sqlstate == UNTRIED:
            self.unreached.setdefault(aspect, reply.refusal.message)
        else:
            self.unreached[aspect] = f"{reply.refusal.message} ({reply.refusal.sqlstate}): {why}"

    def replies(self, probe: Probe | Family, found: Reply | FamilyReply) -> Iterator[tuple[Probe, Reply]]:
        """Counts a probe or a family; yields the probes that the server has not judged, with their replies."""
        if isinstance(probe, Family) and isinstance(found, FamilyReply):
            self.probes += len(probe)
            if found.as_expected:
                self.shown.add(probe.aspect)
            yield from ((probe.probe(member), reply) for member, reply in found.others)
        elif isinstance(probe, Probe) and isinstance(found, Reply):
            if isinstance(probe.statement, Execute) and probe.statement.steps is not None:
                self.sequences += 1
            else:
                self.probes += 1
            yield probe, found


@dataclass(frozen=True)
class Examiner:
    """Judges the answers to scenarios, and books them in a trial; some are asked for again on ``committed`` rows."""

    session: ScenarioRunner
    attribution: Attribution
    committed: CommittedRows | None = None

    def try_alone(self, scenario: Scenario, shown: str | None = None) -> Failure | None:
        """Tries one scenario, after an aspect was ``shown`` by others; returns its first failure."""
        trial = Trial(shown=set() if shown is None else {shown})
        failure = self.book(trial, scenario, self.session.run([scenario])[0])
        return failure or next(iter(trial.doubts.values()), None)

    def book(self, trial: Trial, scenario: Scenario, answer: ScenarioResult) -> Failure | None:
        """Books what a scenario showed; returns its first failure."""
        if isinstance(answer, ServerError):
            return self._book_setup(trial, scenario, answer)
        tried = (
            Failure(scenario.setup, each, self._without_doubt(trial, scenario, each, reply), scenario.waits)
            for probe, found in zip(scenario.probes, answer, strict=True)
            for each, reply in trial.replies(probe, found)
        )
        failures = [each for each in tried if self._book_probe(trial, each) is Verdict.WRONG]
        return self._first_unexplained(trial, scenario, failures) if failures else None

    def _without_doubt(self, trial: Trial, scenario: Scenario, probe: Probe, reply: Reply) -> Reply:
        """The reply on committed rows, where it is not known to be the same."""
        if self.committed is None or probe.aspect in trial.confirmed or not is_in_doubt(probe, reply):
            return reply
        found = self.committed.reply(scenario, probe) or reply
        if found.refusal is not None:
            trial.confirmed.add(probe.aspect)
        return found

    def confirms(self, failure: Failure) -> bool:
        """Whether a failure is one on committed rows, too, as far as it could be another there."""
        if self.committed is None or not is_in_doubt(failure.probe, failure.reply):
            return True
        found = self.committed.reply(Scenario(failure.setup, ()), failure.probe)
        return found is None or found.refusal is not None

    def _book_probe(self, trial: Trial, tried: Failure) -> Verdict:
        probe, reply = tried.probe, tried.reply
        verdict = self.attribution.verdict(probe, reply)
        if verdict is Verdict.AS_EXPECTED:
            trial.shown.add(probe.aspect)
        elif verdict is Verdict.UNTRIED and probe.reaches:
            if probe.required:
                trial.add_unreached(probe.aspect, probe.reaches, reply)
        elif verdict is Verdict.UNTRIED and probe.required:
            trial.untried = reply.refusal
        elif verdict is Verdict.IDLE and probe.required:
            trial.idle.setdefault(probe.aspect, reply.then or "it left no row")
        elif verdict is Verdict.MASKED and reply.refusal is not None:
            if probe.contrast in trial.shown and self.attribution.cause_of(reply.refusal) is not None:
                return Verdict.WRONG
            self._book_masked(trial, tried, reply.refusal)
        return verdict

    def _book_masked(self, trial: Trial, tried: Failure, refusal: ServerError) -> None:
        aspect = tried.probe.aspect
        because = self.attribution.doubt(tried.probe, refusal)
        if because is not None:
            trial.doubts.setdefault(aspect, replace(tried, because=because))
        if self.attribution.counts_as_hidden(tried.probe, refusal):
            trial.masked.setdefault(aspect, refusal)
            trial.add_cause(aspect, self.attribution.cause_of(refusal))

    def _first_unexplained(self, trial: Trial, scenario: Scenario, failures: list[Failure]) -> Failure | None:
        """The first failure that no unexplained trigger caused; the others are booked."""
        probes = [failure.probe for failure in failures]
        found = self.attribution.causes(self.session, scenario, probes)
        causes = {
            place: cause
            for place, cause in found.items()
            if probes[place].contrast not in trial.shown and probes[place].excuses(failures[place].reply.refusal)
        }
        for place, cause in causes.items():
            aspect, refusal = probes[place].aspect, failures[place].reply.refusal
            if probes[place].required and aspect not in trial.causes:
                narrowed = self.attribution.narrowed(self.session, scenario, [probes[place]], cause, refusal)
                trial.causes[aspect] = narrowed
        first = next((failure for place, failure in enumerate(failures) if place not in causes), None)
        return first and _without_irrelevant_state(first, probes)

    def _book_setup(self, trial: Trial, scenario: Scenario, refusal: ServerError) -> Failure | None:
        """Books that rows which keep all declared rules were refused; a failure unless another check will report it."""
        wrong = self.attribution.is_setup_failure(refusal)
        if not wrong:
            trial.setup_refused = trial.setup_refused or refusal
            trial.add_cause(SETUP, self.attribution.cause_of(refusal))
        elif not scenario.setup:
            raise AssertionError(f"no record could be made of what the probes say: {refusal}")
        causes = {}
        if wrong or refusal.sqlstate == LOST:
            causes = self.attribution.causes(self.session, scenario, ())
        if causes:
            trial.setup_refused = trial.setup_refused or refusal
            if SETUP not in trial.causes:
                trial.causes[SETUP] = self.attribution.narrowed(self.session, scenario, (), causes[0], refusal)
        return _setup_failure(scenario, refusal) if wrong and not causes else None

    def again(self, failure: Failure) -> Failure | None:
        """Tries a failure alone; returns how it fails now, None if it does not, or could not be tried."""
        with suppress(TimedOut, Interference):
            scenario = Scenario(failure.setup, (failure.probe,), waits=failure.waits)
            return self.try_alone(scenario, failure.probe.contrast)
        return None

    def fewest_settings(self, failure: Failure) -> Failure:
        """The same failure with one setting left empty, where several were and that one is enough."""
        names = failure.probe.left_empty
        for name in names if len(names) > 1 else ():
            probe = replace(failure.probe, left_empty=(name,), never_set=tuple(each for each in names if each != name))
            found = self.again(replace(failure, probe=probe))
            if found is not None and found.probe.aspect == failure.probe.aspect:
                return replace(found, probe=replace(found.probe, never_set=()))
        return failure


def _setup_failure(scenario: Scenario, refusal: ServerError) -> Failure:
    if refusal.at_commit:
        probe = Probe(Execute(IMMEDIATE), Accepted(), SETUP, "what stands before:")
        return Failure(scenario.setup, probe, Reply(refusal))
    tables = ((single(each), each) for each in scenario.setup)
    inserts = (each for one, each in tables if isinstance(one, Insert) and one.table == refusal.table_name)
    statement = next(inserts, scenario.setup[-1])
    probe = Probe(statement, Accepted(), SETUP, "a row that keeps every declared rule")
    return Failure(scenario.setup[: scenario.setup.index(statement)], probe, Reply(refusal))


def _without_irrelevant_state(failure: Failure, failed: Iterable[Probe]) -> Failure:
    """The failure without a word about settings that nobody set, if it fails whether they are unset or left empty."""
    probe = failure.probe
    same = (each for each in failed if not each.never_set and each.statement == probe.statement)
    if probe.never_set and any(each.left_empty and each.value == probe.value for each in same):
        return replace(failure, probe=replace(probe, never_set=()))
    return failure
