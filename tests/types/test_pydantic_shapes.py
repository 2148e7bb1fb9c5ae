"""Columns that take some thought: sets, arrays, defaults, composites, what a rule cannot know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from psycopg.types.range import Range

from harness.project.model import TableName
from harness.types import expressions as e
from harness.types.model import EnumShape, Field, StatedRule, TableShape, ValueSet
from harness.types.pydantic_models import render
from tests.types.javascript_samples import array, col, column, compare, const, field, length, rule, texts
from tests.types.python_package import imported, messages, of_tables, written

SIZES = EnumShape(TableName("app", "size"), ("small", "large"))
SIZE: dict[str, Any] = {"base_kind": "e", "labels": SIZES.labels}


def table(*fields: Field, rules: Sequence[StatedRule] = (), **more: Any) -> TableShape:
    return TableShape(TableName("app", "t"), "table", fields, rules=tuple(rules), **more)


def text_of(*fields: Field, rules: Sequence[StatedRule] = ()) -> str:
    return render(of_tables(table(*fields, rules=rules)))["app.py"]


def test_a_set_of_padded_texts(tmp_path: Path) -> None:
    own = field("code", "character(3)", "bpchar", typmod=7, values=ValueSet(("A", "BC"), "chk_code"))
    with imported(written(tmp_path, of_tables(table(own))), "app") as module:
        assert module.T_CODE == ("A  ", "BC ")
        assert module.TInsert.model_validate({"code": "A"}).code == "A  "
        assert messages(module.TRow, {"code": "C  "}) == [(("code",), "chk_code")]
        assert messages(module.TRow, {"code": "ABCD"}) == [(("code",), "code (22001)")]


def test_a_set_of_some_labels_of_an_enum(tmp_path: Path) -> None:
    own = field("size", "app.size", "size", values=ValueSet(("small",), "chk_size"), **SIZE)
    sizes = Field(array("sizes", column("", "app.size", "size", **SIZE)), nullable=False, null_elements=False)
    kept = rule(
        "chk_sizes", e.ContainedBy("bool", col("sizes", "_size"), e.ArrayOf("_size", (const("app.size", "large"),)))
    )
    types = of_tables(table(own, sizes, rules=[kept]), enums=(SIZES,))
    with imported(written(tmp_path, types), "app") as module:
        assert messages(module.TRow, {"size": "large", "sizes": ["large"]}) == [(("size",), "chk_size")]
        assert messages(module.TRow, {"size": "none", "sizes": ["large"]}) == [(("size",), "size (22P02)")]
        assert messages(module.TRow, {"size": "small", "sizes": ["small"]}) == [(("sizes",), "chk_sizes")]
        assert messages(module.TRow, {"size": "small", "sizes": [None]}) == [(("sizes",), "chk_sizes")]
        assert messages(module.TRow, {"size": "small", "sizes": ["none"]}) == [(("sizes", 0), "sizes (22P02)")]
        assert module.TRecord.model_validate({"size": "small", "sizes": "{large,large}"}).sizes == ["large", "large"]
        assert messages(module.TRecord, {"size": "small", "sizes": "{small}"}) == [(("sizes",), "chk_sizes")]


def test_an_array_without_null_by_a_rule(tmp_path: Path) -> None:
    own = Field(array("tags", column("", "text")), nullable=False, null_elements=False)
    others = Field(array("known", column("", "text")), nullable=False)
    kept = rule("chk_tags", e.ContainedBy("bool", col("tags", "_text"), col("known", "_text")))
    with imported(written(tmp_path, of_tables(table(own, others, rules=[kept]))), "app") as module:
        assert messages(module.TRow, {"tags": [None], "known": [None]}) == [((), "chk_tags")]
        assert messages(module.TRow, {"tags": ["a"], "known": [None, "a"]}) == []


DEFAULTS: list[tuple[Field, str]] = [
    (field("x", "boolean", "bool", default="true"), "x: bool = True"),
    (field("x", "integer", "int4", default="-1"), "x: Int4 = -1"),
    (field("x", "numeric", default="1.50"), 'x: Numeric = Decimal("1.50")'),
    (field("x", "double precision", "float8", default="0.5"), "x: Float8 = 0.5"),
    (field("x", "text", default='say "a"'), "x: Text = 'say \"a\"'"),
    (field("x", "date", default="2026-01-01"), "x: Date = dt.date(2026, 1, 1)"),
    (field("x", "date", default="infinity"), "x: Maybe[Date] = UNSET"),
    (
        field("x", "uuid", default="00000000-0000-0000-0000-000000000001"),
        'x: Uuid = UUID("00000000-0000-0000-0000-000000000001")',
    ),
    (field("x", "bytea", default="\\x00"), "x: Maybe[Bytea] = UNSET"),
    (field("x", "interval", default="1 day"), 'x: Text = "1 day"'),
    (field("x", "jsonb", default="[]"), "x: NotNull[Jsonb] = Field(default_factory=list)"),
    (field("x", "jsonb", default='{"a": 1}'), "x: NotNull[Jsonb] = UNSET"),
    (field("x", "app.size", "size", default="small", **SIZE), 'x: Size = "small"'),
    (field("x", "text", null=True), "x: Text | None = None"),
    (field("x", "text", null=True, has_default=True), "x: Maybe[Text | None] = UNSET"),
    (field("x", "text", has_default=True), "x: Maybe[Text] = UNSET"),
    (replace(field("x", "text", has_default=True), replaced=frozenset(["Insert"])), "x: Maybe[Text | None] = UNSET"),
]


@pytest.mark.parametrize(("own", "expected"), DEFAULTS)
def test_defaults_of_an_insert(own: Field, expected: str) -> None:
    found = text_of(replace(own, insert="optional", has_default=own.has_default or own.default is not None))
    insert = found.partition("class TInsert")[2].partition("class TUpdate")[0]
    assert f"    {expected.replace('NotNull[Jsonb] = UNSET', 'Maybe[NotNull[Jsonb]] = UNSET')}\n" in insert


def test_a_default_that_its_own_rule_refuses(tmp_path: Path) -> None:
    own = field(
        "kind", "text", insert="optional", has_default=True, default="none", values=ValueSet(("a",), "chk_kind")
    )
    with imported(written(tmp_path, of_tables(table(own))), "app") as module:
        assert messages(module.TInsert, {}) == [(("kind",), "chk_kind")]
        assert messages(module.TInsert, {"kind": "a"}) == []


def test_a_generated_column_is_not_known_before(tmp_path: Path) -> None:
    made = field("twice", "integer", "int4", insert="absent", update=False)
    own = field("once", "integer", "int4")
    bound = rule(
        "chk_bound", e.And("bool", (compare(col("once", "int4"), ">", "0"), compare(col("twice", "int4"), "<", "10")))
    )
    with imported(written(tmp_path, of_tables(table(own, made, rules=[bound]))), "app") as module:
        assert messages(module.TInsert, {"once": 9}) == []
        assert messages(module.TInsert, {"once": 0}) == [((), "chk_bound")]
        assert messages(module.TRow, {"once": 9, "twice": 18}) == [((), "chk_bound")]
        assert messages(module.TUpdate, {}) == []


def test_null_where_a_document_cannot_be_null(tmp_path: Path) -> None:
    with imported(written(tmp_path, of_tables(table(field("d", "jsonb")))), "app") as module:
        assert messages(module.TRow, '{"d": null}') == [] == messages(module.TRecord, {"d": None})
        assert messages(module.TInsert, '{"d": null}') == [(("d",), "d (23502)")]
        assert messages(module.TUpdate, '{"d": null}') == [(("d",), "d (23502)")]


def test_a_value_of_several_parts(tmp_path: Path) -> None:
    parts = (column("name", "character varying(3)", "varchar", typmod=7), column("size", "app.size", "size", **SIZE))
    pair = column("pair", "app.pair", "pair", base_kind="c", parts=parts)
    pairs = array("pairs", replace(pair, name=""))
    with imported(
        written(tmp_path, of_tables(table(Field(pair, nullable=True), Field(pairs, nullable=False)))), "app"
    ) as module:
        found = module.TRow.model_validate({"pair": {"name": "abc", "size": None}, "pairs": [None]})
        assert type(found.pair) is module.PairValue and found.pair.name == "abc"
        wrong = {"pair": {"name": "abcd", "size": "none"}, "pairs": [{"name": "abcd", "size": None}]}
        assert messages(module.TRow, wrong) == [
            (("pair", "name"), "name (22001)"),
            (("pair", "size"), "size (22P02)"),
            (("pairs", 0, "name"), "name (22001)"),
        ]
        assert module.TRecord.model_validate({"pair": "(a,)", "pairs": '{"(a,)",NULL}'}).pairs == ["(a,)", None]


def test_a_rule_on_a_range(tmp_path: Path) -> None:
    own = field("during", "daterange", base_kind="r", parts=(column("", "date"),))
    kept = rule("chk_during", e.Not("bool", e.Call("bool", "isempty", (col("during", "daterange"),))))
    with imported(written(tmp_path, of_tables(table(own, rules=[kept]))), "app") as module:
        assert messages(module.TRow, {"during": "empty"}) == [(("during",), "chk_during")]
        assert messages(module.TRow, {"during": "[2026-01-01,2026-02-01)"}) == []
        assert messages(module.TRecord, {"during": Range(empty=True)}) == [(("during",), "chk_during")]
        assert messages(module.TRecord, {"during": Range(date(2026, 1, 1), None)}) == []


def test_two_columns_of_one_domain(tmp_path: Path) -> None:
    rules = [rule("word_check", compare(length(col(each)), ">", const("int4", "1"))) for each in ("a", "b")]
    with imported(
        written(tmp_path, of_tables(table(field("a", "text"), field("b", "text"), rules=rules))), "app"
    ) as module:
        assert messages(module.TRow, {"a": "", "b": ""}) == [(("a",), "word_check"), (("b",), "word_check")]


def test_a_rule_that_divides_by_zero_is_broken(tmp_path: Path) -> None:
    quotient = e.Calculation("int4", "/", const("int4", "8"), col("a", "int4"))
    rules = [rule("chk_share", compare(quotient, ">", "1"))]
    with imported(written(tmp_path, of_tables(table(field("a", "integer", "int4"), rules=rules))), "app") as module:
        assert messages(module.TRow, {"a": 0}) == [(("a",), "chk_share")]
        assert messages(module.TRow, {"a": 4}) == []


def test_a_set_is_said_once() -> None:
    own = field("kind", "text", values=ValueSet(("a", "b"), "chk_kind"))
    found = text_of(own, rules=[rule("chk_kind", e.In("bool", col("kind"), (const("text", "a"), const("text", "b"))))])
    assert found.count('"chk_kind"') == 1 and "row.kind in T_KIND" in found
    assert text_of(own) == found


def test_texts_of_comments_are_safe() -> None:
    found = text_of(field("a", "text", comment='Says """x""" \\ and\nmore.', data_class="public"))
    assert 'Field(description=\'Says """x""" \\\\ and more. [public]\')' in found
    shape = table(field("a", "text"), comment='A """quoted""" thing\\')
    assert render(of_tables(shape))["app.py"].count('    A \\"\\"\\"quoted\\"\\"\\" thing\\\\\n') == 4


def test_arrays_of_constants_are_written_as_sets() -> None:
    own = Field(array("tags", column("", "text")), nullable=False, null_elements=False)
    found = text_of(own, rules=[rule("chk", e.ContainedBy("bool", col("tags", "_text"), texts("a", "b")))])
    assert 'TTags: TypeAlias = Annotated[Literal["a", "b"], CheckedByRule(Text | None)]\n' in found
    assert "    tags: list[TTags]\n" in found and "contained(row.tags, T_TAGS)" in found
