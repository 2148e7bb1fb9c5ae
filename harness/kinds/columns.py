"""columns"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.catalog.model import Column
from harness.kinds.base import Fact, Kind, Subject
from harness.project.columns import DeclaredColumn, declared_columns
from harness.project.keys import key


@dataclass(frozen=True)
class Columns(Kind):
    """The exact contract of a table: these columns, in this order, and no others.

    ```yaml
    columns:
      id:     {type: uuid, not_null: true, default: gen_random_uuid()}
      total:  {type: "numeric(10,2)", not_null: true}
      net:    {type: "numeric(10,2)", generated: total / 1.19}
    ```

    Proven against the catalog: names, order, types, nullability, defaults and generation expressions. Types may be
    written as PostgreSQL accepts them (`int`, `timestamptz`, `varchar(20)`). Columns of the
    primary key are not null without saying so. What the other keys of a column say has checks of its own.
    """

    columns: tuple[DeclaredColumn, ...] = key(declared_columns, "the columns, by name, in their order")

    @property
    def subject(self) -> str:
        return ""

    def facts(self, subject: Subject) -> Iterator[Fact]:
        table = subject.table
        wanted = [column.name for column in self.columns]
        yield Fact(f"columns {', '.join(wanted)}", f"columns {', '.join(column.name for column in table.columns)}")
        known = {column.name: column for column in table.columns}
        for contract in self.columns:
            if contract.name in known:
                yield Fact(self._wanted(subject, contract), self._caught(contract, known[contract.name]))

    def _wanted(self, subject: Subject, contract: DeclaredColumn) -> str:
        words = [contract.name, subject.canonical.type(contract.type) if contract.type else "any type"]
        if contract.not_null or contract.name in subject.primary_key:
            words.append("not null")
        if contract.default is not None:
            words.append(f"default {subject.canonical.default(subject.table, contract.name, contract.default)}")
        if contract.generated is not None:
            expression = subject.canonical.generated(subject.table, contract.name, contract.generated)
            words.append(f"generated as {expression}")
        return " ".join(words)

    @staticmethod
    def _caught(contract: DeclaredColumn, column: Column) -> str:
        words = [column.name, column.type if contract.type else "any type"]
        if column.not_null:
            words.append("not null")
        if column.default is not None:
            words.append(f"{'generated as' if column.generated else 'default'} {column.default}")
        return " ".join(words)
