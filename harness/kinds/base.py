"""What every kind of check is: what it says of the catalog, and what it tries on the server."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

from hypothesis import strategies as st

from harness.catalog.canonical import Canonical
from harness.catalog.model import Catalog, Table
from harness.catalog.parts import Part
from harness.catalog.roles import Roles
from harness.generation.draft import Draft
from harness.generation.setup import setup_statements
from harness.generation.variety import stock
from harness.kinds._groups import Groups, grouped
from harness.kinds._statements import become
from harness.oracle import Oracle
from harness.probes import Execute, Family, Insert, Probe, Refused, Scenario, Statement, Variants
from harness.probes.family import shorten as shorten
from harness.probes.family import show as show
from harness.project.model import Project, TableName, Values
from harness.races import Races
from harness.solver.pools import Pools
from harness.solver.row_hints import NOTHING, RowHints
from harness.solver.rules import Rule

if TYPE_CHECKING:
    import psycopg

    from harness.global_objects.outside import Confined

D = TypeVar("D", bound="Scenario | Races")


class Unreliable(Exception):
    """Nothing could be shown: no scenario could be built, for the reason given."""


class Databases(Protocol):
    """Scratch databases for kinds that cannot do with one transaction."""

    def clone(self) -> str: ...
    def empty(self) -> str: ...
    def connect(self, dbname: str) -> psycopg.Connection[Any]: ...
    def drop(self, dbname: str) -> None: ...
    def outside(self) -> Confined: ...


@dataclass(frozen=True)
class Fact:
    """Something read from the server: it holds if what was actual is what was expected, or one of ``any_of``.

    ``tried`` is one that is no reading of the catalog: something was done on the server that could have failed.
    """

    expected: str
    actual: str
    any_of: tuple[str, ...] = ()
    tried: bool = False

    @property
    def holds(self) -> bool:
        return self.actual in (self.any_of or (self.expected,))


@dataclass(frozen=True)
class Pair:
    """A row that stands and one that does not, both drawn, and the statements that lead to them.

    ``groups`` are those that rows come in; where one of them ``waits`` it is for the row that does not stand.
    """

    setup: tuple[Statement, ...]
    resident: dict[str, str | None]
    fresh: dict[str, str | None]
    groups: Groups | None = None
    waits: bool = False


@dataclass(frozen=True)
class Begun:
    """Scenarios whose beginning is drawn for several checks of a table at once."""

    table: TableName
    pairs: st.SearchStrategy[Pair]
    build: Callable[[Pair], Scenario]


@dataclass(frozen=True)
class Subject:
    """What a check is about, with all it takes to look into it.

    ``filled`` gives a connection to a database in which a table is full of rows. From what other checks say come
    ``touched`` (columns that a trigger writes itself, of every table), ``frozen`` (columns of the table that nobody
    changes), ``primary_key``, ``declared_indexes`` and ``beside``, the rules of all checks of each table;
    ``undeclared`` is what no check says of the table, each with the YAML that would declare it. ``variety`` is how many
    rows are tried of each that is drawn.
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
    beside: Mapping[TableName, Sequence[Kind]] = field(default_factory=dict)
    undeclared: Mapping[Part, str] = field(default_factory=dict)
    variety: int = 1

    @property
    def table(self) -> Table:
        """The check's table. Raises :class:`~harness.catalog.model.Missing` if the catalog has none of that name."""
        assert self.name is not None, "a check of a module has no table"
        return self.catalog.table(self.name)

    def keyed(self, table: Table) -> Table:
        """A table with the keys that its rows are told to have besides those of the catalog."""
        return replace(table, indexes=self.pools.catalog.table(table.name).indexes)

    @property
    def rewritten(self) -> frozenset[str]:
        """The columns of the table that a trigger writes itself."""
        return self.touched.get(self.table.name, frozenset())

    @property
    def oracle(self) -> Oracle:
        return self.pools.oracle

    def scenarios(self, build: Callable[[Draft], D]) -> st.SearchStrategy[D]:
        """A strategy that draws rows by ``build``."""

        @st.composite
        def drawn(draw: Callable[[st.SearchStrategy[Any]], Any]) -> D:
            draft = Draft(draw, self.pools)
            built: D = build(draft)
            setup = (*setup_statements(draft, built.setup, bypass_triggers=self._silent), *self._later(draft))
            groups = grouped(draft, self.pools, setup, built.filled)
            whole = replace(groups.of(built), setup=groups.setup) if groups else replace(built, setup=setup)
            return replace(whole, waits=draft.has_deferred_reference) if isinstance(whole, Scenario) else whole

        return drawn()

    def begun(self, build: Callable[[Pair], Scenario]) -> Begun:
        """Scenarios that all begin with a row of the table that stands and one that does not.

        ``build`` draws nothing more, so that all checks that begin so share what is drawn.
        """

        @st.composite
        def drawn(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Pair:
            draft = Draft(draw, self.pools)
            resident, fresh = draft.insert(self.table.name), draft.row(self.table.name)
            setup = (*setup_statements(draft, draft.inserts, bypass_triggers=self._silent), *self._later(draft))
            groups = grouped(draft, self.pools, setup, [self.table.name])
            return Pair(groups.setup if groups else setup, resident, fresh, groups, draft.has_deferred_reference)

        def whole(pair: Pair) -> Scenario:
            built = replace(build(pair), waits=pair.waits)
            return pair.groups.of(built) if pair.groups else built

        return Begun(self.table.name, drawn(), whole)

    def variants(self, row: Insert, kept: Iterable[str]) -> Variants:
        """As many rows as are expected of each that is drawn: itself, and others with the same ``kept`` columns."""
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
        """The probe of an INSERT with the variants of its row, if there are any."""
        assert isinstance(probe.statement, Insert), "what stands is not varied"
        variants = Variants() if probe.settings else self.variants(probe.statement, kept)
        return Family(probe, (), ((),), variants) if variants.columns else probe

    @property
    def _silent(self) -> bool:
        """Whether rows can be put and taken without a trigger that sees it."""
        return self.roles.silent

    def _later(self, draft: Draft) -> Iterator[Statement]:
        return (Execute(become(insert, self._silent), insert) for insert in draft.changed_inserts)

    def fires(self, trigger: str) -> Fact:
        """A trigger of the table is there and enabled. Raises :class:`~harness.catalog.model.Missing` without it."""
        words = {"O": "enabled", "A": "enabled", "D": "disabled", "R": "enabled for replicas only"}
        return Fact(f"trigger {trigger} enabled", f"trigger {trigger} {words[self.table.trigger(trigger).enabled]}")

    def may_update(self, columns: Iterable[str]) -> bool:
        """Whether an UPDATE may set these columns of the table: an identity that is always generated it may not."""
        return all(self.table.column(column).identity != "a" for column in columns)

    def key(self, row: Values, table: Table | None = None) -> dict[str, str | None]:
        """What tells a row from all others: its primary key, another unique one, else every column it is known by.

        Those are the columns that can be compared and that no trigger writes itself.
        """
        table = table or self.table
        touched = self.touched.get(table.name, frozenset())
        for columns in (table.primary_key, *(each.columns for each in table.unique_keys if each.whole)):
            if columns and all(row.get(column) is not None and column not in touched for column in columns):
                return {column: row[column] for column in columns}
        comparable = [column.name for column in table.columns if column.is_comparable]
        return {column: row[column] for column in comparable if column in row and column not in touched}


class Kind:
    """Base of all kinds. A kind is a frozen dataclass whose fields are its YAML keys (:mod:`harness.project.keys`).

    The docstring of a kind is its manual page. What a kind does not need it leaves as it is here.
    """

    levels: ClassVar[tuple[str, ...]] = ("table",)

    varies: ClassVar[bool] = False
    """Whether its probes vary the values of a row (:meth:`Subject.varied`): of many scenarios few have to be drawn."""

    drawn: ClassVar[int | None] = None
    """How many scenarios are enough; None where that is for the profile to say."""

    leaves_out: ClassVar[bool] = False
    """Whether what declared rules let nobody see is left out: it is noted then, and not held against the check."""

    every_row: ClassVar[bool] = False
    """Whether a single row that an undeclared trigger refuses leaves nothing shown, though others get in."""

    about_triggers: ClassVar[bool] = False
    """Whether what a trigger does that nobody declared is part of what it says, and no excuse."""

    @property
    def subject(self) -> str:
        """What the rule is about, in a word: its constraint, else its columns joined by ``_``."""
        raise NotImplementedError

    def rules(self) -> tuple[Rule, ...]:
        """The predicates that rows of the table have to keep."""
        return ()

    def rules_elsewhere(self, table: Table, catalog: Catalog) -> Mapping[TableName, tuple[Rule, ...]]:
        """The predicates that rows of other tables have to keep, so that rows of this one are accepted."""
        return {}

    def row_hints(self) -> RowHints:
        """What it knows of the table's rows that no rule of the database says."""
        return NOTHING

    def refusals(self, table: TableName) -> tuple[Refused, ...]:
        """How this rule refuses: lets other checks see that it was this one that masked theirs."""
        return ()

    def bars(self, probe: Probe) -> bool:
        """Whether this rule, which is proven itself, lets no probe of this kind get as far as another rule.

        What such a probe is to show need not be seen then.
        """
        return False

    def frozen(self, table: Table) -> tuple[str, ...]:
        """The columns of the table that nobody changes, whatever the row and whoever asks."""
        return ()

    def opaque(self) -> tuple[str, ...]:
        """The triggers of the table of which nothing is said but that they fire."""
        return ()

    def declares(self, table: TableName) -> tuple[Part, ...]:
        """The rules of the catalog that it speaks for, by every name under which they may stand there."""
        return tuple(Part("trigger", name) for refused in self.refusals(table) for name in refused.triggers)

    def roles(self) -> tuple[str, ...]:
        """The roles that its probes take on."""
        return ()

    def settings(self) -> tuple[str, ...]:
        """The settings that its probes set: those of its claims, where it has some."""
        return tuple(getattr(self, "claims", None) or ())

    def facts(self, subject: Subject) -> Iterator[Fact]:
        """What the catalog alone can show."""
        return iter(())

    def scenarios(self, subject: Subject) -> st.SearchStrategy[Scenario] | Begun | None:
        """What is tried on the server; None where the facts are all there is."""
        return None

    def notes(self, subject: Subject, shown: Collection[str], masked: Mapping[str, str]) -> Iterator[str]:
        """What to know of a check that is green, one line each; these aspects of it were ``shown``.

        Others were ``masked``: each time refused by another rule that is declared, such as ``refused by orders_pkey``.
        """
        return iter(())

    @property
    def commits(self) -> bool:
        """Whether its scenarios are committed, rows and statements each by themselves: in clones, not in savepoints."""
        return False

    @property
    def concurrently(self) -> tuple[str, ...]:
        """The isolation levels in which the rule is also proven between two transactions."""
        return ()

    def races(self, subject: Subject) -> st.SearchStrategy[Races] | None:
        """What two transactions do at once, for kinds that can be told to hold :attr:`concurrently`."""
        return None


def one_line(text: str) -> str:
    """A text of several lines as one, for a report."""
    return " ".join(text.split())


def column_list(columns: tuple[str, ...] | list[str]) -> str:
    """``(a, b)``"""
    return f"({', '.join(columns)})"


def default_name(table: TableName, columns: tuple[str, ...], suffix: str) -> str:
    """The name PostgreSQL gives a constraint that was not named."""
    return "_".join([table.table, *columns, suffix])
