"""Predicates and queries: one expression is one expression, and variables are not what quotes hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.project import sql
from harness.project.model import TableName
from harness.project.sql import ColumnRef, Constant, SqlError


@pytest.mark.parametrize(
    "text",
    [
        "a = 1",
        "(a)",
        "row(a, b) = row(1, 2)",
        "exists (select 1 from t)",
        "(select true)",
        "a = $user::text",
        "a /* why */ = 1",
        "a\n  and b",
        "a = ')' or b = ';' or c = '--'",
    ],
)
def test_one_expression(text: str) -> None:
    assert sql.predicate(text) == text


@pytest.mark.parametrize(
    ("text", "message", "offset"),
    [
        ("", "an empty expression", None),
        ("  ", "an empty expression", None),
        ("a = 1) or (true", "a ')' that nothing opened", 5),
        ("a; drop table b", "a ';' where one expression belongs", 1),
        ("a = 1;", "a ';' where one expression belongs", 5),
        ("a -- b", "an SQL comment where one expression belongs", 2),
        ("a, b", "several expressions where one belongs", None),
        ("select 1", "a query where an expression belongs", 0),
        ("a +", "the expression ends too early", 3),
        ("(a", "the expression ends too early", 2),
        ("a = 'b", 'unterminated quoted string at or near "\'b"', 4),
        ("é = 'ü' and and b", 'syntax error at or near "and"', 12),
        ("é = 'ü", 'unterminated quoted string at or near "\'ü"', 4),
        ("a = $user b", 'syntax error at or near "b"', 10),
        ("a = $ user", 'syntax error at or near "$"', 4),
        ("a as b", 'syntax error at or near "as"', 2),
    ],
)
def test_what_is_no_expression(text: str, message: str, offset: int | None) -> None:
    with pytest.raises(SqlError) as caught:
        sql.predicate(text)
    assert (caught.value.message, caught.value.offset) == (message, offset)


def test_query() -> None:
    assert (
        sql.query("with x as (select 1) select * from x where $y ; ") == "with x as (select 1) select * from x where $y"
    )
    for text, message in [
        ("", "an empty query"),
        ("select 1; select 2", "2 statements where one SELECT belongs"),
        ("delete from t", "not a SELECT"),
        ("select 1 into t", "not a SELECT"),
        ("select from where", 'syntax error at or near "where"'),
    ]:
        with pytest.raises(SqlError) as caught:
            sql.query(text)
        assert caught.value.message == message


def test_variables_stand_outside_of_quotes() -> None:
    text = "a = $user and b = '$no' and c = $$no $no$$ and d = $x$ $no $x$ and \"$no\" = $1 and é$no = $order and $user"
    assert sql.variables(text) == ("user", "order")


def test_bind() -> None:
    text = "é = $u and '$u' = $uu and -$u"
    assert sql.bind(text, {"u": "-1", "uu": "'x'"}) == "é = (-1) and '$u' = ('x') and -(-1)"
    with pytest.raises(SqlError) as caught:
        sql.bind("a = $b", {"c": "1"})
    assert (caught.value.message, caught.value.offset) == ("no value for $b", 4)


@given(st.text("aé$'\"1 \\-()", max_size=20), st.text("aé ", min_size=1, max_size=5))
def test_bind_changes_nothing_but_variables(text: str, literal: str) -> None:
    """What is inside of quotes comes out as it was: the text between the variables, put together, is the text."""
    try:
        names = sql.variables(text)
    except SqlError:
        return
    marks = {name: f"«{name}»" for name in names}
    bound = sql.bind(text, marks)
    for name in names:
        bound = bound.replace(f"(«{name}»)", f"${name}")
    assert bound == text


def test_tables() -> None:
    text = """with c as (select from "T".a) select from c join t.b as x using (id) where exists (table t.b) or id in (
        select id from other)"""
    assert sorted(map(str, sql.tables(text))) == ['"T".a', "t.b"]
    assert sql.tables("select 1;") == ()


def test_arguments() -> None:
    assert sql.arguments("t.known(kind::integer, 1) and lower(\"Name\") = 'a'") == (
        (("t", "known"), ("kind", None)),
        ((None, "lower"), ("Name",)),
    )
    assert sql.arguments("a > 0") == ()


def test_columns() -> None:
    text = 's.t.g = t.h or k is null or "K" = lower(k) or t.* is null'
    assert sql.column_refs(text) == (
        ColumnRef("g", "s.t"),
        ColumnRef("h", "t"),
        ColumnRef("k"),
        ColumnRef("K"),
    )
    assert sql.columns("t.a > b and a > t.b") == ("a", "b")


@pytest.mark.parametrize(
    ("text", "constants"),
    [
        ("a > 0 and a < -5", [("0", "integer"), ("-5", "integer")]),
        ("a > -1.50", [("-1.50", "numeric")]),
        ("a > 99999999999", [("99999999999", "numeric")]),
        ("a in ('x', 'y')", [("x", None), ("y", None)]),
        ("a = any('{x,\"y,z\",NULL}')", [('{x,"y,z",NULL}', None), ("x", None), ("y,z", None)]),
        ("a = any('{1,2}'::int[])", [("{1,2}", "integer[]"), ("1", "integer"), ("2", "integer")]),
        ("a = any(array['x', 'y']::text[])", [("x", "text"), ("y", "text")]),
        ("a is not distinct from null", []),
        ("a = true", [("true", "boolean")]),
        ("a > now() - interval '1 day'", [("1 day", "interval")]),
        ("a > '2020-01-01'::timestamptz", [("2020-01-01", "timestamptz")]),
        ("a::text = 'x'::varchar(3)", [("x", "varchar")]),
        ("case when a then 1 else 2 end = f('z')", [("1", "integer"), ("2", "integer"), ("z", None)]),
        ("m ->> 'k' = 'v'", [("k", None), ("v", None)]),
        ("a = '{}'::jsonb", [("{}", "jsonb")]),
        ("a between 1 and 3", [("1", "integer"), ("3", "integer")]),
    ],
)
def test_constants(text: str, constants: list[tuple[str, str | None]]) -> None:
    assert set(sql.constants(text)) == {Constant(*constant) for constant in constants}
    assert len(sql.constants(text)) == len(constants)


def test_relations_without_a_schema() -> None:
    text = "select $a from result as r, t.result, (select 1 from other) as x"
    assert sql.unqualified(text) == ("result", "other")
    assert sql.tables(text) == (TableName("t", "result"),)
    assert sql.unqualified("with result as (select 1 from other) select * from result") == ("other",)


@pytest.mark.parametrize(
    "text", ["insert into t values ($a)", "with r as (select 1) update t set a = 1", "delete from t"]
)
def test_what_returns_nothing(text: str) -> None:
    assert sql.returns_nothing(text)
    assert not sql.returns_nothing(f"{text} returning a")
    assert not sql.returns_nothing("select t.gone($a)")


@pytest.mark.parametrize(
    "text",
    [
        "call t.f($a);",
        "delete from t.x where id = $a",
        "select 1",
        "merge into a using b on c when matched then delete",
    ],
)
def test_one_statement(text: str) -> None:
    assert sql.statement(text) == text.rstrip(";")


@pytest.mark.parametrize(
    ("predicate", "said"),
    [
        ("a = null", False),
        ("a in (1, null)", False),
        ("a = a", False),
        ("a >= t.a", True),
        ("a < a", True),
        ("a <> a", True),
        ("a > 0 or a <= 0", False),
        ("b or a = 1 or a <> 1", False),
        ("a > 0 or a < 0", True),
        ("a > 0 or b <= 0", True),
        ("a > 0 and a <= 0", True),
        ("char_length(a) >= 0", False),
        ("length(a) > -1 and a = a", False),
        ("length(a) > 0", True),
        ("abs(a) >= 1", True),
        ("a in (true, false)", False),
        ("a = any (array[true, false])", False),
        ("a not in (true, false)", True),
        ("a in (true, true)", True),
        ("-a = 1", True),
    ],
)
def test_what_its_form_keeps_from_being_false(predicate: str, said: bool) -> None:
    assert sql.can_be_false(predicate) is said
