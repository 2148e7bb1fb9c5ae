"""What a run has found by any moment: told as it comes, kept for a run that resumes it, whole however the run ends."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from harness.declarations import DeclaredCheck
from harness.outcome import Outcome
from harness.reports import scripts
from harness.reports.journal import Journal
from harness.reports.terminal import Terminal


class Progress:
    """Takes outcomes in whatever order they come. ``seeds`` are the outcomes that stand before those of checks.

    With ``tables`` the checks of a table are told together, in their order, when the last of them is there.
    """

    def __init__(
        self,
        terminal: Terminal,
        journal: Journal,
        root: Path,
        checks: Sequence[DeclaredCheck],
        *,
        tables: bool,
        before: float = 0.0,
    ) -> None:
        self._terminal = terminal
        self._journal = journal
        self._root = root
        self._headings = [str(check.table or check.module) for check in checks]
        self._left = Counter(self._headings)
        self._tables = tables
        self._waiting: dict[str, dict[int, Outcome]] = {}
        self._seeds: list[Outcome] = []
        self._found: dict[int, Outcome] = {}
        self._started = time.perf_counter() - before

    @property
    def outcomes(self) -> list[Outcome]:
        """All that there are, in the files' order."""
        return [*self._seeds, *(self._found[place] for place in sorted(self._found))]

    @property
    def seconds(self) -> float:
        """What the run has taken, with what it took before it was resumed."""
        return time.perf_counter() - self._started

    def add_seeds(self, outcome: Outcome) -> None:
        self._seeds.append(outcome)
        self._terminal.add(outcome)

    def add(self, place: int, outcome: Outcome, *, known: bool = False) -> None:
        """An outcome of the check at this place, one that is ``known`` from the run that is resumed."""
        if not known:
            scripts.keep(self._root, outcome)
            self._journal.add(outcome, self.seconds)
        self._found[place] = outcome
        if not self._tables:
            self._terminal.add(outcome)
            return
        heading = self._headings[place]
        self._waiting.setdefault(heading, {})[place] = outcome
        self._left[heading] -= 1
        if not self._left[heading]:
            self._tell(heading)

    def tell_rest(self) -> None:
        """Tells what is there of tables whose other checks will not come."""
        for heading in list(self._waiting):
            self._tell(heading)

    def _tell(self, heading: str) -> None:
        for _, outcome in sorted(self._waiting.pop(heading).items()):
            self._terminal.add(outcome)
