"""Rules that the rows of a table have to keep, and the columns that decide them.

Decides which columns rules tie together, and which rules of the catalog count: CHECKs, domains, bounds of partitions,
generated columns, types of referring columns.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.catalog.model import Catalog, Check, Column, Constraint, Exclusion, ForeignKey, Table
from harness.probes.statement import identifier, literal
from harness.project import sql
from harness.values.types import narrowing


class Unfillable(Exception):
    """No values were found that keep all the rules of some columns, of a ``table`` if that is known."""

    def __init__(self, why: str, table: Table | None = None) -> None:
        super().__init__(why)
        self.table = table


@dataclass(frozen=True)
class Rule:
    """A predicate on the rows of a table. ``constraint`` is the name that it has, or should have, in the catalog.

    An UPDATE may break a rule that is ``on_insert_only``. The constraint ``implied_by`` refuses every row that breaks
    the rule, before the rule's own constraint can. A rule that is ``late`` is checked after all CHECKs.
    """

    predicate: str
    constraint: str | None = None
    on_insert_only: bool = False
    implied_by: str | None = None
    late: bool = False

    def __str__(self) -> str:
        shown = self.predicate if self.predicate.startswith("(") else f"({self.predicate})"
        return f"{self.constraint} {shown}" if self.constraint else self.predicate


def implying(rules: Iterable[Rule], implied_by: str | None) -> tuple[str, ...]:
    """The constraint that implies a rule, the one that implies that constraint, and so on."""
    above = {rule.constraint: rule.implied_by for rule in rules}
    found: list[str] = []
    while implied_by is not None and implied_by not in found:
        found.append(implied_by)
        implied_by = above.get(implied_by)
    return tuple(found)


def deciding_columns(table: Table, predicate: str) -> tuple[str, ...]:
    """The columns that decide a predicate: instead of a generated column the columns that it is computed from."""
    names = set(sql.columns(predicate))
    for column in table.columns:
        if column.generated and column.name in names:
            names |= set(sql.columns(column.default or "null"))
    return tuple(column.name for column in table.columns if column.name in names and column.is_supplied)


def about(table: Table, columns: Sequence[str], rules: Iterable[Rule]) -> list[Rule]:
    """The rules that one of these columns decides."""
    return [rule for rule in rules if set(deciding_columns(table, rule.predicate)) & set(columns)]


def tied_columns(table: Table, rules: Iterable[Rule]) -> Iterator[tuple[str, ...]]:
    """Groups of columns that are decided together, as rules name several of them; in the table's order."""
    for group in merged(set(deciding_columns(table, rule.predicate)) for rule in rules):
        yield tuple(column.name for column in table.columns if column.name in group)


def merged(sets: Iterable[set[str]]) -> list[set[str]]:
    """The sets, with those that have a name in common made one; empty ones are left out."""
    found: list[set[str]] = []
    for each in filter(None, sets):
        touching = [other for other in found if other & each]
        found = [other for other in found if not other & each]
        found.append(each.union(*touching))
    return found


def catalog_rules(table: Table) -> Iterator[Rule]:
    """The rules of the catalog: CHECKs, those of the columns' domains, bounds of partitions, generated columns, keys.

    A CHECK that is NOT ENFORCED is among them: drawn rows are as they are meant to be.
    """
    for constraint in table.constraints:
        yield from rules_of(constraint)
    yield from (Rule(f"isfinite({identifier(name)})") for name in _finite(table))
    for column in table.columns:
        yield from domain_rules(column)
    if table.bounds:
        yield Rule(table.bounds, f"the bounds of the partitions of {table.name}")
    yield from computable(table)


def _finite(table: Table) -> Iterator[str]:
    """The dates in indexes of GiST, which has no place for another date beside one that is infinite."""
    indexed = {name for index in table.indexes if index.method == "gist" for name in index.columns}
    return (column.name for column in table.columns if column.name in indexed and column.base_name == "date")


def rules_of(constraint: Constraint) -> Iterator[Rule]:
    """The rules of single rows that a constraint has."""
    if isinstance(constraint, Check):
        yield Rule(constraint.expression or "true", constraint.name)
    if isinstance(constraint, ForeignKey) and constraint.match_full:
        yield from whole_or_null(constraint.columns)
    if isinstance(constraint, ForeignKey) and constraint.period:
        yield not_empty(constraint.columns)
    if constraint.operators and not isinstance(constraint, Exclusion):
        yield not_empty(constraint.columns)


