"""What the rules ask of a file: PostgreSQL's grammar says what is in it, sqlfluff's tree where that stands.

So a statement that sqlfluff cannot read is judged like any other. Names are compared as PostgreSQL does: lower case
unless quoted. What a DO block makes is part of a string, and not seen.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from harness.lint.parsed import ParsedStatement, statements

if TYPE_CHECKING:
    from sqlfluff.core.parser import BaseSegment

NameParts = tuple[str, ...]
"""A name in its parts, as they are written."""

_AFTER_A_TYPE = re.compile(
    "CHECK|COLLATE|COMPRESSION|CONSTRAINT|DEFAULT|DEFERRABLE|GENERATED|INITIALLY|NOT|NULL|OPTIONS|PRIMARY|REFERENCES"
    "|STORAGE|UNIQUE|USING|AS|FROM"
)
"""Keywords that end the type of a column."""


@dataclass(frozen=True)
class SchemaItem:
    """Something with a ``name`` that stands at ``anchor``; ``kind`` is the word for it in a message."""

    kind: str
    name: NameParts
    anchor: BaseSegment

    def __str__(self) -> str:
        return ".".join(self.name)


@dataclass(frozen=True)
class TypedItem(SchemaItem):
    """A column, a domain or an attribute.

    ``type`` is PostgreSQL's own name of its type, empty if it is somebody else's; of an array it is the type of the
    elements. ``shown`` is the type as it is written.
    """

    type: str
    shown: str


@dataclass(frozen=True)
class ConstraintItem(SchemaItem):
    """A constraint of ``owner``: a column, a table or a domain. ``kind`` is how it begins (``primary key``)."""

    named: bool


class ParsedFile:
    """A linted file. ``root`` is sqlfluff's tree of it."""

    def __init__(self, root: BaseSegment) -> None:
        self._segments = [segment for segment in root.raw_segments if segment.is_code]
        self._starts: list[int] = []
        at, code = 0, iter(self._segments)
        following = next(code, None)
        for segment in root.raw_segments:
            if segment is following:
                self._starts.append(at)
                following = next(code, None)
            at += len(segment.raw.encode())
        self._statements = statements(root.raw)

    def at(self, byte: int) -> BaseSegment:
        """The word that stands at a byte of the file."""
        return self._segments[max(bisect_right(self._starts, byte) - 1, 0)]

    def at_name(self, byte: int) -> BaseSegment:
        """The last part of the name that begins at a byte: of a table's its own, behind that of the schema."""
        index = max(bisect_right(self._starts, byte) - 1, 0)
        while [each.raw for each in self._segments[index + 1 : index + 2]] == ["."]:
            index += 2
        return self._segments[min(index, len(self._segments) - 1)]

    def of_kind(self, *kinds: str) -> Iterator[tuple[ParsedStatement, str, Any]]:
        """The statements of these kinds, each with its kind and what the grammar says of it."""
        for statement in self._statements:
            kind = statement.tree.WhichOneof("node")
            if kind in kinds:
                yield statement, kind, getattr(statement.tree, kind)

    def tables(self) -> Iterator[SchemaItem]:
        """The tables that the file makes, in its order; not those that end with the session."""
        for statement, relation, _ in self._made():
            yield SchemaItem("table", written(relation), self.at_name(statement.base + relation.location))

    def columns(self) -> Iterator[SchemaItem]:
        """The columns that are written out, of tables that the file makes or adds to."""
        for statement, relation, column in self._columns():
            yield SchemaItem("column", (*written(relation), column.colname), self.at(statement.base + column.location))

    def typed(self) -> Iterator[TypedItem]:
        """What gets a type that decides what is stored: columns, domains, the attributes of composite types."""
        for statement, relation, column in self._columns():
            if column.HasField("type_name"):
                yield self._typed(statement, "column", (*written(relation), column.colname), column.type_name)
        for statement, relation, command in self._commands("AT_AlterColumnType"):
            name = (*written(relation), command.name)
            yield self._typed(statement, "column", name, getattr(command, "def").column_def.type_name)
        for statement, relation, node in self._made():
            if node.DESCRIPTOR.name == "CreateTableAsStmt":
                for label, cast in _cast(node):
                    yield self._typed(statement, "column", (*written(relation), label), cast)
        for statement, _, domain in self.of_kind("create_domain_stmt"):
            yield self._typed(statement, "domain", strings(domain.domainname), domain.type_name)
        for statement, owner, attribute, type_name in self._attributes():
            yield self._typed(statement, "attribute", (*written(owner), attribute), type_name)

    def _attributes(self) -> Iterator[tuple[ParsedStatement, Any, str, Any]]:
        """What CREATE TYPE … AS and ALTER TYPE give composite types: of which type, name and type."""
        from postgast import pg_query_pb2 as pg

        for statement, _, made in self.of_kind("composite_type_stmt"):
            for column in (each.column_def for each in made.coldeflist):
                yield statement, made.typevar, column.colname, column.type_name
        for statement, _, altered in self.of_kind("alter_table_stmt"):
            for command in (each.alter_table_cmd for each in altered.cmds if altered.objtype == pg.OBJECT_TYPE):
                column = getattr(command, "def").column_def
                if column.HasField("type_name"):
                    yield statement, altered.relation, column.colname or command.name, column.type_name

    def constraints(self) -> Iterator[ConstraintItem]:
        """The constraints of columns, tables and domains; NOT NULL and defaults are none."""
        for statement, relation, column in self._columns():
            for each in column.constraints:
                yield from self._constraint(statement, (*written(relation), column.colname), each.constraint, True)
        for statement, relation, node in self._made():
            for each in getattr(node, "table_elts", ()):
                if each.HasField("constraint"):
                    yield from self._constraint(statement, written(relation), each.constraint)
        for statement, relation, command in self._commands("AT_AddConstraint"):
            yield from self._constraint(statement, written(relation), getattr(command, "def").constraint)
        for statement, _, domain in self.of_kind("create_domain_stmt"):
            for each in domain.constraints:
                yield from self._constraint(statement, strings(domain.domainname), each.constraint)
        for statement, _, domain in self.of_kind("alter_domain_stmt"):
            if domain.subtype == "C":
                constraint = getattr(domain, "def").constraint
                yield from self._constraint(statement, strings(domain.type_name), constraint)

    def _made(self) -> Iterator[tuple[ParsedStatement, Any, Any]]:
        """The statements that make tables, each with the table's name."""
        from postgast import pg_query_pb2 as pg

        for statement, kind, node in self.of_kind("create_stmt", "create_table_as_stmt"):
            relation = node.relation if kind == "create_stmt" else node.into.rel
            is_table = kind == "create_stmt" or node.objtype == pg.OBJECT_TABLE
            if is_table and not is_temporary(relation):
                yield statement, relation, node

    def _columns(self) -> Iterator[tuple[ParsedStatement, Any, Any]]:
        for statement, relation, node in self._made():
            for each in getattr(node, "table_elts", ()):
                if each.HasField("column_def"):
                    yield statement, relation, each.column_def
        for statement, relation, command in self._commands("AT_AddColumn"):
            yield statement, relation, getattr(command, "def").column_def

    def _commands(self, subtype: str) -> Iterator[tuple[ParsedStatement, Any, Any]]:
        """What ALTER TABLE does of one kind, to tables that are not of this session alone."""
        from postgast import pg_query_pb2 as pg

        made = [node.relation for _, _, node in self.of_kind("create_stmt")]
        passing = {written(relation) for relation in made if is_temporary(relation)}
        for statement, _, node in self.of_kind("alter_table_stmt"):
            if node.objtype == pg.OBJECT_TABLE and written(node.relation) not in passing:
                for command in (each.alter_table_cmd for each in node.cmds):
                    if pg.AlterTableType.Name(command.subtype) == subtype:
                        yield statement, node.relation, command

    def _typed(self, statement: ParsedStatement, kind: str, name: NameParts, type_name: Any) -> TypedItem:
        names = strings(type_name.names)
        own = names[-1] if len(names) == 1 or names[0] == "pg_catalog" else ""
        start = statement.base + type_name.location
        return TypedItem(kind, name, self.at(start), own, self._written_type(start))

    def _written_type(self, byte: int) -> str:
        """The type that begins at a byte, as it is written."""
        words: list[str] = []
        depth = 0
        for segment in self._segments[max(bisect_right(self._starts, byte) - 1, 0) :]:
            depth += segment.raw.count("(") - segment.raw.count(")")
            ended = depth == 0 and (segment.raw in (",", ";") or _AFTER_A_TYPE.fullmatch(segment.raw_upper) is not None)
            if depth < 0 or (words and ended):
                break
            words.append(segment.raw)
        return _spaced(words)

    def _constraint(
        self, statement: ParsedStatement, owner: NameParts, constraint: Any, of_column: bool = False
    ) -> Iterator[ConstraintItem]:
        from postgast import pg_query_pb2 as pg

        kind = _KINDS.get(pg.ConstrType.Name(constraint.contype))
        if kind is not None:
            kind = "references" if of_column and kind == "foreign key" else kind
            named = bool(constraint.conname or constraint.indexname)  # of an index it takes the name
            yield ConstraintItem(kind, owner, self.at(statement.base + constraint.location), named)


