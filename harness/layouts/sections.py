"""Files that hold both directions, separated by comment lines."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from harness.project.model import SqlScript
from harness.project.psql import PsqlFiles
from harness.project.sqltext import blank


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


def joined(files: PsqlFiles, path: Path, parts: list[Section], *, transactional: bool) -> SqlScript:
    """Several sections of one file, one after the other."""
    return SqlScript(tuple(part for section in parts for part in files.parts(path, section.text)), transactional)
