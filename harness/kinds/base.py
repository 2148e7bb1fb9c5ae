"""The base class of all kinds of check: everything that a kind may say, with a default for each.

A kind says which rules rows keep, how it refuses, which rules of the catalog it declares, its facts, scenarios, races
and notes. It may also say that it refuses certain probes of other checks first (``bars``).
Not here: the decision what a reply says of a check (``proving/attribution.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import ClassVar

from harness.catalog import Catalog, Missing, Table, TableRule
from harness.generation.draft import Draft
from harness.grammar import quoted
from harness.kinds.subject import (
    Begun,
    Fact,
    RacesStrategy,
    RowPair,
    ScenarioStrategy,
    Subject,
    Unreliable,
    inserted,
)
from harness.probes import (
    Delete,
    Probe,
    Refused,
    SqlStatement,
    Update,
    condition,
    identifier,
    literal,
    qualified,
    shorten,
    show,
)
from harness.project import sql
from harness.project.model import NewRow, TableName, Values
from harness.solver import NOTHING, RowHints, Rule

__all__ = [
    "Begun",
    "DoorProbes",
    "Draft",
    "Fact",
    "Kind",
    "Missing",
    "NewRow",
    "RacesStrategy",
    "RowPair",
    "Rule",
    "ScenarioStrategy",
    "Subject",
    "Table",
    "TableName",
    "TableRule",
    "Unreliable",
    "Values",
    "column_list",
    "condition",
    "default_name",
    "identifier",
    "inserted",
    "literal",
    "one_line",
    "qualified",
    "shorten",
    "show",
]


@dataclass(frozen=True)
class DoorProbes:
    """Scenarios whose probes use doors, each named by the aspect: what a role can use besides the check's table.

    ``through`` are the doors that are meant, each with its words and what tells it by an aspect. ``keys`` are those of
    which it is worth a hint that they tell of rows of others. ``notes`` say what is not tried.
    """

    scenarios: ScenarioStrategy
    through: Mapping[str, Callable[[str], bool]]
    keys: Collection[str] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Kind:
    """Base of all kinds. A kind is a frozen dataclass whose fields are its YAML keys (:mod:`harness.project.keys`).

    The docstring of a kind is its manual page. A kind overrides what it needs, and takes the rest from here.
    """

    scopes: ClassVar[tuple[str, ...]] = ("table",)

    varies: ClassVar[bool] = False
    """Whether its probes vary the values of a row (:meth:`Subject.varied`): then a few drawn scenarios are enough."""

    drawn: ClassVar[int | None] = None
    """The number of scenarios to draw; None where the profile decides."""

    leaves_out: ClassVar[bool] = False
    """Whether probes that other declared rules always refuse become a note, and do not make the check unreliable."""

    every_row: ClassVar[bool] = False
    """Whether one row that an undeclared trigger refuses makes the check unreliable, though other rows are accepted."""

    at_best_present: ClassVar[bool] = False
    """Whether what is tried of it can break it, and not prove it."""

    about_triggers: ClassVar[bool] = False
    """Whether an undeclared trigger that changes the outcome breaks the check, instead of making it unreliable."""

    enforced = True
    """Whether PostgreSQL refuses what breaks the rule; a rule that nobody enforces is present at best."""

    row_alone: ClassVar[bool] = False
    """Whether it is about each row by itself: a counterexample needs no row of the table that it does not name."""

    rule_sort: ClassVar[str | None] = None
    """The sort of rule in the catalog that it declares, where its subject is the name of that rule."""

    @property
    def subject(self) -> str:
        """Names what the rule is about: by default the value of the key that an entry begins with."""
        return str(getattr(self, next(each.name for each in fields(self) if not each.kw_only)))

    def rules(self) -> tuple[Rule, ...]:
        """Returns the predicates that rows of the table have to keep."""
        return ()

    def rules_elsewhere(self, table: Table, catalog: Catalog) -> Mapping[TableName, tuple[Rule, ...]]:
        """Returns the predicates that rows of other tables have to keep, so that rows of this table are accepted."""
        return {}

    def row_hints(self) -> RowHints:
        """Returns hints about the table's rows that no rule of the database gives."""
        return NOTHING

    def refusals(self, table: TableName) -> tuple[Refused, ...]:
        """Returns the errors by which this rule refuses: other checks see by them that this rule came first."""
        return ()

    def bars(self, probe: Probe) -> bool:
        """Whether this rule refuses all such probes, so that they cannot reach another rule.

        This rule has a check of its own, so that the other one need not show what such a probe would.
        """
        return False

    def contradicts(self, brought: Update | Delete, by: SqlStatement) -> str | None:
        """Returns advice, which may be empty, where the rule refuses all that a statement brings about in its rows."""
        return None

    def spares(self, refused: Refused, statement: SqlStatement) -> bool:
        """Whether a statement is declared to pass the rule, so that a refusal by it explains nothing."""
        return False

    def frozen(self, table: Table) -> tuple[str, ...]:
        """Returns the columns of the table that no role can change in any row."""
        return ()

    def opaque(self) -> tuple[str, ...]:
        """Returns the triggers of the table about which the check says only that they fire."""
        return ()

    def declares(self, table: Table) -> tuple[TableRule, ...]:
        """Returns the rules of the catalog that the check declares, by every name that they may have there."""
        if self.rule_sort:
            return (TableRule(self.rule_sort, self.subject),)
        return tuple(TableRule("trigger", name) for refused in self.refusals(table.name) for name in refused.triggers)

    def meant(self, table: Table) -> str | None:
        """Returns the only rule of the catalog on the same columns, where none has the name that the check gives."""
        return None

    def roles(self) -> tuple[str, ...]:
        """Returns the roles that its probes use."""
        return ()

    def settings(self) -> tuple[str, ...]:
        """Returns the names of the settings that its probes set: by default those of its claims."""
        return tuple(getattr(self, "claims", None) or ())

    def facts(self, subject: Subject) -> Iterator[Fact]:
        """Yields what the catalog alone can show."""
        return iter(())

    def scenarios(self, subject: Subject) -> ScenarioStrategy | Begun | None:
        """Returns the scenarios to try on the server; None where facts are enough."""
        return None

    def doors(self, subject: Subject) -> DoorProbes | None:
        """Returns what else its roles can use, to be tried besides the scenarios."""
        return None

    def notes(self, subject: Subject, shown: Collection[str], masked: Mapping[str, str]) -> Iterator[str]:
        """Yields remarks on a check that is green, one line each; ``shown`` are the aspects that were seen.

        ``masked`` are aspects that another declared rule always refused: ``refused by orders_pkey``.
        """
        return iter(())

    @property
    def commits(self) -> bool:
        """Whether rows and statements are committed one by one, in clones, and not undone by savepoints."""
        return False

    @property
    def concurrently(self) -> tuple[str, ...]:
        """The isolation levels in which the rule is also proven between two transactions."""
        return ()

    def races(self, subject: Subject) -> RacesStrategy | None:
        """Returns the races of two transactions, for kinds that have the key ``concurrently``."""
        return None


def one_line(text: str) -> str:
    """Joins the lines of a text to one, for a report."""
    return " ".join(text.split())


def column_list(columns: Sequence[str], last: str = "{}") -> str:
    """``(a, b)``; the last column is written as ``last`` says, for example ``{} without overlaps``."""
    return f"({', '.join([*map(quoted, columns[:-1]), *(last.format(quoted(each)) for each in columns[-1:])])})"


def element_list(elements: Sequence[str], last: str = "{}") -> str:
    """``(a, lower(b))``: the elements of a key as :func:`column_list` writes columns, expressions as they are."""
    written = [quoted(each) if sql.is_name(each) else each for each in elements]
    return f"({', '.join([*written[:-1], *(last.replace('{}', each) for each in written[-1:])])})"


def default_name(table: TableName, columns: Sequence[str], suffix: str) -> str:
    """Returns the name that PostgreSQL gives a constraint or index that was not named."""
    return "_".join([table.table, *columns, suffix])
