"""The values worth trying first: constants that rules mention, their neighbours, and the edges of the type."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from functools import cache

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from harness.catalog.model import Column
from harness.generation.types import array, numeric_limits, values

_INTEGERS = {"int2": 2**15, "int4": 2**31, "int8": 2**63}
_TEXTS = ("text", "varchar", "bpchar", "citext", "name")
_MOMENTS = ("date", "timestamp", "timestamptz")
_POINTS = {
    **dict.fromkeys(("int4", "int8", "numeric"), ("0", "1", "3")),
    "date": ("2000-01-01", "2000-01-02", "2030-06-15"),
    "timestamp": ("2000-01-01 00:00:00", "2000-01-01 01:00:00", "2030-06-15 00:00:00"),
    "timestamptz": ("2000-01-01 00:00:00+00", "2000-01-01 01:00:00+00", "2030-06-15 00:00:00+00"),
}
"""Ends of ranges, in their order."""

_LONGEST = 20_000
"""Characters of the longest text that a number in a rule makes us try."""


def candidates(column: Column, constants: Iterable[str], draws: int = 24) -> tuple[str | None, ...]:
    """Values for a column, simplest first and NULL last; ``constants`` are literals of the rules that mention it."""
    found: dict[str | None, None] = {}
    constants = list(dict.fromkeys(constants))
    for value in [*_typical(column), *_around(column, constants), *sample(column, draws)]:
        found.setdefault(value)
    found.setdefault(None)
    return tuple(found)


def sample(column: Column, count: int) -> tuple[str, ...]:
    """``count`` drawn values of a column, simplest first, the same every time.

    They are drawn once for all columns of a type. Raises :class:`~harness.generation.types.Unsupported`.
    """
    values(column)  # an unsupported type is named with the column that has it
    alike = replace(column, name="", default=None, comment=None, not_null=False, identity="", generated="")
    return _sample(alike, count)


@cache
def _sample(column: Column, count: int) -> tuple[str, ...]:
    drawn: list[str] = []

    @settings(
        max_examples=max(count, 1),
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(values(column))
    def collect(value: str) -> None:
        drawn.append(value)

    collect()
    return tuple(sorted(dict.fromkeys(drawn), key=lambda value: (len(value), value)))[:count]


def _typical(column: Column) -> list[str]:
    name = column.base_name
    if column.base_kind == "e":
        return list(column.labels)
    if name in _INTEGERS:
        return ["0", "1", "2", "-1", str(_INTEGERS[name] - 1), str(-_INTEGERS[name])]
    if name == "numeric":
        whole, scale = numeric_limits(column.typmod)
        unit, limit = Decimal(1).scaleb(-scale), Decimal(10) ** whole
        numbers = [Decimal(0), Decimal(1), Decimal(-1), unit, -unit, limit - unit]
        return [*(str(number) for number in numbers if abs(number) < limit), "NaN"]
    if name in ("float4", "float8"):
        return ["0", "1", "-1", "0.5", "NaN", "Infinity", "-Infinity"]
    if name in _TEXTS:
        return _fit(column, ["a", "", " ", "ab", "A", "ä", "1"])
    if name == "bool":
        return ["false", "true"]
    if name in ("json", "jsonb"):
        return ["{}", "[]", '{"a": 1}', "1", '"a"', "true", "null"]
    if name in _MOMENTS:
        zone = "+00" if name == "timestamptz" else ""
        days = ["2000-01-01", "1970-01-01", "2030-06-15", "2100-01-01"]
        edges = ["infinity", "-infinity"]
        return [*(day if name == "date" else f"{day} 00:00:00{zone}" for day in days), *edges]
    if name.startswith("_"):
        return ["{}"]
    if column.base_kind == "r" and column.element_name in _POINTS:
        return _ranges(*_POINTS[column.element_name])
    return []


def _ranges(a: str, b: str, c: str) -> list[str]:
    """Ranges that touch, overlap, hold one another, have no end, and the one that is empty."""
    return [f'["{a}","{b}")', f'["{b}","{c}")', f'["{a}","{b}"]', f'["{a}","{c}")', f'["{c}",)', f'(,"{a}")', "empty"]


def _around(column: Column, constants: list[str]) -> list[str]:
    """Each constant as a value of the column where it can be one, with the values next to it."""
    name = column.base_name
    if name in _INTEGERS:
        limit = _INTEGERS[name]
        numbers = [int(number) for number in map(_decimal, constants) if number is not None and abs(number) < limit]
        return [str(n + step) for n in numbers for step in (0, -1, 1) if -limit <= n + step < limit]
    if name in ("numeric", "float4", "float8"):
        return _numbers(column, constants)
    if name in _TEXTS:
        return _texts(column, constants)
    if name in _MOMENTS:
        return [near for constant in constants for near in _moments(name, constant)]
    if name in ("json", "jsonb"):
        # A constant in a rule about JSON is most often a key.
        return [f'{{"{key}": 1}}' for key in constants if key.isidentifier()]
    if name.startswith("_") and column.element_name in _TEXTS:
        return [array([constant]) for constant in _fit(column, constants)]
    if name == "uuid":
        return [constant for constant in constants if len(constant) == 36]
    return []


def _numbers(column: Column, constants: list[str]) -> list[str]:
    whole, scale = numeric_limits(column.typmod)
    unit, limit = Decimal(1).scaleb(-scale), Decimal(10) ** whole
    numbers = [number for number in map(_decimal, constants) if number is not None]
    near = [number + step for number in numbers for step in (Decimal(0), -unit, unit, Decimal(-1), Decimal(1))]
    return [str(number) for number in near if column.typmod < 0 or abs(number) < limit]


def _texts(column: Column, constants: list[str]) -> list[str]:
    found: list[str] = []
    for constant in constants:
        found += [constant, constant + "x", constant[:-1], constant.swapcase(), constant + " ", " " + constant]
        number = _decimal(constant)
        if number is not None and 0 <= number <= _LONGEST:
            lengths = [int(number), int(number) + 1, max(int(number) - 1, 0)]
            # Umlauts tell characters from bytes.
            found += [letter * length for letter in ("a", "ä") for length in lengths]
    return _fit(column, found)


def _fit(column: Column, texts: list[str]) -> list[str]:
    limit = column.typmod - 4 if column.typmod >= 4 else None
    return [text for text in texts if "\0" not in text and (limit is None or len(text) <= limit)]


def _moments(name: str, constant: str) -> list[str]:
    try:
        moment = datetime.datetime.fromisoformat(constant)
    except ValueError:
        return []
    if name == "date":
        return [(moment.date() + datetime.timedelta(days=step)).isoformat() for step in (0, -1, 1)]
    zone = "+00" if name == "timestamptz" and moment.tzinfo is None else ""
    steps = (datetime.timedelta(), datetime.timedelta(microseconds=-1), datetime.timedelta(microseconds=1))
    return [(moment + step).isoformat(" ") + zone for step in steps]


def _decimal(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def one_of(pool: Iterable[tuple[str | None, ...]]) -> st.SearchStrategy[tuple[str | None, ...]]:
    """One entry of a pool; shrinks towards the first."""
    return st.sampled_from(list(pool))
