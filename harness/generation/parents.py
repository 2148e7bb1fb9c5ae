"""Decides for each foreign key of a row: NULL, a row that is there already, or a new parent.

Where rows are to have their ancestors in common, decides which of two keys to one table leads to the common row (the
first), and which may lead to any other. Ends chains and cycles of references.
Not here: drawing a new parent, or taking an existing row for it (``draft.py``), whether existing rows are used at all
(``solver/pools.py``), and keys that share a parent once there are plenty of rows (``row_graph.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hypothesis import reject

from harness.catalog.model import ForeignKey, Table
from harness.generation.columns import ColumnValues
from harness.generation.row_graph import PendingRow, RowGraph, repeats_key
from harness.project.model import NewRow, TableName, Values
from harness.solver.pools import Pools

NewParent = Callable[[TableName, Values, int, tuple[str, ...]], NewRow]
"""Draws a new parent of a table, with known values, at a depth of references, with columns that are not NULL."""


class Parents:
    """Draws the parents of one row after the other, parents of parents first."""

    def __init__(self, pools: Pools, graph: RowGraph, values: ColumnValues, new_parent: NewParent) -> None:
        self._pools = pools
        self._catalog = pools.catalog
        self._graph = graph
        self._values = values
        self._new_parent = new_parent
        self._ancestors: dict[TableName, Values] | None = None
        """The ancestors that all rows have in common, while they have."""
        self.shared = False
        """Whether rows have ancestors in common once there are plenty."""

    @contextmanager
    def same_ancestors(self) -> Iterator[None]:
        """Rows drawn meanwhile have one ancestor in each table, where their references can meet in one."""
        self._ancestors = {}
        try:
            yield
        finally:
            self._ancestors = None

    @property
    def have_same_ancestors(self) -> bool:
        return self._ancestors is not None

    def end_chain(self, pending: PendingRow) -> None:
        """Leaves nullable foreign keys NULL that refer to a table of a pending row: a chain of parents ends."""
        table, row = pending.table, pending.row
        cycle = self._pools.circular if table.name in self._pools.circular else frozenset()
        above = self._graph.pending_tables | cycle | {table.name}
        for key in table.foreign_keys:
            free = {name: None for name in table.nullable(key.columns) if name not in row}
            if key.references not in above or free.keys() & {*pending.present}:
                continue
            if all(pool.allows(row, tuple(free)) for pool in pending.pools):
                row.update(free)

    def draw(self, pending: PendingRow) -> None:
        """Draws the parents of a row and sets its foreign keys.

        Keys of which a pool has chosen the value may get another one, if the parent has a value that is fixed.
        """
        table, row = pending.table, pending.row
        chosen = {name for pool in pending.pools for name in pool.valued if row[name] is not None} - {*pending.fixed}
        computed = self._pools.computed(table)
        settled = chosen | {*pending.fixed, *computed} | pending.keyed
        # The other parents have to agree with those that the fixed values decide, and a circle with what is around it.
        circle = self._pools.circular if table.name in self._pools.circular else frozenset()
        ordered = sorted(table.widest_first, key=lambda each: each.references in circle)
        for key in sorted(ordered, key=lambda each: not self._is_decided(each, pending.fixed)):
            if self._stays_null(pending, key, settled):
                # One column that is NULL is enough: another one may have to be present, for another key.
                kept = {*row, *pending.present} if any(row.get(name, "") is None for name in key.columns) else row
                row.update({name: None for name in table.nullable(key.columns) if name not in kept})
                continue
            whole = self._pools.covering(key)
            pairs = key.pairs if whole is None else key.equal_pairs
            referred = key.referenced(row)
            known = {to: referred.get(to, row.get(column)) for column, to in pairs if column in settled}
            known |= pending.hints.parent_values(key.columns)
            if key.references in pending.hints.trigger_creates:
                common = self._common_columns(table, key)
                known |= {name: row[name] for name in common if name in row}
                pairs += tuple((name, name) for name in common)
            known = self._avoid_key(pending, key, known, chosen)
            loose = {to for column, to in pairs if pending.depth and column in chosen}
            firm = {to: value for to, value in known.items() if to not in loose}
            if whole is not None:
                own, to = key.pairs[-1]
                # A parent with the very period may be there already.
                known, firm = {**known, to: whole}, {**firm, to: row.get(own)}
            parent = self._parent(pending, key, known, firm)
            referring = key.referring(parent)
            found = {column: referring.get(column, parent.get(to)) for column, to in pairs}
            row.update({column: value for column, value in found.items() if column not in computed})
            settled.update(key.columns)
            chosen.difference_update(key.columns)

    def _is_decided(self, key: ForeignKey, fixed: Values) -> bool:
        """Whether fixed values contain a unique key of the parent, so that it can be one row only."""
        known = {to for own, to in key.pairs if fixed.get(own) is not None}
        uniques = self._catalog.table(key.references).unique_keys
        return any(unique.columns and {*unique.columns} <= known for unique in uniques if unique.is_plain)

    def _stays_null(self, pending: PendingRow, key: ForeignKey, settled: set[str]) -> bool:
        """Whether a foreign key is left NULL: a pool has decided so, or, where it may be, the draw."""
        table, row = pending.table, pending.row
        if any(column in settled and row.get(column) is None for column in key.columns):
            return True
        nullable = [column for column in table.nullable(key.columns) if column not in settled]
        if not nullable:
            return False
        decided = [row[column] is None for column in nullable if column in row]
        # A pool's choice counts more than that a column is to be present.
        if any(decided):
            return True
        if decided or set(nullable) & set(pending.present):
            return False
        return key.references == table.name or self._graph.is_large or self._values.choices.leaves_null()

    def _common_columns(self, table: Table, key: ForeignKey) -> list[str]:
        """The columns that a row has in common with the parent that its trigger creates: that one's foreign keys."""
        names = {column.name for column in table.columns if column.is_supplied} - table.foreign_columns
        return sorted(names & self._catalog.table(key.references).foreign_columns)

    def _avoid_key(self, pending: PendingRow, key: ForeignKey, known: NewRow, chosen: set[str]) -> NewRow:
        """The known values of a parent, with another ``chosen`` one if a row has their key and other values."""
        referenced = self._catalog.table(key.references)
        rows = self._graph.rows(referenced.name)

        def fits(known: NewRow) -> bool:
            return bool(self._graph.with_key(referenced, known)) or not repeats_key(referenced, known, rows, {*known})

        if fits(known):
            return known
        for own, to in key.pairs:
            pool = next((pool for pool in pending.pools if own in pool.columns and own in chosen), None)
            if pool is None:
                continue
            # Most rules of several columns ask of a reference only whether there is one; others compare it.
            others = dict.fromkeys(entry[pool.columns.index(own)] for entry in pool.fitting({}, (own,)))
            free = tuple(value for value in others if fits({**known, to: value}))
            rest = {name: pending.row[name] for name in pool.columns if name != own}
            valid = self._pools.valid_values(pending.table, own, free, rest) if rest and free else free
            if valid:
                pending.row[own] = self._values.choices.one_of(valid)
                return {**known, to: pending.row[own]}
        return known

    def _parent(self, pending: PendingRow, key: ForeignKey, known: NewRow, firm: NewRow) -> Values:
        """The parent for a foreign key; the common ancestor in its table, if rows have one."""
        if self._ancestors is None:
            return self._found(pending, key, known, firm)
        table = pending.table
        # Only the first of two references to a table has to meet: a rule may require different rows. What a row of the
        # table itself refers to is above the ancestor, and not the one that others are to have.
        first = next(other for other in table.foreign_keys if other.references == key.references)
        if key is not first or key.references == table.name:
            return self._found(pending, key, known, firm)
        common = self._ancestors.get(key.references)
        if common is not None and all(common[name] == value for name, value in firm.items()):
            own = {**pending.row, **key.referring(common)}
            # Of a row that only one may refer to, two do not have it in common.
            if not repeats_key(table, own, self._graph.rows(table.name), {*key.columns}):
                return common
        found = self._found(pending, key, known, firm)
        self._ancestors.setdefault(key.references, found)
        self._add_ancestors(self._catalog.table(key.references), found)
        return found

    def _add_ancestors(self, table: Table, row: Values) -> None:
        """Has other rows share what a row refers to."""
        assert self._ancestors is not None
        for parent in self._graph.parents(table, row):
            if parent.table not in self._ancestors and parent.table != table.name:
                self._ancestors[parent.table] = parent.values
                self._add_ancestors(self._catalog.table(parent.table), parent.values)

    def _found(self, pending: PendingRow, key: ForeignKey, known: NewRow, firm: NewRow) -> Values:
        """A parent with the known values, or at least with the ``firm`` ones: an earlier row, else a new one."""
        table, graph = pending.table, self._graph
        referenced = self._catalog.table(key.references)
        parent = graph.parent_of_child(referenced.name, known)
        if parent is not None:
            return parent
        keyed = graph.with_key(referenced, firm) or graph.with_key(referenced, known)
        if keyed is not None:
            return keyed if graph.can_be_referenced(referenced.name, keyed) else reject()
        # A unique column that is referred to may be NULL, but nothing refers to such a row.
        present = key.referenced_columns
        capacity = self._pools.capacities.rows(referenced, present=present)
        keys = [row for row in graph.rows(referenced.name) if None not in map(row.get, present)]
        if capacity is not None and len(keys) >= capacity:
            fitting = [row for row in graph.inserted(referenced.name, known) if None not in map(row.get, present)]
            if fitting:
                return self._values.choices.one_of(fitting)
        circular = (other for other in referenced.foreign_keys if other.references in self._pools.circular)
        found = graph.pending_parent(table, key, known, {name for other in circular for name in other.columns})
        if found is None and pending.depth:
            # Where ancestors have to be the same, those of another row may not be.
            found = graph.shared_parent(table, key, known, own_only=not self.shared or self.have_same_ancestors)
        return found if found is not None else self._new_parent(referenced.name, known, pending.depth, present)
