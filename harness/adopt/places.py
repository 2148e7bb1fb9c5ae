"""The file of each table: ``checks/<schema>/<table>.yml``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from harness.project.model import TableName


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
