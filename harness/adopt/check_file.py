"""The description of a table as the text of a check file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.describe import yaml
from harness.describe.description import TableDescription
from harness.describe.entries import CheckEntry, table_name
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


def render(description: TableDescription, path: Path) -> str:
    """The whole file; ``path`` is its place below the project's root."""
    return f"{modeline(path, 'checks')}\n{document(description)}"


def document(description: TableDescription) -> str:
    """The document: the table, its columns, then the rules about more than one of them."""
    lines = yaml.entry("table", table_name(description.table))
    if description.description:
        lines += yaml.entry("description", description.description)
    if description.known:
        lines += yaml.entry("known", description.known)
    lines.append("columns:")
    for name, column in description.columns.items():
        lines += column_lines(name, column)
    if not description.columns:
        lines[-1] = "columns: {}"
    entries = [entry for _, entry in description.checks] + ([description.rows] if description.rows else [])
    if entries:
        lines.append("checks:")
        lines += _checks(entries)
    return "\n".join(lines) + "\n"


def column_lines(name: str, column: CheckEntry) -> list[str]:
    return yaml.entry(name, column, 2)


def check_lines(entry: CheckEntry) -> list[str]:
    return yaml.item(entry, 2)


def group(kind: str) -> int:
    """The number of the group of a kind; a kind that no group names comes last."""
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
