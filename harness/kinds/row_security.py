"""row_security"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from harness.catalog.model import Table
from harness.generation import Draft
from harness.kinds._owners import Bound, Owners, claimed, claims, stand_in
from harness.kinds._roads import as_it_was, upsert
from harness.kinds.base import Fact, Kind, Subject
from harness.probes import (
    Accepted,
    Execute,
    Insert,
    Probe,
    Refused,
    Scenario,
    Statement,
    Then,
    Untouched,
    Update,
    Values,
)
from harness.probes.statement import condition, identifier, qualified
from harness.project import sql
from harness.project.keys import FrozenDict, boolean, key, mapping, name, names, predicate, text, tree

OWNERS = 3
"""Values drawn for each variable: rows of that many owners stand side by side."""


@dataclass(frozen=True)
class RowSecurity(Kind):
    """Who sees which rows, and which they can write.

    ```yaml
    - row_security: a user sees their own orders and writes none
      as: authenticated
      claims: {request.jwt.claims: {sub: $user, role: authenticated}}
      variables: {user: uuid}
      sees: user_id = $user::text
      may_write: false
      policy: orders_read_own
    ```

    `$user` is drawn: rows of three users stand in the table at once, and each of them in turn asks as the role with
    these claims. The predicates are evaluated by the owner, so no policy is tested with itself. Proven: exactly the
    rows that `sees` names are read; exactly those that `may_update` and `may_delete` name can be updated and deleted;
    none can be inserted but what `may_insert` names, none for another, given away, adopted, or overwritten by INSERT …
    ON CONFLICT DO UPDATE; an UPDATE … RETURNING shows no others. `may_write` stands for those of the three that are
    not said. `sees: false` means no rows, or no privilege to look. Whose a row is may stand in the row, above it, or in
    a table that refers to either (`exists (select from members m where m.team_id = teams.id and m.user_id = $user)`).
    Row security is enabled, and forced on the owner unless `forced: false`. `as: $owner` is the owner of the table;
    where that is a superuser, an ordinary role stands in for it. The type of a variable is that of the column it is
    compared with, unless `variables` says it.
    """

    row_security: str = key(text, "the rule in a sentence")
    as_: str = key(name, "the role that asks, or `$owner`")
    sees: str = key(predicate, "the rows it reads, as an SQL predicate with $variables")
    may_write: str = key(predicate, "the rows it may insert, update and delete", default="false")
    may_insert: str | None = key(predicate, "the rows it may insert, if not those of `may_write`", default=None)
    may_update: str | None = key(predicate, "the rows it may update, if not those of `may_write`", default=None)
    may_delete: str | None = key(predicate, "the rows it may delete, if not those of `may_write`", default=None)
    claims: FrozenDict[Any] | None = key(
        mapping(tree), "settings that say who asks; a mapping becomes a JSON text", default=None
    )
    variables: FrozenDict[str] | None = key(mapping(text), "types of the variables", default=None)
    policy: tuple[str, ...] = key(names, "the policies that do it", default=())
    forced: bool = key(boolean, "whether row security holds for the table's owner too", default=True)

    @property
    def subject(self) -> str:
        return self.row_security

    @property
    def _may(self) -> _May:
        own = (self.may_insert, self.may_update, self.may_delete)
        return _May(*(self.may_write if predicate is None else predicate for predicate in own))

    def roles(self) -> tuple[str, ...]:
        return () if self.as_ == "$owner" else (self.as_,)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        table = subject.table
        forced = "forced" if table.force_row_security else "not forced"
        caught = f"row security {'enabled' if table.row_security else 'disabled'}, {forced}"
        yield Fact(f"row security enabled, {'forced' if self.forced else forced}", caught)
        role = table.owner if self.as_ == "$owner" else self.as_
        if not subject.roles.exists(role):
            yield Fact(f"role {role} exists", f"no role {role}")
        for wanted in self.policy:
            found = table.policy(wanted)
            roles = role if {role, "public"} & {*found.roles} else ", ".join(found.roles)
            yield Fact(f"policy {wanted} for {role}", f"policy {wanted} for {roles}")

    def scenarios(self, subject: Subject) -> st.SearchStrategy[Scenario]:
        may = self._may
        predicates = (self.sees, may.insert, may.update, may.delete)
        variables = [name for text in predicates for name in sql.variables(text)]
        variables += [name for value in (self.claims or {}).values() for name in claimed(value)]
        owners = Owners.of(subject, predicates, tuple(dict.fromkeys(variables)), self.variables or {})
        role, preparation = stand_in(subject) if self.as_ == "$owner" else (self.as_, [])

        def build(draft: Draft) -> Scenario:
            drawn = owners.draw(draft, OWNERS)
            rows = [owners.insert(draft, values) for values in drawn]
            fresh = [owners.row(draft, values) for values in drawn]
            probes: list[Probe] = []
            # Without variables everybody asks alike: once is enough.
            for place in range(OWNERS if variables else 1):
                other = (place + 1) % OWNERS
                settings = {"role": role, **claims(self.claims or {}, drawn[place])}
                asking = _Asking(subject, owners, settings, self.policy, drawn[place])
                probes += asking.reads(self.sees)
                probes += asking.writes("update", may.update, rows)
                probes += asking.writes("delete", may.delete, rows)
                probes += asking.inserts(may.insert, fresh[place], fresh[other] if variables else None)
                probes += asking.moves(may.update, rows[place], rows[other])
                probes += asking.returns(self.sees, may.update, rows)
                if variables:
                    probes += asking.overwrites(may, fresh[place], rows[other])
            setup: tuple[Statement, ...] = (*draft.inserts, *map(Execute, preparation))
            return Scenario(setup, tuple(probes))

        return subject.scenarios(build)


@dataclass(frozen=True)
class _May:
    """The rows that each command may write."""

    insert: str
    update: str
    delete: str


@dataclass(frozen=True)
class _Asking:
    """One who asks: settings of the session, policies that answer, and the values it stands for."""

    subject: Subject
    owners: Owners
    settings: Mapping[str, str]
    policies: tuple[str, ...]
    values: Bound

    @property
    def who(self) -> str:
        drawn = ", ".join(f"${name} = {value}" for name, value in self.values.items())
        policies = f" by policy {', '.join(self.policies)}" if self.policies else ""
        return f"{self.settings['role']}{f' with {drawn}' if drawn else ''}{policies}"

    def reads(self, sees: str) -> Iterator[Probe]:
        table = self.subject.table
        target = qualified(table.name)
        if _is(sees, "false"):
            read = Execute(f"select from {target}")
            yield Probe(read, Untouched(), "sees nothing", f"read by {self.who}:", self.settings)
            return
        read = Execute(f"select set_config('harness.seen', {_joined(_key(table))}, true) from {target}")
        then = self._exactly(sees, f"the rows where {sees}")
        yield Probe(read, Accepted(), "sees exactly", f"read by {self.who}:", self.settings, then)

    def writes(self, command: str, may_write: str, rows: list[dict[str, str | None]]) -> Iterator[Probe]:
        """An update or a delete of all rows of the scenario at once: it reaches those that may be written."""
        table = self.subject.table
        target, here = qualified(table.name), self._here(rows)
        statement = self._touch if command == "update" else f"delete from {target}"
        execute, value = Execute(f"{statement} where {here}"), f"{command} by {self.who}:"
        if _is(may_write, "false"):
            # Another declared rule that refuses it first keeps the rows from being written just as well.
            yield Probe(execute, Untouched(), f"no {command}", value, self.settings, required=False)
            return
        allowed = self.owners.bind(may_write, self.values)
        # Counted before: after the statement they may be gone.
        before = (
            f"select set_config('harness.wanted', (select count(*) from {target} as {identifier(table.name.table)}"
            f" where ({here}) and ({allowed}))::text, true)"
        )
        compared = (
            "select case when current_setting('harness.changed') = current_setting('harness.wanted')"
            " then 'exactly those' else format('%s rows, not the %s',"
            " current_setting('harness.changed'), current_setting('harness.wanted')) end"
        )
        then = Then(compared, "exactly those", f"the rows where {may_write}")
        yield Probe(execute, Accepted(), f"{command} exactly", value, self.settings, then, before)

    def inserts(self, may_insert: str, own: Values, foreign: Values | None) -> Iterator[Probe]:
        table, refused = self.subject.table.name, Refused(("42501",))
        value = f"insert by {self.who}:"
        if _is(may_insert, "false"):
            yield Probe(Insert(table, own), refused, "no insert", value, self.settings)
            return
        wanted = Accepted(1) if self.owners.at_birth(may_insert) else refused
        yield Probe(Insert(table, own), wanted, "insert", value, self.settings)
        if foreign is not None and not _is(may_insert, "true"):
            value = f"insert for another by {self.who}:"
            yield Probe(Insert(table, foreign), refused, "insert for another", value, self.settings)

    def moves(self, may_update: str, own: Values, foreign: Values) -> Iterator[Probe]:
        """An own row given away and another's adopted, where the row says itself, or by its parent, whose it is."""
        columns = [column for column in self.owners.columns if self.subject.may_update([column])]
        if _is(may_update, "true") or _is(may_update, "false") or not columns:
            return
        table = self.subject.table.name
        give = Update(table, self.subject.key(own), {column: foreign[column] for column in columns})
        yield Probe(give, Untouched(), "given away", f"own row given away by {self.who}:", self.settings)
        adopt = Update(table, self.subject.key(foreign), {column: own[column] for column in columns})
        yield Probe(adopt, Untouched(), "adopted", f"another's row adopted by {self.who}:", self.settings)

    def returns(self, sees: str, may_update: str, rows: list[dict[str, str | None]]) -> Iterator[Probe]:
        """What an update gives back are rows that may be seen."""
        if _is(may_update, "false") or _is(sees, "false"):
            return
        here, table = self._here(rows), self.subject.table
        # The key alone: the role may lack the privilege to read other columns.
        update = Execute(
            f"with harness_changed as ({self._touch} where {here} returning {_key(table)} as harness_key) "
            f"select set_config('harness.seen', {_joined('harness_key')}, true) from harness_changed"
        )
        wanted = f"({here}) and ({may_update}) and ({sees})"
        then = self._exactly(wanted, f"the rows where {may_update} and {sees}")
        yield Probe(update, Accepted(), "returning exactly", f"update returning by {self.who}:", self.settings, then)

    def overwrites(self, may: _May, own: Values, foreign: Values) -> Iterator[Probe]:
        """A row of one's own with another's key, to write over what stands there."""
        if _is(may.insert, "false") or _is(may.update, "false") or _is(may.update, "true"):
            return
        table, column = self.subject.table, _plain_column(self.subject)
        row = {**own, **{name: foreign[name] for name in table.primary_key}}
        statement = upsert(table, row, {column: own[column]}) if table.primary_key else None
        if statement is not None:
            value = f"upsert of another's row by {self.who}:"
            # A trigger may have written it and say that nothing was done.
            found = f"select case when count(*) = 1 then 'as it was' else 'another' end from {qualified(table.name)}"
            then = Then(f"{found} where {as_it_was(self.subject, foreign)}", "as it was", "the row is")
            yield Probe(statement, Untouched(), "overwritten", value, self.settings, then)

    @property
    def _touch(self) -> str:
        column = identifier(_plain_column(self.subject))
        return f"update {qualified(self.subject.table.name)} set {column} = {column}"

    def _here(self, rows: list[dict[str, str | None]]) -> str:
        return " or ".join(f"({condition(self.subject.key(row))})" for row in rows)

    def _exactly(self, predicate: str, meaning: str) -> Then:
        """That the setting ``harness.seen`` names the rows where a predicate holds, and no others.

        What is seen travels in it from the role that looks to the owner who compares.
        """
        table = self.subject.table
        named = (
            f"select {_joined(_key(table))} from {qualified(table.name)} as {identifier(table.name.table)} "
            f"where {self.owners.bind(predicate, self.values)}"
        )
        seen = "current_setting('harness.seen')"
        count = "coalesce(cardinality(string_to_array(nullif({}, ''), ' ')), 0)"
        compared = (
            f"select case when {seen} = ({named}) then 'exactly those' else format('%s rows, not the %s', "
            f"{count.format(seen)}, {count.format(f'({named})')}) end"
        )
        return Then(compared, "exactly those", meaning)


def _is(predicate: str, word: str) -> bool:
    return predicate.strip().lower() == word


def _key(table: Table) -> str:
    """An expression that tells the rows of a table apart, without blanks in it."""
    columns = table.primary_key or tuple(column.name for column in table.columns)
    return f"md5(row({', '.join(map(identifier, columns))})::text)"


def _joined(key: str) -> str:
    """What tells the rows of a query apart, as one text."""
    return f"coalesce(string_agg({key}, ' ' order by {key}), '')"


def _plain_column(subject: Subject) -> str:
    """A column to set to itself: not of the key, and not one that a trigger writes."""
    table = subject.table
    for column in table.columns:
        if column.name not in {*table.primary_key, *subject.rewritten} and column.is_supplied and not column.identity:
            return column.name
    return table.columns[0].name
