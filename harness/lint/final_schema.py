"""The tables that the migrations of a directory leave behind.

A table of 001 gets its row security in 003, its comments in 004, and is dropped in 007. So all up files are replayed in
their order before a table is judged. PostgreSQL's own grammar reads them; sqlfluff's takes a hundred times as long, and
only the file that is being linted needs places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.grammar import enum_name, strings
from harness.lint.statements import NameParts, written

_COMMENTS, _DEFAULTS, _INDEXES = 1, 8, 64
"""Bits of LIKE's options: the parts of a table that it copies."""


@dataclass
class FinalItem:
    """A table or column after the last migration; no comment and an empty one are the same to PostgreSQL.

    ``commented_by`` is the statement that gave it its comment; None for a comment from a DO block or from LIKE, and
    without a comment.
    """

    comment: str = ""
    commented_by: CommentStatement | None = None
    dropped: bool = False


@dataclass
class FinalColumn(FinalItem):
    """A column; ``type`` is the last part of its type's name, ``default`` the function that its default calls."""

    type: str = ""
    default: str = ""


@dataclass
class FinalTable(FinalItem):
    """A table; ``key`` are the columns of its primary key."""

    row_security: bool = False
    forced: bool = False
    partition: bool = False
    key: tuple[str, ...] = ()
    key_name: str = ""
    columns: dict[str, FinalColumn] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class CommentStatement:
    """A COMMENT that begins at byte ``start`` of its file; for the table itself ``column`` is None."""

    start: int
    name: NameParts
    table: FinalTable
    column: FinalColumn | None = None

    def is_final(self) -> bool:
        """Whether no later statement comments on the same table or column, or drops it."""
        dropped = self.table.dropped or (self.column is not None and self.column.dropped)
        return not dropped and (self.column or self.table).commented_by is self


@dataclass(frozen=True)
class CreatedByFile:
    """The tables that one file creates, and the columns that it creates or adds, by their names as written there.

    ``comments`` are the comments it gives to those and to others, in its order.
    """

    tables: dict[NameParts, FinalTable] = field(default_factory=dict)
    columns: dict[NameParts, tuple[FinalTable, FinalColumn]] = field(default_factory=dict)
    comments: list[CommentStatement] = field(default_factory=list)


