"""YAML as a tree of nodes that keep the text as it was written, and its place.

``[on, no, 007, 1.10, 12:30]`` are five texts: a reader that knows the type reads them. Words the error of a node that
has another shape than it should. The nodes are made by :mod:`harness.project.yaml_reader`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from harness.errors import Place, ProjectError, shortened

_SHOWN = 100
"""Characters of a value that a message quotes."""


@dataclass(frozen=True)
class Scalar:
    """A text. ``quoted`` is true for quotes and block styles (``|``, ``>``), in which YAML reads no comment.

    ``comment`` is the text behind the ``#`` on the line of a plain scalar. ``lines`` are the places where the lines of
    the text begin in the file, if text and source run side by side.
    """

    text: str
    place: Place
    quoted: bool = False
    comment: str | None = None
    lines: tuple[Place, ...] = field(default=(), compare=False, repr=False)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is written: ``key:`` without a value."""
        return not (self.text or self.quoted)

    def at(self, offset: int) -> Place:
        """The place of a character of the text, or of the whole scalar if that cannot be told."""
        before = self.text[:offset].split("\n")
        if len(before) > len(self.lines):
            return self.place
        start = self.lines[len(before) - 1]
        return Place(start.path, start.line, (start.column or 1) + len(before[-1]))


@dataclass(frozen=True)
class ListNode:
    """A list, in block or flow style."""

    items: tuple[Node, ...]
    place: Place


@dataclass(frozen=True)
class MappingNode:
    """Entries in the order of the file; keys are scalars and differ from one another."""

    entries: tuple[tuple[Scalar, Node], ...]
    place: Place

    def get(self, name: str) -> Node | None:
        """The value of a key."""
        return next((value for key, value in self.entries if key.text == name), None)

    def __getitem__(self, name: str) -> Node:
        return next(value for key, value in self.entries if key.text == name)


Node: TypeAlias = Scalar | ListNode | MappingNode


def described(node: Node) -> str:
    """The node in a message: ``'12'``, ``nothing``, ``a list``, ``a mapping``."""
    if isinstance(node, Scalar):
        return "nothing" if node.is_empty else repr(shortened(node.text, _SHOWN))
    return "a list" if isinstance(node, ListNode) else "a mapping"


def expected(what: str, node: Node, hint: str | None = None) -> ProjectError:
    """The error of a node that is of another shape than it should be."""
    return ProjectError(f"expected {what}, found {described(node)}", place=node.place, hint=hint)


def as_scalar(node: Node, what: str = "a text") -> Scalar:
    """The node as a scalar that is not empty; raises :class:`ProjectError`."""
    if not isinstance(node, Scalar) or node.is_empty:
        raise expected(what, node)
    return node


def as_sequence(node: Node, what: str = "a list") -> ListNode:
    """The node as a list; raises :class:`ProjectError`."""
    if not isinstance(node, ListNode):
        raise expected(what, node)
    return node


def as_mapping(node: Node, what: str = "a mapping") -> MappingNode:
    """The node as a mapping; an empty scalar is an empty mapping; raises :class:`ProjectError`."""
    if isinstance(node, Scalar) and node.is_empty:
        return MappingNode((), node.place)
    if not isinstance(node, MappingNode):
        raise expected(what, node)
    return node
