"""Writes YAML as people write it: short mappings on one line, and quotes only where YAML needs them.

All scalars are texts, except for None, which is ``null``. :mod:`harness.project.nodes` reads them back letter for
letter.
Not here: changes of a file that people have written (``adopt/edit.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from harness.project.yaml_text import Style, value_end

YamlValue: TypeAlias = "str | Sequence[YamlValue] | Mapping[str, YamlValue] | None"

WIDTH = 116

_PLAIN = re.compile(r"[^\W\d_][^\n]*|[\d_$(.][^\n]*|-?\d[\d.]*")
"""Plain scalars: they do not begin with an indicator of YAML."""

_BROKEN = re.compile(r": |:$| #|[\t\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff\x85]|^\s|\s$")
_IN_FLOW = re.compile(r"[,\[\]{}]|:[,\[\]{}]|[?:]$")
_WORDS = frozenset(["null", "~", "yes", "no", "on", "off", "y", "n"])
"""Words that other YAML parsers do not read as texts."""

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def scalar(text: str, style: Style = "block") -> str:
    """A text on one line: plain where YAML allows it, else in quotes."""
    return _quoted(text) if text.lower() in _WORDS else key_text(text, style)


def key_text(text: str, style: Style = "block") -> str:
    """A key, which may also be a word such as ``on`` without quotes."""
    plain = _PLAIN.fullmatch(text) and not _BROKEN.search(text) and not _UNPRINTABLE.search(text)
    return text if plain and not (style == "flow" and _ends_in_flow(text)) else _quoted(text)


def _quoted(text: str) -> str:
    if ('"' in text or "\\" in text) and not _UNPRINTABLE.search(text):
        return "'" + text.replace("'", "''") + "'"
    escaped = "".join(_ESCAPES.get(char, char) for char in text)
    return '"' + _UNPRINTABLE.sub(lambda found: _escape(found[0]), escaped) + '"'


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _ends_in_flow(text: str) -> bool:
    """Whether a text ends early between brackets; our reader takes an open bracket or quote for a torn value."""
    return bool(_IN_FLOW.search(text)) or value_end(text, 0) != len(text)


def flow(value: YamlValue) -> str:
    """A value on one line."""
    match value:
        case None:
            return "null"
        case str():
            return scalar(value, "flow")
        case Mapping():
            return "{" + ", ".join(f"{key_text(key, 'flow')}: {flow(item)}" for key, item in value.items()) + "}"
    return "[" + ", ".join(map(flow, value)) + "]"


def entry(key: str, value: YamlValue, indent: int = 0) -> list[str]:
    """``key: value`` as lines, on one line if it fits."""
    begin = " " * indent + f"{key_text(key)}:"
    if value is None:
        return [f"{begin} null"]
    if isinstance(value, str):
        return _text(begin, value, indent)
    line = f"{begin} {flow(value)}"
    if len(line) <= WIDTH or not value:
        return [line]
    if isinstance(value, Mapping):
        return [begin, *(line for name, item in value.items() for line in entry(name, item, indent + 2))]
    return [begin, *_wrapped(value, indent + 2)] if all(isinstance(item, str) for item in value) else [line]


def _wrapped(values: Sequence[YamlValue], indent: int) -> Iterator[str]:
    """A long list in brackets, filled up line by line."""
    line = " " * indent + "["
    for number, value in enumerate(values):
        word = flow(value) + ("," if number < len(values) - 1 else "]")
        if len(line) + len(word) + 1 > WIDTH and line.strip() != "[":
            yield line.rstrip()
            line = " " * indent + " "
        line += word + ("" if word.endswith("]") and number == len(values) - 1 else " ")
    yield line.rstrip()


def _text(begin: str, text: str, indent: int) -> list[str]:
    line = f"{begin} {scalar(text)}"
    pad = " " * (indent + 2)
    if "\n" in text and _fits_block(text):
        return [f"{begin} |-", *(f"{pad}{each}" if each else "" for each in text.split("\n"))]
    if len(line) > WIDTH and " " in text and _fits_block(text) and "\n" not in text:
        return [f"{begin} >-", *(pad + each for each in _folded(text, WIDTH - len(pad)))]
    return [line]


def _fits_block(text: str) -> bool:
    """Whether a block scalar keeps the text: a leading blank would be indentation, a trailing one would be lost."""
    lines = text.split("\n")
    blank = any(not each.strip() for each in (lines[0], lines[-1])) or any(each and not each.strip() for each in lines)
    shaky = text[0].isspace() or text[-1].isspace() or any(char in text for char in "\t\r")
    return not blank and not shaky and not _UNPRINTABLE.search(text.replace("\n", ""))


def _folded(text: str, width: int) -> Iterator[str]:
    """Breaks a text at single blanks into lines that YAML joins by one blank."""
    line = ""
    for word in re.split(r"(?<=\S) (?=\S)", text):
        if line and len(line) + 1 + len(word) > width:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield line


def item(mapping: Mapping[str, YamlValue], indent: int = 0) -> list[str]:
    """An entry of a list, ``- key: value``, as lines."""
    lines = [line for key, value in mapping.items() for line in entry(key, value, indent + 2)]
    lines[0] = " " * indent + "- " + lines[0][indent + 2 :]
    return lines
