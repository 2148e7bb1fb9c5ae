"""Shapes of jsonb columns: which of them a CHECK enforces, and what becomes of them in each language."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from harness.project import nodes, yaml_reader
from harness.project.json_values import json_schema
from harness.server.connection import Server
from harness.types import pydantic_models, typescript, zod
from harness.types.javascript import NODE
from harness.types.json_shapes import shape_schema, unknown_keywords
from harness.types.model import DatabaseTypes
from harness.types.reading import Declared
from harness.types.runtime_shapes import fits
from tests.types import node_programs
from tests.types.from_server import built, place, table, types_of, unstated
from tests.types.python_package import imported, messages, written

STUB = (Path(__file__).parent / "pg_jsonschema.sql").read_text()
SHAPE = '{"type": "object", "required": ["name"], "properties": {"name": {"type": "string", "minLength": 1}}}'
SAME = '{"required":["name"],"properties":{"name":{"minLength":1.0,"type":"string"}},"type":"object"}'
ONLY_TRUE, MORE = '{"enum": [true]}', '{"uniqueItems": true, "not": {}}'
NONE_ENFORCES = {"doc": "no CHECK enforces its shape"}
OTHER = "it has a JSON Schema that is not the shape of a column"


def shape(text: str) -> Any:
    """The shape as a check file has it."""
    (document,) = yaml_reader.compose(text, Path("a.yml"))
    assert isinstance(document, nodes.MappingNode)
    return json_schema.read(document)


def types_with(server: Server, check: str, declared: str | None = SHAPE, type: str = "jsonb") -> DatabaseTypes:
    """The types of a table with a document and a CHECK, and perhaps a shape."""
    shapes = {place("t.doc"): shape(declared)} if declared is not None else {}
    schema = f"{STUB} create schema app; create table app.t (doc {type}, kind text); alter table app.t {check}"
    with built(server, schema) as connection:
        return types_of(connection, Declared(shapes=shapes))


def matches(schema: str = SHAPE, document: str = "doc", function: str = "jsonb_matches_schema") -> str:
    return f"{function}('{schema}', {document})"


ENFORCED = {
    "as it is": (f"add constraint c check ({matches()})", "jsonb"),
    "in other words": (f"add constraint c check ({matches(SAME)})", "jsonb"),
    "of json": (f"add constraint c check ({matches(function='json_matches_schema')})", "json"),
    "cast": (f"add constraint c check ({matches(document='doc::json', function='json_matches_schema')})", "jsonb"),
    "besides other rules": (f"add constraint c check (kind <> '' and {matches()} and kind <> 'x')", "jsonb"),
    "after another": (
        f"add constraint a check (jsonb_typeof(doc) = 'object'), add constraint c check ({matches()})",
        "jsonb",
    ),
}


@pytest.mark.parametrize("what", ENFORCED)
def test_a_shape_that_a_check_enforces(server: Server, what: str) -> None:
    check, type = ENFORCED[what]
    types = types_with(server, check, type=type)
    found = table(types, "t").field("doc")
    assert found.shape == json.loads(SHAPE) and found.shape_rule == "c"
    assert "c" in found.constraints and [each.name for each in table(types, "t").rules][-1] == "c"
    assert types.unstated == ()


LEFT_OUT = {
    "no CHECK": ("add check (kind <> '')", SHAPE, NONE_ENFORCES),
    "another CHECK": (
        "add constraint c check (jsonb_typeof(doc) = 'object')",
        SHAPE,
        NONE_ENFORCES,
    ),
    "another schema": (
        f"add constraint c check ({matches('{}')})",
        SHAPE,
        {"c": OTHER, **NONE_ENFORCES},
    ),
    "true for 1": (
        f"add constraint c check ({matches(ONLY_TRUE)})",
        "enum: [1]",
        {"c": OTHER, **NONE_ENFORCES},
    ),
    "not of all rows": (
        f"add constraint c check (kind = 'x' or {matches()})",
        SHAPE,
        {"c": OTHER, **NONE_ENFORCES},
    ),
    "the opposite": (f"add constraint c check (not {matches()})", SHAPE, {"c": OTHER, **NONE_ENFORCES}),
    "of a part": (
        f"add constraint c check ({matches(document='doc -> 1')})",
        SHAPE,
        {"c": "it has the operator ->", **NONE_ENFORCES},
    ),
    "not declared": (f"add constraint c check ({matches()})", None, {"c": OTHER}),
    "not valid": (
        f"add constraint c check ({matches()}) not valid",
        SHAPE,
        {"c": "values of before need not keep it (NOT VALID)", **NONE_ENFORCES},
    ),
    "more than types can say": (
        f"add constraint c check ({matches(MORE)})",
        "{uniqueItems: true, not: {}}",
        {"c": "it has JSON Schema's uniqueItems, not", **NONE_ENFORCES},
    ),
}


@pytest.mark.parametrize("what", LEFT_OUT)
def test_a_shape_that_none_enforces(server: Server, what: str) -> None:
    check, declared, reasons = LEFT_OUT[what]
    types = types_with(server, check, declared)
    assert table(types, "t").field("doc").shape is None
    assert unstated(types, "t") == reasons
    written = {
        **typescript.render(types, NODE),
        **{f"zod {name}": text for name, text in zod.render(types, NODE).items()},
        **pydantic_models.render(types),
    }
    assert "doc: Json;" in written["app.ts"]
    assert 'doc: pg.jsonb("doc").nullable()' in written["zod app.ts"]
    assert "doc: Jsonb | None\n" in written["app.py"]
    assert "_shapes.py" not in written


GOOD: list[Any] = [{"name": "x"}, {"name": "x", "more": [1]}, None]
BAD: list[Any] = [{}, {"name": ""}, {"name": 1}, [], "x", 1]


@pytest.fixture(scope="module")
def enforced(server: Server) -> DatabaseTypes:
    return types_with(server, f"add constraint c check ({matches()}), add check (kind <> '')")


def test_in_typescript_and_zod(enforced: DatabaseTypes, tmp_path: Path) -> None:
    (text,) = typescript.render(enforced, NODE).values()
    assert "doc: { name: string; [key: string]: Json | undefined } | null;" in text
    node_programs.write(tmp_path, zod.render(enforced, NODE))
    assert node_programs.compiled(tmp_path, 7) == ""
    base = {"file": "out/app.js", "schema": "tInsert"}
    found = node_programs.judged(tmp_path, [{**base, "value": {"doc": each}} for each in (*GOOD, *BAD)])
    assert found == [[]] * len(GOOD) + [[["c", ["doc"]]]] * len(BAD)


def test_in_pydantic(enforced: DatabaseTypes, tmp_path: Path) -> None:
    with imported(written(tmp_path, enforced), "app") as module:
        for each in GOOD:
            assert messages(module.TInsert, json.dumps({"doc": each})) == []
            assert messages(module.TRecord, {"doc": each, "kind": None}) == []
        for each in BAD:
            assert messages(module.TInsert, json.dumps({"doc": each})) == [(("doc",), "c")]
            assert messages(module.TRecord, {"doc": each, "kind": None}) == [(("doc",), "c")]


SCHEMAS: list[Any] = [
    True,
    False,
    {},
    {"title": "anything"},
    {"type": "integer"},
    {"type": "number", "exclusiveMinimum": 1},
    {"type": ["string", "null"]},
    {"type": "boolean"},
    {"minimum": 0, "maximum": 1.5},
    {"exclusiveMaximum": 2, "type": "number"},
    {"multipleOf": 0.5},
    {"enum": ["a", 1, None, True]},
    {"const": 1},
    {"const": False},
    {"minLength": 1, "maxLength": 1},
    {"pattern": "^a"},
    {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2},
    {"items": False},
    {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}, "b": False}},
    {"required": ["a"], "additionalProperties": False, "properties": {"a": {"required": ["b"]}}},
    {"properties": {"a": True}, "additionalProperties": {"type": "integer"}},
]
VALUES: list[Any] = [
    *(None, True, False, 0, 1, 1.0, 1.5, 2, 0.25, -1, 2**60, "", "a", "\U0001f600", "ab", "\U0001f600a", "ba"),
    *([], [1], [1.0, 2], [1.5], [1, 2, 3], ["a"], [None], [[1]]),
    *({}, {"a": 1}, {"a": 1.5}, {"a": None}, {"a": {"b": 1}}, {"a": {}}, {"b": 1}, {"a": 1, "c": 2}, {"c": "x"}),
]


@pytest.mark.slow
def test_all_languages_say_what_json_schema_says(tmp_path: Path) -> None:
    assert not any(each for schema in SCHEMAS for each in unknown_keywords(schema))
    known = [jsonschema.Draft202012Validator(each) for each in SCHEMAS]
    expected = [[bool(one.is_valid(value)) for value in VALUES] for one in known]
    assert [[fits(value, schema) for value in VALUES] for schema in SCHEMAS] == expected
    lines = (f"export const s{number} = {shape_schema(schema)};" for number, schema in enumerate(SCHEMAS))
    node_programs.write(tmp_path, {"shapes.ts": "\n".join(['import * as z from "zod";', *lines, ""])})
    assert node_programs.compiled(tmp_path, 7) == ""
    pairs = list(itertools.product(range(len(SCHEMAS)), VALUES))
    found = node_programs.judged(
        tmp_path, [{"file": "out/shapes.js", "schema": f"s{number}", "value": value} for number, value in pairs]
    )
    answers = iter(not each for each in found)
    differing = [
        (SCHEMAS[number], value)
        for (number, value), answer, wanted in zip(pairs, answers, itertools.chain(*expected), strict=True)
        if answer != wanted
    ]
    assert differing == []


def test_equal_documents() -> None:
    """What enum and const hold beside literals, which Zod does not state."""
    schema = {"enum": [{"a": [1, True]}, [[]]]}
    values: list[Any] = [{"a": [1.0, True]}, {"a": [1, 1]}, {"a": [1]}, {}, [[]], [[1]]]
    assert [fits(each, schema) for each in values] == [True, False, False, False, True, False]
