"""The tables and columns of the linted file, and what their comments say after the last migration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.lint import afterwards
from harness.lint.rules.base import file_of
from harness.lint.rules.tree import Name, read

if TYPE_CHECKING:
    from sqlfluff.core.parser import BaseSegment
    from sqlfluff.core.rules import RuleContext


@dataclass(frozen=True)
class Commented:
    """``kind`` is ``table`` or ``column``; no comment is an empty one."""

    kind: str
    name: str
    anchor: BaseSegment
    comment: str


def commented(context: RuleContext) -> Iterator[Commented]:
    """Each table that the linted file makes, each followed by its columns, and the columns that it adds to others.

    Not what is dropped later on. Columns that are not written out, as those of LIKE, stand at the name of the table.
    """
    made = afterwards.made_by(file_of(context), context.segment.raw)
    file = read(context.segment)
    anchors = {column.name: column.anchor for column in file.columns()}
    shown: set[Name] = set()
    for table in file.tables():
        left = made.tables.get(table.name)
        if left is None or left.dropped:
            continue
        yield Commented("table", str(table), table.anchor, left.comment)
        own = [name for name in made.columns if name[:-1] == table.name]
        shown |= {*own}
        yield from _columns(made, own, {name: anchors.get(name, table.anchor) for name in own})
    yield from _columns(made, [name for name in anchors if name not in shown], anchors)


def _columns(made: afterwards.Made, names: list[Name], anchors: dict[Name, BaseSegment]) -> Iterator[Commented]:
    for name in names:
        table, column = made.columns.get(name, (None, None))
        if table is not None and column is not None and not table.dropped and not column.dropped:
            yield Commented("column", ".".join(name), anchors[name], column.comment)
