"""YAML as source text: nothing is typed, nothing is lost, and every place is right."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import Place, ProjectError
from harness.project import nodes, yaml_reader
from harness.project.nodes import ListNode, MappingNode, Node, Scalar

FILE = Path("a.yml")


def compose(text: str) -> Node:
    (document,) = yaml_reader.compose(text, FILE)
    return document


def plain(node: Node) -> object:
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    return {key.text: plain(value) for key, value in node.entries}


def refusal(text: str) -> str:
    with pytest.raises(ProjectError) as caught:
        yaml_reader.compose(text, FILE)
    return str(caught.value)


def test_nothing_is_typed() -> None:
    written = "a: [on, no, 007, 1.10, 12:30, 2020-01-01, ~, null, 0x1F, 1_000, .5, true]"
    values = ["on", "no", "007", "1.10", "12:30", "2020-01-01", "~", "null", "0x1F", "1_000", ".5", "true"]
    assert plain(compose(written)) == {"a": values}


def test_places_count_from_one_and_in_characters() -> None:
    (entry,) = yaml_reader.compose("ü: {größe: 'x', 😀: y}\n", FILE)
    assert isinstance(entry, MappingNode)
    inner = entry.get("ü")
    assert isinstance(inner, MappingNode)
    assert [(str(key.place), str(value.place)) for key, value in inner.entries] == [
        ("a.yml:1:5", "a.yml:1:12"),
        ("a.yml:1:17", "a.yml:1:20"),
    ]


def test_quoted_and_comment() -> None:
    node = compose("a: x # why\nb: 'x' # why\nc: |\n  x\nd: x\n")
    assert isinstance(node, MappingNode)
    scalars = [value for _, value in node.entries if isinstance(value, Scalar)]
    assert [(scalar.quoted, scalar.comment) for scalar in scalars] == [
        (False, " why"),
        (True, None),
        (True, None),
        (False, None),
    ]


@pytest.mark.parametrize(
    ("text", "offset", "place"),
    [
        ("a: bcd\n", 2, "a.yml:1:6"),
        ("a: 'bcd'\n", 2, "a.yml:1:7"),
        ('a: "bcd"\n', 2, "a.yml:1:7"),
        ("a: &x bcd\n", 2, "a.yml:1:9"),
        ("a: |\n    bc\n    de\n", 4, "a.yml:3:6"),
        ("a: |-\r\n  bc\r\n\r\n  de\r\n", 5, "a.yml:4:4"),
        ("a: 'b''c'\n", 2, "a.yml:1:4"),  # not letter for letter: the scalar's own place
        ("a: b\n  c\n", 2, "a.yml:1:4"),
        ("a: >\n  b\n  c\n", 2, "a.yml:1:4"),
    ],
)
def test_the_place_of_a_character(text: str, offset: int, place: str) -> None:
    node = compose(text)
    assert isinstance(node, MappingNode)
    value = node.get("a")
    assert isinstance(value, Scalar)
    assert str(value.at(offset)) == place


def test_documents() -> None:
    assert [plain(node) for node in yaml_reader.compose("a: 1\n---\nb: 2\n...\n", FILE)] == [{"a": "1"}, {"b": "2"}]


def test_aliases_are_read() -> None:
    assert plain(compose("a: &x [1, 2]\nb: *x\nc: &y z\nd: *y\n")) == {
        "a": ["1", "2"],
        "b": ["1", "2"],
        "c": "z",
        "d": "z",
    }


def test_comments_in_flow_style_tear_nothing() -> None:
    assert plain(compose("a: [\n  b, # one\n  c # another, and more (so\n]\n")) == {"a": ["b", "c"]}


@pytest.mark.parametrize(
    "value",
    ["a::int > 3", "it's", "f(x)", "x in ('(')", "{}", "a b", "$user::text", "http://x/y#z", "a#b"],
)
def test_what_flow_style_leaves_whole(value: str) -> None:
    expected = {} if value == "{}" else value
    assert plain(compose(f"a: {{k: {value}, l: [{value}, {value}]}}")) == {"a": {"k": expected, "l": [expected] * 2}}


TORN = "a.yml:1:%d: in flow style a comma ends a value, so %s falls apart\nhint: quote it: %s"
COMMENT = (
    "a.yml:1:%d: '#' after a space begins a comment, so the value is only %s\n"
    "hint: quote the value: %s, or write the comment as '# …'"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: {type: numeric(10,2)}", TORN % (11, "'numeric(10,2)'", '{type: "numeric(10,2)"}')),
        ("a: {k: x in (1, 2, 3), l: m}", TORN % (8, "'x in (1, 2, 3)'", '{k: "x in (1, 2, 3)"}')),
        ("a: {k: f(a, b: c)}", TORN % (8, "'f(a, b: c)'", '{k: "f(a, b: c)"}')),
        ("a: [numeric(10, 2)]", TORN % (5, "'numeric(10, 2)'", '["numeric(10, 2)"]')),
        ('a: {k: f(", b)", 1)}', TORN % (8, "'f(\", b)\", 1)'", "{k: 'f(\", b)\", 1)'}")),
        ("a: [b, (c, d]", TORN % (8, "'(c'", '["(c"]')),
        (
            "a: {b, c: d}",
            "a.yml:1:5: 'b' has no value\nhint: in flow style a comma ends a value: quote a value that contains one",
        ),
        ("a: x #>> '{a,b}' is null", COMMENT % (4, "'x'", "a: \"x #>> '{a,b}' is null\"")),
        ("- x #y", COMMENT % (3, "'x'", '"x #y"')),
        ("a: #x", COMMENT % (3, "''", 'a: "#x"')),
        (
            "a: {k: x #>> '{a}' is null, l: m}",
            "a.yml:1:10: not valid YAML: the bracket or brace of line 1 is not closed before this, or a "
            "comma is missing\n"
            "hint: quote the value: \"x #>> '{a}' is null\"",
        ),
        (
            "a: {k: text[], l: m}",
            "a.yml:1:12: not valid YAML: the bracket or brace of line 1 is not closed before this, or a "
            "comma is missing\n"
            'hint: quote the value: "text[]"',
        ),
        (
            "a: {k: x in ('a','b'), l: m}",
            "a.yml:1:21: not valid YAML: the bracket or brace of line 1 is not closed before this, or a "
            "comma is missing\n"
            "hint: quote the value: \"x in ('a','b')\"",
        ),
        (
            "a: '{}'::jsonb",
            "a.yml:1:8: not valid YAML: there is more after the end of a value: a quote is missing or one too many, or "
            "the line is not indented like those from line 1 on\nhint: quote the value: \"'{}'::jsonb\"",
        ),
        (
            "a: 1\n  b: 2\n",
            "a.yml:2:4: not valid YAML: a colon that is not expected: a value with a colon in it needs quotes, and a "
            "key is indented like the others beside it",
        ),
        (
            "a:\n  b: 1\n  - c: 2\n",
            "a.yml:3:3: not valid YAML: an item of a list among keys, which begin in line 2: it is not indented as it "
            "should be, or has a dash too many",
        ),
        ("a: 1\nb\nc: 2\n", "a.yml:3:1: not valid YAML: line 2 is neither a key with a colon nor an item with a dash"),
        ("  a: 1\nb: 2\n", "a.yml:2:1: not valid YAML: this line is not indented like the first one"),
        (
            "a:\n  - b: 1\n   c: 2\n",
            "a.yml:3:4: not valid YAML: this line is not indented like those that begin in line 2",
        ),
        (
            "a:\n  - b: 1\n  -c: 2\n",
            "a.yml:3:3: not valid YAML: a list begins in line 2, and this is no item of it\n"
            "hint: an item begins with a dash and a blank: '- '",
        ),
        (
            "a: b = 'c: d'",
            "a.yml:1:10: not valid YAML: a colon that is not expected: a value with a colon in it needs quotes, and a "
            "key is indented like the others beside it\nhint: quote the value: \"b = 'c: d'\"",
        ),
    ],
)
def test_what_yaml_would_tear(text: str, message: str) -> None:
    assert refusal(text) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a.yml:1:1: the file is empty"),
        ("# only a comment\n", "a.yml:1:1: the file is empty"),
        ("a: b\nc: d\na: e\n", "a.yml:3:1: key 'a' is given twice, first in line 1"),
        ("a:\n\tb: c\n", "a.yml:2:1: a tab; YAML indents with spaces"),
        ("a:\n  b: c\n  \td: e\n", "a.yml:3:3: a tab; YAML indents with spaces"),
        ("-\t- a\n  -\tb\n\t- c", "a.yml:1:2: a tab; YAML indents with spaces"),
        ("a: &one 1\nb: *oen\n", "a.yml:2:4: unknown anchor 'oen'; did you mean 'one'?"),
        ("a: &x [*x]\n", "a.yml:1:7: an alias that contains itself"),
        (
            "a: &x {b: c}\nd:\n  <<: *x\n",
            "a.yml:3:3: merge keys (<<) are not read\n"
            "hint: write the keys out, or give a whole value an anchor (&) and repeat it by its alias (*)",
        ),
        ("a: !!int 3\n", "a.yml:1:4: a YAML tag; values are read as they are written\nhint: leave the tag out"),
        ("a: &x !y 3\n", "a.yml:1:4: a YAML tag; values are read as they are written\nhint: leave the tag out"),
        ("a: b\x07\n", "a.yml:1:5: not valid YAML: the character U+0007 may not stand in a file"),
        ("é: b\x07\n", "a.yml:1:5: not valid YAML: the character U+0007 may not stand in a file"),
        (
            "a: 'b\n",
            "a.yml:2:1: not valid YAML: the quote of line 1 has no other half\n"
            "hint: the file ends before something is closed: a bracket, a brace or a quote lacks its other half",
        ),
        ("? [a]\n: b\n", "a.yml:1:3: expected a key, found a list"),
        (
            "a:\n" + "- " * 100 + "b",
            "a.yml:2:199: nested too deeply: more than 100 lists and mappings, one in the other",
        ),
        ('a: "x\\0"', "a.yml:1:4: the character U+0000 can stand in no text of PostgreSQL\nhint: take the escape out"),
        (
            r'[a, "\ud83d"]',
            "a.yml:1:5: the character U+D83D can stand in no text of PostgreSQL\nhint: take the escape out",
        ),
    ],
)
def test_bad_files(text: str, message: str) -> None:
    assert refusal(text) == message


def test_bytes_that_are_no_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_bytes("a: ü\n".encode() + b"bc: \xfc\n")
    with pytest.raises(ProjectError) as caught:
        yaml_reader.read(path, FILE)
    assert str(caught.value) == "a.yml:2:5: not UTF-8: byte 0xfc\nhint: save the file as UTF-8"


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_bytes(b"\xef\xbb\xbfa: bc # d\n")
    (node,) = yaml_reader.read(path, FILE)
    assert isinstance(node, MappingNode)
    assert node.get("a") == Scalar("bc", Place(FILE, 1, 4), comment=" d")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        yaml_reader.read(tmp_path / "none.yml", Path("none.yml"))
    assert str(caught.value) == "none.yml: cannot be read: No such file or directory"


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff\u2028\u2029"), max_size=12)
trees = st.recursive(
    texts,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(texts.filter(lambda text: text != "<<"), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(trees, st.sampled_from([None, True, False]), st.sampled_from([None, "'", '"', "|"]))
def test_a_tree_comes_back_as_it_was(tree: object, flow: bool | None, style: str | None) -> None:
    """What PyYAML writes we read as the same texts, and where a scalar's place is, its text stands."""
    stream = io.StringIO()
    yaml.dump({"tree": tree}, stream, yaml.SafeDumper, default_flow_style=flow, default_style=style, allow_unicode=True)
    written = stream.getvalue().replace("!!str ", "")
    # Flow style can hold plain texts that we take for torn SQL; the dumper knows nothing of it.
    try:
        node = compose(written)
    except ProjectError as error:
        assert "falls apart" in error.message or "begins a comment" in error.message or "a YAML tag" in error.message
        return
    assert plain(node) == {"tree": tree}
    for scalar in scalars_of(node):
        line = written.split("\n")[(scalar.place.line or 0) - 1][(scalar.place.column or 0) - 1 :]
        if scalar.lines and scalar.text and "\n" not in scalar.text:
            where = scalar.at(0)
            assert written.split("\n")[(where.line or 0) - 1][(where.column or 0) - 1 :].startswith(scalar.text)
        assert line[:1] in ("'", '"', "|", ">", "?") if scalar.quoted else line.startswith(scalar.text[:1])


