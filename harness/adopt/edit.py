"""Changes a YAML text where it has to change, and leaves every other character as it was written.

Finds out whether people have put a comment at a place.
Not here: which changes are made (``update.py``), and YAML that is written anew (``describe/yaml.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml as pyyaml

from harness.describe import YamlValue, yaml

Entries = list[tuple[pyyaml.ScalarNode, pyyaml.Node]]


def plain(node: pyyaml.Node) -> Any:
    """A node as texts, lists and dictionaries."""
    match node:
        case pyyaml.SequenceNode():
            return [plain(item) for item in node.value]
        case pyyaml.MappingNode():
            return {key.value: plain(value) for key, value in node.value}
    return node.value


@dataclass
class Editor:
    """The one document of a text; :meth:`result` makes all changes that were asked for."""

    text: str
    _changes: list[tuple[int, int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        root = pyyaml.compose(self.text, Loader=pyyaml.SafeLoader)
        assert isinstance(root, pyyaml.MappingNode), "the file was read before"
        self.root = root

    def result(self) -> str:
        """The text with all changes; several at one place come in the order in which they were asked for."""
        text = self.text
        for _, (start, end, new) in sorted(
            enumerate(self._changes), key=lambda each: (each[1][0], each[0]), reverse=True
        ):
            text = text[:start] + new + text[end:]
        return text

    def get(self, mapping: pyyaml.Node | None, key: str) -> pyyaml.Node | None:
        """The value of a key."""
        entries: Entries = mapping.value if isinstance(mapping, pyyaml.MappingNode) else []
        return next((value for name, value in entries if name.value == key), None)

    def change(self, mapping: pyyaml.MappingNode, values: dict[str, YamlValue | None]) -> None:
        """Gives keys other values, or removes them (None); new ones come behind the others."""
        if mapping.flow_style:
            self._change_flow(mapping, values)
            return
        for name, value in mapping.value:
            if name.value in values:
                self._change_block(name, value, values[name.value])
        there = {name.value for name, _ in mapping.value}
        for key, new in values.items():
            if key not in there and new is not None:
                self.insert_lines(yaml.entry(key, new, mapping.value[0][0].start_mark.column), mapping.value[-1][1])

    def _change_flow(self, mapping: pyyaml.MappingNode, values: dict[str, YamlValue | None]) -> None:
        """Changes a mapping in brackets; the text of the other keys stays letter for letter."""
        pieces = []
        for name, value in mapping.value:
            new = values.get(name.value)
            if name.value not in values:
                pieces.append(self.text[name.start_mark.index : value.end_mark.index])
            elif new is not None:
                pieces.append(_flow(name.value, new))
        there = {name.value for name, _ in mapping.value}
        pieces += [_flow(key, new) for key, new in values.items() if key not in there and new is not None]
        self._change(mapping.start_mark.index, mapping.end_mark.index, "{" + ", ".join(pieces) + "}")

    def _change_block(self, name: pyyaml.Node, value: pyyaml.Node, new: YamlValue | None) -> None:
        start, end = name.start_mark.index, self._end(value)
        if new is None:
            self._change(self._line(start), self._next_line(end), "")
        else:
            indent = name.start_mark.column
            self._change(start, end, "\n".join(yaml.entry(plain(name), new, indent))[indent:])

    def insert_lines(self, lines: Sequence[str], after: pyyaml.Node) -> None:
        """Inserts whole lines behind the last line of a node."""
        place = self._next_line(self._end(after))
        glue = "" if self.text[:place].endswith("\n") else "\n"
        self._change(place, place, glue + "".join(f"{line}\n" for line in lines))

    def remove_item(self, item: pyyaml.Node) -> None:
        """Removes an item of a list in block style, with the empty line before it if it was the last of its group."""
        start, end = self._line(item.start_mark.index), self._next_line(self._end(item))
        if self.text[:start].endswith("\n\n") and self.text[end : end + 1] in ("", "\n"):
            start -= 1
        self._change(start, end, "")

    def commented(self, node: pyyaml.Node, begin: int | None = None) -> bool:
        """Whether there is a comment in the lines of a node, or right above them."""
        start = self._line(node.start_mark.index if begin is None else begin)
        above = self.text[:start].rstrip("\n").rpartition("\n")[2] if not self.text[:start].endswith("\n\n") else ""
        tokens = pyyaml.scan(self.text, Loader=pyyaml.SafeLoader)
        inside = self.text[start : self._next_line(self._end(node))]
        return above.lstrip().startswith("#") or ("#" in inside and _has_comment(self.text, start, inside, tokens))

    def _end(self, node: pyyaml.Node) -> int:
        """The end of a node's last character; the end mark of a block is where the next node begins."""
        if isinstance(node, pyyaml.CollectionNode) and not node.flow_style and node.value:
            last = node.value[-1]
            return self._end(last[1] if isinstance(last, tuple) else last)
        end = int(node.end_mark.index)
        return len(self.text[:end].rstrip()) if getattr(node, "style", None) in ("|", ">") else end

    def _line(self, index: int) -> int:
        return self.text.rfind("\n", 0, index) + 1

    def _next_line(self, index: int) -> int:
        found = self.text.find("\n", index)
        return len(self.text) if found < 0 else found + 1

    def _change(self, start: int, end: int, new: str) -> None:
        self._changes.append((start, end, new))


def _flow(key: str, value: YamlValue) -> str:
    return f"{yaml.key_text(key, 'flow')}: {yaml.flow(value)}"


def _has_comment(text: str, start: int, inside: str, tokens: Any) -> bool:
    """Whether a ``#`` in a stretch of the text is outside of every scalar."""
    covered = [
        (token.start_mark.index, token.end_mark.index) for token in tokens if isinstance(token, pyyaml.ScalarToken)
    ]
    return any(
        char == "#" and not any(begin <= place < end for begin, end in covered)
        for place, char in enumerate(inside, start)
    )
