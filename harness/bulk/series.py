"""Expressions for columns that no rule mentions, on ``harness_g.n``, the number of the row."""

from __future__ import annotations

from harness.catalog.model import Column
from harness.probes.statement import literal
from harness.values.candidates import sample
from harness.values.types import numeric_limits

N = "harness_g.n"
_LONG = 16
"""Characters that a word and the number of any row take."""


def value(column: Column, rows: int) -> str:
    """An expression for plausible values, which may be the same in several rows. One of five is NULL where it may be.

    Raises :class:`~harness.values.types.Unsupported` for a type without values.
    """
    # Numbers stay small: triggers and views cast them to all sorts of types.
    spread = _SPREAD.get(column.base_name, "").format(distinct=max(rows // 20, 5), many=min(max(rows, 1000), 30_000))
    is_short = column.base_name in _TEXTS and 0 <= column.typmod - 4 < _LONG
    if column.base_kind == "e" or not spread or is_short:
        samples = column.labels if column.base_kind == "e" else sample(column, 12)
        spread = f"(array[{', '.join(map(literal, samples))}])[1 + {N} % {len(samples)}]"
    typed = f"({spread})::{column.type}"
    return typed if column.not_null else f"case when random() < 0.2 then null else {typed} end"


def distinct(column: Column, base: int = 0) -> str | None:
    """An expression for another value in every row; None if the type has none. Numbers begin behind ``base``."""
    expression = _distinct(column, f"({base} + {N})" if base else N)
    return None if expression is None else f"({expression})::{column.type}"


def _distinct(column: Column, number: str) -> str | None:
    name = column.base_name
    if column.base_kind == "e":
        return None
    if column.base_kind == "r":
        end = _ENDS.get(column.element_name or "")
        return f"{column.base_type}({end.format(n=number)}, {end.format(n=f'({number} + 1)')})" if end else None
    if name in _TEXTS:
        return _text(column, number)
    if name == "numeric":
        whole, _ = numeric_limits(column.typmod)
        return f"{number} % {10 ** min(whole, 15)}::numeric"
    if name in ("bit", "varbit"):
        return f"{number}::bigint::bit({max(column.typmod, 1) if name == 'bit' else min(max(column.typmod, 1), 64)})"
    return _DISTINCT[name].format(n=number) if name in _DISTINCT else None


def _text(column: Column, number: str) -> str:
    limit = column.typmod - 4
    if column.typmod < 0 or limit >= _LONG:
        return f"'value ' || {number}"
    return f"lpad(to_hex({number}::bigint), {max(limit, 1)}, '0')"


_TEXTS = ("text", "varchar", "citext", "bpchar", "name")

_ENDS = {
    "int4": "({n})::integer",
    "int8": "({n})::bigint",
    "numeric": "({n})::numeric",
    "date": "date '2000-01-01' + ({n})::integer",
    "timestamp": "timestamp '2000-01-01' + ({n}) * interval '1 hour'",
    "timestamptz": "timestamptz '2000-01-01 00:00:00+00' + ({n}) * interval '1 hour'",
}
"""Bounds of ranges by type: a range from one row's number to the next never overlaps another."""

_DISTINCT = {
    "int2": "({n}) % 32768",
    "int4": "({n}) % 2147483648",
    "int8": "({n})",
    "oid": "({n})::bigint",
    "float4": "({n})",
    "float8": "({n})",
    "money": "({n})::bigint",
    "uuid": "gen_random_uuid()",
    "date": "date '2000-01-01' + (({n}) % 2000000)::integer",
    "timestamp": "timestamp '2000-01-01' + ({n}) * interval '1 second'",
    "timestamptz": "timestamptz '2000-01-01 00:00:00+00' + ({n}) * interval '1 second'",
    "time": "time '00:00' + ({n}) * interval '1 second'",
    "interval": "({n}) * interval '1 second'",
    "bytea": "decode(lpad(to_hex(({n})::bigint), 16, '0'), 'hex')",
    "inet": "inet '10.0.0.0' + ({n})::bigint",
    "cidr": "inet '10.0.0.0' + ({n})::bigint",
    "macaddr": "lpad(to_hex(({n})::bigint), 12, '0')",
    "macaddr8": "lpad(to_hex(({n})::bigint), 16, '0')",
    "jsonb": "jsonb_build_object('n', {n})",
    "tsvector": "'n' || ({n})",
    "ltree": "'n' || ({n})",
    "hstore": "'n=>' || ({n})",
    "_text": "array['value ' || ({n})]",
    "_varchar": "array['value ' || ({n})]",
    "_int4": "array[({n})]",
    "_int8": "array[({n})]",
}

_SPREAD = {
    "text": "'value ' || floor(random() * {distinct})",
    "varchar": "'value ' || floor(random() * {distinct})",
    "citext": "'value ' || floor(random() * {distinct})",
    "int2": "floor(random() * 1000)",
    "int4": "floor(random() * {many})",
    "int8": "floor(random() * {many})",
    "float4": "random() * 1000",
    "float8": "random() * 1000",
    "bool": "random() < 0.5",
    "uuid": "gen_random_uuid()",
    "date": "current_date + floor((random() - 0.5) * 365)::integer",
    "timestamp": "now() + (random() - 0.5) * interval '60 days'",
    "timestamptz": "now() + (random() - 0.5) * interval '60 days'",
}
