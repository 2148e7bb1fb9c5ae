"""Rows that are there before something happens: written out as far as it matters, and drawn for the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from harness.generation.draft import Draft
from harness.kinds._statements import become
from harness.kinds.base import Subject
from harness.probes import Execute, Insert, Statement
from harness.probes.statement import identifier, literal
from harness.project import keys, nodes
from harness.project.keys import FrozenDict, Reader
from harness.project.model import TableName

WHERE = "where"
"""The key of a row that no column has: a predicate on what is drawn."""


@dataclass(frozen=True)
class Variable:
    """``$name`` in the place of a value."""

    name: str


Cell = str | Variable | None


@dataclass(frozen=True)
class Row:
    """One row of a table: what some of its columns hold, and a predicate that the others are drawn by."""

    table: TableName
    cells: FrozenDict[Cell]
    where: str | None = None

    @property
    def variables(self) -> dict[str, str]:
        """The columns at which variables stand. Raises ``ValueError`` for one that stands at two."""
        found: dict[str, str] = {}
        for column, cell in self.cells.items():
            if isinstance(cell, Variable):
                if cell.name in found:
                    raise ValueError(f"${cell.name} stands twice in one row of {self.table}")
                found[cell.name] = column
        return found


Given = tuple[Row, ...]


@dataclass(frozen=True)
class Value:
    """What a variable came to stand for."""

    text: str | None
    type: str

    @property
    def sql(self) -> str:
        return f"{literal(self.text).strip()}::{self.type}"


@dataclass
class Rows:
    """The rows of a scenario and the values of their variables. ``unnoticed`` means that guards may be passed by."""

    subject: Subject
    unnoticed: bool
    values: dict[str, Value] = field(default_factory=dict)
    _given: set[int] = field(default_factory=set)

    def draw(self, draft: Draft, given: Given) -> tuple[Statement, ...]:
        """Statements for the rows and for all that they refer to, parents first."""
        for row in given:
            self._draw(draft, row)
        return tuple(self._standing(place, insert) for place, insert in enumerate(draft.inserts))

    def _draw(self, draft: Draft, row: Row) -> None:
        table = self.subject.catalog.table(row.table)
        fixed: dict[str, str | None] = {}
        new: dict[str, str] = {}
        for column, cell in row.cells.items():
            table.column(column)
            if not isinstance(cell, Variable):
                fixed[column] = cell
            elif cell.name in self.values:
                fixed[column] = self.values[cell.name].text
            else:
                new[cell.name] = column
        also = (*self._tied(row), *([row.where] if row.where else []))
        drawn = draft.changed_row(row.table, fixed, present=tuple(new.values()), also=also)
        self._given.add(len(draft.inserts))
        draft.inserts.append(Insert(row.table, drawn))
        for name, column in new.items():
            self.values[name] = Value(drawn[column], table.column(column).type)

    def _tied(self, row: Row) -> Iterator[str]:
        """What is written out for columns that rules tie to others, as predicates that these are drawn by."""
        table = self.subject.catalog.table(row.table)
        tied = {
            name for pool in self.subject.pools.of_changed_rows(table) if len(pool.columns) > 1 for name in pool.columns
        }
        for column, cell in row.cells.items():
            if column in tied and not isinstance(cell, Variable):
                name = identifier(column)
                yield f"{name} is null" if cell is None else f"coalesce({name} = {literal(cell).strip()}, false)"

    def _standing(self, place: int, insert: Insert) -> Statement:
        """The row by the road that all rows take; where a guard lets none of its kind pass, by one past the guard."""
        if place in self._given and self.unnoticed:
            return Execute(become(insert, unnoticed=True), insert)
        return insert


def _read(node: nodes.Node) -> Given:
    rows = []
    for name, written in nodes.as_mapping(node, "a mapping of tables").entries:
        table = keys.table.read(name)
        for each in written.items if isinstance(written, nodes.Sequence) else (written,):
            rows.append(_row(table, nodes.as_mapping(each, "a row, such as {id: $order, status: open}")))
    return tuple(rows)


def _row(table: TableName, node: nodes.Mapping) -> Row:
    cells = {keys.name.read(column): _cell(value) for column, value in node.entries if column.text != WHERE}
    where = node.get(WHERE)
    return Row(table, FrozenDict(cells), keys.predicate_of().read(where) if where is not None else None)


def _cell(node: nodes.Node) -> Cell:
    """A text, ``$name`` or null; between quotes anything is a text."""
    if not isinstance(node, nodes.Scalar):
        raise nodes.expected("a value, $name or null", node)
    if node.quoted:
        return node.text
    if node.text[:1] == "$":
        if not node.text[1:].isidentifier():
            raise nodes.expected("$ and a name", node, hint="put a text that begins with $ between quotes")
        return Variable(node.text[1:])
    return None if node.text in ("", "~", "null") else node.text


def _variable(node: nodes.Node) -> str:
    """The name of a variable, without its dollar sign."""
    text = keys.name.read(node)
    if not text.isidentifier():
        raise nodes.expected("a name of letters, digits and underscores", node)
    return text


_CELL = {"type": ["string", "number", "boolean", "null"]}
_ROW = {"type": ["object", "null"], "additionalProperties": _CELL}
GIVEN: Reader[Given] = Reader(
    "a mapping of tables to rows",
    _read,
    {
        "type": "object",
        "additionalProperties": {"anyOf": [_ROW, {"type": "array", "items": _ROW}]},
    },
)
VARIABLE: Reader[str] = Reader("a name", _variable, {"type": "string"})
