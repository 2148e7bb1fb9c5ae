"""index"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.catalog.parts import Part
from harness.kinds._refused_by import failing
from harness.kinds.base import Fact, Kind, Subject, Unreliable, column_list
from harness.probes import Refused
from harness.project import sql
from harness.project.keys import boolean, key, name, names, predicate, query, several, text
from harness.project.model import TableName
from harness.solver.rules import Rule

TOTAL = frozenset(
    """
    lower upper coalesce nullif greatest least btrim ltrim rtrim md5 length char_length left right reverse replace
    normalize unaccent date_trunc date_part extract timezone array_length cardinality to_tsvector jsonb_typeof
    num_nulls num_nonnulls = <> < > <= >= || -> ->> #> #>>
    """.split()  # noqa: SIM905 - a hundred quotes less
)
"""Functions that give a value, or NULL, for whatever a column of their type holds."""


@dataclass(frozen=True)
class IndexKind(Kind):
    """An index with these keys, and the query it is there for.

    ```yaml
    - index: idx_orders_open
      on: [customer_id, created_at desc]
      where: status = 'open'
      serves: select * from shop.orders where customer_id = 7 and status = 'open' order by created_at desc limit 10
    ```

    The catalog is asked whether it exists, on these keys in this order, with this predicate and method, unique or not,
    and is valid: that alone comes to *present*. `serves` is what is proved: on a table filled with thousands of
    generated rows and analyzed, the planner picks this index for the query. Another index of the table that the planner
    prefers counts too, if a check declares it.
    """

    index: str = key(name, "the name of the index")
    on: tuple[str, ...] = key(several(text), "columns or expressions, with desc or nulls first where that is meant")
    where: str | None = key(predicate, "the predicate of a partial index", default=None)
    unique: bool = key(boolean, "whether it is unique", default=False)
    include: tuple[str, ...] = key(names, "columns that it only carries along", default=())
    method: str = key(name, "the access method", default="btree")
    serves: str | None = key(query, "a query that it makes fast", default=None)

    @property
    def subject(self) -> str:
        return self.index

    def rules(self) -> tuple[Rule, ...]:
        # A row for which an expression of the key cannot be computed is refused, with whatever error that is.
        return tuple(Rule(f"({bare}\n) is not distinct from ({bare}\n)", on_insert_only=True) for bare in self._risky)

    @property
    def _risky(self) -> list[str]:
        """The expressions that may fail."""
        return [bare for bare in map(_without_order, self.on) if not always_computed(bare)]

    def refusals(self, table: TableName) -> tuple[Refused, ...]:
        taken = (Refused(("23505",), table, constraint=self.index),) if self.unique else ()
        return (*taken, *failing(*self._risky, self.where or "true"))

    def declares(self, table: TableName) -> tuple[Part, ...]:
        return (Part("index", self.index),)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        found = subject.table.index(self.index)
        expected = subject.canonical.index(subject.table, self.method, self.on, self.where)
        yield Fact(
            self._spelled(self.unique, self.method, expected.keys, expected.kinds, self.include, expected.predicate),
            self._spelled(found.unique, found.method, found.keys, found.kinds, found.include, found.predicate),
        )
        yield Fact("valid", "valid" if found.valid else "not valid")
        if self.serves is not None:
            yield self._plan(subject, self.serves)

    @staticmethod
    def _spelled(
        unique: bool,
        method: str,
        keys: tuple[str, ...],
        kinds: tuple[str, ...],
        include: tuple[str, ...],
        where: str | None,
    ) -> str:
        kind = "unique index" if unique else "index"
        spelled = [with_kind(key, each) for key, each in zip(keys, kinds, strict=True)]
        carried = f" include {column_list(include)}" if include else ""
        return f"{kind} using {method} on {column_list(spelled)}{carried}" + (f" where {where}" if where else "")

    def _plan(self, subject: Subject, serves: str) -> Fact:
        row = subject.filled(subject.table).execute(f"explain (format json) {serves}".encode()).fetchone()
        assert row is not None
        plans = row[0] if isinstance(row[0], list) else json.loads(row[0])
        used = list(dict.fromkeys(_indexes(plans[0]["Plan"])))
        # Another one that is declared serves as well: the planner may prefer it.
        serving = (self.index, *sorted(subject.declared_indexes - {self.index}))
        stranger = next((each for each in used if each not in serving and _enforces(subject, each)), None)
        if stranger is not None and not {*used} & {*serving}:
            raise Unreliable(f"the query is planned with {stranger}, a rule that no check declares")
        found = next((f"with {each}" for each in used if each in serving), f"as {_spelled_out(plans[0]['Plan'])}")
        return Fact(
            f"the query is planned with {self.index}",
            f"the query is planned {found}",
            any_of=tuple(f"the query is planned with {each}" for each in serving),
            tried=True,
        )


def _enforces(subject: Subject, index: str) -> bool:
    """Whether an index of the table is there for a rule."""
    return any(each.name == index and (each.unique or each.constraint) for each in subject.table.indexes)


def with_kind(key: str, kind: str) -> str:
    """A key with its collation and operator class, which stand before its order: ``name text_pattern_ops desc``."""
    if not kind:
        return key
    bare = _without_order(key)
    return f"{bare} {kind}{key[len(bare) :]}"


def _without_order(key: str) -> str:
    return re.sub(r"( asc| desc)?( nulls (first|last))?$", "", key, flags=re.IGNORECASE)


def always_computed(key: str) -> bool:
    """Whether a key is a column, or made of functions that never fail."""
    try:
        named = sql.functions(key)
    except sql.SqlError:  # with an operator class behind it
        return True
    return named <= TOTAL


def _indexes(plan: dict[str, Any]) -> Iterator[str]:
    """The names of all indexes in a plan."""
    if "Index Name" in plan:
        yield plan["Index Name"]
    for child in plan.get("Plans", []):
        yield from _indexes(child)


def _spelled_out(plan: dict[str, Any]) -> str:
    """A plan on one line, as EXPLAIN words it: ``Limit (Sort (Seq Scan on orders))``."""
    using = f" using {plan['Index Name']}" if "Index Name" in plan else ""
    on = f" on {plan['Relation Name']}" if "Relation Name" in plan else ""
    below = ", ".join(map(_spelled_out, plan.get("Plans", [])))
    return f"{plan['Node Type']}{using}{on}{f' ({below})' if below else ''}"
