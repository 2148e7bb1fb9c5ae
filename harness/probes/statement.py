"""The statements that probes are made of, and their SQL.

Values are text in PostgreSQL's input syntax, as ``psql`` would read them between quotes; ``None`` is NULL. Also the
order in which settings are made: the role comes last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from harness.project.model import TableName, Values


def identifier(name: str) -> str:
    """A name, quoted."""
    return '"' + name.replace('"', '""') + '"'


def qualified(table: TableName) -> str:
    """A table's name, quoted."""
    return f"{identifier(table.schema)}.{identifier(table.table)}"


def literal(value: str | None) -> str:
    """A value as a literal of unknown type, which PostgreSQL reads as the type of its column."""
    if value is None:
        return "null"
    quoted = "'" + value.replace("'", "''") + "'"
    return quoted if "\\" not in value else " E" + quoted.replace("\\", "\\\\")


class Computed(str):
    """A value that PostgreSQL computes: a row is known to have it, and no statement writes it."""

    __slots__ = ()


def written(values: Values) -> Values:
    """The values that a statement writes."""
    return {column: value for column, value in values.items() if not isinstance(value, Computed)}


@dataclass(frozen=True)
class Insert:
    """Inserts one row. Columns that ``values`` does not name take their default."""

    table: TableName
    values: Values

    @property
    def sql(self) -> str:
        given = written(self.values)
        if not given:
            return f"insert into {qualified(self.table)} default values"
        columns = ", ".join(identifier(column) for column in given)
        values = ", ".join(literal(value) for value in given.values())
        return f"insert into {qualified(self.table)} ({columns}) overriding system value values ({values})"


@dataclass(frozen=True)
class Update:
    """Changes the row with the values of ``key``."""

    table: TableName
    key: Values
    set: Values

    @property
    def sql(self) -> str:
        changes = ", ".join(f"{identifier(column)} = {literal(value)}" for column, value in written(self.set).items())
        return f"update {qualified(self.table)} set {changes} where {condition(self.key)}"


@dataclass(frozen=True)
class Delete:
    """Deletes the row with the values of ``key``."""

    table: TableName
    key: Values

    @property
    def sql(self) -> str:
        return f"delete from {qualified(self.table)} where {condition(self.key)}"


@dataclass(frozen=True)
class Execute:
    """Any other statement. After it there is the row ``leaves``, and the rows ``beside`` it.

    It may be ``instead_of`` a statement that writes a single row, and write others along with that. It may also be
    ``steps``, one after the other.
    """

    sql: str
    leaves: Insert | None = None
    beside: tuple[Insert, ...] = ()
    instead_of: Insert | Update | Delete | None = None
    steps: Steps | None = None


SqlStatement = Insert | Update | Delete | Execute


def single(statement: SqlStatement) -> Insert | Update | Delete | None:
    """The write of a single row that a statement is, or is instead of; None for any other statement."""
    return statement.instead_of if isinstance(statement, Execute) else statement


_SKIPPING = """\
do $harness_steps$
declare
    harness_write text;
    harness_taken text := 'none';
begin
    foreach harness_write in array array[{writes}] loop
        begin
            execute harness_write;
            {settled}
            harness_taken := 'some';
        exception when others or assert_failure then
            continue;
        end;
        {until}
    end loop;
    perform set_config('harness.taken', harness_taken, true);
end $harness_steps$"""


_UNTIL = """\
begin
            exit when exists ({query}
            );
        exception when others or assert_failure then
            exit;
        end;"""


@dataclass(frozen=True)
class Steps:
    """Writes one after the other, with ``words`` for each; after each the statements ``settled`` are run.

    One that is refused is skipped. They end when the query ``until`` finds a row, or fails.
    """

    writes: tuple[SqlStatement, ...]
    words: tuple[str, ...] = ()
    until: str | None = None
    settled: tuple[str, ...] = ()

    @classmethod
    def optional(cls, statement: SqlStatement, settled: tuple[str, ...]) -> SqlStatement:
        """A statement that inserts rows, as one that is skipped where it is refused; any other as it is."""
        row = statement.leaves if isinstance(statement, Execute) else statement
        if not isinstance(row, Insert):
            return statement
        return replace(cls((statement,), settled=settled).skipping, leaves=row)

    @property
    def skipping(self) -> Execute:
        """All of them as one statement; the setting ``harness.taken`` is ``none`` if each was refused."""
        writes = ", ".join(literal(each.sql).strip() for each in self.writes)
        settled = " ".join(f"{each};" for each in self.settled)
        until = "" if self.until is None else _UNTIL.format(query=self.until)
        return Execute(_SKIPPING.format(writes=writes, settled=settled, until=until), steps=self)

    @property
    def plain(self) -> Execute:
        """The statements as they are: of one that is refused all fail."""
        settled = "".join(f";\n{each}" for each in self.settled)
        return Execute(f"{settled};\n".join(each.sql for each in self.writes), steps=self)

    def without(self, place: int) -> Steps:
        """The same without one of them."""
        kept = [n for n, _ in enumerate(self.writes) if n != place]
        return replace(self, writes=tuple(self.writes[n] for n in kept), words=tuple(self.words[n] for n in kept))

    def __str__(self) -> str:
        return ", then ".join(self.words)


def rows_of(given: SqlStatement) -> Iterator[tuple[TableName, Values]]:
    """The rows that a statement writes, as far as it says; the row of the statement itself comes last."""
    statement = given.instead_of or given.leaves or given if isinstance(given, Execute) else given
    if isinstance(given, Execute):
        written = given.steps.writes if given.steps and not given.leaves else ()
        yield from (row for each in written for row in rows_of(each))
        yield from ((other.table, other.values) for other in given.beside)
    if isinstance(statement, Insert):
        yield statement.table, statement.values
    elif isinstance(statement, Update):
        yield statement.table, {**statement.key, **statement.set}
    elif isinstance(statement, Delete):
        yield statement.table, statement.key


def assume(settings: Mapping[str, str], until: Literal["transaction", "session"] = "transaction") -> Iterator[str]:
    """Statements that make settings (``role``, claims …) for the transaction, or ``until`` the session ends.

    The role comes last: it may not be allowed to make the others.
    """
    for setting, value in sorted(settings.items(), key=lambda item: item[0] == "role"):
        local = "true" if until == "transaction" else "false"
        yield f"select set_config({literal(setting).strip()}, {literal(value).strip()}, {local})"


NO_ROLE = "select set_config('role', 'none', true)"
"""Ends what :func:`assume` makes of a role: the role that the tool is connected as goes on."""


def assuming(settings: Mapping[str, str], statement: Insert | Update | Delete) -> Execute:
    """Returns a write with settings of its own, after which no role is assumed any more."""
    return Execute(";\n".join((*assume(settings), statement.sql, NO_ROLE)), instead_of=statement)


def condition(key: Values) -> str:
    """The WHERE clause for the row with these values; without values for every row."""
    if not key:
        return "true"
    return " and ".join(equal(identifier(column), value) for column, value in key.items())


def equal(column: str, value: str | None) -> str:
    """The condition that a column, as SQL, has this value."""
    if value is None:
        return f"{column} is null"
    if value.startswith("(") and value.endswith(")"):
        # No text is compared with a value of a composite type: in an array the literal is read as that type.
        quoted = value.replace("\\", "\\\\").replace('"', '\\"')
        element = f'{{"{quoted}"}}'
        return f"array[{column}] = {literal(element)}"
    return f"{column} = {literal(value)}"
