"""YAML files read as :mod:`~harness.project.nodes`.

A scalar keeps the characters that were written. A value that YAML would tear apart or cut off without a word (``{type:
numeric(10,2)}``, ``a #>> b``) is an error that shows the quoted form. Refuses keys given twice, tags, merge keys, deep
nesting, and aliases that stand for too much.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from harness.errors import Place, ProjectError
from harness.project.folders import read_utf8
from harness.project.nodes import ListNode, MappingNode, Node, Scalar, expected
from harness.project.yaml_text import Style, YamlText, quoted, value_end

# libyaml is ten times quicker; the pure composer has better messages, so it reads what libyaml refuses.
_FAST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

DEEPEST = 100
"""Levels of nested lists and mappings; PyYAML and the readers of a tree go down them by recursion."""
_REPEATED = 1_000_000
"""Values that aliases repeat at most: a few lines of them can stand for more than a machine holds."""

_COMMENT = re.compile(r"[ \t]+#([^\r\n]*)")
_COMMENTED = re.compile(r"[^\S\r\n]*#")
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")


def read(path: Path, shown: Path) -> tuple[Node, ...]:
    """The documents of a file; ``shown`` is its name in messages. Raises :class:`ProjectError` with the place."""
    return compose(read_utf8(path, shown), shown)


def compose(text: str, shown: Path) -> tuple[Node, ...]:
    """The documents of a YAML text; raises :class:`ProjectError` with the place."""
    source = YamlText(text, shown)
    documents = _documents(source)
    if not documents:
        raise ProjectError("the file is empty", place=Place(shown, 1, 1))
    return tuple(map(_Converter(source).convert, documents))


def _documents(source: YamlText) -> list[yaml.Node]:
    refusal: yaml.YAMLError | None = None
    for loader in (_FAST, yaml.SafeLoader):
        try:
            if loader is not yaml.SafeLoader:
                _refuse_depth(source, loader)
            return [node for node in yaml.compose_all(source.text, Loader=loader) if node is not None]
        except yaml.YAMLError as error:
            refusal = error
            mark = getattr(error, "problem_mark", None)
            if mark and "maximum nesting depth" in str(error):  # libyaml looks a thousand ahead; PyYAML takes ages
                raise _too_deep(source.place(mark.index)) from None
        except RecursionError:
            raise _too_deep(Place(source.path)) from None
    assert refusal is not None
    raise source.refused(refusal) from None


def _refuse_depth(source: YamlText, loader: Any) -> None:
    """Refuses deep YAML before it is composed: libyaml composes by recursion in C, which no exception ends."""
    depth = 0
    for event in yaml.parse(source.text, Loader=loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                assert event.start_mark is not None
                raise _too_deep(source.place(event.start_mark.index))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _too_deep(place: Place) -> ProjectError:
    return ProjectError(f"nested too deeply: more than {DEEPEST} lists and mappings, one in the other", place=place)


class _Converter:
    """Turns PyYAML's nodes into ours; a node that aliases share is converted once.

    ``total`` counts the values so far, ``repeated`` those that aliases stand for, ``levels`` the nesting of the node
    that was converted last; ``sizes`` has the values and the levels of each node.
    """

    def __init__(self, source: YamlText) -> None:
        self.source = source
        self.done: dict[int, Node] = {}
        self.sizes: dict[int, tuple[int, int]] = {}
        self.open: set[int] = set()
        self.total = self.repeated = self.levels = 0

    def convert(self, node: yaml.Node, key: str | None = None, style: Style = "block") -> Node:
        if id(node) in self.open:
            raise ProjectError("an alias that contains itself", place=self.place(node))
        if id(node) in self.done:
            self._repeat(node)
            return self.done[id(node)]
        self.open.add(id(node))
        self._refuse_tag(node)
        total, levels, self.levels = self.total, self.levels, 0
        self.done[id(node)] = self._convert(node, key, style)
        self.open.remove(id(node))
        self.total += 1
        self.levels += 1
        self.sizes[id(node)] = (self.total - total, self.levels)
        if self.levels > DEEPEST + 1:  # by way of aliases
            raise _too_deep(self.place(node))
        self.levels = max(levels, self.levels)
        return self.done[id(node)]

    def _repeat(self, node: yaml.Node) -> None:
        """Counts the values and levels that an alias stands for."""
        size, levels = self.sizes[id(node)]
        self.total += size
        self.repeated += size
        self.levels = max(self.levels, levels)
        if self.repeated > _REPEATED:
            raise ProjectError(
                f"aliases that stand for more than {_REPEATED:,} values", place=self.place(node), hint="write them out"
            )

    def place(self, node: yaml.Node) -> Place:
        return self.source.place(self._start(node))

    def _start(self, node: yaml.Node) -> int:
        """The offset of the value itself, after its anchor."""
        found = _PROPERTIES.match(self.source.text, node.start_mark.index, node.end_mark.index)
        return found.end() if found else int(node.start_mark.index)

    def _refuse_tag(self, node: yaml.Node) -> None:
        index = node.start_mark.index
        if self.source.text.startswith("!", index) or "!" in self.source.text[index : self._start(node)]:
            raise ProjectError(
                "a YAML tag; values are read as they are written",
                place=self.source.place(index),
                hint="leave the tag out",
            )

    def _convert(self, node: yaml.Node, key: str | None, style: Style) -> Node:
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, key, style)
        assert isinstance(node, yaml.CollectionNode)
        inner: Style = "flow" if node.flow_style else style
        if isinstance(node, yaml.SequenceNode):
            return ListNode(tuple(self.convert(item, None, inner) for item in node.value), self.place(node))
        entries: dict[str, tuple[Scalar, Node]] = {}
        for key_node, value_node in node.value:
            name = self._key(key_node, value_node, inner)
            if name.text in entries:
                raise ProjectError(
                    f"key {name.text!r} is given twice, first in line {entries[name.text][0].place.line}",
                    place=name.place,
                )
            entries[name.text] = (name, self.convert(value_node, name.text, inner))
        return MappingNode(tuple(entries.values()), self.place(node))

    def _key(self, node: yaml.Node, value: yaml.Node, style: Style) -> Scalar:
        name = self.convert(node)
        if not isinstance(name, Scalar):
            raise expected("a key", name)
        if name.text == "<<" and not name.quoted:
            raise ProjectError(
                "merge keys (<<) are not read",
                place=name.place,
                hint="write the keys out, or give a whole value an anchor (&) and repeat it by its alias (*)",
            )
        between = self.source.text[node.end_mark.index : value.start_mark.index]
        is_empty = isinstance(value, yaml.ScalarNode) and not value.value and value.style in (None, "")
        if style == "flow" and is_empty and not between:
            raise ProjectError(
                f"{name.text!r} has no value",
                place=name.place,
                hint="in flow style a comma ends a value: quote a value that contains one",
            )
        return name

    def _scalar(self, node: yaml.ScalarNode, key: str | None, style: Style) -> Scalar:
        place = self.place(node)
        if node.style in ("'", '"', "|", ">"):
            self._refuse_unstorable(node, place)
            return Scalar(node.value, place, quoted=True, lines=self._lines(node, place))
        if style == "flow":
            self._refuse_torn(node, key)
        rest = _COMMENT.match(self.source.text, node.end_mark.index)
        comment = rest[1] if rest else None
        if rest and comment and not comment[0].isspace() and comment[0] != "#":
            whole = quoted(node.value + rest[0].rstrip())
            raise ProjectError(
                f"'#' after a space begins a comment, so the value is only {node.value!r}",
                place=place,
                hint=f"quote the value: {f'{key}: {whole}' if key else whole}, or write the comment as '# …'",
            )
        return Scalar(node.value, place, comment=comment, lines=self._lines(node, place))

    def _refuse_unstorable(self, node: yaml.ScalarNode, place: Place) -> None:
        """Refuses characters that PostgreSQL's texts cannot hold; only an escape (``"\\0"``) can write them."""
        for character in node.value:
            if character == "\0" or "\ud800" <= character <= "\udfff":
                raise ProjectError(
                    f"the character U+{ord(character):04X} can stand in no text of PostgreSQL",
                    place=place,
                    hint="take the escape out",
                )

    def _refuse_torn(self, node: yaml.ScalarNode, key: str | None) -> None:
        start, stop = self._start(node), node.end_mark.index
        end = None if _COMMENTED.match(self.source.text, stop) else value_end(self.source.text, start)
        whole = self.source.text[start:end].rstrip() if end else node.value
        if len(whole) > stop - start or (end is None and node.value.count("(") != node.value.count(")")):
            example = f"{{{key}: {quoted(whole)}}}" if key else f"[{quoted(whole)}]"
            raise ProjectError(
                f"in flow style a comma ends a value, so {' '.join(whole.split())!r} falls apart",
                place=self.place(node),
                hint=f"quote it: {example}",
            )

    def _lines(self, node: yaml.ScalarNode, place: Place) -> tuple[Place, ...]:
        """The places where the lines of the text begin, if the file holds them letter for letter."""
        text, start = self.source.text, self._start(node)
        if node.style == "|":
            return self._block_lines(node.value, place)
        start += node.style in ("'", '"')
        return (self.source.place(start),) if text.startswith(node.value, start) and "\n" not in node.value else ()

    def _block_lines(self, value: str, place: Place) -> tuple[Place, ...]:
        lines = value.split("\n")
        first = (place.line or 1) + 1
        sources = [self.source.rest_of_line(start) for start in self.source.starts[first - 1 : first - 1 + len(lines)]]
        if not sources or not sources[0].endswith(lines[0]) or not lines[0]:
            return ()
        indent = len(sources[0]) - len(lines[0])
        return tuple(Place(place.path, first + number, indent + 1) for number in range(len(lines)))
