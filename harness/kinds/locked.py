"""locked"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from harness.catalog.model import Catalog, ForeignKey, Missing, Table
from harness.kinds.base import (
    Fact,
    NewRow,
    RacesStrategy,
    ScenarioStrategy,
    Subject,
    TableName,
    Unreliable,
    column_list,
)
from harness.kinds.locked_parts.scenarios import races, scenario
from harness.kinds.locked_parts.write_paths import Lock
from harness.kinds.toolkit.ancestors import reaching
from harness.kinds.toolkit.changes import by_pattern, entries
from harness.kinds.toolkit.constraints import REFUSED_BY, GuardedKind, RefusedBy
from harness.probes import Delete, Refused, SqlStatement
from harness.project import keys, sql
from harness.project.keys import Reader, choice, concurrently, key, names, predicate, section, several, text
from harness.project.nodes import Node, expected
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
    """Deletions that a lock does not forbid: ``{on_delete: [plan.cycles]}``."""

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
class LockedKind(GuardedKind):
    """Rows that cannot be changed, inserted or deleted while a condition is true, and can while it is not.

    ```yaml
    - locked: the quota of a closed week
      through: plan_id                              # the condition is one on the row that plan_id leads to
      when: week_no > locked_after_week
      protects: {columns: [qty], rows: [insert, delete, move]}
      except: {on_delete: [plan.cycles]}
      refused_by: {sqlstate: P0001, trigger: plan_items_quota_lock}
    ```

    Without `through` the condition is one on the row itself, as it was before the change. Proven while `when` is true:
    every write to what is protected is refused as `refused_by` says. The writes are UPDATE, upsert, MERGE, INSERT,
    DELETE, a move of a row to or from a locking row, with and without a change, TRUNCATE if listed, and the deletion of
    any row above that would delete a locked row or clear what is protected. Everything else is accepted: changes of
    other columns, an update to the same values, writes to rows of another locking row. Deletions in the tables of
    `except` work, with no, one and many locked rows below and with the foreign keys in either order. While `when` is
    false or null, everything is accepted.

    An UPDATE of the locking row makes the condition true; for a superuser no trigger can refuse it. Rows that other
    checks generate are not locked. With `as` these roles write, with `claims`, each to the rows that it reaches;
    deletions of rows above are tried by a check without `as`.

    `concurrently: true`: one transaction makes the condition true while another writes what is protected. Once the
    first has committed, no session that sees the lock sees what is protected change, at any isolation level. A write
    that commits before the lock is no fault, whenever it began. A trigger that reads the locking row without
    `FOR SHARE` accepts a write that commits after the lock.
    """

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

    def rules(self) -> tuple[Rule, ...]:
        return () if self.through else (self._open,)

    def rules_elsewhere(self, table: Table, catalog: Catalog) -> Mapping[TableName, tuple[Rule, ...]]:
        reference = self._reference(table)
        holder = catalog.tables.get(reference.references) if reference else None
        if holder is None or not {column.name for column in holder.columns} >= set(sql.columns(self.when)):
            return {}
        return {holder.name: (self._open,)}

    def spares(self, refused: Refused, statement: SqlStatement) -> bool:
        return isinstance(statement, Delete) and statement.table in self.except_.on_delete

    @property
    def _open(self) -> Rule:
        return Rule(f"({self.when}) is not true", on_insert_only=True)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        table = subject.table
        for column in (*self.protects.columns, *self.through):
            table.column(column)
        yield from super().facts(subject)
        reaches = reaching(subject.catalog, table)
        for name in self.except_.on_delete:
            subject.catalog.table(name)
            found = "reaches" if name in reaches else "does not reach"
            yield Fact(f"a deletion in {name} reaches {table.name}", f"a deletion in {name} {found} {table.name}")

    def scenarios(self, subject: Subject) -> ScenarioStrategy:
        return subject.probes(partial(scenario, self._lock(subject)))

    def races(self, subject: Subject) -> RacesStrategy:
        return subject.scenarios(partial(races, self._lock(subject), self.when))

    def _lock(self, subject: Subject) -> Lock:
        table = subject.table
        reference = self._reference(table)
        if self.through and reference is None:
            raise Missing("foreign key that leads through", f"{column_list(self.through)} of {table.name}", ())
        if reference is None and "move" in self.protects.rows:
            raise Unreliable("`move` needs `through`: the column that leads to the locking row")
        for column in self.protects.columns:
            table.column(column)
        holder = subject.catalog.table(reference.references) if reference else table
        for column in sql.columns(self.when):
            holder.column(column)
        return Lock(
            subject=subject,
            holder=holder,
            reference=reference,
            through=self.through,
            columns=self.protects.columns,
            rows=self.protects.rows,
            excepted=self.except_.on_delete,
            refused=self.refused_by.by(table),
            locked=self._states(subject, holder, "is true"),
            open=self._states(subject, holder, "is not true"),
            roles=tuple(self.acting_roles(subject)),
        )

    def _states(self, subject: Subject, holder: Table, answer: str) -> list[NewRow]:
        """Returns values of a locking row for which the condition is true, or is not.

        The first row of each pattern of NULLs and equal columns is in front.
        """
        decisive = set(deciding_columns(holder, self.when))
        pools = subject.pools.of_changed_rows(holder, also=(f"({self.when}) {answer}",))
        pool = next(pool for pool in pools if decisive & set(pool.columns))
        return by_pattern(
            entries(pool), lambda values: tuple(None if value is None else values.index(value) for value in values)
        )

    def _reference(self, table: Table) -> ForeignKey | None:
        """Returns the foreign key that `through` is part of, the narrowest if there are several."""
        found = [key for key in table.foreign_keys if self.through and set(self.through) <= set(key.columns)]
        return min(found, key=lambda key: len(key.columns), default=None)
