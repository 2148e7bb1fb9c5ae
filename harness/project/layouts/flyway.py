"""Flyway: ``V1_2__name.sql`` by version, then ``R__name.sql`` by name; ``U1_2__name.sql`` undoes. Folders below count.

An empty database begins at the newest baseline, ``B3__name.sql``. ``V1__name.sql.conf`` may say
``executeInTransaction=false``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from harness.project.layouts.layout import Layout, owned_by, sql, taken
from harness.project.model import BuildStep, SqlScript
from harness.project.psql import PsqlFiles

_NAME = re.compile(r"(?:([VUB])(\d+(?:[._]\d+)*)|(R))__(.*)\.sql")
_ALONE = re.compile(r"^\s*executeInTransaction\s*=\s*false\s*$", re.MULTILINE | re.IGNORECASE)

_Version = tuple[int, ...]


def fits(directory: Path) -> bool:
    return any((match := _NAME.fullmatch(path.name)) and match[1] == "V" for path in directory.rglob("*.sql"))


def read(source: PsqlFiles, directory: Path) -> Iterator[BuildStep]:
    found: dict[str, dict[_Version, Path]] = {"V": {}, "U": {}, "B": {}}
    repeatable: dict[str, Path] = {}
    for path in sorted(directory.rglob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match and match[3]:
            if match[4] in repeatable:
                raise taken(source, repeatable[match[4]], path, match[4])
            repeatable[match[4]] = path
        elif match:
            version = _version(match[2])
            if version in found[match[1]]:
                raise taken(source, found[match[1]][version], path, f"version {match[2]}")
            found[match[1]][version] = path
    baseline = max(found["B"], default=None)
    files = {version: path for version, path in found["V"].items() if baseline is None or version > baseline}
    if baseline is not None:
        files[baseline] = found["B"][baseline]
    for version, path in sorted(files.items()):
        undo = found["U"].get(version)
        yield BuildStep(path.stem, source.shown(path), _sql(source, path), _sql(source, undo) if undo else None)
    for _, path in sorted(repeatable.items()):
        yield BuildStep(path.stem, source.shown(path), _sql(source, path))


def _version(written: str) -> _Version:
    """``1.0`` is ``1``."""
    numbers = [int(part) for part in re.split(r"[._]", written)]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _sql(source: PsqlFiles, path: Path) -> SqlScript:
    settings = path.with_name(f"{path.name}.conf")
    alone = settings.is_file() and _ALONE.search(source.text(settings))
    return sql(source, path, transactional=not alone)


LAYOUT = Layout(
    name="flyway",
    sign="V1__name.sql",
    fits=fits,
    owner=owned_by("Flyway", "flyway -locations=filesystem:{path} migrate"),
    read=read,
)
