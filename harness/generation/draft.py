"""Rows of a scenario while they are drawn: a row, the parents it needs, and their parents."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import TypeVar

from hypothesis import reject
from hypothesis import strategies as st

from harness.catalog.model import ForeignKey, Table
from harness.generation.choices import Draw
from harness.generation.columns import Columns
from harness.generation.kinship import Kinship, clashes
from harness.generation.statements import delete_conflicting, insert_together
from harness.probes.statement import Insert, SqlStatement
from harness.project.model import NewRow, TableName, Values
from harness.solver.alike import end_chain
from harness.solver.pool import Pool
from harness.solver.pools import Pools
from harness.solver.row_hints import NOTHING, RowHints, refers_to_it

T = TypeVar("T")

DEPTH = 50
"""Parents of parents before a chain of foreign keys is given up."""


class Draft:
    """Draws rows that keep every rule and collects the INSERTs that must come first, parents before children.

    Rows of one table differ in every unique key and are not in each other's way by an exclusion constraint. What may
    be NULL sometimes is, unless it is ``fixed`` or ``present``. Rows are drawn beside those that are ``standing``,
    and as their children if asked. If ``rich``, every column of every row has all the values of its type, also where
    no rule speaks of it.
    """

    def __init__(
        self,
        draw: Draw,
        pools: Pools,
        standing: Mapping[TableName, Sequence[NewRow]] | None = None,
        rich: bool = False,
    ) -> None:
        self.draw = draw
        self._catalog = pools.catalog
        self._pools = pools
        self._rich = rich
        self._kinship = Kinship(standing or {})
        self._columns = Columns(draw, pools, self._kinship, rich)
        self._related: dict[TableName, Values] | None = None
        self.inserts = self._kinship.inserts
        self.rings = self._kinship.rings
        """Rows among the inserts that refer to one another in a circle: one statement has to insert them."""
        self.room: dict[TableName, None] = {}
        """The tables whose own rows leave no room for those that are drawn."""
        self.made: list[Insert] = []
        """Rows among the inserts that a trigger of a row which refers to them makes."""
        self.stood: list[Insert] = []
        """Rows among the inserts that stand already."""
        self.silent: list[Insert] = []
        """Rows among the inserts whose triggers are not to fire."""
        self.cleared: dict[int, SqlStatement] = {}
        """For rows among the inserts, by ``id()``, what takes away the ones that a trigger has made in their place."""
        self.shares = False
        """Whether rows have ancestors in common once there are plenty: where only their own parents are looked at."""
        self.later: list[Insert] = []
        """Rows as they may have become, which stand after all the others."""

    def insert(
        self, table: TableName, fixed: Values | None = None, present: tuple[str, ...] = (), also: tuple[str, ...] = ()
    ) -> NewRow:
        """Draws a row as :meth:`row` does, and has it inserted after its parents."""
        definition = self._catalog.table(table)
        self._kinship.begin(stands=True)
        row = self._row(definition, dict(fixed or {}), present, 0, self._pools.of(definition, also=also))
        self._hush(self._kinship.insert(table, row, wanted=True))
        return row

    def whole(self, table: TableName, fixed: Values | None = None, present: tuple[str, ...] = ()) -> SqlStatement:
        """Draws a row as :meth:`row` does; the statement inserts it, with the rows that have to come with it."""
        definition = self._catalog.table(table)
        if not self._pools.comes_with_others(definition):
            return Insert(table, self.row(table, fixed, present))
        self._kinship.begin(stands=True)
        row = self._row(definition, dict(fixed or {}), present, 0)
        self.made += self._made(definition, row)
        return insert_together(self._kinship.withheld(self._kinship.insert(table, row, wanted=True)))

    def row(
        self, table: TableName, fixed: Values | None = None, present: tuple[str, ...] = (), also: tuple[str, ...] = ()
    ) -> NewRow:
        """Draws a row and has its parents inserted, but not the row.

        ``fixed`` values are taken as they are; ``present`` columns are not NULL; the predicates ``also`` hold, too.
        """
        definition = self._catalog.table(table)
        self._kinship.begin(stands=False)
        row = self._row(definition, dict(fixed or {}), present, 0, self._pools.of(definition, also=also))
        self.made += self._made(definition, row)
        return row

    def grown(
        self, table: TableName, fixed: Values, present: tuple[str, ...] = (), also: tuple[str, ...] = ()
    ) -> NewRow:
        """Draws a row as it may have become since it was inserted, and has its parents inserted, but not the row.

        The predicates ``also`` hold for it, besides the rules of its table.
        """
        definition = self._catalog.table(table)
        self._kinship.begin(stands=False)
        row = self._row(definition, dict(fixed), present, 0, self._pools.of(definition, born=False, also=also))
        self.made += self._made(definition, row)
        return row

    def linked(self, table: TableName, fixed: Values, columns: tuple[str, ...]) -> NewRow:
        """Draws a row whose reference by these columns leads somewhere, and has it stand there.

        It is one that is inserted, or, where rules about births leave that NULL, one as it may have become since.
        """
        definition = self._catalog.table(table)
        if self._pools.takes(definition, columns):
            return self.insert(table, fixed, columns)
        row = self.grown(table, fixed, columns)
        self.later.append(Insert(table, row))
        return row

    @property
    def waits(self) -> bool:
        """Whether a row that stands refers to one that is only tried."""
        return self._kinship.waits

    def drawn(self, table: TableName) -> NewRow:
        """The row of a table that was drawn last, whose parents stand; nothing is known of it if none was."""
        rows = self._kinship.rows(table)
        return rows[-1] if rows else {}

    def standing(self, name: TableName, known: Values) -> NewRow | None:
        """A row with these values that stands without us, if there is one: as if it were drawn and inserted."""
        table = self._catalog.table(name)
        if not self._pools.stood(table):
            return None
        there = self._pools.there(table, known)
        beside = self._kinship.standing(name)
        if beside:
            fitting = [row for row in beside if known.items() <= row.items()]
            return self.choose(fitting) if there and fitting else None
        rows = self._kinship.rows(name)
        free = [row for row in there if not clashes(table, row, rows, set(row))]
        if not free:
            return None
        row = dict(self.choose(free))
        self._columns.add(table, row)
        insert = Insert(name, row)
        self.inserts.append(insert)
        self.stood.append(insert)
        return row

    @contextmanager
    def related(self) -> Iterator[None]:
        """Rows drawn meanwhile have one ancestor in each table: references that can meet above them do."""
        self._related = {}
        try:
            yield
        finally:
            self._related = None

    def value(self, table: TableName, column: str, other_than: Mapping[str, str | None]) -> str | None:
        """A value for one column of a row that keeps all rules and differs from the one it has."""
        return self._columns.value(self._catalog.table(table), column, other_than)

    def nowhere(self, table: TableName, column: str, row: Values, parent: TableName, referenced: str) -> str | None:
        """A value for a column of a row that keeps its rules and is the key of no parent, if there can be one."""
        child, above = self._catalog.table(table), self._catalog.table(parent)
        return self._columns.nowhere(child, column, row, above, referenced)

    def choose(self, options: Sequence[T]) -> T:
        """One of these; shrinks towards the first."""
        return self._columns.choices.one_of(options)

    def some(self, options: Sequence[T], count: int) -> Sequence[T]:
        """All of these, or of more than ``count`` the first half and a drawn part of the rest."""
        if len(options) <= count:
            return options
        head, rest = options[: count // 2], range(count // 2, len(options))
        picked = self.draw(st.sets(st.sampled_from(rest), min_size=count // 4, max_size=count // 2))
        return [*head, *(options[index] for index in sorted(picked))]

    def _row(
        self,
        table: Table,
        fixed: NewRow,
        present: tuple[str, ...],
        depth: int,
        pools: Sequence[Pool] | None = None,
    ) -> NewRow:
        if depth > DEPTH:
            reject()
        if self._pools.crowded(table):
            self.room.setdefault(table.name)
        hints = self._pools.row_hints.get(table.name, NOTHING)
        for name, standing in hints.requires_first:
            self._draw_before(name, standing, depth)
        row: NewRow = dict(fixed)
        present = (*present, *(name for name in hints.present if name not in fixed))
        pools = self._pools.of(table) if pools is None else pools
        if depth and table.foreign_columns:
            # What may be NULL need not lead round a circle.
            around = self._pools.circular if table.name in self._pools.circular else frozenset()
            end_chain(table, row, pools, self._kinship.above | around | {table.name}, present)
        with self._columns.chosen(table, depth):
            self._fill(table, row, fixed, present, pools, hints, depth)
        ordered = {column.name: row[column.name] for column in table.columns if column.name in row}
        row.clear()
        row.update(ordered)
        self._columns.add(table, row)
        return row

    def _fill(
        self,
        table: Table,
        row: NewRow,
        fixed: NewRow,
        present: tuple[str, ...],
        pools: Sequence[Pool],
        hints: RowHints,
        depth: int,
    ) -> None:
        """Draws the columns that a row has not yet, and its parents."""
        self._columns.keep_apart(table, row)
        self._columns.combine(row, pools, present)
        if table.name in self._pools.circular and (depth or self._awaited(table)):
            # Its key, before its parents: one of them may have to refer to it.
            self._columns.key(table, row, fixed, present, pools, numbered=bool(depth))
        valued = {column for pool in pools for column in pool.valued if row[column] is not None}
        meeting = self.related() if hints.same_ancestors and self._related is None else nullcontext()
        with self._kinship.drawing(table.name, row), meeting:
            self._draw_parents(table, row, valued - set(fixed), set(fixed), present, depth, pools)
            if hints.bypass_triggers or (hints.created_by_trigger and not depth):
                self.silent += self._kinship.parents(table, row)
            names = [column.name for column in table.columns if column.is_supplied and column.name not in row]
            self._columns.free(table, row, names, present, numbered=bool(depth) and not self._rich)
            self._columns.make_distinct(table, row, fixed, pools)
            self._draw_beside(table, hints, row, depth)

    def _draw_beside(self, table: Table, hints: RowHints, row: NewRow, depth: int) -> None:
        """Has the rows stand that have to be beside a row."""
        for name, values in hints.requires:
            own = {column: _own(row, value) for column, value in values.items()}
            # A reference that is NULL has no others beside it.
            if any(value and own[column] is None for column, value in values.items()):
                continue
            if not refers_to_it(self._catalog.table(name), table.name, values):
                self._draw_before(name, own, depth)
            elif (depth or self._kinship.inserting) and not self._kinship.expects(name, own):
                # They come with it, or not at all: they refer to it.
                with self._kinship.owning():
                    self._new_parent(name, own, depth)

    def _draw_before(self, name: TableName, values: Values, depth: int) -> None:
        """Has a row stand that others count on, once."""
        if self._kinship.expects(name, values) or self._pools.standing.has(self._catalog.table(name), values):
            return
        with self._kinship.aside():
            self._new_parent(name, values, depth)

    def _awaited(self, table: Table) -> bool:
        """Whether other rows can refer to one of this table before it is there."""
        return any(key.deferred for _, key in self._catalog.referencing(table.name))

    def _draw_parents(
        self,
        table: Table,
        row: NewRow,
        chosen: set[str],
        fixed: set[str],
        present: tuple[str, ...],
        depth: int,
        pools: Sequence[Pool],
    ) -> None:
        """Draws what a row refers to. Values of ``chosen`` columns may have to give way to those of ``fixed`` ones."""
        settled = chosen | fixed
        hints = self._pools.row_hints.get(table.name, NOTHING)
        keys = table.widest_first
        if self._related is not None:
            # The others are to agree with what is fixed.
            keys = tuple(sorted(keys, key=lambda each: not fixed.issuperset(each.columns)))
        for key in keys:
            if self._stays_null(table, key, row, settled, present):
                # One column that is NULL is enough: another one may have to be there, and lead elsewhere.
                ended = any(row.get(name, "") is None for name in key.columns)
                kept = {*row, *present} if ended else row
                open_yet = [name for name in key.columns if name not in kept and not table.column(name).not_null]
                row.update(dict.fromkeys(open_yet))
                continue
            pairs = key.pairs
            known = {referenced: row[column] for column, referenced in pairs if column in settled}
            known |= {name: value for column in key.columns for name, value in hints.parents.get(column, {}).items()}
            if key.references in hints.trigger_creates:
                same = self._same(table, key)
                known |= {name: row[name] for name in same if name in row}
                pairs += tuple((name, name) for name in same)
            known = self._unclashed(key, row, known, chosen, pools)
            loose = {to for column, to in pairs if depth and column in chosen}
            firm = {to: value for to, value in known.items() if to not in loose}
            parent = self._parent(table, key, known, firm, depth)
            row.update({column: parent[referenced] for column, referenced in pairs})
            settled.update(key.columns)
            chosen.difference_update(key.columns)

    def _unclashed(
        self, key: ForeignKey, row: NewRow, known: NewRow, chosen: set[str], pools: Sequence[Pool]
    ) -> NewRow:
        """What is known of a parent, with another ``chosen`` value where a row has its key already."""
        referenced = self._catalog.table(key.references)
        rows = self._kinship.rows(referenced.name)

        def fits(known: NewRow) -> bool:
            return bool(self._kinship.named(referenced, known)) or not clashes(referenced, known, rows, {*known})

        if fits(known):
            return known
        for own, to in key.pairs:
            pool = next((pool for pool in pools if own in pool.columns and own in chosen), None)
            if pool is None:
                continue
            # Most rules of several columns ask of a reference only whether there is one.
            others = dict.fromkeys(entry[pool.columns.index(own)] for entry in pool.fitting({}, (own,)))
            free = [value for value in others if fits({**known, to: value})]
            if free:
                row[own] = self._columns.choices.one_of(free)
                return {**known, to: row[own]}
        return known

    def _hush(self, insert: Insert) -> None:
        """Has no trigger fire that would make rows: they stand already, as others may have needed them first."""
        if self._pools.row_hints.get(insert.table, NOTHING).trigger_creates:
            self.silent.append(insert)

    def _made(self, table: Table, row: Values, tables: Collection[TableName] = ()) -> Iterator[Insert]:
        """The inserts of rows that a trigger of a row makes: it leads to them through nothing but others of them."""
        tables = tables or self._pools.row_hints.get(table.name, NOTHING).trigger_creates
        for parent in self._kinship.parents(table, row) if tables else ():
            if parent.table in tables:
                yield parent
                others = self._pools.row_hints.get(parent.table, NOTHING).trigger_creates
                yield from self._made(self._catalog.table(parent.table), parent.values, (*tables, *others))

    def _same(self, table: Table, key: ForeignKey) -> list[str]:
        """The columns that a row has in common with the one that its trigger makes, where those lead further."""
        made = self._catalog.table(key.references) if key.references else table
        names = {column.name for column in table.columns if column.is_supplied} - table.foreign_columns
        return sorted(names & made.foreign_columns)

    def _stays_null(
        self, table: Table, key: ForeignKey, row: NewRow, settled: set[str], present: tuple[str, ...]
    ) -> bool:
        """Whether a foreign key is left NULL: it was decided by a pool, or is by chance where it may be."""
        if any(column in settled and row[column] is None for column in key.columns):
            return True
        nullable = [column for column in key.columns if not table.column(column).not_null and column not in settled]
        if not nullable:
            return False
        decided = [row[column] is None for column in nullable if column in row]
        # What rules have decided stands, though it were to be present.
        if any(decided):
            return True
        if decided or set(nullable) & set(present):
            return False
        return key.references == table.name or self._kinship.crowded or self._columns.choices.leaves_null()

    def _parent(self, table: Table, key: ForeignKey, known: NewRow, firm: NewRow, depth: int) -> Values:
        # Two references of one row to one table need not meet: a rule may keep them apart. What a row of the table
        # itself refers to is above the ancestor, and not the one that others are to have.
        first = next(other for other in table.foreign_keys if other.references == key.references)
        meets = key is first and key.references != table.name
        related = self._related if self._related is not None and meets else {}
        met = related.get(key.references)
        if met is not None and all(met[name] == value for name, value in firm.items()):
            return met
        found = self._found(table, key, known, firm, depth)
        related.setdefault(key.references, found)
        if meets and self._related is not None:
            self._relate(self._catalog.table(key.references), found)
        return found

    def _relate(self, table: Table, row: Values) -> None:
        """What a row refers to are the ancestors that others are to have as well."""
        assert self._related is not None
        for parent in self._kinship.parents(table, row):
            if parent.table not in self._related and parent.table != table.name:
                self._related[parent.table] = parent.values
                self._relate(self._catalog.table(parent.table), parent.values)

    def _found(self, table: Table, key: ForeignKey, known: NewRow, firm: NewRow, depth: int) -> Values:
        """The parent with these values, or at least with the ``firm`` ones: one that was drawn, else a new one."""
        referenced = self._catalog.table(key.references)
        owner = self._kinship.owner(referenced.name, known)
        if owner is not None:
            return owner
        named = self._kinship.named(referenced, firm) or self._kinship.named(referenced, known)
        if named is not None:
            return named if self._kinship.stands(referenced.name, named) else reject()
        most = self._pools.most(referenced)
        if most is not None and len(self._kinship.rows(referenced.name)) >= most:
            fitting = self._kinship.inserted(referenced.name, known)
            if fitting:
                return self.choose(fitting)
        round_it = (other for other in referenced.foreign_keys if other.references in self._pools.circular)
        back = any({*other.columns} & {*key.referenced_columns} for other in round_it)
        met = self._kinship.met(table, key, known, named=back)
        if met is None and depth:
            # Where ancestors are to agree, those of another row may not.
            met = self._kinship.shared(table, key, known, begun=not self.shares or self._related is not None)
        # A unique column that is referred to may be NULL, but such a row nothing refers to.
        return met if met is not None else self._new_parent(referenced.name, known, depth, key.referenced_columns)

    def _new_parent(self, name: TableName, known: Values, depth: int, present: tuple[str, ...] = ()) -> NewRow:
        """Draws a parent and has it inserted: by itself, or together with the rows that it stands in a circle with."""
        there = self.standing(name, known)
        if there is not None:
            return there
        table = self._catalog.table(name)
        parent = self._row(table, dict(known), present, depth + 1)
        insert = self._kinship.insert(name, parent)
        self._hush(insert)
        if self._pools.row_hints.get(name, NOTHING).created_by_trigger:
            self.cleared[id(insert)] = delete_conflicting(table, parent)
        return parent


def _own(row: Values, value: str | None) -> str | None:
    """A value as a row beside another has it: what begins with ``$`` is that one's."""
    return row.get(value[1:]) if value is not None and value.startswith("$") else value
