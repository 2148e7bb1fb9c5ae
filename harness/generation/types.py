"""PostgreSQL type -> Hypothesis strategy, simplest values first, as text in the type's input syntax.

Every strategy stays well inside its type, so that whatever is drawn is read by PostgreSQL without an error and means
the same in every session: no ``now``, no dates that depend on DateStyle, no NUL. Extremes are candidates, not draws
(:mod:`harness.generation.candidates`).
"""

from __future__ import annotations

import datetime
import json
import uuid
from collections.abc import Callable

from hypothesis import strategies as st

from harness.catalog.model import Column
from harness.errors import did_you_mean

Text = st.SearchStrategy[str]

_LETTERS = st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn", "Co"))
_EPOCH = datetime.datetime(2000, 1, 1)
_MOMENTS = st.integers(0, 60 * 365 * 86400).map(lambda seconds: _EPOCH + datetime.timedelta(seconds=seconds))
_BYTE = st.integers(0, 255)


class Unsupported(Exception):
    """No strategy for a column's type, and none of it could be made up."""


def values(column: Column) -> Text:
    """Values for a column by its type alone. Raises :class:`Unsupported`, naming the column."""
    if column.base_kind == "e":
        return st.sampled_from(column.labels)
    if column.base_name.startswith("_") and column.element_name:
        element = st.sampled_from(column.labels) if column.labels else _scalar(column, column.element_name)
        return st.lists(element, max_size=3).map(array)
    if column.base_kind == "r" and column.element_name:
        return _ranges(_scalar(column, column.element_name), column.element_name)
    if column.base_kind == "m":
        return st.just("{}")
    return _scalar(column, column.base_name)


def scalar(name: str) -> Text:
    """Values of a type by its name or an alias of it (``uuid``, ``integer``). Raises :class:`Unsupported`."""
    name = {"integer": "int4", "bigint": "int8", "smallint": "int2", "boolean": "bool"}.get(name, name)
    if name in _PLAIN:
        return _PLAIN[name]
    if name in _BY_TYPMOD:
        return _BY_TYPMOD[name](-1)
    raise Unsupported(f"no values can be drawn of type {name}{did_you_mean(name, [*_PLAIN, *_BY_TYPMOD])}")


def array(elements: list[str]) -> str:
    """An array literal: every element quoted, so that none is read as NULL or torn apart."""
    return "{" + ",".join('"' + e.replace("\\", "\\\\").replace('"', '\\"') + '"' for e in elements) + "}"


def _scalar(column: Column, name: str) -> Text:
    if name in _BY_TYPMOD:
        return _BY_TYPMOD[name](column.typmod)
    if name in _PLAIN:
        return _PLAIN[name]
    raise Unsupported(
        f"column {column.name} has type {column.type}, for which no values can be drawn"
        f"{did_you_mean(name, [*_PLAIN, *_BY_TYPMOD])}"
    )


def _integers(low: int, high: int) -> Text:
    return st.integers(low, high).map(str)


def _text(typmod: int) -> Text:
    # typmod counts the four bytes of the length word. A row of short texts draws and shrinks faster.
    limit = 12 if typmod < 0 else min(typmod - 4, 12)
    return st.text(_LETTERS, max_size=limit)


def _char(typmod: int) -> Text:
    # Trailing blanks mean nothing in char(n), so they would compare as equal: draw none.
    return _text(typmod).map(lambda text: text.rstrip(" "))


def numeric_limits(typmod: int) -> tuple[int, int]:
    """(digits before the point, digits after it) that a numeric column takes; (9, 4) where it takes any."""
    if typmod < 0:
        return 9, 4
    precision, scale = ((typmod - 4) >> 16) & 0xFFFF, (typmod - 4) & 0x7FF
    scale = scale - 2048 if scale >= 1024 else scale
    # With a negative scale the largest numbers round up to one digit too many.
    return max(precision - scale - (scale < 0), 0), max(scale, 0)


def _numeric(typmod: int) -> Text:
    whole, scale = numeric_limits(typmod)
    # Small amounts are as good as large ones, and easier to read.
    limit = 10 ** (min(whole, 6) + scale) - 1
    return st.integers(-limit, limit).map(lambda units: fixed_point(units, scale))


