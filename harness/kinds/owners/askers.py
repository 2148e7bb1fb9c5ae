"""As whom a check asks: roles with claims, and the rows that each of them reaches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from harness.generation.draft import Draft
from harness.kinds.base import Fact, Subject
from harness.kinds.owners.asking import NARROWED, narrowed, says
from harness.kinds.owners.owned import Owners, Place, claimed, claims, end
from harness.kinds.owners.reach import bearing, places_of, tried_places
from harness.kinds.row_security import RowSecurityKind
from harness.probes import Delete, Execute, Insert, NoRowChanged, Probe, Refused, SqlStatement, Update
from harness.probes.reply import INSUFFICIENT_PRIVILEGE
from harness.probes.statement import assume, condition, literal, qualified
from harness.project.keys import FrozenDict, any_value, key, mapping, names, predicate, text
from harness.project.model import TableName, Values
from harness.project.privileges import required_privileges
from harness.values.candidates import sample


class Asked(Protocol):
    """The keys of a kind that says as whom it asks; each is made by the function of its name below."""

    @property
    def as_(self) -> tuple[str, ...]: ...
    @property
    def claims(self) -> FrozenDict[Any] | None: ...
    @property
    def variables(self) -> FrozenDict[str] | None: ...
    @property
    def sees(self) -> str | None: ...


def as_key() -> Any:
    return key(names, "the roles that ask in place of the connection's user, `$owner` among them", default=())


def claims_key() -> Any:
    return key(
        mapping(any_value), "settings that say who asks, with `$variables`; a mapping becomes a JSON text", default=None
    )


def variables_key() -> Any:
    return key(mapping(text), "types of the variables in `claims`, if not those of their columns", default=None)


def sees_key() -> Any:
    return key(
        predicate, "the rows that the roles reach, as an SQL predicate with the variables of `claims`", default=None
    )


def named(check: Asked) -> tuple[str, ...]:
    """The roles that have to be there."""
    return tuple(role for role in check.as_ if role != "$owner")


def known(check: Asked, subject: Subject) -> Iterator[Fact]:
    """The roles are there."""
    for role in named(check):
        if not subject.roles.exists(role):
            yield Fact(f"role {role} exists", f"no role {role}")


def askers(check: Asked, subject: Subject, roles: Sequence[str] | None = None) -> list[Asker]:
    """Those that ask, of the roles that exist: ``roles``, or the check's own.

    Claims that the check does not make are those of a ``row_security`` check of the same table and role.
    """
    found = []
    for word in check.as_ if roles is None else roles:
        role = subject.table.owner if word == "$owner" else word
        if subject.roles.exists(role):
            lent = None if check.claims is not None else _lent(subject, word)
            said = check.claims if check.claims is not None else lent.claims if lent else None
            types = {**((lent.variables if lent else None) or {}), **(check.variables or {})}
            predicates = (check.sees,) if check.sees is not None else _predicates(lent) if lent else ()
            found.append(_asker(subject, role, word, said or {}, types, predicates))
    return found


def out_of_reach(subject: Subject, role: str) -> str | None:
    """Why a role gets nowhere near the table, whatever its rules are."""
    table, roles = subject.table.name, subject.roles
    if not roles.on_schema(role, table.schema):
        return f"{role} has no usage of schema {table.schema}: what it may not change there it never came to"
    name = qualified(table)
    columns = ("select", "insert", "update")
    if any(roles.on_columns(role, name, each) for each in columns) or roles.on_table(role, name, "delete"):
        return None
    return f"{role} has no privilege on {table}: what it may not change there it never came to"


def _lent(subject: Subject, role: str) -> RowSecurityKind | None:
    """What another check of the table says of a role that sees rows: one with variables before others."""
    beside = subject.beside.get(subject.table.name, ())
    rules = [rule for rule in beside if isinstance(rule, RowSecurityKind) and rule.as_ == role]
    seeing = [rule for rule in rules if not says(rule.sees, "false")]
    return max(seeing, key=lambda rule: (bool(_variables(rule.claims or {})), rule.claims is not None), default=None)


def _predicates(rule: RowSecurityKind) -> tuple[str, ...]:
    """What it says of the rows that are written before what it says of those that are seen."""
    may = (rule.may_update, rule.may_delete, rule.may_write, rule.may_insert)
    return tuple(each for each in (*may[:3], rule.sees, *may[3:]) if each is not None)


def _variables(said: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for value in said.values() for name in claimed(value)))


def _asker(
    subject: Subject, role: str, word: str, said: Mapping[str, Any], types: Mapping[str, str], predicates: Sequence[str]
) -> Asker:
    variables = _variables(said)
    places = places_of(subject, variables, predicates)
    missing = [name for name in variables if name not in {place.variable for place in places}]
    if missing:
        places = (*places, *tried_places(subject, role, said, places, missing))
    return Asker(subject, role, word, said, {name: types[name] for name in variables if name in types}, places)


@dataclass(frozen=True)
class Asker:
    """A role that asks with claims; ``places`` are where the rows that it reaches have the variables of these."""

    subject: Subject
    role: str
    word: str
    said: Mapping[str, Any]
    types: Mapping[str, str]
    places: tuple[Place, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the table by which a row is one that it reaches: they must not be NULL."""
        return Owners(self.subject.table, {}, self.places).columns

    def fixed(self, draft: Draft) -> Values:
        """What a row that is to be drawn has to have: values of variables that are not of their column's type."""
        places = tuple(place for place in self.places if place.variable in self.types and place.child is None)
        owners = Owners(self.subject.table, {place.variable: self.types[place.variable] for place in places}, places)
        return owners.fixed(draft, owners.draw_values(draft, 1)[0]) if places else {}

    def of(self, draft: Draft, row: Values) -> Claimant:
        """The one who asks for this row, with the claims of those who reach it; rows that say so are inserted."""
        values = {place.variable: self._value(draft, row, place) for place in self.places}
        return Claimant(self, {"role": self.role, **claims(self.said, values)}, row)

    def _value(self, draft: Draft, row: Values, place: Place) -> str:
        found = bearing(self.subject, draft, row, place)
        # To a row that is not there yet nothing refers: anybody may insert it, or nobody.
        last = place.child[0] if place.child else end(self.subject, place.path)
        return sample(last.column(place.column), 1)[0] if found is None else found.get(place.column) or ""

    def lacks(self, statement: SqlStatement) -> bool:
        """Whether it lacks a privilege that a statement needs besides reading."""
        roles, role = self.subject.roles, self.role
        return any(
            not roles.on_column(role, qualified(need.table), need.column, need.command)
            if need.column
            else not roles.on_table(role, qualified(need.table), need.command)
            for need in required_privileges(statement.sql)
        )

    @property
    def lost(self) -> str:
        """What to say where it reaches no row."""
        return f"{self.role} reaches no row of {self.subject.table.name}: {self.advice}"

    @property
    def advice(self) -> str:
        """What to write where it reaches no row."""
        if not self.said:
            return "say as whom it asks with `claims:`"
        return "say which rows these claims reach with `sees:`"


