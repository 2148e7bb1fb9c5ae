"""For the columns that rules tie together, the combinations of values that keep them all.

A rule's predicate is not taken apart: candidate values (its constants, their neighbours, the type's edges, some
draws) are laid out and PostgreSQL is asked which combinations pass. Columns that no rule mentions have no pool.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.catalog.model import Catalog, Index, Table
from harness.generation.candidates import candidates
from harness.generation.oracle import Answer, Oracle, Tuple
from harness.generation.pool import Pool
from harness.generation.standing import Standing
from harness.probes.statement import identifier
from harness.project import sql
from harness.project.model import TableName

if TYPE_CHECKING:
    from harness.generation.variety import Stock

COMBINATIONS = 2500
"""Combinations of candidates tried for columns that are tied together."""

NULLS = 0.25
"""How often a column is NULL in a sample of them."""

ENOUGH = 40
"""Values of a column that is part of a key, so that rows of a scenario can differ in it."""


class Unfillable(Exception):
    """No candidate keeps all the rules of some columns."""


@dataclass(frozen=True)
class Rule:
    """A predicate on the rows of a table. ``constraint`` is the name it has, or should have, in the catalog.

    At ``birth`` means that only a row that is inserted has to keep it: later it may move on.
    """

    predicate: str
    constraint: str | None = None
    birth: bool = False


class Pools:
    """The pools of every table, worked out when first asked for.

    ``declared`` are the rules that the project states; the catalog's own CHECKs are added to them, so that a drawn row
    is fine by both even while they disagree.
    """

    def __init__(self, oracle: Oracle, catalog: Catalog, declared: Mapping[TableName, Sequence[Rule]]) -> None:
        self.oracle = oracle
        self.standing = Standing(oracle)
        self.catalog = catalog
        self._declared = declared
        self._pools: dict[tuple[TableName, bool, tuple[str, ...]], tuple[Pool, ...]] = {}
        self._apart: dict[TableName, tuple[tuple[Mapping[str, str | None], ...], ...]] = {}
        self._crowded: dict[TableName, bool] = {}
        self._most: dict[TableName, int | None] = {}
        self._stocks: dict[tuple[TableName, frozenset[str]], Stock] = {}

    def rules(self, table: Table) -> tuple[Rule, ...]:
        """Declared rules, then the catalog's CHECKs and those of the columns' domains."""
        checks = [Rule(check.expression or "true", check.name) for check in table.of_type("c")]
        domains = [
            Rule(sql.replace_value(expression, column.name))
            for column in table.columns
            for expression in column.domain_checks
        ]
        return (*self._declared.get(table.name, ()), *checks, *domains, *computable(table))

    def of(self, table: Table, born: bool = True, also: tuple[str, ...] = ()) -> tuple[Pool, ...]:
        """The pools of a table: of rows as they are ``born``, or as they may have become; ``also`` adds predicates.

        Raises :class:`Unfillable`, naming the columns and their rules.
        """
        if (table.name, born, also) not in self._pools:
            rules = [rule for rule in (*self.rules(table), *map(Rule, also)) if born or not rule.birth]
            pools = tuple(self._pool(table, group, rules, also) for group in _groups(table, rules))
            self._pools[table.name, born, also] = pools
        return self._pools[table.name, born, also]

    def apart(self, table: Table) -> tuple[tuple[Mapping[str, str | None], ...], ...]:
        """For each exclusion constraint, values for some columns that keep rows out of each other's way."""
        if table.name not in self._apart:
            from harness.generation.exclusions import Exclusion, spread

            self._apart[table.name] = tuple(spread(self, table, each) for each in Exclusion.all_of(table))
        return self._apart[table.name]

    def stock(self, table: Table, kept: Iterable[str]) -> Stock:
        """Other values for what is not tied to the ``kept`` columns."""
        key = (table.name, frozenset(kept))
        if key not in self._stocks:
            from harness.generation.variety import stock

            self._stocks[key] = stock(self, table, key[1])
        return self._stocks[key]

    def takes(self, table: Table, columns: Sequence[str]) -> bool:
        """Whether no rule leaves one of these columns NULL when a row is inserted."""
        return all(
            any(all(row[place] is not None for place in places) for row in pool.rows)
            for pool in self.of(table)
            if (places := [place for place, name in enumerate(pool.columns) if name in columns])
        )

    def crowded(self, table: Table) -> bool:
        """Whether rows that stand in the table take up half of all the keys there can be, or more.

        So it is with reference data: every permission of every role is there, and a row that is drawn is there too.
        """
        if table.name not in self._crowded:
            most = self.most(table)
            self._crowded[table.name] = most is not None and self.oracle.standing(table) * 2 >= most
        return self._crowded[table.name]

    def most(self, table: Table) -> int | None:
        """How many rows there can be before a unique key runs out; None where each has a column of any value."""
        if table.name not in self._most:
            sizes = [self._keys(table, key) for key in table.unique_keys if len(key.columns) == len(key.keys)]
            self._most[table.name] = min((size for size in sizes if size is not None), default=None)
        return self._most[table.name]

    def _keys(self, table: Table, key: Index) -> int | None:
        """How many values a unique key can have; None if one of its columns can be anything."""
        sizes = []
        pools = {column: pool for pool in self.of(table) for column in pool.columns}
        for column in map(table.column, key.columns):
            if column.base_kind == "e" or column.base_name == "bool":
                sizes.append(len(column.labels) or 2)
            elif column.name in pools:
                place = pools[column.name].columns.index(column.name)
                sizes.append(len({row[place] for row in pools[column.name].rows}))
            else:
                return None
        return math.prod(sizes)

    def declared(self, table: TableName) -> Sequence[Rule]:
        """The rules that the project states of a table's rows at any time."""
        return [rule for rule in self._declared.get(table, ()) if not rule.birth]

    def combinations(self, table: Table, columns: Sequence[str], also: Sequence[str] = ()) -> list[Tuple]:
        """Combinations of candidate values for columns; with ever more columns, a sample of them.

        ``also`` are predicates whose constants count besides those of the rules.
        """
        rules = (*self.rules(table), *map(Rule, also))
        pools = [self.candidates(table, column, rules) for column in columns]
        return _product(pools)

    def candidates(self, table: Table, column: str, rules: Iterable[Rule]) -> Tuple:
        """Candidate values of one column, from the constants of all the rules that mention it."""
        constants = [
            constant.text
            for rule in rules
            if column in _mentioned(table, rule)
            for constant in sql.constants(rule.predicate)
        ]
        return candidates(table.column(column), constants)

    def beside(self, table: Table, column: str, value: str | None) -> list[dict[str, str | None]]:
        """For a value of one column, what the columns that rules tie to it can be; ``[{}]`` where there are none."""
        rules = self.rules(table)
        group = next((group for group in _groups(table, rules) if column in group), ())
        others = tuple(name for name in group if name != column)
        if not others:
            return [{}]
        rows = [(value, *row) for row in self.combinations(table, others)]
        kept = self._keeping(table, (column, *others), rows, rules)
        return [dict(zip(others, row[1:], strict=True)) for row in kept]

    def _pool(self, table: Table, columns: tuple[str, ...], rules: Sequence[Rule], also: tuple[str, ...]) -> Pool:
        tried = self._combined(table, columns, rules, also)
        kept = self._keeping(table, columns, tried, rules)
        if not kept:
            names = ", ".join(rule.constraint or rule.predicate for rule in _relevant(table, columns, rules))
            raise Unfillable(f"no values of {', '.join(columns)} found that keep {names}")
        if len(columns) == 1 and len(kept) < ENOUGH and _is_keyed(table, columns[0]):
            varied = [row for row in _varied(kept) if row not in kept]
            kept += self._keeping(table, columns, varied, rules)
        return Pool(columns, tuple(kept), _valued(table, columns, kept, tried))

    def _combined(
        self, table: Table, columns: tuple[str, ...], rules: Sequence[Rule], also: tuple[str, ...]
    ) -> list[Tuple]:
        """Combinations of what keeps the rules about each column alone: of few values few combinations are missed."""
        known = (*self.rules(table), *map(Rule, also))
        pools = []
        for column in columns:
            own = [rule for rule in rules if _mentioned(table, rule) == (column,)]
            single = [(value,) for value in self.candidates(table, column, known)]
            pools.append(tuple(value for (value,) in self._keeping(table, (column,), single, own)))
        return _product(pools)

    def _keeping(
        self, table: Table, columns: tuple[str, ...], rows: Sequence[Tuple], rules: Sequence[Rule]
    ) -> list[Tuple]:
        """The combinations that keep all rules about these columns."""
        relevant = _relevant(table, columns, rules)
        not_null = [index for index, column in enumerate(columns) if table.column(column).not_null]
        answers = self.oracle.answers(table, columns, rows, [rule.predicate for rule in relevant])
        return [
            row
            for row, answer in zip(rows, answers, strict=True)
            if all(value.holds for value in answer) and all(row[index] is not None for index in not_null)
        ]


