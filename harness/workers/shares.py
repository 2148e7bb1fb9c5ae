"""How checks are shared out: in chunks by table, the longest first; among shards so that they take equally long."""

from __future__ import annotations

import hashlib
import heapq
import json
from collections.abc import Sequence
from dataclasses import dataclass

from harness.declarations import DeclaredCheck
from harness.workers.durations import Durations

PIECES = 6
"""A chunk is at most this part of what one worker has to do: a table that takes long must not be waited for."""


@dataclass(frozen=True)
class Chunk:
    """Checks that one worker proves one after the other, as places in the run's order. ``seconds`` are expected."""

    places: tuple[int, ...]
    seconds: float


def chunks(
    checks: Sequence[DeclaredCheck], durations: Durations, workers: int, *, in_order: bool = False
) -> list[Chunk]:
    """The checks in chunks, longest first, or ``in_order`` of the run.

    Checks of one table share what is found out about its rows, so they stay together, unless they take too long.
    """
    weights = durations.weights(checks)
    longest = sum(weights) / max(workers * PIECES, 1)
    found = [chunk for places in _tables(checks) for chunk in _cut(places, weights, longest)]
    return found if in_order else sorted(found, key=lambda chunk: (-chunk.seconds, chunk.places))


def _tables(checks: Sequence[DeclaredCheck]) -> list[list[int]]:
    """The places of the checks of each table, and of each module's own."""
    tables: dict[str, list[int]] = {}
    for place, check in enumerate(checks):
        tables.setdefault(str(check.table or check.module), []).append(place)
    return list(tables.values())


def _cut(places: Sequence[int], weights: Sequence[float], longest: float) -> list[Chunk]:
    found: list[Chunk] = []
    begun: list[int] = []
    seconds = 0.0
    for place in places:
        if begun and seconds + weights[place] > longest:
            found.append(Chunk(tuple(begun), seconds))
            begun, seconds = [], 0.0
        begun.append(place)
        seconds += weights[place]
    return [*found, Chunk(tuple(begun), seconds)]


@dataclass(frozen=True)
class Shard:
    """The ``number``-th of ``of`` parts of a run, counted from 1."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def part(self, checks: Sequence[DeclaredCheck], durations: Durations) -> tuple[DeclaredCheck, ...]:
        """The checks of this shard, in their order. All shards together have each check once."""
        whose = _dealt(checks, durations, self.of)
        return tuple(check for check, shard in zip(checks, whose, strict=True) if shard == self.number - 1)

    def plan(self, checks: Sequence[DeclaredCheck], durations: Durations) -> str:
        """Tells whether shards were dealt alike: only those that say the same make up the whole run."""
        names = [check.name for check in checks]
        dealt = json.dumps([names, _dealt(checks, durations, self.of)])
        return hashlib.sha256(dealt.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _dealt(checks: Sequence[DeclaredCheck], durations: Durations, shards: int) -> list[int]:
    """For each check its shard: chunks, longest first, each to the shard that has least to do."""
    whose = [0] * len(checks)
    loads = [(0.0, shard) for shard in range(shards)]
    for chunk in chunks(checks, durations, shards):
        load, shard = heapq.heappop(loads)
        heapq.heappush(loads, (load + chunk.seconds, shard))
        for place in chunk.places:
            whose[place] = shard
    return whose
