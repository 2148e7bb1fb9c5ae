"""The values worth trying first: constants that rules mention, their neighbours, edges of the type.

Decides how each type gets its values: lengths, patterns, ranges, moments near today, JSON documents, arrays.
Not here: which constants rules mention (``constants.py``), and combinations of several columns (``solver``).
"""

from __future__ import annotations

import ipaddress
import itertools
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from functools import cache

from harness.catalog.model import Column
from harness.project import Tuple, sql
from harness.values.constants import RuleConstants
from harness.values.examples import examples
from harness.values.literals import array, composite, delimiter
from harness.values.mixtures import mixtures
from harness.values.moments import MOMENTS, around, near_today
from harness.values.patterns import matching
from harness.values.types import needs_server, numeric_limits, values

_INTEGERS = {"int2": 2**15, "int4": 2**31, "int8": 2**63}
_TEXTS = ("text", "varchar", "bpchar", "citext", "name")
_FLOATS = ("numeric", "float4", "float8")
_TYPICAL = {
    "bool": ("false", "true"),
    "inet": ("10.0.0.1", "10.0.0.0/8", "::1", "2001:db8::/32", "0.0.0.0/0"),
    "cidr": ("10.0.0.0/8", "10.0.0.1/32", "2001:db8::/32", "::/0"),
    "interval": ("0", "1 second", "1 minute", "1 hour", "1 day", "1 month", "1 year", "-1 day"),
    "time": ("00:00:00", "12:00:00", "23:59:59.999999", "24:00:00"),
    "timetz": ("00:00:00+00", "12:00:00+00", "23:59:59.999999+00"),
    "money": ("0.00", "1.00", "-1.00", "0.01"),
    "bytea": ("\\x", "\\x00", "\\xff"),
    "varbit": ("", "0", "1", "101"),
    "xml": ("<a/>", "<a><b>1</b></a>", "text"),
    "ltree": ("1", "1.2", "1.2.3", "", "a.b"),
    "hstore": ("", '"a"=>"1"'),
    **dict.fromkeys(("float4", "float8"), ("0", "1", "-1", "0.5", "NaN", "Infinity", "-Infinity")),
    **dict.fromkeys(("json", "jsonb"), ("{}", "[]", '{"a": 1}', "1", '"a"', "true", "null")),
}
_FORMATS = (
    *("1", "<a/>", "{}", "[]", "2000-01-01", "a@b.org", "https://a.org/", "10.0.0.1", "true", "a", "A1", "00:00"),
    *("1.0", "a.b", "/a", "A" * 8, "0" * 16),
)
"""Texts that a function may expect where the column takes any text."""

_POINTS = {
    **dict.fromkeys(("int4", "int8", "numeric"), ("0", "1", "3")),
    "date": ("2000-01-01", "2000-01-02", "2030-06-15"),
    "timestamp": ("2000-01-01 00:00:00", "2000-01-01 01:00:00", "2030-06-15 00:00:00"),
    "timestamptz": ("2000-01-01 00:00:00+00", "2000-01-01 01:00:00+00", "2030-06-15 00:00:00+00"),
}
"""Bounds of ranges, in ascending order."""


def candidates(column: Column, constants: RuleConstants, draws: int = 24, mixed: int = 0) -> Tuple:
    """Values for a column, simplest first and NULL last; ``constants`` are those of the rules that mention it.

    Of values that are made of several constants it has as many as ``mixed``.
    """
    formats = _fit(column, list(_FORMATS)) if constants.opaque and column.base_name in _TEXTS else []
    near = _around(column, constants)
    made = [*_matching(column, constants), *_composed(column), *near_today(column, constants)]
    made += mixtures(column, constants)[:mixed] if mixed else []
    return tuple(dict.fromkeys([*_typical(column), *formats, *near, *made, *sample(column, draws), None]))


def whole_values(column: Column, constants: RuleConstants) -> Tuple:
    """The constants that may be values of a column as they are written, where its type has no simpler ones."""
    simple = column.base_kind == "e" or column.base_name in (*_INTEGERS, *_FLOATS, *_TEXTS, *MOMENTS)
    return () if simple else constants.literals


@cache
def sample(column: Column, count: int) -> tuple[str, ...]:
    """``count`` drawn values of a column, simplest first, the same every time and for all columns of a type."""
    column_of_type = replace(column, name="", default=None, comment=None, not_null=False, identity="", generated="")
    return _sample(column_of_type, count)


