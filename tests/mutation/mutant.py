"""What is done to a database so that one of its rules is gone, weaker or stricter."""

from __future__ import annotations

from dataclasses import dataclass

from harness.project.model import TableName


@dataclass(frozen=True)
class Mutant:
    """``sql`` makes it; whoever notices must name one of ``rules``. ``tables`` are where it can be seen first."""

    group: str
    what: str
    sql: str
    rules: tuple[str, ...]
    tables: tuple[TableName, ...]

    def __str__(self) -> str:
        return f"{self.tables[0] if self.tables else ''} {self.what}".strip()
