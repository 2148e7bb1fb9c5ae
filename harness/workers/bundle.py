"""Packs the files of a project for a worker on another machine, and unpacks them there.

Decides which files are sent, and their paths on the other machine; refuses a directory of somebody else.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from harness.errors import Place, ProjectError, WorkerError
from harness.project.model import Project

BundledFiles = tuple[tuple[str, bytes], ...]


def pack(project: Project) -> BundledFiles:
    """Reads all files that the project names; their names are relative to the directory of :func:`unpack`."""
    found: dict[str, bytes] = {}

    def add(path: Path) -> Path:
        if path.is_file():
            try:
                found[_inside(project.root, path)] = path.read_bytes()
            except OSError as error:
                raise ProjectError(f"cannot be read: {error.strerror}", place=Place(path)) from None
        return path

    _moved(project, add)
    return tuple(found.items())


def unpack(project: Project, files: BundledFiles) -> Project:
    """Writes the files and returns the project as it is on this machine.

    All runs of one project share a directory, and so a private server.
    """
    name = hashlib.sha256(str(project.root).encode(errors="surrogateescape")).hexdigest()[:16]
    root = _directory(_directory(Path(tempfile.gettempdir()) / f"harness-workers-{os.getuid()}") / name)
    folder = root / "files" / hashlib.sha256(repr(files).encode()).hexdigest()[:16]
    for name, data in files:
        path = folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            half = path.with_name(f".{path.name}.{os.getpid()}")
            half.write_bytes(data)
            half.replace(path)
    names = {name for name, _ in files}

    def move(path: Path) -> Path:
        inside = _inside(project.root, path)
        return folder / inside if inside in names else path

    moved: Project = _moved(project, move)
    return replace(moved, root=root)


def _inside(root: Path, path: Path) -> str:
    """Returns a relative name for a file, also if it lies outside of the project."""
    if path.is_relative_to(root) and ".." not in path.parts:
        return path.relative_to(root).as_posix()
    return f"outside/{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}/{path.name}"


def _moved(value: Any, move: Callable[[Path], Path]) -> Any:
    """Returns a value with all paths in it changed, at any depth."""
    if isinstance(value, Path):
        return move(value)
    if isinstance(value, tuple):
        return tuple(_moved(item, move) for item in value)
    if isinstance(value, Mapping):
        return {key: _moved(item, move) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        own = ((field.name, getattr(value, field.name)) for field in fields(value) if field.init)
        changed = {name: new for name, old in own if (new := _moved(old, move)) != old}
        return replace(value, **changed) if changed else value
    return value


def _directory(path: Path) -> Path:
    """Makes a directory of this user; the account of a private server may pass through it."""
    path.mkdir(mode=0o711, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise WorkerError(f"{path} belongs to somebody else", hint="remove it, or set TMPDIR for the workers")
    return path
