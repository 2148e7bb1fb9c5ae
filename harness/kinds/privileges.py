"""privileges"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass

from hypothesis import strategies as st

from harness.catalog import DEFAULTS, Column, Table
from harness.errors import did_you_mean
from harness.kinds.base import Draft, Fact, ScenarioStrategy, Subject, TableRule, identifier, qualified
from harness.kinds.privileges_parts import statements
from harness.kinds.privileges_parts.statements import FORMS, OBJECT, Object
from harness.kinds.row_access.acting_roles import ActsAsRoles
from harness.kinds.row_access.recursion import recursions
from harness.probes import Accepted, Execute, Expected, Probe, Refused, Scenario
from harness.project.keys import FrozenDict, column_names, key, listed, mapping, names, one_of, text

COMMANDS = statements.COMMANDS["view"]
_OF_COLUMNS = re.compile(r"(select|insert|update|references)\s*\((.*)\)", re.IGNORECASE)

INDISPENSABLE = ("0A000",)
"""The SQLSTATE of a TRUNCATE of a table that others refer to: PostgreSQL checks the privilege before."""

OWN_SCHEMA = "create schema harness_own; grant all on schema harness_own to {role}"
"""The schema in which a role creates the table that refers to another."""


@dataclass(frozen=True)
class PrivilegesKind(ActsAsRoles):
    """The privileges of all roles on a table: exactly those that are declared, and no others.

    ```yaml
    - privileges:
        app: [select, insert, "update (notes, status)"]
        reporting: [select]
        admin: all
    ```

    Proven: each role has the declared privileges, and usage of the schema. Roles that are not named have none. Each
    command is tried as each role: it is refused without the privilege (42501), and not refused with it. Where columns
    are named, each column is tried by itself. The owner and superusers are left out; `public` is PUBLIC.

    A role that may insert inserts a row that keeps all rules and leaves out the columns with defaults. So a missing
    privilege on a sequence, a default's function, a CHECK's function or a trigger is found. Policies are switched off
    for that. But if policies hold for a role that may read, change or delete rows, it has to reach a row, with `claims`
    or with those of a `row_security` check: otherwise its grants were not seen to work.

    In the file of a module `on` names another object: `schema` (the module's, or `schema NAME`), `sequence
    shop.orders_id_seq`, `function shop.total(integer)`, `view shop.open_orders`, or `defaults of ROLE`, which ALTER
    DEFAULT PRIVILEGES sets for objects that the role will create (`select`, `usage on sequences`, `execute on
    functions`). PUBLIC has EXECUTE of a function unless it is revoked. Functions are not called, but explained.
    """

    scopes = ("table", "module")

    privileges: FrozenDict[tuple[str, ...]] = key(
        mapping(one_of(listed(text), text)), "role: a list of commands, or `all`; `public` is PUBLIC"
    )
    on: Object | None = key(OBJECT, "in the file of a module: the object that they are of", default=None)
    _: KW_ONLY
    as_: tuple[str, ...] = key(names, "the roles that ask with `claims`; by default all", default=())

    def __post_init__(self) -> None:
        if unknown := [role for role in self.as_ if role not in self.privileges]:
            raise ValueError(f"'as' names {', '.join(unknown)}, of which 'privileges' says nothing")
        super().__post_init__()

    def _declared(self, role: str) -> tuple[str, ...]:
        declared = self.privileges.get(role, ())
        return (declared,) if isinstance(declared, str) else declared

    @property
    def named_roles(self) -> tuple[str, ...]:
        return tuple(self.privileges)

    @property
    def subject(self) -> str:
        return str(self.on) if self.on else ""

    def misplaced(self, level: str) -> str | None:
        """Returns why the check cannot be in the file of a table, or of a module."""
        if level == "table" and self.on is not None:
            return "of a table they say nothing `on`: other objects belong into the file of a module"
        if level == "module" and self.on is None:
            return f"in the file of a module say `on`: {FORMS}"
        return next(self._unknown(), None)

    def _unknown(self) -> Iterator[str]:
        """Yields the words that name no privilege."""
        known = statements.known_commands(self.on)
        for command in itertools.chain.from_iterable(map(self._declared, self.privileges)):
            word = " ".join(command.lower().split())
            alone = word.partition(" (")[0] if self.on is None else word
            if alone not in known or (alone != word and not _OF_COLUMNS.fullmatch(word)):
                yield f"unknown privilege {word!r}{did_you_mean(alone, known) if alone not in known else ''}"

    def roles(self) -> tuple[str, ...]:
        return tuple(role for role in self.privileges if role != "public")

    def declares(self, table: Table) -> tuple[TableRule, ...]:
        return (TableRule("privileges", ""),)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        roles = sorted({*self.privileges, *self._holders(subject)})
        yield from subject.missing_roles(*(role for role in roles if role != "public"))
        for role in (each for each in roles if each == "public" or subject.roles.exists(each)):
            expected, actual = self._expected(role), self._actual(subject, role)
            yield Fact(f"{role}: {_listed(expected)}", f"{role}: {_listed(actual)}")
            if self.on is None and expected and role != "public":
                uses = subject.roles.on_schema(role, subject.table.name.schema)
                schema = f"usage of schema {subject.table.name.schema}"
                yield Fact(f"{role}: {schema}", f"{role}: {'' if uses else 'no '}{schema}")
        if self.on is None:
            yield from recursions(subject)

    def _holders(self, subject: Subject) -> set[str]:
        """Returns the roles that are granted something; the owner of a table is left out."""
        if self.on is not None:
            return {role for role, _ in self.on.granted(subject).grants}
        return {grant.role for grant in subject.table.grants} - {subject.table.owner}

    def _expected(self, role: str) -> frozenset[str]:
        declared, kind = self._declared(role), self.on.kind if self.on else None
        if kind == DEFAULTS:
            tidy = (" ".join(command.lower().split()) for command in declared)
            kinds = {"usage": "sequences", "execute": "functions"}
            return frozenset(each if " on " in each else f"{each} on {kinds.get(each, 'tables')}" for each in tidy)
        if declared == ("all",):
            return frozenset(statements.COMMANDS[kind] if kind else COMMANDS)
        return frozenset(" ".join(command.lower().split()) if kind else _tidy(command) for command in declared)

    def _actual_on(self, subject: Subject, on: Object, role: str) -> frozenset[str]:
        """Returns what a role is granted on an object of a module."""
        if role != "public" and on.kind != DEFAULTS:
            return frozenset(
                each
                for each in statements.COMMANDS[on.kind]
                if subject.roles.on(on.kind, role, on.named(subject), each)
            )
        granted = (what for holder, what in on.granted(subject).grants if holder == role)
        return frozenset(what for what in granted if on.kind != "view" or what in COMMANDS)

    def _scenario_on(self, subject: Subject, on: Object, roles: list[str]) -> ScenarioStrategy | None:
        owner = on.granted(subject).owner
        tried = [role for role in roles if role != owner and subject.roles.exists(role)]
        probes = tuple(probe for role in tried for probe in on.probes(subject, role, self._expected(role)))
        return st.just(Scenario((), probes)) if probes else None

    def _actual(self, subject: Subject, role: str) -> frozenset[str]:
        if self.on is not None:
            return self._actual_on(subject, self.on, role)
        table = subject.table
        own = [grant for grant in table.grants if grant.role == role]
        columns: dict[str, list[str]] = {}
        for privilege, column in ((grant.privilege, grant.column) for grant in own if grant.column):
            columns.setdefault(privilege, []).append(column)
        of_columns = {statements.on_columns(*each) for each in columns.items()}
        if role == "public":
            whole = {grant.privilege for grant in own if not grant.column}
        else:
            # A role also has the privileges of PUBLIC and of the roles that it is a member of.
            whole = {command for command in COMMANDS if subject.roles.on_table(role, qualified(table.name), command)}
        return frozenset({*whole & {*COMMANDS}, *of_columns})

    def scenarios(self, subject: Subject) -> ScenarioStrategy | None:
        roles = [role for role in self.privileges if role != "public" and not subject.roles.is_superuser(role)]
        if self.on is not None:
            return self._scenario_on(subject, self.on, roles)
        probes = tuple(probe for role in roles for probe in self._probes(subject, role))
        inserting = {role: columns for role in roles if (columns := self._inserting(subject, role))}
        inserting = inserting if statements.can_insert(subject) else {}
        acting = statements.under_policies(self, subject, roles)
        if not inserting and not acting:
            return st.just(Scenario((), probes)) if probes else None

        def build(draft: Draft) -> Scenario:
            reaching = tuple(statements.reaching(subject, draft, acting))
            inserts = (statements.inserts(subject, draft, role, columns) for role, columns in inserting.items())
            tried = tuple(itertools.chain.from_iterable(inserts))
            before = statements.without_policies(subject) if inserting else ()
            return Scenario((*before, *draft.inserts), (*probes, *tried, *reaching))

        return subject.scenarios(build)

    def _inserting(self, subject: Subject, role: str) -> tuple[str, ...]:
        """Returns the columns that a role may insert."""
        expected = self._expected(role)
        if "insert" in expected:
            return tuple(column.name for column in subject.table.columns)
        return next((_columns(entry) for entry in expected if entry.startswith("insert (")), ())

    def _probes(self, subject: Subject, role: str) -> Iterator[Probe]:
        table, expected = subject.table, self._expected(role)
        for command, statement in _statements(table).items():
            if not any(entry.startswith(f"{command} (") for entry in expected):
                others = [other for other, _ in subject.catalog.referencing(table.name) if other.name != table.name]
                accepted = Refused(INDISPENSABLE) if command == "truncate" and others else Accepted()
                yield _probe(role, command, statement, accepted if command in expected else None)
        for column in table.columns:
            for command, statement in _statements_of(table, column).items():
                for named in [entry for entry in expected if entry.startswith(f"{command} (")][:1]:
                    may = command in expected or column.name in _columns(named)
                    yield _probe(role, f"{command} of {column.name}", statement, Accepted() if may else None)


def _probe(role: str, what: str, statement: str, accepted: Expected | None) -> Probe:
    """Returns a statement as a role; ``accepted`` is the outcome with the privilege, None if the role lacks it."""
    outcome = accepted or Refused(("42501",))
    aspect = f"{role} {'may' if accepted else 'may not'} {what}"
    before = OWN_SCHEMA.format(role=identifier(role)) if what.startswith("references") else None
    return Probe(
        Execute(statement), outcome, aspect, f"{what} as {role}", {"role": role}, before=before, required=False
    )


def _statements(table: Table) -> dict[str, str]:
    """Returns for each command a statement that needs the privilege and writes no row: no other rule refuses it.

    There is no UPDATE if the table has no column to name.
    """
    name = qualified(table.name)
    column = next((column for column in table.columns if column.is_supplied), None)
    written = _writes(table, column) if column else {"insert": f"insert into {name} select where false"}
    found = {
        "select": f"select from {name} where false",
        **written,
        "delete": f"delete from {name} where false",
        "truncate": f"truncate {name}",
        "trigger": f"create trigger harness_tried before update on {name} for each row "
        "execute function pg_catalog.suppress_redundant_updates_trigger()",
    }
    for columns in [each.columns for each in table.unique_keys if each.is_plain][:1]:
        typed = ", ".join(f"{identifier(column)} {table.column(column).type}" for column in columns)
        names = ", ".join(map(identifier, columns))
        found["references"] = (
            f"create table harness_own.tried ({typed}, foreign key ({names}) references {name} ({names}))"
        )
    return found


def _statements_of(table: Table, column: Column) -> dict[str, str]:
    """Returns for each command that can be granted on a column a statement that needs the privilege on this column."""
    select = f"select {identifier(column.name)} from {qualified(table.name)} where false"
    return {"select": select, **(_writes(table, column) if column.is_supplied else {})}


def _writes(table: Table, column: Column) -> dict[str, str]:
    """Returns an INSERT and an UPDATE of a column, if it may be written; neither writes a row."""
    name, target = qualified(table.name), identifier(column.name)
    insert = f"insert into {name} ({target}) select null::{column.type} where false"
    return (
        {} if column.identity == "a" else {"insert": insert, "update": f"update {name} set {target} = null where false"}
    )


def _columns(entry: str) -> tuple[str, ...]:
    found = _OF_COLUMNS.fullmatch(entry)
    return column_names(found[2]) if found else ()


def _tidy(command: str) -> str:
    found = _OF_COLUMNS.fullmatch(command.strip())
    if not found:
        return command.strip().lower()
    return statements.on_columns(found[1].lower(), _columns(command.strip()))


def _listed(commands: frozenset[str]) -> str:
    return (
        ", ".join(sorted(commands, key=lambda command: (command.split(" ")[0] not in COMMANDS, command))) or "nothing"
    )
