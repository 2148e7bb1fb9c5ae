"""Scenarios with rows of several owners, in which each owner uses each door to the table.

Draws the rows, with marks in their free columns, and decides which owners call, and what writes are tried.
Not here: which doors there are (``doors.py``), and what the calls show (``door_calls.py``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from hypothesis import strategies as st

from harness.kinds.base import Draft, NewRow, ScenarioStrategy, Subject, Table, Values, inserted
from harness.kinds.row_access.arguments import CALLS
from harness.kinds.row_access.door_calls import Caller
from harness.kinds.row_access.door_functions import MAKE_CALLS
from harness.kinds.row_access.door_uses import DoorUses
from harness.kinds.row_access.doors import Doors
from harness.kinds.row_access.marks import MOMENTS, Marks, few_values
from harness.kinds.row_access.ownership import OwnedRows, OwnerColumn, Owners
from harness.kinds.row_access.principal import May, Principal
from harness.kinds.row_access.reachable import owner_row
from harness.kinds.toolkit.changes import filled_references
from harness.probes import Probe, Scenario, Steps, claim_settings, condition, settle
from harness.solver import Unfillable
from harness.values.types import Unsupported

FEWER = 5
"""Calls of one function by an owner after the first."""

BELOW = 6
"""Rows that refer to one of an owner, in each table that doors join."""

MOST = 20
"""A number in a function that counts, at the most, for which there are as many rows."""

_COUNTS, _NUMBER = re.compile(r"\bcount\s*\(", re.IGNORECASE), re.compile(r"\b\d{1,2}\b")

OWNERS = 3
"""Owners that have rows in the table at once."""


@dataclass(frozen=True)
class DoorScenarios:
    """Draws the scenarios of one check."""

    subject: Subject
    doors: Doors
    owners: Owners
    claims: Mapping[str, Any]
    sees: str
    may: May
    like: Sequence[Values]

    def strategy(self) -> ScenarioStrategy:
        """Returns the scenarios; each probe's aspect is the door that it uses."""
        return self.subject.scenarios(self._build)

    @cached_property
    def marks(self) -> Marks:
        """The marks of rows that are there, and of rows to insert."""
        counting = (each.text for each in self.doors.routines if _COUNTS.search(each.text))
        counts = (int(number) for text in counting for number in _NUMBER.findall(text))
        alike = max((number for number in counts if number <= MOST), default=0)
        return Marks.of(self.subject, self.owners.columns, 2 * OWNERS + 1, alike)

    def _build(self, draft: Draft) -> Scenario:
        # References that are there, so that foreign keys may act.
        present = filled_references(self.subject.table, self.subject.pools.of(self.subject.table))
        marks = self.marks
        rows = self.owners.rows(draft, self.subject, OWNERS, self.like, marks.rows, present, marks.more)
        # Any of them may be refused: they are there for what looks for rows of some sort.
        spare = {*map(id, (*rows.spare, *self._below(draft, rows), *self._almost(draft, rows)))}
        heirs = self._in_heirs(draft, rows)
        probes: list[Probe] = []
        # One number for all arguments: each of them drawn by itself would be more than Hypothesis can draw.
        drawn = draft.draw(st.integers(0, 2**32))
        # Two that have a row, with other values in closed sets, and one that has none.
        for place in sorted({0, min(1, len(rows.owners) - 1), len(rows.owners) - 1}):
            mine = [*(rows.of_owner(place) if self.owners.types else ()), *heirs.get(place, ())]
            most = CALLS if place == 0 else FEWER
            uses = DoorUses(self.doors, self._caller(rows, place, mine), draft, rows, place, mine, most, drawn)
            probes += uses.probes()
        settled = settle(self.subject.catalog)
        setup = (Steps.optional(each, settled) if id(each.values) in spare else each for each in draft.inserts)
        return Scenario((*setup, *MAKE_CALLS), tuple(probes))

    def _caller(self, rows: OwnedRows, place: int, mine: Sequence[Values]) -> Caller:
        subject, values = self.subject, rows.owners[place]
        settings = {"role": self.doors.role, **claim_settings(self.claims, values)}
        principal = Principal(subject, self.owners, settings, values, self.sees, self.may, ())
        hidden, update, delete = (
            f"({self.owners.bind(each, values)}) is not true" for each in (self.sees, self.may.update, self.may.delete)
        )
        others = [each for each in rows.existing if each not in mine] if self.owners.types else []
        of_others = " or ".join([hidden, *(f"({condition(subject.key(each))})" for each in others)])
        own = " or ".join(["false", *(f"({condition(subject.key(each))})" for each in mine)])
        kept = f"not ({own}) and ({of_others}) and ({update}) and ({delete})"
        session = subject.roles.session_of(self.doors.role)
        return Caller(principal, hidden, kept, self.marks.columns, self.marks.texts, session, subject.roles.current)

    def _below(self, draft: Draft, rows: OwnedRows) -> Iterator[NewRow]:
        """Inserts and yields rows that refer to one of an owner, into the tables that the code of doors joins.

        One that they keep from being deleted is enough: others are to be deleted through doors.
        """
        table = self.subject.table
        for child, key in self.subject.catalog.referencing(table.name):
            if child.name == table.name or child.name.table.lower() not in self.doors.joined:
                continue
            marks = Marks.of(replace(self.subject, name=child.name), key.columns, 1)
            supplied = all(child.column(name).is_supplied for name in key.columns)
            for row in (rows.spare or rows.rows)[-1:] if supplied else ():
                for each in (*marks.rows, *marks.more)[:BELOW]:
                    try:
                        yield draft.insert(child.name, {**each, **key.referring(row)})
                    except (Unfillable, Unsupported):
                        break

    def _almost(self, draft: Draft, rows: OwnedRows) -> Iterator[NewRow]:
        """Inserts and yields rows that name the first owner beside the last row, as its own do but for one column.

        A member who is no owner may see nothing, and what asks for members only shows all to it.
        """
        for column in self.owners.owner_columns if len(rows.rows) == OWNERS else ():
            if column.child is None:
                continue
            table, key = column.child
            above = OwnerColumn(column.path, "", "")
            own, other = (owner_row(self.subject, draft, row, above) for row in (rows.rows[0], rows.rows[-1]))
            mine = next(inserted(draft, table.name, key.referring(own)), None) if own and other else None
            change = self._changed(table, mine, {*key.columns, column.column}) if mine else {}
            if change and other:
                named = {column.column: rows.owners[0][column.variable]}
                with suppress(Unfillable, Unsupported):
                    yield draft.insert(table.name, {**key.referring(other), **named, **change})

    def _changed(self, table: Table, row: Values, left_out: Collection[str]) -> NewRow:
        """Returns another value for a column of few values: for a moment only where there is no other such column."""
        subject = replace(self.subject, name=table.name)
        for column in sorted(table.columns, key=lambda each: each.base_name in MOMENTS):
            few = few_values(subject, column) if column.name not in left_out else ()
            others = [value for value in few if value not in (None, row.get(column.name))]
            if others:
                return {column.name: others[0]}
        return {}

    def _in_heirs(self, draft: Draft, rows: OwnedRows) -> dict[int, list[NewRow]]:
        """Inserts a row of two owners into the tables that inherit from the table, where that can be."""
        found: dict[int, list[NewRow]] = {}
        for name in self.subject.catalog.heirs.get(self.subject.table.name, ()):
            for place, owner in enumerate(rows.owners[:2]):
                try:
                    found.setdefault(place, []).append(draft.insert(name, self.owners.fixed(draft, owner)))
                except (Unfillable, Unsupported):
                    break
        return found
