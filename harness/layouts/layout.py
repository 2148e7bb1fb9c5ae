"""Parts that all layouts share: versions in the names of files, and files that hold both directions.

Refuses two files with the same version, and a ``down`` without its ``up``.
Not here: which layout a directory has (``layouts/__init__.py``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from harness.errors import Place, ProjectError
from harness.project import BuildStep, PsqlFiles
from harness.project.sqltext import blank

K = TypeVar("K")


@dataclass(frozen=True)
class Ledger:
    """The table in which a tool records the migrations it applied. The tool creates it before the first migration."""

    table: str
    ddl: str


@dataclass(frozen=True)
class Owner:
    """The tool of a directory, the ``command`` that applies its migrations, and its ledger if that is known.

    ``{path}`` in the command stands for the directory.
    """

    tool: str
    command: str
    ledger: Ledger | None = None


@dataclass(frozen=True)
class Layout:
    """An arrangement of migrations in a directory, as a tool keeps them.

    ``sign`` names in words the files by which such a directory is recognized, and ``fits`` recognizes it. ``owner``
    gives the tool of a directory, ``read`` its steps in the order in which the tool applies them.
    """

    name: str
    sign: str
    fits: Callable[[Path], bool]
    owner: Callable[[Path], Owner]
    read: Callable[[PsqlFiles, Path], Iterator[BuildStep]]


def owned_by(tool: str, command: str, ledger: Ledger | None = None) -> Callable[[Path], Owner]:
    """The owner of every directory of a layout that only one tool has."""
    return lambda _: Owner(tool, command, ledger)


def sql_files(directory: Path) -> list[Path]:
    """The SQL files of a directory by name, also links that lead nowhere; hidden ones are left out."""
    return [
        path
        for path in sorted(directory.iterdir())
        if path.suffix == ".sql" and (path.is_file() or not path.exists()) and not path.name.startswith(".")
    ]


def known_by_line(pattern: re.Pattern[str]) -> Callable[[Path], bool]:
    """Recognizes a directory in which some SQL file has such a line."""
    return lambda directory: any(
        pattern.search(path.read_text(encoding="utf-8", errors="replace")) for path in sql_files(directory)
    )


def known_by_name(name: re.Pattern[str]) -> Callable[[Path], bool]:
    """Recognizes a directory in which the whole name of some SQL file matches."""
    return lambda directory: bool(matches(directory, name))


def matches(directory: Path, name: re.Pattern[str]) -> list[tuple[re.Match[str], Path]]:
    """The SQL files whose whole name matches, by name; the tool ignores all others."""
    return [(match, path) for path in sql_files(directory) if (match := name.fullmatch(path.name))]


def unique(files: PsqlFiles, found: Iterable[tuple[K, str, Path]]) -> dict[K, Path]:
    """The paths by their keys, each given with the words for its key: ``version 3``.

    Raises :class:`ProjectError` for a second path with the same key, since their order is unknown.
    """
    paths: dict[K, Path] = {}
    for key, words, path in found:
        if key in paths:
            one, other = files.shown(paths[key]), files.shown(path)
            both = f"{one}, {other}, …"
            by_files = f"; or name the files themselves in their order: harness adopt {both.replace(',', '')}"
            by_files += f", or migrations: {{path: [{both}]}} in project.yml"
            raise ProjectError(
                f"{words} is taken by {one}",
                place=Place(other),
                hint="rename one of the two: nobody knows which comes first" + (by_files if path.is_file() else ""),
            )
        paths[key] = path
    return paths


def numbered(files: PsqlFiles, directory: Path, name: re.Pattern[str]) -> Iterable[Path]:
    """The files that match, by name; the first group is the version, and no two have the same."""
    return unique(files, ((match[1], f"version {match[1]}", path) for match, path in matches(directory, name))).values()


def pairs(files: PsqlFiles, directory: Path, name: re.Pattern[str]) -> Iterator[tuple[Path, Path | None]]:
    """The files that match in the order of their versions, each with the one that undoes it.

    The first group of ``name`` is the version, a number; the last one ``down``, or ``up`` or nothing.
    """
    keyed = (
        ((int(match[1]), match[name.groups] == "down"), f"version {match[1]}", path)
        for match, path in matches(directory, name)
    )
    found = unique(files, keyed)
    for version in sorted({version for version, _ in found}):
        up, down = found.get((version, False)), found.get((version, True))
        if up is None:
            raise ProjectError(
                "it has nothing to undo: there is no .up.sql of this version",
                place=Place(files.shown(down or directory)),
            )
        yield up, down


@dataclass(frozen=True)
class Section:
    """A part of a file. ``words`` are those of its mark; the text of other sections is blank."""

    words: tuple[str, ...]
    line: int
    text: str


def sections(text: str, mark: re.Pattern[str]) -> list[Section]:
    """The sections below each line that ``mark`` finds; its groups are their words."""
    found = list(mark.finditer(text))
    ends = [*(match.start() for match in found[1:]), len(text)]
    return [
        Section(
            tuple(word.lower() for word in match.groups() if word is not None),
            text.count("\n", 0, match.start()) + 1,
            blank(text[: match.end()]) + text[match.end() : end],
        )
        for match, end in zip(found, ends, strict=False)
    ]
