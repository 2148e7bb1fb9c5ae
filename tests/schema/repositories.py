"""Tries each method of generated repositories with drawn rows, as the role that they are made for."""

from __future__ import annotations

import datetime as dt
import importlib
import inspect
import ipaddress
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from harness.kinds.base import Subject
from harness.project.model import TableName
from harness.types.agreement.trying import DrawnRow, drawn_rows
from harness.types.python_names import model

DRAWN, VARIANTS, VALUES = 6, 30, 4
"""Rows that are drawn for each table, variants of each, and values that a column of it is updated to."""

Connection = psycopg.Connection[tuple[Any, ...]]
AS_TEXT = (Range, Multirange, dt.timedelta, ipaddress.IPv4Address, ipaddress.IPv6Address)
"""Classes of psycopg's values that are texts in the models for JSON."""
WRITING = ("create", "create_many", "update", "delete")
ARGUMENTS: Mapping[str, Any] = {
    "p_notes": "Asked for.",
    "p_as_of": dt.date(2026, 1, 1),
    "as_of": dt.datetime(2000, 1, 1, tzinfo=dt.UTC),
    "p_status": "COMPLETED",
    "p_permission": "view:milestone_actions",
    "reason": "ticket 1",
    "new_locked_after_week": 12,
}
"""Arguments of functions that no column has."""
LOCKING: Mapping[str, Sequence[Any]] = {"locked_after_week": [1]}
"""Values that lock a row, so that it can be unlocked; drawn rows are never locked."""


@dataclass(frozen=True)
class GeneratedPackage:
    """A package of repositories under ``types/``, and the role that it is made for."""

    name: str
    role: str
    schemas: tuple[str, ...]

    def module(self, ending: str) -> Any:
        """Imports one of its modules."""
        return importlib.import_module(f"{self.name}.{ending}")

    def repository(self, table: TableName) -> type[Any] | None:
        """The repository of a table, if the role may do anything with it."""
        return getattr(self.module(f"{table.schema}_repository"), model(table.table, "Repository"), None)


def methods(repository: type[Any], prefix: str = "") -> list[str]:
    """The methods that a class has of its own."""
    own = (name for name, value in vars(repository).items() if inspect.isfunction(value))
    return [name for name in own if not name.startswith("__") and name.startswith(prefix)]


