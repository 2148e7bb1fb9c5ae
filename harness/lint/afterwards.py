"""What the migrations of a directory leave of the tables they make.

A table of 001 gets its row security in 003, its comments in 004, and is gone in 007: whether something is wrong with
it is a question to all the up files, replayed in their order. PostgreSQL's own grammar reads them; sqlfluff's takes a
hundred times as long, and only the file that is being linted needs places.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from harness.lint.parsed import statements

_MIGRATION = re.compile(r"(\d{3,})_\w[\w-]*\.up\.sql")
_MAYBE_RELEVANT = re.compile(r"\b(?:table|column|schema|search_path)\b", re.IGNORECASE)

NameParts = tuple[str, ...]
_Relevant = tuple[str, Any, int | None]
"""A statement that a table may be changed by: kind, parse tree, and where it begins, None inside of a DO block."""

_COMMENTS, _DEFAULTS, _INDEXES = 1, 8, 64
"""What LIKE takes along, as bits of its options."""


@dataclass
class FinalColumn:
    """A column after the last migration; no comment and an empty one are the same to PostgreSQL.

    ``type`` is the last part of its type's name, ``default`` the function that it is the value of. ``said`` is the
    statement that its comment is of; None of a comment from a DO block or by LIKE, and where none was ever written.
    """

    comment: str = ""
    said: CommentStatement | None = None
    dropped: bool = False
    type: str = ""
    default: str = ""


@dataclass
class FinalTable:
    """A table after the last migration; ``key`` are the columns of its primary key."""

    row_security: bool = False
    forced: bool = False
    comment: str = ""
    said: CommentStatement | None = None
    dropped: bool = False
    partition: bool = False
    key: tuple[str, ...] = ()
    key_name: str = ""
    columns: dict[str, FinalColumn] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class CommentStatement:
    """A COMMENT that begins at byte ``start`` of its file; of the table itself ``column`` is None."""

    start: int
    name: NameParts
    table: FinalTable
    column: FinalColumn | None = None

    def counts(self) -> bool:
        """Whether nothing was said after it, and what it is of is still there."""
        dropped = self.table.dropped or (self.column is not None and self.column.dropped)
        return not dropped and (self.column or self.table).said is self


@dataclass(frozen=True)
class CreatedByFile:
    """The tables that one file makes, and the columns that it makes or adds, by their names as written there.

    ``said`` are the comments it gives to those and to others, in its order.
    """

    tables: dict[NameParts, FinalTable] = field(default_factory=dict)
    columns: dict[NameParts, tuple[FinalTable, FinalColumn]] = field(default_factory=dict)
    said: list[CommentStatement] = field(default_factory=list)


def made_by(path: Path | None, text: str) -> CreatedByFile:
    """What one file makes, as its whole directory leaves it.

    ``text`` is the file as it stands in the editor. Only files named ``NNN_name.up.sql`` have a directory to ask;
    others leave what they say themselves. Text without a name may be a migration as well, so nothing is known of it.
    """
    if path is None:
        return CreatedByFile()
    if not _MIGRATION.fullmatch(path.name):
        return _replay((text,))[0]
    names = _migrations(path)
    texts = tuple(text if name == path.name else _read(path.parent / name) for name in names)
    return _replay(texts)[names.index(path.name)]


def _migrations(path: Path) -> list[str]:
    """The names of the up files beside this one, itself included, in the order they are applied in."""
    names = {path.name}  # it may never have been saved
    with suppress(OSError):
        names |= {each.name for each in path.parent.iterdir()}
    matches = [match for name in names if (match := _MIGRATION.fullmatch(name))]
    return [match[0] for match in sorted(matches, key=lambda match: (int(match[1]), match[0]))]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):  # it has its own error, in its own place
        return ""


@lru_cache(maxsize=32)
def _replay(texts: tuple[str, ...]) -> tuple[CreatedByFile, ...]:
    tables = _Tables()
    return tuple([tables.migrate(_statements(text)) for text in texts])


@lru_cache(maxsize=256)
def _statements(text: str) -> tuple[_Relevant, ...]:
    return tuple(each for statement in statements(text) for each in _relevant(statement.tree, statement.start))


def _relevant(node: Any, start: int | None) -> Iterator[_Relevant]:
    kind = node.WhichOneof("node")
    if kind in _Tables.KINDS:
        yield kind, getattr(node, kind), start
    elif kind == "do_stmt":
        for query in _queries(node.do_stmt):
            for inner in statements(query):
                yield from _relevant(inner.tree, None)


def _queries(block: Any) -> Iterator[str]:
    """The statements in a DO block that are written out; it is taken for granted that they run."""
    import postgast

    options = {each.def_elem.defname: each.def_elem.arg.string.sval for each in block.args}
    body = options.get("as", "")
    if options.get("language", "plpgsql") != "plpgsql" or not _MAYBE_RELEVANT.search(body):
        return
    quote = "$body_of_do$"
    try:
        parsed = postgast.parse_plpgsql(f"create function f() returns void language plpgsql as {quote}{body}{quote}")
    except (postgast.PgQueryError, RecursionError):
        return
    yield from _executed(parsed)


def _executed(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for each in node:
            yield from _executed(each)
    elif isinstance(node, dict):
        for kind, each in node.items():
            if kind == "PLpgSQL_stmt_execsql":
                yield each["sqlstmt"]["PLpgSQL_expr"]["query"]
            else:
                yield from _executed(each)


def _written(relation: Any) -> NameParts:
    return (relation.schemaname, relation.relname) if relation.schemaname else (relation.relname,)


def _function(expression: Any) -> str:
    """The function that an expression calls; empty where it does not."""
    names = expression.func_call.funcname
    return names[-1].string.sval if names else ""


def _subtype(name: str) -> int:
    from postgast import pg_query_pb2 as tree

    return int(tree.AlterTableType.Value(name))


class _Tables:
    """The tables there are, by schema and name, while the statements pass."""

    def __init__(self) -> None:
        self._there: dict[tuple[str, str], FinalTable] = {}
        self._schema = "public"
        self._made = CreatedByFile()
        self._start: int | None = None

    def migrate(self, statements: Iterable[_Relevant]) -> CreatedByFile:
        """Replay one file; returns what it makes."""
        self._schema = "public"
        self._made = CreatedByFile()
        for kind, statement, self._start in statements:
            self.KINDS[kind](self, statement)
        return self._made

    def _name(self, relation: Any) -> tuple[str, str]:
        return relation.schemaname or self._schema, relation.relname

    def _listed(self, node: Any) -> list[str]:
        return [item.string.sval for item in node.list.items]

    def _at(self, parts: list[str]) -> tuple[str, str]:
        return (parts[-2] if len(parts) > 1 else self._schema), parts[-1]

    def _create(self, create: Any) -> None:
        table = FinalTable(partition=create.HasField("partbound"))
        for each in create.table_elts:
            if each.HasField("column_def"):
                self._column(table, create.relation, each.column_def)
            elif each.HasField("table_like_clause"):
                self._like(table, create.relation, each.table_like_clause)
            else:
                self._constrain(table, create.relation, each.constraint)
        self._add(create.relation, table, create.if_not_exists)

    def _create_as(self, create: Any) -> None:
        from postgast import pg_query_pb2 as tree

        if create.objtype == tree.OBJECT_TABLE:
            names = [each.string.sval for each in create.into.col_names]
            self._add(
                create.into.rel, FinalTable(columns={name: FinalColumn() for name in names}), create.if_not_exists
            )

    def _add(self, relation: Any, table: FinalTable, if_not_exists: bool) -> None:
        name, made = self._name(relation), list(table.columns)
        table = self._there.get(name, table) if if_not_exists else table
        self._there[name] = table
        self._made.tables[_written(relation)] = table
        for column in made:
            if column in table.columns:
                self._made.columns[*_written(relation), column] = table, table.columns[column]

    def _column(self, table: FinalTable, relation: Any, column: Any) -> None:
        from postgast import pg_query_pb2 as tree

        names = column.type_name.names
        made = FinalColumn(type=names[-1].string.sval if names else "")
        table.columns[column.colname] = made
        for each in column.constraints:
            if each.constraint.contype == tree.CONSTR_DEFAULT:
                made.default = _function(each.constraint.raw_expr)
            self._constrain(table, relation, each.constraint, column.colname)

    def _like(self, table: FinalTable, relation: Any, like: Any) -> None:
        source = self._there.get(self._name(like.relation), FinalTable())
        for name, each in source.columns.items():
            comment = each.comment if like.options & _COMMENTS else ""
            default = each.default if like.options & _DEFAULTS else ""
            table.columns[name] = FinalColumn(comment, type=each.type, default=default)
        if source.key and like.options & _INDEXES:
            table.key, table.key_name = source.key, f"{relation.relname}_pkey"

    def _constrain(self, table: FinalTable, relation: Any, constraint: Any, column: str | None = None) -> None:
        from postgast import pg_query_pb2 as tree

        if constraint.contype == tree.CONSTR_PRIMARY:
            named = [each.string.sval for each in constraint.keys]
            table.key = tuple(named) if column is None else (column,)
            table.key_name = constraint.conname or constraint.indexname or f"{relation.relname}_pkey"

    def _alter(self, alter: Any) -> None:
        name = self._name(alter.relation)
        table = self._there.get(name)
        for command in (each.alter_table_cmd for each in alter.cmds):
            if table is None and command.subtype == _subtype("AT_AddColumn"):
                table = self._there[name] = FinalTable()  # made elsewhere; from now on its columns are known
            if table is not None:
                self._change(table, alter.relation, command)

    def _change(self, table: FinalTable, relation: Any, command: Any) -> None:
        from postgast import pg_query_pb2 as tree

        definition = getattr(command, "def")
        match tree.AlterTableType.Name(command.subtype):
            case "AT_EnableRowSecurity":
                table.row_security = True
            case "AT_DisableRowSecurity":
                table.row_security = False
            case "AT_ForceRowSecurity":
                table.forced = True
            case "AT_NoForceRowSecurity":
                table.forced = False
            case "AT_AddColumn":
                self._added(table, relation, definition.column_def, command.missing_ok)
            case "AT_DropColumn":
                table.columns.pop(command.name, FinalColumn()).dropped = True
                table.key = () if command.name in table.key else table.key
            case "AT_AlterColumnType":
                column = table.columns.setdefault(command.name, FinalColumn())
                column.type = definition.column_def.type_name.names[-1].string.sval
            case "AT_ColumnDefault":
                table.columns.setdefault(command.name, FinalColumn()).default = _function(definition)
            case "AT_AddConstraint":
                self._constrain(table, relation, definition.constraint)
            case "AT_DropConstraint" if command.name == table.key_name:
                table.key = ()

    def _added(self, table: FinalTable, relation: Any, column: Any, if_not_exists: bool) -> None:
        if not (if_not_exists and column.colname in table.columns):
            self._column(table, relation, column)
        self._made.columns[*_written(relation), column.colname] = table, table.columns[column.colname]

    def _comment(self, comment: Any) -> None:
        from postgast import pg_query_pb2 as tree

        parts = self._listed(comment.object)
        if comment.objtype == tree.OBJECT_TABLE and (table := self._there.get(self._at(parts))):
            self._say(table, tuple(parts), table, None, comment.comment)
        elif comment.objtype == tree.OBJECT_COLUMN and (table := self._there.get(self._at(parts[:-1]))):
            column = table.columns.setdefault(parts[-1], FinalColumn())
            self._say(column, tuple(parts), table, column, comment.comment)

    def _say(
        self,
        item: FinalTable | FinalColumn,
        name: NameParts,
        table: FinalTable,
        column: FinalColumn | None,
        comment: str,
    ) -> None:
        item.comment = comment
        item.said = None if self._start is None else CommentStatement(self._start, name, table, column)
        if item.said:
            self._made.said.append(item.said)

    def _drop(self, drop: Any) -> None:
        from postgast import pg_query_pb2 as tree

        if drop.remove_type == tree.OBJECT_TABLE:
            gone = [self._at(self._listed(each)) for each in drop.objects]
        elif drop.remove_type == tree.OBJECT_SCHEMA:
            schemas = [each.string.sval for each in drop.objects]
            gone = [name for name in self._there if name[0] in schemas]
        else:
            return
        for name in gone:
            self._there.pop(name, FinalTable()).dropped = True

    def _rename(self, rename: Any) -> None:
        from postgast import pg_query_pb2 as tree

        name = self._name(rename.relation)
        if rename.rename_type == tree.OBJECT_TABLE:
            self._move(name, (name[0], rename.newname))
        elif rename.rename_type == tree.OBJECT_SCHEMA:
            for schema, table in list(self._there):
                if schema == rename.subname:
                    self._move((schema, table), (rename.newname, table))
        elif rename.rename_type == tree.OBJECT_COLUMN and (renamed := self._there.get(name)):
            renamed.columns[rename.newname] = renamed.columns.pop(rename.subname, FinalColumn())

    def _set_schema(self, alter: Any) -> None:
        name = self._name(alter.relation)
        self._move(name, (alter.newschema, name[1]))

    def _move(self, old: tuple[str, str], new: tuple[str, str]) -> None:
        if old in self._there:
            self._there[new] = self._there.pop(old)

    def _set(self, setting: Any) -> None:
        if setting.name == "search_path":
            first = [each.a_const.sval.sval for each in setting.args[:1]]
            self._schema = (first or ["public"])[0]

    KINDS: Mapping[str, Callable[[_Tables, Any], None]] = {
        "create_stmt": _create,
        "create_table_as_stmt": _create_as,
        "alter_table_stmt": _alter,
        "comment_stmt": _comment,
        "drop_stmt": _drop,
        "rename_stmt": _rename,
        "alter_object_schema_stmt": _set_schema,
        "variable_set_stmt": _set,
    }
