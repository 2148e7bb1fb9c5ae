"""Finds directories that types were written to before, and that nothing writes to any more."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from harness.types.output import is_generated

_NOT_ENTERED = frozenset(["node_modules", "__pycache__", "build", "dist"])
"""Directories of packages, and of what is built of generated files."""


def left_behind(root: Path, directories: Collection[Path]) -> list[Path]:
    """Returns the directories with generated files that are none of ``directories``, whose parents are searched.

    Searched is also the usual ``types/`` of the project; nothing is searched that is outside of it.
    """
    parents = {root / "types", *(each.parent for each in directories)}
    known = {each.resolve() for each in directories}
    within = (each for each in parents if each.resolve().is_relative_to(root.resolve()))
    found = {each for parent in within for each in _generated(parent)}
    return sorted(each for each in found if each.resolve() not in known)


def _generated(parent: Path) -> Iterator[Path]:
    """The directories below one, itself among them, that have generated files."""
    for path, below, names in os.walk(parent):
        here = Path(path)
        below[:] = [each for each in below if not _is_foreign(here / each)]
        if any(is_generated(each) for each in _sources(here, names)):
            yield here


def _is_foreign(directory: Path) -> bool:
    name = directory.name
    return name in _NOT_ENTERED or name.startswith(".") or (directory / "pyvenv.cfg").exists()


def _sources(directory: Path, names: Iterable[str]) -> Iterator[Path]:
    """The files that types may have been written to; declaration files are a compiler's, which keeps the first line."""
    paths = (directory / each for each in names if each.endswith((".ts", ".py")) and not each.endswith(".d.ts"))
    return (each for each in paths if each.is_file())
