"""PostgreSQL type -> Hypothesis strategy, simplest values first, as text in the type's input syntax.

Every strategy stays well inside its type, so that PostgreSQL reads each drawn text without an error, and the same in
every session: no ``now``, no dates that depend on DateStyle, no NUL. Says which types only the server can judge.
Extremes are candidates, not draws (``candidates.py``).
"""

from __future__ import annotations

import datetime
import json
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from hypothesis import strategies as st

from harness.catalog.model import Column
from harness.errors import did_you_mean
from harness.probes.statement import identifier
from harness.values.literals import array, composite, delimiter, fixed_point

Text = st.SearchStrategy[str]

_LETTERS = st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn", "Co"))
_EPOCH = datetime.datetime(2000, 1, 1)
_MOMENTS = st.integers(0, 60 * 365 * 86400).map(lambda seconds: _EPOCH + datetime.timedelta(seconds=seconds))
_BYTE = st.integers(0, 255)


class Unsupported(Exception):
    """No strategy for a type."""


def values(column: Column) -> Text:
    """Values for a column by its type alone; for an unknown type, texts that it may accept."""
    if column.base_kind == "e":
        return st.sampled_from(column.labels)
    if column.base_kind == "c":
        # A composite value of NULLs only counts as NULL.
        first, *others = column.parts
        return st.tuples(values(first), *map(_nullable, others)).map(composite)
    if column.parts and column.base_kind == "b" and column.base_name not in _PLAIN:
        return st.lists(values(column.parts[0]), max_size=3).map(partial(array, delimiter=delimiter(column)))
    if column.parts and column.base_kind in ("r", "m"):
        ranges = _ranges(values(column.parts[0]), column.parts[0].base_name)
        return ranges if column.base_kind == "r" else st.just("{}") | ranges.map(lambda each: "{" + each + "}")
    return _scalar(column, column.base_name)


def needs_server(column: Column) -> bool:
    """Whether only the server can say which of the drawn texts a column accepts.

    That is so for unknown types, and where a part of a type has a domain with CHECKs.
    """
    if any(part.domain_checks or part.not_null or needs_server(part) for part in column.parts):
        return True
    if column.base_kind in ("r", "m"):
        return column.parts[0].base_name not in _ORDERED
    # A server may have been built without XML.
    known = column.base_name in _BY_TYPMOD or (column.base_name in _PLAIN and column.base_name != "xml")
    return not (column.parts or column.labels or known)


def nth(column: Column, number: int) -> str | None:
    """A plain value for each number from 1, all different; None if the type has no plain value for the number."""
    if column.base_name in ("int2", "int4", "int8", "numeric") and column.typmod < 0:
        # An identity's sequence is not advanced: large numbers do not collide with it.
        found = number + 20_000 if column.identity else number
        return str(found) if found < (2**15 if column.base_name == "int2" else 2**31) else None
    if column.base_name == "uuid":
        return str(uuid.UUID(int=number))
    if column.base_name in ("text", "varchar", "citext") and not 4 <= column.typmod < 8:
        return str(number)
    return None


def narrowing(column: Column, wide: Column) -> list[str]:
    """Predicates that keep a ``wide`` column within the values of a narrower ``column``; none if it takes them all."""
    name, sizes = identifier(wide.name), ("int2", "int4", "int8")
    if column.base_name in sizes and wide.base_name in (*sizes, "numeric"):
        limit = 2 ** (16 * 2 ** sizes.index(column.base_name) - 1)
        wider = wide.base_name == "numeric" or sizes.index(wide.base_name) > sizes.index(column.base_name)
        return [f"{name} between {-limit} and {limit - 1}"] if wider else []
    texts = ("text", "varchar", "bpchar", "citext")
    if column.base_name in texts and wide.base_name in texts and 4 <= column.typmod != wide.typmod:
        return [f"length({name}) <= {column.typmod - 4}"]
    return []