@cache
def _sample(column: Column, count: int) -> tuple[str, ...]:
    drawn = examples(values(column), count)
    if column.labels and column.base_kind == "e":
        return tuple(label for label in column.labels if label in drawn)[:count]
    if column.base_name == "bool":
        return tuple(sorted({*drawn}))
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
        return [*(_plain(number) for number in numbers if abs(number) < limit), "NaN"]
    if name in _TEXTS:
        return _fit(column, ["a", "", " ", "ab", "A", "ä", "1"])
    if name in _TYPICAL:
        return list(_TYPICAL[name])
    if name in MOMENTS:
        zone = "+00" if name == "timestamptz" else ""
        # A Saturday, a Thursday, a Saturday, a Friday; and a Monday, on which weeks begin.
        days = ["2000-01-01", "1970-01-01", "2030-06-15", "2100-01-01", "2000-01-03"]
        return [*(day if name == "date" else f"{day} 00:00:00{zone}" for day in days), "infinity", "-infinity"]
    if name.startswith("_"):
        return ["{}"]
    if column.base_kind == "r" and column.element_name in _POINTS:
        return _ranges(*_POINTS[column.element_name])
    if column.base_kind == "m" and column.element_name in _POINTS:
        return [f"{{{each}}}" for each in _ranges(*_POINTS[column.element_name])]
    return []


def _ranges(a: str, b: str, c: str) -> list[str]:
    """Ranges that overlap, touch or contain the first one, or have no bound on one side, and ``empty``."""
    return [f'["{a}","{b}"]', f'["{a}","{b}")', f'["{b}","{c}")', f'["{a}","{c}")', f'["{c}",)', f'(,"{a}")', "empty"]


def _around(column: Column, known: RuleConstants) -> list[str]:
    """Each constant that is a value of the column, with the values next to it."""
    name, constants = column.base_name, list(known.literals)
    if name in _INTEGERS:
        limit = _INTEGERS[name]
        numbers = [int(number) for number in map(_decimal, constants) if number is not None and abs(number) < limit]
        return [str(n + step) for n in numbers for step in (0, -1, 1) if -limit <= n + step < limit]
    if name in _FLOATS:
        return _numbers(column, constants)
    if name in _TEXTS:
        return _texts(column, known)
    if name in MOMENTS:
        return [near for constant in constants for near in around(name, constant)]
    if name in ("json", "jsonb"):
        return _documents(constants)
    if name.startswith("_") and column.parts:
        return _arrays(column, known)
    if name == "bytea":
        return ["\\x" + "00" * length for length in _lengths(known)]
    if column.base_kind == "r":
        ends = [each for each in _around(column.parts[0], known) if each is not None]
        return [span for end in ends for span in (f'["{end}",)', f'["{end}","{end}"]')]
    accepts = _ACCEPTS.get(name)
    return [constant for constant in constants if accepts(constant)] if accepts else []


_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?")
_INTERVAL = re.compile(
    r"-?\d+ (microsecond|millisecond|second|minute|hour|day|week|mon|month|year)s?|-?\d+:\d\d(:\d\d)?"
)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


_ACCEPTS: dict[str, Callable[[str], object]] = {
    "uuid": _UUID.fullmatch,
    "interval": _INTERVAL.fullmatch,
    **dict.fromkeys(("time", "timetz"), _TIME.fullmatch),
    **dict.fromkeys(("inet", "cidr"), _is_address),
    **dict.fromkeys(("bit", "varbit"), re.compile("[01]+").fullmatch),
}
"""Whether a text is a value of a type."""


def _lengths(constants: RuleConstants) -> list[int]:
    """The constants that may be a length, and their neighbours."""
    found = map(_decimal, constants.literals)
    numbers = [int(n) for n in found if n is not None and 0 <= n <= constants.longest and n == int(n)]
    return [length for n in numbers for length in (n, n + 1, n - 1) if length >= 0]


