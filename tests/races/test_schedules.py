"""Every feasible order is played, and each once."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from harness.races.play import Turn, following

NAMES = ("A", "B")

Waits = dict[tuple[str, ...], frozenset[str]]


@st.composite
def worlds(draw: st.DrawFn) -> tuple[dict[str, int], frozenset[tuple[str, str]]]:
    """How many turns each session has, and the commits that some of the other's turns wait for."""
    turns = {name: draw(st.integers(1, 4)) for name in NAMES}
    needs = [(f"{name}{number}", other) for name, other in (NAMES, NAMES[::-1]) for number in range(turns[name])]
    return turns, draw(st.frozensets(st.sampled_from(needs)))


def able(turns: dict[str, int], needs: frozenset[tuple[str, str]], taken: tuple[str, ...]) -> tuple[str, ...]:
    """Who can go on: a turn that waits for the other, once that has begun, is taken when that is done."""

    def waits(name: str, other: str) -> bool:
        done, theirs = taken.count(name), taken.count(other)
        return (f"{name}{done}", other) in needs and 0 < theirs < turns[other]

    left = [name for name in NAMES if taken.count(name) < turns[name]]
    free = [name for name in left if not waits(name, NAMES[name == "A"])]
    return tuple(free or left[:1])


def play(turns: dict[str, int], needs: frozenset[tuple[str, str]], prefix: tuple[str, ...]) -> list[Turn]:
    made: list[Turn] = []
    while len(made) < sum(turns.values()):
        taken = tuple(turn.taken for turn in made)
        free = able(turns, needs, taken)
        wish = prefix[len(made)] if len(made) < len(prefix) else free[0]
        assert wish in free, "an order that is not feasible was asked for"
        made.append(Turn(wish, free))
    return made


def feasible(
    turns: dict[str, int], needs: frozenset[tuple[str, str]], taken: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    if len(taken) == sum(turns.values()):
        yield taken
        return
    for name in able(turns, needs, taken):
        yield from feasible(turns, needs, (*taken, name))


@given(worlds())
def test_every_feasible_order_comes_once(world: tuple[dict[str, int], frozenset[tuple[str, str]]]) -> None:
    turns, needs = world
    played: list[tuple[str, ...]] = []
    prefix: tuple[str, ...] | None = ()
    while prefix is not None:
        made = play(turns, needs, prefix)
        played.append(tuple(turn.taken for turn in made))
        prefix = following(made)
    assert len(played) == len(set(played))
    assert set(played) == set(feasible(turns, needs))


@given(st.integers(1, 4), st.integers(1, 4))
def test_where_nobody_waits_it_is_all_of_them(one: int, other: int) -> None:
    turns = {"A": one, "B": other}
    orders = set(feasible(turns, frozenset()))
    assert orders == set(itertools.permutations("A" * one + "B" * other))
    assert len(orders) == math.comb(one + other, one)
