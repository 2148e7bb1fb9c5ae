"""row_security"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.kinds.base import (
    DoorProbes,
    Draft,
    Fact,
    Kind,
    ScenarioStrategy,
    Subject,
    Table,
    TableRule,
    Values,
)
from harness.kinds.row_access.attacks import ownership_attacks
from harness.kinds.row_access.bypasses import bypasses, stand_in, unread_claims
from harness.kinds.row_access.door_scenarios import OWNERS, DoorScenarios
from harness.kinds.row_access.doors import Doors
from harness.kinds.row_access.ownership import Owners
from harness.kinds.row_access.principal import STAND_INS, May, Principal, says
from harness.kinds.row_access.reachable import refuse_unclaimed
from harness.kinds.row_access.recursion import recursions
from harness.kinds.row_access.row_queries import NARROWED
from harness.kinds.row_access.through import Through
from harness.probes import Execute, Probe, Scenario, claim_settings, claim_variables
from harness.project import keys, sql
from harness.project.keys import (
    FrozenDict,
    any_value,
    boolean,
    key,
    mapping,
    name,
    names,
    predicate,
    section,
    several,
    text,
)

REFUSED = "42501"
"""The SQLSTATE of privileges and policies."""


@dataclass(frozen=True)
class RowSecurityKind(Kind):
    """A role sees and writes the rows of its owner, and no others.

    ```yaml
    - row_security: a user sees their own orders and writes none
      as: authenticated
      claims: {request.jwt.claims: {sub: $user, role: authenticated}}
      variables: {user: uuid}
      sees: user_id = $user::text
      may_write: false
      policy: orders_read_own
    ```

    `$user` is drawn. The table has rows of three users, and each of these users asks in turn, as the role with these
    claims; so does a fourth user without rows. The owner of the table evaluates the predicates, so that no policy is
    compared with itself. Proven:

    - The role reads and counts exactly the rows where `sees` is true.
    - It updates and deletes exactly the rows where `may_update` and `may_delete` are true, also by a statement that
      reads no column.
    - It inserts rows where `may_insert` is true, and no others: none of another owner, and none without an owner (if
      the column may be NULL).
    - It gives no row away, takes no row of another owner, and overwrites none by INSERT … ON CONFLICT.
    - RETURNING shows no other rows. INSERT … RETURNING, as ORMs send it, is accepted if the row may be inserted and
      seen.
    - No function, view, partition, trigger or foreign key that the role can use shows it rows of others, or changes
      them. Functions in SQL and PL/pgSQL whose code leads to the table are called, with values of rows of others among
      the arguments; what comes back is compared with what comes back without these rows.

    Looked up in the catalog: row security is enabled, and forced on the owner unless `forced: false`. Views over the
    table that the role may use are `security_invoker` or `security_barrier`, and it has no privilege on materialized
    views. Functions that run with the rights of their owner pin their `search_path`; these are the functions in the
    table's schema that the role may call, or that its writes fire.

    `through` declares what is meant to show rows of others, or to change them: `{function: 'app.total(date)', reason:
    the sum of all is public}`; or `view`, `table`, `trigger` or `foreign_key`. A note lists what was not tried, since
    it would leave the server or takes too long, and what failed each time. Nothing of it is tried as `public` or
    `$owner`.

    `may_write` is the default of the other three. `sees: false` means no rows, or no privilege to read. An error is
    neither, unless it is one of `errors`: a hosted platform may raise `22P02` for claims that make no sense. Without
    `claims` the role asks twice: with settings that were never set, and with settings that an earlier transaction left
    empty, as in a pooled connection (where `''::uuid` fails). The owner may be in a column of the row, of a row above
    it, or of a table that refers to one of these (`exists (select from members m where m.team_id = teams.id and
    m.user_id = $user)`). `as: $owner` is the owner of the table; if that is a superuser, an ordinary role acts for it.
    `as: public` is a role made for the check, with all privileges on the table and in no policy but those for
    everybody: with `sees: false` it declares row security without a policy.
    A variable has the type of the column that it is compared with, unless `variables` says another.
    """

    about_triggers = True
    row_alone = True

    row_security: str = key(text, "the rule in a sentence")
    as_: str = key(name, "the role that asks, `$owner`, or `public`: a role that no policy names")
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
        "SQLSTATEs by which it may be refused as well: by a trigger, or with claims that make no sense",
        default=(),
    )

    through: tuple[Through, ...] = key(
        several(section(Through, "through")), "doors to rows of others that are meant: what, and the reason", default=()
    )

    def __post_init__(self) -> None:
        """Raises ``ValueError`` for a variable that no claim sets."""
        refuse_unclaimed(self.claims or {}, (self.sees, self._may.insert, self._may.update, self._may.delete))

    @property
    def _may(self) -> May:
        own = (self.may_insert, self.may_update, self.may_delete)
        return May(*(self.may_write if predicate is None else predicate for predicate in own))

    def roles(self) -> tuple[str, ...]:
        return () if self.as_ in STAND_INS.values() else (self.as_,)

    def declares(self, table: Table) -> tuple[TableRule, ...]:
        return TableRule("row security", ""), *(TableRule("policy", name) for name in self.policy)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        table = subject.table
        forced = {True: "forced", False: "not forced"}
        actual = f"row security {'enabled' if table.row_security else 'disabled'}, {forced[table.force_row_security]}"
        way = "; alter table … force row level security, or `forced: false` if its owner may see all rows"
        lacks_only_force = table.row_security and self.forced and not table.force_row_security
        yield Fact(f"row security enabled, {forced[self.forced]}", f"{actual}{way if lacks_only_force else ''}")
        role = self._role(subject)
        there = role == "public" or subject.roles.exists(role)
        yield from subject.missing_roles(*(() if there else (role,)))
        for found in map(table.policy, self.policy):
            roles = role if {role, "public"} & {*found.roles} or not there else ", ".join(found.roles)
            yield Fact(f"policy {found.name} for {role}", f"policy {found.name} for {roles}")
        yield from unread_claims(subject, self.claims or {})
        if there:
            views = [each.view for each in self.through if each.view]
            # No function in a query sees a row that such a view leaves out: whether it leaves them out is tried.
            guarded = subject.catalog.views if self._uses_doors(subject) else ()
            views += [view.name for view in guarded if view.security_barrier]
            yield from bypasses(subject, role, self._restricted, views)
        yield from recursions(subject)
        yield from (each.fact(subject, Doors.of(subject, role)) for each in self.through)

    def doors(self, subject: Subject) -> DoorProbes | None:
        if not self._uses_doors(subject):
            return None
        doors = Doors.of(subject, self._role(subject))
        owners, like = self._owners(subject)
        scenarios = DoorScenarios(subject, doors, owners, self.claims or {}, self.sees, self._may, like)
        notes = [f"not tried, since it may leave the server: {', '.join(doors.untried)}"] if doors.untried else []
        through = {str(each): each.fits(doors) for each in self.through}
        return DoorProbes(scenarios.strategy(), through, doors.telling_keys(owners.columns), notes)

    def _uses_doors(self, subject: Subject) -> bool:
        """Whether the role has doors: it is one of the database's, policies hold for it, and they restrict it."""
        role, roles = self._role(subject), subject.roles
        own = self.as_ in STAND_INS.values() or role == subject.table.owner
        return not own and roles.exists(role) and bool(self._restricted) and not roles.bypasses_row_security(role)

    def _role(self, subject: Subject) -> str:
        return subject.table.owner if self.as_ == "$owner" else self.as_

    @property
    def _restricted(self) -> tuple[str, ...]:
        """The commands that do not reach every row."""
        said = {"select": self.sees, "insert": self._may.insert, "update": self._may.update, "delete": self._may.delete}
        return tuple(command for command, predicate in said.items() if not says(predicate, "true"))

    def scenarios(self, subject: Subject) -> ScenarioStrategy:
        may = self._may
        owners, like = self._owners(subject)
        role, preparation = stand_in(subject, self.as_)

        def build(draft: Draft) -> Scenario:
            rows = owners.rows(draft, subject, OWNERS, like)
            probes: list[Probe] = []
            for place, values in enumerate(rows.owners):
                settings = {"role": role, **claim_settings(self.claims or {}, values)}
                refusals = (REFUSED, *self.errors)
                principal = Principal(subject, owners, settings, values, self.sees, may, refusals)
                probes += principal.reads()
                probes += principal.writes("update", rows.existing)
                probes += principal.writes("delete", rows.existing)
                probes += principal.inserts(rows, place)
                probes += principal.returns(rows, place)
                probes += ownership_attacks(principal, rows, place)
            return Scenario((*draft.inserts, NARROWED, *map(Execute, preparation)), tuple(probes))

        return subject.scenarios(build)

    def _owners(self, subject: Subject) -> tuple[Owners, Sequence[Values]]:
        """Returns whose rows there are, and rows that are likely to be seen if no variable says whose."""
        may = self._may
        predicates = (self.sees, may.insert, may.update, may.delete)
        variables = [name for text in predicates for name in sql.variables(text)]
        variables += claim_variables(self.claims or {})
        owners = Owners.of(subject, predicates, tuple(dict.fromkeys(variables)), self.variables or {})
        # Without variables, rows that contain the texts of the claims are the most likely ones to be seen.
        like = () if variables or says(self.sees, "true") else owners.rows_like(subject, self.claims or {}, self.sees)
        return owners, like