def _relevant(table: Table, columns: Sequence[str], rules: Iterable[Rule]) -> list[Rule]:
    return [rule for rule in rules if set(_mentioned(table, rule)) & set(columns)]


def _valued(table: Table, columns: Sequence[str], kept: Sequence[Tuple], tried: Sequence[Tuple]) -> tuple[str, ...]:
    """The columns of foreign keys of which rules ask more than whether they are NULL."""
    foreign = {column for key in table.of_type("f") for column in key.columns}
    places = [place for place, column in enumerate(columns) if column in foreign]

    def patterns(rows: Iterable[Tuple]) -> set[Tuple]:
        return {
            tuple("" if n in places and value is not None else value for n, value in enumerate(row)) for row in rows
        }

    known = {*kept}
    depends = places and patterns(kept) & patterns(row for row in tried if row not in known)
    return tuple(columns[place] for place in places) if depends else ()


def _is_keyed(table: Table, column: str) -> bool:
    """Whether rows of one scenario have to differ in a column of texts."""
    text = table.column(column).base_name in ("text", "varchar", "citext")
    return text and any(column in key.columns for key in table.unique_keys)


def _varied(rows: Sequence[Tuple]) -> Iterator[Tuple]:
    """Texts that keep a rule, numbered in front and behind: most rules about texts let that pass."""
    texts = [text for (text,) in rows if text is not None][:4]
    for number, text in itertools.product(range(1, ENOUGH), texts):
        yield (f"{number}{text}",)
        yield (f"{text}{number}",)


