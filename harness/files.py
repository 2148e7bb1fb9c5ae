"""Writes files whole: no reader ever sees half of one. Also removes files and empty folders."""

from __future__ import annotations

import itertools
import os
import tempfile
from contextlib import suppress
from pathlib import Path


def write(path: Path, text: str) -> None:
    """Writes a text as UTF-8 with LF; a reader sees the old text or the new one. Raises :class:`OSError`.

    Half of a surrogate pair, which UTF-8 cannot express, is written as an escape.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode("utf-8", "backslashreplace"))
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def refresh(path: Path, text: str) -> None:
    """Writes the file unless it has this text already."""
    with suppress(OSError):
        if path.read_bytes() == text.encode("utf-8", "backslashreplace"):
            return
    write(path, text)


def remove(path: Path, above: Path) -> None:
    """Deletes a file if it exists, and the directories below ``above`` that are empty then."""
    path.unlink(missing_ok=True)
    with suppress(OSError):
        for directory in itertools.takewhile(lambda each: each != above, path.parents):
            directory.rmdir()
