"""JSON written as YAML, and the JSON Schemas that a shape can be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from harness.errors import ProjectError
from harness.project import nodes, yaml_reader
from harness.project.json_values import KEYWORDS, json_schema, json_value

SHAPE = """
  type: object
  title: An address
  required: [street]
  additionalProperties: false
  properties:
    street: {type: string, minLength: 1, maxLength: 80, pattern: '^\\S(?:.*)[a-z]$'}
    tags: {type: [array, "null"], items: {enum: [a, 1, 1.5, true, null, "1", [x], {y: z}]}, minItems: 0}
    set: {uniqueItems: true}
    floor: {type: integer, minimum: -2, exclusiveMaximum: 1e2, multipleOf: 0.5}
    more: true
    other: {not: {const: x}, anyOf: [{}, false], minProperties: 1}
"""


def node(text: str) -> Any:
    (document,) = yaml_reader.compose(f"k: {text}\n" if not text.startswith("\n") else f"k:{text}\n", Path("a.yml"))
    assert isinstance(document, nodes.MappingNode)
    return document["k"]


def plain(value: Any) -> Any:
    """A value of lists and dicts."""
    return json.loads(json.dumps(value, default=dict))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("'true'", "true"),
        ("True", "True"),
        ("null", None),
        ("", None),
        ("~", "~"),
        ("12", 12),
        ("-0", 0),
        ('"12"', "12"),
        ("012", "012"),
        ("1.50", 1.5),
        ("-2e3", -2000.0),
        (".5", ".5"),
        ("1_000", "1_000"),
        ("a b", "a b"),
        ("[]", []),
        ("[1, [a, {b: no}]]", [1, ["a", {"b": "no"}]]),
        ("{1: 2}", {"1": 2}),
    ],
)
def test_values(text: str, value: Any) -> None:
    found = json_value(node(text))
    assert plain(found) == value and type(plain(found)) is type(value)
    hash(found)


def test_a_json_schema_is_read_as_it_is() -> None:
    found = plain(json_schema.read(node(SHAPE)))
    assert list(found) == ["type", "title", "required", "additionalProperties", "properties"]
    assert found["properties"] == {
        "street": {"type": "string", "minLength": 1, "maxLength": 80, "pattern": r"^\S(?:.*)[a-z]$"},
        "tags": {
            "type": ["array", "null"],
            "items": {"enum": ["a", 1, 1.5, True, None, "1", ["x"], {"y": "z"}]},
            "minItems": 0,
        },
        "set": {"uniqueItems": True},
        "floor": {"type": "integer", "minimum": -2, "exclusiveMaximum": 100.0, "multipleOf": 0.5},
        "more": True,
        "other": {"not": {"const": "x"}, "anyOf": [{}, False], "minProperties": 1},
    }
    hash(json_schema.read(node(SHAPE)))
    jsonschema.Draft202012Validator.check_schema(found)


def is_schema(value: Any) -> bool:
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    try:
        jsonschema.Draft202012Validator.check_schema(value, format_checker=checker)
    except jsonschema.SchemaError:
        return False
    return True


@pytest.mark.parametrize("keyword", [each for each in KEYWORDS if each not in ("const", "default")])
def test_every_keyword_is_one_of_json_schema(keyword: str) -> None:
    """JSON Schema takes anything under a keyword that it does not know."""
    assert not all(is_schema({keyword: value}) for value in ("(", -1.5))


REFUSED = {
    "object": ("a.yml:1:4: expected a JSON Schema, such as {type: object}, found 'object'", "object"),
    "a list": ("a.yml:1:4: expected a JSON Schema, such as {type: object}, found a list", "[object]"),
    "a keyword": (
        "a.yml:1:5: 'typ' is no keyword that a shape can have; did you mean 'type'?\n"
        f"hint: a shape is a JSON Schema of: {', '.join(sorted(KEYWORDS))}",
        "{typ: object}",
    ),
    "a type": (
        "a.yml:1:11: expected one of object, array, string, number, integer, boolean, null, or a list of them, "
        "found 'text'",
        "{type: text}",
    ),
    "no type": (
        "a.yml:1:11: expected one of object, array, string, number, integer, boolean, null, or a list of them, "
        "found a list",
        "{type: []}",
    ),
    "required": ("a.yml:1:15: expected a list of names, found 'a'", "{required: a}"),
    "required numbers": ("a.yml:1:15: expected a list of names, found a list", "{required: [1]}"),
    "enum": ("a.yml:1:11: expected a list of values, found 'a'", "{enum: a}"),
    "pattern": (
        "a.yml:1:14: expected a regular expression that JavaScript and Python read, found '('",
        "{pattern: '('}",
    ),
    "pattern of Python": (
        "a.yml:1:14: expected a regular expression that JavaScript and Python read, found '(?i)a'",
        "{pattern: (?i)a}",
    ),
    "pattern of JavaScript": (
        "a.yml:1:14: expected a regular expression that JavaScript and Python read, found '\\\\p{L}'",
        "{pattern: '\\p{L}'}",
    ),
    "pattern of a number": (
        "a.yml:1:14: expected a regular expression that JavaScript and Python read, found '1'",
        "{pattern: 1}",
    ),
    "unique": ("a.yml:1:18: expected true or false, found 'yes'", "{uniqueItems: yes}"),
    "a length": ("a.yml:1:16: expected a whole number from 0 on, found '-1'", "{minLength: -1}"),
    "a fraction": ("a.yml:1:16: expected a whole number from 0 on, found '1.5'", "{minLength: 1.5}"),
    "a bound": ("a.yml:1:14: expected a number, found 'x'", "{minimum: x}"),
    "a truth": ("a.yml:1:14: expected a number, found 'true'", "{minimum: true}"),
    "no number": ("a.yml:1:14: expected a number, found '1e999'", "{minimum: 1e999}"),
    "multiples of 0": ("a.yml:1:17: expected a number above 0, found '0'", "{multipleOf: 0}"),
    "items": ("a.yml:1:12: expected a JSON Schema, found a list", "{items: [{}]}"),
    "items of 1": ("a.yml:1:12: expected a JSON Schema, found '1'", "{items: 1}"),
    "no items": ("a.yml:1:12: expected a JSON Schema, found nothing", "{items: }"),
    "properties": ("a.yml:1:17: expected a mapping of JSON Schemas, found a list", "{properties: [a]}"),
    "no properties": ("a.yml:1:17: expected a mapping of JSON Schemas, found nothing", "{properties: }"),
    "a property": (
        "a.yml:1:32: expected a whole number from 0 on, found 'x'",
        "{properties: {a: {maxItems: x}}}",
    ),
    "any of": ("a.yml:1:12: expected a list of JSON Schemas, found a mapping", "{anyOf: {}}"),
    "any of none": ("a.yml:1:12: expected a list of JSON Schemas, found a list", "{anyOf: []}"),
    "one of": ("a.yml:1:13: expected a JSON Schema, found 'x'", "{oneOf: [x]}"),
    "not": ("a.yml:1:21: expected a whole number from 0 on, found 'x'", "{not: {minItems: x}}"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_json_schema(what: str) -> None:
    message, text = REFUSED[what]
    with pytest.raises(ProjectError) as caught:
        json_schema.read(node(text))
    assert str(caught.value) == message


LEFT_ALONE = ("a keyword", "no number", "pattern of Python")
"""What JSON Schema takes, or the package that reads it here: other keywords, 1e999, what Python alone understands."""


@pytest.mark.parametrize("what", [each for each in REFUSED if each not in LEFT_ALONE])
def test_json_schema_refuses_it_too(what: str) -> None:
    assert not is_schema(plain(json_value(node(REFUSED[what][1]))))
