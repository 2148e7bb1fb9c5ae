"""The table or module that a check is about, what is known of it, and strategies for its scenarios.

Puts drawn rows and probes together to a scenario. Decides by which columns a statement finds its row, which rows are
inserted past triggers, and how many variants of a row are tried.
Not here: how the rows are drawn (``generation``), and the verdict (``proving``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import psycopg
from hypothesis import strategies as st

from harness.catalog import Canonical, Catalog, Roles, Table, TableRule
from harness.errors import did_you_mean
from harness.generation.draft import Draft
from harness.generation.setup import setup_statements
from harness.generation.users import Users
from harness.generation.variety import stock
from harness.kinds.row_groups import Groups, grouped
from harness.kinds.toolkit.statements import past_guards
from harness.oracle import Oracle
from harness.probes import (
    Delete,
    Execute,
    Family,
    Insert,
    Postcondition,
    Probe,
    Scenario,
    SqlStatement,
    Steps,
    Update,
    Variants,
    condition,
    qualified,
    settle,
)
from harness.project.model import Project, TableName, Values
from harness.races import Databases, Races
from harness.solver import Pools, Unfillable
from harness.values.types import Unsupported

D = TypeVar("D", bound="Scenario | Races")
ProbesOfDraft = Callable[[Draft], Iterable[Probe | Family]]
ScenarioStrategy = st.SearchStrategy[Scenario]
RacesStrategy = st.SearchStrategy[Races]


class Unreliable(Exception):
    """No scenario could be built, for the reason given: the check shows nothing."""


@dataclass(frozen=True)
class Fact:
    """Something read from the server: it holds if the actual text is the expected one, or one of ``any_of``.

    ``tried`` means that the tool did something on the server that could have failed, besides reading the catalog.
    """

    expected: str
    actual: str
    any_of: tuple[str, ...] = ()
    tried: bool = False

    @property
    def holds(self) -> bool:
        return self.actual in (self.any_of or (self.expected,))


def inserted(draft: Draft, table: TableName, values: Values) -> Iterator[Values]:
    """Yields the rows of a table that a draft inserts and that have these values."""
    return (each.values for each in draft.inserts if each.table == table and values.items() <= each.values.items())


@dataclass(frozen=True)
class RowPair:
    """An existing row and a new one, both drawn, with the statements that insert the existing row.

    ``groups`` are the groups of rows that are only valid together. ``waits`` is the value for :class:`Scenario`. Where
    a table has room for one row, both are the same, which is ``alone``: either inserted, for probes that change it, or
    only probed.
    """

    setup: tuple[SqlStatement, ...]
    resident: dict[str, str | None]
    fresh: dict[str, str | None]
    users: Users
    groups: Groups | None = None
    waits: bool = False
    alone: str | None = None


@dataclass(frozen=True)
class Begun:
    """Scenarios that start with a pair of rows which several checks of a table share."""

    table: TableName
    pairs: st.SearchStrategy[RowPair]
    build: Callable[[RowPair], Scenario]


@dataclass(frozen=True)
class Subject:
    """The table or module that a check is about, with everything that a kind needs to examine it.

    ``filled`` gives a connection to a database in which a table is full of rows. Five fields come from other checks:
    ``touched`` (for each table the columns that a trigger writes), ``frozen`` (columns of the table that never change),
    ``primary_key``, ``declared_indexes`` and ``declared`` (all checks of each table). ``undeclared`` are the rules of
    the table that no check declares, each with the YAML that would declare it. ``variety`` is the number of rows to
    try for each drawn row.
    """

    module: str
    name: TableName | None
    project: Project
    catalog: Catalog
    pools: Pools
    canonical: Canonical
    roles: Roles
    databases: Databases
    filled: Callable[[Table], psycopg.Connection[Any]]
    touched: Mapping[TableName, frozenset[str]] = field(default_factory=dict)
    frozen: frozenset[str] = frozenset()
    primary_key: tuple[str, ...] = ()
    declared_indexes: frozenset[str] = frozenset()
    declared: Mapping[TableName, Sequence[Any]] = field(default_factory=dict)
    undeclared: Mapping[TableRule, str] = field(default_factory=dict)
    variety: int = 1

    @property
    def table(self) -> Table:
        """The check's table. Raises :class:`~harness.catalog.model.Missing` if it is not in the catalog."""
        assert self.name is not None, "a check of a module has no table"
        return self.catalog.table(self.name)

    @property
    def rewritten(self) -> frozenset[str]:
        """The columns of the table that a trigger writes."""
        return self.touched.get(self.table.name, frozenset())

    def stored(self, holds: str, row: Values, meaning: str) -> Postcondition:
        """Returns what is asked after a write: that a condition is true of a row of the table."""
        found = f"select bool_and({holds})::text from {qualified(self.table.name)} where {condition(self.key(row))}"
        return Postcondition(found, "true", meaning)

    def can_have_rows(self, also: tuple[str, ...] = (), table: Table | None = None) -> bool:
        """Whether a row can be drawn that keeps these predicates, besides all rules; by default one of the table."""
        try:
            self.pools.of(table or self.table, also=also)
        except (Unfillable, Unsupported):
            return False
        return True

    @property
    def oracle(self) -> Oracle:
        return self.pools.oracle

    def probes(self, build: ProbesOfDraft, beside: ProbesOfDraft = lambda _: ()) -> ScenarioStrategy:
        """Returns a strategy for scenarios of the rows that ``build`` inserts into a draft and the probes it yields.

        What ``beside`` inserts and yields is a scenario of its own, which may be refused.
        """

        def scenario(draft: Draft) -> Scenario:
            whole = Scenario(probes=tuple(build(draft)), setup=tuple(draft.inserts))
            further = tuple(beside(draft))
            others = Scenario(tuple(draft.inserts), further, optional="as a whole")
            return replace(whole, besides=(others,)) if further else whole

        return self.scenarios(scenario)

    def scenarios(self, build: Callable[[Draft], D]) -> st.SearchStrategy[D]:
        """Returns a strategy for what ``build`` makes of an empty draft of rows."""

        @st.composite
        def drawn(draw: Callable[[st.SearchStrategy[Any]], Any]) -> D:
            draft = Draft(draw, self.pools)
            built: D = build(draft)
            setup = self._setup(draft, built.setup)
            groups = grouped(draft, self.pools, setup, built.filled)
            whole = replace(groups.of(built), setup=groups.setup) if groups else replace(built, setup=setup)
            users = Users(self.pools, draft.rows)
            if isinstance(whole, Scenario):
                waits = draft.has_deferred_reference
                besides = (replace(each, setup=self._setup(draft, each.setup), waits=waits) for each in whole.besides)
                others = tuple(users.of(self._optional(each)) for each in besides)
                return users.of(replace(whole, waits=waits, besides=others))
            whole = self._optional(whole)
            return replace(whole, setup=(*users.setup(whole.setup),), races=whole.mapped(users.together).races)

        return drawn()

    def _optional(self, built: D) -> D:
        """The same with rows that are skipped where they are refused, if that is what it is to be."""
        if built.optional != "row by row":
            return built
        return replace(built, setup=tuple(Steps.optional(each, settle(self.catalog)) for each in built.setup))

    def begun(self, build: Callable[[RowPair], Scenario]) -> Begun:
        """Returns scenarios that all start with an existing row of the table and a new one.

        ``build`` draws nothing more, so that all checks of the table can share the drawn pairs.
        """

        @st.composite
        def drawn(draw: Callable[[st.SearchStrategy[Any]], Any]) -> RowPair:
            draft = Draft(draw, self.pools)
            draft.share_ancestors()
            alone = self.pools.capacities.rows(self.table) == 1 and draft.choose(("inserted", "probed"))
            resident = draft.row(self.table.name) if alone == "probed" else draft.insert(self.table.name)
            fresh = resident if alone else draft.row(self.table.name)
            setup = self._setup(draft, draft.inserts)
            groups = grouped(draft, self.pools, setup, [self.table.name])
            users, waits = Users(self.pools, draft.rows), draft.has_deferred_reference
            return RowPair(groups.setup if groups else setup, resident, fresh, users, groups, waits, alone or None)

        def whole(pair: RowPair) -> Scenario:
            built = replace(build(pair), waits=pair.waits)
            if pair.alone:
                tried = (
                    each for each in built.probes if isinstance(each.statement, Insert) == (pair.alone == "probed")
                )
                built = replace(built, probes=tuple(tried))
            return pair.users.of(pair.groups.of(built) if pair.groups else built)

        return Begun(self.table.name, drawn(), whole)

    def _setup(self, draft: Draft, inserts: Sequence[SqlStatement]) -> tuple[SqlStatement, ...]:
        """The statements that put the rows of a draft into the database."""
        silent = self.roles.may_disable_triggers
        later = (Execute(past_guards(insert) if silent else insert.sql, insert) for insert in draft.changed_inserts)
        return (*setup_statements(draft, inserts, bypass_triggers=silent), *later)

    def variants(self, row: Insert, kept: Iterable[str]) -> Variants:
        """Returns a row and others with the same ``kept`` columns, as many as :attr:`variety` says."""
        if self.variety == 1:
            return Variants()
        known = stock(self.pools, self.catalog.table(row.table), kept)
        places = [place for place, name in enumerate(known.columns) if name in row.values]
        if not places:
            return Variants()
        columns = tuple(known.columns[place] for place in places)
        own = tuple(row.values[name] for name in columns)
        others = (tuple(each[place] for place in places) for each in known.part(row.values, self.variety - 1))
        return Variants(columns, (own, *others))

    def varied(self, probe: Probe, kept: Iterable[str]) -> Probe | Family:
        """Returns the probe of an INSERT with the variants of its row, if there are any."""
        assert isinstance(probe.statement, Insert), "existing rows are not varied"
        variants = Variants() if probe.settings else self.variants(probe.statement, kept)
        return Family(probe, (), ((),), variants) if variants.columns else probe

    def fires(self, trigger: str) -> Fact:
        """States that a trigger of the table is enabled. Raises :class:`~harness.catalog.model.Missing` without it."""
        words = {"O": "enabled", "A": "enabled", "D": "disabled", "R": "enabled for replicas only"}
        return Fact(f"trigger {trigger} enabled", f"trigger {trigger} {words[self.table.trigger(trigger).enabled]}")

    def missing_roles(self, *roles: str) -> Iterator[Fact]:
        """Yields a fact that fails for each role that the server does not have."""
        missing = (role for role in roles if not self.roles.exists(role))
        return (
            Fact(f"role {each} exists", f"no role {each}{did_you_mean(each, self.roles.names)}") for each in missing
        )

    def may_update(self, columns: Iterable[str]) -> bool:
        """Whether an UPDATE may set these columns of the table: not where one is GENERATED ALWAYS AS IDENTITY."""
        return all(self.table.column(column).identity != "a" for column in columns)

    def update(self, row: Values, changes: Values, table: Table | None = None) -> Update:
        """Returns the UPDATE of a row, by default one of the table."""
        return Update((table or self.table).name, self.key(row, table), changes)

    def delete(self, row: Values, table: Table | None = None) -> Delete:
        """Returns the DELETE of a row, by default one of the table."""
        return Delete((table or self.table).name, self.key(row, table))

    def key(self, row: Values, table: Table | None = None) -> dict[str, str | None]:
        """Returns columns of a row that identify it: its primary key, or another unique key, or else all columns.

        All columns are those that can be compared and that no trigger writes.
        """
        table = table or self.table
        touched = self.touched.get(table.name, frozenset())
        for columns in (table.primary_key, *(each.columns for each in table.unique_keys if each.is_plain)):
            if columns and all(row.get(column) is not None and column not in touched for column in columns):
                return {column: row[column] for column in columns}
        comparable = (column.name for column in table.columns if column.is_comparable)
        return {column: row[column] for column in comparable if column in row and column not in touched}
