"""Readers of the values of keys: from a node with its place to a checked value that can be hashed.

Lists come as tuples, mappings as :class:`FrozenDict`. Refuses a value of the wrong form. Every reader also knows its
JSON Schema; what an editor takes for a number, a boolean or null is read as the text that is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from harness.errors import ProjectError, did_you_mean
from harness.grammar import unquoted
from harness.project import sql, sqltext
from harness.project.frozen_dict import FrozenDict
from harness.project.model import TableName
from harness.project.nodes import ListNode, Node, Scalar, as_mapping, as_scalar, as_sequence, expected
from harness.project.yaml_text import quoted

T = TypeVar("T")
JsonSchema = dict[str, Any]

_PART = r'(?:"(?:[^"]|"")+"|[^\s".(),]+)'
_TABLE = re.compile(rf"\s*({_PART})\.({_PART})\s*")
_COLUMNS = re.compile(rf"\(\s*({_PART}(?:\s*,\s*{_PART})*)\s*\)\s*")
_OPERATOR = re.compile(r"[-+*/<>=~!@#%^&|`?]+|operator\s*\([^()]+\)", re.IGNORECASE)
_TEXT: JsonSchema = {"type": ["string", "number", "boolean", "null"]}
_STRING: JsonSchema = {"type": "string"}


@dataclass(frozen=True)
class Reader(Generic[T]):
    """A way to read a key: ``expects`` names the value in messages, ``json`` is its JSON Schema."""

    expects: str
    convert: Callable[[Node], T]
    json: Mapping[str, Any]

    def read(self, node: Node) -> T:
        """The value of a node; raises :class:`ProjectError` with its place."""
        return self.convert(node)

    def schema(self) -> JsonSchema:
        """The JSON Schema of the nodes that :meth:`read` accepts, as far as a schema can tell; a new one each time."""
        return dict(self.json)


def reader(expects: str, json: Mapping[str, Any]) -> Callable[[Callable[[Node], T]], Reader[T]]:
    """Decorates a function that converts a node."""
    return lambda convert: Reader(expects, convert, json)


@reader("a name", _TEXT)
def name(node: Node) -> str:
    text = as_scalar(node, "a name").text
    if not text:
        raise expected("a name", node)
    if len(text.encode()) > 63:
        raise ProjectError(f"{text!r} is longer than the 63 bytes of a name in PostgreSQL", place=node.place)
    return text


@reader("a text", _TEXT)
def text(node: Node) -> str:
    return as_scalar(node).text


@reader("true or false", {"type": "boolean"})
def boolean(node: Node) -> bool:
    text = as_scalar(node, "true or false").text
    if text not in ("true", "false"):
        raise expected("true or false", node)
    return text == "true"


@reader("a whole number", {"type": "integer"})
def integer(node: Node) -> int:
    text = as_scalar(node, "a whole number").text
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise expected("a whole number", node)
    return int(text)


@reader("an operator", _STRING)
def operator(node: Node) -> str:
    written = as_scalar(node, "an operator").text
    if not _OPERATOR.fullmatch(written):
        raise expected("an operator, such as '=' or '&&', in quotes", node)
    return written


@reader("an SQLSTATE", {"type": ["string", "integer"]})
def sqlstate(node: Node) -> str:
    text = as_scalar(node, "an SQLSTATE").text
    if not re.fullmatch(r"[0-9A-Z]{5}", text):
        raise expected("an SQLSTATE, five digits or capital letters", node)
    return text


@reader("schema.table", {**_STRING, "pattern": r"\."})
def table(node: Node) -> TableName:
    found, rest = _table_and_rest(node, "schema.table")
    if rest:
        raise expected("schema.table", node)
    return found


@reader("schema.table or schema.table (columns)", {**_STRING, "pattern": r"\."})
def table_columns(node: Node) -> tuple[TableName, tuple[str, ...]]:
    what = "schema.table or schema.table (columns)"
    found, rest = _table_and_rest(node, what)
    listed = _COLUMNS.fullmatch(rest)
    if rest and not listed:
        raise expected(what, node)
    return found, tuple(unquoted(part) for part in re.findall(_PART, listed[1])) if listed else ()


def _table_and_rest(node: Node, what: str) -> tuple[TableName, str]:
    """A table and the text behind it."""
    text = as_scalar(node, what).text
    found = _TABLE.match(text)
    if not found:
        # A check file stands in the folder of its module, whose schema most often has the same name.
        schema = node.place.path.parent.name or "public"
        raise expected(what, node, hint=f"with its schema: {schema}.{text}" if re.fullmatch(r"\w+", text) else None)
    return TableName(unquoted(found[1]), unquoted(found[2])), text[found.end() :]


def column_names(written: str) -> tuple[str, ...]:
    """The names in ``a, "Two Words"``; those that need no quotes to be told apart may also be without."""
    return tuple(unquoted(each.strip()) for each in re.findall(r'\s*"(?:[^"]|"")+"\s*|[^",]+', written))


@reader("a text, a list or a mapping", {})
def any_value(node: Node) -> Any:
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, ListNode):
        return tuple(map(any_value.read, node.items))
    return FrozenDict({name.text: any_value.read(value) for name, value in node.entries})


def choice(*values: str) -> Reader[str]:
    """One of these words."""
    expects = f"one of {', '.join(values)}"

    @reader(expects, {"enum": list(values)})
    def read(node: Node) -> str:
        text = as_scalar(node, expects).text
        if text not in values:
            raise ProjectError(f"expected {expects}, found {text!r}{did_you_mean(text, values)}", place=node.place)
        return text

    return read


def several(item: Reader[T], *, distinct: bool = True) -> Reader[tuple[T, ...]]:
    """One value or a list of at least one; ``distinct`` values differ from one another."""
    listed = {"type": "array", "items": item.schema(), "minItems": 1, "uniqueItems": distinct}

    @reader(f"{item.expects} or a list", {"anyOf": [item.schema(), listed]})
    def read(node: Node) -> tuple[T, ...]:
        found = node.items if isinstance(node, ListNode) else (node,)
        if isinstance(node, Scalar) and item in (name, key_element) and re.fullmatch(r"\w+(\s*,\s*\w+)+", node.text):
            raise expected("a list", node, hint=f"[{node.text}]")
        if not found:
            raise expected(f"at least {item.expects}", node)
        values: list[T] = []
        seen: set[T] = set()
        for each in found:
            value = item.read(each)
            if distinct and value in seen:
                raise ProjectError(f"{value!r} stands here twice", place=each.place)
            values.append(value)
            seen.add(value)
        return tuple(values)

    return read


def listed(item: Reader[T]) -> Reader[tuple[T, ...]]:
    """A list, which may be empty."""
    expects = f"a list of {item.expects}"

    @reader(expects, {"type": "array", "items": item.schema()})
    def read(node: Node) -> tuple[T, ...]:
        return tuple(item.read(each) for each in as_sequence(node, expects).items)

    return read


def mapping(item: Reader[T], names: Reader[str] | None = None) -> Reader[FrozenDict[T]]:
    """Names and their values; ``names`` reads the names, any text by default."""

    @reader("a mapping", {"type": "object", "additionalProperties": item.schema()})
    def read(node: Node) -> FrozenDict[T]:
        entries = as_mapping(node).entries
        return FrozenDict({names.read(name) if names else name.text: item.read(value) for name, value in entries})

    return read


def one_of(*readers: Reader[Any]) -> Reader[Any]:
    """The value of the first reader that accepts the node."""
    expects = " or ".join(each.expects for each in readers)

    @reader(expects, {"anyOf": [each.schema() for each in readers]})
    def read(node: Node) -> Any:
        within: ProjectError | None = None
        for each in readers:
            try:
                return each.read(node)
            except ProjectError as error:
                # An error within the value is more telling than that no reader accepts it.
                if error.place != node.place or error.excerpt:
                    within = within or error
        raise within or expected(expects, node)

    return read


def _sql(what: str, parse: Callable[[str], str], json: JsonSchema = _TEXT) -> Reader[str]:
    @reader(what, json)
    def read(node: Node) -> str:
        scalar = as_scalar(node, what)
        if scalar.comment is not None and not scalar.quoted:
            _refuse_ambiguous_comment(scalar, parse)
        try:
            return parse(scalar.text)
        except sql.SqlError as error:
            place, excerpt = scalar.place, None
            if error.offset is not None:
                place, excerpt = scalar.at(error.offset), _excerpt(scalar.text, error.offset)
            raise ProjectError(f"not {what}: {error.message}", place=place, excerpt=excerpt) from None

    return read


def _refuse_ambiguous_comment(scalar: Scalar, parse: Callable[[str], str]) -> None:
    """Refuses ``a # 3``, a comment to YAML and an operator to PostgreSQL: either may be meant."""
    whole = f"{scalar.text} #{scalar.comment}".rstrip()
    try:
        parse(whole)
    except sql.SqlError:
        return
    raise ProjectError(
        f"'#' begins a comment in YAML and is an operator in SQL; the value is only {scalar.text!r}",
        place=scalar.place,
        hint=f"write {quoted(whole)}, or put the comment on a line of its own",
    )