class TriedMethods:
    """Tries the methods of one table's repository, and notes those through which a row went."""

    def __init__(self, package: GeneratedPackage, subject: Subject, connection: Connection) -> None:
        self._package, self._subject, self._connection = package, subject, connection
        self._table = subject.table.name
        found = package.repository(self._table)
        assert found is not None, self._table
        self._class, self._done = found, set[str]()

    @property
    def missing(self) -> list[str]:
        """The methods through which nothing went yet."""
        return sorted({*methods(self._class)} - self._done)

    def try_all(self) -> None:
        """Tries every method with drawn rows and variants of them, until each has had one."""
        for drawn in drawn_rows(self._subject, DRAWN * VARIANTS, seed=1)[:DRAWN]:
            with self._undone():
                for statement in drawn.setup:
                    self._connection.execute(statement.sql.encode())
                self._with_rows(drawn)

    def refused_to(self, role: str, names: Sequence[str] = ()) -> dict[str, tuple[str, int]]:
        """Tries methods, or all, as a role in nobody's name; returns SQLSTATE and status of what refuses each."""
        (drawn, *_) = drawn_rows(self._subject, 1, seed=1)
        with self._undone():
            for statement in drawn.setup:
                self._connection.execute(statement.sql.encode())
            row = self._stored(drawn.row)
            assert row is not None, self._table
            record = self._put_in(row)
            self._connection.execute("select set_config('request.jwt.claims', '', true)")
            self._connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
            tried = [each for each in methods(self._class) if each in (names or methods(self._class))]
            found = {each: self._refusal(each, record, row) for each in tried}
            return {name: refusal for name, refusal in found.items() if refusal is not None}

    def _refusal(self, name: str, record: Any, row: Mapping[str, Any]) -> tuple[str, int] | None:
        method = getattr(self._class(self._connection), name)
        given: dict[str, Any] = {each: getattr(record, each, None) for each in _parameters(method)}
        given |= {"row": self._sent(row)} if "row" in given else {}
        given |= {"rows": [self._sent(row)]} if "rows" in given else {}
        given |= {"changes": self._model("Update")()} if "changes" in given else {}
        try:
            with _needing_a_key(), self._undone():
                method(**given)
                return "accepted", 200
        except importlib.import_module(self._package.name).Refusal as refusal:
            return refusal.sqlstate, refusal.status
        return None

    def _with_rows(self, drawn: DrawnRow) -> None:
        rows = [stored for each in (drawn.row, *drawn.variants[:VARIANTS]) if (stored := self._stored(each))]
        for row in rows:
            if self.missing:
                with suppress(psycopg.DataError), self._undone():  # 24:00, which Python has no time for
                    self._with_row(row, rows)

    def _with_row(self, row: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> None:
        """Tries every method that has not had a row with this one."""
        with self._as_role(row):
            repository = self._class(self._connection)
            record = self._created(repository, row) if hasattr(repository, "create") else self._put_in(row)
            self._find(repository, record)
            self._upsert(repository, record)
            self._update(repository, record, others)
            self._ask_functions(repository, record)
            self._delete(repository, record)

    def _stored(self, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """A row as the table stores it, which is not there any more; None if it is refused."""
        with suppress(psycopg.Error), self._undone():
            return self._connection.cursor(row_factory=dict_row).execute(self._insert(values), values).fetchone()
        return None

    def _insert(self, values: Mapping[str, Any]) -> sql.Composed:
        return sql.SQL("insert into {} ({}) values ({}) returning *").format(
            sql.Identifier(self._table.schema, self._table.table),
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(map(sql.Placeholder, values)),
        )

    @contextmanager
    def _as_role(self, row: Mapping[str, Any]) -> Iterator[None]:
        """Takes the role, in the name of the user that a row is of."""
        user = row.get("user_id", row.get("subject_user_id"))
        if "session_id" in row:
            query: LiteralString = "select user_id from weeksmith.chat_session where id = %s"
            user = next(iter(self._connection.execute(query, [row["session_id"]]).fetchone() or ()), None)
        settings = {"request.jwt.claims": json.dumps({"sub": str(user)}), "app.is_platform_admin": "true"}
        for name, value in settings.items():
            self._connection.execute("select set_config(%s, %s, true)", [name, value])
        self._connection.execute(sql.SQL("set local role {}").format(sql.Identifier(self._package.role)))
        yield
        self._connection.execute("reset role")

    def _model(self, shape: str) -> Any:
        return getattr(self._package.module(self._table.schema), model(self._table.table, shape))

    def _sent(self, row: Mapping[str, Any]) -> Any:
        own = self._model("Insert")
        return own(**{name: _as_sent(row[field.title or name]) for name, field in own.model_fields.items()})

    def _created(self, repository: Any, row: Mapping[str, Any]) -> Any:
        with self._undone():
            (one,) = repository.create_many([self._sent(row)])
        record = repository.create(self._sent(row))
        assert _without_times(one) == _without_times(record)
        self._done |= {"create", "create_many"}
        return record

    def _put_in(self, row: Mapping[str, Any]) -> Any:
        """Puts in a row that the role can only read."""
        self._connection.execute("reset role")
        values = {name: Jsonb(each) if isinstance(each, dict) else each for name, each in row.items()}
        cursor = self._connection.cursor(row_factory=class_row(self._model("Record")))
        record = cursor.execute(self._insert(values), values).fetchone()
        self._connection.execute(sql.SQL("set local role {}").format(sql.Identifier(self._package.role)))
        return record

    def _find(self, repository: Any, record: Any) -> None:
        for name in methods(self._class, "find"):
            given = [getattr(record, each) for each in _parameters(getattr(repository, name))]
            if None in given:
                continue
            found = getattr(repository, name)(*given)
            if record in (found if isinstance(found, list) else [found]):
                self._done.add(name)
            else:  # an index with a predicate that this row is outside of
                assert name != "find" and not name.startswith("find_by_"), name

    def _upsert(self, repository: Any, record: Any) -> None:
        for name in methods(self._class, "upsert"):
            with _needing_a_key(), self._undone(), self._allowed():
                found = getattr(repository, name)(self._sent(record.__dict__))
                assert _without_times(found) == _without_times(record), name
                self._done.add(name)

    def _update(self, repository: Any, record: Any, others: Sequence[Mapping[str, Any]]) -> None:
        if not hasattr(repository, "update"):
            return
        update = self._model("Update")
        key = {each: getattr(record, each) for each in _parameters(repository.update) if each != "changes"}
        for name in (each for each in update.model_fields if each not in key):
            values = [*self._own_values(name, record), *LOCKING.get(name, ())]
            for each in others:
                values += [each[name]] if each[name] not in (*values, getattr(record, name)) else []
            for value in values[:VALUES]:
                with self._undone(), self._allowed():
                    found = repository.update(**key, changes=update(**{name: _as_sent(value)}))
                    if getattr(found, name) == value:
                        self._done.add("update")
                        self._find(repository, found)
                        self._ask_functions(repository, found)

    def _own_values(self, column: str, record: Any) -> Iterator[Any]:
        """The values by which a row refers to itself."""
        for foreign in self._subject.table.foreign_keys:
            if foreign.references == self._table and column in foreign.columns:
                yield getattr(record, dict(foreign.pairs)[column])

    def _ask_functions(self, repository: Any, record: Any) -> None:
        for name in methods(self._class):
            if name in self._done or name in WRITING or name.startswith(("find", "upsert")):
                continue
            with self._undone(), self._allowed():
                found = getattr(repository, name)(**self._arguments(getattr(repository, name), record))
                self._done.add(name)
                for one in found if isinstance(found, list) else ():
                    if isinstance(one, type(record)):
                        self._find(repository, one)

    def _arguments(self, method: Any, record: Any) -> dict[str, Any]:
        """The arguments of a function: constants, a user, and the ids of the row."""
        found = {name: ARGUMENTS[name] for name in _parameters(method) if name in ARGUMENTS}
        for name, parameter in inspect.signature(method).parameters.items():
            if name.endswith("_by"):
                (found[name],) = self._connection.execute("select id from absence.users limit 1").fetchone() or (None,)
            elif name not in found and parameter.default is inspect.Parameter.empty:
                own = "sickness_case_id" if name == "p_case_id" else "id"
                found[name] = getattr(record, own) if name.endswith("_id") else None
        return found

    def _delete(self, repository: Any, record: Any) -> None:
        if not hasattr(repository, "delete"):
            return
        key = [getattr(record, each) for each in _parameters(repository.delete)]
        with self._undone(), self._allowed():
            assert repository.delete(*key)
            assert repository.find(*key) is None
            assert not repository.delete(*key)
            self._done.add("delete")

    @contextmanager
    def _undone(self) -> Iterator[None]:
        with self._connection.transaction(force_rollback=True):
            yield

    @contextmanager
    def _allowed(self) -> Iterator[None]:
        """Lets the database refuse by a rule that has a class, and not by a privilege."""
        refusals = importlib.import_module(self._package.name)
        try:
            with self._connection.transaction():
                yield
        except refusals.Refusal as refused:
            assert type(refused).__name__ != "PrivilegeRefusal", refused


@contextmanager
def _needing_a_key() -> Iterator[None]:
    """Lets an upsert refuse a row whose key is NULL, and nothing else."""
    try:
        yield
    except ValueError as error:
        if "has to be given: by it a row is found" not in str(error):
            raise


def _parameters(method: Any) -> list[str]:
    return [name for name in inspect.signature(method).parameters if name != "limit"]


def _as_sent(value: Any) -> Any:
    """A value that psycopg returned, as the models for JSON take it."""
    return str(value) if isinstance(value, AS_TEXT) else value


def _without_times(record: Any) -> dict[str, Any]:
    return {name: value for name, value in record.__dict__.items() if name != "updated_at"}
