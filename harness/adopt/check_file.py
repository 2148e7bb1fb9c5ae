"""A sheet as the text of a check file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.describe import yaml
from harness.describe.description import CheckEntry, TableDescription, table_name
from harness.project.json_schema import modeline

GROUPS = (
    ("primary_key", "unique"),
    ("foreign_key",),
    ("accepted_values", "check", "exclude"),
    ("index",),
    ("comment",),
    ("trigger",),
    ("privileges", "policy"),
    ("rows",),
)


def render(sheet: TableDescription, path: Path) -> str:
    """The whole file, for its place below the project's root."""
    return f"{modeline(path, 'checks')}\n{document(sheet)}"


def document(sheet: TableDescription) -> str:
    """What the table is, its columns, then the rules about more than one of them."""
    lines = yaml.entry("table", table_name(sheet.table))
    if sheet.description:
        lines += yaml.entry("description", sheet.description)
    if sheet.known:
        lines += yaml.entry("known", sheet.known)
    lines.append("columns:")
    for name, column in sheet.columns.items():
        lines += column_lines(name, column)
    if not sheet.columns:
        lines[-1] = "columns: {}"
    entries = [entry for _, entry in sheet.checks] + ([sheet.rows] if sheet.rows else [])
    if entries:
        lines.append("checks:")
        lines += _checks(entries)
    return "\n".join(lines) + "\n"


def column_lines(name: str, column: CheckEntry) -> list[str]:
    return yaml.entry(name, column, 2)


def check_lines(entry: CheckEntry) -> list[str]:
    return yaml.item(entry, 2)


def group(kind: str) -> int:
    """Which of the groups a kind belongs to; what no group names stands at the end."""
    return next((number for number, kinds in enumerate(GROUPS) if kind in kinds), len(GROUPS))


def _checks(entries: list[CheckEntry]) -> Iterator[str]:
    """Group by group, with an empty line between them."""
    before: int | None = None
    for entry in entries:
        own = group(next(iter(entry)))
        if before is not None and own != before:
            yield ""
        yield from check_lines(entry)
        before = own