def scalar(name: str) -> Text:
    """Values of a type by its name or an alias of it (``uuid``, ``integer``). Raises :class:`Unsupported`."""
    name = {"integer": "int4", "bigint": "int8", "smallint": "int2", "boolean": "bool"}.get(name, name)
    if name in _PLAIN:
        return _PLAIN[name]
    if name in _BY_TYPMOD:
        return _BY_TYPMOD[name](-1)
    raise Unsupported(f"no values can be drawn of type {name}{did_you_mean(name, [*_PLAIN, *_BY_TYPMOD])}")


def _nullable(column: Column) -> st.SearchStrategy[str | None]:
    return values(column) if column.not_null else values(column) | st.none()


def _scalar(column: Column, name: str) -> Text:
    return _BY_TYPMOD[name](column.typmod) if name in _BY_TYPMOD else _PLAIN.get(name, _UNKNOWN)


def _integers(low: int, high: int) -> Text:
    return st.integers(low, high).map(str)


def _text(typmod: int) -> Text:
    # typmod counts the four bytes of the length word. A row of short texts draws and shrinks faster.
    return st.text(_LETTERS, max_size=12 if typmod < 0 else min(typmod - 4, 12))


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
    # Small amounts are easier to read.
    limit = 10 ** (min(whole, 6) + scale) - 1
    return st.integers(-limit, limit).map(lambda units: fixed_point(units, scale))


def _bits(typmod: int) -> Text:
    length = max(typmod, 1)
    return st.integers(0, 2 ** min(length, 64) - 1).map(lambda n: format(n, "b").rjust(length, "0")[-length:])


def _vector(typmod: int) -> Text:
    """Values of pgvector's types; the typmod is the number of dimensions."""
    return st.integers(0, 9).map(lambda n: f"[{','.join([str(n)] * max(typmod, 1))}]")


def _json() -> Text:
    documents = st.recursive(
        st.booleans() | st.integers(-1000, 1000) | st.text(_LETTERS, max_size=6),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(_LETTERS, max_size=4), inner, max_size=2),
        max_leaves=4,
    )
    objects = st.dictionaries(st.text(_LETTERS, max_size=4), documents, max_size=2)
    return (objects | documents).map(lambda document: json.dumps(document, ensure_ascii=False))


def _ranges(elements: Text, name: str) -> Text:
    def spell(ends: tuple[str, str]) -> str:
        low, high = sorted(ends, key=_ORDERED.get(name, str))
        return f'["{low}","{high}")'

    return st.tuples(elements, elements).map(spell)


_ORDERED: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("int2", "int4", "int8"), int),
    **dict.fromkeys(("numeric", "float4", "float8"), float),
    **dict.fromkeys(("date", "time", "timestamp", "timestamptz"), str),
}
"""For types of range bounds, the sort key of their texts."""

_POINT = st.tuples(st.integers(-90, 90), st.integers(-90, 90)).map(lambda at: f"({at[0]},{at[1]})")

