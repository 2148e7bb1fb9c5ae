"""Leaves writes out of a sequence that failed: each is taken away, and the rest tried again.

What is left is accepted, and so is stated as plain statements. Not here: the rows before them (``fewer_rows.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from harness.probes import Execute, Probe, Steps
from harness.proving.examiner import Failure


def steps_of(probe: Probe) -> Steps | None:
    """The steps of a probe that has some."""
    return probe.statement.steps if isinstance(probe.statement, Execute) else None


def fewer_steps(failure: Failure, again: Callable[[Failure], Failure | None]) -> Failure:
    """Returns the failure with the fewest writes that were found; ``again`` is how a failure fails now, if it does."""
    steps = steps_of(failure.probe)
    if steps is None:
        return failure

    def tried(steps: Steps, statement: Execute) -> Failure | None:
        return again(replace(failure, probe=replace(failure.probe, statement=statement, value=str(steps))))

    shorter = True
    while shorter:
        shorter = False
        for place in reversed(range(len(steps.writes) if len(steps.writes) > 1 else 0)):
            fewer = steps.without(place)
            if (found := tried(fewer, fewer.skipping)) is not None:
                failure, steps, shorter = found, fewer, True
    return tried(steps, steps.plain) or failure
