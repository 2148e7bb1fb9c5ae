"""A linted file for house rules: PostgreSQL's grammar reads the contents, sqlfluff's tree has places.

So a statement that sqlfluff cannot read is judged like any other. Names are compared as PostgreSQL does: lower case
unless quoted. Tables that a DO block creates are part of a string, and not seen.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, chain
from typing import Any

from sqlfluff.core.parser import BaseSegment

from harness.grammar import enum_name, strings
from harness.lint.statements import NameParts, ParsedStatement, statements, written

_AFTER_A_TYPE = re.compile(
    "CHECK|COLLATE|COMPRESSION|CONSTRAINT|DEFAULT|DEFERRABLE|GENERATED|INITIALLY|NOT|NULL|OPTIONS|PRIMARY|REFERENCES"
    "|STORAGE|UNIQUE|USING|AS|FROM"
)
"""Keywords that end the type of a column."""
_CONSTRAINTS = {
    "CONSTR_PRIMARY": "primary key",
    "CONSTR_UNIQUE": "unique",
    "CONSTR_CHECK": "check",
    "CONSTR_FOREIGN": "foreign key",
    "CONSTR_EXCLUSION": "exclude",
}
_COLUMN_CONSTRAINTS = {**_CONSTRAINTS, "CONSTR_FOREIGN": "references"}


@dataclass(frozen=True)
class SchemaItem:
    """A table, column or the like; ``anchor`` is its word in the file, ``kind`` the word for it in a message."""

    kind: str
    name: NameParts
    anchor: BaseSegment

    def __str__(self) -> str:
        return ".".join(self.name)


@dataclass(frozen=True)
class TypedItem(SchemaItem):
    """A column, a domain or an attribute.

    ``type`` is PostgreSQL's own name of its type, empty for a type that somebody made; of an array it is the type of
    the elements. ``shown`` is the type as it is written.
    """

    type: str
    shown: str


@dataclass(frozen=True)
class ConstraintItem(SchemaItem):
    """A constraint; ``name`` is that of its column, table or domain, ``kind`` its first words (``primary key``)."""

    named: bool


class ParsedFile:
    """A linted file. ``root`` is sqlfluff's tree of it."""

    def __init__(self, root: BaseSegment) -> None:
        ends = accumulate(len(segment.raw.encode()) for segment in root.raw_segments)
        starts = zip(root.raw_segments, (0, *ends), strict=False)
        code = [(segment, start) for segment, start in starts if segment.is_code]
        self._segments = [segment for segment, _ in code]
        self._starts = [start for _, start in code]
        self._statements = statements(root.raw)

    def at(self, byte: int) -> BaseSegment:
        """The word at a byte of the file."""
        return self._segments[self._index(byte)]

    def at_name(self, byte: int) -> BaseSegment:
        """The last part of the name that begins at a byte: the table's own, behind that of the schema."""
        index = self._index(byte)
        while [each.raw for each in self._segments[index + 1 : index + 2]] == ["."]:
            index += 2
        return self._segments[min(index, len(self._segments) - 1)]

    def _index(self, byte: int) -> int:
        return max(bisect_right(self._starts, byte) - 1, 0)

    def of_kind(self, *kinds: str) -> Iterator[tuple[ParsedStatement, str, Any]]:
        """The statements of these kinds, each with its kind and its node of the grammar."""
        found = ((statement, statement.tree.WhichOneof("node")) for statement in self._statements)
        return ((statement, kind, getattr(statement.tree, kind)) for statement, kind in found if kind in kinds)

    def tables(self) -> Iterator[SchemaItem]:
        """The tables that the file creates, in its order, without temporary ones."""
        return (
            SchemaItem("table", written(relation), self.at_name(statement.base + relation.location))
            for statement, relation, _ in self._created()
        )

    def columns(self) -> Iterator[SchemaItem]:
        """The columns that are written out, of tables that the file creates or adds to."""
        return (
            SchemaItem("column", (*written(relation), column.colname), self.at(statement.base + column.location))
            for statement, relation, column in self._columns()
        )

    def typed(self) -> Iterator[TypedItem]:
        """The columns, domains and attributes of composite types that get a type."""
        yield from (
            self._typed(statement, "column", (*written(relation), column.colname), column.type_name)
            for statement, relation, column in self._columns()
            if column.HasField("type_name")
        )
        for statement, relation, command in self._commands("AT_AlterColumnType"):
            yield self._typed(
                statement, "column", (*written(relation), command.name), getattr(command, "def").column_def.type_name
            )
        for statement, relation, node in self._created():
            if node.DESCRIPTOR.name == "CreateTableAsStmt":
                for label, cast in _casts(node):
                    yield self._typed(statement, "column", (*written(relation), label), cast)
        yield from (
            self._typed(statement, "domain", strings(domain.domainname), domain.type_name)
            for statement, _, domain in self.of_kind("create_domain_stmt")
        )
        yield from (
            self._typed(statement, "attribute", (*written(owner), attribute), type_name)
            for statement, owner, attribute, type_name in self._attributes()
        )

    def _attributes(self) -> Iterator[tuple[ParsedStatement, Any, str, Any]]:
        """The attributes that CREATE TYPE … AS and ALTER TYPE give composite types: the type, name and type of each."""
        for statement, _, created in self.of_kind("composite_type_stmt"):
            for column in (each.column_def for each in created.coldeflist):
                yield statement, created.typevar, column.colname, column.type_name
        for statement, _, altered in self.of_kind("alter_table_stmt"):
            if enum_name(altered, "objtype") == "OBJECT_TYPE":
                for command in (each.alter_table_cmd for each in altered.cmds):
                    column = getattr(command, "def").column_def
                    if column.HasField("type_name"):
                        yield statement, altered.relation, column.colname or command.name, column.type_name

    def constraints(self) -> Iterator[ConstraintItem]:
        """The constraints of columns, tables and domains; NOT NULL and defaults are none."""
        found = chain(
            (
                (statement, (*written(relation), column.colname), each.constraint, _COLUMN_CONSTRAINTS)
                for statement, relation, column in self._columns()
                for each in column.constraints
            ),
            (
                (statement, written(relation), each.constraint, _CONSTRAINTS)
                for statement, relation, node in self._created()
                for each in getattr(node, "table_elts", ())
                if each.HasField("constraint")
            ),
            (
                (statement, written(relation), getattr(command, "def").constraint, _CONSTRAINTS)
                for statement, relation, command in self._commands("AT_AddConstraint")
            ),
            (
                (statement, strings(domain.domainname), each.constraint, _CONSTRAINTS)
                for statement, _, domain in self.of_kind("create_domain_stmt")
                for each in domain.constraints
            ),
            (
                (statement, strings(domain.type_name), getattr(domain, "def").constraint, _CONSTRAINTS)
                for statement, _, domain in self.of_kind("alter_domain_stmt")
                if domain.subtype == "C"
            ),
        )
        for statement, owner, constraint, kinds in found:
            if (kind := kinds.get(enum_name(constraint, "contype"))) is not None:
                named = bool(constraint.conname or constraint.indexname)  # a constraint takes the name of its index
                yield ConstraintItem(kind, owner, self.at(statement.base + constraint.location), named)

    def _created(self) -> Iterator[tuple[ParsedStatement, Any, Any]]:
        """The statements that create tables, each with the table's name."""
        for statement, kind, node in self.of_kind("create_stmt", "create_table_as_stmt"):
            relation = node.relation if kind == "create_stmt" else node.into.rel
            is_table = kind == "create_stmt" or enum_name(node, "objtype") == "OBJECT_TABLE"
            if is_table and not is_temporary(relation):
                yield statement, relation, node

    def _columns(self) -> Iterator[tuple[ParsedStatement, Any, Any]]:
        for statement, relation, node in self._created():
            elements = getattr(node, "table_elts", ())
            yield from ((statement, relation, each.column_def) for each in elements if each.HasField("column_def"))
        for statement, relation, command in self._commands("AT_AddColumn"):
            yield statement, relation, getattr(command, "def").column_def

    def _commands(self, subtype: str) -> Iterator[tuple[ParsedStatement, Any, Any]]:
        """The commands of ALTER TABLE of one kind, except on temporary tables."""
        created = self.of_kind("create_stmt")
        temporary = {written(node.relation) for _, _, node in created if is_temporary(node.relation)}
        for statement, _, node in self.of_kind("alter_table_stmt"):
            if enum_name(node, "objtype") == "OBJECT_TABLE" and written(node.relation) not in temporary:
                commands = (each.alter_table_cmd for each in node.cmds)
                own = (command for command in commands if enum_name(command, "subtype") == subtype)
                yield from ((statement, node.relation, command) for command in own)

    def _typed(self, statement: ParsedStatement, kind: str, name: NameParts, type_name: Any) -> TypedItem:
        names = strings(type_name.names)
        own = names[-1] if len(names) == 1 or names[0] == "pg_catalog" else ""
        start = statement.base + type_name.location
        return TypedItem(kind, name, self.at(start), own, self._written_type(start))

    def _written_type(self, byte: int) -> str:
        """The type that begins at a byte, as it is written."""
        words: list[str] = []
        depth = 0
        for segment in self._segments[self._index(byte) :]:
            depth += segment.raw.count("(") - segment.raw.count(")")
            ended = depth == 0 and (segment.raw in (",", ";") or _AFTER_A_TYPE.fullmatch(segment.raw_upper) is not None)
            if depth < 0 or (words and ended):
                break
            words.append(segment.raw)
        return _spaced(words)


@lru_cache(maxsize=1)
def read(root: BaseSegment) -> ParsedFile:
    """The file of sqlfluff's tree: every rule asks for the same one, one after the other."""
    return ParsedFile(root)


def is_temporary(relation: Any) -> bool:
    """Whether a table or view ends with the session: no rule judges it."""
    return bool(relation.relpersistence == "t")


def _casts(create: Any) -> Iterator[tuple[str, Any]]:
    """The columns of CREATE TABLE AS whose query casts them to a type, each with its name."""
    labels = strings(create.into.col_names)
    for index, each in enumerate(create.query.select_stmt.target_list):
        target = each.res_target
        if target.val.HasField("type_cast"):
            fields = strings(target.val.type_cast.arg.column_ref.fields) or ("?column?",)
            label = labels[index] if index < len(labels) else target.name or fields[-1]
            yield label, target.val.type_cast.type_name


def _spaced(words: list[str]) -> str:
    """Words with a blank between them, but none at brackets and dots."""
    text = ""
    for word in words:
        tight = not text or word[0] in "()[],." or text[-1] in "([."
        text += word if tight else f" {word}"
    return text