@dataclass(frozen=True)
class Claimant:
    """An asker with the claims of who reaches one row.

    A write that the role lacks the privilege for is refused whatever the row is. Any other shows nothing unless it gets
    to a row: the role sees it by SELECT, and the write changes it or is refused by what is expected.
    """

    asker: Asker
    settings: Mapping[str, str]
    row: Values

    def tries(self, probe: Probe, silently: bool = False, stands: bool = True) -> Iterator[Probe]:
        """A probe of the connection's user as one of the role; none if it lacks the privilege and nothing hangs on it.

        ``silently`` takes a policy that hides the row from the write for a refusal. ``stands`` says whether it is about
        a row that is there before the statement.
        """
        by = f" by {self.asker.word}"
        probe = replace(probe, aspect=f"{probe.aspect}{by}", value=f"{probe.value}{by}", settings=self.settings)
        blind = stands and self._is_blind
        if self.asker.lacks(probe.statement) or (blind and isinstance(probe.statement, Execute)):
            if isinstance(probe.expected, Refused):
                refused = Refused(tuple(dict.fromkeys((*probe.expected.sqlstates, INSUFFICIENT_PRIVILEGE))))
                yield replace(probe, expected=refused, aspect=f"{probe.aspect}, without the privilege")
            elif probe.required:
                why = f"{self.asker.role} lacks a privilege for it"
                yield replace(probe, before=_do(_raises(why)), reaches=why)
            return
        first = self._outside or (self._narrowed(probe.statement) if blind else self._seen if stands else "")
        statement = _unlooking(probe.statement) if blind else probe.statement
        before = "; ".join(filter(None, (probe.before, first))) or None
        # Of a TRUNCATE nobody can count the rows, and no policy has its say.
        counted = any(need.command != "truncate" for need in required_privileges(probe.statement.sql))
        probe = replace(probe, statement=statement, before=before, reaches=self._lost(probe) if counted else None)
        if silently and stands and not blind and isinstance(probe.expected, Refused):
            probe = replace(probe, expected=NoRowChanged(probe.expected.sqlstates), reaches=None)
        yield probe

    def _lost(self, probe: Probe) -> str:
        hidden = ", or, if policies are to hide them, `silently: true` under `refused_by:`"
        words = f"{self.asker.role} wrote no row of {self.asker.subject.table.name}: {self.asker.advice}"
        return f"{words}{hidden if isinstance(probe.expected, Refused) else ''}"

    @property
    def _is_blind(self) -> bool:
        """Whether it may not read what tells the row from others: a write of it names no row."""
        roles, table = self.asker.subject.roles, qualified(self.asker.subject.table.name)
        columns = self.asker.subject.key(self.row)
        return not all(roles.on_column(self.asker.role, table, column, "select") for column in columns)

    @property
    def _outside(self) -> str:
        """What ends a probe of a role that cannot get to the table: its privileges there are none."""
        schema = self.asker.subject.table.name.schema
        if self.asker.subject.roles.on_schema(self.asker.role, schema):
            return ""
        return _do(_raises(f"{self.asker.role} has no usage of schema {schema}"))

    @property
    def _seen(self) -> str:
        """What ends a probe of a row that the role does not see."""
        table = self.asker.subject.table.name
        raises = _raises(self.asker.lost)
        look = f"perform from {qualified(table)} where {condition(self.asker.subject.key(self.row))}"
        assumed = "".join(f"perform {each.removeprefix('select ')}; " for each in assume(self.settings))
        return _do(f"{assumed}{look}; if not found then {raises} end if; perform set_config('role', 'none', true);")

    def _narrowed(self, statement: SqlStatement) -> str:
        command = "update" if isinstance(statement, Update) else "delete"
        return f"{NARROWED.sql}; {narrowed(self.asker.subject, command, [self.row])}".removesuffix("; ")


