"""Shares checks out: in chunks by table, the longest first, and among shards that take equally long."""

from __future__ import annotations

import hashlib
import heapq
import json
from collections.abc import Sequence
from dataclasses import dataclass

from harness.catalog.grouping import grouped, pieces
from harness.declarations import DeclaredCheck
from harness.workers.durations import Durations

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
