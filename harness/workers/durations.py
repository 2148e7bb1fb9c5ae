"""Keeps ``.harness/durations.json``: the seconds of each check in its last run, by which work is shared out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from harness import files
from harness.catalog.grouping import grouped
from harness.declarations import DeclaredCheck
from harness.errors import Place, ProjectError
from harness.outcome import Outcome

FILE = Path(".harness", "durations.json")
VERSION = 1

TYPICAL = 0.05
"""Seconds of a check if no duration is known."""


@dataclass(frozen=True)
class Durations:
    """Seconds of checks, by name."""

    seconds: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Durations:
        """Reads a file. Raises :class:`ProjectError` if it does not exist, or is no file of durations."""
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return cls({str(name): float(value) for name, value in found["seconds"].items()})
        except OSError as error:
            raise ProjectError(
                f"cannot be read: {error.strerror}",
                place=Place(path),
                hint=f"a run without --shard writes {FILE.as_posix()}",
            ) from None
        except (ValueError, TypeError, KeyError, AttributeError):
            raise ProjectError(
                "no durations of checks", place=Place(path), hint="delete it; the next run writes it anew"
            ) from None

    @classmethod
    def merged(cls, paths: Iterable[Path]) -> Durations:
        """Reads several files; the last one that has a check counts. Raises :class:`ProjectError`."""
        seconds: dict[str, float] = {}
        for path in paths:
            seconds |= cls.read(path).seconds
        return cls(seconds)

    @classmethod
    def recorded(cls, root: Path) -> Durations:
        """Reads the file that the last runs of a project wrote; empty if it cannot be read."""
        try:
            return cls.read(root / FILE)
        except ProjectError:
            return cls()

    def weights(self, checks: Sequence[DeclaredCheck]) -> list[float]:
        """Returns the expected seconds of each check; for one that was never tried, the mean of its kind."""
        known = (check for check in checks if check.name in self.seconds)
        kinds = grouped((check.kind, self.seconds[check.name]) for check in known)
        means = {kind: fmean(seconds) for kind, seconds in kinds.items()}
        overall = fmean(each for seconds in kinds.values() for each in seconds) if kinds else TYPICAL
        return [self.seconds.get(check.name, means.get(check.kind, overall)) for check in checks]


def record(path: Path, declared: Sequence[DeclaredCheck], outcomes: Sequence[Outcome]) -> None:
    """Updates a file of durations, and removes checks that are not declared any more. Raises OSError."""
    try:
        before = Durations.read(path).seconds
    except ProjectError:
        before = {}
    names = {check.name for check in declared}
    seconds = {name: value for name, value in before.items() if name in names}
    seconds |= {outcome.name: round(outcome.seconds, 4) for outcome in outcomes if outcome.name in names}
    files.write(path, json.dumps({"version": VERSION, "seconds": seconds}, indent=1, sort_keys=True) + "\n")
