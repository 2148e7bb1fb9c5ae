"""Predicates as PostgreSQL prints them become trees, or are left out with the reason."""

from __future__ import annotations

import re

import pytest

from harness.catalog import Column as CatalogColumn
from harness.types.expressions import (
    And,
    ArrayOf,
    Calculation,
    Call,
    Coalesce,
    ColumnRead,
    Compare,
    ConstantValue,
    ContainedBy,
    CountNulls,
    Expression,
    In,
    IsDistinct,
    IsNull,
    IsTrue,
    Matches,
    Not,
    Or,
)
from harness.types.parsing import predicate
from harness.types.patterns import CannotState, Ranges


def _column(name: str, base: str, *, kind: str = "b", not_null: bool = False, type: str | None = None) -> CatalogColumn:
    written = type or base
    return CatalogColumn(
        name=name,
        type=written,
        base_type=written,
        base_name=base,
        base_kind=kind,
        element_name=base[1:] if base.startswith("_") else None,
        typmod=-1,
        labels=("new", "old") if kind == "e" else (),
        domain_checks=(),
        not_null=not_null,
        default=None,
        identity="",
        generated="",
        comment=None,
    )


COLUMNS = {
    each.name: each
    for each in (
        _column("n", "int4", not_null=True),
        _column("m", "int4"),
        _column("big", "int8"),
        _column("price", "numeric"),
        _column("word", "text"),
        _column("short", "varchar"),
        _column("done", "bool"),
        _column("f", "float4"),
        _column("d", "float8"),
        _column("day", "date"),
        _column("days", "_date"),
        _column("tags", "_text"),
        _column("file", "bytea"),
        _column("doc", "jsonb"),
        _column("at", "timestamptz"),
        _column("mood", "mood", kind="e", type="app.mood"),
        _column("during", "tstzrange", kind="r"),
        _column("place", "point"),
        _column("who", "person", kind="c"),
    )
}
N, M = ColumnRead("int4", "n", nullable=False), ColumnRead("int4", "m", nullable=True)
WORD, DONE = ColumnRead("text", "word", nullable=True), ColumnRead("bool", "done", nullable=True)
DURING = ColumnRead("tstzrange", "during", nullable=True)
F, D = ColumnRead("float4", "f", nullable=True), ColumnRead("float8", "d", nullable=True)
PRICE = ColumnRead("numeric", "price", nullable=True)


def _ascii(name: str) -> Ranges:
    return {"space": ((9, 13), (32, 32)), "digit": ((48, 57),)}[name]


def _text(value: str) -> ConstantValue:
    return ConstantValue("text", value)


