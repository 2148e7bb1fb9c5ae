"""The tables and columns of the linted file, and what their comments say after the last migration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.lint import afterwards
from harness.lint.rules import tree
from harness.lint.rules.base import file_of

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
    """Each table that the linted file makes, followed by its columns; not what is dropped later on."""
    made = afterwards.made_by(file_of(context), context.segment.raw)
    for table in tree.tables(context.segment):
        left = made.get(table.name)
        if left is None or left.dropped:
            continue
        yield Commented("table", str(table), table.anchor, left.comment)
        for column in table.columns:
            kept = left.made_with.get(column.name[-1])
            if kept is not None and not kept.dropped:
                yield Commented("column", str(column), column.anchor, kept.comment)
