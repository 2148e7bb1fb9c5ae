"""locked"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from hypothesis import strategies as st

from harness.catalog.model import Catalog, ForeignKey, Missing, Table
from harness.generation.draft import Draft
from harness.kinds._changes import telling
from harness.kinds._refused_by import REFUSED_BY, RefusedBy
from harness.kinds.base import Fact, Kind, Subject, Unreliable, column_list
from harness.kinds.locks.cascades import reaching
from harness.kinds.locks.races import races
from harness.kinds.locks.roads import Lock
from harness.kinds.locks.scenario import scenario
from harness.kinds.owners.askers import as_key, askers, check_keys, claims_key, known, named, sees_key, variables_key
from harness.probes import Refused, Scenario
from harness.project import keys, sql
from harness.project.keys import FrozenDict, Reader, choice, concurrently, key, names, predicate, section, several, text
from harness.project.model import TableName
from harness.project.nodes import Node, expected
from harness.races import Races
from harness.solver.rules import Rule, deciding_columns

ROWS = ("insert", "delete", "move", "truncate")


@dataclass(frozen=True)
class Protected:
    """``{columns: [qty], rows: [insert, delete, move]}``, at least one of them."""

    columns: tuple[str, ...] = key(names, "the columns that do not change", default=())
    rows: tuple[str, ...] = key(
        several(choice(*ROWS)),
        "what does not happen to whole rows; `move` is to or from another locking row",
        default=(),
    )


@dataclass(frozen=True)
class FreeDeletions:
    """Deletions that a lock lets pass: ``{on_delete: [plan.cycles]}``."""

    on_delete: tuple[TableName, ...] = key(
        several(keys.table),
        "the tables whose rows may be deleted, whatever locked rows that takes or changes",
        default=(),
        formerly="cascade",
    )


_SECTION = section(Protected, "protects")


def _read_protected(node: Node) -> Protected:
    found: Protected = _SECTION.read(node)
    if not found.columns and not found.rows:
        raise expected("columns, rows or both that are protected", node)
    return found


@dataclass(frozen=True)
class LockedKind(Kind):
    """Rows that nobody changes, adds or takes away while a condition holds, and that are free while it does not.

    ```yaml
    - locked: the quota of a closed week
      through: plan_id                              # the condition is one on the row that plan_id leads to
      when: week_no > locked_after_week
      protects: {columns: [qty], rows: [insert, delete, move]}
      except: {on_delete: [plan.cycles]}
      refused_by: {sqlstate: P0001, trigger: plan_items_quota_lock}
    ```

    Without `through` the condition is one on the row itself, as it was before the change. Proven, while `when` is true:
    what is protected is refused as `refused_by` says by every road: UPDATE, upsert, MERGE, INSERT, DELETE, a move
    in, out, or both at once with a change, TRUNCATE if listed, and the deletion of any row above that would
    take a locked row with it or clear what is protected. Everything else is free: all other columns, the same values
    written again, what hangs on another row. Below the tables of `except`, with no, one and many locked rows
    and with the foreign keys in either order, deletion works. While `when` is false or null everything is free.

    The condition is brought about by an UPDATE of the locking row, which for a superuser no trigger can refuse.
    Rows that other checks generate begin unlocked. With `as` it is these roles that write, with `claims`, each to what
    it reaches; what becomes of a row by the end of another above it is for a check without.

    `concurrently: true`: one transaction brings the condition about while another writes what is protected. Once the
    first has committed, whoever sees the lock never sees what is protected change any more, at whatever isolation
    level; a write that commits before the lock does is no fault, wherever it began. A trigger that reads the locking
    row without `FOR SHARE` lets a write pass that commits after the lock.
    """

    about_triggers: ClassVar = True

    locked: str = key(text, "the rule in a sentence")
    when: str = key(predicate, "when it is locked, as a predicate on the locking row")
    protects: Protected = key(
        Reader("columns, rows or both that are protected", _read_protected, _SECTION.schema()), "what is protected"
    )
    refused_by: RefusedBy = key(REFUSED_BY, "how a change is refused")
    through: tuple[str, ...] = key(
        names, "the column that leads to the locking row; by default it is the row itself", default=()
    )
    except_: FreeDeletions = key(
        section(FreeDeletions, "except"), "what passes nevertheless", default=FreeDeletions(), formerly="unless"
    )
    concurrently: tuple[str, ...] = concurrently()
    as_: tuple[str, ...] = as_key()
    claims: FrozenDict[Any] | None = claims_key()
    variables: FrozenDict[str] | None = variables_key()
    sees: str | None = sees_key()

    def __post_init__(self) -> None:
        check_keys(self, self.concurrently)

    def roles(self) -> tuple[str, ...]:
        return named(self)

    @property
    def subject(self) -> str:
        return self.locked

    def rules(self) -> tuple[Rule, ...]:
        return () if self.through else (self._open,)

    def rules_elsewhere(self, table: Table, catalog: Catalog) -> Mapping[TableName, tuple[Rule, ...]]:
        reference = self._reference(table)
        holder = catalog.tables.get(reference.references) if reference and reference.references else None
        if holder is None or not {column.name for column in holder.columns} >= set(sql.columns(self.when)):
            return {}
        return {holder.name: (self._open,)}

    @property
    def _open(self) -> Rule:
        return Rule(f"({self.when}) is not true", on_insert_only=True)

    def refusals(self, table: TableName) -> tuple[Refused, ...]:
        return (self.refused_by.anywhere(),)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        table = subject.table
        for column in (*self.protects.columns, *self.through):
            table.column(column)
        yield from self.refused_by.facts(subject)
        yield from known(self, subject)
        comes_from = reaching(subject.catalog, table)
        for name in self.except_.on_delete:
            subject.catalog.table(name)
            found = "reaches" if name in comes_from else "does not reach"
            yield Fact(f"a deletion in {name} reaches {table.name}", f"a deletion in {name} {found} {table.name}")

    def scenarios(self, subject: Subject) -> st.SearchStrategy[Scenario]:
        lock = self._lock(subject)

        def build(draft: Draft) -> Scenario:
            return scenario(lock, draft)

        return subject.scenarios(build)

    def races(self, subject: Subject) -> st.SearchStrategy[Races]:
        lock = self._lock(subject)

        def build(draft: Draft) -> Races:
            return races(lock, self.when, draft)

        return subject.scenarios(build)

    def _lock(self, subject: Subject) -> Lock:
        table = subject.table
        reference = self._reference(table)
        if self.through and reference is None:
            raise Missing("foreign key that leads through", f"{column_list(self.through)} of {table.name}", ())
        if reference is None and "move" in self.protects.rows:
            raise Unreliable("`move` needs `through`: the column that leads to the locking row")
        for column in self.protects.columns:
            table.column(column)
        holder = subject.catalog.table(reference.references) if reference and reference.references else table
        for column in sql.columns(self.when):
            holder.column(column)
        return Lock(
            subject=subject,
            holder=holder,
            reference=reference,
            through=self.through,
            columns=self.protects.columns,
            rows=self.protects.rows,
            passing=self.except_.on_delete,
            refused=self.refused_by.by(table),
            shut=self._states(subject, holder, "is true"),
            ajar=self._states(subject, holder, "is not true"),
            unnoticed=subject.roles.silent,
            asking=tuple(askers(self, subject)),
            silently=self.refused_by.silently,
        )

    def _states(self, subject: Subject, holder: Table, answer: str) -> list[dict[str, str | None]]:
        """Values of a locking row for which the condition is true, or is not: the most telling first."""
        decisive = set(deciding_columns(holder, self.when))
        pools = subject.pools.of_changed_rows(holder, also=(f"({self.when}) {answer}",))
        pool = next(pool for pool in pools if decisive & set(pool.columns))
        return telling([dict(zip(pool.columns, row, strict=True)) for row in pool.rows])

    def _reference(self, table: Table) -> ForeignKey | None:
        """The foreign key that `through` is part of, the narrowest if there are several."""
        found = [key for key in table.foreign_keys if self.through and set(self.through) <= set(key.columns)]
        return min(found, key=lambda key: len(key.columns), default=None)
