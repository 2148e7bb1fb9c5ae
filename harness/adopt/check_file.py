"""Text and path of a new check file: ``checks/<schema>/<table>.yml``.

Decides the order and the groups of the checks in it, which module a schema becomes, and the file names of tables whose
names differ only in case.
Not here: which checks are in it (``describe``), and changes of a file that is there already (``update.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.describe import CheckEntry, TableDescription, yaml
from harness.project.json_schema import modeline
from harness.project.model import TableName

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
    """The document: the table, its columns (but those of a partition), then the rules about more than one of them."""
    lines = yaml.entry("table", str(description.table))
    if description.description:
        lines += yaml.entry("description", description.description)
    if description.known:
        lines += yaml.entry("known", description.known)
    if description.undeclared:
        lines += yaml.entry("undeclared", description.undeclared)
    elif not description.partition:
        lines.append("columns:" if description.columns else "columns: {}")
    for name, column in description.columns.items():
        lines += column_lines(name, column)
    claims: CheckEntry = {"claims": description.claims} if description.claims else {}
    entries = [{**entry, **claims} if "privileges" in entry else entry for _, entry in description.checks]
    entries += [*description.sightless, *filter(None, [description.rows])]
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


def module_name(schema: str) -> str:
    """A schema's folder: its name, without characters that a folder or a module cannot have."""
    name = re.sub(r"[^\w.-]", "_", schema)
    return name if re.match(r"\w", name) else f"_{name}"


def modules(tables: Iterable[TableName]) -> dict[str, str]:
    """The module of each schema; two schemas never share one."""
    found: dict[str, str] = {}
    for schema in sorted({table.schema for table in tables}):
        found[schema] = _another(module_name(schema), {name.lower() for name in found.values()})
    return found


def paths(tables: Iterable[TableName]) -> dict[TableName, Path]:
    """The file of each table, below ``checks/``; names that differ only in case get a number."""
    ordered = sorted(tables)
    folders = modules(ordered)
    found: dict[TableName, Path] = {}
    taken: set[str] = set()
    for table in ordered:
        stem = re.sub(r"[^\w.-]", "_", table.table).lstrip(".") or "_"
        folder = folders[table.schema]
        name = _another(stem, {each.partition("/")[2] for each in taken if each.startswith(f"{folder}/".lower())})
        taken.add(f"{folder}/{name}".lower())
        found[table] = Path(folder) / f"{name}.yml"
    return found


def _another(name: str, taken: set[str]) -> str:
    number, candidate = 1, name
    while candidate.lower() in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate
