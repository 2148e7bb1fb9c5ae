"""Given rows: some columns are written in the check, the others are drawn.

Reads ``given:``. A row in a state that no new row can have is inserted past the triggers, if a superuser connects.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from harness.kinds.base import Draft, Subject, TableName, identifier, literal
from harness.kinds.toolkit.statements import past_guards
from harness.probes import Execute, Insert, SqlStatement
from harness.project import keys, nodes
from harness.project.keys import FrozenDict, Reader

WHERE = "where"
"""The key of a row that is no column: a predicate on the drawn values."""


@dataclass(frozen=True)
class Variable:
    """``$name`` in the place of a value."""

    name: str


GivenValue = str | Variable | None


@dataclass(frozen=True)
class GivenRow:
    """One row of a table: values of some columns, and a predicate for the others, which are drawn."""

    table: TableName
    cells: FrozenDict[GivenValue]
    where: str | None = None

    @property
    def variables(self) -> dict[str, str]:
        """The variables and their columns. Raises ``ValueError`` for a variable in two columns."""
        found: dict[str, str] = {}
        for column, cell in self.cells.items():
            if isinstance(cell, Variable):
                if cell.name in found:
                    raise ValueError(f"${cell.name} stands twice in one row of {self.table}")
                found[cell.name] = column
        return found


Given = tuple[GivenRow, ...]


@dataclass(frozen=True)
class BoundVariable:
    """The drawn value of a variable, and its type."""

    text: str | None
    type: str

    @property
    def sql(self) -> str:
        return f"{literal(self.text).strip()}::{self.type}"


@dataclass
class GivenRows:
    """The rows of a scenario, and the values of their variables."""

    subject: Subject
    values: dict[str, BoundVariable] = field(default_factory=dict)
    _given: set[int] = field(default_factory=set)

    def draw(self, draft: Draft, given: Given) -> tuple[SqlStatement, ...]:
        """Returns the inserts of the rows and of their parents, parents first.

        A given row that a trigger refuses is inserted past the triggers, if a superuser connects.
        """
        for row in given:
            self._draw(draft, row)
        past = self._given if self.subject.roles.may_disable_triggers else ()
        return tuple(
            Execute(past_guards(insert), insert) if place in past else insert
            for place, insert in enumerate(draft.inserts)
        )

    def turned(self, draft: Draft, setup: tuple[SqlStatement, ...]) -> tuple[SqlStatement, ...]:
        """Returns the rows of a setup with the given rows of each table last and the other way round.

        A statement that changes several rows meets them in the order in which they were inserted. Rows stay behind
        those that they refer to. Empty if no table has several given rows.
        """
        wanted = [place for place in range(len(setup)) if place not in self._given]
        wanted += sorted(self._given, reverse=True)
        tables = [draft.inserts[place].table for place in self._given]
        if len({*tables}) == len(tables):
            return ()
        order: list[int] = []
        while wanted:
            rest = [draft.inserts[place] for place in wanted]
            ready = (place for place in wanted if not self._refers(draft.inserts[place], rest))
            order.append(next(ready, wanted[0]))
            wanted.remove(order[-1])
        return tuple(setup[place] for place in order)

    def _refers(self, row: Insert, others: Sequence[Insert]) -> bool:
        """Whether a row refers to one of others."""
        keys = self.subject.catalog.table(row.table).foreign_keys
        return any(
            all(row.values.get(own) == other.values.get(to) is not None for own, to in key.pairs)
            for key in keys
            for other in others
            if other is not row and other.table == key.references
        )

    def _draw(self, draft: Draft, row: GivenRow) -> None:
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
            self.values[name] = BoundVariable(drawn[column], table.column(column).type)

    def _tied(self, row: GivenRow) -> Iterator[str]:
        """Yields the written values as predicates, where rules tie a column to others, which are drawn by them."""
        pools = self.subject.pools.of_changed_rows(self.subject.catalog.table(row.table))
        tied = {name for pool in pools if len(pool.columns) > 1 for name in pool.columns}
        for column, cell in row.cells.items():
            if column in tied and not isinstance(cell, Variable):
                name = identifier(column)
                yield f"{name} is null" if cell is None else f"coalesce({name} = {literal(cell).strip()}, false)"


def _read(node: nodes.Node) -> Given:
    return tuple(
        _row(table, nodes.as_mapping(each, "a row, such as {id: $order, status: open}"))
        for name, written in nodes.as_mapping(node, "a mapping of tables").entries
        for table in [keys.table.read(name)]
        for each in (written.items if isinstance(written, nodes.ListNode) else (written,))
    )


def _row(table: TableName, node: nodes.MappingNode) -> GivenRow:
    cells = {keys.name.read(column): _cell(value) for column, value in node.entries if column.text != WHERE}
    where = node.get(WHERE)
    return GivenRow(table, FrozenDict(cells), keys.predicate_of().read(where) if where is not None else None)


def _cell(node: nodes.Node) -> GivenValue:
    """Reads a text, ``$name`` or null; anything in quotes is a text."""
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
    """Reads the name of a variable, without its dollar sign."""
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