def fixed_point(units: int, scale: int) -> str:
    """``fixed_point(-5, 2)`` is ``-0.05``."""
    if scale == 0:
        return str(units)
    digits = str(abs(units)).rjust(scale + 1, "0")
    return f"{'-' if units < 0 else ''}{digits[:-scale]}.{digits[-scale:]}"


def _bits(typmod: int) -> Text:
    length = max(typmod, 1)
    return st.integers(0, 2 ** min(length, 64) - 1).map(lambda n: format(n, "b").rjust(length, "0")[-length:])


def _json() -> Text:
    leaves = st.booleans() | st.integers(-1000, 1000) | st.text(_LETTERS, max_size=6)
    documents = st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(_LETTERS, max_size=4), inner, max_size=2),
        max_leaves=4,
    )
    objects = st.dictionaries(st.text(_LETTERS, max_size=4), documents, max_size=2)
    return (objects | documents).map(lambda document: json.dumps(document, ensure_ascii=False))


def _ranges(elements: Text, name: str) -> Text:
    order: Callable[[str], object] = {"numeric": float, "int4": int, "int8": int}.get(name, str)

    def spell(ends: tuple[str, str]) -> str:
        low, high = sorted(ends, key=order)  # type: ignore[arg-type]
        return f'["{low}","{high}")'

    return st.tuples(elements, elements).map(spell)


_PLAIN: dict[str, Text] = {
    "int2": _integers(-(2**15), 2**15 - 1),
    "int4": _integers(-(2**31), 2**31 - 1),
    "int8": _integers(-(2**63), 2**63 - 1),
    "oid": _integers(0, 2**32 - 1),
    "float4": st.integers(-(2**20), 2**20).map(lambda n: str(n / 8)),
    "float8": st.floats(-1e12, 1e12, allow_subnormal=False).map(repr),
    "bool": st.sampled_from(["false", "true"]),
    # By their number: Hypothesis' own strategy cannot shrink them, and zeros read better.
    "uuid": st.integers(1, 2**128 - 1).map(lambda number: str(uuid.UUID(int=number))),
    "date": _MOMENTS.map(lambda moment: moment.date().isoformat()),
    "time": _MOMENTS.map(lambda moment: moment.time().isoformat()),
    "timetz": _MOMENTS.map(lambda moment: f"{moment.time().isoformat()}+00"),
    "timestamp": _MOMENTS.map(lambda moment: moment.isoformat(" ")),
    "timestamptz": _MOMENTS.map(lambda moment: f"{moment.isoformat(' ')}+00"),
    "interval": st.integers(0, 10**7).map(lambda seconds: f"{seconds} seconds"),
    "bytea": st.binary(max_size=6).map(lambda data: "\\x" + data.hex()),
    "json": _json(),
    "jsonb": _json(),
    "inet": st.ip_addresses(v=4).map(str) | st.ip_addresses(v=6).map(str),
    "cidr": st.ip_addresses(v=4).map(lambda address: f"{address}/32"),
    "macaddr": st.lists(_BYTE, min_size=6, max_size=6).map(lambda octets: ":".join(f"{o:02x}" for o in octets)),
    "macaddr8": st.lists(_BYTE, min_size=8, max_size=8).map(lambda octets: ":".join(f"{o:02x}" for o in octets)),
    "money": st.integers(0, 10**8).map(lambda cents: fixed_point(cents, 2)),
    "xml": st.integers(0, 999).map(lambda n: f"<n>{n}</n>"),
    "tsvector": st.sampled_from(["", "'fat':1 'cat':2", "'rat':3"]),
    "tsquery": st.sampled_from(["'fat'", "'fat' & 'rat'", "'cat'"]),
    "point": st.tuples(st.integers(-90, 90), st.integers(-90, 90)).map(str),
    "hstore": st.sampled_from(["", '"a"=>"1"', '"a"=>"1", "b"=>NULL']),
    "ltree": st.sampled_from(["top", "top.science", "top.science.astronomy"]),
}

_BY_TYPMOD: dict[str, Callable[[int], Text]] = {
    "text": _text,
    "varchar": _text,
    "citext": lambda typmod: _text(typmod).map(str.casefold),
    "name": _text,
    "bpchar": _char,
    "numeric": _numeric,
    "bit": _bits,
    "varbit": _bits,
}
