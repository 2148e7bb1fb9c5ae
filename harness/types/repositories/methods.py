"""Writes methods of repositories, for both kinds of connections from one source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.types.python_layout import fits
from harness.types.python_names import docstring
from harness.types.repositories.parameters import MethodParameter

_INDENT, _BODY, _SQL = " " * 4, " " * 8, " " * 12


@dataclass(frozen=True)
class ConnectionKind:
    """A kind of connection: what begins the names of its classes, a method, and a call that has to be waited for."""

    prefix: str
    define: str
    wait: str


SYNC = ConnectionKind("", "def", "")
ASYNC = ConnectionKind("Async", "async def", "await ")


@dataclass(frozen=True)
class Method:
    """A method that runs one statement.

    ``runner`` is the method of the base that runs it. ``model`` is its first argument, None if it needs none. If
    ``assigned``, what it finds has to be given its type.
    """

    name: str
    parameters: Sequence[MethodParameter]
    returns: str
    about: Sequence[str]
    runner: str
    statement: Sequence[str]
    model: str | None = None
    assigned: bool = False
    documents: Sequence[tuple[str, str]] = ()
    """Placeholders of documents with the expressions that psycopg gets for them, besides the parameters."""

    def lines(self, connection: ConnectionKind) -> list[str]:
        """Returns the lines of the method."""
        return [
            *self._head(connection.define),
            *docstring(self.about, _BODY),
            *self._body(connection.wait),
        ]

    def _head(self, word: str) -> list[str]:
        declared = ["self", *(each.declaration for each in self.parameters)]
        line = f"{_INDENT}{word} {self.name}({', '.join(declared)}) -> {self.returns}:"
        if fits(line):
            return [line]
        inner = f"{_BODY}{', '.join(declared)}"
        lines = [inner] if fits(inner) else [f"{_BODY}{each}," for each in declared]
        return [f"{_INDENT}{word} {self.name}(", *lines, f"{_INDENT}) -> {self.returns}:"]

    def _body(self, wait: str) -> list[str]:
        start = "" if self.returns == "None" else f"found: {self.returns} = " if self.assigned else "return "
        call = f"{_BODY}{start}{wait}self.{self.runner}("
        mark = "'''" if any('"""' in each for each in self.statement) else '"""'
        raw = "r" if any("\\" in each for each in self.statement) else ""
        given = [*self.documents, *((each.name, each.value) for each in self.parameters if each.value)]
        return [
            call,
            *([f"{_SQL}{self.model},"] if self.model else []),
            f"{_SQL}{raw}{mark}",
            *(f"{_SQL}{each}" for each in self.statement),
            f"{_SQL}{mark},",
            *_values(given),
            f"{_BODY})",
            *([f"{_BODY}return found"] if self.assigned else []),
        ]


def _values(given: Sequence[tuple[str, str]]) -> list[str]:
    items = [f'"{name}": {value}' for name, value in given]
    line = f"{_SQL}{{{', '.join(items)}}},"
    if fits(line):
        return [line]
    return [f"{_SQL}{{", *(f"{_SQL}    {each}," for each in items), f"{_SQL}}},"]
