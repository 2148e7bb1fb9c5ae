"""What the rules ask of sqlfluff's tree. Names are compared as PostgreSQL does: lower case unless quoted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlfluff.core.parser import BaseSegment

_TEMPORARY = {"TEMP", "TEMPORARY"}


@dataclass(frozen=True)
class Column:
    """A column of a ``create table``, or a domain: what has a name, in parts, and a type."""

    kind: str
    name: tuple[str, ...]
    anchor: BaseSegment
    type: BaseSegment

    def __str__(self) -> str:
        return ".".join(self.name)

    @property
    def type_words(self) -> list[str]:
        """``character varying(10)`` as ``["character", "varying"]``: without arguments, and without pg_catalog."""
        words: list[str] = []
        depth = 0
        for segment in self.type.raw_segments:
            depth += (segment.raw == "(") - (segment.raw == ")")
            if segment.is_code and depth == 0 and segment.raw not in (")", ""):
                words.append(_folded(segment.raw))
        return words[2:] if words[:2] == ["pg_catalog", "."] else words

    @property
    def shown_type(self) -> str:
        return " ".join(self.type.raw.split())


@dataclass(frozen=True)
class Table:
    """A ``create table`` that makes more than a temporary table; ``name`` in parts, as written."""

    name: tuple[str, ...]
    anchor: BaseSegment
    statement: BaseSegment

    def __str__(self) -> str:
        return ".".join(self.name)

    @property
    def elements(self) -> Iterator[list[BaseSegment]]:
        """What stands between the commas: the parts of a column, its name first, or a constraint of the table."""
        for bracket in self.statement.get_children("bracketed"):
            element: list[BaseSegment] = []
            for segment in bracket.segments:
                if segment.is_type("comma"):
                    yield element
                    element = []
                elif segment.is_type("column_definition"):  # sqlfluff 3 has none: the parts lie there openly
                    element += [each for each in segment.segments if each.is_code]
                elif segment.is_code and not segment.is_type("start_bracket", "end_bracket"):
                    element.append(segment)
            yield element

    @property
    def columns(self) -> Iterator[Column]:
        """The columns that are written out."""
        for element in self.elements:
            for data_type in (part for part in element if part.is_type("data_type")):
                yield Column("column", (*self.name, *name(element[0])), element[0], data_type)


def tables(root: BaseSegment) -> Iterator[Table]:
    """The tables that a file makes, in its order. Those in a DO block are part of a string, and not seen."""
    for statement in root.recursive_crawl("create_table_statement", "create_table_as_statement"):
        reference = statement.get_child("table_reference")
        if reference is not None and not is_temporary(statement):
            yield Table(name(reference), reference, statement)


def typed(root: BaseSegment) -> Iterator[Column]:
    """The columns of tables, and the domains: where a type decides what is stored."""
    for table in tables(root):
        yield from table.columns
    for statement in root.recursive_crawl("create_domain_statement"):
        reference, data_type = statement.get_child("object_reference"), statement.get_child("data_type")
        if reference is not None and data_type is not None:
            yield Column("domain", name(reference), reference, data_type)


def name(reference: BaseSegment) -> tuple[str, ...]:
    """The parts of a name."""
    return tuple(_unquoted(each.raw) for each in reference.raw_segments if each.is_code and each.raw != ".")


def keywords(segment: BaseSegment) -> list[str]:
    """The keywords directly below, in upper case."""
    return [each.raw_upper for each in segment.get_children("keyword")]


def is_temporary(statement: BaseSegment) -> bool:
    """Whether a ``create`` makes something that ends with the session, of which the house asks nothing."""
    return not _TEMPORARY.isdisjoint(keywords(statement))


def _unquoted(raw: str) -> str:
    return raw[1:-1].replace('""', '"') if raw.startswith('"') else raw.lower()


def _folded(raw: str) -> str:
    # "char" is a type of its own, one byte of the catalogs, and not char.
    return raw if raw == '"char"' else _unquoted(raw)