class Replay:
    """The tables by schema and name, while the statements of one file after the other change them."""

    def __init__(self) -> None:
        self._tables: dict[tuple[str, str], FinalTable] = {}
        self._schema = "public"
        self._created = CreatedByFile()
        self._start: int | None = None

    def migrate(self, statements: Iterable[tuple[Any, int | None]]) -> CreatedByFile:
        """Replays one file, given as trees and their first bytes; returns the tables and columns it creates."""
        self._schema = "public"
        self._created = CreatedByFile()
        for tree, self._start in statements:
            kind = tree.WhichOneof("node")
            if kind in self.CHANGES:
                self.CHANGES[kind](self, getattr(tree, kind))
        return self._created

    def _qualified(self, name: NameParts) -> tuple[str, str]:
        return (name[-2] if len(name) > 1 else self._schema), name[-1]

    def _create(self, create: Any) -> None:
        table = FinalTable(partition=create.HasField("partbound"))
        for each in create.table_elts:
            if each.HasField("column_def"):
                self._column(table, create.relation, each.column_def)
            elif each.HasField("table_like_clause"):
                self._like(table, create.relation, each.table_like_clause)
            else:
                self._constrain(table, create.relation, each.constraint)
        self._add(create, create.relation, table)

    def _create_as(self, create: Any) -> None:
        if enum_name(create, "objtype") == "OBJECT_TABLE":
            self._add(
                create,
                create.into.rel,
                FinalTable(columns={name: FinalColumn() for name in strings(create.into.col_names)}),
            )

    def _add(self, create: Any, relation: Any, table: FinalTable) -> None:
        name, created = self._qualified(written(relation)), list(table.columns)
        table = self._tables.get(name, table) if create.if_not_exists else table
        self._tables[name] = table
        self._created.tables[written(relation)] = table
        for column in created:
            if column in table.columns:
                self._created.columns[*written(relation), column] = table, table.columns[column]

    def _column(self, table: FinalTable, relation: Any, column: Any) -> None:
        created = FinalColumn(type=_last(column.type_name.names))
        table.columns[column.colname] = created
        for each in column.constraints:
            if enum_name(each.constraint, "contype") == "CONSTR_DEFAULT":
                created.default = _function(each.constraint.raw_expr)
            self._constrain(table, relation, each.constraint, column.colname)

    def _like(self, table: FinalTable, relation: Any, like: Any) -> None:
        source = self._tables.get(self._qualified(written(like.relation)), FinalTable())
        for name, each in source.columns.items():
            table.columns[name] = FinalColumn(
                each.comment if like.options & _COMMENTS else "",
                type=each.type,
                default=each.default if like.options & _DEFAULTS else "",
            )
        if source.key and like.options & _INDEXES:
            table.key, table.key_name = source.key, f"{relation.relname}_pkey"

    def _constrain(self, table: FinalTable, relation: Any, constraint: Any, column: str | None = None) -> None:
        if enum_name(constraint, "contype") == "CONSTR_PRIMARY":
            table.key = strings(constraint.keys) if column is None else (column,)
            table.key_name = constraint.conname or constraint.indexname or f"{relation.relname}_pkey"

    def _alter(self, alter: Any) -> None:
        name = self._qualified(written(alter.relation))
        table = self._tables.get(name)
        for command in (each.alter_table_cmd for each in alter.cmds):
            if table is None and enum_name(command, "subtype") == "AT_AddColumn":
                table = self._tables[name] = FinalTable()  # created elsewhere; from now on its columns are known
            if table is not None:
                self._change(table, alter.relation, command)

    def _change(self, table: FinalTable, relation: Any, command: Any) -> None:
        definition = getattr(command, "def")
        match enum_name(command, "subtype"):
            case "AT_EnableRowSecurity":
                table.row_security = True
            case "AT_DisableRowSecurity":
                table.row_security = False
            case "AT_ForceRowSecurity":
                table.forced = True
            case "AT_NoForceRowSecurity":
                table.forced = False
            case "AT_AddColumn":
                column = definition.column_def
                if not (command.missing_ok and column.colname in table.columns):
                    self._column(table, relation, column)
                self._created.columns[*written(relation), column.colname] = table, table.columns[column.colname]
            case "AT_DropColumn":
                table.columns.pop(command.name, FinalColumn()).dropped = True
                table.key = () if command.name in table.key else table.key
            case "AT_AlterColumnType":
                column = table.columns.setdefault(command.name, FinalColumn())
                column.type = _last(definition.column_def.type_name.names)
            case "AT_ColumnDefault":
                table.columns.setdefault(command.name, FinalColumn()).default = _function(definition)
            case "AT_AddConstraint":
                self._constrain(table, relation, definition.constraint)
            case "AT_DropConstraint" if command.name == table.key_name:
                table.key = ()

    def _comment(self, comment: Any) -> None:
        kind, name = enum_name(comment, "objtype"), strings(comment.object.list.items)
        if kind not in ("OBJECT_TABLE", "OBJECT_COLUMN"):
            return
        on_column = kind == "OBJECT_COLUMN"
        table = self._tables.get(self._qualified(name[:-1] if on_column else name))
        if table is None:
            return
        column = table.columns.setdefault(name[-1], FinalColumn()) if on_column else None
        statement = None if self._start is None else CommentStatement(self._start, name, table, column)
        item: FinalItem = column or table
        item.comment, item.commented_by = comment.comment, statement
        if statement is not None:
            self._created.comments.append(statement)

    def _drop(self, drop: Any) -> None:
        dropped: list[tuple[str, str]] = []
        match enum_name(drop, "remove_type"):
            case "OBJECT_TABLE":
                dropped = [self._qualified(strings(each.list.items)) for each in drop.objects]
            case "OBJECT_SCHEMA":
                dropped = [name for name in self._tables if name[0] in strings(drop.objects)]
        for name in dropped:
            self._tables.pop(name, FinalTable()).dropped = True

    def _rename(self, rename: Any) -> None:
        name, new = self._qualified(written(rename.relation)), rename.newname
        match enum_name(rename, "rename_type"):
            case "OBJECT_SCHEMA":
                for schema, table in [each for each in self._tables if each[0] == rename.subname]:
                    self._move((schema, table), (new, table))
            case "OBJECT_TABLE":
                self._move(name, (name[0], new))
            case "OBJECT_COLUMN" if renamed := self._tables.get(name):
                renamed.columns[new] = renamed.columns.pop(rename.subname, FinalColumn())

    def _set_schema(self, alter: Any) -> None:
        name = self._qualified(written(alter.relation))
        self._move(name, (alter.newschema, name[1]))

    def _move(self, old: tuple[str, str], new: tuple[str, str]) -> None:
        if old in self._tables:
            self._tables[new] = self._tables.pop(old)

    def _set(self, setting: Any) -> None:
        if setting.name == "search_path":
            self._schema = setting.args[0].a_const.sval.sval if setting.args else "public"

    CHANGES: Mapping[str, Callable[[Replay, Any], None]] = {
        "create_stmt": _create,
        "create_table_as_stmt": _create_as,
        "alter_table_stmt": _alter,
        "comment_stmt": _comment,
        "drop_stmt": _drop,
        "rename_stmt": _rename,
        "alter_object_schema_stmt": _set_schema,
        "variable_set_stmt": _set,
    }


def _function(expression: Any) -> str:
    """The name of the function that an expression calls; empty if it is no call."""
    return _last(expression.func_call.funcname)


def _last(names: Any) -> str:
    return names[-1].string.sval if names else ""
