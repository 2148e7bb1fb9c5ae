"""The keys ``as`` and ``claims``: roles that try probes; ends a probe if its row is out of reach."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from harness.kinds.base import Draft, Kind, NewRow, Subject, TableName, Values, condition, inserted, literal, qualified
from harness.kinds.row_access.ownership import OwnerColumn, Owners, end_of
from harness.kinds.row_access.principal import says
from harness.kinds.row_access.reachable import owner_columns, owner_row, refuse_unclaimed
from harness.kinds.row_access.row_queries import NARROWED, narrowed
from harness.kinds.row_security import RowSecurityKind
from harness.probes import (
    INSUFFICIENT_PRIVILEGE,
    Delete,
    Execute,
    Insert,
    NoRowChanged,
    Probe,
    Refused,
    SqlStatement,
    Update,
    assume,
    claim_settings,
    claim_variables,
)
from harness.project.keys import FrozenDict, any_value, key, mapping, names, predicate, text
from harness.project.privileges import required_privileges
from harness.values.candidates import sample

About = Literal["its row", "no row"]
"""Whether a statement is about a row that is there before it. An INSERT and a TRUNCATE are about none."""


@dataclass(frozen=True, kw_only=True)
class ActsAsRoles(Kind):
    """A kind with the keys ``as``, ``claims``, ``variables`` and ``sees``."""

    as_: tuple[str, ...] = key(
        names, "the roles that ask in place of the connection's user, `$owner` among them", default=()
    )
    claims: FrozenDict[Any] | None = key(
        mapping(any_value), "settings that say who asks, with `$variables`; a mapping becomes a JSON text", default=None
    )
    variables: FrozenDict[str] | None = key(
        mapping(text), "types of the variables in `claims`, if not those of their columns", default=None
    )
    sees: str | None = key(
        predicate, "the rows that the roles reach, as an SQL predicate with the variables of `claims`", default=None
    )

    def __post_init__(self) -> None:
        """Raises ``ValueError`` for keys that do not go together."""
        for word in ("claims", "variables", "sees") if not self.named_roles else ():
            if getattr(self, word) is not None:
                raise ValueError(f"{word!r} needs 'as': the role that asks")
        refuse_unclaimed(self.claims or {}, (self.sees or "true",))
        if self.as_ and self.concurrently:
            raise ValueError("'concurrently' is proven by the connection's user: say it in a check without 'as'")

    @property
    def named_roles(self) -> tuple[str, ...]:
        """The roles that the check names, ``$owner`` among them."""
        return self.as_

    @property
    def policies_hide(self) -> bool:
        """Whether a policy that hides a row from a write counts as a refusal."""
        return False

    def roles(self) -> tuple[str, ...]:
        return tuple(role for role in self.named_roles if role != "$owner")

    def acting_roles(self, subject: Subject, words: Sequence[str] | None = None) -> list[ActingRole]:
        """Returns the roles that try the probes, as far as they exist: those of ``words``, or all of the check.

        A check without claims takes those of a ``row_security`` check of the same table and role, or of ``rows:``.
        """
        found, table = [], subject.table
        for word in self.named_roles if words is None else words:
            role = table.owner if word == "$owner" else word
            if subject.roles.exists(role):
                lender = None if self.claims is not None else _row_security(subject, word)
                claims: Mapping[str, Any] = (lender.claims if lender else self.claims) or {}
                claims = claims or (subject.pools.hints(table.name).claims if self.claims is None else {})
                types = {**((lender.variables if lender else None) or {}), **(self.variables or {})}
                predicates = (self.sees,) if self.sees is not None else _predicates(lender) if lender else ()
                columns = owner_columns(subject, role, claims, predicates)
                types = {name: types[name] for name in claim_variables(claims) if name in types}
                found.append(ActingRole(subject, role, word, claims, types, columns, self.policies_hide))
        return found


def _row_security(subject: Subject, role: str) -> RowSecurityKind | None:
    """Returns another check of the table by which the role sees rows, at best one with variables."""
    seeing = [
        rule
        for rule in subject.declared.get(subject.table.name, ())
        if isinstance(rule, RowSecurityKind) and rule.as_ == role and not says(rule.sees, "false")
    ]
    return max(seeing, key=lambda it: (bool(claim_variables(it.claims or {})), it.claims is not None), default=None)


def _predicates(rule: RowSecurityKind) -> tuple[str, ...]:
    """Returns the predicates of a row_security check: of rows that are written before those of rows that are seen."""
    return tuple(filter(None, (rule.may_update, rule.may_delete, rule.may_write, rule.sees, rule.may_insert)))


@dataclass(frozen=True)
class ActingRole:
    """A role with its claims; rows that it reaches have the variables of the claims in the ``owner_columns``."""

    subject: Subject
    role: str
    word: str
    claims: Mapping[str, Any]
    types: Mapping[str, str]
    owner_columns: tuple[OwnerColumn, ...]
    policies_hide: bool

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the table that decide whether the role reaches a row: they must not be NULL."""
        return Owners(self.subject.table, {}, self.owner_columns).columns

    def fixed(self, draft: Draft) -> Values:
        """Draws values that a row must have: of variables whose type is not that of their column."""
        columns = tuple(each for each in self.owner_columns if each.variable in self.types and each.child is None)
        owners = Owners(self.subject.table, {each.variable: self.types[each.variable] for each in columns}, columns)
        return owners.fixed(draft, owners.draw_values(draft, 1)[0]) if columns else {}

    def session(self, draft: Draft, row: Values) -> RoleSession:
        """Returns the role with the claims that reach this row; rows by which it does are inserted."""
        values = {each.variable: self._value(draft, row, each) for each in self.owner_columns}
        return RoleSession(self, {"role": self.role, **claim_settings(self.claims, values)}, row)

    def _value(self, draft: Draft, row: Values, column: OwnerColumn) -> str:
        found = owner_row(self.subject, draft, row, column)
        # No row refers to a row that is not there yet, so that any value will do.
        last = column.child[0] if column.child else end_of(self.subject, column.path)
        return sample(last.column(column.column), 1)[0] if found is None else found.get(column.column) or ""

    def lacks(self, statement: SqlStatement) -> bool:
        """Whether the role lacks a privilege that a statement needs besides reading."""
        roles, role = self.subject.roles, self.role
        return any(
            not roles.on_column(role, qualified(need.table), need.column, need.command)
            if need.column
            else not roles.on_table(role, qualified(need.table), need.command)
            for need in required_privileges(statement.sql)
        )

    @property
    def no_access(self) -> str | None:
        """The reason why the role cannot get to any row of the table; None if it may."""
        table, roles, role = self.subject.table.name, self.subject.roles, self.role
        if not roles.on_schema(role, table.schema):
            return f"{role} has no usage of schema {table.schema}: what it may not change there it never came to"
        name, of_columns = qualified(table), ("select", "insert", "update")
        if any(roles.on_columns(role, name, each) for each in of_columns) or roles.on_table(role, name, "delete"):
            return None
        return f"{role} has no privilege on {table}: what it may not change there it never came to"

    @property
    def reaches_nothing(self) -> str:
        """The message where the role reaches no row."""
        return f"{self.role} reaches no row of {self.subject.table.name}: {self.advice}"

    @property
    def advice(self) -> str:
        """The keys to write where the role reaches no row."""
        return "say which rows these claims reach with `sees:`" if self.claims else "say as whom it asks with `claims:`"