@lru_cache(maxsize=1)
def read(root: BaseSegment) -> ParsedFile:
    """The file that sqlfluff's tree is of: every rule asks for the same one, one after the other."""
    return ParsedFile(root)


_KINDS = {
    "CONSTR_PRIMARY": "primary key",
    "CONSTR_UNIQUE": "unique",
    "CONSTR_CHECK": "check",
    "CONSTR_FOREIGN": "foreign key",
    "CONSTR_EXCLUSION": "exclude",
}


def written(relation: Any) -> NameParts:
    """The name of a table or view, with its schema if that is written."""
    return (relation.schemaname, relation.relname) if relation.schemaname else (relation.relname,)


def strings(nodes: Any) -> NameParts:
    """The parts of a name that the grammar has as a list."""
    return tuple(node.string.sval for node in nodes)


def is_temporary(relation: Any) -> bool:
    """Whether a table or view ends with the session: the house asks nothing of it."""
    return bool(relation.relpersistence == "t")


def _cast(create: Any) -> Iterator[tuple[str, Any]]:
    """The columns of CREATE TABLE AS whose type is written out, as that of a cast, each with its name."""
    labels = strings(create.into.col_names)
    for at, each in enumerate(create.query.select_stmt.target_list):
        target = each.res_target
        if target.val.HasField("type_cast"):
            own = target.name or target.val.type_cast.arg.column_ref.fields
            label = labels[at] if at < len(labels) else own if isinstance(own, str) else _last(own)
            yield label, target.val.type_cast.type_name


def _last(fields: Any) -> str:
    names = strings(fields)
    return names[-1] if names else "?column?"


def _spaced(words: list[str]) -> str:
    """Words with a blank between them, but none at brackets and dots."""
    text = ""
    for word in words:
        tight = not text or word[0] in "()[],." or text[-1] in "([."
        text += word if tight else f" {word}"
    return text
