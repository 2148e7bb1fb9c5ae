"""Ways to choose the values of a row: each by a draw of its own, or many by one draw.

Decides how often a nullable column or foreign key is NULL, and which choice is the simplest.
Not here: which values are possible (``columns.py``, ``solver/pools.py``), and which parent is taken (``parents.py``).
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, ClassVar, Protocol, TypeVar

from hypothesis import strategies as st

from harness.catalog.model import Column
from harness.generation.variety import VARIETY
from harness.values.candidates import sample
from harness.values.types import values

T = TypeVar("T")
Draw = Callable[[st.SearchStrategy[Any]], Any]

_NULL_OR_NOT = st.sampled_from((True, False))

MORE = 8
"""Numbers that are drawn at once where more are needed than were drawn first."""


class Choices(Protocol):
    """Makes the choices of one row. Hypothesis shrinks towards the simplest ones."""

    def one_of(self, options: Sequence[T]) -> T:
        """One of the options; shrinks towards the first."""

    def leaves_null(self) -> bool:
        """Whether a nullable foreign key is left NULL."""

    def value(self, column: Column, *, nullable: bool) -> str | None:
        """A value of a column that no rule mentions and that is no part of a key."""


class DirectChoices:
    """Draws each choice by itself, and values from all that a type has."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw

    def one_of(self, options: Sequence[T]) -> T:
        return options[self._draw(_place(len(options)))]

    def leaves_null(self) -> bool:
        return bool(self._draw(_NULL_OR_NOT))

    def value(self, column: Column, *, nullable: bool) -> str | None:
        drawn: str | None = self._draw(any_value_or_null(column) if nullable else any_value(column))
        return drawn


class NumberedChoices(ABC):
    """Makes each choice by a number; 0 is the simplest choice. One of ``nulls`` nullable values is NULL."""

    nulls: ClassVar[int]

    @abstractmethod
    def number(self) -> int:
        """The next number."""

    def one_of(self, options: Sequence[T]) -> T:
        return options[self.number() % len(options)]

    def leaves_null(self) -> bool:
        return self.number() % 2 == 0

    def value(self, column: Column, *, nullable: bool) -> str | None:
        return None if nullable and self.number() % self.nulls == 0 else self.one_of(sample(column, VARIETY))


class BatchedChoices(NumberedChoices):
    """Makes each choice by a number of its own, and draws many numbers at once. Each choice shrinks by itself.

    A draw takes Hypothesis as long as twenty choices take here.
    """

    nulls = 2

    def __init__(self, draw: Draw, count: int) -> None:
        self._draw = draw
        self._numbers = iter(self._drawn(count))

    def number(self) -> int:
        """The next number, below 65,536."""
        number = next(self._numbers, None)
        if number is None:
            self._numbers = iter(self._drawn(MORE))
            number = next(self._numbers)
        return number

    def _drawn(self, count: int) -> tuple[int, ...]:
        # Hypothesis shrinks each byte of a block, as each number of a list, and a block is one draw.
        return struct.unpack(f"<{count}H", self._draw(_block(count)))


class SeededChoices(NumberedChoices):
    """Makes all choices of a row by one number, 0 for the simplest: for parents, of which only the keys matter.

    Hypothesis gives up on an example that draws too much, and a row can have many ancestors.
    """

    nulls = 4

    def __init__(self, seed: int) -> None:
        self._state = seed

    def number(self) -> int:
        # Knuth's MMIX generator: to seed one of Python's takes longer than to choose a whole row.
        if self._state:
            self._state = (self._state * 6364136223846793005 + 1442695040888963407) % 2**64
        return self._state >> 33


# Strategies are made once: to make one takes Hypothesis several times as long as to draw from it.


@cache
def _block(count: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=2 * count, max_size=2 * count)


@cache
def _place(count: int) -> st.SearchStrategy[int]:
    return st.sampled_from(range(count))


@cache
def any_value(column: Column) -> st.SearchStrategy[str]:
    """All values of a column's type; of an identity, numbers that its sequence does not reach."""
    return st.integers(10_000, 30_000).map(str) if column.identity else values(column)


@cache
def any_value_or_null(column: Column) -> st.SearchStrategy[str | None]:
    """All values of a column's type, and NULL."""
    return st.none() | values(column)
