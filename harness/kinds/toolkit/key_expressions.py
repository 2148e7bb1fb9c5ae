"""Elements of a key that are expressions, and pairs of different values that give the same key.

Decides by the functions that they call which expressions may fail, so that rows have to keep a rule about them.
"""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from harness.catalog.model import Column
from harness.kinds.base import NewRow, Subject, Values, identifier
from harness.kinds.toolkit.changes import differs
from harness.oracle import Answer
from harness.project import sql
from harness.solver.rules import Rule, deciding_columns

ValuePair = tuple[Values, Values]

TEXTS = ("a", "ab", "a b", "\u00e9", "\ufb01", "a-1")
"""Texts for which most functions also give the result of another text: a letter, a space, an accent, a ligature."""

VALUES = 40
"""Values of one column that are compared with each other."""

TOTAL = frozenset(
    """
    lower upper coalesce nullif greatest least btrim ltrim rtrim md5 length char_length left right reverse replace
    normalize unaccent date_trunc date_part extract timezone array_length cardinality to_tsvector jsonb_typeof
    num_nulls num_nonnulls = <> < > <= >= || -> ->> #> #>>
    """.split()  # noqa: SIM905 - a hundred quotes less
)
"""Functions that give a value, or NULL, for whatever a column of their type holds."""


def element(written: str) -> str:
    """Returns an element of a key as SQL: a column by its name, or an expression."""
    return identifier(written) if sql.is_name(written) else f"({written}\n)"


def expressions(elements: Iterable[str]) -> tuple[str, ...]:
    """Returns the elements that are no columns."""
    return tuple(each for each in elements if not sql.is_name(each))


def risky(elements: Iterable[str]) -> list[str]:
    """Returns the expressions that may fail: they call a function that is not in :data:`TOTAL`."""
    found = []
    for each in expressions(elements):
        with contextlib.suppress(sql.SqlError):  # an operator class comes after it
            if not sql.functions(each) <= TOTAL:
                found.append(each)
    return found


def can_be_computed(elements: Iterable[str]) -> tuple[Rule, ...]:
    """Returns rules for new rows: PostgreSQL refuses a row, with any error, if an expression of a key fails for it."""
    return tuple(Rule(f"({each}\n) is not distinct from ({each}\n)", on_insert_only=True) for each in elements)


def same_key_pairs(subject: Subject, elements: Sequence[str]) -> list[ValuePair]:
    """Returns pairs of values for the columns of a key: they differ in one column, and the key is the same."""
    table = subject.table
    named = [column for each in _computed(subject, elements) for column in deciding_columns(table, each)]
    columns = dict.fromkeys(name for name in named if name not in table.foreign_columns)
    return [pair for column in columns for pair in _pairs_in(subject, elements, column)]


def _computed(subject: Subject, elements: Sequence[str]) -> list[str]:
    """Returns the elements that are computed, as SQL: expressions, and the expressions of generated columns."""
    columns = (subject.table.column(each) for each in elements if sql.is_name(each))
    generated = (f"({column.default}\n)" for column in columns if column.generated)
    return [*map(element, expressions(elements)), *generated]


def _pairs_in(subject: Subject, elements: Sequence[str], column: str) -> Iterator[ValuePair]:
    table = subject.table
    definition = table.column(column)
    rest, values = _values(subject, elements, column)
    tried = [
        ({**rest, column: one}, {**rest, column: other})
        for one in values
        for other in values
        if one is not None and _are_two(definition, one, other)
    ]
    columns = (*rest, column)
    tuples = [(tuple(one.values()), tuple(other.values())) for one, other in tried]
    equal = [(element(each), "=") for each in elements if {*deciding_columns(table, element(each))} <= {*columns}]
    for pair, found in zip(tried, subject.oracle.pairs(table, columns, tuples, equal), strict=True):
        if all(answer is Answer.TRUE for answer in found[:-1]):
            yield pair


def _are_two(column: Column, one: str, other: str | None) -> bool:
    """Whether two texts are two values of a column, which a key on the column itself accepts side by side."""
    if other is None or column.base_name in ("text", "varchar"):
        return one != other
    if column.base_name == "bpchar":  # blanks at the end mean nothing
        return one.rstrip(" ") != other.rstrip(" ")
    return differs(column, one, other)


def _values(subject: Subject, elements: Sequence[str], column: str) -> tuple[Values, list[str | None]]:
    """Returns values of the columns that rules or expressions tie to one column, and values of that column for them."""
    table = subject.table
    definition = table.column(column)
    about = [Rule(f"{each} is not null") for each in _computed(subject, elements)]
    pool = next((pool for pool in subject.pools.of(table) if column in pool.columns), None)
    first = next((row for row in pool.rows if row[pool.columns.index(column)] is not None), None) if pool else None
    rest = dict(zip(pool.columns, first, strict=True)) if pool and first else {}
    others = {name for each in about for name in deciding_columns(table, each.predicate)} - {
        column,
        *rest,
        *table.foreign_columns,
    }
    for name in sorted(others):
        candidates = subject.pools.finder.candidates(table, name, about)
        rest[name] = next(value for value in candidates if value is not None) if table.column(name).not_null else None
    rules = (*subject.pools.rules(table), *about)
    known = pool.of_column(column) if pool else subject.pools.finder.candidates(table, column, rules)
    found = [rest.pop(column, None), *known]
    if definition.base_name in ("text", "varchar", "bpchar", "citext"):
        texts = [*([] if pool else TEXTS), *(value for value in found[:VALUES] if value)]
        found = [*(each for text in texts for each in _variants(definition, text)), *found]
    kept = [value for value in dict.fromkeys(found) if value is not None or not definition.not_null]
    if pool:
        tied = {name: rest[name] for name in pool.columns if name != column}
        kept = subject.pools.valid_values(table, column, tuple(kept), tied)
    return rest, kept[:VALUES]


def _variants(column: Column, text: str) -> Iterator[str]:
    """Yields a text in other letters, with other spaces, and in other forms of Unicode."""
    forms = (unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC"))
    made = (text, text.upper(), text.lower(), text.title(), f" {text}", f"{text} ", text.replace(" ", ""), *forms)
    longest = column.typmod - 4 if column.typmod > 0 else None
    yield from (each for each in dict.fromkeys(made) if longest is None or len(each) <= longest)


def null_columns(subject: Subject, elements: Sequence[str], nullable: Sequence[str]) -> NewRow:
    """Returns NULL for the columns of an expression that is NULL if they are; empty if there is no such expression."""
    table = subject.table
    for each in expressions(elements):
        columns = deciding_columns(table, element(each))
        if columns and {*columns} <= {*nullable}:
            asked = [f"{element(each)} is null"]
            if subject.oracle.answers(table, columns, [(None,) * len(columns)], asked) == [(Answer.TRUE,)]:
                return dict.fromkeys(columns)
    return {}


def default_names(elements: Sequence[str]) -> tuple[str, ...]:
    """Returns the names that PostgreSQL gives the elements of an index that was not named."""
    return tuple(each if sql.is_name(each) else sql.figured_name(each) for each in elements)
