"""``-- noqa`` comments that do nothing, of which sqlfluff says nothing either."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from harness.errors import MigrationError, ProjectError
from harness.lint.names import did_you_mean, is_rule
from harness.project import sqlfile, sqltext

CODE = "NOQA"
"""What sqlfluff calls its own word on such comments."""
_NOQA = re.compile(r"noqa\b(?::(?:\s*(?:disable|enable)\s*=)?(?P<rules>.*))?", re.IGNORECASE | re.DOTALL)


def without_effect(path: Path, known: Collection[str]) -> Iterator[tuple[int, int, str]]:
    """Line and column of each comment of a file that names no rule of those ``known``, and what is wrong with it."""
    with suppress(ProjectError, MigrationError):  # it has its own error
        text = sqlfile.read(path, path)
        for start, comment in _comments(path, text):
            for said in _wrong(comment, known):
                yield *sqltext.position(text, start), said


def _comments(path: Path, text: str) -> Iterator[tuple[int, str]]:
    """Where each comment begins that may be meant for sqlfluff, and what it says."""
    if "noqa" not in text.lower():
        return
    for kind, start, end in sqltext.lexemes(path, text):
        if kind == "block":
            yield start, text[start:end].removeprefix("/*").removesuffix("*/")
        elif text.startswith("--", start):
            yield start, text[start:end]


def _wrong(comment: str, known: Collection[str]) -> Iterator[str]:
    match = _NOQA.match(comment.split("--")[-1].strip())  # as sqlfluff reads it
    if not match:
        return
    if not match[0].startswith("noqa"):
        yield "noqa does nothing unless it is written in lower case"
    named = [each.strip() for each in (match["rules"] or "all").split(",")]
    for word in named:
        if word and word != "all" and not is_rule(word, known):
            yield f"noqa names no rule {word!r}{_way_out(word, known)}"


def _way_out(word: str, known: Collection[str]) -> str:
    """The rule that is meant; of a rule with more behind it, where that has to stand."""
    first, _, reason = word.partition(" ")
    if not reason:
        return did_you_mean(word, known)
    meant = did_you_mean(first, known)
    return f"{meant} A reason stands before it: -- {reason.strip()} -- noqa: …" if meant else ""
