"""The files and folders of a project. Links are followed; a pipe, a socket or a device is refused.

A link may lead out of the project, to a file that several share. Such a file is read like any other, but no message
quotes it: a reader of a run's output need not be allowed to read the link's target. Refuses files that are not UTF-8.
Not here: which folders belong to a module (``load.py``).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from harness.errors import HarnessError, Place, ProjectError

WITHHELD = "what is wrong in this file is not shown: a link leads to it, out of the project"


def files(root: Path, directory: Path, endings: tuple[str, ...]) -> tuple[Path, ...]:
    """The files with these endings below a directory, in linked folders too, sorted by path; hidden ones are left out.

    Raises :class:`ProjectError` for links that lead nowhere or in a circle, for pipes and the like, and for files
    that cannot be read; messages name paths relative to ``root``.
    """
    return tuple(sorted(_below(root, directory, endings, ()))) if is_folder(root, directory) else ()


def _below(root: Path, directory: Path, endings: tuple[str, ...], above: tuple[Path, ...]) -> Iterator[Path]:
    here = directory.resolve()
    if here in above:
        raise ProjectError("a link to a folder that it lies in", place=Place(relative(directory, root)))
    for path in entries(root, directory):
        if path.name.startswith("."):
            continue
        if path.suffix in endings and is_file(root, path):
            yield path
        elif is_folder(root, path):
            yield from _below(root, path, endings, (*above, here))


def entries(root: Path, directory: Path) -> list[Path]:
    """The files and folders of a directory, by name; raises :class:`ProjectError` if it cannot be read."""
    try:
        return sorted(directory.iterdir())
    except OSError as error:
        raise unreadable(relative(directory, root), error) from None


def is_file(root: Path, path: Path) -> bool:
    """Whether a path is a file, or a link to one; raises :class:`ProjectError` for what is neither file nor folder."""
    mode = _mode(root, path)
    if mode is None or stat.S_ISDIR(mode):
        return False
    if not stat.S_ISREG(mode):
        raise ProjectError("a pipe, a socket or a device; expected a file", place=Place(relative(path, root)))
    return True


def is_folder(root: Path, path: Path) -> bool:
    """Whether a path is a folder, or a link to one; raises :class:`ProjectError` for a link that leads nowhere."""
    mode = _mode(root, path)
    return mode is not None and stat.S_ISDIR(mode)


def _mode(root: Path, path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        if not path.is_symlink():
            return None
        message, hint = f"a link that leads nowhere: {path.readlink()} is not there", "mend the link, or remove it"
        raise ProjectError(message, place=Place(relative(path, root)), hint=hint) from None
    except OSError as error:
        raise unreadable(relative(path, root), error) from None


def read_utf8(path: Path, shown: Path) -> str:
    """The text of a file without byte order mark; ``shown`` is its name in messages.

    Raises :class:`ProjectError` if it cannot be read, and at the first byte that is not UTF-8, its column in bytes.
    """
    try:
        data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise unreadable(shown, error) from None
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start]
        raise ProjectError(
            f"not UTF-8: byte 0x{data[error.start]:02x}",
            place=Place(shown, before.count(b"\n") + 1, error.start - before.rfind(b"\n")),
            hint="save the file as UTF-8",
        ) from None


def unreadable(shown: Path, error: OSError) -> ProjectError:
    """The error of a file or a folder that the operating system does not let us read."""
    return ProjectError(f"cannot be read: {error.strerror}", place=Place(shown))


def relative(path: Path, root: Path) -> Path:
    """The name of a file in messages: relative to the root of the project if it is below it."""
    return path.relative_to(root) if path.is_relative_to(root) else path


def leads_out(root: Path, path: Path) -> bool:
    """Whether a path, as messages name it, is in the project and leads out of it by a link."""
    written = Path(os.path.normpath(root / path))
    try:
        return written.is_relative_to(root) and not written.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):  # Python before 3.13 raises RuntimeError for links in a circle
        return True


def withheld(root: Path, error: HarnessError) -> HarnessError:
    """The error, without its text if it is about a file that a link leads to, out of the project."""
    if error.place is None or not leads_out(root, error.place.path):
        return error
    return HarnessError(WITHHELD, place=error.place, hint=f"look into {os.path.realpath(root / error.place.path)}")
