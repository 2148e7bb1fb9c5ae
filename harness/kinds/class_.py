"""class"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from harness.errors import did_you_mean
from harness.kinds.base import Fact, Kind, Subject
from harness.kinds.comment import commented, written
from harness.project.keys import ColumnForm, key, name, names
from harness.project.model import Project

_MARK = re.compile(r"\[([^\]\[]+)\]\s*$")


@dataclass(frozen=True)
class ClassKind(Kind):
    """The comment of a column or table ends in a class in brackets, which says how sensitive the data is.

    ```yaml
    columns:
      email: {type: text, class: personal}      # COMMENT … 'Where invoices go. [personal]'
    checks:
      - class: personal                         # of the table itself: COMMENT ON TABLE … 'Who can pay. [personal]'
      - class: every
        never: [PHI]
    ```

    Looked up in the catalog, so that the check is *present*. In a column the class of the column is compared, in the
    list of checks that of the table. `every` needs one of the `classes` of `project.yml` for the table and each column,
    and no column may have one of those in `never`.
    """

    column_form = ColumnForm(column="column", value="class")

    class_: str = key(name, "`every`, or the class of the column or of the table")
    column: str | None = key(name, "the column", default=None)
    never: tuple[str, ...] = key(names, "classes that no column of the table may have", default=())

    @property
    def subject(self) -> str:
        return self.column or ("every" if self._every else "the table")

    @property
    def _every(self) -> bool:
        return self.column is None and self.class_ == "every"

    def unfit(self, project: Project) -> str | None:
        """Returns the error for a class that the project does not have."""
        named = (*(() if self._every else (self.class_,)), *self.never)
        unknown = next((each for each in named if project.classes and each not in project.classes), None)
        if unknown is None:
            return None
        known = ("every", *project.classes)
        return f"{unknown!r} is none of the classes of project.yml{did_you_mean(unknown, known)}"

    def facts(self, subject: Subject) -> Iterator[Fact]:
        table = subject.table
        if not self._every:
            what = self.column or str(table.name)
            comment = table.column(self.column).comment if self.column else table.comment
            yield Fact(f"{what}: [{self.class_}]", f"{what}: {_shown(comment, written(table, self.column))}")
            return
        allowed = [known for known in subject.project.classes if known not in self.never]
        for column, comment in commented(table):
            # The class of the table sums up its columns; `never` is only about columns.
            what, known = (column, allowed) if column else (str(table.name), subject.project.classes)
            yield Fact(
                f"{what}: one of {', '.join(known)}",
                f"{what}: {_shown(comment, written(table, column))}",
                any_of=tuple(f"{what}: [{each}]" for each in known) or ("no class is allowed",),
            )


def _shown(comment: str | None, statement: str) -> str:
    """Returns the class of a comment, or the hint how to give it one."""
    found = data_class(comment)
    return f"[{found}]" if found else f"no class; let its comment end in one: {statement} is '… [class]'"


def data_class(comment: str | None) -> str | None:
    """Returns the class that a comment ends in, ``[personal]`` without its brackets."""
    found = _MARK.search(comment or "")
    return found[1] if found else None
