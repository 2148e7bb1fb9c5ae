"""Takes the outcomes of a run as they come: prints them, and keeps them for a later ``--resume``.

Decides the order of lines: the checks of a table together, when the last of them is done. Has each outcome entered in
the journal, and its psql script written.
Not here: the journal itself (``reports/journal.py``), and how a line looks (``reports/terminal.py``).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from harness.declarations import DeclaredCheck
from harness.outcome import Outcome
from harness.reports import scripts
from harness.reports.journal import Journal
from harness.reports.terminal import Terminal


class Progress:
    """Takes outcomes in any order. Of the run that is resumed are the ``known`` positions, and the seconds ``before``.

    With ``tables`` the checks of a table are printed together, in their order, when the last of them is done.
    """

    def __init__(
        self,
        terminal: Terminal,
        journal: Journal,
        root: Path,
        checks: Sequence[DeclaredCheck],
        *,
        tables: bool,
        known: Collection[int] = (),
        before: float = 0.0,
    ) -> None:
        self._terminal = terminal
        self._journal = journal
        self._root = root
        self._headings = [str(check.table or check.module) for check in checks]
        self._left = Counter(self._headings)
        self._tables = tables
        self._known = known
        self._waiting: dict[str, dict[int, Outcome]] = {}
        self._seeds: list[Outcome] = []
        self._found: dict[int, Outcome] = {}
        self._started = time.perf_counter() - before

    @property
    def outcomes(self) -> list[Outcome]:
        """All outcomes so far, those of seeds first, then in the order of the files."""
        return [*self._seeds, *(self._found[position] for position in sorted(self._found))]

    @property
    def seconds(self) -> float:
        """The time of the run so far, with that before it was resumed."""
        return time.perf_counter() - self._started

    def add_seeds(self, outcome: Outcome) -> None:
        self._seeds.append(outcome)
        self._terminal.add(outcome)

    def add(self, position: int, outcome: Outcome) -> None:
        """Adds the outcome of the check at this position."""
        if position not in self._known:
            scripts.keep(self._root, outcome)
            self._journal.add(outcome, self.seconds)
        self._found[position] = outcome
        if not self._tables:
            self._terminal.add(outcome)
            return
        heading = self._headings[position]
        self._waiting.setdefault(heading, {})[position] = outcome
        self._left[heading] -= 1
        if not self._left[heading]:
            self._tell(heading)

    def tell_rest(self) -> None:
        """Prints the outcomes of tables that are not complete when the run ends."""
        for heading in list(self._waiting):
            self._tell(heading)

    def _tell(self, heading: str) -> None:
        for _, outcome in sorted(self._waiting.pop(heading).items()):
            self._terminal.add(outcome)