def computable(table: Table) -> tuple[Rule, ...]:
    """Rules that fail where a generated column cannot be computed (a division by zero, an overflow)."""
    names = (identifier(column.name) for column in table.columns if column.generated)
    return tuple(Rule(f"{name} is not distinct from {name}") for name in names)


def supplied(table: Table, predicate: str) -> tuple[str, ...]:
    """The columns that decide a predicate: in place of a generated one those that it is computed from."""
    names = set(sql.columns(predicate))
    for column in table.columns:
        if column.generated and column.name in names:
            names |= set(sql.columns(column.default or "null"))
    return tuple(column.name for column in table.columns if column.name in names and column.is_supplied)


def _mentioned(table: Table, rule: Rule) -> tuple[str, ...]:
    return supplied(table, rule.predicate)


def _groups(table: Table, rules: Iterable[Rule]) -> Iterator[tuple[str, ...]]:
    """Columns that rules tie together, directly or through others, in the table's order."""
    groups: list[set[str]] = []
    for rule in rules:
        group = set(_mentioned(table, rule))
        if not group:
            continue
        touching = [other for other in groups if other & group]
        groups = [other for other in groups if not other & group]
        groups.append(group.union(*touching))
    for group in groups:
        yield tuple(column.name for column in table.columns if column.name in group)


def _product(pools: Sequence[Tuple]) -> list[Tuple]:
    """All combinations, or of too many a sample."""
    if math.prod(map(len, pools)) <= COMBINATIONS:
        return list(itertools.product(*pools))
    return list(dict.fromkeys(_sampled(pools)))


def _sampled(pools: Sequence[Tuple]) -> Iterator[Tuple]:
    """First along each axis from the simplest corner, then at random, always the same."""
    corner = tuple(pool[0] for pool in pools)
    for index, pool in enumerate(pools):
        for value in pool:
            yield (*corner[:index], value, *corner[index + 1 :])
    chance = random.Random(0)
    for _ in range(COMBINATIONS):
        # Rules about several columns mostly ask which of them are NULL: one value of many would be too rare.
        yield tuple(None if None in pool and chance.random() < NULLS else chance.choice(pool) for pool in pools)


def split(rows: Sequence[Tuple], answers: Sequence[tuple[Answer, ...]]) -> tuple[list[Tuple], list[Tuple]]:
    """The rows that the first predicate lets pass and those it does not, where all others hold."""
    good: list[Tuple] = []
    bad: list[Tuple] = []
    for row, (own, *others) in zip(rows, answers, strict=True):
        if own is Answer.ERROR or not all(answer.holds for answer in others):
            continue
        (good if own.holds else bad).append(row)
    return good, bad
