"""How the value of a key is read: from a node with its place to a checked value that can be hashed.

Lists come as tuples, mappings as :class:`FrozenDict`. Every reader also knows its JSON Schema; what an editor takes
for a number, a boolean or null is to us the text that stands there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from harness.errors import ProjectError, did_you_mean
from harness.project import sql, sqltext
from harness.project.flow import quoted
from harness.project.model import TableName
from harness.project.nodes import ListNode, Node, Scalar, as_mapping, as_scalar, as_sequence, expected

T = TypeVar("T")
JsonSchema = dict[str, Any]

_PART = r'(?:"(?:[^"]|"")+"|[^\s".(),]+)'
_TABLE = re.compile(rf"\s*({_PART})\.({_PART})\s*")
_COLUMNS = re.compile(rf"\(\s*({_PART}(?:\s*,\s*{_PART})*)\s*\)\s*")
_OPERATOR = re.compile(r"[-+*/<>=~!@#%^&|`?]+|operator\s*\([^()]+\)", re.IGNORECASE)
_TEXT: JsonSchema = {"type": ["string", "number", "boolean", "null"]}


class FrozenDict(Mapping[str, T]):
    """A mapping that does not change and can be hashed; keeps the order of the file."""

    def __init__(self, entries: Mapping[str, T]) -> None:
        self._entries = dict(entries)

    def __getitem__(self, name: str) -> T:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __hash__(self) -> int:
        return hash(frozenset(self._entries.items()))

    def __repr__(self) -> str:
        return repr(self._entries)


@dataclass(frozen=True)
class Reader(Generic[T]):
    """How a key is read: ``expects`` names it in messages, ``json`` is its JSON Schema."""

    expects: str
    convert: Callable[[Node], T]
    json: Mapping[str, Any]

    def read(self, node: Node) -> T:
        """The value of a node; raises :class:`ProjectError` with its place."""
        return self.convert(node)

    def schema(self) -> JsonSchema:
        """The JSON Schema of what :meth:`read` accepts, as far as a schema can say it."""
        return dict(self.json)


def _name(node: Node) -> str:
    text = as_scalar(node, "a name").text
    if not text:
        raise expected("a name", node)
    if len(text.encode()) > 63:
        raise ProjectError(f"{text!r} is longer than the 63 bytes of a name in PostgreSQL", place=node.place)
    return text


def _text(node: Node) -> str:
    return as_scalar(node).text


def _several(item: Reader[T], distinct: bool, node: Node) -> tuple[T, ...]:
    """One or a list."""
    found = node.items if isinstance(node, ListNode) else (node,)
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


def _sql(what: str, parse: Callable[[str], object], node: Node) -> str:
    scalar = as_scalar(node, what)
    if scalar.comment is not None and not scalar.quoted:
        _refuse_swallowed(scalar, parse)
    try:
        parsed = parse(scalar.text)
    except sql.SqlError as error:
        place = scalar.place if error.offset is None else scalar.at(error.offset)
        raise ProjectError(f"not {what}: {error.message}", place=place, excerpt=_excerpt(scalar.text, error)) from None
    return parsed if isinstance(parsed, str) else scalar.text


def _with_variables(parse: Callable[[str], str], variables: tuple[str, ...], text: str) -> str:
    parsed = parse(text)
    sql.bind(text, dict.fromkeys(variables, "null"))
    return parsed


def _refuse_swallowed(scalar: Scalar, parse: Callable[[str], object]) -> None:
    """``a # 3``: a comment to YAML, an operator to PostgreSQL. Nobody can tell which was meant."""
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


def _excerpt(text: str, error: sql.SqlError) -> str | None:
    """The line of the error with a caret under it."""
    if error.offset is None:
        return None
    before, line = text[: error.offset].rpartition("\n")[2], text.splitlines()[text.count("\n", 0, error.offset)]
    shown, indent = sqltext.window(line, len(before) + 1)
    return f"    {shown}\n    {indent}^"


def _boolean(node: Node) -> bool:
    text = as_scalar(node, "true or false").text
    if text not in ("true", "false"):
        raise expected("true or false", node)
    return text == "true"


def _integer(node: Node) -> int:
    text = as_scalar(node, "a whole number").text
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise expected("a whole number", node)
    return int(text)


def _choice(values: tuple[str, ...], node: Node) -> str:
    listed = f"one of {', '.join(values)}"
    text = as_scalar(node, listed).text
    if text not in values:
        raise ProjectError(f"expected {listed}, found {text!r}{did_you_mean(text, values)}", place=node.place)
    return text


def _unquoted(part: str) -> str:
    return part[1:-1].replace('""', '"') if part.startswith('"') else part


def _table_name(node: Node, what: str) -> tuple[TableName, str]:
    """A table and what follows it in the text."""
    text = as_scalar(node, what).text
    found = _TABLE.match(text)
    if not found:
        raise expected(what, node, hint=f"with its schema: public.{text}" if re.fullmatch(r"\w+", text) else None)
    return TableName(_unquoted(found[1]), _unquoted(found[2])), text[found.end() :]


def _table(node: Node) -> TableName:
    found, rest = _table_name(node, "schema.table")
    if rest:
        raise expected("schema.table", node)
    return found


