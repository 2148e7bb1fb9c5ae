"""Templates for values that keep the rules about a column and differ in every row, as they contain its number.

No rule is analysed: templates that suit a type are evaluated for some numbers, and kept if all values keep the rules.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import psycopg

from harness.bulk.context import BulkContext
from harness.bulk.series import N, distinct
from harness.catalog.model import Column, Table
from harness.probes.statement import literal
from harness.project.model import Tuple
from harness.solver.pool import Pool

BASES = 5
"""Values of a pool that templates are tried on."""

MANY = 50
"""Combinations of a pool that may be varied."""

_HEX = "'0123456789abcdef'"
_PADDED = "lpad({digits}, greatest({{1}}::integer, length({digits})), {zero}) "
_TEXTS = ("text", "varchar", "citext", "bpchar", "name")
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
