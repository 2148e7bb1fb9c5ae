"""Reads a seed file into cells with their places: CSV as COPY reads it, YAML as it is written.

In CSV an empty cell is null and ``""`` an empty text. In YAML ``null``, ``~`` and nothing are null unless quoted, and a
key that a row leaves out takes its column's default. All else is text that the type of the column reads. Refuses rows
and columns that do not fit together.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.errors import Place, ProjectError, SeedError
from harness.project import Seed, nodes, sqlfile, yaml_reader

_CELL = re.compile(r'((?:"[^"]*"|[^",\n]++)*+)(,|\n|\Z)')
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')
_JSON_SCALAR = re.compile(r"true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")


@dataclass(frozen=True)
class SeedCell:
    """A value as text, or NULL; ``nested`` is a YAML list or mapping, whose text depends on the column's type."""

    text: str | None
    place: Place
    nested: nodes.ListNode | nodes.MappingNode | None = None


@dataclass(frozen=True)
class SeedRow:
    """A row; columns that it does not name take their defaults."""

    place: Place
    cells: dict[str, SeedCell]


@dataclass(frozen=True)
class SeedFile:
    """A file that was read. ``path`` is how messages name it; ``columns`` has the place where each is first named."""

    seed: Seed
    path: Path
    columns: dict[str, Place]
    rows: tuple[SeedRow, ...]


def read(seed: Seed, shown: Path) -> SeedFile:
    """Reads a file; raises :class:`SeedError` with the line of what cannot be read."""
    try:
        if seed.format == "csv":
            return _csv(seed, shown, sqlfile.read(seed.path, shown))
        return _yaml(seed, shown, yaml_reader.read(seed.path, shown))
    except SeedError:
        raise
    except ProjectError as error:
        raise SeedError(error.message, place=error.place, excerpt=error.excerpt, hint=error.hint) from None


def _csv(seed: Seed, shown: Path, text: str) -> SeedFile:
    if not text.strip():
        raise SeedError("the file is empty", place=Place(shown), hint="its first line names the columns")
    records = _records(shown, text.removesuffix("\n"))
    columns: dict[str, Place] = {}
    for number, cell in enumerate(next(records), start=1):
        if not cell.text:
            raise SeedError(f"column {number} has no name", place=cell.place)
        if cell.text in columns:
            raise SeedError(f'column "{cell.text}" is named twice', place=cell.place)
        columns[cell.text] = cell.place
    rows = []
    for record in records:
        if len(record) != len(columns):
            blank = len(record) == 1 and record[0].text is None
            cells = "1 cell" if len(record) == 1 else f"{len(record)} cells"
            raise SeedError(
                "an empty line" if blank else f"{cells}, but the header names {len(columns)}",
                place=record[0].place,
                hint=None if blank else 'a cell that contains a comma is written in quotes: "a, b"',
            )
        rows.append(SeedRow(record[0].place, dict(zip(columns, record, strict=True))))
    return SeedFile(seed, shown, columns, tuple(rows))


def _records(shown: Path, text: str) -> Iterator[list[SeedCell]]:
    offset, line = 0, 1
    record: list[SeedCell] = []
    while True:
        match = _CELL.match(text, offset)
        if match is None:
            raise SeedError("a quote is opened here and never closed", place=Place(shown, line))
        raw, separator = match.groups()
        value = _QUOTED.sub(lambda quoted: quoted[1].replace('""', '"'), raw) if raw else None
        record.append(SeedCell(value, Place(shown, line)))
        line += match[0].count("\n")
        offset = match.end()
        if separator != ",":
            yield record
            record = []
        if not separator:
            return


def _yaml(seed: Seed, shown: Path, documents: tuple[nodes.Node, ...]) -> SeedFile:
    if len(documents) > 1:
        raise SeedError("a second document; a seed file is one list of rows", place=documents[1].place)
    columns: dict[str, Place] = {}
    rows = []
    for item in nodes.as_sequence(documents[0], "a list of rows").items:
        entries = nodes.as_mapping(item, "a row (column: value)").entries
        if not entries:
            raise SeedError("a row without columns", place=item.place)
        cells = {}
        for key, node in entries:
            columns.setdefault(key.text, key.place)
            text = node.text if isinstance(node, nodes.Scalar) and not _is_null(node) else None
            cells[key.text] = SeedCell(text, node.place, None if isinstance(node, nodes.Scalar) else node)
        rows.append(SeedRow(item.place, cells))
    return SeedFile(seed, shown, columns, tuple(rows))


def _is_null(node: nodes.Scalar) -> bool:
    return not node.quoted and node.text in ("", "~", "null")


def as_json(node: nodes.Node) -> str:
    """Returns a YAML value as JSON: an unquoted scalar that is JSON stays as it is, any other becomes a string."""
    if isinstance(node, nodes.ListNode):
        return f"[{', '.join(map(as_json, node.items))}]"
    if isinstance(node, nodes.MappingNode):
        pairs = (f"{json.dumps(key.text, ensure_ascii=False)}: {as_json(value)}" for key, value in node.entries)
        return f"{{{', '.join(pairs)}}}"
    if _is_null(node):
        return "null"
    if not node.quoted and _JSON_SCALAR.fullmatch(node.text):
        return node.text
    return json.dumps(node.text, ensure_ascii=False)


def as_array(node: nodes.ListNode) -> str:
    """Returns a YAML list as the text of a PostgreSQL array; a mapping in it becomes an element of JSON."""
    return f"{{{','.join(map(_element, node.items))}}}"


def _element(node: nodes.Node) -> str:
    if isinstance(node, nodes.ListNode):
        return as_array(node)
    if isinstance(node, nodes.Scalar) and _is_null(node):
        return "NULL"
    text = node.text if isinstance(node, nodes.Scalar) else as_json(node)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
