"""Searches values for columns that rules tie together, where no combination that was tried keeps all.

A rule is split where it is an AND or an OR. Values are chosen for the columns of one part after the other, and the
server is asked after each step which of the choices are still possible. Decides which sample of too many is taken.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence

from harness.project import Tuple, Values, sql

COMBINATIONS = 2500
"""Combinations of candidates tried for columns that are tied together."""

NULLS = 0.25
"""The share of NULLs of a column in a sample of combinations."""

WIDTH = 40
"""Choices that are followed from one step to the next."""

BRANCHES = 24
"""Alternatives of one OR that are tried."""

Filter = Callable[[Sequence[Values], Sequence[str]], list[Values]]
"""Returns the choices that keep all predicates."""


class Search:
    """Searches with ``columns``, which returns the columns that decide a predicate, and ``options`` for each column."""

    def __init__(self, columns: Callable[[str], tuple[str, ...]], options: Mapping[str, Tuple], valid: Filter) -> None:
        self._columns = columns
        self._options = options
        self._valid = valid

    def run(self, predicates: Sequence[str]) -> list[Values]:
        """Choices for all columns that keep all predicates; empty if none were found."""
        choices = self._settled([{}], [part for predicate in predicates for part in sql.conjuncts(predicate)])
        rest = tuple(column for column in self._options if choices and column not in choices[0])
        return self._valid(self._extended(choices, rest), predicates) if choices else []

    def _settled(self, choices: list[Values], parts: Sequence[str]) -> list[Values]:
        """Extends choices to the columns of all parts, beginning with the part that adds the fewest columns."""
        parts = list(parts)
        while parts and choices:
            known = set(choices[0])
            part = min(parts, key=lambda each: len(set(self._columns(each)) - known))
            parts.remove(part)
            choices = self._step(choices, part)
        return choices

    def _step(self, choices: list[Values], part: str) -> list[Values]:
        new = tuple(column for column in self._columns(part) if column not in choices[0])
        branches = sql.disjuncts(part)
        if len(new) < 2 or len(branches) < 2:
            return _thinned(self._valid(self._extended(choices, new), [part]))
        found: list[Values] = []
        for branch in branches[:BRANCHES]:
            settled = self._settled(choices, sql.conjuncts(branch))
            rest = tuple(column for column in new if settled and column not in settled[0])
            found += self._valid(self._extended(settled, rest), [part])[:WIDTH]
        return _thinned(found)

    def _extended(self, choices: Sequence[Values], new: tuple[str, ...]) -> list[Values]:
        if not new or not choices:
            return list(choices)
        most = max(COMBINATIONS // len(choices), WIDTH)
        values = [dict(zip(new, row, strict=True)) for row in product([self._options[each] for each in new])]
        return [{**choice, **each} for choice in choices for each in _spread(values, most)]


def _thinned(choices: Sequence[Values]) -> list[Values]:
    return list(_spread(list({tuple(choice.items()): choice for choice in choices}.values()), WIDTH))


def _spread(rows: Sequence[Values], most: int) -> Sequence[Values]:
    """The first half, which are the simplest, and a sample of the others that is always the same."""
    if len(rows) <= most:
        return rows
    half = most // 2
    return [*rows[:half], *random.Random(0).sample(rows[half:], most - half)]


def product(pools: Sequence[Tuple]) -> list[Tuple]:
    """All combinations, or a sample of too many."""
    if math.prod(map(len, pools)) <= COMBINATIONS:
        return list(itertools.product(*pools))
    return list(dict.fromkeys(_sampled(pools)))


def _sampled(pools: Sequence[Tuple]) -> Iterator[Tuple]:
    """First along each axis from the simplest corner, then at random, always the same."""
    corner = tuple(pool[0] for pool in pools)
    empty = tuple(None if None in pool else pool[0] for pool in pools)
    for index, pool in enumerate(pools):
        for value in pool:
            yield (*corner[:index], value, *corner[index + 1 :])
    chance = random.Random(0)
    for _ in range(COMBINATIONS):
        # Rules about several columns mostly ask which of them are NULL: one value of many would be too rare.
        yield tuple(None if None in pool and chance.random() < NULLS else chance.choice(pool) for pool in pools)
    # And combinations of which few values are not NULL.
    for index, pool in enumerate(pools):
        for value in pool[: len(pool) if len(pools) < 6 else 8]:
            yield (*empty[:index], value, *empty[index + 1 :])
