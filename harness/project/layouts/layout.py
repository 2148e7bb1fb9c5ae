"""What all layouts share: what a layout is, and numbers in the names of files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.errors import Place, ProjectError
from harness.project.model import BuildStep, SqlScript
from harness.project.psql import PsqlFiles


@dataclass(frozen=True)
class Ledger:
    """The table in which a tool records what it applied. It is there before the first migration, which may name it."""

    table: str
    ddl: str


@dataclass(frozen=True)
class Owner:
    """Whose a directory is: the tool, the ``command`` that applies its migrations, and its ledger where that is known.

    ``{path}`` in the command stands for the directory.
    """

    tool: str
    command: str
    ledger: Ledger | None = None


@dataclass(frozen=True)
class Layout:
    """How a tool keeps its migrations in a directory.

    ``sign`` is what such a directory is known by, in words. ``fits`` says whether a directory looks like one, ``owner``
    whose it is, and ``read`` gives its steps in the order in which the tool takes them.
    """

    name: str
    sign: str
    fits: Callable[[Path], bool]
    owner: Callable[[Path], Owner]
    read: Callable[[PsqlFiles, Path], Iterator[BuildStep]]


def owned_by(tool: str, command: str, ledger: Ledger | None = None) -> Callable[[Path], Owner]:
    """The owner of every directory of a layout that only one tool has."""
    return lambda _: Owner(tool, command, ledger)


def sql(source: PsqlFiles, path: Path, *, transactional: bool = True) -> SqlScript:
    """All of a file."""
    return SqlScript(source.parts(path, source.text(path)), transactional)


def sql_files(directory: Path) -> list[Path]:
    """The SQL files of a directory by name, links that lead nowhere with them; hidden ones are nobody's business."""
    return [
        path
        for path in sorted(directory.iterdir())
        if path.suffix == ".sql" and (path.is_file() or not path.exists()) and not path.name.startswith(".")
    ]


def mentions(directory: Path, pattern: re.Pattern[str]) -> bool:
    """Whether some SQL file of a directory has such a line."""
    return any(pattern.search(path.read_text(encoding="utf-8", errors="replace")) for path in sql_files(directory))


def taken(source: PsqlFiles, first: Path, second: Path, what: str) -> ProjectError:
    """Two files of one number, of which nobody knows which comes first."""
    return ProjectError(f"{what} is taken by {source.shown(first)}", place=Place(source.shown(second)))


def numbered(source: PsqlFiles, directory: Path, name: re.Pattern[str]) -> Iterator[Path]:
    """The files that are named so, by name; the first group is the version, and no two have the same.

    What is not so named the tool does not see, and neither do we.
    """
    found: dict[str, Path] = {}
    for path in sql_files(directory):
        if match := name.fullmatch(path.name):
            if match[1] in found:
                raise taken(source, found[match[1]], path, f"version {match[1]}")
            found[match[1]] = path
            yield path


def pairs(source: PsqlFiles, directory: Path, name: re.Pattern[str]) -> Iterator[tuple[Path, Path | None]]:
    """The files that are named so in the order of their versions, each with the one that undoes it.

    The first group of ``name`` is the version, a number; the last one ``down``, or ``up`` or nothing.
    """
    found: dict[tuple[int, bool], Path] = {}
    for path in sql_files(directory):
        if match := name.fullmatch(path.name):
            key = (int(match[1]), match[name.groups] == "down")
            if key in found:
                raise taken(source, found[key], path, f"version {match[1]}")
            found[key] = path
    for version in sorted({version for version, _ in found}):
        up, down = found.get((version, False)), found.get((version, True))
        if up is None:
            message = "it has nothing to undo: there is no .up.sql of this version"
            raise ProjectError(message, place=Place(source.shown(down or directory)))
        yield up, down
