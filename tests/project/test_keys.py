"""The readers: what each takes, and the words in which it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import ProjectError
from harness.kinds.locked import FreeDeletions, LockedKind
from harness.kinds.rows import RowsKind
from harness.project import keys, nodes, yaml_reader
from harness.project.keys import FrozenDict, Reader, read_kind
from harness.project.model import TableName

from .sample import AcceptedValues, Class, Unique


def node(text: str) -> Any:
    (document,) = yaml_reader.compose(f"k: {text}\n" if not text.startswith("\n") else f"k:{text}\n", Path("a.yml"))
    assert isinstance(document, nodes.MappingNode)
    return document.get("k")


def refusal(reader: Reader[Any], text: str) -> str:
    with pytest.raises(ProjectError) as caught:
        reader.read(node(text))
    return str(caught.value)


@pytest.mark.parametrize(
    ("reader", "text", "value"),
    [
        (keys.name, "user_id", "user_id"),
        (keys.name, "no", "no"),
        (keys.text, "007", "007"),
        (keys.text, '""', ""),
        (keys.names, "a", ("a",)),
        (keys.names, "[a, b]", ("a", "b")),
        (keys.texts, "[on, 1.10]", ("on", "1.10")),
        (keys.boolean, "true", True),
        (keys.integer, "-12", -12),
        (keys.choice("set null", "cascade"), "set null", "set null"),
        (keys.table, "auth.users", TableName("auth", "users")),
        (keys.table, '\'"a.b"."c ""d"\'', TableName("a.b", 'c "d')),
        (keys.table_columns, "auth.users", (TableName("auth", "users"), ())),
        (keys.table_columns, '"auth.users (id, x)"', (TableName("auth", "users"), ("id", "x"))),
        (keys.mapping(keys.integer), "{a: 1}", FrozenDict({"a": 1})),
        (keys.one_of(keys.boolean, keys.predicate), "true", True),
        (keys.one_of(keys.boolean, keys.predicate), "a > 1", "a > 1"),
        (keys.any_value, "{a: [b, {c: d}]}", FrozenDict({"a": ("b", FrozenDict({"c": "d"}))})),
        (keys.sqlstate, "23505", "23505"),
        (keys.isolation_levels, "true", ("read committed",)),
        (keys.isolation_levels, "false", ()),
        (keys.isolation_levels, "repeatable read", ("repeatable read",)),
        (keys.isolation_levels, "[read committed, serializable]", ("read committed", "serializable")),
        (keys.predicate, "a > 1 # more than one", "a > 1"),
        (keys.predicate, "'a # 3 = b'", "a # 3 = b"),
        (keys.query, "select 1;", "select 1"),
        (keys.listed(keys.name), "[]", ()),
        (keys.operator, "'&&'", "&&"),
        (keys.operator, "operator(public.<->)", "operator(public.<->)"),
        (keys.predicate_of("new"), "id = $new.id", "id = $new.id"),
        (keys.query_of(), "select '$new';", "select '$new'"),
        (keys.mapping(keys.operator, keys.expression), '{"lower(a)": =}', FrozenDict({"lower(a)": "="})),
    ],
)
def test_what_a_reader_takes(reader: Reader[Any], text: str, value: object) -> None:
    read = reader.read(node(text))
    assert read == value and type(read) is type(value)
    assert hash(read) == hash(value)


@pytest.mark.parametrize(
    ("reader", "text", "message"),
    [
        (keys.name, "[a]", "a.yml:1:4: expected a name, found a list"),
        (keys.name, "", "a.yml:1:3: expected a name, found nothing"),
        (keys.name, "''", "a.yml:1:4: expected a name, found ''"),
        (keys.name, "é" * 32, f"a.yml:1:4: '{'é' * 32}' is longer than the 63 bytes of a name in PostgreSQL"),
        (keys.text, "{a: b}", "a.yml:1:4: expected a text, found a mapping"),
        (keys.names, "[]", "a.yml:1:4: expected at least a name, found a list"),
        (keys.names, "[a, b, a]", "a.yml:1:11: 'a' stands here twice"),
        (
            keys.operator,
            "with",
            "a.yml:1:4: expected an operator, such as '=' or '&&', in quotes, found 'with'",
        ),
        (
            keys.predicate_of("old", "new"),
            "id = $news.id",
            "a.yml:1:9: not a predicate: no value for $news\n    id = $news.id\n         ^",
        ),
        (
            keys.mapping(keys.operator, keys.expression),
            '{"lower(a": =}',
            "a.yml:1:13: not an expression: the expression ends too early\n    lower(a\n           ^",
        ),
        (keys.boolean, "yes", "a.yml:1:4: expected true or false, found 'yes'"),
        (keys.boolean, "True", "a.yml:1:4: expected true or false, found 'True'"),
        (keys.integer, "1.5", "a.yml:1:4: expected a whole number, found '1.5'"),
        (
            keys.choice("cascade", "restrict"),
            "cascad",
            "a.yml:1:4: expected one of cascade, restrict, found 'cascad'; did you mean 'cascade'?",
        ),
        (keys.table, "users", "a.yml:1:4: expected schema.table, found 'users'\nhint: with its schema: public.users"),
        (keys.table, "a.b.c", "a.yml:1:4: expected schema.table, found 'a.b.c'"),
        (
            keys.table_columns,
            '"a.b (c,)"',
            "a.yml:1:4: expected schema.table or schema.table (columns), found 'a.b (c,)'",
        ),
        (keys.mapping(keys.integer), "{a: b}", "a.yml:1:8: expected a whole number, found 'b'"),
        (keys.listed(keys.name), "a", "a.yml:1:4: expected a list of a name, found 'a'"),
        (
            keys.isolation_levels,
            "[read committed, repeatable reads]",
            "a.yml:1:21: expected one of read committed, repeatable read, serializable, found 'repeatable reads';"
            " did you mean 'repeatable read'?",
        ),
        (keys.sqlstate, "2350", "a.yml:1:4: expected an SQLSTATE, five digits or capital letters, found '2350'"),
        (
            keys.predicate,
            "a = 1 and and b",
            'a.yml:1:14: not a predicate: syntax error at or near "and"\n    a = 1 and and b\n              ^',
        ),
        (
            keys.predicate,
            "\n  |\n  a = 1\n  and ü b\n",
            'a.yml:4:9: not a predicate: syntax error at or near "b"\n    and ü b\n          ^',
        ),
        (keys.expression, "a +", "a.yml:1:7: not an expression: the expression ends too early\n    a +\n       ^"),
        (
            keys.query,
            "delete from t",
            "a.yml:1:4: not a query: not a SELECT\n    delete from t\n    ^",
        ),
        (
            keys.predicate,
            "a # 3",
            "a.yml:1:4: '#' begins a comment in YAML and is an operator in SQL; the value is only 'a'\n"
            'hint: write "a # 3", or put the comment on a line of its own',
        ),
        (
            keys.one_of(keys.boolean, keys.predicate),
            "a +",
            "a.yml:1:7: not a predicate: the expression ends too early\n    a +\n       ^",
        ),
        (
            keys.one_of(keys.boolean, keys.names),
            "{a: b}",
            "a.yml:1:4: expected true or false or a name or a list, found a mapping",
        ),
    ],
)
def test_what_a_reader_refuses(reader: Reader[Any], text: str, message: str) -> None:
    assert refusal(reader, text) == message


def test_a_kind_from_its_keys() -> None:
    assert read_kind(Unique, node("{unique: [a, b], where: a > 0}")) == Unique(("a", "b"), where="a > 0")
    assert read_kind(Class, node("{class: PHI, name: x}"), also=("name",)) == Class("PHI")
    column = nodes.Scalar("status", node("x").place)
    assert read_kind(AcceptedValues, node("{accepted_values: [a]}"), inherited={"column": column}) == AcceptedValues(
        ("a",), "status"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "{unique: a, constrain: b}",
            "a.yml:1:16: unknown key 'constrain' in 'unique'; did you mean 'constraint'?\n"
            "hint: keys: constraint, nulls, unique, where",
        ),
        ("{where: a}", "a.yml:1:4: 'unique' needs the key 'unique': a name or a list"),
        ("{unique: a, nulls: equal}", "a.yml:1:23: expected one of distinct, not distinct, found 'equal'"),
    ],
)
def test_what_a_kind_refuses(text: str, message: str) -> None:
    with pytest.raises(ProjectError) as caught:
        read_kind(Unique, node(text))
    assert str(caught.value) == message


def test_an_inherited_key_may_not_be_written_as_well() -> None:
    column = nodes.Scalar("status", node("x").place)
    with pytest.raises(ProjectError, match="unknown key 'column' in 'accepted_values'"):
        read_kind(AcceptedValues, node("{accepted_values: [a], column: b}"), inherited={"column": column})


@pytest.mark.parametrize(
    ("kind", "text", "old", "new"),
    [
        (RowsKind, "{rows: {}, made: true}", "made", "created_by_trigger"),
        (RowsKind, "{rows: {}, makes: [t.a]}", "makes", "trigger_creates"),
        (RowsKind, "{rows: {}, past_triggers: true}", "past_triggers", "bypass_triggers"),
        (RowsKind, "{rows: {}, related: true}", "related", "same_ancestors"),
        (RowsKind, "{rows: {}, beside: {t.a: {}}}", "beside", "requires"),
        (RowsKind, "{rows: {}, before: {t.a: {}}}", "before", "requires_first"),
        (LockedKind, "{locked: a, unless: {on_delete: [t.a]}}", "unless", "except"),
        (FreeDeletions, "{cascade: [t.a]}", "cascade", "on_delete"),
    ],
)
def test_a_renamed_key_names_the_new_one(kind: type[Any], text: str, old: str, new: str) -> None:
    with pytest.raises(ProjectError) as caught:
        read_kind(kind, node(text), label="k")
    assert str(caught.value).endswith(f": the key {old!r} is called {new!r} now")
