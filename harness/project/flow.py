"""Values of YAML's flow style that hold SQL: brackets and quotes keep their contents together.

Only for error messages: a value that YAML tears apart is shown whole, in quotes. Not here: the refusal itself
(``yaml_reader.py``).
"""

from __future__ import annotations

import re
from typing import Literal

Style = Literal["block", "flow"]
"""YAML's two styles: indented lines, and ``{…}`` or ``[…]`` with all that is in it."""

_CLOSING = {"(": ")", "[": "]", "{": "}"}


def quoted(text: str) -> str:
    """The text as a quoted YAML scalar on one line."""
    line = " ".join(text.split())
    return f'"{line}"' if '"' not in line and "\\" not in line else "'" + line.replace("'", "''") + "'"


def value_end(text: str, start: int) -> int | None:
    """The index after the value that begins at ``start`` in flow style; None if a bracket or a quote stays open."""
    pending: list[str] = []
    index = start
    while index < len(text):
        char = text[index]
        if char in "'\"" and _opens_quote(text, start, index):
            index = text.find(char, index + 1)
            if index < 0:
                return None
        elif char in _CLOSING:
            pending.append(_CLOSING[char])
        elif pending and char in ")]}":
            if pending.pop() != char:
                return None
        elif not pending and char in ",]}":
            return index
        index += 1
    return None if pending else index


def _opens_quote(text: str, start: int, index: int) -> bool:
    """Whether a quote begins a text: an apostrophe within a word does not, the one of ``E'…'`` does."""
    before = re.search(r"\w*\Z", text[max(start, index - 2) : index])
    return before is None or before[0].lower() in ("", "e", "b", "x", "n")


def hash_operator(text: str, begin: int, end: int) -> int | None:
    """The offset of the first ``#`` in flow style that looks like an operator of SQL and not like a comment."""
    found = re.compile(r"(?<=[ \t])#(?=[^\s#])").search(text, begin, end)
    return found.start() if found else None


def value_around(text: str, index: int, flow_start: int | None) -> str | None:
    """The value around an index, as a person meant it; ``flow_start`` is the offset of its ``{`` or ``[``."""
    if flow_start is None:
        starts = list(re.compile(r":[ \t]+").finditer(text, text.rfind("\n", 0, index) + 1, index))[:1]
    else:
        before = r"[\[,]\s*" if text.startswith("[", flow_start) else r":\s+"
        starts = list(re.compile(before).finditer(text, flow_start, index))
    for start in (match.end() for match in starts):
        newline = text.find("\n", start)
        ends = [len(text) if newline < 0 else newline]
        if flow_start is not None:
            ends.append(value_end(text, start) or ends[0])
        value = text[start : min(ends)].strip()
        unclosed = value[:1] in ("'", '"') and value.count(value[0]) == 1
        if value and index < min(ends) and value[0] not in "[{&*" and not unclosed:
            return value
    return None