@dataclass(frozen=True)
class RoleSession:
    """A session of a role with the claims that reach one row.

    A write without the privilege is refused, whatever the row is. Any other shows something only if it gets to the row:
    the role sees the row by SELECT, and the write changes it or is refused as expected.
    """

    role: ActingRole
    settings: Mapping[str, str]
    row: Values

    def tries(self, probe: Probe, about: About = "its row") -> Iterator[Probe]:
        """Yields a probe of the connection's user as one of the role."""
        by, role, existing = f" by {self.role.word}", self.role, about == "its row"
        probe = replace(probe, aspect=f"{probe.aspect}{by}", value=f"{probe.value}{by}", settings=self.settings)
        blind = existing and self._is_blind
        if role.lacks(probe.statement) or (blind and isinstance(probe.statement, Execute)):
            if isinstance(probe.expected, Refused):
                refused = Refused(tuple(dict.fromkeys((*probe.expected.sqlstates, INSUFFICIENT_PRIVILEGE))))
                yield replace(probe, expected=refused, aspect=f"{probe.aspect}, without the privilege")
            elif probe.required:
                why = f"{role.role} lacks a privilege for it"
                yield replace(probe, before=_do(_raises(why)), reaches=why)
            return
        command = "update" if isinstance(probe.statement, Update) else "delete"
        alone = f"{NARROWED.sql}; {narrowed(role.subject, command, [self.row])}".removesuffix("; ")
        first = self._no_schema or (alone if blind else self._seen if existing else "")
        statement = _without_key(probe.statement) if blind else probe.statement
        before = "; ".join(filter(None, (probe.before, first))) or None
        # A TRUNCATE reports no number of rows, and no policy holds for it.
        counted = any(need.command != "truncate" for need in required_privileges(probe.statement.sql))
        probe = replace(probe, statement=statement, before=before, reaches=self._lost(probe) if counted else None)
        if role.policies_hide and existing and not blind and isinstance(probe.expected, Refused):
            probe = replace(probe, expected=NoRowChanged(probe.expected.sqlstates), reaches=None)
        yield probe

    def _lost(self, probe: Probe) -> str:
        hidden = ", or, if policies are to hide them, `silently: true` under `refused_by:`"
        words = f"{self.role.role} wrote no row of {self.role.subject.table.name}: {self.role.advice}"
        return f"{words}{hidden if isinstance(probe.expected, Refused) else ''}"

    @property
    def _is_blind(self) -> bool:
        """Whether the role may not read the columns that identify the row: its writes cannot name the row."""
        roles, table = self.role.subject.roles, qualified(self.role.subject.table.name)
        columns = self.role.subject.key(self.row)
        return not all(roles.on_column(self.role.role, table, column, "select") for column in columns)

    @property
    def _no_schema(self) -> str:
        """A statement that ends the probe of a role which has no usage of the schema; else empty."""
        schema = self.role.subject.table.name.schema
        if self.role.subject.roles.on_schema(self.role.role, schema):
            return ""
        return _do(_raises(f"{self.role.role} has no usage of schema {schema}"))

    @property
    def _seen(self) -> str:
        """A statement that ends the probe if the role does not see the row."""
        table = self.role.subject.table.name
        raises = _raises(self.role.reaches_nothing)
        look = f"perform from {qualified(table)} where {condition(self.role.subject.key(self.row))}"
        assumed = "".join(f"perform {each.removeprefix('select ')}; " for each in assume(self.settings))
        return _do(f"{assumed}{look}; if not found then {raises} end if; perform set_config('role', 'none', true);")


