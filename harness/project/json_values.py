"""JSON written as YAML: the values of a node, and JSON Schemas."""

from __future__ import annotations

import math
import re
import warnings
from typing import Any

from harness.errors import ProjectError, did_you_mean
from harness.project.frozen_dict import FrozenDict
from harness.project.nodes import ListNode, MappingNode, Node, Scalar, as_mapping, expected
from harness.project.readers import reader

_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "": None}
TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
_SCHEMAS = ("items", "additionalProperties", "not")
_LISTS = ("allOf", "anyOf", "oneOf")
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
_ANY = ("const", "default", "examples", "title", "description", "$comment", "format", "deprecated")
_OTHERS = ("type", "enum", "required", "properties", "pattern", "uniqueItems")
KEYWORDS = (*_OTHERS, *_SCHEMAS, *_LISTS, *_NUMBERS, *_COUNTS, *_ANY)
"""The keywords of JSON Schema that a shape can have."""


def json_value(node: Node) -> Any:
    """Returns a node as JSON reads it: plain ``true``, ``null`` and ``12`` are no texts, quoted ones are."""
    if isinstance(node, ListNode):
        return tuple(map(json_value, node.items))
    if isinstance(node, MappingNode):
        return FrozenDict({name.text: json_value(value) for name, value in node.entries})
    if node.quoted or not (node.text in _WORDS or _NUMBER.fullmatch(node.text)):
        return node.text
    if node.text in _WORDS:
        return _WORDS[node.text]
    return float(node.text) if re.search(r"[.eE]", node.text) else int(node.text)


@reader("a JSON Schema", {"type": "object"})
def json_schema(node: Node) -> FrozenDict[Any]:
    """Reads a JSON Schema, of the keywords in :data:`KEYWORDS`."""
    found = as_mapping(node, "a JSON Schema, such as {type: object}")
    _refuse_no_schema(found)
    value: FrozenDict[Any] = json_value(found)
    return value


def _refuse_no_schema(node: Node) -> None:
    if isinstance(node, Scalar) and isinstance(json_value(node), bool):
        return
    if not isinstance(node, MappingNode):
        raise expected("a JSON Schema", node)
    for keyword, value in node.entries:
        if keyword.text not in KEYWORDS:
            raise ProjectError(
                f"{keyword.text!r} is no keyword that a shape can have{did_you_mean(keyword.text, KEYWORDS)}",
                place=keyword.place,
                hint=f"a shape is a JSON Schema of: {', '.join(sorted(KEYWORDS))}",
            )
        _refuse_no_value(keyword.text, value)


def _refuse_no_value(keyword: str, node: Node) -> None:
    """Refuses a value that the keyword cannot have."""
    value = json_value(node)
    if keyword in _SCHEMAS:
        _refuse_no_schema(node)
    elif keyword in _LISTS and isinstance(node, ListNode) and node.items:
        for each in node.items:
            _refuse_no_schema(each)
    elif keyword == "properties" and isinstance(node, MappingNode):
        for _, each in node.entries:
            _refuse_no_schema(each)
    elif not _is_of(keyword, value):
        raise expected(_EXPECTED.get(keyword, "a number"), node)


def _is_of(keyword: str, value: Any) -> bool:
    match keyword:
        case "type":
            names = value if isinstance(value, tuple) else (value,)
            return bool(names) and all(each in TYPES for each in names)
        case "enum":
            return isinstance(value, tuple)
        case "required":
            return isinstance(value, tuple) and all(isinstance(each, str) for each in value)
        case "pattern":
            return isinstance(value, str) and _is_pattern(value)
        case "uniqueItems":
            return isinstance(value, bool)
        case "multipleOf":
            return _is_number(value) and value > 0
    if keyword in _COUNTS:
        return _is_number(value) and isinstance(value, int) and value >= 0
    return keyword in _ANY or (keyword in _NUMBERS and _is_number(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_pattern(text: str) -> bool:
    """Whether a text is a regular expression that JavaScript and Python read, as far as Python can tell."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            re.compile(text)
        except (re.error, RecursionError):
            return False
    return not _ONLY_PYTHON.search(text)


_ONLY_PYTHON = re.compile(r"(?<!\\)(?:\\\\)*(?:\(\?(?:P|#|\(|>|-?[aiLmsux]+)|\\[AZUaN])")
_EXPECTED = {
    "type": f"one of {', '.join(TYPES)}, or a list of them",
    "required": "a list of names",
    "enum": "a list of values",
    "pattern": "a regular expression that JavaScript and Python read",
    "uniqueItems": "true or false",
    "multipleOf": "a number above 0",
    "properties": "a mapping of JSON Schemas",
    **dict.fromkeys(_LISTS, "a list of JSON Schemas"),
    **dict.fromkeys(_COUNTS, "a whole number from 0 on"),
}
