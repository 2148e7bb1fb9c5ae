"""The rules of single partitions as rules of the partitioned tables above, where rows find their partition.

CHECKs and NOT NULLs hold, and unique keys and exclusions compare, where the bounds of the partition are true. Foreign
keys hold for all rows. Decides, too, which table a table cannot be filled without, as that has no partition yet.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from harness.catalog import Catalog, Check, Exclusion, ForeignKey, Index, Table, inherited, without
from harness.probes.statement import identifier
from harness.project.model import TableName


def with_rules_of_partitions(catalog: Catalog) -> Catalog:
    """The catalog in which partitioned tables have the rules that their partitions have alone."""
    tables = dict(catalog.tables)
    for name, above in catalog.above.items():
        own = without(catalog.tables[name], inherited(catalog, catalog.tables[name]))
        for root in above:
            tables[root] = _with(tables[root], own)
    return replace(catalog, tables=tables)


def _with(table: Table, part: Table) -> Table:
    """The table with the rules of a partition that has only rules of its own."""
    bounds = f"({part.bounds or 'true'})"

    def of_part(name: str) -> str:
        return f"{name} of {part.name}"

    rules = {each.name: each.expression for each in part.checks}
    rules |= {f"not null {each.name}": f"{identifier(each.name)} is not null" for each in part.columns if each.not_null}
    checks = (
        Check(name=of_part(name), columns=(), definition="", expression=f"{bounds} is not true or ({rule})")
        for name, rule in rules.items()
    )
    others = (each for each in part.constraints if isinstance(each, ForeignKey | Exclusion))
    keys = (each for each in part.indexes if each.unique or each.constraint)
    return replace(
        table,
        constraints=(*table.constraints, *checks, *(replace(each, name=of_part(each.name)) for each in others)),
        indexes=(*table.indexes, *(_within(each, bounds, of_part(each.name)) for each in keys)),
    )


def _within(key: Index, bounds: str, name: str) -> Index:
    predicate = f"{bounds} and ({key.predicate})" if key.predicate else bounds
    constraint = name if key.constraint else None
    return replace(key, name=name, predicate=predicate, constraint=constraint, primary=False)


def lacking_partitions(catalog: Catalog, table: Table, seen: Collection[TableName] = ()) -> TableName | None:
    """The table, or one that each row of it refers to, that takes no row until a partition is made; None if all do."""
    if table.lacks_partitions:
        return table.name
    required = (each for each in table.foreign_keys if all(table.is_not_null(name) for name in each.columns))
    parents = (catalog.tables[key.references] for key in required if key.references in catalog.tables)
    found = (lacking_partitions(catalog, each, {*seen, table.name}) for each in parents if each.name not in seen)
    return next(filter(None, found), None)


def unpartitioned_references(
    catalog: Catalog, table: Table, lacking: Callable[[Table], TableName | None]
) -> Iterator[str]:
    """Predicates that keep a foreign key NULL where it leads to a table that takes no row yet."""
    for key in table.foreign_keys:
        parent = catalog.tables.get(key.references)
        nullable = [name for name in key.columns if not table.is_not_null(name)]
        if parent and nullable and lacking(parent):
            yield " or ".join(f"{identifier(name)} is null" for name in nullable)
