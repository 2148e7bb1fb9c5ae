"""The errors that keep a rule from being tried; a person has to mend each of them.

::

    HarnessError               could not run: exit code 2
    ├── ProjectError           the project's own files: YAML, names, missing files
    │   └── SeedError          a seed file: its line and column
    │       └── SeedRefused    the file is valid, and the schema refuses a row of it
    ├── MigrationError         files and ledger disagree: edited, gap, out of order, half applied
    │   └── StatementError     PostgreSQL refused a statement of a file: line, caret, hint
    ├── TargetError            no server, no connection, not enough privileges, too old
    └── WorkerError            a worker is gone, or is not like this machine

A rule that a database breaks is no error but an :class:`~harness.outcome.Outcome`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

LONGEST = 2000
"""Characters that an error has at most, with everything that it quotes."""
_PLACE, _EXCERPT, _HINT = 200, 600, 700
_LONGEST_NAME = 200  # comparing texts takes time that grows with the square of their length


@dataclass(frozen=True, order=True)
class Place:
    """A position in a file of the project; line and column count from 1."""

    path: Path
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in [str(self.path), self.line, self.column] if part is not None)


class HarnessError(Exception):
    """A fault that a person has to mend before the tool can do its work.

    ``str()`` of it is place, message, excerpt and hint, in :data:`LONGEST` characters at most: the line that an excerpt
    quotes may be a whole file.
    """

    def __init__(
        self,
        message: str,
        *,
        place: Place | None = None,
        excerpt: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.excerpt = excerpt
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        # An error of a worker is pickled for the process that reports it; pickle would call __init__ without keywords.
        return _restored, (type(self), self.args, self.__dict__)

    def __str__(self) -> str:
        before = f"{shortened(str(self.place), _PLACE)}: " if self.place else ""
        after = f"\n{shortened(self.excerpt, _EXCERPT)}" if self.excerpt else ""
        after += f"\nhint: {shortened(self.hint, _HINT)}" if self.hint else ""
        return before + shortened(self.message, LONGEST - len(before) - len(after)) + after


def _restored(kind: type[HarnessError], args: tuple[Any, ...], state: dict[str, Any]) -> HarnessError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class ProjectError(HarnessError):
    """A fault in a file of the project."""


class SeedError(ProjectError):
    """A seed file that cannot be loaded; the place is the line of the cell."""


class SeedRefused(SeedError):
    """A row of a seed file that a rule of the schema refuses."""


class MigrationError(HarnessError):
    """A conflict between the migration files and the ledger of the database."""


class StatementError(MigrationError):
    """A statement that PostgreSQL refuses, with its place in the file."""

    def __init__(self, message: str, *, sqlstate: str, **more: Any) -> None:
        super().__init__(message, **more)
        self.sqlstate = sqlstate


class TargetError(HarnessError):
    """A server that is missing, refuses the connection, or lacks something."""


class WorkerError(HarnessError):
    """A process or a machine that should prove some of the checks, and is gone or cannot be started."""


def shortened(text: str, longest: int) -> str:
    """The text, or its beginning and end with the middle left out."""
    if len(text) <= longest:
        return text
    left = f" … ({len(text):,} characters) … "
    half = (longest - len(left)) // 2
    return text[:half] + left + text[-half:]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like ``name``, if it differs by a slip or two only."""
    name = name[:_LONGEST_NAME]
    for match in difflib.get_close_matches(name, list(known), n=1, cutoff=0.6):
        same = sum(block.size for block in difflib.SequenceMatcher(None, name, match).get_matching_blocks())
        if len(name) + len(match) - 2 * same <= 2 + len(name) // 4:
            return match
    return None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'unique'?`` or nothing, to end a sentence with."""
    match = nearest(name, known)
    return f"; did you mean {match!r}?" if match else ""


def one_of(known: Mapping[str, T], what: str, name: str) -> T:
    """The one of these that has a name; raises :class:`ProjectError` with the nearest name, and all of them."""
    if name not in known:
        raise ProjectError(f"no {what} {name!r}{did_you_mean(name, known)}", hint=f"{what}s: {', '.join(known)}")
    return known[name]
