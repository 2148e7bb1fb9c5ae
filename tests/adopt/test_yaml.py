"""What is written is read back, whatever the names and texts are."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.describe import yaml
from harness.project import yaml_reader
from harness.project.nodes import ListNode, Node, Scalar

AWKWARD = [
    "on", "no", "null", "~", "007", "1.10", "12:30", "Großer Name", "a b", "a.b", "a # b", "#a", "a: b", "a:", "- a",
    "-", "?", "? a", "'quoted'", '"quoted"', "it's", 'say "no"', "back\\slash", "two\nlines", " before", "after ", "\t",
    "{a}", "[a]", "a, b", "&a", "*a", "!a", "|", ">", "%a", "@a", "`a`", "<<", "=", "---", "...", "\u2028", "\x01",
    "\ufeffa", "\x85", "😀", "a::text", "meta #>> '{a,b}' is not null", "(a > 0)", "(a, b)", "a\n\n  b\nc", "\n", "a\n",
    "x" * 300, "word " * 60 + "end", "a  b " * 60 + "end", "'007'::text", "-1", "-a", ".5", "$a", "a\r\nb", "_a", "٣",
    "a -- b", ":a", ",", "é", "\ud7ff", "a\n# b", "a\n---\nb", "''", "E'\\n'",
]  # fmt: skip
texts = st.one_of(
    st.sampled_from(AWKWARD), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
)
names = texts.filter(lambda text: text not in ("", "<<"))


def read(text: str) -> Node:
    (document,) = yaml_reader.compose(text, Path("x.yml"))
    return document


def plain(node: Node) -> object:
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, ListNode):
        return [plain(each) for each in node.items]
    return {key.text: plain(value) for key, value in node.entries}


@pytest.mark.parametrize("text", AWKWARD)
def test_an_awkward_text_comes_back(text: str) -> None:
    value: dict[str, yaml.YamlValue] = {"value": text, "list": [text, text], "mapping": {"a": {"b": text, "c": "d"}}}
    lines = [line for key, each in value.items() for line in yaml.entry(key, each)]
    assert plain(read("\n".join(lines))) == value


@pytest.mark.parametrize("name", [text for text in AWKWARD if text != "<<"])
def test_an_awkward_name_comes_back(name: str) -> None:
    lines = ["a:", *yaml.entry(name, {name: "x"}, 2), *yaml.entry("b", {"inside": {name: name}})]
    assert plain(read("\n".join(lines))) == {"a": {name: {name: "x"}}, "b": {"inside": {name: name}}}


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(st.dictionaries(names, st.one_of(texts, st.lists(texts), st.dictionaries(names, texts)), min_size=1))
@example({"a": {}, "b": []})
def test_what_is_written_is_read_back(value: dict[str, yaml.YamlValue]) -> None:
    lines = [line for key, each in value.items() for line in yaml.entry(key, each)]
    assert plain(read("\n".join(lines))) == value
    listed = ["checks:", *yaml.item(value, 2), *yaml.item(value, 2)]
    assert plain(read("\n".join(listed))) == {"checks": [value, value]}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("open", "open"),
        ("now()", "now()"),
        ("'open'", "\"'open'\""),
        ("numeric(10,2)", '"numeric(10,2)"'),
        ("0", "0"),
        ("no", '"no"'),
        ("a > 0", "a > 0"),
        ("nextval('t.s'::regclass)", "nextval('t.s'::regclass)"),
    ],
)
def test_quotes_stand_only_where_they_must(text: str, written: str) -> None:
    assert yaml.flow({"a": text}) == f"{{a: {written}}}"


def test_a_long_text_is_folded() -> None:
    lines = yaml.entry("check", "a = 1 or " * 20 + "b")
    assert lines[0] == "check: >-"
    assert max(map(len, lines)) <= yaml.WIDTH