def _excerpt(text: str, offset: int) -> str:
    """The line of an offset with a caret under it."""
    before, line = text[:offset].rpartition("\n")[2], text.splitlines()[text.count("\n", 0, offset)]
    shown, indent = sqltext.window(line, len(before) + 1)
    return f"    {shown}\n    {indent}^"


def _with_variables(parse: Callable[[str], str], variables: tuple[str, ...], text: str) -> str:
    parsed = parse(text)
    sql.bind(text, dict.fromkeys(variables, "null"))
    return parsed


def predicate_of(*variables: str) -> Reader[str]:
    """A predicate that may use these variables, and no others."""
    return _sql("a predicate", partial(_with_variables, sql.predicate, variables))


def query_of(*variables: str) -> Reader[str]:
    """A query that may use these variables, and no others."""
    return _sql("a query", partial(_with_variables, sql.query, variables), _STRING)


names: Reader[tuple[str, ...]] = several(name)
texts: Reader[tuple[str, ...]] = several(text)
predicate = _sql("a predicate", sql.predicate)
expression = _sql("an expression", sql.predicate)
default_value = _sql("a default", sql.default)
key_element = _sql("a column or an expression", sql.element)
query = _sql("a query", sql.query, _STRING)
statement = _sql("a statement", sql.statement, _STRING)
