"""index"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from harness.catalog.model import Index
from harness.kinds.base import Fact, Kind, Rule, Subject, TableName, Unreliable, column_list
from harness.kinds.toolkit.constraints import failing
from harness.kinds.toolkit.key_expressions import can_be_computed, risky
from harness.probes import Refused
from harness.project.keys import boolean, key, name, names, predicate, query, several, text


@dataclass(frozen=True)
class IndexKind(Kind):
    """An index with these keys, and the query it is there for.

    ```yaml
    - index: idx_orders_open
      on: [customer_id, created_at desc]
      where: status = 'open'
      serves: select * from shop.orders where customer_id = 7 and status = 'open' order by created_at desc limit 10
    ```

    Looked up in the catalog: the index exists on these keys in this order, with this predicate and method, unique or
    not, and it is valid. Without `serves` the check is *present*. Proven with `serves`: on a table filled with
    thousands of generated rows and analyzed, the planner picks this index for the query. Another index of the table
    that the planner prefers counts too, if a check declares it.
    """

    rule_sort = "index"

    index: str = key(name, "the name of the index")
    on: tuple[str, ...] = key(several(text), "columns or expressions, with desc or nulls first where that is meant")
    where: str | None = key(predicate, "the predicate of a partial index", default=None)
    unique: bool = key(boolean, "whether it is unique", default=False)
    include: tuple[str, ...] = key(names, "columns that it only carries along", default=())
    method: str = key(name, "the access method", default="btree")
    serves: str | None = key(query, "a query that it makes fast", default=None)

    def rules(self) -> tuple[Rule, ...]:
        return can_be_computed(risky(map(_without_order, self.on)))

    def refusals(self, table: TableName) -> tuple[Refused, ...]:
        taken = (Refused(("23505",), table, constraint=self.index),) if self.unique else ()
        return (*taken, *failing(*risky(map(_without_order, self.on)), self.where or "true"))

    def facts(self, subject: Subject) -> Iterator[Fact]:
        found = subject.table.index(self.index)
        expected = subject.canonical.index(subject.table, self.method, self.on, self.where)
        declared = replace(
            found,
            unique=self.unique,
            method=self.method,
            include=self.include,
            keys=expected.keys,
            kinds=expected.kinds,
            predicate=expected.predicate,
        )
        yield Fact(_spelled(declared), _spelled(found))
        yield Fact("valid", "valid" if found.valid else "not valid")
        if self.serves is not None:
            yield self._plan(subject, self.serves)

    def _plan(self, subject: Subject, serves: str) -> Fact:
        row = subject.filled(subject.table).execute(f"explain (format json) {serves}".encode()).fetchone()
        assert row is not None
        plans = row[0] if isinstance(row[0], list) else json.loads(row[0])
        used = list(dict.fromkeys(_indexes(plans[0]["Plan"])))
        # The planner may prefer another declared index.
        serving = (self.index, *sorted(subject.declared_indexes - {self.index}))
        enforcing = {each.name for each in subject.table.indexes if each.unique or each.constraint}
        undeclared = next((each for each in used if each not in serving and each in enforcing), None)
        if undeclared is not None and not {*used} & {*serving}:
            raise Unreliable(f"the query is planned with {undeclared}, a rule that no check declares")
        found = next((f"with {each}" for each in used if each in serving), f"as {_spelled_out(plans[0]['Plan'])}")
        return Fact(
            f"the query is planned with {self.index}",
            f"the query is planned {found}",
            any_of=tuple(f"the query is planned with {each}" for each in serving),
            tried=True,
        )


def _spelled(index: Index) -> str:
    kind = "unique index" if index.unique else "index"
    keys = [with_kind(key, each) for key, each in zip(index.keys, index.kinds, strict=True)]
    carried = f" include {column_list(index.include)}" if index.include else ""
    where = f" where {index.predicate}" if index.predicate else ""
    return f"{kind} using {index.method} on ({', '.join(keys)}){carried}{where}"


def with_kind(key: str, kind: str) -> str:
    """Returns a key with its collation and operator class before its order: ``name text_pattern_ops desc``."""
    if not kind:
        return key
    bare = _without_order(key)
    return f"{bare} {kind}{key[len(bare) :]}"


def _without_order(key: str) -> str:
    return re.sub(r"( asc| desc)?( nulls (first|last))?$", "", key, flags=re.IGNORECASE)


def _indexes(plan: dict[str, Any]) -> Iterator[str]:
    """Yields the names of all indexes in a plan."""
    if "Index Name" in plan:
        yield plan["Index Name"]
    for child in plan.get("Plans", []):
        yield from _indexes(child)


def _spelled_out(plan: dict[str, Any]) -> str:
    """Returns a plan on one line, as EXPLAIN words it: ``Limit (Sort (Seq Scan on orders))``."""
    using = f" using {plan['Index Name']}" if "Index Name" in plan else ""
    on = f" on {plan['Relation Name']}" if "Relation Name" in plan else ""
    below = ", ".join(map(_spelled_out, plan.get("Plans", [])))
    return f"{plan['Node Type']}{using}{on}{f' ({below})' if below else ''}"
