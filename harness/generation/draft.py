"""Draws the rows of a scenario: a row, the parents it needs, and their parents.

Takes an existing row or draws a new one, draws the rows that row hints require before it or together with it, and
decides for which of them triggers are bypassed. Gives up where parents go too deep.
Not here: which parent a foreign key gets (``parents.py``), whether existing rows may be reused (``solver/pools.py``),
and the INSERTs in their order (``setup.py``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

from hypothesis import reject
from hypothesis import strategies as st

from harness.catalog.model import ForeignKey, Table
from harness.generation.choices import Draw
from harness.generation.columns import ColumnValues
from harness.generation.computed import pools_with, referenced, wanted_values
from harness.generation.parents import Parents
from harness.generation.row_graph import PendingRow, RowGraph, repeats_key
from harness.generation.statements import delete_conflicting, insert_together
from harness.probes.statement import Insert, SqlStatement
from harness.project.model import NewRow, TableName, Values
from harness.solver import Pool, Pools, refers_to_it

T = TypeVar("T")

DEPTH = 50
"""Parents of parents before a chain of foreign keys is given up."""


class Draft:
    """Draws rows that keep every rule and collects the INSERTs that must come first, parents before children.

    Rows of one table differ in every unique key and do not violate exclusion constraints. A nullable column sometimes
    is NULL, unless it is ``fixed`` or ``present``. Rows are drawn besides ``existing`` ones, and refer to them if
    asked. If ``rich``, every column of every row has all the values of its type, also where no rule mentions it.
    """

    def __init__(
        self,
        draw: Draw,
        pools: Pools,
        existing: Mapping[TableName, Sequence[NewRow]] | None = None,
        *,
        rich: bool = False,
    ) -> None:
        self.draw = draw
        self._catalog = pools.catalog
        self._pools = pools
        self._rich = rich
        self._graph = RowGraph(existing or {})
        self._values = ColumnValues(draw, pools, self._graph, rich=rich)
        self._parents = Parents(pools, self._graph, self._values, self._new_parent)
        self.inserts = self._graph.inserts
        self.cycles = self._graph.cycles
        """Groups of the inserts whose rows refer to one another: one statement has to insert each group."""
        self.emptied_tables: dict[TableName, None] = {}
        """The tables to be emptied first, since existing rows have most of the keys that drawn rows can have."""
        self.created_by_trigger: list[Insert] = []
        """The inserts whose rows are inserted by a trigger of a row that refers to them."""
        self.existing_inserts: list[Insert] = []
        """The inserts whose rows exist already."""
        self.bypassing_triggers: list[Insert] = []
        """The inserts that are to fire no trigger."""
        self.deleted_first: dict[int, SqlStatement] = {}
        """By ``id()`` of an insert, the DELETE of the row that a trigger has inserted in its place."""
        self.changed_inserts: list[Insert] = []
        """Rows as an UPDATE may have left them, to be inserted after all the others."""

    def insert(
        self, table: TableName, fixed: Values | None = None, present: tuple[str, ...] = (), also: tuple[str, ...] = ()
    ) -> NewRow:
        """Draws a row as :meth:`row` does, and has it inserted after its parents."""
        definition = self._catalog.table(table)
        self._graph.begin("inserted")
        pending = self._row(definition, fixed or {}, present, 0, self._pools.of(definition, also))
        self._bypass_own_trigger(self._graph.insert(pending))
        return pending.row

    def insert_parent(self, key: ForeignKey, known: Values) -> NewRow:
        """Draws a row with these values for a foreign key to refer to, and has it inserted; it covers every period."""
        whole = self._pools.covering(key)
        return self.insert(key.references, {**known, key.referenced_columns[-1]: whole} if whole else known)

    def insert_statement(
        self, table: TableName, fixed: Values | None = None, present: tuple[str, ...] = ()
    ) -> SqlStatement:
        """Draws a row as :meth:`row` does; the statement inserts it, together with the children that it requires."""
        definition = self._catalog.table(table)
        if not self._pools.requires_children(definition):
            return Insert(table, self.row(table, fixed, present))
        self._graph.begin("inserted")
        pending = self._row(definition, fixed or {}, present, 0)
        self.created_by_trigger += self._created_by_trigger(definition, pending.row)
        return insert_together(self._graph.withdraw(self._graph.insert(pending)))

    def row(
        self, table: TableName, fixed: Values | None = None, present: tuple[str, ...] = (), also: tuple[str, ...] = ()
    ) -> NewRow:
        """Draws a row and has its parents inserted, but not the row.

        ``fixed`` values are taken as they are; ``present`` columns are not NULL; the row keeps the predicates ``also``.
        """
        return self._probe_row(table, fixed or {}, present, self._pools.of(self._catalog.table(table), also))

    def changed_row(
        self, table: TableName, fixed: Values, present: tuple[str, ...] = (), also: tuple[str, ...] = ()
    ) -> NewRow:
        """Draws a row as :meth:`row` does, but as an UPDATE may have left it: rules for INSERT only do not hold."""
        return self._probe_row(table, fixed, present, self._pools.of_changed_rows(self._catalog.table(table), also))

    def _probe_row(self, table: TableName, fixed: Values, present: tuple[str, ...], pools: Sequence[Pool]) -> NewRow:
        definition = self._catalog.table(table)
        self._graph.begin("probed")
        row = self._row(definition, fixed, present, 0, pools).row
        self.created_by_trigger += self._created_by_trigger(definition, row)
        return row

    def referring_row(self, table: TableName, fixed: Values, columns: tuple[str, ...], *also: str) -> NewRow:
        """Draws a row of which a foreign key, these columns, is not NULL, and has it inserted.

        Where rules for INSERT leave the columns NULL, it is inserted as an UPDATE may have left it.
        """
        if self._pools.can_be_present(self._catalog.table(table), columns):
            return self.insert(table, fixed, columns, also)
        row = self.changed_row(table, fixed, columns, also)
        self.changed_inserts.append(Insert(table, row))
        return row

    def existing_row(self, name: TableName, known: Values) -> NewRow | None:
        """A row with these values that exists already, if it is to be used instead of a new one."""
        table = self._catalog.table(name)
        if not self._pools.existing.count(table):
            return None
        reusable = self._pools.reusable_rows(table, known)
        given = self._graph.existing(name)
        if given:
            fitting = [row for row in given if known.items() <= row.items()]
            return self.choose(fitting) if reusable and fitting else None
        rows = self._graph.rows(name)
        free = [row for row in reusable if not repeats_key(table, row, rows, set(row))]
        if not free:
            return None
        row = dict(self.choose(free))
        self._values.add(table, row)
        insert = Insert(name, row)
        self.inserts.append(insert)
        self.existing_inserts.append(insert)
        return row

    def reserving(self) -> AbstractContextManager[None]:
        """Nobody inserts the rows that are drawn meanwhile: their keys stay those of no row."""
        return self._graph.reserving()

    def has_row(self, table: TableName, values: Values) -> bool:
        """Whether a row with these values is there already, or is inserted."""
        return self._graph.has(table, values) or self._pools.existing.has(self._catalog.table(table), values)

    def rows(self, table: TableName) -> Sequence[NewRow]:
        """All rows of a table that were drawn, also those that only a probe inserts."""
        return self._graph.rows(table)

    def other_value(self, table: TableName, column: str, row: Values, also: tuple[str, ...] = ()) -> str | None:
        """A value of a column other than the row's own, with which the row keeps all rules and ``also``."""
        return self._values.other_value(self._catalog.table(table), column, row, also)

    def missing_key(self, table: TableName, column: str, row: Values, parent: TableName, referenced: str) -> str | None:
        """A value with which a row keeps the rules, and that no row of the parent can have; None if there is none."""
        child, above = self._catalog.table(table), self._catalog.table(parent)
        return self._values.missing_key(child, column, row, above, referenced)

    def parent_key(self, table: TableName, key: ForeignKey, row: Values) -> NewRow:
        """The values that a row of a table refers to by a foreign key, some of which are computed."""
        return referenced(self._pools, self._catalog.table(table), key, row)

    def choose(self, options: Sequence[T]) -> T:
        """One of the options; shrinks towards the first."""
        return self._values.choices.one_of(options)

    def sample(self, options: Sequence[T], count: int) -> Sequence[T]:
        """All options, or of more than ``count`` the first half and a drawn part of the rest."""
        if len(options) <= count:
            return options
        head, rest = options[: count // 2], range(count // 2, len(options))
        picked = self.draw(st.sets(st.sampled_from(rest), min_size=count // 4, max_size=count // 2))
        return [*head, *(options[index] for index in sorted(picked))]

    def same_ancestors(self) -> AbstractContextManager[None]:
        """Rows drawn meanwhile have one ancestor in each table, where their references can meet in one."""
        return self._parents.same_ancestors()

    def share_ancestors(self) -> None:
        """Has rows share ancestors once there are plenty: for probes that look at the row and its parents only."""
        self._parents.shared = True

    @property
    def has_deferred_reference(self) -> bool:
        """Whether an inserted row refers to the row of a probe, by a deferred foreign key."""
        return self._graph.has_deferred_reference

    def _row(
        self, table: Table, fixed: Values, present: tuple[str, ...], depth: int, pools: Sequence[Pool] | None = None
    ) -> PendingRow:
        if depth > DEPTH:
            reject()
        if self._pools.is_half_full(table):
            self.emptied_tables.setdefault(table.name)
        hints = self._pools.hints(table.name)
        for name, values in hints.requires_first:
            self._require(name, values, depth)
        present = (*present, *(name for name in hints.present if name not in fixed))
        computed, wanted = self._pools.computed(table), wanted_values(self._pools, table, fixed)
        pools = pools_with(self._pools, table, wanted, present) or pools
        # A value of another row counts here as one that is given, also if it was computed there.
        given = {name: value for name, value in fixed.items() if name not in computed}
        fixed = {name: None if value is None else str(value) for name, value in given.items()}
        pools = self._pools.of(table) if pools is None else pools
        pending = PendingRow(table, fixed, present, depth, pools, hints, dict(fixed))
        if depth and table.foreign_columns:
            self._parents.end_chain(pending)
        with self._values.choosing(table, depth):
            self._fill(pending)
        row = pending.row
        if any(row.get(name) != value for name, value in wanted.items()):
            reject()
        ordered = {column.name: row[column.name] for column in table.columns if column.name in row}
        row.clear()
        row.update(ordered)
        self._values.add(table, row)
        return pending

    def _fill(self, pending: PendingRow) -> None:
        """Draws the columns that a row has not yet, its parents, and the rows that it requires."""
        table, row, hints = pending.table, pending.row, pending.hints
        self._values.avoid_exclusions(table, row)
        self._values.combine(pending)
        if table.name in self._pools.circular and (
            pending.depth or any(key.deferred for _, key in self._catalog.referencing(table.name))
        ):
            # Its key, before its parents: one of them may have to refer to it.
            self._values.own_key(pending)
        self._values.compute(pending)
        same = hints.same_ancestors and not self._parents.have_same_ancestors
        with self._graph.drawing(pending), self.same_ancestors() if same else nullcontext():
            self._parents.draw(pending)
            if hints.bypass_triggers or (hints.created_by_trigger and not pending.depth):
                self.bypassing_triggers += self._graph.parents(table, row)
            names = [column.name for column in table.columns if column.is_supplied and column.name not in row]
            self._values.fill(pending, names, "numbered" if pending.depth and not self._rich else "drawn")
            self._values.make_distinct(pending)
            self._draw_required(pending)

    def _draw_required(self, pending: PendingRow) -> None:
        """Draws the rows that a row requires: those that refer to it are inserted with it, the others before."""
        depth = pending.depth
        for name, values, own in pending.required:
            if not refers_to_it(self._catalog.table(name), pending.table.name, values):
                self._require(name, own, depth)
            elif (depth or self._graph.inserting) and not self._graph.has(name, own):
                with self._graph.drawing_children():
                    self._new_parent(name, own, depth)

    def _require(self, name: TableName, values: Values, depth: int) -> None:
        """Has a row inserted that other rows require, if there is none yet."""
        if self.has_row(name, values):
            return
        with self._graph.detached():
            self._new_parent(name, values, depth)

    def _new_parent(self, name: TableName, known: Values, depth: int, present: tuple[str, ...] = ()) -> NewRow:
        """Draws a row that others need and has it inserted, by itself or as part of a cycle."""
        existing = self.existing_row(name, known)
        if existing is not None:
            return existing
        table = self._catalog.table(name)
        pending = self._row(table, known, present, depth + 1)
        insert = self._graph.insert(pending)
        self._bypass_own_trigger(insert)
        if pending.hints.created_by_trigger:
            self.deleted_first[id(insert)] = delete_conflicting(table, pending.row)
        return pending.row

    def _bypass_own_trigger(self, insert: Insert) -> None:
        """Has no trigger of a row insert its parents: they are inserted already, as other rows may need them first."""
        if self._pools.hints(insert.table).trigger_creates:
            self.bypassing_triggers.append(insert)

    def _created_by_trigger(self, table: Table, row: Values, tables: Collection[TableName] = ()) -> Iterator[Insert]:
        """The inserts of the parents that a trigger of a row inserts, and of their parents in the same tables."""
        tables = tables or self._pools.hints(table.name).trigger_creates
        for parent in self._graph.parents(table, row) if tables else ():
            if parent.table in tables:
                yield parent
                more = self._pools.hints(parent.table).trigger_creates
                yield from self._created_by_trigger(self._catalog.table(parent.table), parent.values, (*tables, *more))
