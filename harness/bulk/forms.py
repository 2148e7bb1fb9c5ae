"""Values that keep the rules about a column and still differ in every row: the row's number is worked into them.

Nothing here understands a rule. Forms that values of their kind often have are tried on some numbers, and kept if the
rules let all of them pass.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.bulk.series import N, distinct
from harness.bulk.site import Site
from harness.catalog.model import Column, Table
from harness.oracle import Tuple
from harness.probes.statement import literal
from harness.solver.pool import Pool

BASES = 5
"""Values of a pool that forms are tried on."""

MANY = 50
"""Combinations of a pool that may be varied."""

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
    plain = distinct(column, base)
    found = _kept(site, table, pool, place, numbers, [(row, Form(plain)) for row in pool.rows[:MANY]] if plain else [])
    if not found:
        simple = {row[place]: row for row in reversed(pool.rows) if row[place]}
        rows = [simple[value] for value in list(simple)[: -BASES - 1 : -1]]
        tried = [(row, form) for row in rows for form in _forms(column, row[place] or "")]
        found = _kept(site, table, pool, place, numbers, tried)
    if not found:
        return None
    template = max(found, key=lambda each: len(found[each]))
    return Varied(template, tuple(found[template]), tuple(found[template].values()))


def _kept(
    site: Site, table: Table, pool: Pool, place: int, numbers: Sequence[int], tried: Sequence[tuple[Tuple, Form]]
) -> dict[str, dict[Tuple, tuple[str, ...]]]:
    """For each form the combinations for which the rules let it pass with all numbers, and its texts for them."""
    values = evaluated(site, table.column(pool.columns[place]), [form for _, form in tried], numbers)
    # A form that makes the same of two numbers is none.
    candidates = [(row, form, values[form]) for row, form in tried if len({*values[form]}) == len(numbers)]
    flat = [(*row[:place], text, *row[place + 1 :]) for row, _, texts in candidates for text in texts]
    kept = site.keeping(table, pool.columns, flat)
    found: dict[str, dict[Tuple, tuple[str, ...]]] = defaultdict(dict)
    for n, (row, form, texts) in enumerate(candidates):
        if all(kept[n * len(texts) : (n + 1) * len(texts)]):
            found[form.template].setdefault(row, form.texts)
    return found


def evaluated(
    site: Site, column: Column, forms: Iterable[Form], numbers: Sequence[int]
) -> dict[Form, tuple[str | None, ...]]:
    """What each form makes of the numbers, as text; nothing where it fails on them."""
    import psycopg

    forms = list(dict.fromkeys(forms))
    if not forms:
        return {}
    shown = ", ".join(f"({form.template.format(*map(literal, form.texts))})::{column.type}::text" for form in forms)
    rows = ", ".join(f"({number}::bigint)" for number in numbers)
    try:
        with site.connection.transaction():
            found = site.connection.execute(f"select {shown} from (values {rows}) as harness_g (n)".encode()).fetchall()
            return dict(zip(forms, zip(*found, strict=True), strict=True))
    except (psycopg.DataError, psycopg.IntegrityError):  # the latter of a domain
        if len(forms) == 1:
            return {forms[0]: ()}
        middle = len(forms) // 2
        halves = forms[:middle], forms[middle:]
        return {form: texts for half in halves for form, texts in evaluated(site, column, half, numbers).items()}


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
