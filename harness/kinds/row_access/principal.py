"""One owner that uses a table under row security: probes of what it reads, writes and gets back.

Not here: attempts to take rows of others (``attacks.py``), and whose rows they are (``ownership.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.kinds.base import Subject, Values
from harness.kinds.row_access.ownership import Bound, OwnedRows, Owners
from harness.kinds.row_access.row_queries import (
    NONE,
    compared,
    joined,
    narrowed,
    not_the,
    row_key,
    rows_where,
    unchanging,
)
from harness.probes import (
    Accepted,
    AcceptedIf,
    AcceptedOrRefused,
    Execute,
    Expected,
    Insert,
    NoRowChanged,
    Postcondition,
    Probe,
    Refused,
    SqlStatement,
    assume,
    condition,
    identifier,
    literal,
    qualified,
)


@dataclass(frozen=True)
class May:
    """Predicates: the rows that each command may write."""

    insert: str
    update: str
    delete: str


NAMED = 3
"""Policies that a report names."""

STAND_INS = {"harness_owner_": "$owner", "harness_public_": "public"}
"""Beginnings of the names of roles that act in the place of an owner, or of any role, each with the word for it."""


@dataclass(frozen=True)
class Principal:
    """One owner: the settings of its session, and the values of the variables.

    ``sees`` and ``may`` are the rows that it may see and write; ``sqlstates`` are the errors that may refuse it.
    """

    subject: Subject
    owners: Owners
    settings: Mapping[str, str]
    values: Bound
    sees: str
    may: May
    sqlstates: tuple[str, ...]

    @property
    def who(self) -> str:
        drawn = ", ".join(f"${name} = {value}" for name, value in self.values.items())
        # A role in another's place has a name of this process: with one seed, two reports are the same.
        return f"{self._in_place_of or self.settings['role']}{f' with {drawn}' if drawn else ''}"

    @property
    def _in_place_of(self) -> str | None:
        own = self.settings["role"]
        return next((word for start, word in STAND_INS.items() if own.startswith(start)), None)

    def _policies(self, command: str) -> str:
        """Returns the policies of the table that decide which rows the owner reaches by a command."""
        table, roles, place = self.subject.table, self.subject.roles, self._in_place_of
        role = table.owner if place == "$owner" else place or self.settings["role"]
        if not table.row_security:
            return "row security disabled"
        if place is None and (
            roles.bypasses_row_security(role) or (role == table.owner and not table.force_row_security)
        ):
            return "no policy holds for this role"
        names_role = [
            each
            for each in table.policies
            if any(of == "public" or (role != "public" and roles.acts_as(role, of)) for of in each.roles)
        ]
        held = [each for each in names_role if each.command in (command, "all")]
        if not any(each.permissive for each in held):
            return f"no policy for {command.upper()}"
        names = [each.name for each in held]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        return f"{'policy' if len(names) == 1 else 'policies'} {', '.join(names[:NAMED])}{more}"

    @property
    def untouched(self) -> NoRowChanged:
        return NoRowChanged(self.sqlstates)

    def probe(self, statement: SqlStatement, expected: Expected, aspect: str, what: str, **other: Any) -> Probe:
        """Returns a statement of the owner; ``what`` it does comes first in a report, and begins with its command."""
        word = what.split()[0]
        policies = self._policies({"read": "select", "count": "select", "upsert": "insert"}.get(word, word))
        return Probe(statement, expected, aspect, f"{what} by {self.who} ({policies}):", self.settings, **other)

    def reads(self) -> Iterator[Probe]:
        """Yields a SELECT that reads the key of all rows, and one that counts them and reads no column."""
        table, target = self.subject.table, qualified(self.subject.table.name)
        if says(self.sees, "false"):
            nothing = NoRowChanged(self.sqlstates, "gets")
            yield self.probe(Execute(f"select from {target}"), nothing, "sees nothing", "read")
            return
        read = Execute(f"select set_config('harness.seen', {joined(row_key(table))}, true) from {target}")
        then = self.exactly(self.sees, "it gets", rows_where(self.sees))
        yield self.probe(read, Accepted(), "sees exactly", "read", then=then)
        count = Execute(f"select set_config('harness.seen', count(*)::text, true) from {target}")
        counted = f"select case when current_setting('harness.seen') = ({self._count(self.sees)})::text"
        then = Postcondition(
            f"{counted} then 'all of them' else current_setting('harness.seen') end", "all of them", "it counts"
        )
        yield self.probe(count, Accepted(), "counts exactly", "count", then=then)

    def writes(self, command: str, rows: Sequence[Values]) -> Iterator[Probe]:
        """Yields an update or a delete of all rows of the scenario: it reaches those that may be written.

        Policies for SELECT do not hold for a statement that reads no column: that one is tried as well.
        """
        table, here = self.subject.table, self.here(rows)
        may = getattr(self.may, command)
        statement = self.touch if command == "update" else f"delete from {qualified(table.name)}"
        if not says(self.sees, "false"):
            yield self._write(command, Execute(f"{statement} where {here}"), _both(may, self.sees), here)
        if command == "update":
            # A trigger takes the value back.
            value = literal(rows[0].get(self.plain_column))
            statement = f"update {qualified(table.name)} set {identifier(self.plain_column)} = {value}"
        first = narrowed(self.subject, command, rows) + (unchanging(self.subject) if command == "update" else "")
        yield self._write(command, Execute(statement), may, here, " without WHERE", first)

    def _write(self, command: str, execute: Execute, may: str, here: str, how: str = "", first: str = "") -> Probe:
        what = f"{command}{how}"
        if says(may, "false"):
            # Another declared rule may refuse it first: the rows are not written either.
            return self.probe(execute, self.untouched, f"no {what}", what, before=first or None, required=False)
        # Counted before: after the statement they may be gone.
        before = f"select set_config('harness.expected', ({self._count(may, here)})::text, true)"
        changed, expected = "current_setting('harness.changed')", "current_setting('harness.expected')"
        found = (
            f"select case when {changed} <> {expected} then {not_the(changed, expected)} when {expected} = '0' "
            f"then '{NONE}' else {literal(rows_where(may)).strip()} end"
        )
        then = Postcondition(found, rows_where(may), f"it {command}s", NONE)
        return self.probe(execute, Accepted(), f"{command} exactly{how}", what, then=then, before=f"{first}{before}")

    def inserts(self, rows: OwnedRows, place: int) -> Iterator[Probe]:
        """Yields inserts of a row of its own, of another owner, and of none."""
        table, refused = self.subject.table.name, Refused(self.sqlstates)
        own, foreign, may = Insert(table, rows.fresh[place]), rows.fresh_of_another(place), self.may.insert
        if says(may, "false"):
            yield self.probe(own, refused, "no insert", "insert")
            return
        yield self.probe(own, Accepted(1) if self.owners.at_insert(may) else refused, "insert", "insert")
        if foreign is not None and not says(may, "true"):
            yield self.probe(Insert(table, foreign), refused, "insert for another", "insert for another")
        for row in rows.unowned[-1:]:
            # PostgreSQL evaluates the predicate on the row once it exists.
            found = f"select case ({self._count(may, self.here([row]))}) when 0 then 'no' else 'yes' end"
            then = Postcondition(found, "yes", f"one of the rows where {may}")
            what = "insert for nobody"
            yield self.probe(Insert(table, row), AcceptedOrRefused(), what, what, then=then, required=False)

    def returns(self, rows: OwnedRows, place: int) -> Iterator[Probe]:
        """Yields writes with RETURNING: they give back rows that may be seen, and no others."""
        table, here = self.subject.table, self.here(rows.existing)
        if not says(self.may.update, "false") and not says(self.sees, "false"):
            # The key alone: the role may lack the privilege to read other columns.
            update = self.returning(f"{self.touch} where {here}")
            expected = f"({here}) and ({self.may.update}) and ({self.sees})"
            then = self.exactly(expected, "it returns", rows_where(_both(self.may.update, self.sees)))
            yield self.probe(update, Accepted(), "returning exactly", "update returning", then=then)
        if not says(self.may.delete, "false") and not says(self.sees, "false"):
            both = _both(self.may.delete, self.sees)
            delete = self.returning(f"delete from {qualified(table.name)} where {here}")
            before = f"select set_config('harness.expected', ({self._named(both, here)}), true)"
            then = compared("current_setting('harness.expected')", "it returns", rows_where(both))
            what = "delete returning"
            yield self.probe(delete, Accepted(), f"{what} exactly", what, then=then, before=before, required=False)
        if not says(self.may.insert, "false"):
            # For a row that may be inserted and not seen, the statement fails.
            foreseen = AcceptedIf(f"its row is one where {self.sees}", self.sqlstates)
            for row in filter(None, (rows.fresh[place], rows.fresh_of_another(place))):
                first = self._foresees(Insert(table.name, row))
                then = self.exactly(f"({self.here([row])}) and ({self.sees})", "it returns", f"its row if {self.sees}")
                written, what = Insert(table.name, row), "insert returning"
                insert = self.returning(written.sql, written)
                yield self.probe(insert, foreseen, what, what, then=then, before=first, required=False)

    def _foresees(self, insert: Insert) -> str:
        """Returns a statement that inserts a row, keeps whether ``sees`` holds for it, and undoes the insert."""
        settings = "; ".join(each.replace("select", "perform", 1) for each in assume(self.settings))
        seen = (
            f"select case count(*) when 0 then 'no' else 'yes' end {self._where(self.sees, self.here([insert.values]))}"
        )
        return (
            "do $harness_do$ declare harness_seen text := ''; begin begin "
            f"{settings}; {insert.sql}; perform set_config('role', 'none', true); harness_seen := ({seen}); "
            "raise exception using errcode = 'HX001'; exception when others or assert_failure then null; end; "
            "perform set_config('harness.foreseen', harness_seen, true); end $harness_do$"
        )

    def returning(self, statement: str, leaves: Insert | None = None) -> Execute:
        """Returns a write that keeps in the setting ``harness.seen`` the rows it gives back."""
        return Execute(
            f"with harness_changed as ({statement} returning {row_key(self.subject.table)} as harness_key) "
            f"select set_config('harness.seen', {joined('harness_key')}, true) from harness_changed",
            leaves,
        )

    def here(self, rows: Sequence[Values]) -> str:
        """Returns the SQL condition that names these rows."""
        return " or ".join(f"({condition(self.subject.key(row))})" for row in rows)

    @property
    def touch(self) -> str:
        column = identifier(self.plain_column)
        return f"update {qualified(self.subject.table.name)} set {column} = {column}"

    @property
    def plain_column(self) -> str:
        """A column to set to itself: outside the key, not written by a trigger, and one that the role may update."""
        table, role = self.subject.table, self.settings["role"]
        plain = [
            column.name
            for column in table.columns
            if column.name not in {*table.primary_key, *self.subject.rewritten}
            and column.is_supplied
            and not column.identity
        ]
        # A stand-in for the owner does not exist yet, and may write every column.
        known = self.subject.roles.exists(role)
        name = qualified(table.name)
        may = [column for column in plain if not known or self.subject.roles.on_column(role, name, column, "update")]
        return next(iter([*may, *plain]), table.columns[0].name)

    def _count(self, predicate: str, here: str = "true") -> str:
        return f"select count(*) {self._where(predicate, here)}"

    def _named(self, predicate: str, here: str = "true") -> str:
        """Returns a query for the keys of the rows where a predicate holds, as one text."""
        return f"select {joined(row_key(self.subject.table))} {self._where(predicate, here)}"

    def _where(self, predicate: str, here: str) -> str:
        name, bound = self.subject.table.name, self.owners.bind(predicate, self.values)
        return f"from {qualified(name)} as {identifier(name.table)} where ({here}) and ({bound})"

    def stays(self, predicate: str, row: Values, become: Values) -> tuple[str, Postcondition]:
        """Returns a statement before, and the postcondition that a changed row met a predicate and still does."""
        first = f"select set_config('harness.expected', ({self._count(predicate, self.here([row]))})::text, true); "
        kept = f"current_setting('harness.expected') = '1' and ({self._count(predicate, self.here([become]))}) = 1"
        found = f"select case when current_setting('harness.changed') = '0' or {kept} then 'yes' else 'no' end"
        return first, Postcondition(found, "yes", f"one of the rows where {predicate} before and after")

    def exactly(self, predicate: str, meaning: str, expected: str) -> Postcondition:
        """Returns the postcondition that the setting ``harness.seen`` has the keys of the rows where a predicate holds.

        The setting carries what the role sees to the owner of the table, who compares it; ``expected`` are its words.
        """
        return compared(f"({self._named(predicate)})", meaning, expected)


def says(predicate: str, word: str) -> bool:
    """Whether a predicate is only that word."""
    return predicate.strip().lower() == word


def _both(one: str, other: str) -> str:
    """Returns the shortest predicate for two predicates that both hold."""
    if says(one, "false") or says(other, "true") or one == other:
        return one
    return other if says(one, "true") else f"({one}) and ({other})"
