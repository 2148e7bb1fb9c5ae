"""row_security"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from harness.catalog.model import Table
from harness.generation import Draft
from harness.kinds._owners import Bound, Owners, claimed, claims, stand_in
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
    these claims. `sees` and `may_write` are evaluated by the owner, so no policy is tested with itself. Proven: exactly
    the rows that `sees` names are read; exactly those that `may_write` names can be updated and deleted; none can be
    inserted for another, given away or adopted. `sees: false` means no rows, or no privilege to look. Row security is
    enabled, and forced on the owner unless `forced: false`. `as: $owner` is the owner of the table; where
    that is a superuser, an ordinary role stands in for it. The type of a variable is that of the column
    it is compared with, unless `variables` says it.
    """

    row_security: str = key(text, "the rule in a sentence")
    as_: str = key(name, "the role that asks, or `$owner`")
    sees: str = key(predicate, "the rows it reads, as an SQL predicate with $variables")
    may_write: str = key(predicate, "the rows it may insert, update and delete", default="false")
    claims: FrozenDict[Any] | None = key(
        mapping(tree), "settings that say who asks; a mapping becomes a JSON text", default=None
    )
    variables: FrozenDict[str] | None = key(mapping(text), "types of the variables", default=None)
    policy: tuple[str, ...] = key(names, "the policies that do it", default=())
    forced: bool = key(boolean, "whether row security holds for the table's owner too", default=True)

    @property
    def subject(self) -> str:
        return self.row_security

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
        predicates = (self.sees, self.may_write)
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
                asking = _Asking(subject, owners, settings, self.policy, drawn[place], drawn[other])
                probes += asking.reads(self.sees)
                probes += asking.writes(self.may_write, rows)
                probes += asking.inserts(self.may_write, fresh[place], fresh[other] if variables else None)
                probes += asking.moves(self.may_write, rows[place], rows[other])
            setup: tuple[Statement, ...] = (*draft.inserts, *map(Execute, preparation))
            return Scenario(setup, tuple(probes))

        return subject.scenarios(build)


@dataclass(frozen=True)
class _Asking:
    """One who asks: settings of the session, policies that answer, the values it stands for and a stranger's."""

    subject: Subject
    owners: Owners
    settings: Mapping[str, str]
    policies: tuple[str, ...]
    values: Bound
    stranger: Bound

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
        rows = f"coalesce(string_agg({_key(table)}, ' ' order by {_key(table)}), '')"
        named = (
            f"select {rows} from {target} as {identifier(table.name.table)} where {self.owners.bind(sees, self.values)}"
        )
        # What is seen travels in a setting from the role that looks to the owner who compares.
        read = Execute(f"select set_config('harness.seen', {rows}, true) from {target}")
        seen = "current_setting('harness.seen')"
        count = "coalesce(cardinality(string_to_array(nullif({}, ''), ' ')), 0)"
        compared = (
            f"select case when {seen} = ({named}) then 'exactly those' else format('%s rows, not the %s', "
            f"{count.format(seen)}, {count.format(f'({named})')}) end"
        )
        then = Then(compared, "exactly those", f"the rows where {sees}")
        yield Probe(read, Accepted(), "sees exactly", f"read by {self.who}:", self.settings, then)

    def writes(self, may_write: str, rows: list[dict[str, str | None]]) -> Iterator[Probe]:
        """An update and a delete of all rows of the scenario at once: they reach those that may be written."""
        table = self.subject.table
        target, column = qualified(table.name), identifier(_plain_column(self.subject))
        here = " or ".join(f"({condition(self.subject.key(row))})" for row in rows)
        statements = {"update": f"update {target} set {column} = {column}", "delete": f"delete from {target}"}
        for command, statement in statements.items():
            execute, value = Execute(f"{statement} where {here}"), f"{command} by {self.who}:"
            if _is(may_write, "false"):
                yield Probe(execute, Untouched(), f"no {command}", value, self.settings)
                continue
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

    def inserts(self, may_write: str, own: Values, foreign: Values | None) -> Iterator[Probe]:
        table, refused = self.subject.table.name, Refused(("42501",))
        if _is(may_write, "false"):
            yield Probe(Insert(table, own), refused, "no insert", f"insert by {self.who}:", self.settings)
            return
        yield Probe(Insert(table, own), Accepted(1), "insert", f"insert by {self.who}:", self.settings)
        if foreign is not None and not _is(may_write, "true"):
            value = f"insert for another by {self.who}:"
            yield Probe(Insert(table, foreign), refused, "insert for another", value, self.settings)

    def moves(self, may_write: str, own: Values, foreign: Values) -> Iterator[Probe]:
        """An own row given away and another's adopted, where the table itself says whose a row is."""
        if _is(may_write, "true") or _is(may_write, "false") or not self.owners.direct:
            return
        table = self.subject.table.name
        away = {column: self.stranger[variable] for column, variable in self.owners.direct.items()}
        mine = {column: self.values[variable] for column, variable in self.owners.direct.items()}
        give = Update(table, self.subject.key(own), away)
        yield Probe(give, Refused(("42501",)), "given away", f"own row given away by {self.who}:", self.settings)
        adopt = Update(table, self.subject.key(foreign), mine)
        yield Probe(adopt, Untouched(), "adopted", f"another's row adopted by {self.who}:", self.settings)


def _is(predicate: str, word: str) -> bool:
    return predicate.strip().lower() == word


def _key(table: Table) -> str:
    """An expression that tells the rows of a table apart, without blanks in it."""
    columns = table.primary_key or tuple(column.name for column in table.columns)
    return f"md5(row({', '.join(map(identifier, columns))})::text)"


def _plain_column(subject: Subject) -> str:
    """A column to set to itself: not of the key, and not one that a trigger writes."""
    table = subject.table
    for column in table.columns:
        if column.name not in {*table.primary_key, *subject.rewritten} and column.is_supplied and not column.identity:
            return column.name
    return table.columns[0].name
