"""The tables and columns of the linted file, and what their comments say after the last migration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.lint import afterwards
from harness.lint.rules.base import file_of
from harness.lint.rules.tree import NameParts, ParsedFile, read

if TYPE_CHECKING:
    from sqlfluff.core.parser import BaseSegment
    from sqlfluff.core.rules import RuleContext


@dataclass(frozen=True)
class Commented:
    """``kind`` is ``table`` or ``column``; no comment is an empty one."""

    kind: str
    name: NameParts
    anchor: BaseSegment
    comment: str

    def __str__(self) -> str:
        return ".".join(self.name)


def commented(context: RuleContext) -> Iterator[Commented]:
    """Each table and column that the linted file makes or says the last word on, as the last migration leaves it.

    It stands at that word; what nobody has said a word on, where it is made. Not what is dropped later on. Columns
    that are not written out, as those of LIKE, stand at the name of the table.
    """
    made = afterwards.made_by(file_of(context), context.segment.raw)
    file = read(context.segment)
    yield from _unsaid(file, made)
    for said in made.said:
        if said.counts():
            kind, item = ("column", said.column) if said.column else ("table", said.table)
            yield Commented(kind, said.name, file.at(said.start), item.comment)


def _unsaid(file: ParsedFile, made: afterwards.CreatedByFile) -> Iterator[Commented]:
    anchors = {column.name: column.anchor for column in file.columns()}
    for table in file.tables():
        left = made.tables.get(table.name)
        if left is None or left.dropped:
            continue
        if left.said is None:
            yield Commented("table", table.name, table.anchor, left.comment)
        own = [name for name in made.columns if name[:-1] == table.name]
        anchors = dict.fromkeys(own, table.anchor) | anchors
    for name, anchor in anchors.items():
        of, column = made.columns.get(name, (None, None))
        if of is not None and column is not None and not (of.dropped or column.dropped or column.said):
            yield Commented("column", name, anchor, column.comment)