def as_roles(
    roles: Sequence[ActingRole], draft: Draft, row: Values, probes: Iterable[Probe], about: About = "its row"
) -> Iterator[Probe]:
    """Yields probes about a row as each of the roles tries them; unchanged if there are no roles."""
    probes = list(probes)
    if not roles:
        yield from probes
    for role in roles:
        session = role.session(draft, row)
        for probe in probes:
            yield from session.tries(probe, about)


def as_roles_each(
    roles: Sequence[ActingRole], draft: Draft, table: TableName, probes: Iterable[Probe]
) -> Iterator[Probe]:
    """Yields probes as the roles try them, as far as a probe is about one row of the table."""
    for probe in probes:
        written = probe.statement
        if isinstance(written, Insert) and written.table == table:
            yield from as_roles(roles, draft, written.values, [probe], "no row")
        elif isinstance(written, Update | Delete) and written.table == table:
            yield from as_roles(roles, draft, next(inserted(draft, table, written.key)), [probe])


def reachable_by(roles: Sequence[ActingRole], draft: Draft) -> tuple[Values, tuple[str, ...]]:
    """Returns what a row must have so that the roles reach it: values, and columns that are not NULL."""
    fixed = {column: value for role in roles for column, value in role.fixed(draft).items()}
    return fixed, tuple(dict.fromkeys(column for role in roles for column in role.columns))


def draw_reachable(
    roles: Sequence[ActingRole],
    draft: Draft,
    draw: Callable[..., NewRow],
    table: TableName,
    present: tuple[str, ...] = (),
    also: tuple[str, ...] = (),
) -> NewRow:
    """Draws a row that the roles reach, by a method of the draft such as :meth:`Draft.insert`."""
    fixed, columns = reachable_by(roles, draft)
    return draw(table, fixed, (*present, *columns), also)


def _without_key(statement: SqlStatement) -> SqlStatement:
    """Returns the same write to all rows of the table: it reads no column."""
    assert isinstance(statement, Update | Delete), "any other write reads columns"
    return Execute(statement.sql.removesuffix(f" where {condition(statement.key)}"))


def _do(body: str) -> str:
    return f"do $harness$ begin {body} end $harness$"


def _raises(message: str) -> str:
    return f"raise exception using message = {literal(message).strip()};"
