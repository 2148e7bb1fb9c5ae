"""The words of SQL and PL/pgSQL with their places, as PostgreSQL's scanner finds them, and edits between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import postgast

JOINS = ("left", "right", "full", "inner", "cross", "join", "natural")
ENDS = ("group", "order", "limit", "having", "returning", "union", "for", "then", "else", "loop", "from", "with", "as")
STARTS = ("where", "on", "when", "if", "elsif", "select", "return", "check", "using", "case", "set", "by", "while")
BOUNDARIES = {*JOINS, *ENDS, *STARTS, ",", ";", ":=", "end", "asc", "desc"}


@dataclass(frozen=True)
class Word:
    """``depth`` counts the parentheses around it; a parenthesis itself is as deep as what is outside of it."""

    text: str
    start: int
    end: int
    depth: int


@dataclass(frozen=True)
class Edit:
    """``text[start:end]`` becomes ``new``; ``what`` says it in words."""

    start: int
    end: int
    new: str
    what: str

    def of(self, text: str) -> str:
        return text[: self.start] + self.new + text[self.end :]


def scanned(text: str) -> tuple[Word, ...]:
    """The words in lower case, comments left out. Offsets count characters."""
    data, found, depth = text.encode(), [], 0
    for token in postgast.scan(text).tokens:
        raw = data[token.start : token.end].decode()
        if raw.startswith(("--", "/*")):
            continue
        start = len(data[: token.start].decode())
        depth -= raw in (")", "]")
        quoted = raw[0] in "'\"$"
        found.append(Word(raw if quoted else raw.lower(), start, start + len(raw), depth))
        depth += raw in ("(", "[")
    return tuple(found)


def shown(text: str) -> str:
    """On one line, and not too long."""
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:50]} … {line[-25:]}"


def operands(words: Sequence[Word]) -> Iterator[tuple[Word, Word, str]]:
    """First and last word of all that AND and OR connect, and the connector. BETWEEN … AND connects nothing."""
    for index, word in enumerate(words):
        if word.text in ("and", "or") and not _between(words, index):
            for step in (-1, 1):
                side = [*_side(words, index, step)][::step]
                if side:
                    yield side[0], side[-1], word.text


def _side(words: Sequence[Word], index: int, step: int) -> Iterator[Word]:
    depth = words[index].depth
    at = index + step
    while 0 <= at < len(words) and words[at].depth >= depth:
        word = words[at]
        if word.depth == depth:
            connects = word.text in ("and", "or") and not _between(words, at)
            if connects or (word.text in BOUNDARIES and words[at - 1].text != "distinct"):
                return
        yield word
        at += step


def _between(words: Sequence[Word], index: int) -> bool:
    """Whether this AND is that of a BETWEEN."""
    for word in reversed(words[:index]):
        if word.depth < words[index].depth or (word.depth == words[index].depth and word.text in ("and", "or")):
            return False
        if word.depth == words[index].depth and word.text == "between":
            return True
    return False


def items(words: Sequence[Word], opening: int) -> list[tuple[Word, Word]]:
    """First and last words of what stands, with commas between, in the parentheses that open at that index."""
    depth = words[opening].depth
    found: list[list[Word]] = [[]]
    for word in words[opening + 1 :]:
        if word.depth == depth:
            break
        if word.depth == depth + 1 and word.text == ",":
            found.append([])
        else:
            found[-1].append(word)
    return [(item[0], item[-1]) for item in found if item]


def without(listed: Sequence[tuple[Word, Word]], index: int) -> tuple[int, int]:
    """From where to where to cut so that an item and one comma are gone."""
    if index + 1 < len(listed):
        return listed[index][0].start, listed[index + 1][0].start
    return listed[index - 1][1].end, listed[index][1].end
