"""Leaves writes out of a sequence that failed: each is taken away, and the rest tried again.

What is left is accepted, and so is stated as plain statements. Not here: the rows before them (``fewer_rows.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from harness.probes import Execute, Probe, SqlStatement, Steps
from harness.proving.examiner import Failure

F = TypeVar("F")
Setup = tuple[SqlStatement, ...]


def steps_of(probe: Probe) -> Steps | None:
    """The steps of a probe that has some."""
    return probe.statement.steps if isinstance(probe.statement, Execute) else None


def with_plain_rows(setup: Setup, fails: Callable[[Setup], F | None], first: F) -> F:
    """Returns what fails when a row that may be refused is inserted, or is left out; ``first`` where neither does."""
    for place in reversed(range(len(setup))):
        each = setup[place]
        if isinstance(each, Execute) and each.steps is not None:
            for rows in (each.steps.writes, ()):
                tried = (*setup[:place], *rows, *setup[place + 1 :])
                if (found := fails(tried)) is not None:
                    setup, first = tried, found
                    break
    return first


def fewer_steps(failure: Failure, again: Callable[[Failure], Failure | None]) -> Failure:
    """Returns the failure with the fewest writes that were found; ``again`` is how a failure fails now, if it does."""
    steps = steps_of(failure.probe)

    def same(tried: Failure) -> Failure | None:
        found = again(tried)
        return found if found is not None and found.probe.aspect == failure.probe.aspect else None

    first = failure
    failure = with_plain_rows(first.setup, lambda setup: same(replace(first, setup=setup)), first)
    if steps is None:
        return failure

    def tried(steps: Steps, statement: Execute) -> Failure | None:
        return same(replace(failure, probe=replace(failure.probe, statement=statement, value=str(steps))))

    shorter = True
    while shorter:
        shorter = False
        for place in reversed(range(len(steps.writes) if len(steps.writes) > 1 else 0)):
            fewer = steps.without(place)
            if (found := tried(fewer, fewer.skipping)) is not None:
                failure, steps, shorter = found, fewer, True
    return tried(steps, steps.plain) or failure