def scalars_of(node: Node) -> list[Scalar]:
    if isinstance(node, Scalar):
        return [node]
    if isinstance(node, ListNode):
        return [scalar for item in node.items for scalar in scalars_of(item)]
    return [scalar for key, value in node.entries for scalar in (key, *scalars_of(value))]


@given(st.text(max_size=60) | st.text("a:{}[],#&*!|>'\"% -\n\t(?)~", max_size=60))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    try:
        yaml_reader.compose(text, FILE)
    except ProjectError as error:
        assert error.place is not None and error.place.line


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 600 + "b" + "}" * 600, "? " * 600 + "a"])
def test_what_is_nested_without_end_ends_no_process(text: str) -> None:
    assert "nested too deeply" in refusal(text)


def test_a_hundred_levels_are_read() -> None:
    assert plain(compose("[" * 100 + "]" * 100))
    assert "nested too deeply" in refusal("[" * 101 + "]" * 101)


def chained(copies: int, lines: int) -> str:
    """Each line holds the one before it, so many times."""
    return "a0: &a0 [x]\n" + "".join(
        f"a{line}: &a{line} [{', '.join([f'*a{line - 1}'] * copies)}]\n" for line in range(1, lines)
    )


def test_aliases_count_for_what_they_stand_for() -> None:
    assert refusal(chained(1, 600)).startswith("a.yml:101:13: nested too deeply")
    assert refusal(chained(2, 60)).endswith("aliases that stand for more than 1,000,000 values\nhint: write them out")
    assert compose(chained(1, 50))
    assert compose("a: &a {x: 1}\nb: [" + "*a, " * 1000 + "]")


def test_a_long_value_is_not_quoted_as_a_whole() -> None:
    found = str(nodes.expected("a list", compose("x" * 200_000)))
    assert re.fullmatch(r"a.yml:1:1: expected a list, found 'x+ … \(200,000 characters\) … x+'", found)
    assert len(found) < 200
