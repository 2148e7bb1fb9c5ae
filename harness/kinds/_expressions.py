"""Elements of a key that are expressions: values that are two before them and one key after them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from harness.catalog.model import Column
from harness.kinds._changes import differs
from harness.kinds.base import Subject
from harness.oracle import Answer
from harness.probes.statement import identifier
from harness.project import sql
from harness.project.model import Values
from harness.solver.rules import Rule, deciding_columns

Pair = tuple[Values, Values]

TEXTS = ("a", "ab", "a b", "\u00e9", "\ufb01", "a-1")
"""Texts that most functions make the same of as of another one: a letter, a space, an accent, a ligature."""

VALUES = 40
"""Values of one column that are held against each other."""


def element(written: str) -> str:
    """An element of a key as SQL: a column by its name, or an expression."""
    return identifier(written) if sql.is_name(written) else f"({written}\n)"


def expressions(elements: Iterable[str]) -> tuple[str, ...]:
    """Those that are no column."""
    return tuple(each for each in elements if not sql.is_name(each))


def alike(subject: Subject, elements: Sequence[str]) -> list[Pair]:
    """Pairs of values for the columns of a key that are two values in one of them, and one key."""
    table = subject.table
    named = [column for each in expressions(elements) for column in deciding_columns(table, element(each))]
    pairs: list[Pair] = []
    for column in dict.fromkeys(name for name in named if name not in table.foreign_columns):
        pairs += _alike_in(subject, elements, column)
    return pairs


def _alike_in(subject: Subject, elements: Sequence[str], column: str) -> Iterator[Pair]:
    table = subject.table
    definition = table.column(column)
    rest, values = _values(subject, elements, column)
    tried = [
        ({**rest, column: one}, {**rest, column: other})
        for one in values
        for other in values
        if one is not None and differs(definition, one, other) | (one != other and definition.base_name == "text")
    ]
    columns = (*rest, column)
    tuples = [(tuple(one.values()), tuple(other.values())) for one, other in tried]
    equal = [(element(each), "=") for each in elements if {*deciding_columns(table, element(each))} <= {*columns}]
    answers = subject.oracle.pairs(table, columns, tuples, equal)
    for pair, found in zip(tried, answers, strict=True):
        if all(answer is Answer.TRUE for answer in found[:-1]):
            yield pair


def _values(subject: Subject, elements: Sequence[str], column: str) -> tuple[Values, list[str | None]]:
    """What the columns are that rules or expressions tie to one, and values of that one beside them."""
    table = subject.table
    definition = table.column(column)
    about = [Rule(f"{element(each)} is not null") for each in expressions(elements)]
    pool = next((pool for pool in subject.pools.of(table) if column in pool.columns), None)
    first = next((row for row in pool.rows if row[pool.columns.index(column)] is not None), None) if pool else None
    rest = dict(zip(pool.columns, first, strict=True)) if pool and first else {}
    others = {name for each in about for name in deciding_columns(table, each.predicate)} - {
        column,
        *rest,
        *table.foreign_columns,
    }
    for name in sorted(others):
        beside = subject.pools.finder.candidates(table, name, about)
        rest[name] = None if not table.column(name).not_null else next(value for value in beside if value is not None)
    own = rest.pop(column, None)
    found = [
        own,
        *(subject.pools.finder.candidates(table, column, (*subject.pools.rules(table), *about)) if not pool else ()),
    ]
    if pool:
        found += [row[pool.columns.index(column)] for row in pool.rows]
    if definition.base_name in ("text", "varchar", "bpchar", "citext"):
        texts = [*([] if pool else TEXTS), *(value for value in found[:VALUES] if value)]
        found = [*(each for text in texts for each in _variants(definition, text)), *found]
    kept = [value for value in dict.fromkeys(found) if value is not None or not definition.not_null]
    if pool:
        tied = {name: rest[name] for name in pool.columns if name != column}
        kept = subject.pools.valid_values(table, column, tuple(kept), tied)
    return rest, kept[:VALUES]


def _variants(column: Column, text: str) -> Iterator[str]:
    """A text in other letters, with spaces around and in it, and in other forms of Unicode."""
    forms = (unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC"))
    made = (text, text.upper(), text.lower(), text.title(), f" {text}", f"{text} ", text.replace(" ", ""), *forms)
    longest = column.typmod - 4 if column.typmod > 0 else None
    yield from (each for each in dict.fromkeys(made) if longest is None or len(each) <= longest)


def null(subject: Subject, elements: Sequence[str], nullable: Sequence[str]) -> dict[str, str | None]:
    """The columns of an expression that make it NULL where they all are; none if it is not or they cannot be."""
    table = subject.table
    for each in expressions(elements):
        columns = deciding_columns(table, element(each))
        if columns and {*columns} <= {*nullable}:
            rows = [tuple(None for _ in columns)]
            if subject.oracle.answers(table, columns, rows, [f"{element(each)} is null"]) == [(Answer.TRUE,)]:
                return dict.fromkeys(columns)
    return {}


def default_names(elements: Sequence[str]) -> tuple[str, ...]:
    """What PostgreSQL calls the elements of an index that was not named."""
    return tuple(each if sql.is_name(each) else sql.figured_name(each) for each in elements)