def _documents(constants: Sequence[str]) -> list[str]:
    """JSON documents in which the constants of a rule are keys and values."""
    keys = [key for key in constants if key.isidentifier()][:12]
    leaves: list[object] = [1, *constants[:8], True, [], {}, -1, *(int(n) for n in constants[:8] if n.isdigit())]
    found: list[object] = [{key: leaf} for key in keys for leaf in leaves if leaf != key]
    found += [dict.fromkeys(keys, leaf) for leaf in leaves]
    found += [{key: dict.fromkeys(keys, 1)} for key in keys[:4]]
    found += [list(constants[:4]), [dict.fromkeys(keys, 1)], *leaves]
    return [json.dumps(each, ensure_ascii=False) for each in found]


def _arrays(column: Column, constants: RuleConstants) -> list[str]:
    """Arrays of the constants and their neighbours, and arrays as long as the constants say, and one more or less."""
    part = column.parts[0]
    elements = [each for each in [*_around(part, constants), *_typical(part)] if each is not None]
    plain = elements[0] if elements else sample(part, 1)[0]
    found = [[element] for element in elements]
    found += [[plain] * length for length in _lengths(constants) if length <= _MOST_ELEMENTS]
    found += [elements[:2], list(dict.fromkeys(elements))[:3]]
    return [array(each, delimiter(column)) for each in found]


_MOST_ELEMENTS = 2000
"""Elements of the longest array that a number in a rule makes us try."""


def _composed(column: Column) -> list[str]:
    """Values composed of candidates for the parts of a type that has domains inside."""
    if not needs_server(column) or not column.parts:
        return []
    pools = [
        candidates(part, RuleConstants().also(c.text for check in part.domain_checks for c in sql.constants(check)), 4)
        for part in column.parts
    ]
    rows = [tuple(pool[n % len(pool)] for pool in pools) for n in range(max(map(len, pools)))]
    rows += list(itertools.islice(itertools.product(*(pool[:4] for pool in pools)), 64))
    if column.base_kind == "c":
        return [composite(row) for row in rows]
    ones = [value for (value,) in rows if value is not None]
    if column.base_kind == "b":
        return [array([value]) for value in ones] + [array(ones[:2], delimiter(column))]
    spans = [f'["{low}","{high}"]' for low, high in itertools.product(ones[:8], repeat=2)]
    return spans if column.base_kind == "r" else [f"{{{span}}}" for span in spans]


def _matching(column: Column, constants: RuleConstants) -> list[str]:
    """Texts that match the patterns of the rules; also cut or repeated to lengths that the rules mention."""
    part = column.parts[0] if column.base_name.startswith("_") and column.parts else column
    if part.base_name not in _TEXTS:
        return []
    found = [text for pattern in constants.patterns for text in matching(pattern)]
    lengths = [length for length in _lengths(constants) if 0 < length <= 256][:12]
    cut = [(text * length)[:length] for length in lengths for text in found[:4] if text]
    texts = _fit(part, list(dict.fromkeys([*found, *cut])))
    if part is column:
        return texts
    # A rule may look at all elements at once (array_to_string): with several, others may pass along with one that fits.
    beside = [[*pair] for text in texts[:8] for pair in ((text, text), ("a", text), (text, "a"))]
    return [array(each) for each in (*([text] for text in texts), *beside)]


def _numbers(column: Column, constants: list[str]) -> list[str]:
    whole, scale = numeric_limits(column.typmod)
    unit, limit = Decimal(1).scaleb(-scale), Decimal(10) ** whole
    numbers = [number for number in map(_decimal, constants) if number is not None]
    near = [number + step for number in numbers for step in (Decimal(0), -unit, unit, Decimal(-1), Decimal(1))]
    return [_plain(number) for number in near if column.typmod < 0 or abs(number) < limit]


def _plain(number: Decimal) -> str:
    """A number in one spelling, so that ``0.00`` and ``0`` are no two values."""
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _texts(column: Column, constants: RuleConstants) -> list[str]:
    found: list[str] = []
    for constant in constants.literals:
        found += [constant, constant + "x", constant[:-1], constant.swapcase(), constant + " ", " " + constant]
        # An umlaut is one character of two bytes.
        lengths = _lengths(replace(constants, literals=(constant,)))
        found += [letter * length for letter in ("a", "ä") for length in lengths]
    return _fit(column, found)


def _fit(column: Column, texts: list[str]) -> list[str]:
    limit = column.typmod - 4 if column.typmod >= 4 else None
    return [text for text in texts if "\0" not in text and (limit is None or len(text) <= limit)]


def _decimal(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
