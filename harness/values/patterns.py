"""Texts that match the patterns of rules: PostgreSQL's regular expressions, LIKE and SIMILAR TO.

They are candidates: where Python reads a pattern differently from PostgreSQL, the server refuses the texts.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from functools import cache

from hypothesis import strategies as st
from hypothesis.errors import HypothesisException

from harness.project.sql import Pattern
from harness.values.examples import examples

_CLASSES = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r" \t",
    "blank": r" \t",
    "punct": r"!-/:-@\[-`{-~",
    "xdigit": "0-9a-fA-F",
    "word": r"\w",
    "print": " -~",
    "graph": "!-~",
    "cntrl": r"\x01-\x1f\x7f",
}
_ESCAPES = {r"\m": r"\b", r"\M": r"\b", r"\y": r"\b", r"\Y": r"\B", r"\A": "", r"\Z": ""}
_PRINTABLE = st.characters(min_codepoint=32, max_codepoint=126)
_ANY = st.characters(min_codepoint=1, max_codepoint=0x17F)
"""For patterns of what is not printable: ``[^[:print:]]``."""


@cache
def matching(pattern: Pattern, count: int = 24) -> tuple[str, ...]:
    """Up to ``count`` texts, simplest first, always the same; none for a pattern that Python cannot read."""
    found = _drawn(pattern, _PRINTABLE, count) or _drawn(pattern, _ANY, count)
    return tuple(sorted(dict.fromkeys(found), key=lambda text: (len(text), text)))


def _drawn(pattern: Pattern, alphabet: st.SearchStrategy[str], count: int) -> list[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled = re.compile(_translate(pattern), re.IGNORECASE if pattern.ignores_case else 0)
            return [*examples(st.from_regex(compiled, fullmatch=True, alphabet=alphabet), count)]
    except (re.error, RecursionError, OverflowError, HypothesisException):
        return []


def _translate(pattern: Pattern) -> str:
    """The pattern as a regular expression of Python that matches a whole text."""
    if pattern.kind == "like":
        return _wildcards(pattern.text, re.escape)
    if pattern.kind == "similar":
        return _wildcards(pattern.text, str)
    text = re.sub(r"^\*\*\*[:=]", "", pattern.text)
    text = re.sub(r"\[:(\w+):\]", lambda found: _CLASSES.get(found[1], found[0]), text)
    text = re.sub(r"\\[mMyYAZ]", lambda found: _ESCAPES[found[0]], text)
    return _without_anchors(text)


def _without_anchors(text: str) -> str:
    """Removes ``^`` and ``$`` outside of brackets: drawn texts are matched as a whole anyway."""
    parts = r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[\^$]"
    return re.sub(parts, lambda found: "" if found[0] in ("^", "$") else found[0], text)


def _wildcards(text: str, other: Callable[[str], str]) -> str:
    """Replaces ``%`` and ``_``, escapes what follows a backslash, and applies ``other`` to all other characters."""
    parts = []
    for found in re.finditer(r"\\.|.", text, re.DOTALL):
        letter = found[0]
        if letter[0] == "\\" and len(letter) == 2:
            parts.append(re.escape(letter[1]))
        else:
            parts.append({"%": ".*", "_": "."}.get(letter) or other(letter))
    return "".join(parts)
