"""What can go wrong before a rule could be proven.

::

    HarnessError               could not run: exit code 2
    ├── ProjectError           the project's own files: YAML, names, missing files
    │   └── SeedError          a seed file: its line and column
    │       └── SeedRefused    the file is well, and the schema refuses a row of it
    ├── MigrationError         files and ledger disagree: edited, gap, out of order, half applied
    │   └── StatementError     PostgreSQL refused a statement of a file: line, caret, hint
    ├── TargetError            no server, no connection, not enough privileges, too old
    └── WorkerError            a worker is gone, or is not like this machine

A rule that a database breaks is no error but an :class:`~harness.outcome.Outcome`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LONGEST = 2000
"""Characters of an error at most, whatever it quotes."""
_PLACE, _EXCERPT, _HINT = 200, 600, 700
_LONGEST_NAME = 200  # comparing texts takes time that grows with the square of their length


@dataclass(frozen=True, order=True)
class Place:
    """A position in a file of the project; line and column count from 1."""

    path: Path
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        parts = [str(self.path), self.line, self.column]
        return ":".join(str(part) for part in parts if part is not None)


class HarnessError(Exception):
    """Something a person has to mend before the tool can do its work.

    ``str()`` of it is everything a person needs: place, message, excerpt, and the way out; in :data:`LONGEST`
    characters, since what they quote may be a file's only line.
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
        # An error of a worker travels to the process that reports it; pickle would call __init__ without keywords.
        return _anew, (type(self), self.args, self.__dict__)

    def __str__(self) -> str:
        before = f"{shortened(str(self.place), _PLACE)}: " if self.place else ""
        after = f"\n{shortened(self.excerpt, _EXCERPT)}" if self.excerpt else ""
        after += f"\nhint: {shortened(self.hint, _HINT)}" if self.hint else ""
        return before + shortened(self.message, LONGEST - len(before) - len(after)) + after


def _anew(kind: type[HarnessError], args: tuple[Any, ...], state: dict[str, Any]) -> HarnessError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class ProjectError(HarnessError):
    """A file of the project does not say what it should."""


class SeedError(ProjectError):
    """A seed file cannot be loaded; the place is the line of the cell."""


class SeedRefused(SeedError):
    """A rule of the schema refuses a row of a seed file."""


class MigrationError(HarnessError):
    """The migration files and the ledger of the database do not fit together."""


class StatementError(MigrationError):
    """PostgreSQL refused a statement; the place is where in the file."""

    def __init__(
        self,
        message: str,
        *,
        sqlstate: str,
        place: Place | None = None,
        excerpt: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, place=place, excerpt=excerpt, hint=hint)
        self.sqlstate = sqlstate


class TargetError(HarnessError):
    """The server is not there, not willing, or not able."""


class WorkerError(HarnessError):
    """A process or a machine that was to prove some of the checks is gone, or cannot be had."""


def shortened(text: str, longest: int) -> str:
    """The text, or how it begins and ends with the middle left out."""
    if len(text) <= longest:
        return text
    left = f" … ({len(text):,} characters) … "
    half = (longest - len(left)) // 2
    return text[:half] + left + text[-half:]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like ``name``, if any is close enough to be meant: a slip or two, not another ending."""
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