def asked(
    asking: Sequence[Asker],
    draft: Draft,
    row: Values,
    probes: Iterable[Probe],
    silently: bool = False,
    stands: bool = True,
) -> Iterator[Probe]:
    """Probes about a row as each of the askers tries them; as they are, where nobody in particular asks."""
    probes = list(probes)
    if not asking:
        yield from probes
    for asker in asking:
        mine = asker.of(draft, row)
        for probe in probes:
            yield from mine.tries(probe, silently, stands)


def asked_each(
    asking: Sequence[Asker], draft: Draft, table: TableName, probes: Iterable[Probe], silently: bool = False
) -> Iterator[Probe]:
    """Probes about one row of a table each as the askers try them; those about others, or several, are left out."""
    for probe in probes:
        written = probe.statement
        if isinstance(written, Insert) and written.table == table:
            yield from asked(asking, draft, written.values, [probe], silently, stands=False)
        elif isinstance(written, Update | Delete) and written.table == table:
            rows = (each.values for each in draft.inserts if each.table == table)
            row = next(row for row in rows if written.key.items() <= row.items())
            yield from asked(asking, draft, row, [probe], silently)


def drawn_for(asking: Sequence[Asker], draft: Draft) -> tuple[Values, tuple[str, ...]]:
    """What a row that they are to reach must have: values, and columns that are not NULL."""
    fixed = {column: value for asker in asking for column, value in asker.fixed(draft).items()}
    return fixed, tuple(dict.fromkeys(column for asker in asking for column in asker.columns))


def check_keys(check: Asked, concurrently: tuple[str, ...] = (), also: tuple[str, ...] = ()) -> None:
    """Raises ``ValueError`` for keys that do not go together; ``also`` are roles that ask besides."""
    for word, value in (("claims", check.claims), ("variables", check.variables), ("sees", check.sees)):
        if value is not None and not check.as_ and not also:
            raise ValueError(f"{word!r} needs 'as': the role that asks")
    # Those transactions are of the connection's user.
    if check.as_ and concurrently:
        raise ValueError("'concurrently' is proven by the connection's user: say it in a check without 'as'")


def _unlooking(statement: SqlStatement) -> SqlStatement:
    """The same of all rows of the table: it reads no column."""
    if isinstance(statement, Update):
        return Execute(statement.sql.removesuffix(f" where {condition(statement.key)}"))
    assert isinstance(statement, Delete), "any other write reads columns"
    return Execute(f"delete from {qualified(statement.table)}")


def _do(body: str) -> str:
    return f"do $harness$ begin {body} end $harness$"


def _raises(message: str) -> str:
    return f"raise exception using message = {literal(message).strip()};"