_PLAIN: dict[str, Text] = {
    "int2": _integers(-(2**12), 2**12),
    "int4": _integers(-(2**30), 2**30),
    "int8": _integers(-(2**30), 2**30),
    "oid": _integers(0, 2**32 - 1),
    "float4": st.integers(-(2**20), 2**20).map(lambda n: str(n / 8)),
    "float8": st.floats(-1e12, 1e12, allow_subnormal=False).map(repr),
    "bool": st.sampled_from(["false", "true"]),
    # Made from a number: Hypothesis's own strategy cannot shrink, and zeros read better.
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
    "jsonpath": st.sampled_from(["$", "$.a", "$.a[*]"]),
    "point": _POINT,
    "line": st.integers(0, 99).map(lambda n: f"{{1,-1,{n}}}"),
    "lseg": st.tuples(_POINT, _POINT).map(lambda ends: f"[{ends[0]},{ends[1]}]"),
    "box": st.tuples(_POINT, _POINT).map(lambda corners: f"({corners[0]},{corners[1]})"),
    "path": st.lists(_POINT, min_size=1, max_size=3).map(lambda points: f"[{','.join(points)}]"),
    "polygon": st.lists(_POINT, min_size=3, max_size=4).map(lambda points: f"({','.join(points)})"),
    "circle": st.tuples(_POINT, st.integers(0, 9)).map(lambda round: f"<{round[0]},{round[1]}>"),
    "pg_lsn": st.integers(0, 2**32 - 1).map(lambda n: f"0/{n:X}"),
    "pg_snapshot": st.integers(1, 999).map(lambda n: f"{n}:{n + 2}:{n}"),
    "txid_snapshot": st.integers(1, 999).map(lambda n: f"{n}:{n + 2}:{n}"),
    "tid": st.integers(0, 999).map(lambda n: f"({n},1)"),
    "xid": _integers(0, 2**32 - 1),
    "xid8": _integers(0, 2**63 - 1),
    "cid": _integers(0, 2**32 - 1),
    "char": st.sampled_from("abcdefghijklmnopqrstuvwxyz"),
    "regclass": st.sampled_from(["pg_class", "pg_type", "pg_proc"]),
    "regtype": st.sampled_from(["integer", "text", "boolean"]),
    "regproc": st.sampled_from(["now", "pg_backend_pid", "version"]),
    "regprocedure": st.sampled_from(["abs(integer)", "lower(text)", "now()"]),
    "regnamespace": st.sampled_from(["pg_catalog", "information_schema"]),
    "regrole": st.sampled_from(["pg_monitor", "pg_signal_backend"]),
    "regconfig": st.sampled_from(["simple", "english", "german"]),
    "regdictionary": st.sampled_from(["simple", "english_stem"]),
    "regcollation": st.sampled_from(['"C"', '"POSIX"']),
    "regoper": st.sampled_from(["||/", "|/"]),
    "regoperator": st.sampled_from(["+(integer,integer)", "=(text,text)"]),
    "int2vector": st.lists(st.integers(0, 99).map(str), max_size=3).map(" ".join),
    "oidvector": st.lists(st.integers(0, 99).map(str), max_size=3).map(" ".join),
    "refcursor": st.sampled_from(["a", "b", "c"]),
    "hstore": st.sampled_from(["", '"a"=>"1"', '"a"=>"1", "b"=>NULL']),
    "ltree": st.sampled_from(["1", "1.2", "1.2.3"]),
    "lquery": st.sampled_from(["*", "1.*", "*.2"]),
}

_UNKNOWN = st.sampled_from(
    [
        *(
            "0",
            "1",
            "2",
            "a",
            "b",
            "",
            "1.0",
            "{}",
            "[]",
            "()",
            "{1}",
            "[1]",
            "(1)",
            "{1,2}",
            "[1,2]",
            "(1,2)",
            "[0,1)",
        ),
        *("1,2", "1 2", "(1,2,3)", "(4,5,6)", "[1,2,3]", "{a}", "{a,b}", "a.b", "a:1", "a=>1", "a&b", "true", "1 1 1"),
        *("2000-01-01", "2000-01-01 00:00:00+00", "(0,0),(1,1)", "((0,0),(1,1),(1,0))", "POINT(0 0)", "POINT(1 1)"),
        *("POLYGON((0 0,1 0,1 1,0 0))", "LINESTRING(0 0,1 1)", "MULTIPOLYGON(((0 0,1 0,1 1,0 0)))"),
        *("SRID=4326;POINT(0 0)", "SRID=4326;POLYGON((0 0,1 0,1 1,0 0))", "1 .. 2", "1..2", "978-0-393-04002-9"),
        *("0393040020", "1436-4522", "036000291452", "10.0.0.0/8", "00000000-0000-0000-0000-000000000001", "<a/>", "$"),
        *("{}/3", "{1:1}/3", "[1,1]", "[0,0]"),
    ]
)
"""Texts that types of extensions may accept; the server says which of them a type does."""

_BY_TYPMOD: dict[str, Callable[[int], Text]] = {
    "text": _text,
    "varchar": _text,
    "citext": lambda typmod: _text(typmod).map(str.casefold),
    "name": _text,
    # Trailing blanks mean nothing in char(n), so they would compare as equal: draw none.
    "bpchar": lambda typmod: _text(typmod).map(lambda text: text.rstrip(" ")),
    "numeric": _numeric,
    "bit": _bits,
    "varbit": _bits,
    "vector": _vector,
    "halfvec": _vector,
}
