"""Expressions on ``harness_g.n``, the number of the row: free values, and templates that keep rules.

Values that keep the rules about a column and differ in every row contain its number. No rule is analysed: templates
that suit a type are evaluated for some numbers, and kept if all values keep the rules.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import psycopg

from harness.bulk.context import BulkContext
from harness.catalog.model import Column, Table
from harness.probes.statement import literal
from harness.project.model import Tuple
from harness.solver.pool import Pool
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
    if column.base_kind == "e" or not spread or (column.base_name in _TEXTS and 0 <= column.typmod - 4 < _LONG):
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

BASES = 5
"""Values of a pool that templates are tried on."""

MANY = 50
"""Combinations of a pool that may be varied."""

_HEX = "'0123456789abcdef'"
_PADDED = "lpad({digits}, greatest({{1}}::integer, length({digits})), {zero}) "
_NUMBERS = ("int2", "int4", "int8", "numeric", "float4", "float8", "money")
_MOMENTS = ("date", "timestamp", "timestamptz")


@dataclass(frozen=True)
class NumberTemplate:
    """An expression on the row's number, with ``texts`` of a combination in place of ``{0}``, ``{1}``."""

    sql: str
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Varied:
    """Combinations of a pool that can be varied in one column by one template, each with its texts."""

    sql: str
    rows: tuple[Tuple, ...]
    texts: tuple[tuple[str, ...], ...]


def varied(
    context: BulkContext, table: Table, pool: Pool, column: Column, numbers: Sequence[int], base: int
) -> Varied | None:
    """The template that suits most combinations of a pool, for all ``numbers`` of rows; None if none does."""
    place = pool.columns.index(column.name)
    plain = distinct(column, base)
    found = _kept(
        context,
        table,
        pool,
        place,
        numbers,
        [(row, NumberTemplate(plain)) for row in pool.rows[:MANY]] if plain else [],
    )
    if not found:
        simple = {row[place]: row for row in reversed(pool.rows) if row[place]}
        rows = [simple[value] for value in list(simple)[: -BASES - 1 : -1]]
        tried = [(row, template) for row in rows for template in _templates(column, row[place] or "")]
        found = _kept(context, table, pool, place, numbers, tried)
    if not found:
        return None
    sql, texts = max(found.items(), key=lambda each: len(each[1]))
    return Varied(sql, tuple(texts), tuple(texts.values()))


def _kept(
    context: BulkContext,
    table: Table,
    pool: Pool,
    place: int,
    numbers: Sequence[int],
    tried: Sequence[tuple[Tuple, NumberTemplate]],
) -> dict[str, dict[Tuple, tuple[str, ...]]]:
    """For each template the combinations with which its values keep the rules for all numbers, and their texts."""
    values = evaluated(context, table.column(pool.columns[place]), [template for _, template in tried], numbers)
    # A template has to make different values of different numbers.
    candidates = [
        (row, template, values[template]) for row, template in tried if len({*values[template]}) == len(numbers)
    ]
    flat = [(*row[:place], text, *row[place + 1 :]) for row, _, texts in candidates for text in texts]
    kept = context.valid(table, pool.columns, flat)
    found: dict[str, dict[Tuple, tuple[str, ...]]] = defaultdict(dict)
    for n, (row, template, texts) in enumerate(candidates):
        if all(kept[n * len(texts) : (n + 1) * len(texts)]):
            found[template.sql].setdefault(row, template.texts)
    return found


def evaluated(
    context: BulkContext, column: Column, templates: Iterable[NumberTemplate], numbers: Sequence[int]
) -> dict[NumberTemplate, tuple[str | None, ...]]:
    """The values of each template for the numbers, as text; none if it fails for one of them."""
    templates = list(dict.fromkeys(templates))
    if not templates:
        return {}
    shown = ", ".join(
        f"({template.sql.format(*map(literal, template.texts))})::{column.type}::text" for template in templates
    )
    rows = ", ".join(f"({number}::bigint)" for number in numbers)
    try:
        with context.connection.transaction():
            found = context.connection.execute(
                f"select {shown} from (values {rows}) as harness_g (n)".encode()
            ).fetchall()
            return dict(zip(templates, zip(*found, strict=True), strict=True))
    except (psycopg.DataError, psycopg.IntegrityError):  # the latter raised by a domain
        if len(templates) == 1:
            return {templates[0]: ()}
        middle = len(templates) // 2
        halves = templates[:middle], templates[middle:]
        return {
            template: texts for half in halves for template, texts in evaluated(context, column, half, numbers).items()
        }


def _templates(column: Column, base: str) -> Iterator[NumberTemplate]:
    name = column.base_name
    if name in _TEXTS:
        yield from _text_templates(base)
    elif name in _NUMBERS:
        for step in (1, 10, 100, 2, 5, -1, "0.01"):
            yield NumberTemplate(f"{{0}}::numeric + {N} * {step}", (base,))
    elif name in _MOMENTS and "infinity" not in base:
        moment = "timestamptz" if name == "timestamptz" else "timestamp"
        for unit in ("1 day", "1 second", "-1 second", "1 month"):
            yield NumberTemplate(f"{{0}}::{moment} + {N} * interval '{unit}'", (base,))
    elif name == "jsonb" and base.startswith("{"):
        yield NumberTemplate(f"{{0}}::jsonb || jsonb_build_object('n', {N})", (base,))


def _text_templates(base: str) -> Iterator[NumberTemplate]:
    """Puts the number before, behind and within a text, and in place of its digits or letters."""
    decimal = _written(f"({N})::text", "'0'")
    hexadecimal = _written(f"to_hex(({N})::bigint)", "'0'")
    lower = _written(f"translate(to_hex(({N})::bigint), {_HEX}, 'abcdefghijklmnop')", "'a'")
    upper = _written(f"translate(to_hex(({N})::bigint), {_HEX}, 'ABCDEFGHIJKLMNOP')", "'A'")
    for digits in (decimal, lower, upper):
        yield NumberTemplate(digits, (base, "0", ""))
        yield NumberTemplate(digits, ("", "0", base))
        for cut in (1, len(base) - 1, base.find("@"), base.find("."), base.find("/")):
            if 0 < cut < len(base):
                yield NumberTemplate(digits, (base[:cut], "0", base[cut:]))
    for digits, characters in ((decimal, r"\d+"), (hexadecimal, r"[\da-f]+"), (lower, "[a-z]+"), (upper, "[A-Z]+")):
        for run in re.finditer(characters, base):
            yield NumberTemplate(digits, (base[: run.start()], str(len(run[0])), base[run.end() :]))


def _written(digits: str, zero: str) -> str:
    return "{0} || " + _PADDED.format(digits=digits, zero=zero) + "|| {2}"
