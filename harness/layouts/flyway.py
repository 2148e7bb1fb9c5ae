"""Flyway: ``V1_2__name.sql`` by version, then ``R__name.sql`` by name; ``U1_2__name.sql`` undoes.

Folders below count. An empty database begins at the newest baseline, ``B3__name.sql``. ``V1__name.sql.conf`` may say
``executeInTransaction=false``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from harness.layouts.layout import Layout, owned_by, unique
from harness.project import BuildStep, PsqlFiles, SqlScript

_NAME = re.compile(r"(?:([VUB])(\d+(?:[._]\d+)*)|(R))__(.*)\.sql")
_NO_TRANSACTION = re.compile(r"^\s*executeInTransaction\s*=\s*false\s*$", re.MULTILINE | re.IGNORECASE)

_Version = tuple[int, ...]


def fits(directory: Path) -> bool:
    return any((match := _NAME.fullmatch(path.name)) and match[1] == "V" for path in directory.rglob("*.sql"))


def read(files: PsqlFiles, directory: Path) -> Iterator[BuildStep]:
    named = [(match, path) for path in sorted(directory.rglob("*.sql")) if (match := _NAME.fullmatch(path.name))]
    versioned = (((match[1], _version(match[2])), f"version {match[2]}", path) for match, path in named if match[2])
    found = unique(files, versioned)
    baseline = max((version for kind, version in found if kind == "B"), default=())
    steps = {version: path for (kind, version), path in found.items() if kind == "V" and version > baseline}
    if baseline:
        steps[baseline] = found["B", baseline]
    for version, path in sorted(steps.items()):
        undo = found.get(("U", version))
        yield BuildStep(path.stem, files.shown(path), _sql(files, path), _sql(files, undo) if undo else None)
    repeatable = unique(files, ((match[4], match[4], path) for match, path in named if match[3]))
    yield from (BuildStep(path.stem, files.shown(path), _sql(files, path)) for _, path in sorted(repeatable.items()))


def _version(written: str) -> _Version:
    """The numbers of a version, without zeros at the end: ``1.0`` is ``1``."""
    numbers = [int(part) for part in re.split(r"[._]", written)]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _sql(files: PsqlFiles, path: Path) -> SqlScript:
    settings = path.with_name(f"{path.name}.conf")
    alone = settings.is_file() and _NO_TRANSACTION.search(files.text(settings))
    return SqlScript(files.parts(path), transactional=not alone)


LAYOUT = Layout(
    name="flyway",
    sign="V1__name.sql",
    fits=fits,
    owner=owned_by("Flyway", "flyway -locations=filesystem:{path} migrate"),
    read=read,
)
