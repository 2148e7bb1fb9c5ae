"""Breaks long lines of Python as ``ruff format`` does: brackets and chains of operators, one part a line.

Expressions are given as they are written on one line. What has no place to be broken at stays long.
"""

from __future__ import annotations

import ast
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence

from harness.types.python_names import WIDTH, quoted

_STEP = "    "


def statement(before: str, expression: str, indent: str = "", after: str = "") -> list[str]:
    """Returns the lines of a statement with an expression: ``status: Text = `` before ``Field(…)``."""
    return _Printer(expression).lines(indent, before, after)


class _Printer:
    def __init__(self, text: str) -> None:
        self._text, self._bytes = text, text.encode()

    def lines(self, indent: str, before: str, after: str) -> list[str]:
        line = f"{indent}{before}{self._text}{after}"
        if fits(line):
            return [line]
        return self._laid(ast.parse(self._text, mode="eval").body, indent, before, after)

    def _source(self, node: ast.AST) -> str:
        """The text of a node; ast counts bytes, and there is one line."""
        assert isinstance(node, ast.expr | ast.keyword), "it has a place"
        return self._bytes[node.col_offset : node.end_col_offset].decode()

    def _laid(self, node: ast.AST, indent: str, before: str, after: str) -> list[str]:
        """A node that is not inside of parentheses of its own."""
        line = f"{indent}{before}{self._source(node)}{after}"
        if fits(line):
            return [line]
        match node:
            case ast.keyword(arg=name, value=ast.Constant(value=str() as text)) if " " in text:
                return [f"{indent}{before}{name}=(", *_pieces(text, indent + _STEP), f"{indent}){after}"]
            case ast.keyword(arg=name, value=value):
                return self._laid(value, indent, f"{before}{name}=", after)
            case ast.Lambda(body=body):
                return self._laid(body, indent, f"{before}lambda {ast.unparse(node.args)}: ", after)
            case ast.BoolOp() | ast.Compare() | ast.BinOp() | ast.UnaryOp(op=ast.Not()):
                return [f"{indent}{before}(", *self._chain(node, indent + _STEP, "", ""), f"{indent}){after}"]
            case _:
                return self._bracketed(node, indent, before, after)

    def _bracketed(self, node: ast.AST, indent: str, before: str, after: str) -> list[str]:
        """A node with brackets, broken inside of them; any other as it is."""
        match node:
            case ast.Call(func=ast.Attribute(value=value)) if isinstance(value, ast.List):
                end = self._source(node)[len(self._source(value)) :]
                return self._bracketed(value, indent, before, f"{end}{after}")
            case ast.Call(func=function, args=arguments, keywords=keywords):
                items: Sequence[ast.AST] = [*arguments, *keywords]
                head, tail, comma = f"{self._source(function)}(", ")", ","
            case ast.Subscript(value=value, slice=inner):
                items = inner.elts if isinstance(inner, ast.Tuple) else [inner]
                head, tail, comma = f"{self._source(value)}[", "]", "," if isinstance(inner, ast.Tuple) else ""
            case ast.Tuple(elts=items):
                head, tail, comma = "(", ")", ","
            case ast.List(elts=items):
                head, tail, comma = "[", "]", ","
            case _:
                return [f"{indent}{before}{self._source(node)}{after}"]
        if not items:
            return [f"{indent}{before}{self._source(node)}{after}"]
        inside = (line for item in items for line in self._laid(item, indent + _STEP, "", comma))
        return [f"{indent}{before}{head}", *inside, f"{indent}{tail}{after}"]

    def _chain(self, node: ast.AST, indent: str, before: str, after: str) -> list[str]:
        """A node on lines of its own, inside of parentheses: broken before its operators."""
        line = f"{indent}{before}{self._source(node)}{after}"
        if fits(line):
            return [line]
        match node:
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self._operand(operand, indent, f"{before}not ", after)
            case ast.BoolOp(op=operator, values=values):
                word = "and " if isinstance(operator, ast.And) else "or "
                parts = [(before, values[0]), *((word, each) for each in values[1:])]
            case ast.Compare(left=left, ops=operators, comparators=others):
                signs = (f"{_SIGNS[type(each)]} " for each in operators)
                parts = [(before, left), *zip(signs, others, strict=True)]
            case ast.BinOp(left=left, op=sign, right=right):
                parts = [(before, left), (f"{_SIGNS[type(sign)]} ", right)]
            case _:
                return self._bracketed(node, indent, before, after)
        return list(self._parts(parts, indent, after))

    def _parts(self, parts: Sequence[tuple[str, ast.AST]], indent: str, after: str) -> Iterator[str]:
        for number, (before, part) in enumerate(parts):
            yield from self._operand(part, indent, before, after if number == len(parts) - 1 else "")

    def _operand(self, node: ast.AST, indent: str, before: str, after: str) -> list[str]:
        if not self._in_parentheses(node):
            return self._chain(node, indent, before, after)
        line = f"{indent}{before}({self._source(node)}){after}"
        if fits(line):
            return [line]
        return [f"{indent}{before}(", *self._chain(node, indent + _STEP, "", ""), f"{indent}){after}"]

    def _in_parentheses(self, node: ast.AST) -> bool:
        """Whether an operand has parentheses of its own."""
        assert isinstance(node, ast.expr) and node.end_col_offset is not None, "it was parsed"
        around = self._bytes[: node.col_offset].rstrip()[-1:], self._bytes[node.end_col_offset :].lstrip()[:1]
        return around == (b"(", b")")


_SIGNS: dict[type[ast.AST], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.BitOr: "|",
}


def _pieces(text: str, indent: str) -> list[str]:
    """A long text as several literals, which Python joins; as one if that fits."""
    if fits(f"{indent}{quoted(text)}"):
        return [f"{indent}{quoted(text)}"]
    lines = textwrap.wrap(text, _PIECE, drop_whitespace=False, break_long_words=False, break_on_hyphens=False)
    return [f"{indent}{quoted(each)}" for each in lines]


_PIECE = 90
"""Characters of a piece; few enough for two of what does not fit into one."""


def fits(line: str) -> bool:
    """Whether a line is not too long, as ruff measures it: a wide character counts twice."""
    return len(line) <= WIDTH if line.isascii() else sum(map(_width, line)) <= WIDTH


def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
