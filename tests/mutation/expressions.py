"""What an expression says otherwise: a condition less, a comparison turned, a bound moved, a value less or more."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from .words import Edit, Word, items, operands, scanned, shown, without

TURNED = {
    "=": "<>",
    "<>": "=",
    "!=": "=",
    "<": "<=",
    "<=": "<",
    ">": ">=",
    ">=": ">",
    "~": "!~",
    "!~": "~",
    "~*": "!~*",
    "*=": "*<>",
    "<@": "@>",
    "&&": "=",
}
NEUTRAL = {"and": "true", "or": "false"}
RANGES = ("int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange")


def expressions(text: str) -> Iterator[tuple[str, str]]:
    """All that one edit makes of an expression, each with words that say what it was."""
    for edit in edits(text, scanned(text)):
        yield edit.what, edit.of(text)


def edits(text: str, words: Sequence[Word]) -> Iterator[Edit]:
    """All edits of what stands between these words of a text, each once."""
    made = (
        *_conditions(text, words),
        *_comparisons(words),
        *_bounds(words),
        *_sets(text, words),
        *_choices(text, words),
        *_ranges(words),
    )
    yield from {(edit.start, edit.end, edit.new): edit for edit in made}.values()


def _conditions(text: str, words: Sequence[Word]) -> Iterator[Edit]:
    for first, last, connector in operands(words):
        taken = text[first.start : last.end]
        yield Edit(first.start, last.end, NEUTRAL[connector], f"without {shown(taken)}")


def _comparisons(words: Sequence[Word]) -> Iterator[Edit]:
    for index, word in enumerate(words):
        after = words[index + 1].text if index + 1 < len(words) else ""
        before = words[index - 1].text if index else ""
        if word.text in TURNED:
            yield Edit(word.start, word.end, TURNED[word.text], f"{_near(words, index)} with {TURNED[word.text]}")
        elif word.text == "is":
            yield _negated(words, index)
        elif word.text in ("exists", "in") and after == "(":
            if before == "not":
                yield Edit(words[index - 1].start, word.end, word.text, f"{_near(words, index)} without not")
            else:
                yield Edit(word.start, word.end, f"not {word.text}", f"{_near(words, index)} with not")
        elif word.text == "not" and after not in ("exists", "in", "distinct", "null", "true", "false"):
            yield Edit(word.start, word.end, "", f"{_near(words, index)} without not")


def _negated(words: Sequence[Word], index: int) -> Edit:
    """IS and IS NOT change places."""
    word, after = words[index], words[index + 1]
    if after.text == "not":
        return Edit(word.start, after.end, "is", f"{_near(words, index)} without not")
    return Edit(word.start, word.end, "is not", f"{_near(words, index)} with not")


def _bounds(words: Sequence[Word]) -> Iterator[Edit]:
    """Numbers that something is compared with, and those of days and the like, one less and one more."""
    for index, word in enumerate(words):
        before = [other.text for other in words[max(index - 2, 0) : index] if other.text not in ("(", "-")]
        compared = before and before[-1] in (*TURNED, "between", "and")
        if word.text.isdecimal() and compared:
            for step in (-1, 1):
                yield Edit(word.start, word.end, str(int(word.text) + step), f"{_near(words, index)} by {step:+}")
        elif found := re.fullmatch(r"'(\d+)( \w+)'", word.text):
            for step in (-1, 1):
                yield Edit(word.start, word.end, f"'{int(found[1]) + step}{found[2]}'", f"{word.text} by {step:+}")


def _sets(text: str, words: Sequence[Word]) -> Iterator[Edit]:
    """Lists of constants: each value taken out, and one put in."""
    for index, word in enumerate(words):
        if index == 0 or word.text not in ("(", "[") or words[index - 1].text not in ("in", "array"):
            continue
        listed = items(words, index)
        if len(listed) < 2 or any(first.text == "select" for first, _ in listed):
            continue
        for number, (first, last) in enumerate(listed):
            yield Edit(*without(listed, number), "", f"without {text[first.start : last.end]}")
        first, last = listed[0]
        if first.text.startswith("'"):
            more = "'never'" + text[first.end : last.end] + ", "
            yield Edit(first.start, first.start, more, "with 'never'")


def _choices(text: str, words: Sequence[Word]) -> Iterator[Edit]:
    """COALESCE without one of what it chooses from."""
    for index, (word, after) in enumerate(pairwise(words)):
        if word.text == "coalesce" and after.text == "(":
            listed = items(words, index + 1)
            for number, (first, last) in enumerate(listed):
                taken = f"coalesce without {shown(text[first.start : last.end])}"
                yield Edit(*without(listed, number), "", taken)


def _ranges(words: Sequence[Word]) -> Iterator[Edit]:
    """Ranges that include their end."""
    for index, word in enumerate(words):
        if word.text in RANGES and words[index + 1].text == "(":
            listed = items(words, index + 1)
            if len(listed) == 2:
                end = listed[1][1].end
                yield Edit(end, end, ", '[]'", f"{word.text} with its end")


def _near(words: Sequence[Word], index: int) -> str:
    """The words around one, to tell it from others."""
    return " ".join(word.text for word in words[max(index - 2, 0) : index + 3])