def _table_columns(node: Node) -> tuple[TableName, tuple[str, ...]]:
    what = "schema.table or schema.table (columns)"
    found, rest = _table_name(node, what)
    listed = _COLUMNS.fullmatch(rest)
    if rest and not listed:
        raise expected(what, node)
    return found, tuple(_unquoted(part) for part in re.findall(_PART, listed[1])) if listed else ()


def _mapping(item: Reader[T], names: Reader[str] | None, node: Node) -> FrozenDict[T]:
    entries = as_mapping(node).entries
    return FrozenDict({names.read(name) if names else name.text: item.read(value) for name, value in entries})


def _operator(node: Node) -> str:
    written = as_scalar(node, "an operator").text
    if not _OPERATOR.fullmatch(written):
        raise expected("an operator, such as '=' or '&&', in quotes", node)
    return written


def _one_of(readers: tuple[Reader[Any], ...], node: Node) -> Any:
    """The first that fits. An error within the value says more than that none fits."""
    telling: ProjectError | None = None
    for reader in readers:
        try:
            return reader.read(node)
        except ProjectError as error:
            if error.place != node.place or error.excerpt:
                telling = telling or error
    raise telling or expected(" or ".join(reader.expects for reader in readers), node)


def _tree(node: Node) -> Any:
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, ListNode):
        return tuple(_tree(item) for item in node.items)
    return FrozenDict({name.text: _tree(value) for name, value in node.entries})


def _sqlstate(node: Node) -> str:
    text = as_scalar(node, "an SQLSTATE").text
    if not re.fullmatch(r"[0-9A-Z]{5}", text):
        raise expected("an SQLSTATE, five digits or capital letters", node)
    return text


def _list(item: Reader[T], node: Node) -> tuple[T, ...]:
    return tuple(item.read(each) for each in as_sequence(node, f"a list of {item.expects}").items)


name: Reader[str] = Reader("a name", _name, _TEXT)
text: Reader[str] = Reader("a text", _text, _TEXT)
boolean: Reader[bool] = Reader("true or false", _boolean, {"type": "boolean"})
integer: Reader[int] = Reader("a whole number", _integer, {"type": "integer"})
predicate: Reader[str] = Reader("a predicate", partial(_sql, "a predicate", sql.predicate), _TEXT)
expression: Reader[str] = Reader("an expression", partial(_sql, "an expression", sql.predicate), _TEXT)
key_element: Reader[str] = Reader(
    "a column or an expression", partial(_sql, "a column or an expression", sql.element), _TEXT
)
query: Reader[str] = Reader("a query", partial(_sql, "a query", sql.query), {"type": "string"})
statement: Reader[str] = Reader("a statement", partial(_sql, "a statement", sql.statement), {"type": "string"})
table: Reader[TableName] = Reader("schema.table", _table, {"type": "string", "pattern": r"\."})
table_columns: Reader[tuple[TableName, tuple[str, ...]]] = Reader(
    "schema.table or schema.table (columns)", _table_columns, {"type": "string", "pattern": r"\."}
)
any_value: Reader[Any] = Reader("a text, a list or a mapping", _tree, {})
operator: Reader[str] = Reader("an operator", _operator, {"type": "string"})
sqlstate: Reader[str] = Reader("an SQLSTATE", _sqlstate, {"type": ["string", "integer"]})


def predicate_of(*variables: str) -> Reader[str]:
    """A predicate in which these variables may stand, and no others."""
    return Reader(
        "a predicate", partial(_sql, "a predicate", partial(_with_variables, sql.predicate, variables)), _TEXT
    )


def query_of(*variables: str) -> Reader[str]:
    """A query in which these variables may stand, and no others."""
    return Reader(
        "a query", partial(_sql, "a query", partial(_with_variables, sql.query, variables)), {"type": "string"}
    )


def several(item: Reader[T], *, distinct: bool = True) -> Reader[tuple[T, ...]]:
    """One value or a list of at least one."""
    listed = {"type": "array", "items": item.schema(), "minItems": 1, "uniqueItems": distinct}
    expects = f"{item.expects} or a list"
    return Reader(expects, partial(_several, item, distinct), {"anyOf": [item.schema(), listed]})


def listed(item: Reader[T]) -> Reader[tuple[T, ...]]:
    """A list, also of none."""
    schema = {"type": "array", "items": item.schema()}
    return Reader(f"a list of {item.expects}", partial(_list, item), schema)


def choice(*values: str) -> Reader[str]:
    """One of these words."""
    return Reader(f"one of {', '.join(values)}", partial(_choice, values), {"enum": list(values)})


def mapping(item: Reader[T], names: Reader[str] | None = None) -> Reader[FrozenDict[T]]:
    """Names and what each stands for; ``names`` reads the names, where they are more than that."""
    schema = {"type": "object", "additionalProperties": item.schema()}
    return Reader("a mapping", partial(_mapping, item, names), schema)


def one_of(*readers: Reader[Any]) -> Reader[Any]:
    """The first of these that fits."""
    expects = " or ".join(reader.expects for reader in readers)
    return Reader(expects, partial(_one_of, readers), {"anyOf": [reader.schema() for reader in readers]})


names: Reader[tuple[str, ...]] = several(name)
texts: Reader[tuple[str, ...]] = several(text)
