"""comment"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.kinds.base import Fact, Kind, Subject, Table
from harness.project.keys import ColumnForm, key, name, text


@dataclass(frozen=True)
class CommentKind(Kind):
    """The table and its columns have comments.

    ```yaml
    columns:
      iban: {type: text, comment: "Where the money goes. [personal]"}
    checks:
      - comment: every
    ```

    Looked up in the catalog, so that the check is *present*. `every` needs a comment that is not blank on the table and
    on each column. In a column, the comment has to be exactly this text; so has the comment of the table with any other
    text than `every`.
    """

    column_form = ColumnForm(column="column", value="comment")

    comment: str = key(text, "`every`, or the exact text")
    column: str | None = key(name, "the column it is on; without one, the table", default=None)

    @property
    def subject(self) -> str:
        return self.column or ("every" if self.comment == "every" else "table")

    def facts(self, subject: Subject) -> Iterator[Fact]:
        table = subject.table
        if self.column is not None or self.comment != "every":
            what = _named(table, self.column)
            found = table.column(self.column).comment if self.column is not None else table.comment
            yield Fact(f"{what}: {self.comment!r}", f"{what}: {found!r}" if found else f"{what}: no comment")
        else:
            for column, comment in commented(table):
                what = _named(table, column)
                words = (
                    "a comment" if (comment or "").strip() else f"no comment; write: {written(table, column)} is '…'"
                )
                yield Fact(f"{what}: a comment", f"{what}: {words}")


def _named(table: Table, column: str | None) -> str:
    return f"column {column}" if column else f"table {table.name}"


def commented(table: Table) -> Iterator[tuple[str | None, str | None]]:
    """Yields the comment of the table, and that of each column with its name."""
    yield None, table.comment
    yield from ((column.name, column.comment) for column in table.columns)


def written(table: Table, column: str | None) -> str:
    """Returns the start of the statement that comments on a table, or on one of its columns."""
    return f"comment on column {table.name}.{column}" if column else f"comment on table {table.name}"
