"""A few kinds, and projects written in a line: what the tests of reading files stand on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from harness.declarations import DeclaredCheck, read
from harness.project import keys
from harness.project.columns import DeclaredColumn, declared_columns
from harness.project.keys import ColumnForm, key
from harness.project.load import load


@dataclass(frozen=True)
class Columns:
    """The contract of a table."""

    scopes: ClassVar = ()
    columns: tuple[DeclaredColumn, ...] = key(declared_columns, "every column")
    subject: ClassVar[str] = ""


@dataclass(frozen=True)
class Unique:
    """One row per key."""

    column_form: ClassVar = ColumnForm(column="unique", keys=("constraint",))
    unique: tuple[str, ...] = key(keys.names, "the columns of the key")
    where: str | None = key(keys.predicate, "the rows it holds for", default=None)
    nulls: str = key(keys.choice("distinct", "not distinct"), "what two NULLs are", default="distinct")
    constraint: str | None = key(keys.name, "the constraint", default=None)

    @property
    def subject(self) -> str:
        return self.constraint or "_".join(self.unique)


@dataclass(frozen=True)
class NotNull:
    """Never NULL."""

    column_form: ClassVar = ColumnForm(column="not_null")
    not_null: str = key(keys.name, "the column")

    @property
    def subject(self) -> str:
        return self.not_null


@dataclass(frozen=True)
class AcceptedValues:
    """A set of values."""

    column_form: ClassVar = ColumnForm(column="column", value="accepted_values", keys=("constraint",))
    accepted_values: tuple[str, ...] = key(keys.texts, "the values")
    column: str = key(keys.name, "the column")
    constraint: str | None = key(keys.name, "the constraint", default=None)

    @property
    def subject(self) -> str:
        return self.constraint or self.column


@dataclass(frozen=True)
class Predicate:
    """A predicate."""

    column_form: ClassVar = ColumnForm(column="column", value="check", keys=("constraint",))
    check: str = key(keys.predicate, "the predicate")
    column: str | None = key(keys.name, "the column it stands with", default=None)
    constraint: str | None = key(keys.name, "the constraint", default=None)

    @property
    def subject(self) -> str:
        return self.constraint or self.column or self.check


@dataclass(frozen=True)
class Class:
    """The data class of a column, or of every one."""

    column_form: ClassVar = ColumnForm(column="column", value="class")
    class_: str = key(keys.name, "the class")
    column: str | None = key(keys.name, "the column", default=None)

    @property
    def subject(self) -> str:
        return self.column or self.class_


@dataclass(frozen=True)
class Privileges:
    """Who may do what."""

    scopes: ClassVar = ("table", "module")
    privileges: keys.FrozenDict[Any] = key(
        keys.mapping(keys.one_of(keys.choice("all"), keys.several(keys.choice("select", "insert")))), "role: commands"
    )
    subject: ClassVar[str] = ""


@dataclass(frozen=True)
class Rollback:
    """Down and up again."""

    scopes: ClassVar = ("module",)
    rollback: str = key(keys.choice("all"), "which migrations")

    @property
    def subject(self) -> str:
        return self.rollback


KINDS: dict[str, type] = {
    "columns": Columns,
    "unique": Unique,
    "not_null": NotNull,
    "accepted_values": AcceptedValues,
    "check": Predicate,
    "class": Class,
    "privileges": Privileges,
    "rollback": Rollback,
}

Write = Callable[..., Path]


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """A directory with these files; a module ``shop`` unless ``project.yml`` is among them."""
    for name, content in {"project.yml": "name: demo\nmodules: [shop]\n", **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def checks_of(root: Path, text: str | bytes) -> tuple[DeclaredCheck, ...]:
    """The checks of a project whose one check file is this."""
    return read(load(write(root, {"checks/shop/orders.yml": text})), KINDS)
