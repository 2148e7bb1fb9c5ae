"""For the columns that rules tie together, the combinations of values that keep them all.

A rule's predicate is not taken apart: candidate values (its constants, their neighbours, the type's edges, some
draws) are laid out and PostgreSQL is asked which combinations pass. Columns that no rule mentions have no pool.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, TypeVar

from harness.catalog.graph import circular
from harness.catalog.model import Catalog, Index, Table
from harness.oracle import Answer, Oracle, Tuple
from harness.probes.statement import condition, identifier, literal, qualified
from harness.project import sql
from harness.project.model import TableName
from harness.solver.alike import columns_of
from harness.solver.combinations import Combinations
from harness.solver.pool import Pool
from harness.solver.row_hints import NOTHING, RowHints, refers_to_it, with_logical_references
from harness.solver.rules import (
    Rule,
    Unfillable,
    computable,
    domain_rules,
    domains_above,
    mentioned,
    narrowed,
    supplied,
    tied,
)
from harness.solver.search import product
from harness.solver.standing import LIMIT, Standing
from harness.values.types import on_trial

T = TypeVar("T")


def own(expression: str) -> str:
    """An expression on a row, in which its columns were written as variables."""
    return sql.bind(expression, {name: identifier(name) for name in sql.variables(expression)})


class Pools:
    """The pools of every table, worked out when first asked for.

    ``declared`` are the rules that the project states; the catalog's own CHECKs are added to them, so that a drawn row
    is fine by both even while they disagree.
    """

    def __init__(
        self,
        oracle: Oracle,
        catalog: Catalog,
        declared: Mapping[TableName, Sequence[Rule]],
        row_hints: Mapping[TableName, RowHints] | None = None,
    ) -> None:
        self.oracle = oracle
        self.standing = Standing(oracle)
        self.row_hints = dict(row_hints or {})
        self.catalog = with_logical_references(catalog, self.row_hints)
        self._bare = catalog
        self._declared = declared
        self._pools: dict[tuple[TableName, bool, tuple[str, ...]], tuple[Pool, ...]] = {}
        self._combinations = Combinations(oracle)
        self._remembered: dict[Hashable, Any] = {}
        self._keys: dict[TableName, tuple[tuple[Index, tuple[str, ...]], ...]] = {}
        self._keyed: dict[TableName, frozenset[str]] = {}
        self._crowded: dict[TableName, bool] = {}
        self._there: dict[tuple[TableName, frozenset[tuple[str, str | None]]], tuple[dict[str, str | None], ...]] = {}
        self._most: dict[TableName, int | None] = {}
        self._count: dict[TableName, int] = {}

    def add_hints(self, table: TableName, hints: RowHints) -> None:
        """Takes in what becomes known of a table's rows."""
        self.replace_hints({**self.row_hints, table: self.row_hints.get(table, RowHints()) | hints})

    def replace_hints(self, row_hints: Mapping[TableName, RowHints]) -> None:
        """Takes these for all that is known of tables' rows."""
        tables = {name for name in (*row_hints, *self.row_hints) if row_hints.get(name) != self.row_hints.get(name)}
        if not tables:
            return
        self.row_hints = dict(row_hints)
        self.catalog = with_logical_references(self._bare, self.row_hints)
        self.__dict__.pop("circular", None)
        for key in [key for key in self._pools if key[0] in tables]:
            del self._pools[key]
        for table in tables:
            self._most.pop(table, None)
            self._crowded.pop(table, None)
        # What others have worked out may come from any of the tables.
        self._remembered.clear()

    def supplied(self, table: Table) -> tuple[Rule, ...]:
        """What rows are made of, though the table takes others: what people say, and what fits where it is led to."""
        narrow = (
            *(Rule(predicate, "the columns that lead to it") for predicate in narrowed(self.catalog, table)),
            *(Rule(predicate, "the rows that it leads to") for predicate in self._led(table)),
            *(Rule(predicate, "the rows that come with it") for predicate in self.of_others(table)),
        )
        hints = self.row_hints.get(table.name)
        if hints is None:
            return narrow
        values = {name: self.oracle.column(table, text) for name, text in hints.expressions.items()}
        stated = replace(hints, values={**hints.values, **values})
        return (*narrow, *(Rule(predicate, "rows") for predicate in stated.predicates(table)))

    def of_others(self, table: Table) -> list[str]:
        """What the rules of a table ask of the rows that come together with one, as predicates on that one."""
        found = []
        for given in self.row_hints.get(table.name, NOTHING).together:
            for rule in self.rules(table):
                names = [
                    name for name in sql.columns(rule.predicate) if any(name == each.name for each in table.columns)
                ]
                if given.keys() & {*names}:
                    shown = (f"({own(given.get(name, f'${name}'))}) as {identifier(name)}" for name in names)
                    other = f"select {', '.join(shown)}"
                    found.append(f"(select ({rule.predicate}\n) from ({other}) as {identifier(table.name.table)})")
        return found

    def _led(self, table: Table) -> Iterator[str]:
        """What columns that rules speak of can be, where they lead to another domain, or to reference data."""
        spoken = {name for rule in self.rules(table) for name in mentioned(table, rule)}
        yield from (
            predicate for predicate in domains_above(self.catalog, table) if {*supplied(table, predicate)} <= spoken
        )
        for key in table.foreign_keys:
            above = self.catalog.tables.get(key.references) if key.references else None
            # Round a circle nobody would be the first to know.
            if above is None or len(key.columns) > 1 or key.columns[0] not in spoken or above.name in self.circular:
                continue
            if self.stood(above) and self.crowded(above):
                names = [key.referenced_columns[0]]
                found = [row[0] for row in self.oracle.standing_values(above, names, None, LIMIT) if row[0] is not None]
                column = identifier(key.columns[0])
                yield f"{column} is null or {column}::text in ({', '.join(map(literal, found))})"
        yield from self._few_above(table, spoken)

    def _few_above(self, table: Table, spoken: Collection[str]) -> Iterator[str]:
        """What columns of few values can be, where no row that they lead to was found for some of these."""
        for key in table.foreign_keys:
            above = self.catalog.tables.get(key.references) if key.references else None
            if above is None or above.name in self.circular:
                continue
            for own, to in key.pairs:
                few = above.column(to).base_kind == "e" or above.column(to).base_name == "bool"
                found = sorted({*self._offered(above, to)}) if few and own in spoken else []
                if found:
                    column = identifier(own)
                    yield f"{column} is null or {column} in ({', '.join(map(literal, found))})"

    def _offered(self, table: Table, column: str) -> list[str]:
        """The values of a column in the rows of a table, where rules have a say in them."""
        try:
            pool = next((pool for pool in self.of(table) if column in pool.columns), Pool((column,), ()))
        except Unfillable:
            return []
        place = pool.columns.index(column)
        return [value for row in pool.rows if (value := row[place]) is not None]

    def typed(self, table: Table) -> tuple[str, ...]:
        """What no CHECK of a table says of its columns: their domains, and those of the columns that they lead to."""
        own = (rule.predicate for column in table.columns for rule in domain_rules(column))
        return (*own, *domains_above(self.catalog, table))

    def rules(self, table: Table) -> tuple[Rule, ...]:
        """Declared rules, then the catalog's: CHECKs, those of the columns' domains, bounds of partitions."""
        checks = [Rule(check.expression or "true", check.name) for check in table.checks]
        domains = [rule for column in table.columns for rule in domain_rules(column)]
        bounds = [Rule(table.bounds, f"the bounds of the partitions of {table.name}")] if table.bounds else []
        return (*self._declared.get(table.name, ()), *checks, *domains, *bounds, *computable(table))

    def of(self, table: Table, born: bool = True, also: tuple[str, ...] = ()) -> tuple[Pool, ...]:
        """The pools of a table: of rows as they are ``born``, or as they may have become; ``also`` adds predicates.

        Raises :class:`Unfillable`, naming the columns and their rules.
        """
        if (table.name, born, also) not in self._pools:
            known = (*self.rules(table), *self.supplied(table), *map(Rule, also))
            rules = [rule for rule in known if born or not rule.birth]
            pools = tuple(
                self._combinations.pool(self.catalog, table, group, rules, known, supplying=not also)
                for group in self._grouped(table, rules)
            )
            self._pools[table.name, born, also] = pools
        return self._pools[table.name, born, also]

    def _grouped(self, table: Table, rules: Sequence[Rule]) -> list[tuple[str, ...]]:
        """The columns that rules tie together, and each other one whose values only the server can tell."""
        groups = list(tied(table, rules))
        grouped = {column for group in groups for column in group}
        alone = [
            each.name for each in table.columns if each.is_supplied and each.name not in grouped and on_trial(each)
        ]
        return [*groups, *((name,) for name in alone)]

    @cached_property
    def circular(self) -> frozenset[TableName]:
        """The tables that refer to themselves, directly or through others."""
        return circular(self.catalog)

    def remembered(self, what: Hashable, make: Callable[[], T]) -> T:
        """What others have worked out from the pools, the first time that it is asked for."""
        if what not in self._remembered:
            self._remembered[what] = make()
        found: T = self._remembered[what]
        return found

    def fitting_beside(
        self, table: Table, column: str, values: Tuple, others: Mapping[str, str | None]
    ) -> list[str | None]:
        """Those of some values of a column that keep all rules beside what other columns have."""
        columns = (column, *others)
        rules = (*self.rules(table), *self.supplied(table))

        def found() -> list[str | None]:
            rows = [(value, *others.values()) for value in values]
            return [row[0] for row in self._combinations.keeping(table, columns, rows, rules)]

        return self.remembered(("beside", table.name, values, tuple(others.items())), found)

    def keys(self, table: Table) -> tuple[tuple[Index, tuple[str, ...]], ...]:
        """The unique keys of a table, each with the columns that decide it."""
        if table.name not in self._keys:
            found = ((key, columns_of(key)) for key in table.unique_keys)
            self._keys[table.name] = tuple((key, columns) for key, columns in found if columns)
        return self._keys[table.name]

    def keyed(self, table: Table) -> frozenset[str]:
        """The columns that decide a unique key."""
        if table.name not in self._keyed:
            self._keyed[table.name] = frozenset(name for _, columns in self.keys(table) for name in columns)
        return self._keyed[table.name]

    def takes(self, table: Table, columns: Sequence[str]) -> bool:
        """Whether no rule leaves one of these columns NULL when a row is inserted."""
        return all(
            any(all(row[place] is not None for place in places) for row in pool.rows)
            for pool in self.of(table)
            if (places := [place for place, name in enumerate(pool.columns) if name in columns])
        )

    def comes_with_others(self, table: Table) -> bool:
        """Whether there have to be rows that refer to a row of this table as soon as it is there."""
        beside = self.row_hints.get(table.name, NOTHING).requires
        return any(refers_to_it(self.catalog.table(name), table.name, values) for name, values in beside)

    def crowded(self, table: Table) -> bool:
        """Whether rows that stand in the table take up half of all the keys there can be, or more.

        So it is with reference data: every permission of every role is there, and a row that is drawn is there too.
        """
        if table.name not in self._crowded:
            most = self.most(table)
            self._crowded[table.name] = most is not None and self.count(table) * 2 >= most
        return self._crowded[table.name]

    def there(self, table: Table, known: Mapping[str, str | None]) -> tuple[dict[str, str | None], ...]:
        """The rows that stand already where one with these values is needed and another cannot or need not be made.

        That is the one whose key they are, and any of a crowded table: what triggers count on stays there.
        """
        asked = (table.name, frozenset(known.items()))
        if asked not in self._there:
            keyed = any(key.columns and {*key.columns} <= known.keys() for key in table.unique_keys)
            wanted = self.stood(table) and (keyed or self.crowded(table))
            names = [column.name for column in table.columns if column.is_supplied] if wanted else []
            rows = self.oracle.standing_values(table, names, condition(known), LIMIT)
            self._there[asked] = tuple(dict(zip(names, row, strict=True)) for row in rows)
        return self._there[asked]

    def stood(self, table: Table) -> bool:
        """Whether rows stand in a table."""
        return self.count(table) > 0

    def count(self, table: Table) -> int:
        """How many rows stand in a table."""
        if table.name not in self._count:
            self._count[table.name] = self.oracle.standing(table)
        return self._count[table.name]

    def most(self, table: Table) -> int | None:
        """How many rows there can be before a unique key runs out; None where each has a column of any value."""
        if table.name not in self._most:
            sizes = [self._size(table, key) for key in table.unique_keys]
            self._most[table.name] = min((size for size in sizes if size is not None), default=None)
        return self._most[table.name]

    def _size(self, table: Table, key: Index) -> int | None:
        """How many values a unique key can have; None if one of its columns can be anything."""
        if len(key.columns) != len(key.keys):
            return None if key.predicate or len(key.keys) > 1 else self._answers(table, key)
        sizes = []
        pools = {column: pool for pool in self.of(table) for column in pool.columns}
        for column in map(table.column, key.columns):
            if column.name in pools:
                place = pools[column.name].columns.index(column.name)
                sizes.append(len({row[place] for row in pools[column.name].rows}))
            elif column.base_kind == "e" or column.base_name == "bool":
                sizes.append(len(column.labels) or 2)
            else:
                return None
        return math.prod(sizes)

    def _answers(self, table: Table, key: Index) -> int | None:
        """How many rows a key on an expression lets be, if that is a predicate or says the same of all; else None."""
        (expression,) = key.keys
        columns = supplied(table, expression)
        if not columns:
            return 1
        ((_, type),) = self.oracle.described(f"select {expression} from {qualified(table.name)}")
        if type != "boolean":
            return None
        combinations = [row for row in self.combinations(table, columns) if _may_be(table, columns, row)]
        found = {answer for (answer,) in self.oracle.answers(table, columns, combinations, [expression])}
        # Of rows for which it is NULL there can be any number.
        unlimited = Answer.NULL in found and not key.nulls_not_distinct
        return None if unlimited else len(found - {Answer.ERROR}) or None

    def declared(self, table: TableName) -> Sequence[Rule]:
        """The rules that the project states of a table's rows at any time."""
        return [rule for rule in self._declared.get(table, ()) if not rule.birth]

    def at_odds(self, table: Table) -> tuple[Rule, Rule] | None:
        """A rule that is declared and one of the database that no values keep together, though each lets some pass."""
        kept = self.rules(table)[len(self._declared.get(table.name, ())) :]
        for stated, own in itertools.product(self.declared(table.name), kept):
            together = {*mentioned(table, stated)} & {*mentioned(table, own)}
            if together and self._refutes(table, (stated, own)) and not self._refutes(table, (stated,)):
                return None if self._refutes(table, (own,)) else (stated, own)
        return None

    def _refutes(self, table: Table, rules: Sequence[Rule]) -> bool:
        """Whether no values were found that keep all of these rules."""
        try:
            for group in tied(table, rules):
                self._combinations.pool(self.catalog, table, group, rules, rules)
        except Unfillable:
            return True
        return False

    def combinations(self, table: Table, columns: Sequence[str], also: Sequence[str] = ()) -> list[Tuple]:
        """Combinations of candidate values for columns; with ever more columns, a sample of them.

        ``also`` are predicates whose constants count besides those of the rules.
        """
        rules = (*self.rules(table), *map(Rule, also))
        pools = [self.candidates(table, column, rules) for column in columns]
        return product(pools)

    def candidates(self, table: Table, column: str, rules: Iterable[Rule]) -> Tuple:
        """Candidate values of one column, by what all the rules that mention it let suppose."""
        return self._combinations.candidates(table, column, rules)

    def beside(self, table: Table, column: str, value: str | None) -> list[dict[str, str | None]]:
        """For a value of one column, what the columns that rules tie to it can be; ``[{}]`` where there are none."""
        rules = self.rules(table)
        group = next((group for group in tied(table, rules) if column in group), ())
        others = tuple(name for name in group if name != column)
        if not others:
            return [{}]
        rows = [(value, *row) for row in self.combinations(table, others)]
        kept = self._combinations.keeping(table, (column, *others), rows, rules)
        return [dict(zip(others, row[1:], strict=True)) for row in kept]


def _may_be(table: Table, columns: Sequence[str], row: Tuple) -> bool:
    """Whether no column is NULL that must not be."""
    return not any(value is None and table.column(name).not_null for name, value in zip(columns, row, strict=True))
