r"""SQL files as psql reads them: its commands obeyed or left out, its variables put in.

Files of other tools were often written for psql, or by ``pg_dump``: ``\set`` and ``:name`` count, ``\i`` and ``\ir``
include other files, ``\q`` ends one. Commands that only concern the terminal are left out, and so is ``\copy`` with a
file, which is recorded; others are refused.
Not here: our own migrations, in which commands of psql are refused (``sqlfile.py``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import MigrationError
from harness.project.model import BuildStep, SqlPart, SqlScript
from harness.project.sqlfile import read
from harness.project.sqltext import blank, error_at, lexemes

_SKIPPED = re.compile(  # the connection, the terminal, and what lists objects
    r"restrict|unrestrict|c|connect|conninfo|echo|qecho|warn|pset|timing|encoding|set|unset|errverbose"
    r"|[aCfHtTxhr?]|title|help|html|pager|reset|l[+]?|d\w{0,3}[S+]*"
)
_INCLUDES = {"i": False, "include": False, "ir": True, "include_relative": True}
_QUIT = ("q", "quit")
_COPIES_A_FILE = re.compile(r"\\copy\b(?!.*\b(?:from|to)\s+(?:p?stdin|p?stdout)\b)", re.IGNORECASE)
_WAYS_OUT = {
    "copy": "write COPY … FROM stdin, with the data on the lines below it",
    ".": "it ends the data of a COPY … FROM stdin, which begins on the line after it",
}
_WAY_OUT = "take the line out, write what it does as SQL, or let psql build a database and adopt that one"
_ARGUMENT = re.compile(r"((?:'(?:[^'\\]|''|\\.)*'|[^\s'])+)")
_DEEPEST = 30


@dataclass(frozen=True)
class PsqlFiles:
    """A reader of SQL files: messages name them from ``root``; ``variables`` are psql's, as ``-v`` gives them."""

    root: Path
    variables: Mapping[str, str]

    def shown(self, path: Path) -> Path:
        """The name of a file in messages: relative to the root of the project, with ``..`` if it is above it."""
        return Path(os.path.relpath(path, self.root))

    def text(self, path: Path) -> str:
        """The text of a file; raises :class:`~harness.errors.ProjectError` if it cannot be read."""
        return read(path, self.shown(path))

    def parts(self, path: Path, text: str | None = None) -> tuple[SqlPart, ...]:
        """The parts of a file's text, and of the files that it includes, in the order in which they are sent.

        Without ``text`` the file is read whole.

        Raises :class:`MigrationError` for a command of psql that cannot be obeyed here.
        """
        whole = self.text(path) if text is None else text
        return tuple(_Expansion(self, dict(self.variables)).parts(path, whole, ()))

    def scripts(self, paths: Iterable[Path]) -> Iterator[BuildStep]:
        """The steps of these files as psql runs them: in this order, in the transactions that they begin themselves."""
        for path in paths:
            yield BuildStep(path.stem, self.shown(path), SqlScript(self.parts(path), transactional=False))


