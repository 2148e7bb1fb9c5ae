"""Rows by which a query might find something, from its own text: what it sets equal, and what it computes.

Two values are worth writing together where an expression of the query has one result for both: PostgreSQL is asked of
values that are near to one another. Reads the definitions of views, and functions in SQL, that the query names.
Not here: the writes (``writes.py``), and in which order they come (``sequences.py``).
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property

import psycopg

from harness.catalog.model import Column
from harness.kinds.base import NewRow, Rule, Subject, Table, TableName
from harness.project import sql
from harness.project.model import Tuple
from harness.project.sql import Comparisons, Operand
from harness.values.candidates import sample
from harness.values.near import TEXTS, near
from harness.values.types import Unsupported

BASES = 6
"""Values of a column from which others are made that are near to them."""

TOGETHER = 3
"""Columns of one expression, at the most, of which values are tried together."""

FEW = 6
"""Values of a column of which no rule and no query says anything."""

CANDIDATES = 24
"""Values of a column that may be written."""

MOST = 16
"""A count in the query, at the most, that rows are inserted for."""

_TEXT, _WHOLE = ("text", "varchar", "bpchar", "citext"), ("int2", "int4", "int8", "numeric")


@dataclass(frozen=True)
class Link:
    """A column that is to have the value of a column ``of`` another row, of the table ``to`` or of the same one."""

    table: TableName
    column: str
    to: TableName
    of: str


RowsTogether = tuple[tuple[TableName, NewRow], tuple[TableName, NewRow]]
"""Values of some columns of two rows."""


@dataclass(frozen=True)
class Evaluated:
    """The results of an expression on rows of ``columns``: sorts of values, with the values and the result."""

    table: TableName
    columns: tuple[str, ...]
    found: tuple[tuple[str, Tuple, str | None], ...]

    def row(self, values: Tuple) -> tuple[TableName, NewRow]:
        return self.table, dict(zip(self.columns, values, strict=True))


@dataclass(frozen=True)
class Aims:
    """Reads ``texts``: the query, and what it is made of. ``condition`` is the query as a predicate."""

    subject: Subject
    tables: Sequence[Table]
    condition: Rule
    texts: tuple[str, ...]
    _tried: dict[tuple[TableName, str], Evaluated | None] = field(default_factory=dict)
    _values: dict[tuple[TableName, str], list[str | None]] = field(default_factory=dict)

    @classmethod
    def of(cls, subject: Subject, tables: Sequence[Table], condition: Rule, query: str) -> Aims:
        named = {name.table for name in sql.relations(query)}
        views = subject.pools.introspection.views({name.lower() for name in named}) if named else {}
        sources = subject.pools.introspection.function_sources("public", sql.calls(condition.predicate))
        texts = (query, *views.values(), *(source.text for source in sources))
        return cls(subject, tables, condition, tuple(filter(_is_query, texts)))

    @cached_property
    def named(self) -> Mapping[TableName, tuple[str, ...]]:
        """The columns of each table that the query names, and that a write can set."""
        names = {name for text in self.texts for name in sql.named_columns(text)}
        return {
            table.name: tuple(each.name for each in table.columns if each.is_supplied and each.name in names)
            for table in self.tables
        }

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """The counts to reach: those in the query, and small ones."""
        written = {number for text in self.texts for number in sql.whole_numbers(text)}
        return tuple(sorted({1, 2} | {number for number in written if 0 < number <= MOST}))

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """The columns that the query compares with columns of other rows, and foreign keys."""
        found: dict[Link, None] = {}
        for table in self.tables:
            for key in table.foreign_keys:
                if key.references in self.named:
                    found |= {Link(table.name, own, key.references, to): None for own, to in key.pairs}
        for read in map(sql.comparisons, self.texts):
            plain = ((one, other) for one, other in read.equal if one.plain and other.plain)
            pairs = [(self._places(read, one), self._places(read, other)) for one, other in plain]
            for name in read.common:
                everywhere = [(table, name) for table in self.tables if name in self.named[table.name]]
                pairs.append((everywhere, everywhere))
            for ones, others in pairs:
                for (one, own), (other, of) in itertools.product(ones, others):
                    found |= {Link(one.name, own, other.name, of): None, Link(other.name, of, one.name, own): None}
        return tuple(found)

    @cached_property
    def fixed(self) -> Mapping[tuple[TableName, str], list[str]]:
        """The constants that the query sets columns equal to."""
        found: dict[tuple[TableName, str], list[str]] = {}
        for read in map(sql.comparisons, self.texts):
            for ref, constant in read.fixed:
                for table in self._tables(read, ref):
                    found.setdefault((table.name, ref.name), []).append(constant)
        return found

    def asked(self, table: Table) -> list[NewRow]:
        """Values in keys of the rows that the query asks for by a constant: the setting with that name."""
        names = {name for name in self.named[table.name] if name in table.key_columns - table.foreign_columns}
        places = ((name, value) for (of, name), values in self.fixed.items() if of == table.name for value in values)
        return [{name: value} for name, value in places if name in names and value in self.values(table, name)]

    @cached_property
    def together(self) -> tuple[RowsTogether, ...]:
        """Values of two rows for which expressions of the query have one result."""
        found: list[RowsTogether] = []
        for read in map(sql.comparisons, self.texts):
            inside = (each for pair in read.equal for each in pair if not each.plain)
            for operand in dict.fromkeys((*read.computed, *inside)):
                for results in self._usable(read, operand):
                    found += _alike(results)
            for one, other in read.equal:
                if one.text != other.text and not (one.plain and other.plain):
                    sides = itertools.product(self._usable(read, one), self._usable(read, other))
                    found += (each for left, right in sides for each in _matching(left, right))
        unique = {tuple((table, *row.items()) for table, row in each): each for each in found}
        return tuple(unique.values())

    def values(self, table: Table, column: str) -> list[str | None]:
        """Values worth writing to a column of the query: its constants, their neighbours, small ones; maybe none."""
        key = table.name, column
        if key not in self._values:
            rules, finder = self.subject.pools.rules(table), self.subject.pools.finder
            definition = table.column(column)
            counts = definition.base_name in _WHOLE or (definition.base_name in _TEXT and self._is_number(column))
            found: list[str | None] = [*self.fixed.get(key, ()), *(map(str, range(4)) if counts else ())]
            found += finder.candidates(table, column, (self.condition, *rules))
            with suppress(Unsupported):
                found += sample(definition, FEW)
            tried = [(value,) for value in dict.fromkeys((*found, None))]
            valid = [value for (value,) in finder.valid(table, (column,), tried, rules)]
            self._values[key] = valid[:CANDIDATES]
        return self._values[key]

    def _is_number(self, column: str) -> bool:
        """Whether the query casts a text to a number."""
        cast = rf"\b{re.escape(column)}\b\"?\)?\s*(?:::|\bas\s)\s*(?:int|bigint|smallint|numeric)"
        return any(re.search(cast, text, re.IGNORECASE) for text in self.texts)

    def _places(self, read: Comparisons, operand: Operand) -> list[tuple[Table, str]]:
        """The tables and columns that a column in a comparison may be."""
        return [(table, ref.name) for ref in operand.columns for table in self._tables(read, ref)]

    def _tables(self, read: Comparisons, ref: sql.ColumnRef) -> list[Table]:
        having = [table for table in self.tables if ref.name in self.named[table.name]]
        names = read.tables.get(ref.qualifier, ())
        exactly = [table for table in having if any(name in (table.name, _bare(table.name)) for name in names)]
        # What a subquery or a WITH gives a name may come from any of them.
        return exactly or having

    def _usable(self, read: Comparisons, operand: Operand) -> list[Evaluated]:
        """The results of an operand on values of its columns; of its parts, if it is not about one row."""
        if len({ref.qualifier for ref in operand.columns}) == 1 and len(operand.columns) <= TOGETHER:
            names = tuple(dict.fromkeys(ref.name for ref in operand.columns))
            places = (self._tables(read, ref) for ref in operand.columns)
            tables = [table for table in next(places) if {*names} <= {*self.named[table.name]}]
            found = [self._results(table, names, operand.text) for table in tables]
            if any(found):
                return [each for each in found if each is not None]
        return [results for part in operand.parts for results in self._usable(read, part)]

    def _results(self, table: Table, columns: tuple[str, ...], text: str) -> Evaluated | None:
        key = table.name, text
        if key not in self._tried:
            pools = self.subject.pools
            sorts: dict[Tuple, str] = {}
            for row, sort in _products([[*self._sorts(table, column)] for column in columns]):
                sorts.setdefault(row, sort)
            valid = pools.finder.valid(table, columns, [*sorts], pools.rules(table))
            try:
                texts = pools.oracle.texts(table, columns, valid, text)
            except psycopg.Error:  # it is an aggregate, or about several rows
                self._tried[key] = None
            else:
                found = tuple((sorts[row], row, result) for row, result in texts)
                self._tried[key] = Evaluated(table.name, columns, found)
        return self._tried[key]

    def _sorts(self, table: Table, column: str) -> Iterator[tuple[str | None, str]]:
        """Yields values of a column, each with its sort: those that rules accept, and what is near to them."""
        definition = table.column(column)
        bases = self._bases(table, definition)
        yield from ((base, "") for base in bases)
        for number, base in enumerate(bases):
            yield from ((value, f"{sort}{'' if number < 2 else ' again'}") for sort, value in near(definition, base))

    def _bases(self, table: Table, column: Column) -> list[str]:
        pools = self.subject.pools
        own = [
            value for pool in pools.of(table) if column.name in pool.columns for value in pool.of_column(column.name)
        ]
        own += pools.finder.candidates(table, column.name, (self.condition, *pools.rules(table)))
        given = [value for value in dict.fromkeys(own) if value is not None]
        # Of a text without letters and of an empty document nothing near is equal.
        rich = sorted(given, key=lambda value: not any(map(str.isalpha, value)))
        texts: Sequence[str] = TEXTS if column.base_name in _TEXT else ()
        if column.is_json:
            documents = (json.loads(value) for value in given)
            named = [each for each in documents if isinstance(each, dict) and each][:BASES]
            texts = tuple(json.dumps(dict.fromkeys(each, TEXTS[0])) for each in named)
        return [*dict.fromkeys((*texts, *rich[:BASES], *given[:BASES]))]


def _products(columns: Sequence[Sequence[tuple[str | None, str]]]) -> Iterator[tuple[Tuple, str]]:
    """Yields rows in which one column at a time goes through all its values; the others keep one of their first."""
    if len(columns) == 1:
        yield from (((value,), sort) for value, sort in columns[0])
        return
    starts = list(itertools.product(*(column[:2] for column in columns)))
    for start, (place, column) in itertools.product(starts, enumerate(columns)):
        for value, sort in column:
            row = [value if n == place else each for n, (each, _) in enumerate(start)]
            yield tuple(row), f"{place} {sort}"


def _alike(results: Evaluated) -> Iterator[RowsTogether]:
    """Yields pairs of different values with one result, of each sort the first, and NULL twice."""
    groups = _by_result(results.found)
    seen: set[str] = set()
    for group in groups.values():
        for (_, one), (sort, other) in itertools.permutations(group[:40], 2):
            if sort not in seen:
                seen.add(sort)
                yield results.row(one), results.row(other)
    nulls = (row for _, row, result in results.found if None in row and result is not None)
    yield from ((results.row(row), results.row(row)) for row in itertools.islice(nulls, 2))


def _matching(left: Evaluated, right: Evaluated) -> Iterator[RowsTogether]:
    """Yields values of two expressions with one result, of each sort the first."""
    groups = _by_result(left.found)
    seen: set[str] = set()
    for sort, row, result in right.found:
        for _, one in groups.get(result, [])[:1] if sort not in seen else []:
            seen.add(sort)
            yield left.row(one), right.row(row)


def _by_result(found: Iterable[tuple[str, Tuple, str | None]]) -> dict[str | None, list[tuple[str, Tuple]]]:
    groups: dict[str | None, list[tuple[str, Tuple]]] = {}
    for sort, row, result in found:
        groups.setdefault(result, []).append((sort, row))
    return groups


def _bare(name: TableName) -> TableName:
    return TableName("", name.table)


def _is_query(text: str) -> bool:
    try:
        sql.query(text)
    except sql.SqlError:
        return False
    return True
