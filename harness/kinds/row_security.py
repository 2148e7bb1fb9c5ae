"""row_security"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from hypothesis import strategies as st

from harness.catalog.parts import TableRule
from harness.generation.draft import Draft
from harness.kinds.base import Fact, Kind, Subject
from harness.kinds.owners.asking import NARROWED, Asking, May, says
from harness.kinds.owners.owned import Owners, claimed, claims
from harness.kinds.owners.stand_in import stand_in
from harness.kinds.owners.takeovers import takeovers
from harness.kinds.owners.widened import untried, widened
from harness.probes import Execute, Probe, Scenario, SqlStatement
from harness.project import keys, sql
from harness.project.keys import FrozenDict, any_value, boolean, key, mapping, name, names, predicate, several, text
from harness.project.model import TableName

OWNERS = 3
"""Values drawn for each variable: rows of that many owners stand side by side."""

REFUSED = "42501"
"""How privileges and policies refuse."""


@dataclass(frozen=True)
class RowSecurityKind(Kind):
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
    these claims, and so does a fourth who has none. The predicates are evaluated by the owner, so no policy is tested
    with itself. Proven: exactly the rows that `sees` names are read and counted; exactly those that `may_update` and
    `may_delete` name can be updated and deleted, also by a statement that reads no column; none can be inserted but
    what `may_insert` names, none for another or for nobody (where the column may be NULL), none given away, adopted, or
    overwritten by INSERT … ON CONFLICT; RETURNING shows no others, and an INSERT … RETURNING of a row that may be
    inserted and seen is accepted, as ORMs send it.

    Of what could show the role more than the policies do, the catalog is read and nothing is called: views over the
    table that it may use are `security_invoker`, materialized views are out of its reach, and functions with the rights
    of their owner in the table's schema that it may call, or whose triggers it fires, pin their `search_path`. What
    such functions return or write, there and in other schemas, is not tried: the outcome lists those that the role can
    reach.

    `may_write` stands for those of the three that are not said. `sees: false` means no rows, or no privilege to look;
    an error is neither, unless it is one of `errors` (a hosted platform may raise `22P02` for claims that make no
    sense). Without `claims` the role asks in both states in which production has the settings that nobody set: never
    set, and left empty by an earlier transaction, as a pooled connection has them (where `''::uuid` fails). Whose a row
    is may stand in the row, above it, or in a table that refers to either (`exists (select from members m where
    m.team_id = teams.id and m.user_id = $user)`). Row security is enabled, and forced on the owner unless `forced:
    false`. `as: $owner` is the owner of the table; where that is a superuser, an ordinary role stands in for it. The
    type of a variable is that of the column it is compared with, unless `variables` says it.
    """

    about_triggers: ClassVar = True

    row_security: str = key(text, "the rule in a sentence")
    as_: str = key(name, "the role that asks, or `$owner`")
    sees: str = key(predicate, "the rows it reads, as an SQL predicate with $variables")
    may_write: str = key(predicate, "the rows it may insert, update and delete", default="false")
    may_insert: str | None = key(predicate, "the rows it may insert, if not those of `may_write`", default=None)
    may_update: str | None = key(predicate, "the rows it may update, if not those of `may_write`", default=None)
    may_delete: str | None = key(predicate, "the rows it may delete, if not those of `may_write`", default=None)
    claims: FrozenDict[Any] | None = key(
        mapping(any_value), "settings that say who asks; a mapping becomes a JSON text", default=None
    )
    variables: FrozenDict[str] | None = key(mapping(text), "types of the variables", default=None)
    policy: tuple[str, ...] = key(names, "the policies that do it", default=())
    forced: bool = key(boolean, "whether row security holds for the table's owner too", default=True)
    errors: tuple[str, ...] = key(
        several(keys.sqlstate),
        "SQLSTATEs by which it may be refused as well, with claims that make no sense",
        default=(),
    )

    @property
    def subject(self) -> str:
        return self.row_security

    @property
    def _may(self) -> May:
        own = (self.may_insert, self.may_update, self.may_delete)
        return May(*(self.may_write if predicate is None else predicate for predicate in own))

    def roles(self) -> tuple[str, ...]:
        return () if self.as_ == "$owner" else (self.as_,)

    def declares(self, table: TableName) -> tuple[TableRule, ...]:
        return TableRule("row security", ""), *(TableRule("policy", name) for name in self.policy)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        table = subject.table
        forced = {True: "forced", False: "not forced"}
        actual = f"row security {'enabled' if table.row_security else 'disabled'}, {forced[table.force_row_security]}"
        yield Fact(f"row security enabled, {forced[self.forced]}", actual)
        role = table.owner if self.as_ == "$owner" else self.as_
        if not subject.roles.exists(role):
            yield Fact(f"role {role} exists", f"no role {role}")
        for expected in self.policy:
            found = table.policy(expected)
            roles = role if {role, "public"} & {*found.roles} else ", ".join(found.roles)
            yield Fact(f"policy {expected} for {role}", f"policy {expected} for {roles}")
        if subject.roles.exists(role):
            yield from widened(subject, role, self._held_back)

    def notes(self, subject: Subject, shown: Collection[str], masked: Mapping[str, str]) -> Iterator[str]:
        if self._held_back:
            yield from untried(subject, subject.table.owner if self.as_ == "$owner" else self.as_)

    @property
    def _held_back(self) -> tuple[str, ...]:
        """The commands that do not reach every row."""
        said = {"select": self.sees, "insert": self._may.insert, "update": self._may.update, "delete": self._may.delete}
        return tuple(command for command, predicate in said.items() if not says(predicate, "true"))

    def scenarios(self, subject: Subject) -> st.SearchStrategy[Scenario]:
        may = self._may
        predicates = (self.sees, may.insert, may.update, may.delete)
        variables = [name for text in predicates for name in sql.variables(text)]
        variables += [name for value in (self.claims or {}).values() for name in claimed(value)]
        owners = Owners.of(subject, predicates, tuple(dict.fromkeys(variables)), self.variables or {})
        role, preparation = stand_in(subject) if self.as_ == "$owner" else (self.as_, [])
        # Where nobody in particular asks, rows that hold what is claimed come nearest to being theirs.
        like = () if variables or says(self.sees, "true") else owners.rows_like(subject, self.claims or {})

        def build(draft: Draft) -> Scenario:
            cast = owners.cast(draft, subject, OWNERS, like)
            probes: list[Probe] = []
            for place, values in enumerate(cast.askers):
                settings = {"role": role, **claims(self.claims or {}, values)}
                refusals = (REFUSED, *self.errors)
                asking = Asking(subject, owners, settings, self.policy, values, self.sees, may, refusals)
                probes += asking.reads()
                probes += asking.writes("update", cast.standing)
                probes += asking.writes("delete", cast.standing)
                probes += asking.inserts(cast, place)
                probes += asking.returns(cast, place)
                probes += takeovers(asking, cast, place)
            setup: tuple[SqlStatement, ...] = (*draft.inserts, NARROWED, *map(Execute, preparation))
            return Scenario(setup, tuple(probes))

        return subject.scenarios(build)
