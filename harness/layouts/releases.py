"""A numbered directory for each release, with golang-migrate's files in it: ``12/03_name.up.sql``.

So HashiCorp Boundary keeps them. A file belongs to its release: numbers begin anew in each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from harness.layouts import golang_migrate
from harness.layouts.layout import Layout, owned_by, unique
from harness.project import BuildStep, PsqlFiles

_RELEASE = re.compile(r"\d+")


def fits(directory: Path) -> bool:
    return any(map(golang_migrate.LAYOUT.fits, _releases(directory)))


def read(files: PsqlFiles, directory: Path) -> Iterator[BuildStep]:
    found = ((int(release.name), f"release {int(release.name)}", release) for release in _releases(directory))
    for _, release in sorted(unique(files, found).items()):
        for step in golang_migrate.read(files, release):
            yield replace(step, name=f"{release.name}/{step.name}")


def _releases(directory: Path) -> list[Path]:
    return [path for path in sorted(directory.iterdir()) if _RELEASE.fullmatch(path.name) and path.is_dir()]


LAYOUT = Layout(
    name="releases",
    sign="<number>/N_name.up.sql",
    fits=fits,
    owner=owned_by("its own tool", "the tool that this project brings for {path}"),
    read=read,
)
