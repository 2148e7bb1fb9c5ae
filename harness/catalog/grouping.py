"""Sequences gathered by what they belong to, and cut into pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


def grouped(pairs: Iterable[tuple[K, V]]) -> dict[K, list[V]]:
    """The second parts of pairs by their first ones, both in their order."""
    found: dict[K, list[V]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def pieces(items: Iterable[V], weight: Callable[[V], float], most: float) -> Iterator[list[V]]:
    """The items in their order, in pieces that weigh ``most`` at the most; a heavier item is a piece of its own."""
    piece: list[V] = []
    total = 0.0
    for item in items:
        if piece and total + weight(item) > most:
            yield piece
            piece, total = [], 0.0
        piece.append(item)
        total += weight(item)
    if piece:
        yield piece
