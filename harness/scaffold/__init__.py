"""The files that ``harness init`` writes: a small project, kept under ``demo/``.

:func:`write` writes them. A file whose name begins with a dot has ``dot-`` instead, so that no tool takes it for its
own settings here.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

from harness import files
from harness.errors import Place, ProjectError

_NAME = "{{name}}"
_SETTINGS = ".sqlfluff"


def write(directory: Path) -> list[Path]:
    """Writes the project into a directory, which may have other files; returns the paths, relative to it.

    Raises :class:`ProjectError`, before anything is written, if one of the files exists.
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
    """The commands to continue with."""
    there = [] if directory.resolve() == Path.cwd() else [f"cd {shlex.quote(str(directory))}"]
    return [*there, "harness test"]


def for_the_root(directory: Path) -> list[str]:
    """Advice on settings for the root of the repository, if that is above the project; editors are opened there.

    sqlfluff reads settings from the directory it runs in down to the file, but the templater only from the former.
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
    """The texts of the files by their paths in the project."""
    demo = Path(__file__).with_name("demo")
    found = {
        Path(*(re.sub(r"^dot-", ".", part) for part in path.relative_to(demo).parts)): path.read_text(encoding="utf-8")
        for path in demo.rglob("*")
        if path.is_file()
    }
    return {path: found[path].replace(_NAME, name) for path in sorted(found)}
