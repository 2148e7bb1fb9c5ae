"""Tries the scenarios of one check: draws many, sends them in batches, and shrinks what failed.

Two passes of Hypothesis with the same seed draw the same scenarios up to the first failure. The first only draws, and
batches are tried meanwhile; the second, which most checks never need, lets Hypothesis shrink. Tries again before
deferred triggers run, and with triggers switched off, what they hid. Draws again, with other seeds, where triggers
refuse most rows.
Not here: what a reply says (``attribution.py``), Hypothesis itself (``draws.py``), and which rows are left out then
(``fewer_rows.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import TracebackType

from hypothesis import strategies as st

from harness.catalog import Catalog
from harness.kinds.base import Begun, RowPair
from harness.probes import (
    BATCH,
    Scenario,
    ScenarioResult,
    ScenarioRunner,
    ServerError,
    TimedOut,
    Works,
    settle,
)
from harness.proving.attribution import Attribution
from harness.proving.committed_rows import CommittedRows
from harness.proving.draws import changed, draw_until, smallest
from harness.proving.examiner import Examiner, Failure, Trial
from harness.proving.fewer_rows import FewerRows
from harness.proving.fewer_steps import fewer_steps, steps_of
from harness.proving.hidden import PastTriggers, unsettled
from harness.values.examples import examples

REPLAYS = 400
"""Scenarios after which the smallest case found so far is good enough, however quick they are."""

ROUNDS = 16
"""The most times that scenarios are drawn where the rows of all were refused, each time with another seed."""

ROWS = 1000
"""Rows before the probes after which no more are drawn so: far down in a large schema each scenario has many."""


@dataclass(frozen=True)
class Context:
    """The session and the limits that the scenarios of one check are tried with.

    ``scenarios`` is the most that are tried. With ``shrink`` a failure is made smaller by ``replays`` tries at the
    most, and by fewer rows where the ``catalog`` is given. ``attribution`` decides who refused, and ``committed`` rows
    are what some refusals are tried on once more.
    """

    session: ScenarioRunner
    scenarios: int
    seed: int
    shrink: bool = True
    replays: int = REPLAYS
    attribution: Attribution = field(default_factory=Attribution)
    catalog: Catalog | None = None
    committed: CommittedRows | None = None


def attempt(
    context: Context, stated: st.SearchStrategy[Scenario] | Begun, drawn: Iterable[RowPair] | None = None
) -> Trial:
    """Tries scenarios; ``drawn`` are the pairs that would be drawn, where they have been drawn before."""
    examiner, trial = Examiner(context.session, context.attribution, context.committed), Trial()
    _try(context, stated, drawn, examiner, trial)
    if trial.failure is None and context.catalog is not None and settle(context.catalog):
        _try_unsettled(context, stated, replace(examiner, committed=None), trial)
    _try_past_triggers(context, stated, replace(examiner, committed=None), trial)
    first = context.seed
    for seed in range(first + 1, first + ROUNDS):
        if trial.failure is not None or not trial.is_hidden or trial.rows > ROWS:
            break
        # Triggers let few rows pass: there may be some among others. More of one seed would mostly be like these.
        context = replace(context, seed=seed)
        _try(context, stated, None, examiner, trial)
    if context.seed != first:
        # Rows that passed may have shown more that triggers hide.
        _try_past_triggers(context, stated, replace(examiner, committed=None), trial)
    unseen = (each for aspect, each in trial.doubts.items() if aspect not in trial.shown)
    failure = trial.failure or next(unseen, None)
    if failure is not None:
        # What is left of it has to fail on committed rows as well.
        smaller = _smaller(context, stated, replace(examiner, committed=None), failure)
        trial.failure = smaller if examiner.confirms(smaller) else failure
    if trial.failure is not None and isinstance(trial.failure.probe.expected, Works):
        aspect = trial.failure.probe.aspect
        if aspect not in trial.shown:
            trial.failure = replace(trial.failure, probe=replace(trial.failure.probe, value=f"every {aspect}"))
    return trial


def _try_unsettled(
    context: Context, stated: st.SearchStrategy[Scenario] | Begun, examiner: Examiner, trial: Trial
) -> None:
    """Tries what was hidden once more before any deferred trigger has run: it may take or change the rows of the setup.

    A refusal by a trigger shows nothing then, as it may be about those rows. What goes wrong shows nothing either.
    """
    hidden = {*trial.masked, *trial.causes, *trial.unreached} - trial.shown
    if hidden or (trial.setup_refused and not trial.shown):
        late = Trial()
        _try(context, changed(stated, unsettled(trial, hidden)), None, examiner, late)
        trial.probes += late.probes
        trial.shown |= late.shown if late.failure is None else set()


def _try_past_triggers(
    context: Context, stated: st.SearchStrategy[Scenario] | Begun, examiner: Examiner, trial: Trial
) -> None:
    """Tries refusals that triggers hid once more with these triggers switched off: the rule has to refuse by itself.

    What goes wrong then shows nothing: it may be for want of what a trigger does.
    """
    past = PastTriggers(trial, context.attribution.unexplained)
    while past.hidden and trial.failure is None:
        tried = Trial()
        _try(context, changed(stated, past.scenario), None, examiner, tried)
        trial.probes += tried.probes
        if tried.failure is None:
            trial.past_triggers |= {each: past.causes[each] for each in sorted(tried.shown)}
            trial.shown |= tried.shown
            break
        # The others may show something without it.
        past.leave_out(tried.failure.probe.aspect)


def _smaller(
    context: Context, stated: st.SearchStrategy[Scenario] | Begun, examiner: Examiner, failure: Failure
) -> Failure:
    """The failure with as little of everything as it takes, as far as the context has it made smaller."""
    found = _smallest(context, stated, examiner, failure) if context.shrink else failure
    found = examiner.fewest_settings(found)
    if context.shrink:
        found = fewer_steps(found, examiner.again)
    check = context.attribution.check
    if context.shrink and context.catalog is not None and check is not None:
        found = FewerRows(check, context.catalog, examiner.again).of(found)
    return found


def _try(
    context: Context,
    stated: st.SearchStrategy[Scenario] | Begun,
    pairs: Iterable[RowPair] | None,
    examiner: Examiner,
    trial: Trial,
) -> None:
    """Draws scenarios and tries them in batches, until one fails."""
    several: list[Failure] = []

    def is_enough(scenario: Scenario, answer: ScenarioResult) -> bool:
        if scenario.optional and isinstance(answer, ServerError):
            return False
        trial.scenarios += 0 if scenario.optional else 1
        trial.rows += len(scenario.setup)
        failure = trial.failure or examiner.book(trial, scenario, answer)
        if trial.failure is None and failure is not None and steps_of(failure.probe) is not None:
            # One statement that shows it says more than several: other scenarios may have such a one.
            several.append(failure)
        else:
            trial.failure = trial.failure or failure
        return trial.failure is not None

    with BatchPipeline(context.session, is_enough) as pipeline:
        if isinstance(stated, Begun):
            pairs = examples(stated.pairs, context.scenarios, context.seed) if pairs is None else pairs
            ended = any(pipeline.put(stated.build(pair)) for pair in pairs)
        else:
            ended = draw_until(stated, context.scenarios, context.seed, pipeline.put)
        if not ended:
            pipeline.end()
    trial.failure = trial.failure or next(iter(several), None)


def _smallest(
    context: Context, stated: st.SearchStrategy[Scenario] | Begun, examiner: Examiner, first: Failure
) -> Failure:
    """The smallest case in which the same aspect fails; the first one found if it does not fail again."""

    def failing(scenario: Scenario) -> Failure | None:
        for each in (scenario, *scenario.besides):
            same = tuple(probe for probe in each.probes if probe.aspect == first.probe.aspect)
            with suppress(TimedOut):  # that is another fault
                tried = replace(each, probes=same)
                found = examiner.try_alone(tried, first.probe.contrast) if same or not each.optional else None
                if found is not None and (found.probe.aspect == first.probe.aspect or not each.optional):
                    return found
        return None

    limits = context.scenarios, context.seed
    if isinstance(stated, Begun):
        # Not the strategy of what is built from pairs: Hypothesis would draw others.
        build = stated.build
        found = smallest(stated.pairs, *limits, lambda pair: failing(build(pair)), first, context.replays)
    else:
        found = smallest(stated, *limits, failing, first, context.replays)
    # One state of the settings was tried alone: whether it matters is known from the first failure.
    return found if first.probe.never_set else replace(found, probe=replace(found.probe, never_set=()))


AGAIN_SECONDS = 0.5
"""Seconds after which the server is asked again to cancel."""

Sent = tuple[list[Scenario], "Future[list[ScenarioResult]]"]


class BatchPipeline:
    """Takes scenarios one by one, and gives each with its answer to ``is_enough``, in their order.

    Carries them to the server in batches, and holds two at the most: one is tried while the next is drawn.
    No more scenarios are wanted once ``is_enough`` has returned true.
    """

    def __init__(self, session: ScenarioRunner, is_enough: Callable[[Scenario, ScenarioResult], bool]) -> None:
        self._session = session
        self._is_enough = is_enough
        self._thread = ThreadPoolExecutor(1, "harness-probes")
        self._batch: list[Scenario] = []
        self._size = 0
        self._sent: Sent | None = None

    def __enter__(self) -> BatchPipeline:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Again and again: a cancellation between two statements is lost.
        while kind is not None and self._sent is not None and not self._sent[1].done():
            self._session.cancel()
            wait([self._sent[1]], timeout=AGAIN_SECONDS)
        self._thread.shutdown()

    def put(self, scenario: Scenario) -> bool:
        """Takes a scenario; returns whether the answers so far are enough."""
        for each in (scenario, *scenario.besides):
            self._batch.append(each)
            self._size += each.size
        return self._size >= BATCH and self._send()

    def end(self) -> bool:
        """Waits for the answers to all scenarios taken; returns whether they are enough."""
        return (bool(self._batch) and self._send()) or self._receive()

    def _send(self) -> bool:
        batch, self._batch, self._size = self._batch, [], 0
        enough = self._receive()
        if not enough:
            self._sent = batch, self._thread.submit(self._session.run, batch)
        return enough

    def _receive(self) -> bool:
        if self._sent is None:
            return False
        batch, future = self._sent
        answers = future.result()  # an interrupt here finds what has to be cancelled
        self._sent = None
        # All of a batch is looked at: how much was tried does not depend on where in it something was found.
        enough = [self._is_enough(*each) for each in zip(batch, answers, strict=True)]
        return any(enough)