def whole_or_null(columns: Sequence[str]) -> Iterator[Rule]:
    """The rule of MATCH FULL: all columns of the key are NULL, or none."""
    first, *others = (f"({identifier(column)} is null)" for column in columns)
    yield from (Rule(f"{first} = {other}", late=True) for other in others)


def not_empty(columns: Sequence[str]) -> Rule:
    """The rule that the range in the last column is not empty: WITHOUT OVERLAPS refuses that, and nothing covers it."""
    return Rule(f"not isempty({identifier(columns[-1])})", late=True)


def domain_rules(column: Column) -> tuple[Rule, ...]:
    """The CHECKs of a column's domain, as rules about the column."""
    checks = [sql.replace_value(expression, column.name) for expression in column.domain_checks]
    if column.collation:
        # VALUE has the collation of the base type, whatever that of the domain or of the column is.
        name = identifier(column.name)
        value = f'(select {name} collate "default" as {name}) as harness_value'
        checks = [f"(select ({check}\n) from {value})" for check in checks]
    return tuple(map(Rule, checks))


def computable(table: Table) -> tuple[Rule, ...]:
    """Rules that fail where a generated column cannot be computed (a division by zero, an overflow)."""
    return tuple(computable_column(column) for column in table.columns if column.generated)


def computable_column(column: Column) -> Rule:
    """The rule that a generated column can be computed, and that its NOT NULL is kept."""
    name = identifier(column.name)
    return Rule(f"{name} is not null" if column.not_null else f"{name} is not distinct from {name}")


def domain_predicates(table: Table, without: str = "") -> list[str]:
    """The CHECKs of the domains of a table's columns, but for those of one name."""
    rules = (
        each for column in table.columns for each in zip(column.domain_check_names, domain_rules(column), strict=True)
    )
    return [rule.predicate for named, rule in rules if named.name != without]


def earlier_domain_predicates(column: Column, constraint: str) -> list[str]:
    """The CHECKs of a column's domains that PostgreSQL tries before one of that name; all of them if none has it."""
    rules = zip(column.domain_check_names, domain_rules(column), strict=True)
    return [rule.predicate for _, rule in itertools.takewhile(lambda each: each[0].name != constraint, rules)]


def parent_domain_predicates(catalog: Catalog, table: Table) -> Iterator[str]:
    """The CHECKs of the domains of referenced columns, where the referring column is of another type."""
    for key in table.foreign_keys:
        parent = catalog.tables.get(key.references)
        for name, referenced in key.pairs:
            other = parent.column(referenced) if parent else table.column(name)
            if other.type != table.column(name).type:
                yield from (sql.replace_value(expression, name) for expression in other.domain_checks)


def rules_of_shared_domain(catalog: Catalog, table: Table, name: str) -> tuple[Rule, ...]:
    """The rules of a column's domain, if the column that it refers to is of the same domain."""
    column = table.column(name)
    for key in table.foreign_keys:
        parent = catalog.tables.get(key.references)
        if parent and any(own == name and parent.column(to).type == column.type for own, to in key.pairs):
            return domain_rules(column)
    return ()


def of_parents(key: ForeignKey, child: Table, rules: Iterable[Rule]) -> Iterator[str]:
    """The rules of the child about its key alone, as predicates on parents."""
    pairs = dict(key.equal_pairs)
    for rule in rules:
        columns = {*deciding_columns(child, rule.predicate)}
        if columns and columns <= pairs.keys():
            yield sql.renamed(rule.predicate, pairs)


def with_nulls(table: Table, columns: Collection[str], rules: Iterable[Rule]) -> tuple[str, ...]:
    """The rules that these columns decide, as predicates on rows that keep them once the columns have become NULL."""
    nulls = ", ".join(f"null::{table.column(name).collated_type} as {identifier(name)}" for name in columns)
    lasting = [rule for rule in about(table, tuple(columns), rules) if not rule.on_insert_only]
    return tuple(f"(select ({rule.predicate}\n) from (select {nulls}) as harness_nulls)" for rule in lasting)


def child_type_predicates(catalog: Catalog, table: Table) -> Iterator[str]:
    """Predicates that keep a key within the types of the columns that refer to it, where those are narrower."""
    for child, key in catalog.referencing(table.name):
        for name, referenced in key.pairs:
            yield from narrowing(child.column(name), table.column(referenced))


def among(column: str, values: Collection[str], cast: str = "") -> str:
    """A predicate: a column is NULL or one of the values."""
    name = identifier(column)
    return f"{name} is null or {name}{cast} in ({', '.join(map(literal, values))})"
