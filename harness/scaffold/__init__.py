"""``harness init``: the files of a small project, kept here under ``demo/`` as they will stand there.

A file whose name begins with a dot has ``dot-`` instead, so that no tool takes it for its own settings here.
"""

from __future__ import annotations

import os
import re
import shlex
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from harness import files
from harness.errors import Place, ProjectError

_NAME = "{{name}}"
_SETTINGS = ".sqlfluff"


def write(directory: Path) -> list[Path]:
    """Writes the project into a new directory, or beside the files of one; returns the paths, relative to it.

    Raises :class:`ProjectError`, before anything is written, if a file is there already.
    """
    texts = _texts(_project_name(directory))
    if directory.exists() and not directory.is_dir():
        raise ProjectError("is no directory", place=Place(directory))
    for path in texts:
        if os.path.lexists(directory / path):
            raise ProjectError(
                "is there already, and init overwrites nothing",
                place=Place(directory / path),
                hint="name a new directory",
            )
    for path, text in texts.items():
        files.write(directory / path, text)
    return list(texts)


def next_steps(directory: Path) -> list[str]:
    """The commands to go on with."""
    there = [] if directory.resolve() == Path.cwd() else [f"cd {shlex.quote(str(directory))}"]
    return [*there, "harness test"]


def for_the_root(directory: Path) -> list[str]:
    """What to put where the repository of a project begins, if that is above it; for editors are opened there.

    sqlfluff reads settings from where it runs down to the file, but takes the templater from where it runs alone.
    """
    directory = directory.resolve()
    root = next((above for above in directory.parents if (above / ".git").exists()), None)
    if root is None or (directory / ".git").exists() or (root / _SETTINGS).exists():
        return []
    return [
        f"The repository begins in {root}. For editors that are opened there, write {root / _SETTINGS}:",
        *("", "  [sqlfluff]", "  dialect = postgres", "  templater = raw"),
    ]


def _project_name(directory: Path) -> str:
    return re.sub(r"[^\w-]+", "_", directory.resolve().name).strip("_-") or "shop"


def _texts(name: str) -> dict[Path, str]:
    root = resources.files(__name__).joinpath("demo")
    return {path: text.replace(_NAME, name) for path, text in sorted(_below(root, Path()))}


def _below(directory: Traversable, path: Path) -> list[tuple[Path, str]]:
    found: list[tuple[Path, str]] = []
    for entry in directory.iterdir():
        name = re.sub(r"^dot-", ".", entry.name)
        if entry.is_dir():
            found += _below(entry, path / name)
        else:
            found.append((path / name, entry.read_text(encoding="utf-8")))
    return found
