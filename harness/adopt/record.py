"""Record of what ``adopt`` wrote, among the check files: an update sees by it what people changed.

Reads and writes that file. Not here: the comparison with what people wrote (``update.py``, ``adoption.py``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.catalog.parts import TableRule
from harness.describe import TableDescription
from harness.errors import Place, ProjectError
from harness.project import keys
from harness.project.model import TableName
from harness.project.nodes import Scalar

FILE = Path(".adopted.json")
"""Below ``checks/``; hidden, so that it is no check file."""


@dataclass(frozen=True)
class AdoptedTable:
    """One table as ``adopt`` wrote it."""

    description: str | None = None
    columns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    checks: Mapping[TableRule, Mapping[str, Any]] = field(default_factory=dict)
    known: Mapping[str, str] = field(default_factory=dict)
    partition: bool = False

    @classmethod
    def of(cls, described: TableDescription) -> AdoptedTable:
        return cls(
            described.description,
            _plain(described.columns),
            {rule: _plain(entry) for rule, entry in described.checks},
            _plain(described.known),
            described.partition,
        )

    def described(self, table: TableName) -> TableDescription:
        """The description of the table that was written."""
        return TableDescription(
            table,
            self.description,
            {name: dict(column) for name, column in self.columns.items()},
            [(rule, dict(entry)) for rule, entry in self.checks.items()],
            known=dict(self.known),
            partition=self.partition,
        )


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def dumps(descriptions: Iterable[TableDescription], kept: Mapping[TableName, AdoptedTable] | None = None) -> str:
    """The record as text, with one line for each table.

    The tables in ``kept`` stay as they were recorded.
    """
    tables = {each.table: AdoptedTable.of(each) for each in descriptions}
    pages = {
        str(table): {
            "description": adopted.description,
            "columns": adopted.columns,
            "checks": [[*rule, entry] for rule, entry in adopted.checks.items()],
            "known": adopted.known,
            **({"partition": True} if adopted.partition else {}),
        }
        for table, adopted in {**tables, **(kept or {})}.items()
    }
    lines = [f"{json.dumps(table)}: {json.dumps(page, ensure_ascii=False)}" for table, page in pages.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def load(path: Path) -> dict[TableName, AdoptedTable]:
    """Reads the record, by table; empty if there is none. Raises :class:`ProjectError` if it cannot be read."""
    try:
        return {
            keys.table.read(Scalar(table, Place(path))): AdoptedTable(
                page["description"],
                page["columns"],
                {TableRule(kind, name): entry for kind, name, entry in page["checks"]},
                page.get("known", {}),
                page.get("partition", False),
            )
            for table, page in json.loads(path.read_text(encoding="utf-8")).items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProjectError(
            f"cannot be read: {error}",
            place=Place(path),
            hint="bring it back from version control; without it an update only adds what no check declares",
        ) from None
