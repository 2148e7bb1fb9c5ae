"""The baseline of ``harness test``: read before a run, compared with what came of it, written where there is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness import files
from harness.errors import ProjectError
from harness.outcome import Outcome
from harness.reports import json
from harness.reports.baseline import Baseline
from harness.reports.run import Run

if TYPE_CHECKING:
    from harness.declarations import DeclaredCheck


def known(file: str | None, *, whole: bool) -> Baseline | None:
    """The one that is asked for, if it is there yet. Only a ``whole`` run may find none, since it can write it."""
    found = Baseline.read(Path(file)) if file is not None else None
    if file is not None and found is None and not whole:
        raise ProjectError(
            f"there is no baseline {file}, and a shard cannot write one for all",
            hint=f"write it by a whole run, and commit it: harness test --baseline {file}",
        )
    return found


def compared(
    baseline: Baseline | None, declared: Sequence[DeclaredCheck], outcomes: Sequence[Outcome], *, selected: bool
) -> Iterator[str]:
    """How a run compares. Where checks were ``selected``, nothing is said of others."""
    if baseline is not None:
        there = {check.name for check in declared} | {outcome.name for outcome in outcomes}
        yield from baseline.compared(outcomes, there | {*baseline.statuses} if selected else there)


def keep(path: Path, run: Run, outcomes: Sequence[Outcome], seconds: float) -> str:
    """Writes the baseline if the run is whole; what is to be said of it."""
    if len(outcomes) < run.selected:
        return f"{path} is not written: not everything was tried"
    files.write(path, json.render(run, outcomes, seconds))
    return f"wrote {path}: commit it, and from the next run on only what is worse than there fails"
