"""The rules by which a database refuses statements, each as a class: constraints, and what checks declare.

Not here: NOT NULL and privileges, which have one class for all tables (``runtime.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.catalog import Check, Constraint, Exclusion, ForeignKey, PrimaryKey, Table, UniqueKey
from harness.catalog.model import Catalog
from harness.declarations import DeclaredCheck
from harness.kinds.toolkit.constraints import RefusedBy
from harness.project.model import TableName
from harness.types.javascript_names import pascal
from harness.types.model import DatabaseTypes
from harness.types.queries import Surroundings
from harness.types.repositories.model import RuleRefusal

UNIQUE, REFERENCE, CHECK, EXCLUSION = "UniqueRefusal", "ReferenceRefusal", "CheckRefusal", "ExclusionRefusal"
RAISED = "RaisedRefusal"
_SORTS: Mapping[type[Constraint], tuple[str, str]] = {
    PrimaryKey: (UNIQUE, "23505"),
    UniqueKey: (UNIQUE, "23505"),
    ForeignKey: (REFERENCE, "23503"),
    Check: (CHECK, "23514"),
    Exclusion: (EXCLUSION, "23P01"),
}
_OTHERS = ("23502", "42501")
"""SQLSTATEs of what has one class for all tables."""


def read(
    types: DatabaseTypes, catalog: Catalog, around: Surroundings, checks: Sequence[DeclaredCheck]
) -> tuple[tuple[str, RuleRefusal], ...]:
    """Returns the refusals of some schemas under the names of their classes, sorted by these."""
    schemas = [each.schema for each in types.modules]
    tables = [each for each in catalog.tables.values() if each.name.schema in schemas]
    found = [refusal for table in tables for refusal in (*_of_table(table), *_of_domains(table, around))]
    found += _raised(schemas, catalog, checks, {each.name for each in found})
    return tuple(sorted(_named(list(dict.fromkeys(found))).items()))


def _of_table(table: Table) -> Iterator[RuleRefusal]:
    for constraint in table.constraints:
        base, sqlstate = _SORTS[type(constraint)]
        yield RuleRefusal(base, constraint.name, sqlstate, table.name, constraint.definition)
    known = {each.name for each in table.constraints}
    for index in table.unique_keys:
        if index.name not in known:
            yield RuleRefusal(UNIQUE, index.name, "23505", table.name, index.definition)


def _of_domains(table: Table, around: Surroundings) -> Iterator[RuleRefusal]:
    """The CHECKs of the domains of a table's columns."""
    for column in table.columns:
        for check in around.domains[column.type].checks if column.type in around.domains else ():
            schema, _, domain = column.type.replace('"', "").rpartition(".")
            yield RuleRefusal(CHECK, check.name, "23514", TableName(schema, domain), f"CHECK ({check.expression})")


def _raised(
    schemas: Sequence[str], catalog: Catalog, checks: Sequence[DeclaredCheck], constraints: set[str]
) -> Iterator[RuleRefusal]:
    """Yields the refusals that triggers and functions raise, as checks declare them."""
    for check in checks:
        declared: Any = getattr(check.rule, "refused_by", None)
        schema = check.table.schema if check.table is not None else check.module
        if not isinstance(declared, RefusedBy) or schema not in schemas or declared.sqlstate in _OTHERS:
            continue
        for name in dict.fromkeys((declared.constraint, *declared.trigger)):
            if name is not None and name not in constraints:
                table = _of_trigger(name, check.table, catalog)
                triggers = [each for each in table.triggers if each.name == name] if table is not None else []
                about = triggers[0].definition if triggers else ""
                routines = tuple(each.function for each in triggers)
                of = table.name if table is not None else None
                yield RuleRefusal(RAISED, name, declared.sqlstate, of, about, routines)


def _of_trigger(name: str, declared: TableName | None, catalog: Catalog) -> Table | None:
    """The table that has a trigger: the one whose file names it, or else the only one."""
    found = {each.name: each for each in catalog.tables.values() if any(own.name == name for own in each.triggers)}
    if declared in found:
        return found[declared]
    return next(iter(found.values())) if len(found) == 1 else None


def _named(refusals: Sequence[RuleRefusal]) -> dict[str, RuleRefusal]:
    """Refusals under the names of their rules; where several rules have one name, their tables come first."""
    short = Counter(pascal(each.name) for each in refusals)
    long = Counter(_long(each) for each in refusals)
    found: dict[str, RuleRefusal] = {}
    for each in refusals:
        name = pascal(each.name)
        if short[name] > 1:
            name = _long(each) if long[_long(each)] == 1 else pascal(*_owner(each), each.name, each.sqlstate)
        found[name] = each
    return found


def _owner(refusal: RuleRefusal) -> tuple[str, ...]:
    return (refusal.of.schema, refusal.of.table) if refusal.of is not None else ()


def _long(refusal: RuleRefusal) -> str:
    return pascal(*_owner(refusal)[1:], refusal.name)
