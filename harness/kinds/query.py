"""query"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from hypothesis import strategies as st

from harness.catalog.model import Table
from harness.generation.draft import Draft
from harness.kinds._roads import present
from harness.kinds.base import Fact, Kind, Subject, Unreliable
from harness.kinds.owners.askers import (
    Asker,
    as_key,
    asked_each,
    askers,
    check_keys,
    claims_key,
    drawn_for,
    known,
    named,
    sees_key,
    variables_key,
)
from harness.kinds.queries.neighbours import neighbours
from harness.kinds.queries.writes import writes
from harness.probes import AcceptedOrRefused, Execute, Postcondition, Probe, Scenario
from harness.probes.statement import qualified
from harness.project import keys, sql
from harness.project.keys import FrozenDict, choice, concurrently, key, query_of, several, text
from harness.project.model import TableName
from harness.races import NOTHING, Invariant, Race, Races
from harness.solver.rules import Rule

SHOWN = 3
"""Rows that a report shows of those that a query should not have found."""


@dataclass(frozen=True)
class QueryKind(Kind):
    """A query that finds no rows, whatever is in the tables.

    ```yaml
    - query: no line is in another shop than its order
      finds_none: >-
        select l.id from shop.lines as l join shop.orders as o on o.id = l.order_id where l.shop_id <> o.shop_id
    - query: the four roles, and no others
      on: seeds
      finds_none: select role from shop.roles where role not in ('admin', 'clerk', 'buyer', 'guest')
    - query: no table is without a key
      on: catalog
      finds_none: >-
        select oid::regclass from pg_catalog.pg_class as c where relnamespace = 'shop'::regnamespace and relkind = 'r'
        and not exists (select from pg_catalog.pg_constraint where conrelid = c.oid and contype = 'p')
    ```

    Tables are named with their schema. On the `catalog` it is asked once, of what the migrations made, and comes to
    *present*. Proven on the seeds: it finds nothing in them, and there is a row in what it
    names. On generated data: it finds
    nothing among rows that keep all declared rules, nor after any insert, update or delete that the database accepts in
    the tables that it names, and in those under `tables` (what its views are made of, what its tables refer to).
    Tried are new rows, rows that change their parent, values
    that other rows have in a column of the same name, the constants of the query and their neighbours. What another
    rule refuses is no fault here. `concurrently: true`: nor does it find anything after two such writes in two
    transactions at once, of which those are tried most that refuse one another one after the other. With `as` it is
    these roles that write, with `claims`, each to rows that it reaches; the query is asked by the connection's user,
    whom no policy holds back.
    """

    scopes: ClassVar[tuple[str, ...]] = ("table", "module")
    about_triggers: ClassVar = True

    query: str = key(text, "what holds, in a sentence")
    finds_none: str = key(query_of(), "the query; a row that it finds is a fault")
    on: str = key(choice("both", "seeds", "generated", "catalog"), "the data it is asked about", default="both")
    tables: tuple[TableName, ...] = key(
        several(keys.table), "tables that are written to besides those that the query names", default=()
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
        return self.query

    def facts(self, subject: Subject) -> Iterator[Fact]:
        if self.on == "catalog":
            yield self._fact(subject, "in the catalog", tried=False)
        elif self.on != "generated":
            yield self._fact(subject, "on the seeds", tried=True)
        yield from known(self, subject)

    def _fact(self, subject: Subject, where: str, *, tried: bool) -> Fact:
        found = self._rows_found(subject)
        return Fact(f"found {where}: {NOTHING}", f"found {where}: {found}", tried=tried)

    def scenarios(self, subject: Subject) -> st.SearchStrategy[Scenario] | None:
        if self.on == "catalog":
            return None
        on_seeds = self._rows_found(subject)  # fails where PostgreSQL cannot make sense of the query
        if self.on == "seeds" and not self._seeded(subject):
            raise Unreliable("the seeds have no row in what the query names, so that it had nothing to find")
        if self.on == "seeds" or (self.on == "both" and on_seeds != NOTHING):
            return None
        tables = self._tables(subject)
        columns = sql.columns(f"exists ({self.finds_none}\n)")
        constants = Rule(f"exists ({self.finds_none}\n)")
        then = Postcondition(f"select {self._found()}", NOTHING, "the query finds")
        asking = {table.name: self._askers(subject, table) for table in tables}
        if self.as_ and not any(asking.values()):
            raise Unreliable(f"{', '.join(self.as_)} may write to no table that the query names")

        def build(draft: Draft) -> Scenario:
            fresh = []
            for table in tables:
                least = present(table, subject.pools.of(table))
                for _ in range(2):
                    fixed, there = drawn_for(asking[table.name], draft)
                    draft.insert(table.name, fixed, (*least, *there))
                fixed, there = drawn_for(asking[table.name], draft)
                fresh.append(draft.row(table.name, fixed, (*least, *there)))
            standing = list(draft.inserts)
            probes = [Probe(Execute("select"), AcceptedOrRefused(), "generated rows", "generated rows", then=then)]
            for table, row in zip(tables, fresh, strict=True):
                for command, value, statement in writes(subject, draft, table, row, standing, columns, constants):
                    aspect = f"{command} {table.name}"
                    words = f"{aspect}{': ' if value else ''}{value}"
                    required = command == "insert into"
                    probe = Probe(statement, AcceptedOrRefused(), aspect, words, then=then, required=required)
                    probes += self._asked(asking[table.name], draft, table.name, probe) if self.as_ else [probe]
            return Scenario(tuple(draft.inserts), tuple(probes))

        return subject.scenarios(build)

    def _askers(self, subject: Subject, table: Table) -> list[Asker]:
        """The roles that may write to a table."""
        found = askers(self, replace(subject, name=table.name))
        name, commands = qualified(table.name), ("insert", "update")
        roles = subject.roles
        return [
            each
            for each in found
            if roles.on_table(each.role, name, "delete") or any(roles.on_columns(each.role, name, c) for c in commands)
        ]

    def _asked(self, asking: Sequence[Asker], draft: Draft, table: TableName, probe: Probe) -> Iterator[Probe]:
        """A write by each of the roles that has the privilege for it."""
        may = [asker for asker in asking if not asker.lacks(probe.statement)]
        # Policies may be against one command or another: a role has to be seen to write at all.
        probe = replace(probe, aspect=f"a write to {table}", required=True)
        return asked_each(may, draft, table, [probe] if may else [])

    def races(self, subject: Subject) -> st.SearchStrategy[Races] | None:
        if self.on in ("seeds", "catalog"):
            return None
        tables = self._tables(subject)
        constants = Rule(f"exists ({self.finds_none}\n)")
        watch = Invariant(f"select {self._found()}", "the query finds nothing")

        def build(draft: Draft) -> Races:
            races = [
                Race(aspect, what, [one], [other], watch, required=False, any_refusal=True)
                for aspect, what, one, other in neighbours(subject, draft, tables, constants)
            ]
            return Races(tuple(draft.inserts), tuple(races))

        return subject.scenarios(build)

    def _tables(self, subject: Subject) -> list[Table]:
        """The tables that are written to. A view that the query names is none of them."""
        named = (name for name in sql.tables(self.finds_none) if name in subject.catalog.tables)
        found = [subject.catalog.table(name) for name in dict.fromkeys((*named, *self.tables))]
        if not found:
            raise Unreliable("the query names no table, only views; say under `tables:` what they are made of")
        return found

    def _seeded(self, subject: Subject) -> bool:
        """Whether there is a row in any table or view that the query names."""
        names = dict.fromkeys(sql.tables(self.finds_none))
        there = " or ".join(f"exists (select from {qualified(name)})" for name in names)
        return not names or self._scalar(subject, f"({there})::text") == "true"

    def _rows_found(self, subject: Subject) -> str | None:
        """What the query finds in the database as it stands."""
        return self._scalar(subject, self._found())

    @staticmethod
    def _scalar(subject: Subject, expression: str) -> str | None:
        # Names are looked up in the schema of a table; those of a query have theirs with them.
        table = next(iter(subject.catalog.tables.values()))
        return subject.oracle.scalar(table, expression)

    def _found(self) -> str:
        """An expression for what the query finds: its first rows, and how many more there are."""
        row = "coalesce(nullif(to_jsonb(harness_q)::text, '{}'), 'a row')"
        found = f"({self.finds_none}\n) as harness_q"
        numbered = f"select {row} as r, row_number() over () as n from {found}"
        rows = f"string_agg(r, ', ' order by n) filter (where n <= {SHOWN})"
        more = f"case when count(*) > {SHOWN} then format(' and %s more', count(*) - {SHOWN}) else '' end"
        return f"(select coalesce({rows} || {more}, '{NOTHING}') from ({numbered}) as harness_r)"
