"""Doors: whatever a role can use that might lead it past the policies of a table, and the calls that use it.

Functions and procedures are called; views, partitions, heirs and tables that triggers fill are read; views, and tables
whose triggers or foreign keys lead to the table, are written to. Decides which of them are tried: those whose code
leads to the table (``catalog/code.py``), as far as the role may use them, and nothing that leaves the server.
Not here: the arguments (``arguments.py``), and what comes back (``door_calls.py``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

import psycopg

from harness.catalog.code import DYNAMIC, OUTSIDE, TRIED_LANGUAGES, Code, Routine
from harness.kinds.base import Subject, TableName, identifier, qualified
from harness.kinds.row_access.database_code import code_of

_FIRED = re.compile(r"create (?:constraint )?(trigger|rule) (\S+)", re.IGNORECASE)

NUMBERS = ("uuid", "int2", "int4", "int8")
"""Types of keys that are numbers of rows, and say nothing else of them."""

READS = 6
"""Tables that are read after a call which may have filled them."""


@dataclass(frozen=True)
class Doors:
    """The doors of one table for one role."""

    subject: Subject
    role: str
    code: Code

    @classmethod
    def of(cls, subject: Subject, role: str) -> Doors:
        return cls(subject, role, code_of(subject))

    def signature(self, written: str) -> str | None:
        """Returns a function as the catalog names it; None if there is no such function."""
        connection = self.subject.pools.connection
        with suppress(psycopg.Error), connection.transaction(force_rollback=True):
            connection.execute("select set_config('search_path', '', true)")
            row = connection.execute("select to_regprocedure(%s)::text", [written]).fetchone()
            return str(row[0]) if row and row[0] else None
        return None

    @cached_property
    def near(self) -> frozenset[str]:
        """The names that lead to rows of the table: its own, and those of all that holds them or copies of them."""
        catalog, name = self.subject.catalog, self.subject.table.name
        known = {each.table.lower(): each for each in self._relations}
        filled = self.code.of_write(name)
        copies = {*known} if DYNAMIC in filled else filled & {*known}
        family = [*catalog.with_partitions(name), *catalog.heirs.get(name, ()), *catalog.above.get(name, ())]
        parents = (above for above, heirs in catalog.heirs.items() if name in heirs)
        return frozenset({*copies, *(each.table.lower() for each in (*family, *parents))})

    @cached_property
    def _relations(self) -> tuple[TableName, ...]:
        catalog = self.subject.catalog
        return (*catalog.tables, *(view.name for view in catalog.views))

    def _leads_here(self, names: frozenset[str]) -> bool:
        return DYNAMIC in names or bool(names & self.near)

    @cached_property
    def _routines(self) -> tuple[Routine, ...]:
        roles = self.subject.roles
        return tuple(
            each
            for each in self.code.routines
            if each.is_called
            and roles.on_schema(self.role, each.schema)
            and roles.may_execute(self.role, each.signature)
            and self._leads_here(self.code.of_routine(each))
        )

    @cached_property
    def routines(self) -> tuple[Routine, ...]:
        """The functions and procedures that are called."""
        return tuple(each for each in self._routines if self._is_tried(each))

    def names(self, routine: Routine) -> bool:
        """Whether the code of a routine leads to the table by names, not only since it computes statements."""
        return bool(self.code.of_routine(routine) & self.near)

    @property
    def untried(self) -> list[str]:
        """The functions and procedures that the role may call, and that are not called."""
        return [each.signature for each in self._routines if not self._is_tried(each)]

    def _is_tried(self, routine: Routine) -> bool:
        return routine.language in TRIED_LANGUAGES and OUTSIDE not in self.code.of_routine(routine)

    @cached_property
    def joined(self) -> frozenset[str]:
        """The names that the code of doors leads to."""
        of_routines = map(self.code.of_routine, self.routines)
        return frozenset().union(*of_routines, *map(self._names, (*self.read, *self.written))) - {
            self._own.table.lower()
        }

    @cached_property
    def read(self) -> Mapping[TableName, str]:
        """The relations that are read, each with the query."""
        own = self.subject.table.name
        catalog, code = self.subject.catalog, self.code
        fills = [code.of_write(name) for name, table in catalog.tables.items() if table.triggers or table.rewrites]
        # What other triggers may copy rows of the table to.
        copies = frozenset().union(*(names for names in fills if self._leads_here(names)))
        near = (
            each
            for each in self._relations
            if each != own and (self._leads_here(self._names(each)) or each.table.lower() in copies)
        )
        queries = {each: self._query(each) for each in near}
        return {name: query for name, query in queries.items() if query}

    def _names(self, relation: TableName) -> frozenset[str]:
        """The names that a query of a relation leads to."""
        if relation in self.subject.catalog.tables:
            return frozenset({relation.table.lower()})
        return self.code.of_use(relation) - {OUTSIDE} | {relation.table.lower()}

    def _query(self, relation: TableName) -> str | None:
        """Returns the query of all that the role may read of a relation; None if that is nothing."""
        roles, name = self.subject.roles, qualified(relation)
        if not roles.on_schema(self.role, relation.schema):
            return None
        if roles.on_table(self.role, name, "select"):
            return f"select * from {name}"
        if not roles.on_columns(self.role, name, "select"):
            return None
        columns = (column for column in self.columns(relation) if roles.on_column(self.role, name, column, "select"))
        return f"select {', '.join(map(identifier, columns))} from {name}"

    def columns(self, relation: TableName) -> list[str]:
        """Returns the columns of a table or view."""
        query = f"select * from {qualified(relation)}"
        return [name for name, _ in self.subject.pools.introspection.result_columns(query)]

    @cached_property
    def refreshed(self) -> tuple[str, ...]:
        """The materialized views over the table."""
        views = self.subject.catalog.views
        return tuple(
            qualified(each.name) for each in views if each.materialized and self._leads_here(self._names(each.name))
        )

    def refresh(self, names: frozenset[str]) -> list[str]:
        """Returns the materialized views among what some code leads to: they are made anew before it is tried."""
        return [each for each in self.refreshed if each.rpartition(".")[2].strip('"').lower() in names]

    def filled(self, routine: Routine) -> list[str]:
        """Returns the queries of tables that a call of a routine may fill, and the role may read."""
        if not self.code.fills(routine):
            return []
        names = self.code.of_routine(routine)
        tables = (each for each in self.subject.catalog.tables if each.table.lower() in names and each != self._own)
        return list(filter(None, map(self._query, tables)))[:READS]

    @property
    def _own(self) -> TableName:
        return self.subject.table.name

    @cached_property
    def written(self) -> Mapping[TableName, str]:
        """The tables and views that are written to: by triggers, rules or views that lead to rows of the table."""
        found: dict[TableName, str] = {}
        reached = self.code.reached
        for each in self._relations:
            table = self.subject.catalog.tables.get(each)
            if not self.subject.roles.on_schema(self.role, each.schema):
                continue
            if table is None:
                if self._leads_here(self.code.of_use(each)) or self._leads_here(self.code.of_write(each)):
                    found[each] = f"view {each}"
            elif fired := [text for text in self.code.fired.get(each.table, ()) if self._leads_here(reached(text))]:
                names = (_FIRED.match(text) for text in fired)
                found[each] = f"{', '.join(f'{name[1].lower()} {name[2]}' for name in names if name)} on {each}"
            elif each in self.near_tables:
                found[each] = f"table {each}"
        return found

    @cached_property
    def near_tables(self) -> tuple[TableName, ...]:
        """The partitions and heirs of the table."""
        catalog = self.subject.catalog
        return tuple({*catalog.with_partitions(self._own), *catalog.heirs.get(self._own, ())} - {self._own})

    def label(self, relation: TableName) -> str:
        """Returns the words for a relation that is read."""
        if relation in self.subject.catalog.tables:
            return f"table {relation}"
        sort = "materialized view" if qualified(relation) in self.refreshed else "view"
        return f"{sort} {relation}"

    def reads_all(self, relation: TableName) -> bool:
        """Whether the role may read all columns of a relation."""
        return self.subject.roles.on_table(self.role, qualified(relation), "select")

    def telling_keys(self, owners: Collection[str]) -> list[str]:
        """Returns the unique keys with which a role can guess that a row of another is there: not by its number."""
        table = self.subject.table
        numbers = {each.name for each in table.columns if each.base_name in NUMBERS}
        keys = (each for each in table.unique_keys if each.is_plain and not {*each.columns} & {*owners})
        return [each.name for each in keys if {*each.columns} - numbers]

    def may(self, relation: TableName, command: str) -> bool:
        """Whether the role has a privilege on a relation."""
        roles, name = self.subject.roles, qualified(relation)
        if command == "delete":
            return roles.on_table(self.role, name, command)
        return roles.on_columns(self.role, name, command)
