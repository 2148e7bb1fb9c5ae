"""SQL files as psql reads them: its commands obeyed or left out, its variables put in.

What other tools keep as SQL was often written for psql, or by ``pg_dump``: ``\\set`` and ``:name`` count, ``\\i`` and
``\\ir`` bring in other files, ``\\q`` ends one, and what only concerns the terminal is nobody's business here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError, MigrationError, Place, ProjectError
from harness.project.model import SqlPart
from harness.project.sqlfile import blank, excerpt, lexemes, position, read

_SKIPPED = re.compile(  # the connection, the terminal, and what lists objects
    r"restrict|unrestrict|c|connect|conninfo|echo|qecho|warn|pset|timing|encoding|set|unset|errverbose"
    r"|[aCfHtTxhr?]|title|help|html|pager|reset|l[+]?|d\w{0,3}[S+]*"
)
_INCLUDES = {"i": False, "include": False, "ir": True, "include_relative": True}
_QUIT = ("q", "quit")
_WAYS_OUT = {
    "copy": "write COPY … FROM stdin, with the data on the lines below it",
    ".": "it ends the data of a COPY … FROM stdin, which begins on the line after it",
}
_WAY_OUT = "take the line out, write what it does as SQL, or let psql build a database and adopt that one"
_ARGUMENT = re.compile(r"((?:'(?:[^'\\]|''|\\.)*'|[^\s'])+)")
_DEEPEST = 30


@dataclass(frozen=True)
class PsqlFiles:
    """How SQL files are read: messages name them from ``root``; ``variables`` are psql's, as ``-v`` gives them."""

    root: Path
    variables: Mapping[str, str]

    def shown(self, path: Path) -> Path:
        """How messages name a file: from the root of the project, also where it lies above it."""
        return Path(os.path.relpath(path, self.root))

    def text(self, path: Path) -> str:
        """The text of a file; raises :class:`ProjectError` where it cannot be read."""
        try:
            return read(path, self.shown(path))
        except OSError as error:
            raise ProjectError(f"cannot be read: {error.strerror}", place=Place(self.shown(path))) from None

    def parts(self, path: Path, text: str) -> tuple[SqlPart, ...]:
        """What ``text`` of a file sends to the server, with what it includes.

        Raises :class:`MigrationError` for a command of psql that cannot be obeyed here.
        """
        return tuple(_Reading(self, dict(self.variables)).parts(path, text, ()))


@dataclass
class _Reading:
    """One file and all it includes: they share their variables."""

    source: PsqlFiles
    variables: dict[str, str]

    def parts(self, path: Path, text: str, chain: tuple[Path, ...]) -> Iterator[SqlPart]:
        shown = self.source.shown(path)
        if "\\" not in text and not self.variables:
            yield SqlPart(shown, text)
            return
        pieces: list[str] = []
        done, inside = 0, False
        for kind, start, end in self._lexemes(shown, text):
            if kind == "meta":
                pieces += [text[done:start], blank(text[start:end])]
                done = end
                command = text[start:end].split()[0][1:]
                if command in _QUIT:
                    done = len(text)
                    break
                if command in _INCLUDES:
                    _refuse(inside, "stands in the middle of a statement", shown, text, start)
                    yield SqlPart(shown, "".join(pieces))
                    pieces = [blank("".join(pieces))]
                    yield from self._included(path, text, start, end, chain)
                else:
                    self._obey(command, shown, text, start, end)
            elif kind == "variable":
                pieces += [text[done:start], self._value(text[start:end])]
                done = end
            inside = kind != "end" and (inside or kind in ("word", "quoted", "other", "variable"))
        yield SqlPart(shown, "".join([*pieces, text[done:]]))

    def _lexemes(self, shown: Path, text: str) -> Iterator[tuple[str, int, int]]:
        """Those of the file; ``:name``, ``:'name'`` or ``:"name"`` of a known variable is one, of kind ``variable``."""
        colon: int | None = None
        for kind, start, end in lexemes(shown, text):
            if colon is not None and kind in ("word", "quoted") and self._name(text[colon:end]) in self.variables:
                yield "variable", colon, end
                colon = None
                continue
            if colon is not None:
                yield "other", colon, colon + 1
            colon = start if text[start:end] == ":" and text[start - 1 : start] != ":" else None
            if colon is None:
                yield kind, start, end

    def _name(self, written: str) -> str:
        return written[2:-1] if written[1] in "'\"" else written[1:]

    def _value(self, written: str) -> str:
        value = self.variables[self._name(written)]
        quote = written[1] if written[1] in "'\"" else ""
        found = quote + (value.replace(quote, quote * 2) if quote else value) + quote
        return found.ljust(len(written))  # what follows keeps its column, if there is room

    def _obey(self, command: str, shown: Path, text: str, start: int, end: int) -> None:
        if not _SKIPPED.fullmatch(command):
            what = f"\\{command} is a command of psql; only SQL can be sent to the server"
            raise _error(what, shown, text, start, _WAYS_OUT.get(command, _WAY_OUT))
        arguments = [_unquoted(each) for each in _ARGUMENT.findall(text[start:end])[1:]]
        if command == "set" and arguments:
            self.variables[arguments[0]] = "".join(arguments[1:])
        elif command == "unset" and arguments:
            self.variables.pop(arguments[0], None)

    def _included(self, path: Path, text: str, start: int, end: int, chain: tuple[Path, ...]) -> Iterator[SqlPart]:
        shown = self.source.shown(path)
        arguments = [_unquoted(each) for each in _ARGUMENT.findall(text[start:end])]
        _refuse(len(arguments) != 2, "names no file, or more than one", shown, text, start)
        # psql looks where it was started for \i, which nobody has told us: somewhere at or above the file.
        relative = _INCLUDES[arguments[0][1:]]
        places = [path.parent] if relative else [path.parent, self.source.root, *path.absolute().parents]
        found = next((place / arguments[1] for place in places if (place / arguments[1]).is_file()), None)
        if found is None:
            where = f"looked beside {path.name}" + ("" if relative else " and in every directory above it")
            raise _error(f"the file {arguments[1]} is not there", shown, text, start, where)
        own = (*chain, path.resolve())
        _refuse(found.resolve() in own or len(own) > _DEEPEST, "includes a file that is being read", shown, text, start)
        yield from self.parts(found, self.source.text(found), own)


def _unquoted(argument: str) -> str:
    if argument[:1] == "'" == argument[-1:]:
        return re.sub(r"\\(.)", r"\1", argument[1:-1].replace("''", "'"))
    return argument


def _refuse(wrong: bool, what: str, shown: Path, text: str, start: int) -> None:
    if wrong:
        raise _error(f"{text[start:].split()[0]} {what}", shown, text, start, None)


def _error(message: str, shown: Path, text: str, start: int, hint: str | None) -> HarnessError:
    line, column = position(text, start)
    place = Place(shown, line, column)
    return MigrationError(message, place=place, excerpt=excerpt(text, line, column), hint=hint)
