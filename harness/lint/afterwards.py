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

_MIGRATION = re.compile(r"(\d{3,})_\w[\w-]*\.up\.sql")
_MAYBE_RELEVANT = re.compile(r"\b(?:table|column|schema|search_path)\b", re.IGNORECASE)

Name = tuple[str, ...]


@dataclass
class Column:
    """A column after the last migration; no comment and an empty one are the same to PostgreSQL."""

    comment: str = ""
    dropped: bool = False


@dataclass
class Table:
    """A table after the last migration; ``made_with`` are the columns of its CREATE TABLE, by their names there."""

    row_security: bool = False
    forced: bool = False
    comment: str = ""
    dropped: bool = False
    columns: dict[str, Column] = field(default_factory=dict)
    made_with: dict[str, Column] = field(default_factory=dict)


def made_by(path: Path | None, text: str) -> Mapping[Name, Table]:
    """The tables that one file makes, by their names as written there, and as its whole directory leaves them.

    ``text`` is the file as it stands in the editor. Only files named ``NNN_name.up.sql`` have a directory to ask;
    others leave what they say themselves. Text without a name may be a migration as well, so nothing is known of it.
    """
    if path is None:
        return {}
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
def _replay(texts: tuple[str, ...]) -> tuple[dict[Name, Table], ...]:
    tables = _Tables()
    return tuple([tables.migrate(_statements(text)) for text in texts])


@lru_cache(maxsize=256)
def _statements(text: str) -> tuple[tuple[str, Any], ...]:
    """Kind and parse tree of each statement that a table may be changed by.

    What PostgreSQL cannot read is left out, statement by statement: in an editor, the one being written.
    """
    import postgast

    from harness.project import grammar

    try:
        parsed = list(grammar.parse(text))
    except (postgast.PgQueryError, grammar.TooDeep):
        parsed = [raw for piece in _pieces(text) for raw in _parsed(piece)]
    return tuple(_relevant(raw.stmt for raw in parsed))


def _pieces(text: str) -> list[str]:
    import postgast

    try:
        return list(postgast.split(text, method="scanner"))
    except postgast.PgQueryError:  # a quote that is never closed
        return []


def _parsed(statement: str) -> list[Any]:
    import postgast

    from harness.project import grammar

    try:
        return list(grammar.parse(statement))
    except (postgast.PgQueryError, grammar.TooDeep):
        return []


def _relevant(nodes: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    for node in nodes:
        kind = node.WhichOneof("node")
        if kind in _Tables.KINDS:
            yield kind, getattr(node, kind)
        elif kind == "do_stmt":
            yield from _relevant(raw.stmt for query in _queries(node.do_stmt) for raw in _parsed(query))


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


class _Tables:
    """The tables there are, by schema and name, while the statements pass."""

    def __init__(self) -> None:
        self._there: dict[tuple[str, str], Table] = {}
        self._schema = "public"
        self._made: dict[Name, Table] = {}

    def migrate(self, statements: Iterable[tuple[str, Any]]) -> dict[Name, Table]:
        """Replay one file; returns the tables it makes."""
        self._schema = "public"
        self._made = {}
        for kind, statement in statements:
            self.KINDS[kind](self, statement)
        return self._made

    def _name(self, relation: Any) -> tuple[str, str]:
        return relation.schemaname or self._schema, relation.relname

    def _listed(self, node: Any) -> list[str]:
        return [item.string.sval for item in node.list.items]

    def _at(self, parts: list[str]) -> tuple[str, str]:
        return (parts[-2] if len(parts) > 1 else self._schema), parts[-1]

    def _create(self, create: Any) -> None:
        names = [each.column_def.colname for each in create.table_elts if each.HasField("column_def")]
        columns = {name: Column() for name in names}
        self._add(create.relation, Table(columns=columns, made_with=dict(columns)), create.if_not_exists)

    def _create_as(self, create: Any) -> None:
        from postgast import pg_query_pb2 as tree

        if create.objtype == tree.OBJECT_TABLE:
            self._add(create.into.rel, Table(), create.if_not_exists)

    def _add(self, relation: Any, table: Table, if_not_exists: bool) -> None:
        name = self._name(relation)
        table = self._there.get(name, table) if if_not_exists else table
        self._there[name] = table
        written = (relation.schemaname, relation.relname) if relation.schemaname else (relation.relname,)
        self._made[written] = table

    def _alter(self, alter: Any) -> None:
        from postgast import pg_query_pb2 as tree

        table = self._there.get(self._name(alter.relation))
        if table is None:
            return
        for command in (each.alter_table_cmd for each in alter.cmds):
            match tree.AlterTableType.Name(command.subtype):
                case "AT_EnableRowSecurity":
                    table.row_security = True
                case "AT_DisableRowSecurity":
                    table.row_security = False
                case "AT_ForceRowSecurity":
                    table.forced = True
                case "AT_NoForceRowSecurity":
                    table.forced = False
                case "AT_DropColumn":
                    table.columns.pop(command.name, Column()).dropped = True

    def _comment(self, comment: Any) -> None:
        from postgast import pg_query_pb2 as tree

        parts = self._listed(comment.object)
        if comment.objtype == tree.OBJECT_TABLE and (table := self._there.get(self._at(parts))):
            table.comment = comment.comment
        elif comment.objtype == tree.OBJECT_COLUMN and (table := self._there.get(self._at(parts[:-1]))):
            table.columns.setdefault(parts[-1], Column()).comment = comment.comment

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
            self._there.pop(name, Table()).dropped = True

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
            renamed.columns[rename.newname] = renamed.columns.pop(rename.subname, Column())

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
