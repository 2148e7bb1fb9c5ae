"""Rows of a scenario while Hypothesis draws them: a row, the parents it needs, and their parents."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

from hypothesis import reject
from hypothesis import strategies as st

from harness.catalog.model import Catalog, Column, Constraint, Table
from harness.generation.alike import alike, beside, columns_of, end_chain, untaken
from harness.generation.candidates import sample
from harness.generation.lineage import Pending, clashes
from harness.generation.pool import Pool
from harness.generation.pools import Pools
from harness.generation.search import NULLS
from harness.generation.supply import NOTHING
from harness.generation.types import nth, values
from harness.generation.variety import VARIETY
from harness.probes.statement import Insert, Values
from harness.project.model import TableName

T = TypeVar("T")
Draw = Callable[[st.SearchStrategy[Any]], Any]

_NUMBERS = st.integers(0, 2**16)
_LEADS_NOWHERE = st.booleans().map(lambda drawn: not drawn)

DEPTH = 50
"""Parents of parents before a chain of foreign keys is given up."""

TRIES = 20
"""Numbers tried for a key before it counts as one that has no more."""

PLENTY = 12
"""Ancestors of one row after which parents are shared, and what may be NULL is: those of ancestors are many."""


@cache
def _free(column: Column, rich: bool, optional: bool) -> st.SearchStrategy[str | None]:
    """Values of a column that no rule speaks of.

    Made once: to make a strategy takes Hypothesis several times as long as to draw from it.
    """
    strategy: st.SearchStrategy[str | None] = values(column)
    if column.identity:
        # An identity's sequence is not touched: a large number keeps out of its way.
        strategy = st.integers(10_000, 30_000).map(str)
    elif not rich:
        # A choice among values drawn once costs a tenth of drawing it anew.
        strategy = st.sampled_from(sample(column, VARIETY))
    return st.none() | strategy if optional else strategy


class Draft:
    """Draws rows that keep every rule and collects the INSERTs that must come first, parents before children.

    Rows of one table differ in every unique key and are not in each other's way by an exclusion constraint. What may
    be NULL sometimes is, unless it is ``fixed`` or ``present``.
    """

    rich = False
    """Whether every column is drawn from all that its type has, also where no rule speaks of it."""

    def __init__(self, draw: Draw, catalog: Catalog, pools: Pools) -> None:
        self.draw = draw
        self._catalog = pools.catalog
        self._pools = pools
        self._rows: dict[TableName, list[dict[str, str | None]]] = {}
        self._kin: dict[TableName, Mapping[str, str | None]] | None = None
        self._numbers = itertools.count(1)
        self._path: list[Pending] = []
        self._before = 0
        self.inserts: list[Insert] = []
        self.rings: list[tuple[Insert, ...]] = []
        """Rows among the inserts that refer to one another in a circle: one statement has to insert them."""
        self.room: dict[TableName, None] = {}
        """The tables whose own rows leave no room for those that are drawn."""
        self.made: list[Insert] = []
        """Rows among the inserts that a trigger of a row which refers to them makes."""
        self.stood: list[Insert] = []
        """Rows among the inserts that stand already."""
        self.silent: list[Insert] = []
        """Rows among the inserts whose triggers are not to fire."""
        self.later: list[Insert] = []
        """Rows as they may have become, which stand after all the others."""

    def insert(
        self, table: TableName, fixed: Values | None = None, present: tuple[str, ...] = ()
    ) -> dict[str, str | None]:
        """Draws a row, and has it inserted after its parents."""
        made = len(self.made)
        row = self.row(table, fixed, present)
        self.inserts.append(Insert(table, row))
        if len(self.made) > made:
            # What its trigger would make stands by then: others may have needed it first.
            del self.made[made:]
            self.silent.append(self.inserts[-1])
        return row

    def row(
        self, table: TableName, fixed: Values | None = None, present: tuple[str, ...] = (), also: tuple[str, ...] = ()
    ) -> dict[str, str | None]:
        """Draws a row and has its parents inserted, but not the row.

        ``fixed`` values are taken as they are; ``present`` columns are not NULL; the predicates ``also`` hold, too.
        """
        definition = self._catalog.table(table)
        return self._row(definition, dict(fixed or {}), present, 0, self._pools.of(definition, also=also))

    def grown(
        self, table: TableName, fixed: Values, present: tuple[str, ...] = (), also: tuple[str, ...] = ()
    ) -> dict[str, str | None]:
        """Draws a row as it may have become since it was inserted, and has its parents inserted, but not the row.

        The predicates ``also`` hold for it, besides the rules of its table.
        """
        definition = self._catalog.table(table)
        return self._row(definition, dict(fixed), present, 0, self._pools.of(definition, born=False, also=also))

    def linked(self, table: TableName, fixed: Values, columns: tuple[str, ...]) -> dict[str, str | None]:
        """Draws a row whose reference by these columns leads somewhere, and has it stand there.

        It is one that is inserted, or, where rules about births leave that NULL, one as it may have become since.
        """
        definition = self._catalog.table(table)
        if self._pools.takes(definition, columns):
            return self.insert(table, fixed, columns)
        row = self.grown(table, fixed, columns)
        self.later.append(Insert(table, row))
        return row

    def standing(self, name: TableName, known: Values) -> Mapping[str, str | None] | None:
        """A row with these values that stands without us, if there is one: as if it were drawn and inserted."""
        table = self._catalog.table(name)
        rows = self._rows.setdefault(name, [])
        free = [row for row in self._pools.there(table, known) if not clashes(table, row, rows, set(row))]
        if not free:
            return None
        row = dict(self.choose(free))
        rows.append(row)
        insert = Insert(name, row)
        self.inserts.append(insert)
        self.stood.append(insert)
        return row

    @contextmanager
    def related(self) -> Iterator[None]:
        """Rows drawn meanwhile have one ancestor in each table: references that can meet above them do."""
        self._kin = {}
        try:
            yield
        finally:
            self._kin = None

    def value(self, table: TableName, column: str, other_than: Mapping[str, str | None]) -> str | None:
        """A value for one column of a row that keeps all rules and differs from the one it has."""
        return self._untaken(self._catalog.table(table), column, other_than, {alike(other_than[column])})

    def _untaken(
        self, table: Table, column: str, row: Mapping[str, str | None], taken: Collection[str | None]
    ) -> str | None:
        """A value for one column of a row that keeps all rules and is none of those that are ``taken``."""
        pool = next((pool for pool in self._pools.of(table) if column in pool.columns), None)
        if pool is None:
            strategy = _free(table.column(column), True, False)
            numbers = (self._numbered(table, column) for _ in range(TRIES))
            drawn: Iterator[str | None] = itertools.chain((self.draw(strategy),), numbers)
            other = next((value for value in drawn if value and alike(value) not in taken), None)
            return other if other is not None else reject()
        index = pool.columns.index(column)
        rest = [(name, place) for place, name in enumerate(pool.columns) if name != column]
        fitting = [
            each[index]
            for each in pool.rows
            if each[index] is not None
            and alike(each[index]) not in taken
            and all(each[place] == row[name] for name, place in rest)
        ]
        return str(self.draw(st.sampled_from(fitting))) if fitting else reject()

    def choose(self, options: Sequence[T]) -> T:
        """One of these; shrinks towards the first."""
        chosen: T = self.draw(st.sampled_from(options))
        return chosen

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
        fixed: dict[str, str | None],
        present: tuple[str, ...],
        depth: int,
        pools: Sequence[Pool] | None = None,
    ) -> dict[str, str | None]:
        if depth > DEPTH:
            reject()
        if self._pools.crowded(table):
            self.room.setdefault(table.name)
        supply = self._pools.supplies.get(table.name, NOTHING)
        for name, standing in supply.before:
            self._draw_before(name, standing, depth)
        row: dict[str, str | None] = dict(fixed)
        pools = self._pools.of(table) if pools is None else pools
        if not depth:
            self._before = len(self.inserts)
        above = {pending.table for pending in self._path} | {table.name}
        # What may be NULL need not lead round a circle.
        above |= self._pools.circular if table.name in self._pools.circular else set()
        if depth:
            end_chain(table, row, pools, above)
        self._draw_apart(table, row)
        self._draw_pools(pools, row, present)
        if depth and table.name in self._pools.circular:
            # Its key, before its parents: one of them may have to refer to it.
            self._draw_key(table, row, fixed, present)
        valued = {column for pool in pools for column in pool.valued if row[column] is not None}
        self._path.append(Pending(table.name, row, len(self._path)))
        try:
            self._draw_parents(table, row, valued | set(fixed), present, depth)
        finally:
            self._left = self._path.pop()
        if supply.past_triggers:
            self.silent += self._led_to(table, row)
        if supply.makes and not depth:
            self.made += (insert for insert in self._led_to(table, row) if insert.table in supply.makes)
        self._draw_rest(table, row, present, depth)
        self._make_distinct(table, row, fixed)
        ordered = {column.name: row[column.name] for column in table.columns if column.name in row}
        row.clear()
        row.update(ordered)
        self._rows.setdefault(table.name, []).append(row)
        return row

    def _led_to(self, table: Table, row: Mapping[str, str | None]) -> Iterator[Insert]:
        """The inserts of the rows that a row refers to."""
        for key in table.of_type("f"):
            pairs = list(zip(key.columns, key.referenced_columns, strict=True))
            for insert in self.inserts:
                if insert.table == key.references and all(row[name] == insert.values[to] for name, to in pairs):
                    yield insert

    def _draw_before(self, name: TableName, values: Values, depth: int) -> None:
        """Has a row stand that others count on, once."""
        stands = any(insert.table == name and values.items() <= insert.values.items() for insert in self.inserts)
        pending = any(each.table == name and values.items() <= each.row.items() for each in self._path)
        if not stands and not pending and not self._pools.standing.has(self._catalog.table(name), values):
            path, self._path = self._path, self._path[:1]
            self._new_parent(name, dict(values), depth)
            self._path = path

    def _draw_key(
        self, table: Table, row: dict[str, str | None], fixed: dict[str, str | None], present: tuple[str, ...]
    ) -> None:
        """Draws the columns that other tables refer to and that lead nowhere themselves."""
        foreign = {column for key in table.of_type("f") for column in key.columns}
        for _, key in self._pools.referencing.get(table.name, ()):
            for name in key.referenced_columns:
                if name not in row and name not in foreign and table.column(name).is_supplied:
                    row[name] = self._numbered(table, name) or self._draw_free(table, name, present)
        self._make_distinct(table, row, fixed)

    def _draw_apart(self, table: Table, row: dict[str, str | None]) -> None:
        """Values that no other row of the scenario has, where an exclusion constraint keeps rows apart."""
        others = self._rows.get(table.name, [])
        foreign = {column for key in table.of_type("f") for column in key.columns} & row.keys()
        siblings = [other for other in others if all(other.get(column) == row[column] for column in foreign)]
        for options in self._pools.apart(table):
            # Where all are taken, one that no row of the same parents has.
            free = untaken(options, row, others) or untaken(options, row, siblings)
            if free:
                row.update(self.draw(st.sampled_from(free)))

    def _draw_pools(self, pools: Sequence[Pool], row: dict[str, str | None], present: tuple[str, ...]) -> None:
        for pool in pools:
            fitting = pool.fitting(row, present) or pool.fitting_nulls(row)
            # What is fixed may lie outside the pool: the rest is then drawn as if it were not there.
            choice = self.draw(pool.of(fitting or pool.rows))
            for column, value in zip(pool.columns, choice, strict=True):
                row.setdefault(column, value)

    def _draw_parents(
        self, table: Table, row: dict[str, str | None], settled: set[str], present: tuple[str, ...], depth: int
    ) -> None:
        supply = self._pools.supplies[table.name].parents if table.name in self._pools.supplies else None
        # Wide keys first: a composite key decides columns that narrower keys then follow.
        for key in sorted(table.of_type("f"), key=lambda key: -len(key.columns)):
            assert key.references is not None
            if self._stays_null(table, key, row, settled, present):
                row.update(
                    {
                        column: None
                        for column in key.columns
                        if not table.column(column).not_null and column not in settled
                    }
                )
                continue
            known = {
                referenced: row[column]
                for column, referenced in zip(key.columns, key.referenced_columns, strict=True)
                if column in settled
            }
            if supply is not None:
                known |= {name: value for column in key.columns for name, value in supply.get(column, {}).items()}
            parent = self._parent(table, key, known, depth)
            for column, referenced in zip(key.columns, key.referenced_columns, strict=True):
                row[column] = parent[referenced]
                settled.add(column)

    def _stays_null(
        self, table: Table, key: Constraint, row: dict[str, str | None], settled: set[str], present: tuple[str, ...]
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
        if key.references == table.name or (self._path and len(self._ancestors) > PLENTY):
            return True
        return bool(self.draw(_LEADS_NOWHERE))

    def _parent(
        self, table: Table, key: Constraint, known: dict[str, str | None], depth: int
    ) -> Mapping[str, str | None]:
        assert key.references is not None
        # Two references of one row to one table need not meet: a rule may keep them apart.
        first = next(other for other in table.of_type("f") if other.references == key.references)
        kin = self._kin if self._kin is not None and key == first else {}
        met = kin.get(key.references)
        if met is not None and all(met[name] == value for name, value in known.items()):
            return met
        found = self._found(table, key, known, depth)
        kin.setdefault(key.references, found)
        return found

    def _found(
        self, table: Table, key: Constraint, known: dict[str, str | None], depth: int
    ) -> Mapping[str, str | None]:
        """The parent with these values: one that was drawn, else a new one."""
        assert key.references is not None
        unique = [set(index.columns) for index in self._catalog.table(key.references).unique_keys if index.columns]
        if any(columns <= set(known) for columns in unique):
            for row in self._rows.get(key.references, []):
                # The same key values name the same row: a second one would break the parent's own key.
                if all(row.get(name) == value for name, value in known.items()):
                    # One that is only tried later is nobody's parent yet.
                    return row if self._stands(key.references, row) else reject()
        most = self._pools.most(self._catalog.table(key.references))
        if most is not None and len(self._rows.get(key.references, [])) >= most:
            there = (insert.values for insert in self.inserts if insert.table == key.references)
            fitting = [row for row in there if known.items() <= row.items()]
            if fitting:
                return self.choose(fitting)
        met = self._met(key, known)
        if met is not None:
            return met
        shared = self._shared(table, key, known, depth)
        if shared is not None:
            return shared
        # A unique column that is referred to may be NULL, but such a row nothing refers to.
        return self._new_parent(key.references, known, depth, key.referenced_columns)

    def _met(self, key: Constraint, known: dict[str, str | None]) -> Mapping[str, str | None] | None:
        """A row that is being drawn itself, if a second one of its table would need a third, and so on."""
        # The row that is wanted is the first on the way, and not inserted with the others.
        for place, pending in enumerate(self._path[1:], 1):
            named = all(name in pending.row for name in key.referenced_columns)
            if pending.table == key.references and named and known.items() <= pending.row.items():
                self._path[-1].lowest = min(self._path[-1].lowest, place)
                return pending.row
        return None

    def _shared(
        self, table: Table, key: Constraint, known: dict[str, str | None], depth: int
    ) -> Mapping[str, str | None] | None:
        """A parent that stands already, where there are rows in plenty."""
        assert key.references is not None
        if not depth or len(self._ancestors) <= PLENTY:
            return None
        own = self._path[-1].row
        for insert in self._ancestors:
            if insert.table != key.references or not known.items() <= insert.values.items():
                continue
            led = {name: insert.values.get(to) for name, to in zip(key.columns, key.referenced_columns, strict=True)}
            if not clashes(table, {**own, **led}, self._rows.get(table.name, []), set(led)):
                return insert.values
        return None

    @property
    def _ancestors(self) -> Sequence[Insert]:
        """What was inserted for the row that is wanted: others have ancestors of their own, or none were strangers."""
        return self.inserts[self._before :]

    def _new_parent(
        self, name: TableName, known: dict[str, str | None], depth: int, present: tuple[str, ...] = ()
    ) -> Mapping[str, str | None]:
        """Draws a parent and has it inserted: by itself, or together with the rows that it stands in a circle with."""
        there = self.standing(name, known)
        if there is not None:
            return there
        parent = self._row(self._catalog.table(name), dict(known), present, depth + 1)
        left = self._left
        left.together.append(Insert(name, parent))
        if name in self._pools.supplies and self._pools.supplies[name].makes:
            self.silent.append(left.together[-1])
        if left.lowest < len(self._path):
            self._path[-1].lowest = min(self._path[-1].lowest, left.lowest)
            self._path[-1].together += left.together
            return parent
        self.inserts += left.together
        if len(left.together) > 1:
            self.rings.append(tuple(left.together))
        return parent

    def _stands(self, table: TableName, row: Mapping[str, str | None]) -> bool:
        return any(insert.values is row for insert in self.inserts)

    def _draw_rest(self, table: Table, row: dict[str, str | None], present: tuple[str, ...], depth: int) -> None:
        """What no rule ties to anything: drawn column by column, but for a row that only has to be there by one number.

        Hypothesis gives up on an example that draws too much, and ancestors are many.
        """
        names = [column.name for column in table.columns if column.is_supplied and column.name not in row]
        if not depth or self.rich:
            row.update({name: self._draw_free(table, name, present) for name in names})
            return
        number = self.draw(_NUMBERS)
        chance = random.Random(number)
        for name in names:
            column = table.column(name)
            if self._is_keyed(table, name) or column.identity:
                row[name] = self._numbered(table, name) or self._draw_free(table, name, present)
            elif not column.not_null and name not in present and (not number or chance.random() < NULLS):
                row[name] = None
            else:
                options = sample(column, VARIETY)
                row[name] = chance.choice(options) if number else options[0]

    def _numbered(self, table: Table, name: str) -> str | None:
        """A value for the key of one more row, if its type has a plain one; no two tables have the same."""
        return nth(table.column(name), next(self._numbers))

    @staticmethod
    def _is_keyed(table: Table, name: str) -> bool:
        return any(name in columns_of(key) for key in table.unique_keys)

    def _draw_free(self, table: Table, name: str, present: tuple[str, ...]) -> str | None:
        column = table.column(name)
        keyed = self._is_keyed(table, name)
        optional = not column.identity and not column.not_null and name not in present
        drawn: str | None = self.draw(_free(column, self.rich or keyed, optional))
        return drawn

    def _make_distinct(self, table: Table, row: dict[str, str | None], fixed: Values) -> None:
        """Redraws one column of each unique key that another row has, of the scenario or of those that stand."""
        foreign = {column for key in table.of_type("f") for column in key.columns}
        for key in table.unique_keys:
            columns = columns_of(key)
            if not columns or (not key.nulls_not_distinct and any(row.get(column) is None for column in columns)):
                continue
            others = self._rows.get(table.name, [])
            own = tuple(alike(row.get(column)) for column in columns)
            standing = frozenset() if self._pools.crowded(table) else self._pools.standing.keys(table, key)
            if own not in standing and all(own != tuple(alike(each.get(name)) for name in columns) for each in others):
                continue
            free = [column for column in columns if column not in foreign and column not in fixed]
            if not free:
                # All of it is fixed: the row is meant to have the key of another.
                if all(column in fixed for column in columns):
                    continue
                reject()
            taken = {alike(other[free[-1]]) for other in others} | beside(standing, own, columns.index(free[-1]))
            row[free[-1]] = self._untaken(table, free[-1], row, taken)
