"""What has to hold for the rows of a table, and the columns that it speaks of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.catalog.model import Catalog, Column, Table
from harness.probes.statement import identifier
from harness.project import sql
from harness.values.types import narrower


class Unfillable(Exception):
    """No candidate keeps all the rules of some columns, of a ``table`` if that is known."""

    def __init__(self, why: str, table: Table | None = None) -> None:
        super().__init__(why)
        self.table = table


@dataclass(frozen=True)
class Rule:
    """A predicate on the rows of a table. ``constraint`` is the name it has, or should have, in the catalog.

    At ``birth`` means that only a row that is inserted has to keep it: later it may move on. It is ``implied_by`` the
    constraint that refuses all rows that break it before it can.
    """

    predicate: str
    constraint: str | None = None
    birth: bool = False
    implied_by: str | None = None

    def __str__(self) -> str:
        shown = self.predicate if self.predicate.startswith("(") else f"({self.predicate})"
        return f"{self.constraint} {shown}" if self.constraint else self.predicate


def implying(rules: Iterable[Rule], implied_by: str | None) -> tuple[str, ...]:
    """The constraint that implies a rule, the one that implies that, and so on."""
    above = {rule.constraint: rule.implied_by for rule in rules}
    found: list[str] = []
    while implied_by is not None and implied_by not in found:
        found.append(implied_by)
        implied_by = above.get(implied_by)
    return tuple(found)


def supplied(table: Table, predicate: str) -> tuple[str, ...]:
    """The columns that decide a predicate: in place of a generated one those that it is computed from."""
    names = set(sql.columns(predicate))
    for column in table.columns:
        if column.generated and column.name in names:
            names |= set(sql.columns(column.default or "null"))
    return tuple(column.name for column in table.columns if column.name in names and column.is_supplied)


def mentioned(table: Table, rule: Rule) -> tuple[str, ...]:
    """The columns that decide a rule."""
    return supplied(table, rule.predicate)


def relevant(table: Table, columns: Sequence[str], rules: Iterable[Rule]) -> list[Rule]:
    """Those of the rules that speak of one of these columns."""
    return [rule for rule in rules if set(mentioned(table, rule)) & set(columns)]


def tied(table: Table, rules: Iterable[Rule]) -> Iterator[tuple[str, ...]]:
    """Columns that rules tie together, directly or through others, in the table's order."""
    groups: list[set[str]] = []
    for rule in rules:
        group = set(mentioned(table, rule))
        if not group:
            continue
        touching = [other for other in groups if other & group]
        groups = [other for other in groups if not other & group]
        groups.append(group.union(*touching))
    for group in groups:
        yield tuple(column.name for column in table.columns if column.name in group)


def domain_rules(column: Column) -> tuple[Rule, ...]:
    """What a column's domain asks."""
    return tuple(Rule(sql.replace_value(expression, column.name)) for expression in column.domain_checks)


def computable(table: Table) -> tuple[Rule, ...]:
    """Rules that fail where a generated column cannot be computed (a division by zero, an overflow)."""
    names = (identifier(column.name) for column in table.columns if column.generated)
    return tuple(Rule(f"{name} is not distinct from {name}") for name in names)


def domains_above(catalog: Catalog, table: Table) -> Iterator[str]:
    """What the domains of the columns that a table leads to ask, where its own are of another type."""
    for key in table.foreign_keys:
        above = catalog.tables.get(key.references) if key.references else None
        for name, referenced in key.pairs:
            other = above.column(referenced) if above else table.column(name)
            if other.type != table.column(name).type:
                yield from (sql.replace_value(expression, name) for expression in other.domain_checks)


def kept_above(catalog: Catalog, table: Table, name: str) -> tuple[Rule, ...]:
    """The rules of a column's domain, where the column that it leads to is of that domain as well."""
    column = table.column(name)
    for key in table.foreign_keys:
        for own, referenced in key.pairs:
            above = catalog.tables.get(key.references) if key.references else None
            if own == name and above is not None and above.column(referenced).type == column.type:
                return domain_rules(column)
    return ()


def narrowed(catalog: Catalog, table: Table) -> Iterator[str]:
    """What fits into the columns that refer to a table, where their types are narrower than those of its key."""
    for child, key in catalog.referencing(table.name):
        for name, referenced in key.pairs:
            yield from narrower(child.column(name), table.column(referenced))
