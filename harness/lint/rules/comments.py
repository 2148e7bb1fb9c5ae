"""Rules on the comments of tables and columns: that there is one, and that it ends in its data class.

Decides at which comment a finding is: the last one in the directory. Not here: the classes (``project.yml``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from sqlfluff.core.helpers.string import split_comma_separated_string
from sqlfluff.core.parser import BaseSegment
from sqlfluff.core.rules import BaseRule, RuleContext

from harness import grammar
from harness.lint import parsed_file
from harness.lint.directory import created_by
from harness.lint.final_schema import CreatedByFile
from harness.lint.parsed_file import ParsedFile, SchemaItem
from harness.lint.rules.base import HouseRule, RuleFinding, file_of

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
# As the check `class` reads it.
_MARK = re.compile(r"\[([^\]\[]+)\]\s*$")


class Rule_Harness_HS06(HouseRule, BaseRule):  # noqa: N801
    """Every table and every column carries a comment.

    A name does not tell the contents of a column, their unit, the meaning of null and the writer of the value. Only
    the author knows these, and every later reader looks for them in the database. A later migration of the same
    directory may have the comment. An empty comment is none, nor is one that is removed (``is null``): then the
    finding is at the statement that removes it.

    **Anti-pattern**

    .. code-block:: sql

        create table shop.orders (
            total numeric not null
        );

    **Best practice**

    .. code-block:: sql

        create table shop.orders (
            total numeric not null
        );

        comment on table shop.orders is 'What was bought; goes with its customer. [administrative]';
        comment on column shop.orders.total is 'What it costs, in euros. [administrative]';

    """

    name = "harness.comment"

    def findings(self, context: RuleContext) -> Iterator[RuleFinding]:
        """Tables and columns that the last migration leaves without a comment."""
        for item in _commented(context):
            if not item.comment:
                write = f"comment on {item.kind} {'.'.join(map(_as_sql, item.name))} is '… [class]';"
                yield RuleFinding(
                    item.anchor, str(item), f"{item.kind.capitalize()} {item} has no comment; write: {write}"
                )


class Rule_Harness_HS07(HouseRule, BaseRule):  # noqa: N801
    """The comment of a table or column ends in its data class.

    The sensitivity of a column decides who may see it, whether it may be logged, and when it has to be deleted. At the
    end of a comment in the database it can be listed and checked. Write the classes as ``classes`` in ``project.yml``
    has them. A missing comment is a finding of ``Harness_HS06``. The last ``comment on`` counts, and the finding is at
    that statement.

    **Anti-pattern**

    .. code-block:: sql

        comment on column shop.customers.email is 'Where receipts go.';
        comment on column shop.customers.phone is 'Where the courier calls. [privat]';

    **Best practice**

    .. code-block:: sql

        comment on column shop.customers.email is 'Where receipts go. [personal]';
        comment on column shop.customers.phone is 'Where the courier calls. [personal]';

    """

    name = "harness.data_class"
    config_keywords = ["ignore_names", "classes"]  # noqa: RUF012
    classes: str

    def findings(self, context: RuleContext) -> Iterator[RuleFinding]:
        """Tables and columns whose comment, as the last migration leaves it, ends in no known class."""
        known = split_comma_separated_string(str(self.classes or ""))
        expected = f"one of {', '.join(f'[{each}]' for each in known)}" if known else "a word such as [personal]"
        for item in _commented(context):
            mark = _MARK.search(item.comment)
            if not item.comment or (mark and (mark[1] in known or not known)):
                continue
            actual = f"[{mark[1]}], which is no data class" if mark else "no data class"
            yield RuleFinding(
                item.anchor, str(item), f"The comment of {item.kind} {item} ends in {actual}; expected: {expected}."
            )


@dataclass(frozen=True)
class CommentedItem(SchemaItem):
    """A ``table`` or a ``column``; no comment is an empty one."""

    comment: str


def _commented(context: RuleContext) -> Iterator[CommentedItem]:
    """The tables and columns that the linted file creates or comments on last, as the last migration leaves them.

    The anchor is that comment; without one, the name where the table or column is created. Columns that are not
    written out, as those of LIKE, are anchored at the name of the table. Dropped ones are left out.
    """
    created = created_by(file_of(context), context.segment.raw)
    file = parsed_file.read(context.segment)
    yield from _without_statement(file, created)
    for statement in created.comments:
        if statement.is_final():
            kind, item = ("column", statement.column) if statement.column else ("table", statement.table)
            yield CommentedItem(kind, statement.name, file.at(statement.start), item.comment)


def _without_statement(file: ParsedFile, created: CreatedByFile) -> Iterator[CommentedItem]:
    """The tables and columns that no COMMENT of a file is about."""
    anchors: dict[tuple[str, ...], BaseSegment] = {column.name: column.anchor for column in file.columns()}
    for item in file.tables():
        table = created.tables.get(item.name)
        if table is None or table.dropped:
            continue
        if table.commented_by is None:
            yield CommentedItem("table", item.name, item.anchor, table.comment)
        anchors = {name: item.anchor for name in created.columns if name[:-1] == item.name} | anchors
    for name, anchor in anchors.items():
        if name in created.columns:
            table, column = created.columns[name]
            if not (table.dropped or column.dropped or column.commented_by):
                yield CommentedItem("column", name, anchor, column.comment)


def _as_sql(name: str) -> str:
    """A name as it has to be written, in quotes if they are needed."""
    with suppress(grammar.SqlError):
        if _PLAIN.fullmatch(name) and grammar.parse(f"comment on table {name} is null"):
            return name
    return '"' + name.replace('"', '""') + '"'
