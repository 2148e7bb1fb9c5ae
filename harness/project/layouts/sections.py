"""Files that hold both directions, told apart by comment lines."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from harness.project.model import SqlScript
from harness.project.psql import PsqlFiles
from harness.project.sqltext import blank


@dataclass(frozen=True)
class Section:
    """``words`` are what the line says behind its mark; the text is blank but for the section."""

    words: tuple[str, ...]
    line: int
    text: str


def sections(text: str, mark: re.Pattern[str]) -> list[Section]:
    """What stands under each line that ``mark`` finds; its groups are the words of the section."""
    found = list(mark.finditer(text))
    if not found:
        return []
    ends = [*(match.start() for match in found[1:]), len(text)]
    return [
        Section(
            tuple(word.lower() for word in match.groups() if word is not None),
            text.count("\n", 0, match.start()) + 1,
            blank(text[: match.end()]) + text[match.end() : end],
        )
        for match, end in zip(found, ends, strict=True)
    ]


def merged(source: PsqlFiles, path: Path, parts: list[Section], *, transactional: bool) -> SqlScript:
    """Several sections of one file, one after the other."""
    found = tuple(part for section in parts for part in source.parts(path, section.text))
    return SqlScript(found, transactional)
