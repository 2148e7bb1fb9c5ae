"""The text of a YAML file: places in it, and messages for the parts that the parser could not read.

In YAML's flow style brackets and quotes of SQL keep their contents together. A value that YAML tears apart is shown
whole, in quotes.
"""

from __future__ import annotations

import bisect
import re
from pathlib import Path
from typing import Literal

import yaml

from harness.errors import Place, ProjectError, did_you_mean

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


class YamlText:
    """The text of a file, with lines and columns; ``starts`` are the offsets at which its lines begin."""

    def __init__(self, text: str, path: Path) -> None:
        self.text = text
        self.path = path
        self.starts = [0, *(match.end() for match in re.finditer(r"\r\n|\r|\n", text))]

    def place(self, index: int) -> Place:
        """Line and column of a character."""
        line = bisect.bisect_right(self.starts, index)
        return Place(self.path, line, index - self.starts[line - 1] + 1)

    def rest_of_line(self, index: int) -> str:
        """The text from a character to the end of its line."""
        line = bisect.bisect_right(self.starts, index)
        end = self.starts[line] if line < len(self.starts) else len(self.text)
        return self.text[index:end].rstrip("\r\n")

    def refused(self, error: yaml.YAMLError) -> ProjectError:
        """The error of a text that YAML's parser refuses, in our words if the reason is a common one."""
        if isinstance(error, yaml.reader.ReaderError):
            message = f"not valid YAML: the character U+{error.character:04X} may not stand in a file"
            return ProjectError(message, place=self.place(error.position))
        if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
            return ProjectError(f"not valid YAML: {error}", place=Place(self.path))
        index = min(error.problem_mark.index, len(self.text))
        for at in (index, max(index - 1, 0)):
            tab = re.compile(r"[ ]*(?:-[ ]*)*\t").match(
                self.text, self.starts[bisect.bisect_right(self.starts, at) - 1]
            )
            if tab:
                return ProjectError("a tab; YAML indents with spaces", place=self.place(tab.end() - 1))
        unknown = re.match(r"found undefined alias '?([^']*)'?$", error.problem or "")
        if unknown:
            anchors = re.findall(r"(?<!\S)&([^\s,\[\]{}]+)", self.text)
            message = f"unknown anchor {unknown[1]!r}{did_you_mean(unknown[1], anchors)}"
            return ProjectError(message, place=self.place(index))
        return self._not_yaml(error, index)

    def _not_yaml(self, error: yaml.MarkedYAMLError, index: int) -> ProjectError:
        is_flow = (error.context or "").startswith("while parsing a flow")
        flow_start = error.context_mark.index if is_flow and error.context_mark else None
        if flow_start is not None:
            index = hash_operator(self.text, flow_start, index) or index
        value = value_around(self.text, index, flow_start)
        above = self.place(error.context_mark.index).line if error.context_mark else None
        plain = next((words for problem, words in _PLAIN.items() if re.match(problem, error.problem or "")), None)
        if plain and (above or "{" not in plain):
            said = plain.format(above)
        else:
            said = f"{error.problem}" + (f" ({error.context}, line {above})" if above else "")
        if above and error.problem == "expected <block end>, but found '?'":
            message = f"not valid YAML: a list begins in line {above}, and this is no item of it"
            return ProjectError(message, place=self.place(index), hint="an item begins with a dash and a blank: '- '")
        return ProjectError(
            f"not valid YAML: {said}",
            place=self.place(index),
            hint=f"quote the value: {quoted(value)}" if value else _unclosed(error.problem),
        )


_PLAIN = {
    r"expected <block end>, but found '<block mapping start>'": "this line is not indented like those that begin in "
    "line {}",
    r"expected <block end>, but found '<scalar>'": "there is more after the end of a value: a quote is missing or one "
    "too many, or the line is not indented like those from line {} on",
    r"expected <block end>, but found '-'": "an item of a list among keys, which begin in line {}: it is not indented "
    "as it should be, or has a dash too many",
    r"expected '<document start>'": "this line is not indented like the first one",
    r"expected ',' or '[\]}]'": "the bracket or brace of line {} is not closed before this, or a comma is missing",
    r"mapping values are not allowed here": "a colon that is not expected: a value with a colon in it needs quotes, "
    "and a key is indented like the others beside it",
    r"could not find expected ':'": "line {} is neither a key with a colon nor an item with a dash",
    r"found unexpected end of stream": "the quote of line {} has no other half",
}
"""Patterns for what PyYAML says, each with plainer words, which name the line where it began."""


def _unclosed(problem: str | None) -> str | None:
    """The hint for a file that ends too early."""
    if re.search("<stream end>|end of stream", problem or "") is None:
        return None
    return "the file ends before something is closed: a bracket, a brace or a quote lacks its other half"
