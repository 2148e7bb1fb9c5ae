"""Decides which checks are proved together, and in which shard, by the seconds each took last time.

Keeps ``.harness/durations.json``. Checks come in chunks by table, the longest first, and go to shards that take equally
long.
Not here: the number of workers (``cli/workers.py``), and the outcomes of a broken off run (``reports/journal.py``).
"""

from __future__ import annotations

import hashlib
import heapq
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from harness import files
from harness.catalog.grouping import grouped, pieces
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


PIECES = 6
"""A chunk is at most this part of one worker's share: no table may take so long that the run waits for it."""


@dataclass(frozen=True)
class Chunk:
    """Checks that one worker proves in turn, by their positions in the run's order; ``seconds`` are expected."""

    positions: tuple[int, ...]
    seconds: float


def chunks(
    checks: Sequence[DeclaredCheck], durations: Durations, workers: int, *, in_order: bool = False
) -> list[Chunk]:
    """Returns the checks in chunks, longest first, or ``in_order`` of the run.

    Checks of one table stay together, unless they take too long: they share the preparation of its rows.
    """
    weights = durations.weights(checks)
    longest = sum(weights) / max(workers * PIECES, 1)
    found = [chunk for positions in _tables(checks) for chunk in _cut(positions, weights, longest)]
    return found if in_order else sorted(found, key=lambda chunk: (-chunk.seconds, chunk.positions))


def _tables(checks: Sequence[DeclaredCheck]) -> list[list[int]]:
    """Returns the positions of the checks of each table, and of each module's own checks."""
    return [*grouped((str(check.table or check.module), position) for position, check in enumerate(checks)).values()]


def _cut(positions: Sequence[int], weights: Sequence[float], longest: float) -> list[Chunk]:
    found = pieces(positions, weights.__getitem__, longest)
    return [Chunk(tuple(piece), sum(weights[position] for position in piece)) for piece in found]


@dataclass(frozen=True)
class Shard:
    """A part of a run, by its ``number`` from 1 to ``count``."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def part(self, checks: Sequence[DeclaredCheck], durations: Durations) -> tuple[DeclaredCheck, ...]:
        """Returns the checks of this shard, in their order. All shards together have each check once."""
        shards = _distributed(checks, durations, self.count)
        return tuple(check for check, shard in zip(checks, shards, strict=True) if shard == self.number - 1)

    def plan(self, checks: Sequence[DeclaredCheck], durations: Durations) -> str:
        """Returns a hash of the distribution: only shards with the same hash make up the whole run."""
        distribution = json.dumps([[check.name for check in checks], _distributed(checks, durations, self.count)])
        return hashlib.sha256(distribution.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _distributed(checks: Sequence[DeclaredCheck], durations: Durations, shards: int) -> list[int]:
    """Returns the shard of each check: each chunk, longest first, goes to the shard with the least work."""
    found = [0] * len(checks)
    loads = [(0.0, shard) for shard in range(shards)]
    for chunk in chunks(checks, durations, shards):
        load, shard = heapq.heappop(loads)
        heapq.heappush(loads, (load + chunk.seconds, shard))
        for position in chunk.positions:
            found[position] = shard
    return found
