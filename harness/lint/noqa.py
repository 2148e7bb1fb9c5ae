"""``-- noqa`` comments that have no effect, and that sqlfluff passes over."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from harness.errors import MigrationError, ProjectError
from harness.lint.names import did_you_mean, is_rule
from harness.project import sqlfile, sqltext

CODE = "NOQA"
"""The code of sqlfluff's own warning about such comments."""
_NOQA = re.compile(r"noqa\b(?::(?:\s*(?:disable|enable)\s*=)?(?P<rules>.*))?", re.IGNORECASE | re.DOTALL)


def without_effect(path: Path, known: Collection[str]) -> Iterator[tuple[int, int, str]]:
    """Line, column and fault of each comment of a file that names no rule of those ``known``."""
    with suppress(ProjectError, MigrationError):  # it has its own error
        text = sqlfile.read(path, path)
        for start, comment in _comments(path, text):
            for fault in _faults(comment, known):
                yield *sqltext.position(text, start), fault


def _comments(path: Path, text: str) -> Iterator[tuple[int, str]]:
    """Offset and text of each comment, if one of them may be meant for sqlfluff."""
    if "noqa" not in text.lower():
        return
    for kind, start, end in sqltext.lexemes(path, text):
        if kind == "block":
            yield start, text[start:end].removeprefix("/*").removesuffix("*/")
        elif text.startswith("--", start):
            yield start, text[start:end]


def _faults(comment: str, known: Collection[str]) -> Iterator[str]:
    match = _NOQA.match(comment.split("--")[-1].strip())  # as sqlfluff reads it
    if not match:
        return
    if not match[0].startswith("noqa"):
        yield "noqa does nothing unless it is written in lower case"
    for word in (each.strip() for each in (match["rules"] or "all").split(",")):
        if word and word != "all" and not is_rule(word, known):
            yield f"noqa names no rule {word!r}{_way_out(word, known)}"


def _way_out(word: str, known: Collection[str]) -> str:
    """The rule that is meant; if more is written behind it, the place for that."""
    first, _, reason = word.partition(" ")
    meant = did_you_mean(first, known)
    if not reason or not meant:
        return meant
    return f"{meant} A reason stands before it: -- {reason.strip()} -- noqa: …"