@dataclass
class _Expansion:
    """One file and all that it includes: they share their variables."""

    files: PsqlFiles
    variables: dict[str, str]

    def parts(self, path: Path, text: str, chain: tuple[Path, ...]) -> Iterator[SqlPart]:
        """The parts of one file; ``chain`` are the files that include it, the outermost first."""
        shown = self.files.shown(path)
        if "\\" not in text and not self.variables:
            yield SqlPart(shown, text)
            return
        pieces: list[str] = []
        unsent: list[tuple[int, str]] = []
        done, in_statement = 0, False
        for kind, start, end in self._lexemes(shown, text):
            if kind == "meta":
                pieces += [text[done:start], blank(text[start:end])]
                done = end
                command = text[start:end].split()[0][1:]
                if command in _QUIT:
                    done = len(text)
                    break
                if command in _INCLUDES:
                    if in_statement:
                        raise _error(shown, text, start, "stands in the middle of a statement")
                    yield SqlPart(shown, "".join(pieces), tuple(unsent))
                    pieces, unsent = [blank("".join(pieces))], []
                    yield from self._included(path, text, start, end, chain)
                elif _COPIES_A_FILE.match(text, start, end):
                    unsent.append((text.count("\n", 0, start) + 1, text[start:end]))
                else:
                    self._obey(command, shown, text, start, end)
            elif kind == "variable":
                pieces += [text[done:start], self._value(text[start:end])]
                done = end
            in_statement = kind != "end" and (in_statement or kind in ("word", "quoted", "other", "variable"))
        yield SqlPart(shown, "".join([*pieces, text[done:]]), tuple(unsent))

    def _lexemes(self, shown: Path, text: str) -> Iterator[tuple[str, int, int]]:
        """The lexemes of a file, with ``:name``, ``:'name'`` and ``:"name"`` of known variables as ``variable``."""
        colon: int | None = None
        for kind, start, end in lexemes(shown, text):
            if colon is not None and kind in ("word", "quoted") and _name(text[colon:end]) in self.variables:
                yield "variable", colon, end
                colon = None
                continue
            if colon is not None:
                yield "other", colon, colon + 1
            colon = start if text[start:end] == ":" and text[start - 1 : start] != ":" else None
            if colon is None:
                yield kind, start, end

    def _value(self, written: str) -> str:
        value = self.variables[_name(written)]
        quote = written[1] if written[1] in "'\"" else ""
        found = quote + (value.replace(quote, quote * 2) if quote else value) + quote
        return found.ljust(len(written))  # what follows keeps its column, if there is room

    def _obey(self, command: str, shown: Path, text: str, start: int, end: int) -> None:
        if not _SKIPPED.fullmatch(command):
            message = "is a command of psql; only SQL can be sent to the server"
            raise _error(shown, text, start, message, _WAYS_OUT.get(command, _WAY_OUT))
        arguments = _arguments(text[start:end])
        if command == "set" and arguments:
            self.variables[arguments[0]] = "".join(arguments[1:])
        elif command == "unset" and arguments:
            self.variables.pop(arguments[0], None)

    def _included(self, path: Path, text: str, start: int, end: int, chain: tuple[Path, ...]) -> Iterator[SqlPart]:
        shown = self.files.shown(path)
        command, arguments = text[start:end].split()[0][1:], _arguments(text[start:end])
        if len(arguments) != 1:
            raise _error(shown, text, start, "names no file, or more than one")
        # psql resolves \i from the directory in which it was started, which is unknown: at or above the file.
        is_relative = _INCLUDES[command]
        places = [path.parent] if is_relative else [path.parent, self.files.root, *path.absolute().parents]
        found = next((place / arguments[0] for place in places if (place / arguments[0]).is_file()), None)
        if found is None:
            hint = f"looked beside {path.name}" + ("" if is_relative else " and in every directory above it")
            raise error_at(MigrationError, shown, text, start, f"the file {arguments[0]} is not there", hint=hint)
        own = (*chain, path.resolve())
        if found.resolve() in own or len(own) > _DEEPEST:
            raise _error(shown, text, start, "includes a file that is being read")
        yield from self.parts(found, self.files.text(found), own)


def _name(written: str) -> str:
    return written[2:-1] if written[1] in "'\"" else written[1:]


def _arguments(command: str) -> list[str]:
    """The arguments of a command of psql, without their quotes."""
    return [_unquoted(each) for each in _ARGUMENT.findall(command)[1:]]


def _unquoted(argument: str) -> str:
    quoted = argument[:1] == "'" == argument[-1:]
    return re.sub(r"\\(.)", r"\1", argument[1:-1].replace("''", "'")) if quoted else argument


def _error(shown: Path, text: str, start: int, problem: str, hint: str | None = None) -> MigrationError:
    """The error of a command of psql: ``\\copy is a command of psql``."""
    return error_at(MigrationError, shown, text, start, f"{text[start:].split()[0]} {problem}", hint=hint)
