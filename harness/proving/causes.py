"""Triggers and rewrite rules of which no check says what they do, and those among them that made a probe fail.

Decides which of them the statements of a scenario may meet, and how they are switched off.
Not here: trying again without them (``attribution.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.catalog.model import Catalog
from harness.declarations import DeclaredCheck
from harness.grammar import quoted
from harness.probes import Execute, Probe, Scenario, ServerError, SqlStatement, identifier, qualified, single
from harness.project.model import TableName

BY_RULES = ("23001", "23502", "23503", "23505", "23514", "23P01")
"""SQLSTATEs with which constraints refuse; triggers may raise them as well."""


@dataclass(frozen=True)
class Cause:
    """Triggers or rewrite rules that no check explains: ``trigger orders_count, of which no check says …``.

    ``refusal`` is the error that they made, if there was one.
    """

    names: tuple[str, ...]
    what: str = "trigger"
    refusal: ServerError | None = None

    @classmethod
    def of(cls, several: Mapping[TableName, tuple[str, ...]], what: str) -> Cause:
        return cls(tuple(dict.fromkeys(name for names in several.values() for name in names)), what)

    @property
    def fails(self) -> bool:
        """Whether the code of a function of theirs failed."""
        return self.refusal is not None and self.refusal.of_code

    @property
    def raises(self) -> bool:
        """Whether a function of theirs refused on purpose: not a rule of PostgreSQL what it wrote."""
        return self.refusal is not None and not self.fails and self.refusal.sqlstate not in BY_RULES

    @property
    def switched_off(self) -> str:
        """The words that it took without them."""
        return f"{self.what}{'s' if len(self.names) > 1 else ''} {', '.join(map(quoted, self.names))} switched off"

    def __str__(self) -> str:
        error = f": {self.refusal}" if self.refusal else ""
        names = ", ".join(map(quoted, self.names))
        if self.fails and self.refusal:
            return f"{self.what} {names}, which fails with {self.refusal.sqlstate}: {self.refusal.message}"
        if len(self.names) == 1:
            return f"{self.what} {names}, of which no check says what it does{error}"
        return f"{self.what}s {names}, of which no check says what they do{error}"


@dataclass(frozen=True)
class UnexplainedTriggers:
    """The triggers of which no check says what they do, and all rewrite rules, by table.

    Such a trigger may rewrite a value before a rule sees it, write to other tables, or delete what a postcondition
    looks for. A rewrite rule (CREATE RULE) replaces a command, and no kind of check can say by what.
    """

    triggers: Mapping[TableName, tuple[str, ...]] = field(default_factory=dict)
    rules: Mapping[TableName, tuple[str, ...]] = field(default_factory=dict)
    near: Mapping[TableName, tuple[TableName, ...]] = field(default_factory=dict)
    """For a table in a tree of partitions those above it and below it: their triggers fire, too."""

    @classmethod
    def of(
        cls,
        declared: Iterable[DeclaredCheck],
        catalog: Catalog,
        undeclared: Iterable[tuple[TableName, tuple[str, ...]]] = (),
    ) -> UnexplainedTriggers:
        found: dict[TableName, tuple[str, ...]] = dict(undeclared)
        for check in declared:
            table = catalog.tables.get(check.table) if check.table else None
            if table is not None and (names := check.rule.opaque()):
                there = tuple(each.name for each in table.triggers if each.name in names)
                found[table.name] = (*found.get(table.name, ()), *there)
        rules = {table.name: tuple(each.name for each in table.rewrites) for table in catalog.tables.values()}
        near = {name: (*catalog.with_partitions(name)[1:], *catalog.above.get(name, ())) for name in catalog.tables}
        found, rules = ({table: names for table, names in each.items() if names} for each in (found, rules))
        return cls(found, rules, near)

    def written(self, scenario: Scenario, probes: Sequence[Probe]) -> UnexplainedTriggers:
        """The triggers and rewrite rules of the tables that the statements write or name."""
        statements: Sequence[SqlStatement] = (*scenario.setup, *(probe.statement for probe in probes))
        texts = [each.sql for each in statements if isinstance(each, Execute)]
        named = (table for table in self.rules if any(qualified(table) in text for text in texts))
        written = [*(each.table for each in map(single, statements) if each is not None), *named]
        tables = dict.fromkeys(other for table in written for other in (table, *self.near.get(table, ())))
        triggers, rules = (
            {table: several[table] for table in tables if table in several} for several in (self.triggers, self.rules)
        )
        return UnexplainedTriggers(triggers, rules)


def disabled(several: Mapping[TableName, tuple[str, ...]], what: str) -> Iterator[Execute]:
    """The statements that switch triggers or rules off."""
    for table, names in several.items():
        for name in names:
            yield Execute(f"alter table {qualified(table)} disable {what} {identifier(name)}")
    # PostgreSQL forgets which table the plan of a statement is about that a rule turned into nothing.
    yield Execute("discard plans")
