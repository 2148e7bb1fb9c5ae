"""How the values of a row are chosen: each by itself, or all of them by one number."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st

from harness.catalog.model import Column
from harness.generation.variety import VARIETY
from harness.values.candidates import sample
from harness.values.types import values

T = TypeVar("T")
Draw = Callable[[st.SearchStrategy[Any]], Any]

_NULL_OR_NOT = st.sampled_from((True, False))


class Choices(Protocol):
    """Makes the choices of one row; the simplest ones are what it shrinks to."""

    def one_of(self, options: Sequence[T]) -> T:
        """One of these; shrinks towards the first."""

    def leaves_null(self) -> bool:
        """Whether a reference that may be NULL is."""

    def value(self, column: Column, keyed: bool, optional: bool) -> str | None:
        """A value of a column that no rule speaks of; ``optional`` is one that may be NULL, ``keyed`` one of a key."""


class Drawn:
    """Each choice by itself, so that each varies and shrinks by itself.

    If ``rich``, every column has all the values of its type, and not only those that are part of a key.
    """

    def __init__(self, draw: Draw, rich: bool) -> None:
        self._draw = draw
        self._rich = rich

    def one_of(self, options: Sequence[T]) -> T:
        return options[self._draw(_place(len(options)))]

    def leaves_null(self) -> bool:
        return bool(self._draw(_NULL_OR_NOT))

    def value(self, column: Column, keyed: bool, optional: bool) -> str | None:
        drawn: str | None = self._draw(anything(column, self._rich or keyed, optional))
        return drawn


class Dealt:
    """Each choice by a number of its own, of which many are drawn at once: each varies and shrinks by itself.

    A draw takes Hypothesis as long as twenty choices take here. What a key has is drawn by itself all the same.
    """

    def __init__(self, draw: Draw, count: int) -> None:
        self._draw = draw
        self._numbers = iter(self._drawn(count))

    def number(self) -> int:
        """The next one, below 65,536; 0 for the simplest choice."""
        number = next(self._numbers, None)
        if number is None:
            self._numbers = iter(self._drawn(MORE))
            number = next(self._numbers)
        return number

    def one_of(self, options: Sequence[T]) -> T:
        return options[self.number() % len(options)]

    def leaves_null(self) -> bool:
        return self.number() % 2 == 0

    def value(self, column: Column, keyed: bool, optional: bool) -> str | None:
        if keyed or column.identity:
            drawn: str | None = self._draw(anything(column, keyed, optional))
            return drawn
        return None if optional and self.leaves_null() else self.one_of(sample(column, VARIETY))

    def _drawn(self, count: int) -> tuple[int, ...]:
        # Of a block of bytes Hypothesis shrinks each, as of a list of numbers, and it is one draw.
        return struct.unpack(f"<{count}H", self._draw(_block(count)))


class Numbered:
    """All choices by one number, 0 for the simplest: for a row that only has to be there.

    Hypothesis gives up on an example that draws too much, and ancestors are many.
    """

    def __init__(self, draw: Draw, number: int) -> None:
        self._draw = draw
        self._state = number

    def one_of(self, options: Sequence[T]) -> T:
        return options[self._next() % len(options)]

    def leaves_null(self) -> bool:
        return self._next() % 2 == 0

    def value(self, column: Column, keyed: bool, optional: bool) -> str | None:
        if keyed or column.identity:
            drawn: str | None = self._draw(anything(column, keyed, optional))
            return drawn
        return None if optional and self._next() % 4 == 0 else self.one_of(sample(column, VARIETY))

    def _next(self) -> int:
        # Knuth's MMIX generator: to seed one of Python's takes longer than to choose a whole row.
        if self._state:
            self._state = (self._state * 6364136223846793005 + 1442695040888963407) % 2**64
        return self._state >> 33


MORE = 8
"""Numbers that are drawn at once where more are needed than was thought."""


@cache
def _block(count: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=2 * count, max_size=2 * count)


@cache
def _place(count: int) -> st.SearchStrategy[int]:
    """A place among so many.

    Made once: to make a strategy takes Hypothesis several times as long as to draw from it.
    """
    return st.sampled_from(range(count))


@cache
def anything(column: Column, rich: bool, optional: bool) -> st.SearchStrategy[str | None]:
    """Values of a column that no rule speaks of: if ``rich`` all that its type has, else a sample drawn once."""
    if column.identity:
        # An identity's sequence is not touched: a large number keeps out of its way.
        return st.integers(10_000, 30_000).map(str)
    if rich:
        return st.none() | values(column) if optional else values(column)
    known = sample(column, VARIETY)
    # One draw, where a choice between NULL and the others would be three.
    return st.sampled_from((*[None] * len(known), *known) if optional else known)
