"""The JSON Schema and the reader agree: what is read validates, and what is unknown does not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harness.declarations import read_text
from harness.errors import ProjectError
from harness.project import nodes, yaml_reader
from harness.project.json_schema import checks_schema, project_schema
from harness.project.load import load
from harness.project.nodes import ListNode, Node

from .sample import KINDS, write

CHECKS_SCHEMA, PROJECT_SCHEMA = checks_schema(KINDS), project_schema()
CHECKS = jsonschema.Draft202012Validator(CHECKS_SCHEMA)
PROJECT = jsonschema.Draft202012Validator(PROJECT_SCHEMA)


def as_an_editor_reads(node: Node) -> Any:
    """YAML 1.2's core schema, as editors have it; our own reading leaves all as text."""
    if isinstance(node, ListNode):
        return [as_an_editor_reads(item) for item in node.items]
    if isinstance(node, nodes.MappingNode):
        return {key.text: as_an_editor_reads(value) for key, value in node.entries}
    if node.quoted:
        return node.text
    if node.text in ("", "~", "null"):
        return None
    if node.text in ("true", "false"):
        return node.text == "true"
    if re.fullmatch(r"[-+]?[0-9]+", node.text):
        return int(node.text)
    return float(node.text) if re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)", node.text) else node.text


def value(text: str) -> Any:
    (node,) = yaml_reader.compose(text, Path("a.yml"))
    return as_an_editor_reads(node)


def test_the_schemas_are_schemas() -> None:
    for validator in (CHECKS, PROJECT):
        validator.check_schema(validator.schema)


def test_every_key_is_described() -> None:
    """What an editor shows when the mouse rests on a key."""
    for schema in (*CHECKS_SCHEMA["$defs"].values(), CHECKS_SCHEMA["then"], CHECKS_SCHEMA["else"], PROJECT_SCHEMA):
        for name, described in schema["properties"].items():
            assert described.get("description"), name


names = st.sampled_from(["a", "status", "user_id", "on", "null", "007", "größe"])
flags = st.sampled_from(["true", "false"])
predicates = st.sampled_from(["a > 0", "true", "a in (1, 2)", "m #>> '{a}' is null", "1"])
common = {"name": st.uuids().map(str), "tags": names | st.lists(names, min_size=1, unique=True), "description": names}


def entry(**required: st.SearchStrategy[Any]) -> Any:
    """An entry of ``checks:``, the kind first."""

    def with_optional(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
        drawn = st.fixed_dictionaries(required, optional={**optional, **common})
        return drawn.map(lambda keys: {**{name: keys[name] for name in required}, **keys})

    return with_optional


entries = st.one_of(
    entry(unique=names | st.lists(names, min_size=1, unique=True))(
        where=predicates, nulls=st.sampled_from(["distinct", "not distinct"]), constraint=names
    ),
    entry(not_null=names)(),
    entry(accepted_values=st.lists(names, min_size=1, unique=True), column=names)(constraint=names),
    entry(check=predicates)(constraint=names),
    entry(privileges=st.dictionaries(names, st.just("all") | st.just(["select"])))(),
)
columns = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["text", "numeric(10,2)", "text[]"]),
        "not_null": flags,
        "default": st.sampled_from(["1", "now()", "true"]),
        "description": names,
        "accepted_values": st.lists(names, min_size=1, unique=True),
        "class": names,
    },
)
files = st.fixed_dictionaries(
    {"table": st.just("shop.orders")},
    optional={
        "tags": names,
        "description": names,
        "columns": st.dictionaries(names, columns),
        "checks": st.lists(entries, max_size=3),
    },
)


class Plain(yaml.SafeDumper):
    """Writes every text as a person would: plain where YAML 1.2 and our reader allow it."""


def _text(dumper: Plain, text: str) -> yaml.ScalarNode:
    plain = re.fullmatch(r"[\wöß]+( \w+)*", text)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


Plain.add_representer(str, _text)


def written(document: object) -> str:
    text = yaml.dump(document, Dumper=Plain, sort_keys=False, allow_unicode=True)
    return re.sub(r"'(true|false|null|on|007|1)'", r"\1", text)


def is_read(text: str) -> bool:
    """Whether the reader takes the file by itself: that names differ is no matter of a schema."""
    try:
        list(read_text(text, Path("orders.yml"), "shop", KINDS))
    except ProjectError:
        return False
    return True


@given(files)
def test_what_is_read_validates(document: dict[str, Any]) -> None:
    text = written(document)
    assert is_read(text), text
    CHECKS.validate(value(text))


@given(files, st.data())
def test_an_unknown_key_is_refused_by_both(document: dict[str, Any], data: st.DataObject) -> None:
    places = [document, *document.get("columns", {}).values(), *document.get("checks", [])]
    data.draw(st.sampled_from(places))["unheard_of"] = "x"
    text = written(document)
    assert not is_read(text)
    assert not CHECKS.is_valid(value(text)), text


@pytest.mark.parametrize(
    "text",
    [
        "checks: []",
        "table: orders",
        "table: a.b\nmodule: c",
        "module: shop\ncolumns: {}",
        "module: shop\nchecks: [{unique: a}]",
        "table: a.b\nchecks: [{rollback: all}]",
        "table: a.b\nchecks: [{where: a}]",
        "table: a.b\nchecks: [{uniqe: a}]",
        "table: a.b\nchecks: [{unique: a, nulls: equal}]",
        "table: a.b\nchecks: [{unique: []}]",
        "table: a.b\nchecks: [{accepted_values: [a]}]",
        "table: a.b\ncolumns: {c: {not_null: 1}}",
        "table: a.b\ncolumns: {c: {unique: {column: d}}}",
        "table: a.b\ncolumns: {c: text}",
        "table: a.b\nchecks: [{privileges: {a: [insrt]}}]",
    ],
)
def test_what_both_refuse(text: str) -> None:
    assert not is_read(text)
    assert not CHECKS.is_valid(value(text))


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("name: a\nmodules: [b]", True),
        ("name: a\nmodules: {b: {}, c: {depends_on: b}, d: {depends_on: [b, c]}, e: }", True),
        ("name: a\nmodules: []\ntargets: {x: {system: 15}}\ntimeouts: {lock: 5s, statement: 100}", True),
        ("name: a\nmodules: []\nprofiles: {ci: {scenarios: 3, seed: 0}}\nclasses: [PHI]\nledger: {schema: b}", True),
        ("name: a", False),
        ("modules: []", False),
        ("name: a\nmodules: b", False),
        ("name: a\nmodules: {b: {depend_on: c}}", False),
        ("name: a\nmodules: []\nprofiles: {ci: {scenarios: 0}}", False),
        ("name: a\nmodules: []\nprofiles: {ci: {seed: 0}}", False),
        ("name: a\nmodules: []\ntargets: {x: {dns: y}}", False),
        ("name: a\nmodules: []\ntarget: [x]", False),
    ],
)
def test_project_files(tmp_path: Path, text: str, good: bool) -> None:
    assert PROJECT.is_valid(value(text)) is good
    try:
        load(write(tmp_path, {"project.yml": text}))
    except ProjectError:
        assert not good
    else:
        assert good
