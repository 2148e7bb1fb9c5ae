"""Combinations of values that keep all rules, for the columns of each table that rules tie together.

Decides which rules drawn rows keep, and whether existing rows are half of all that a table can have, as in reference
data: then drawn rows refer to them, and not to new ones. Candidate values are laid out and PostgreSQL is asked.
Not here: reading existing rows (``existing.py``), the candidates (``finder.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal

import psycopg

from harness.catalog import Catalog, ForeignKey, Index, Table, circular
from harness.oracle import Introspection, Oracle
from harness.probes.statement import condition, identifier, literal
from harness.project.model import NewRow, TableName, Tuple, Values
from harness.solver.capacities import Capacities
from harness.solver.existing import ExistingRows, key_columns
from harness.solver.finder import PoolFinder
from harness.solver.partitions import lacking_partitions, unpartitioned_references, with_rules_of_partitions
from harness.solver.pool import Memo, Pool
from harness.solver.row_hints import NOTHING, RowHints, group_predicates, refers_to_it, with_logical_references
from harness.solver.rules import (
    Rule,
    Unfillable,
    among,
    catalog_rules,
    child_type_predicates,
    deciding_columns,
    of_parents,
    parent_domain_predicates,
    tied_columns,
)
from harness.solver.search import product
from harness.values.types import needs_server

MIXED = 120
"""Texts of a column that are tried besides, where few rows keep what is asked."""


class Pools:
    """The pools of every table, computed when first asked for.

    ``declared`` are the rules that the project states. Drawn rows keep them and the CHECKs of the catalog, so that
    they are accepted even while the two disagree.
    """

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        catalog: Catalog,
        declared: Mapping[TableName, Sequence[Rule]],
        row_hints: Mapping[TableName, RowHints] | None = None,
    ) -> None:
        self.connection = connection
        self.oracle = Oracle(connection, lambda table: self.hints(table).constant_claims)
        self.introspection = Introspection(connection)
        self.existing = ExistingRows(connection)
        self.finder = PoolFinder(self.oracle, self.introspection)
        self._thorough = PoolFinder(self.oracle, self.introspection, mixed=MIXED)
        self.row_hints = dict(row_hints or {})
        self._bare = with_rules_of_partitions(catalog)
        self.catalog = with_logical_references(self._bare, self.row_hints)
        self._declared = declared
        self._pools: dict[tuple[TableName, str, tuple[str, ...]], tuple[Pool, ...]] = {}
        self.cached = Memo()
        """Values that depend on the pools, until hints change."""
        self.capacities = Capacities(
            self.catalog, self.oracle, self.introspection, self.of, self.combinations, self.cached
        )

    def hints(self, table: TableName) -> RowHints:
        """The hints for a table, or empty ones."""
        return self.row_hints.get(table, NOTHING)

    def add_hints(self, table: TableName, hints: RowHints) -> None:
        """Adds to what is known of a table's rows."""
        self.replace_hints({**self.row_hints, table: self.hints(table) | hints})

    def replace_hints(self, row_hints: Mapping[TableName, RowHints]) -> None:
        """Forgets all hints for these, and the pools of the tables for which they differ."""
        tables = {name for name in (*row_hints, *self.row_hints) if row_hints.get(name) != self.row_hints.get(name)}
        if not tables:
            return
        self.row_hints = dict(row_hints)
        self.catalog = with_logical_references(self._bare, self.row_hints)
        self.__dict__.pop("circular", None)
        for key in [key for key in self._pools if key[0] in tables]:
            del self._pools[key]
        # A cached value may depend on any of the tables.
        self.cached.clear()

    def declared(self, table: TableName) -> Sequence[Rule]:
        """The rules that the project states of a table's rows at any time."""
        return [rule for rule in self._declared.get(table, ()) if not rule.on_insert_only]

    def rules(self, table: Table) -> tuple[Rule, ...]:
        """The rules of a table: declared ones, then the catalog's."""
        return (*self._declared.get(table.name, ()), *catalog_rules(self.catalog.tables.get(table.name, table)))

    def drawing_rules(self, table: Table) -> tuple[Rule, ...]:
        """Rules that drawn rows keep besides those of the table, so that children, parents and hints fit."""
        narrow: dict[str, Iterable[str]] = {
            "the columns that refer to it": child_type_predicates(self.catalog, table),
            "the rows that it refers to": self._parent_predicates(table),
            "the rows that come with it": self.group_predicates(table),
            "partitions that are not made yet": unpartitioned_references(self.catalog, table, self.lacking_partitions),
        }
        hints = self.hints(table.name)
        values = {name: self.oracle.values(table, text) for name, text in hints.expressions.items()}
        stated = replace(hints, values={**hints.values, **values})
        named = {**narrow, "rows": stated.predicates(table)}
        return tuple(Rule(predicate, name) for name, predicates in named.items() for predicate in predicates)

    def group_predicates(self, table: Table) -> list[str]:
        """The rules of the rows that are inserted together with one, as predicates on that one."""
        return group_predicates(table, self.hints(table.name).together, self.rules(table))

    def _parent_predicates(self, table: Table) -> Iterator[str]:
        """Predicates on foreign keys that rules mention: the domain, or the values, that the parents have there."""
        named = {name for rule in self.rules(table) for name in deciding_columns(table, rule.predicate)}
        for predicate in parent_domain_predicates(self.catalog, table):
            if {*deciding_columns(table, predicate)} <= named:
                yield predicate
        # Parents in a cycle are left out: their own values would depend on these.
        keys = [
            (key, parent)
            for key in table.foreign_keys
            if (parent := self.catalog.tables.get(key.references)) and parent.name not in self.circular
        ]
        for key, parent in keys:
            if len(key.columns) == 1 and key.columns[0] in named and self.is_half_full(parent):
                existing = self.existing.select(parent, [key.referenced_columns[0]])
                yield among(key.columns[0], [row[0] for row in existing if row[0] is not None], cast="::text")
        for key, parent in keys:
            if whole := self.covering(key):
                own, to = key.pairs[-1]
                yield f"{identifier(own)} <@ {literal(whole)}::{parent.column(to).base_type}"
            for own, to in key.equal_pairs:
                few = parent.column(to).base_kind == "e" or parent.column(to).base_name == "bool"
                found = sorted({*self._values_in_pool(parent, to)}) if few and own in named else []
                if found:
                    yield among(own, found)

    def covering(self, key: ForeignKey) -> str | None:
        """A range that covers the periods of a foreign key, so that one parent is enough; None if it has none."""
        if not key.period:
            return None
        parent, column = self.catalog.table(key.references), key.referenced_columns[-1]
        ties = () if parent.name in self.circular else self.drawing_rules(parent)
        return self.cached(
            ("covering", parent.name, column), lambda: self.finder.widest(parent, column, (*self.rules(parent), *ties))
        )

    def _values_in_pool(self, table: Table, column: str) -> list[str]:
        """The values of a column in its pool; none if it has no pool, or the table cannot be filled."""
        try:
            pool = next((pool for pool in self.of(table) if column in pool.columns), Pool((column,), ()))
        except Unfillable:
            return []
        return [value for value in pool.of_column(column) if value is not None]

    def of(self, table: Table, also: tuple[str, ...] = ()) -> tuple[Pool, ...]:
        """The pools of new rows, which also keep the predicates ``also``.

        Raises :class:`Unfillable`, naming the columns and their rules.
        """
        return self._of("new", table, also)

    def of_changed_rows(self, table: Table, also: tuple[str, ...] = ()) -> tuple[Pool, ...]:
        """The pools of rows that may have been updated since: they need not keep rules for INSERT only."""
        return self._of("changed", table, also)

    def pool_of(self, table: Table, columns: tuple[str, ...], rules: Sequence[Rule]) -> Pool:
        """The combinations that keep these rules and no others, of more candidates; raises :class:`Unfillable`."""
        return self._thorough.pool(self.catalog, table, columns, rules, rules)

    def _of(self, rows: Literal["new", "changed"], table: Table, also: tuple[str, ...]) -> tuple[Pool, ...]:
        if (table.name, rows, also) not in self._pools:
            if lacking := self.lacking_partitions(table):
                raise Unfillable(f"{lacking} takes no row until a partition is made", table)
            known = (*self.rules(table), *self.drawing_rules(table), *map(Rule, also))
            rules = [rule for rule in known if rows == "new" or not rule.on_insert_only]
            advice = "" if also else f"; supply some: `rows:` in the file of {table.name}"
            self._pools[table.name, rows, also] = tuple(
                self.finder.pool(self.catalog, table, group, rules, known, advice)
                for group in self._grouped(table, rules)
            )
        return self._pools[table.name, rows, also]

    def _grouped(self, table: Table, rules: Sequence[Rule]) -> list[tuple[str, ...]]:
        """The columns that rules tie together, and each other column whose values only the server can check."""
        groups = list(tied_columns(table, rules))
        grouped = {column for group in groups for column in group}
        supplied = (column for column in table.columns if column.is_supplied)
        return [*groups, *((each.name,) for each in supplied if each.name not in grouped and needs_server(each))]

    def lacking_partitions(self, table: Table) -> TableName | None:
        """The table whose rows find no partition, so that this one cannot have any; None if there is none."""
        return self.cached(("lacking partitions", table.name), lambda: lacking_partitions(self.catalog, table))

    @cached_property
    def circular(self) -> frozenset[TableName]:
        """The tables that refer to themselves, directly or through others."""
        return circular(self.catalog)

    def valid_values(self, table: Table, column: str, values: Tuple, others: Values) -> list[str | None]:
        """The values of a column, of some, that keep all rules in a row with these ``others``."""
        columns = (column, *others)
        rules = (*self.rules(table), *self.drawing_rules(table))

        def found() -> list[str | None]:
            rows = [(value, *others.values()) for value in values]
            return [row[0] for row in self.finder.valid(table, columns, rows, rules)]

        return self.cached(("valid values", table.name, columns, values, tuple(others.items())), found)

    def keys(self, table: Table) -> tuple[tuple[Index, tuple[str, ...]], ...]:
        """The unique keys of a table, each with the columns that decide it."""
        keys = ((key, key_columns(key)) for key in self.catalog.tables.get(table.name, table).unique_keys)
        return self.cached(("keys", table.name), lambda: tuple((key, columns) for key, columns in keys if columns))

    def unique_columns(self, table: Table) -> frozenset[str]:
        """The columns that decide a unique key."""
        return self.cached(
            ("unique columns", table.name), lambda: frozenset(name for _, names in self.keys(table) for name in names)
        )

    def computed(self, table: Table) -> tuple[str, ...]:
        """The generated columns of a table by which it refers to rows, or rows refer to it."""
        referenced = {name for _, key in self.catalog.referencing(table.name) for name in key.referenced_columns}
        names = table.foreign_columns | referenced
        return tuple(column.name for column in table.columns if column.generated and column.name in names)

    def value_of(self, table: Table, column: str, row: Values) -> str | None:
        """The value of a generated column in a row."""
        names = tuple(name for name in deciding_columns(table, identifier(column)) if name in row)
        values = tuple(row[name] for name in names)
        asked = ("computed", table.name, column, names, values)
        return self.cached(asked, lambda: self.oracle.computed(table, names, values, column))

    def can_be_present(self, table: Table, columns: Sequence[str]) -> bool:
        """Whether rules let each of these columns be not NULL in a new row."""
        return all(
            any(all(row[place] is not None for place in places) for row in pool.rows)
            for pool in self.of(table)
            if (places := [place for place, name in enumerate(pool.columns) if name in columns])
        )

    def requires_children(self, table: Table) -> bool:
        """Whether a new row needs rows that refer to it."""
        required = self.hints(table.name).requires
        return any(refers_to_it(self.catalog.table(name), table.name, values) for name, values in required)

    def is_half_full(self, table: Table) -> bool:
        """Whether existing rows have half of all the keys that there can be, or more, as in reference data.

        It is enough if they have half of those that a rule lets rows of another table refer to. A drawn row most often
        has the key of an existing one then.
        """

        def found() -> bool:
            below = ((child, key) for child, key in self.catalog.referencing(table.name) if child.name != table.name)
            narrower = (tuple(of_parents(key, child, self.rules(child))) for child, key in below)
            return any(self.capacities.are_half(table, self.existing, also) for also in dict.fromkeys(((), *narrower)))

        return bool(self.existing.count(table)) and self.cached(("half full", table.name), found)

    def reusable_rows(self, table: Table, known: Values) -> tuple[NewRow, ...]:
        """The existing rows with these values that are referred to instead of new ones.

        They are the row whose key the values are, and every row of a table that is half full: triggers may need it.
        """

        def found() -> tuple[NewRow, ...]:
            keyed = any(key.columns and {*key.columns} <= known.keys() for key in table.unique_keys)
            wanted = self.existing.count(table) and (keyed or self.is_half_full(table))
            names = [column.name for column in table.columns if column.is_supplied] if wanted else []
            rows = self.existing.select(table, names, condition(known))
            return tuple(dict(zip(names, row, strict=True)) for row in rows)

        return self.cached(("reusable rows", table.name, frozenset(known.items())), found)

    def combinations(self, table: Table, columns: Sequence[str], also: Sequence[str] = ()) -> list[Tuple]:
        """Combinations of candidate values for columns: all, or a sample of too many.

        The constants of the predicates ``also``, and values that hints give, are candidates besides those of the rules.
        """
        rules = (*self.rules(table), *map(Rule, (*also, *self.hints(table.name).predicates(table))))
        return product([self.finder.candidates(table, column, rules) for column in columns])
