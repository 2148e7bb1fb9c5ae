"""Adds the other rows of a group to probes, where rows are only valid together, or require rows below them.

A kind writes one row. Drops probes that expect a row to be accepted which rules of the other rows, or another group,
refuse; tries the one row alone where either outcome will do.
Not here: the statements for a group (``generation/groups.py``).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from harness.catalog.model import Table
from harness.generation.draft import Draft
from harness.generation.groups import (
    Companion,
    GroupBuilder,
    RowGroup,
    companions_of,
    delete_group,
    insert_group,
    update_group,
)
from harness.generation.setup import new_rows
from harness.generation.statements import merge_cycles
from harness.probes import (
    Accepted,
    AcceptedOrRefused,
    Delete,
    Execute,
    Family,
    Insert,
    Probe,
    Scenario,
    SqlStatement,
    Update,
)
from harness.project.model import TableName, Values
from harness.races import Races
from harness.solver.pools import Pools

SETTLED = Execute("set constraints all immediate")
D = TypeVar("D", bound="Scenario | Races")


@dataclass(frozen=True)
class Groups:
    """The existing groups of rows, and for a new row of each table the other rows of its group."""

    pools: Pools
    setup: tuple[SqlStatement, ...]
    existing: tuple[RowGroup, ...]
    fresh: Mapping[TableName, tuple[Companion, ...]]

    def of(self, built: D) -> D:
        """Returns a scenario or races whose statements write whole groups."""
        if isinstance(built, Races):
            return replace(built, races=built.mapped(self.statement).races)
        families = (each.statement.table for each in built.probes if isinstance(each, Family))
        several = any(companions_of(self.pools, name) or self.fresh.get(name) for name in families)
        single = built.one_by_one() if several else built
        return replace(built, probes=self._possible([*itertools.chain(*map(self._probes, single.probes))]))

    def _probes(self, probe: Probe | Family) -> Iterator[Probe | Family]:
        """Yields the probe of the whole group, and where it may be accepted or refused also that of the one row."""
        statement = self.statement(probe.statement)
        if isinstance(probe, Probe) and statement is not probe.statement:
            yield replace(probe, statement=statement)
            if isinstance(probe.expected, AcceptedOrRefused):
                yield replace(probe, value=f"{probe.value or probe.aspect}, one row alone")
        else:
            yield probe

    def _possible(self, probes: Sequence[Probe | Family]) -> tuple[Probe | Family, ...]:
        """Drops probes that expect a row to be accepted which rules of the other rows, or an existing group, refuse."""
        asked: dict[TableName, list[tuple[int, Values]]] = {}
        left_out: set[int] = set()
        for place, probe in enumerate(probes):
            row = self._accepted(probe) if isinstance(probe, Probe) else None
            if row is not None and self._meets_another(row, probe.statement):
                left_out.add(place)
            elif row is not None:
                asked.setdefault(row.table, []).append((place, row.values))
        for name, rows in asked.items():
            left_out |= set(self._impossible(self.pools.catalog.table(name), rows))
        return tuple(probe for place, probe in enumerate(probes) if place not in left_out)

    def _accepted(self, probe: Probe) -> Insert | None:
        """Returns the row as it is after a probe of a group that is expected to be accepted."""
        one = probe.statement.instead_of if isinstance(probe.statement, Execute) else None
        if not isinstance(probe.expected, Accepted):
            return None
        if isinstance(one, Update):
            group = self._group(one)
            return Insert(one.table, {**group.row.values, **one.set}) if group else None
        return one if isinstance(one, Insert) else None

    def _meets_another(self, row: Insert, statement: SqlStatement) -> bool:
        """Whether another group already has the values that only the rows of one group have in common."""
        common = self.pools.row_hints[row.table].common
        one = statement.instead_of if isinstance(statement, Execute) else None
        own = self._group(one) if isinstance(one, Update) else None
        there = (each.row.values for each in self.existing if each.row.table == row.table and each is not own)
        return bool(common) and any(all(row.values.get(name) == each.get(name) for name in common) for each in there)

    def _impossible(self, table: Table, rows: Sequence[tuple[int, Values]]) -> Iterator[int]:
        predicates = self.pools.group_predicates(table)
        columns = tuple(dict.fromkeys(name for _, row in rows for name in row))
        tuples = [tuple(row.get(name) for name in columns) for _, row in rows]
        answers = self.pools.oracle.answers(table, columns, tuples, predicates)
        return (place for (place, _), found in zip(rows, answers, strict=True) if not all(each.holds for each in found))

    def statement(self, statement: SqlStatement) -> SqlStatement:
        """Returns the statement that writes the whole group; the same one where the other rows do not change."""
        if isinstance(statement, Insert):
            others = self.fresh.get(statement.table, ())
            return insert_group(statement, others) if others else statement
        group = self._group(statement) if isinstance(statement, Update | Delete) else None
        if group is None:
            return statement
        table = self.pools.catalog.table(group.row.table)
        if isinstance(statement, Update):
            return update_group(table, statement, group) or statement
        return delete_group(table, statement, group) if isinstance(statement, Delete) else statement

    def _group(self, statement: Update | Delete) -> RowGroup | None:
        found = (group for group in self.existing if group.row.table == statement.table)
        return next((group for group in found if statement.key.items() <= group.row.values.items()), None)


def grouped(draft: Draft, pools: Pools, setup: Sequence[SqlStatement], tables: Iterable[TableName]) -> Groups | None:
    """Draws the other rows for the setup and for a new row of each of the ``tables``; None if no rows are in groups."""
    together = any(hints.together for hints in pools.row_hints.values())
    above = [name for name in dict.fromkeys(tables) if pools.requires_children(pools.catalog.table(name))]
    if not together and not above:
        return None
    drawing = GroupBuilder(draft, pools)
    new = {name: [{}, *draft.rows(name)][-1] for name in dict.fromkeys(tables) if companions_of(pools, name)}
    existing = [*drawing.complete(setup)]
    fresh: dict[TableName, tuple[Companion, ...]] = {}
    for name, row in new.items():
        ahead, fresh[name] = drawing.companions(Insert(name, row))
        existing += ahead
    for name in above:
        before = len(draft.inserts)
        children = tuple(drawing.children(name))
        rows = new_rows(draft, draft.inserts[before:])
        existing += merge_cycles(rows, draft.cycles, draft.bypassing_triggers, draft.deleted_first)
        fresh[name] = (*fresh.get(name, ()), *children)
    if not together:
        return Groups(pools, tuple(existing), (), fresh)
    # Deferred constraints are checked for existing rows now, not after the probes.
    return Groups(pools, (*existing, SETTLED), tuple(drawing.groups), fresh)
