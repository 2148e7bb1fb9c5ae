"""class"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from harness.errors import did_you_mean
from harness.kinds.base import Fact, Kind, Subject
from harness.kinds.comment import written
from harness.project.keys import ColumnForm, key, name, names
from harness.project.model import Project

_MARK = re.compile(r"\[([^\]\[]+)\]\s*$")


@dataclass(frozen=True)
class ClassKind(Kind):
    """How sensitive a column or a table is: the class in brackets that its comment ends in.

    ```yaml
    columns:
      email: {type: text, class: personal}      # COMMENT … 'Where invoices go. [personal]'
    checks:
      - class: personal                         # of the table itself: COMMENT ON TABLE … 'Who can pay. [personal]'
      - class: every
        never: [PHI]
    ```

    In a column its class is compared, in the list of checks that of the table. `every` wants one of the `classes` of
    `project.yml` for the table and each column, and for no column one of those in `never`. Only the catalog is asked:
    it comes to *present*.
    """

    column_form: ClassVar = ColumnForm(column="column", value="class")

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
        """A class that the project does not know."""
        named = (*(() if self._every else (self.class_,)), *self.never)
        strange = next((each for each in named if project.classes and each not in project.classes), None)
        if strange is None:
            return None
        known = ("every", *project.classes)
        return f"{strange!r} is none of the classes of project.yml{did_you_mean(strange, known)}"

    def facts(self, subject: Subject) -> Iterator[Fact]:
        table = subject.table
        if not self._every:
            what = self.column or str(table.name)
            comment = table.column(self.column).comment if self.column else table.comment
            yield Fact(f"{what}: [{self.class_}]", f"{what}: {_shown(comment, written(table, self.column))}")
            return
        allowed = [known for known in subject.project.classes if known not in self.never]
        commented = [(None, table.comment), *((column.name, column.comment) for column in table.columns)]
        for column, comment in commented:
            # The table's own class sums its columns up; what may not stand in a column is said of columns.
            what, known = (column, allowed) if column else (str(table.name), subject.project.classes)
            yield Fact(
                f"{what}: one of {', '.join(known)}",
                f"{what}: {_shown(comment, written(table, column))}",
                any_of=tuple(f"{what}: [{each}]" for each in known) or ("no class is allowed",),
            )


def _shown(comment: str | None, statement: str) -> str:
    """The class of a comment; where it has none, how to give it one."""
    found = data_class(comment)
    return f"[{found}]" if found else f"no class; let its comment end in one: {statement} is '… [class]'"


def data_class(comment: str | None) -> str | None:
    """The class that a comment ends in, ``[personal]`` without its brackets."""
    found = _MARK.search(comment or "")
    return found[1] if found else None
