"""What ``adopt`` wrote, kept beside the checks: so an update tells what people changed from what the schema did."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.catalog.parts import TableRule
from harness.describe.description import TableDescription, table_name
from harness.errors import Place, ProjectError

FILE = Path(".adopted.json")
"""Below ``checks/``; hidden, so that it is no check file."""


@dataclass(frozen=True)
class AdoptedTable:
    """One table as it was written."""

    description: str | None = None
    columns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    checks: Mapping[TableRule, Mapping[str, Any]] = field(default_factory=dict)
    known: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, sheet: TableDescription) -> AdoptedTable:
        checks = {part: _plain(entry) for part, entry in sheet.checks}
        return cls(sheet.description, _plain(sheet.columns), checks, _plain(sheet.known))


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def dumps(sheets: Iterable[TableDescription], kept: Mapping[str, AdoptedTable] | None = None) -> str:
    """The record as text, one line a table: a change of one is a change of one line.

    Of the tables in ``kept`` it stays what it was.
    """
    lines = []
    pages = {table_name(sheet.table): AdoptedTable.of(sheet) for sheet in sheets}
    for table, page in {**pages, **(kept or {})}.items():
        checks = [[*part, entry] for part, entry in page.checks.items()]
        text = {"description": page.description, "columns": page.columns, "checks": checks, "known": page.known}
        lines.append(f"{json.dumps(table)}: {json.dumps(text, ensure_ascii=False)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def load(path: Path) -> dict[str, AdoptedTable]:
    """The record by table; empty if there is none. Raises :class:`ProjectError` for one that cannot be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {
            table: AdoptedTable(
                page["description"],
                page["columns"],
                {TableRule(kind, name): entry for kind, name, entry in page["checks"]},
                page.get("known", {}),
            )
            for table, page in found.items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProjectError(
            f"cannot be read: {error}",
            place=Place(path),
            hint="bring it back from version control; without it an update only adds what no check declares",
        ) from None
