"""Rewrites PostgreSQL's regular expressions so that JavaScript and Python mean the same by them.

What differs between the three is written out: the characters of ``\\s``, ``\\d``, ``\\w`` and ``[[:alpha:]]`` as the
server has them, and both cases of a letter where case does not count. What has no counterpart is :class:`CannotState`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

Ranges = tuple[tuple[int, int], ...]
"""Characters as code points, from and to, both among them."""

Characters = Callable[[str], Ranges]
"""Asks the server for the characters of a class: ``space``, ``digit``, ``word``, ``alpha`` …"""

MOST = 64
"""Ranges of a class that are still written out; letters of all alphabets are some six hundred."""

_ESCAPED_CLASSES = {"s": "space", "d": "digit", "w": "word"}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a", "e": "\x1b", "b": "\b", "B": "\\"}
_ANCHORS = {"A": "^", "Z": "$"}
_PREFERS_SHORT = r"\?"
"""The mark of a quantifier that prefers short matches: whether there is a match is the same without it."""


class CannotState(Exception):
    """A predicate or pattern that other languages cannot state; the text is the reason."""


def portable(pattern: str, characters: Characters, *, ignoring_case: bool) -> str:
    """Returns a pattern that JavaScript (flags ``us``) and Python (``DOTALL``) read as PostgreSQL reads the given one.

    In Python ``$`` has to become ``\\Z``. Raises :class:`CannotState` for what one of them cannot say.
    """
    return _PatternRewriter(pattern, characters, ignoring_case=ignoring_case).rewritten()


def for_python(pattern: str) -> str:
    """Returns a portable pattern as Python reads it: there ``$`` also matches before a line feed at the end."""
    return re.sub(r"\\.|\$", lambda found: r"\Z" if found[0] == "$" else found[0], pattern, flags=re.DOTALL)


def of_like(pattern: str, escape: str = "\\") -> str:
    """Returns the regular expression of a pattern of LIKE."""
    found, position = ["^"], 0
    while position < len(pattern):
        character = pattern[position]
        if character == escape:
            position += 1
            if position == len(pattern):
                raise CannotState("the pattern of LIKE ends in its escape character")
            found.append(_literal(pattern[position]))
        else:
            found.append({"%": ".*", "_": "."}.get(character) or _literal(character))
        position += 1
    return "".join([*found, "$"])


class _PatternRewriter:
    def __init__(self, text: str, characters: Characters, *, ignoring_case: bool) -> None:
        self._text, self._at = text, 0
        self._characters, self._ignoring_case = characters, ignoring_case

    def rewritten(self) -> str:
        if re.match(r"\*\*\*|\(\?[a-z]+\)", self._text):
            raise CannotState("options inside of the pattern")
        found = []
        while self._at < len(self._text):
            found.append(self._part())
        return "".join(found)

    def _part(self) -> str:
        character = self._take()
        match character:
            case "\\":
                return self._escape()
            case "[":
                return self._bracket()
            case "(":
                return self._group()
            case "{":
                return self._bound()
            case "*" | "+" | "?":
                self._found(_PREFERS_SHORT)
                return character
            case "." | "^" | "$" | "|" | ")":
                return character
            case _:
                return self._letter(character)

    def _take(self) -> str:
        if self._at == len(self._text):
            raise CannotState("the pattern ends too early")
        self._at += 1
        return self._text[self._at - 1]

    def _found(self, expression: str) -> re.Match[str] | None:
        """Takes what a Python pattern finds here."""
        found = re.compile(expression).match(self._text, self._at)
        self._at = found.end() if found else self._at
        return found

    def _group(self) -> str:
        found = self._found(r"\?[:=!]")
        if not found and self._text.startswith("?", self._at):
            raise CannotState("the pattern looks back, or has comments or options")
        return f"({found[0] if found else '?:'}"

    def _bound(self) -> str:
        found = self._found(r"\d+(,\d*)?\}")
        if not found:
            return _literal("{")
        self._found(_PREFERS_SHORT)
        return "{" + found[0]

    def _escape(self) -> str:
        character = self._take()
        if character in _ANCHORS:
            return _ANCHORS[character]
        if character.lower() in _ESCAPED_CLASSES:
            ranges = self._class(_ESCAPED_CLASSES[character.lower()])
            return _class_text(ranges, negated=character.isupper())
        return self._letter(self._escaped(character))

    def _escaped(self, character: str) -> str:
        """The character that an escape stands for."""
        if character in _CONTROLS:
            return _CONTROLS[character]
        digits = {"u": r"[0-9a-fA-F]{4}", "U": r"[0-9a-fA-F]{8}", "x": r"[0-9a-fA-F]+"}.get(character)
        if digits and (found := self._found(digits)):
            return chr(int(found[0], 16))
        if character.isalnum():
            raise CannotState(f"\\{character} in a pattern")
        return character

    def _letter(self, character: str) -> str:
        if not self._ignoring_case:
            return _literal(character)
        if not character.isascii():
            raise CannotState("a pattern without regard to case that has other letters than a to z")
        both = character.lower() + character.upper()
        return f"[{both}]" if character.isalpha() else _literal(character)

    def _class(self, name: str) -> Ranges:
        ranges = self._characters(name)
        if len(ranges) > MOST:
            raise CannotState(f"the {name} characters of a pattern are {len(ranges)} ranges in this database")
        return ranges

    def _bracket(self) -> str:
        negated = self._found(r"\^") is not None
        ranges: list[tuple[int, int]] = []
        first = True
        while first or self._text[self._at : self._at + 1] != "]":
            ranges += self._member()
            first = False
        self._take()
        return _class_text(tuple(ranges), negated=negated)

    def _member(self) -> Ranges:
        """A character, a range or a class inside of brackets."""
        if found := self._found(r"\[:(\w+):\]"):
            return self._class(found[1])
        if self._found(r"\[[.=]"):
            raise CannotState("a collating element in a pattern")
        start = self._take()
        if start == "\\":
            escaped = self._take()
            if escaped in _ESCAPED_CLASSES:
                return self._class(_ESCAPED_CLASSES[escaped])
            start = self._escaped(escaped)
        end = start
        if self._text[self._at : self._at + 1] == "-" and self._text[self._at + 1 : self._at + 2] != "]":
            self._take()
            end = self._take()
            end = self._escaped(self._take()) if end == "\\" else end
        return self._in_both_cases(start, end)

    def _in_both_cases(self, start: str, end: str) -> Ranges:
        own = (ord(start), ord(end))
        if not self._ignoring_case:
            return (own,)
        if not (start + end).isascii():
            raise CannotState("a pattern without regard to case that has other letters than a to z")
        others = [(ord(start.swapcase()), ord(end.swapcase()))] if (start + end).isalpha() else []
        if not others and any(chr(code).isalpha() for code in range(own[0], own[1] + 1)):
            raise CannotState("a range of letters and other characters, without regard to case")
        if others and start.isupper() != end.isupper():
            raise CannotState("a range from one case to the other, without regard to case")
        return own, *others


def _class_text(ranges: Ranges, *, negated: bool) -> str:
    merged = _merged(ranges)
    if not merged:
        raise CannotState("a class of characters that is empty")
    texts = (
        _member_text(start) if start == end else f"{_member_text(start)}-{_member_text(end)}" for start, end in merged
    )
    return f"[{'^' if negated else ''}{''.join(texts)}]"


def _merged(ranges: Ranges) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _member_text(code: int) -> str:
    """A character between brackets; a code point where signs could mean something there."""
    character = chr(code)
    if character.isascii():
        return character if character.isalnum() or character == "_" else f"\\x{code:02x}"
    return character if character.isprintable() else _code(code)


def _literal(character: str) -> str:
    """A character that stands for itself."""
    code = ord(character)
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    if character in r"^$\.*+?()[]{}|/":
        return f"\\{character}"
    return character if character.isprintable() else _code(code)


def _code(code: int) -> str:
    if code > 0xFFFF:
        return chr(code)  # there is no escape that both languages have
    return f"\\u{code:04x}"


def ranges_of(codes: Sequence[int]) -> Ranges:
    """Returns code points, in ascending order, as ranges."""
    return tuple(_merged(tuple((code, code) for code in codes)))
