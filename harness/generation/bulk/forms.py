"""Values that keep the rules about a column and still differ in every row: the row's number is worked into them.

Nothing here understands a rule. Forms that values of their kind often have are tried on some numbers, and kept if the
rules let all of them pass.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.catalog.model import Column, Table
from harness.generation.bulk.series import N, distinct
from harness.generation.bulk.site import Site
from harness.generation.oracle import Tuple
from harness.generation.pool import Pool
from harness.probes.statement import literal

BASES = 10
"""Combinations of a pool that forms are tried on."""

_HEX = "'0123456789abcdef'"
_PADDED = "lpad({digits}, greatest({{1}}::integer, length({digits})), {zero}) "
_TEXTS = ("text", "varchar", "citext", "bpchar", "name")
_NUMBERS = ("int2", "int4", "int8", "numeric", "float4", "float8", "money")
_MOMENTS = ("date", "timestamp", "timestamptz")


@dataclass(frozen=True)
class Form:
    """An expression of the row's number and of texts that it takes from the combination: ``{0}``, ``{1}`` …"""

    template: str
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Varied:
    """Combinations of a pool that can be varied in one column by one form, each with its texts."""

    template: str
    rows: tuple[Tuple, ...]
    texts: tuple[tuple[str, ...], ...]


def varied(site: Site, table: Table, pool: Pool, column: Column, numbers: Sequence[int], base: int) -> Varied | None:
    """The form that most combinations of a pool take, for rows of such ``numbers``; None if none does."""
    place = pool.columns.index(column.name)
    rows = [row for row in pool.rows if row[place] is not None][:BASES]
    found: dict[str, dict[Tuple, tuple[str, ...]]] = defaultdict(dict)
    plain = distinct(column, base)
    tried = [(row, Form(plain)) for row in rows] if plain else []
    tried += [(row, form) for row in rows for form in _forms(column, row[place] or "")]
    values = evaluated(site, column, [form for _, form in tried], numbers)
    candidates = [(row, form, texts) for (row, form), texts in zip(tried, values, strict=True) if texts]
    # A form that makes the same of two numbers is none.
    candidates = [each for each in candidates if len(set(each[2])) == len(numbers)]
    flat = [(*row[:place], text, *row[place + 1 :]) for row, _, texts in candidates for text in texts]
    kept = site.keeping(table, pool.columns, flat)
    for n, (row, form, texts) in enumerate(candidates):
        if all(kept[n * len(texts) : (n + 1) * len(texts)]):
            found[form.template].setdefault(row, form.texts)
    if not found:
        return None
    template = max(found, key=lambda each: (each == plain, len(found[each])))
    return Varied(template, tuple(found[template]), tuple(found[template].values()))


def evaluated(site: Site, column: Column, forms: Sequence[Form], numbers: Sequence[int]) -> list[list[str] | None]:
    """What each form makes of the numbers, as text; None where it makes nothing of them."""
    import psycopg

    known: dict[Form, list[str] | None] = {}
    for form in forms:
        if form in known:
            continue
        value = f"({form.template.format(*map(literal, form.texts))})::{column.type}::text"
        rows = ", ".join(f"({number}::bigint)" for number in numbers)
        try:
            with site.connection.transaction():
                query = f"select {value} from (values {rows}) as harness_g (n)"
                known[form] = [text for (text,) in site.connection.execute(query.encode())]
        except psycopg.DataError:
            known[form] = None
        except psycopg.IntegrityError:  # of a domain
            known[form] = None
    return [known[form] for form in forms]


def _forms(column: Column, base: str) -> Iterator[Form]:
    name = column.base_name
    if name in _TEXTS:
        yield from _text_forms(base)
    elif name in _NUMBERS:
        for step in (1, 10, 100, 2, 5, -1, "0.01"):
            yield Form(f"{{0}}::numeric + {N} * {step}", (base,))
    elif name in _MOMENTS and "infinity" not in base:
        moment = "timestamptz" if name == "timestamptz" else "timestamp"
        for unit in ("1 day", "1 second", "-1 second", "1 month"):
            yield Form(f"{{0}}::{moment} + {N} * interval '{unit}'", (base,))
    elif name == "jsonb" and base.startswith("{"):
        yield Form(f"{{0}}::jsonb || jsonb_build_object('n', {N})", (base,))


def _text_forms(base: str) -> Iterator[Form]:
    """The number before, behind and within a text, and in place of the digits or letters that it has."""
    decimal = _written(f"({N})::text", "'0'")
    hexadecimal = _written(f"to_hex(({N})::bigint)", "'0'")
    lower = _written(f"translate(to_hex(({N})::bigint), {_HEX}, 'abcdefghijklmnop')", "'a'")
    upper = _written(f"translate(to_hex(({N})::bigint), {_HEX}, 'ABCDEFGHIJKLMNOP')", "'A'")
    for digits in (decimal, lower, upper):
        yield Form(digits, (base, "0", ""))
        yield Form(digits, ("", "0", base))
        for cut in (1, len(base) - 1, base.find("@"), base.find("."), base.find("/")):
            if 0 < cut < len(base):
                yield Form(digits, (base[:cut], "0", base[cut:]))
    for digits, characters in ((decimal, r"\d+"), (hexadecimal, r"[\da-f]+"), (lower, "[a-z]+"), (upper, "[A-Z]+")):
        for run in re.finditer(characters, base):
            yield Form(digits, (base[: run.start()], str(len(run[0])), base[run.end() :]))


def _written(digits: str, zero: str) -> str:
    return "{0} || " + _PADDED.format(digits=digits, zero=zero) + "|| {2}"
