"""query"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.kinds.base import (
    Draft,
    Fact,
    NewRow,
    RacesStrategy,
    Rule,
    ScenarioStrategy,
    Subject,
    Table,
    TableName,
    Unreliable,
    qualified,
)
from harness.kinds.query_parts.aims import Aims
from harness.kinds.query_parts.by_roles import WritesByRoles
from harness.kinds.query_parts.sequences import Sequences
from harness.kinds.query_parts.story import MORE
from harness.kinds.query_parts.writes import QueryWrites, Write, pairs_of_writes, similar_rows
from harness.kinds.row_access.acting_roles import ActingRole, ActsAsRoles, as_roles_each, draw_reachable
from harness.kinds.toolkit.changes import filled_references
from harness.probes import AcceptedOrRefused, Execute, Postcondition, Probe, Scenario, Steps, settle
from harness.project import keys, sql
from harness.project.keys import choice, concurrently, key, query_of, several, text
from harness.races import NOTHING, Invariant, Race, Races

SHOWN = 3
"""Rows of a query that a report shows."""


@dataclass(frozen=True)
class QueryKind(ActsAsRoles):
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

    Tables are named with their schema. On the `catalog` the query is asked once, of what the migrations created, and
    the check is *present*. Proven on the seeds: the query finds nothing, and there is a row in what it names. Proven on
    generated data: it finds nothing among rows that keep all declared rules, and nothing after any insert, update or
    delete that the database accepts. Writes go to the tables that the query names, and to those under `tables` (what
    its views are made of, what its tables refer to). The writes insert rows, change parents, and set columns to values
    of other rows, to the constants of the query and to their neighbours. A write that another rule refuses is no fault.

    Besides single writes, sequences of up to six are tried, and the query is asked after each write that is accepted.
    A report shows the fewest writes, and says how many sequences were tried; the profile decides that. The text of the
    query, of its views and of its functions in SQL says what is worth trying: two values for which an expression of the
    query has one result (`lower(handle)`, an element of an array, a function of one's own), as many rows as it counts,
    rows that agree in all columns that it joins or groups by but one, rows that point at each other.

    `concurrently: true`: it finds nothing either after two such writes in two transactions at once, with others
    committed ahead of them. Those pairs are tried most that break the query while no trigger looks at them. With `as`
    these roles write, with `claims`, each to rows that it reaches; the connection's user, for whom no policy holds,
    asks the query.
    """

    scopes = ("table", "module")
    about_triggers = True

    query: str = key(text, "what holds, in a sentence")
    finds_none: str = key(query_of(), "the query; a row that it finds is a fault")
    on: str = key(choice("both", "seeds", "generated", "catalog"), "the data it is asked about", default="both")
    tables: tuple[TableName, ...] = key(
        several(keys.table), "tables that are written to besides those that the query names", default=()
    )
    concurrently: tuple[str, ...] = concurrently()

    def facts(self, subject: Subject) -> Iterator[Fact]:
        if self.on != "generated":
            on_catalog, found = self.on == "catalog", self._rows_found(subject)
            where = "in the catalog" if on_catalog else "on the seeds"
            yield Fact(f"found {where}: {NOTHING}", f"found {where}: {found}", tried=not on_catalog)
        yield from subject.missing_roles(*self.roles())

    def scenarios(self, subject: Subject) -> ScenarioStrategy | None:
        if self.on == "catalog":
            return None
        on_seeds = self._rows_found(subject)  # raises an error of PostgreSQL for a wrong query
        if self.on == "seeds" and not self._seeded(subject):
            raise Unreliable("the seeds have no row in what the query names, so that it had nothing to find")
        if self.on == "seeds" or (self.on == "both" and on_seeds != NOTHING):
            return None
        tables = self._tables(subject)
        columns = sql.columns(self._condition.predicate)
        then = Postcondition(f"select {self._found()}", NOTHING, "the query finds")
        roles = {table.name: self._writing_roles(subject, table) for table in tables}
        if self.as_ and not any(roles.values()):
            raise Unreliable(f"{', '.join(self.as_)} may write to no table that the query names")
        aims = Aims.of(subject, tables, self._condition, self.finds_none)

        def build(draft: Draft, fresh: Mapping[TableName, list[NewRow]]) -> Iterator[Probe]:
            for table in tables:
                filled = filled_references(table, subject.pools.of(table))
                for _ in range(2):
                    draw_reachable(roles[table.name], draft, draft.insert, table.name, filled)
                fresh[table.name].append(draw_reachable(roles[table.name], draft, draft.row, table.name, filled))
            existing = list(draft.inserts)
            writes = QueryWrites(subject, draft, self._condition, columns)
            yield Probe(Execute("select"), AcceptedOrRefused(), "generated rows", "generated rows", then=then)
            for table in tables:
                for write in writes.of(table, fresh[table.name][0], existing):
                    required = write.command.startswith("insert")
                    probe = Probe(
                        write.statement, AcceptedOrRefused(), write.command, str(write), then=then, required=required
                    )
                    yield from self._by_roles(roles[table.name], draft, table.name, probe) if self.as_ else [probe]

        def scenario(draft: Draft) -> Scenario:
            fresh: dict[TableName, list[NewRow]] = {table.name: [] for table in tables}
            probes = tuple(build(draft, fresh))
            sequences = self._sequences(draft, Sequences.on(draft, aims, fresh), roles)
            return Scenario((*draft.inserts,), probes, besides=(sequences,))

        return subject.scenarios(scenario)

    def _sequences(
        self, draft: Draft, sequences: Sequences, roles: Mapping[TableName, Sequence[ActingRole]]
    ) -> Scenario:
        """Returns sequences of writes; after each write that is accepted the query is asked.

        Each write is of one of the ``roles``, if there are any, with claims that reach its row. Of the rows before
        them any may be refused: what triggers think of drawn rows is not theirs to show.
        """
        taken = "case when current_setting('harness.taken', true) = 'none' then 'every write refused'"
        then = Postcondition(
            f"select {taken} else {self._found()} end", NOTHING, "the query finds", idle="every write refused"
        )
        settled, probes = settle(sequences.subject.catalog), []
        by_roles = WritesByRoles(roles, draft, random.Random(sequences.seed))
        for number, drawn in enumerate(sequences.of(draft)):
            writes = by_roles.of(drawn) if self.as_ else drawn
            words = tuple(map(str, writes))
            steps = Steps(tuple(write.statement for write in writes), words, self.finds_none, settled)
            aspect = f"sequence {number}"
            if writes:
                probes.append(Probe(steps.skipping, AcceptedOrRefused(), aspect, str(steps), then=then, required=False))
        return Scenario((*draft.inserts, *sequences.more), tuple(probes), optional="row by row")

    @property
    def _condition(self) -> Rule:
        """The query as a condition: its columns and constants are tried."""
        return Rule(f"exists ({self.finds_none}\n)")

    def _writing_roles(self, subject: Subject, table: Table) -> list[ActingRole]:
        """Returns the roles that may write to a table."""
        name, commands = qualified(table.name), ("insert", "update")
        roles = subject.roles
        return [
            each
            for each in self.acting_roles(replace(subject, name=table.name))
            if roles.on_table(each.role, name, "delete") or any(roles.on_columns(each.role, name, c) for c in commands)
        ]

    def _by_roles(self, roles: Sequence[ActingRole], draft: Draft, table: TableName, probe: Probe) -> Iterator[Probe]:
        """Yields a write by each of the roles that have the privilege for it."""
        may = [role for role in roles if not role.lacks(probe.statement)]
        # Policies may refuse some commands: each role has to be seen to write at all.
        probe = replace(probe, aspect=f"a write to {table}", required=True)
        return as_roles_each(may, draft, table, [probe] if may else [])

    def races(self, subject: Subject) -> RacesStrategy | None:
        if self.on in ("seeds", "catalog"):
            return None
        tables = self._tables(subject)
        watch = Invariant(f"select {self._found()}", "the query finds nothing")
        aims = Aims.of(subject, tables, self._condition, self.finds_none)
        keys = {column for table in tables for column in table.primary_key}
        named = [column for column in sql.columns(self._condition.predicate) if column not in keys]

        def race(ahead: Sequence[Write], one: Write, other: Write) -> Race:
            return Race(
                f"{one.command}, {other.command}",
                f"{one} and {other}",
                [one.statement],
                [other.statement],
                watch,
                required=False,
                any_refusal=True,
                ahead=tuple(write.statement for write in ahead),
            )

        def build(draft: Draft) -> Races:
            fresh = similar_rows(subject, draft, tables, self._condition)
            sequences = Sequences.on(draft, aims, fresh, draft.choose((0, MORE)))
            writes = QueryWrites(subject, draft, self._condition, named)
            pairs = pairs_of_writes(writes, tables, fresh, [*draft.inserts], random.Random(sequences.seed))
            races = (*(race((), *pair) for pair in pairs), *(race(*each) for each in sequences.in_two_sessions()))
            return Races((*draft.inserts, *sequences.more), races, optional="row by row")

        return subject.scenarios(build)

    def _tables(self, subject: Subject) -> list[Table]:
        """Returns the tables to write to, without the views that the query names."""
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
        """Returns the rows that the query finds in the database now."""
        return self._scalar(subject, self._found())

    @staticmethod
    def _scalar(subject: Subject, expression: str) -> str | None:
        # The oracle looks names up in the schema of a table; those of a query are qualified.
        return subject.oracle.scalar(next(iter(subject.catalog.tables.values())), expression)

    def _found(self) -> str:
        """Returns an expression for the first rows that the query finds, and the number of the others."""
        row = "coalesce(nullif(to_jsonb(harness_q)::text, '{}'), 'a row')"
        found = f"({self.finds_none}\n) as harness_q"
        numbered = f"select {row} as r, row_number() over () as n from {found}"
        rows = f"string_agg(r, ', ' order by n) filter (where n <= {SHOWN})"
        more = f"case when count(*) > {SHOWN} then format(' and %s more', count(*) - {SHOWN}) else '' end"
        return f"(select coalesce({rows} || {more}, '{NOTHING}') from ({numbered}) as harness_r)"