def _int(value: int) -> ConstantValue:
    return ConstantValue("int4", str(value))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(n > 0)", Compare("bool", ">", N, _int(0))),
        ("(n > '-1'::integer)", Compare("bool", ">", N, _int(-1))),
        ("(n > -1)", Compare("bool", ">", N, _int(-1))),
        ("(price <> 'NaN'::numeric)", Compare("bool", "<>", PRICE, ConstantValue("numeric", "NaN"))),
        ("(price >= (0)::numeric)", Compare("bool", ">=", PRICE, ConstantValue("numeric", "0"))),
        ("(f > (0.1)::double precision)", Compare("bool", ">", F, ConstantValue("float8", "0.1"))),
        ("(f > (0.1)::real)", Compare("bool", ">", F, ConstantValue("float4", "0.1"))),
        ("(d > (0.1)::real)", Compare("bool", ">", D, ConstantValue("float4", "0.1"))),
        ("(f < d)", Compare("bool", "<", F, D)),
        ("((f * d) < f)", Compare("bool", "<", Calculation("float8", "*", F, D), F)),
        ("(n < big)", Compare("bool", "<", N, ColumnRead("int8", "big", nullable=True))),
        ("(word <> ('a '::bpchar)::text)", Compare("bool", "<>", WORD, _text("a"))),
        (
            "((n >= 0) AND (n <= m))",
            And("bool", (Compare("bool", ">=", N, _int(0)), Compare("bool", "<=", N, M))),
        ),
        ("(word = ANY (ARRAY['a'::text, 'b'::text]))", In("bool", WORD, (_text("a"), _text("b")))),
        ("(word <> ALL (ARRAY['a'::text]))", Not("bool", In("bool", WORD, (_text("a"),)))),
        ("(word = ANY ('{a,\"b c\"}'::text[]))", In("bool", WORD, (_text("a"), _text("b c")))),
        (
            "((short)::text = ANY ((ARRAY['a'::character varying])::text[]))",
            In("bool", ColumnRead("varchar", "short", nullable=True), (ConstantValue("varchar", "a"),)),
        ),
        ("((word IS NULL) OR done)", Or("bool", (IsNull("bool", WORD), DONE))),
        ("(done IS NOT TRUE)", Not("bool", IsTrue("bool", DONE))),
        ("(done IS FALSE)", IsTrue("bool", Not("bool", DONE))),
        ("(done IS UNKNOWN)", IsNull("bool", DONE)),
        ("(n IS DISTINCT FROM m)", IsDistinct("bool", N, M)),
        ("(NOT (n IS DISTINCT FROM 1))", Not("bool", IsDistinct("bool", N, _int(1)))),
        (
            "((m IS NOT NULL) = (word = 'a'::text))",
            Compare("bool", "=", Not("bool", IsNull("bool", M)), Compare("bool", "=", WORD, _text("a"))),
        ),
        (
            "(((n + m) * 2) < 10)",
            Compare("bool", "<", Calculation("int4", "*", Calculation("int4", "+", N, M), _int(2)), _int(10)),
        ),
        (
            "(COALESCE(word, ''::text) ~ '\\S'::text)",
            Matches("bool", Coalesce("text", (WORD, _text(""))), "[^\\x09-\\x0d\\x20]"),
        ),
        ("(word !~~ '%x_'::text)", Not("bool", Matches("bool", WORD, "^.*x.$"))),
        ("(char_length(word) <= 5)", Compare("bool", "<=", Call("int4", "char_length", (WORD,)), _int(5))),
        ("(length(word) > 0)", Compare("bool", ">", Call("int4", "char_length", (WORD,)), _int(0))),
        (
            "(length(file) > 0)",
            Compare("bool", ">", Call("int4", "octet_length", (ColumnRead("bytea", "file", nullable=True),)), _int(0)),
        ),
        ("(num_nonnulls(n, word) = 1)", Compare("bool", "=", CountNulls("int4", (N, WORD), null=False), _int(1))),
        (
            "(tags <@ ARRAY['a'::text])",
            ContainedBy("bool", ColumnRead("_text", "tags", nullable=True), ArrayOf("_text", (_text("a"),))),
        ),
        (
            "(array_length(tags, 1) > 0)",
            Compare("bool", ">", Call("int4", "array_length", (ColumnRead("_text", "tags", nullable=True),)), _int(0)),
        ),
        (
            "(jsonb_typeof(doc) = 'object'::text)",
            Compare(
                "bool",
                "=",
                Call("text", "jsonb_typeof", (ColumnRead("jsonb", "doc", nullable=True),)),
                _text("object"),
            ),
        ),
        (
            "(mood = 'new'::app.mood)",
            Compare("bool", "=", ColumnRead("app.mood", "mood", nullable=True), ConstantValue("app.mood", "new")),
        ),
        (
            "(NOT isempty(during))",
            Not("bool", Call("bool", "isempty", (ColumnRead("tstzrange", "during", nullable=True),))),
        ),
    ],
)
def test_a_predicate_becomes_a_tree(text: str, expected: Expression) -> None:
    assert predicate(text, COLUMNS, _ascii) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("(word < 'm'::text)", "it compares values of text"),
        ("(at > now())", "it calls now()"),
        ("(app.is_good(word))", "it calls app.is_good()"),
        ("(n = (SELECT 1))", "it has a query"),
        ("CASE WHEN done THEN n > 0 ELSE true END", "it has CASE"),
        ("((doc ->> 'a'::text) = 'b'::text)", "it has the operator ->>"),
        ("((n)::numeric > price)", "it casts int4 to numeric"),
        ("(n > 0.5)", "it compares int4 with 0.5"),
        ("((price / (2)::numeric) > (1)::numeric)", "it divides numeric"),
        ("((who).name = 'a'::text)", "it takes one part of a value: an element of an array, or a field"),
        ("(tags[1] = 'a'::text)", "it takes one part of a value: an element of an array, or a field"),
        ("((at - at) < '1 day'::interval)", "it calculates timestamptz - timestamptz"),
        ("('a'::text = ANY (tags))", "it has = ANY over an array"),
        ("(n > ALL (ARRAY[1, 2]))", "it has > ALL over an array"),
        ("(NULLIF(word, ''::text) IS NULL)", "it has NULLIF"),
        ("(word !~~* 'a%'::text)", "it has NOT ILIKE"),
        ("(word ~~* 'a%'::text)", "it has ILIKE"),
        ("(word ~ similar_to_escape('a|b'::text))", "it has SIMILAR TO"),
        ("((at AT TIME ZONE 'UTC'::text) = at)", "it has AT TIME ZONE"),
        ("(mood ~ 'a'::text)", "it matches app.mood with a pattern"),
        ("((word COLLATE \"C\") = 'a'::text)", "it has COLLATE"),
        ("(word IS JSON)", "it has IS JSON"),
        ("(ROW(n, m) = ROW(1, 2))", "it has a row of several values"),
        (
            "(at > CURRENT_TIMESTAMP)",
            "it has CURRENT_DATE, CURRENT_USER or another of these, which differ from call to call",
        ),
        ("((price)::numeric(5,0) = price)", "it casts to numeric of a certain length or precision"),
        ("((f)::double precision = d)", "it casts float4 to float8"),
        ("(d > ((0.1)::real)::double precision)", "it casts float4 to float8"),
        ("(at > '2020-01-01'::date)", "it compares timestamptz with date"),
        ("(day > '2020-01-01 12:00:00'::timestamp without time zone)", "it compares date with timestamp"),
        ("(doc IS DISTINCT FROM '{}'::jsonb)", "it compares values of jsonb"),
        ("(doc = '{}'::jsonb)", "it compares values of jsonb"),
        ("(tags = '{a}'::text[])", "it compares values of text[]"),
        ("(days <@ '{2020-01-01}'::date[])", "it compares arrays of date"),
        ("(who IS NOT NULL)", "who is a value of several parts"),
        ("(place ~= place)", "it has the operator ~="),
        ("(other > 0)", "it reads other, which is no column of the record"),
        ("(word ~ word)", "it has a pattern that is not a constant"),
        ("(lower(word) = word)", "it calls lower()"),
        ("(n + 1)", "it is no predicate"),
        ("(word = ANY (ARRAY['a'::text, NULL::text]))", "it has a list that is not of constants"),
    ],
)
def test_what_is_left_out_has_a_reason(text: str, reason: str) -> None:
    with pytest.raises(CannotState, match=f"^{re.escape(reason)}$"):
        predicate(text, COLUMNS, _ascii)


def test_a_domain_says_value() -> None:
    found = predicate("(VALUE > 0)", {"value": COLUMNS["m"]}, _ascii)
    assert found == Compare("bool", ">", M, _int(0))
