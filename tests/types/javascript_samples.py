"""Modules built by hand: every type, every sort of rule, functions, a role's view of a table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.catalog import Column, ForeignKey
from harness.errors import Place
from harness.project.model import RowName, TableName
from harness.types import expressions as e
from harness.types.model import (
    Argument,
    DatabaseTypes,
    EnumShape,
    Field,
    FunctionShape,
    ModuleTypes,
    StatedRule,
    TableShape,
    ValueSet,
)


def row_name(table: str, name: str) -> RowName:
    """The application's own name for the rows of a table, as project.yml would have it."""
    return RowName(TableName(*table.split(".")), name, Place(Path("project.yml"), 7, 3))


def column(name: str, type: str, base_name: str | None = None, **more: Any) -> Column:
    """A column of a type whose name in pg_type is the same, if no other is given."""
    given: dict[str, Any] = {
        "name": name,
        "type": type,
        "base_type": type,
        "base_name": base_name or type,
        "base_kind": "b",
        "element_name": None,
        "typmod": -1,
        "labels": (),
        "domain_checks": (),
        "not_null": True,
        "default": None,
        "identity": "",
        "generated": "",
        "comment": None,
    }
    return Column(**{**given, **more})


def array(name: str, element: Column) -> Column:
    """A column of arrays."""
    return column(name, f"{element.type}[]", f"_{element.base_name}", parts=(element,), element_name=element.base_name)


def field(name: str, type: str, base_name: str | None = None, *, null: bool = False, **more: Any) -> Field:
    """A field whose further arguments are those of Field or of its column."""
    of_field = {key: more.pop(key) for key in list(more) if key in Field.__dataclass_fields__}
    return Field(column(name, type, base_name, not_null=not null, **more), nullable=null, **of_field)


def numeric(precision: int, scale: int) -> int:
    """The typmod of numeric(precision, scale)."""
    return (precision << 16 | scale & 0x7FF) + 4


def rule(name: str, expression: e.Expression) -> StatedRule:
    return StatedRule(name, expression, e.columns(expression))


def col(name: str, type: str = "text", *, null: bool = False) -> e.ColumnRead:
    return e.ColumnRead(type, name, null)


def const(type: str, text: str | None) -> e.ConstantValue:
    return e.ConstantValue(type, text)


def compare(left: e.Expression, operator: Any, right: e.Expression | str) -> e.Compare:
    """A comparison; a text is a constant of the type of the left side."""
    return e.Compare("bool", operator, left, const(left.type, right) if isinstance(right, str) else right)


def any_of(*parts: e.Expression) -> e.Or:
    return e.Or("bool", parts)


def all_of(*parts: e.Expression) -> e.And:
    return e.And("bool", parts)


def length(value: e.Expression) -> e.Call:
    return e.Call("int4", "char_length", (value,))


def texts(*items: str) -> e.ArrayOf:
    return e.ArrayOf("_text", tuple(const("text", each) for each in items))


MOOD = EnumShape(TableName("absence", "mood"), ("good", "so so", 'ba"d'), "How somebody feels.")
VISIT_KIND = EnumShape(TableName("clinic", "visit_kind"), ("first", "later"))

ENUM: dict[str, Any] = {"base_kind": "e", "labels": MOOD.labels}
STREET = column("street", "text", not_null=False)
NUMBER = column("house number", "integer", "int4", not_null=False)
ADDRESS: dict[str, Any] = {"base_kind": "c", "parts": (STREET, NUMBER)}

EVERY_TYPE = TableShape(
    TableName("absence", "every_type"),
    "table",
    (
        field("a_bool", "boolean", "bool"),
        field("an_int2", "smallint", "int2"),
        field("an_int4", "integer", "int4"),
        field("an_int8", "bigint", "int8"),
        field("an_oid", "oid"),
        field("a_numeric", "numeric"),
        field("a_price", "numeric(3,1)", "numeric", typmod=numeric(3, 1)),
        field("hundreds", "numeric(2,-2)", "numeric", typmod=numeric(2, -2)),
        field("a_float4", "real", "float4"),
        field("a_float8", "double precision", "float8"),
        field("a_text", "text"),
        field("a_varchar", "character varying(3)", "varchar", typmod=7),
        field("a_char", "character(3)", "bpchar", typmod=7),
        field("a_uuid", "uuid"),
        field("a_date", "date"),
        field("a_timestamp", "timestamp without time zone", "timestamp"),
        field("a_timestamptz", "timestamp with time zone", "timestamptz"),
        field("a_time", "time without time zone", "time"),
        field("a_timetz", "time with time zone", "timetz"),
        field("an_interval", "interval"),
        field("a_json", "json"),
        field("a_jsonb", "jsonb"),
        field("a_bytea", "bytea"),
        field("a_bit", "bit(3)", "bit", typmod=3),
        field("a_varbit", "bit varying(3)", "varbit", typmod=3),
        field("an_inet", "inet"),
        field("an_xml", "xml"),
        field("a_point", "point"),
        field("a_circle", "circle"),
        field("a_range", "int4range", base_kind="r", parts=(column("", "integer", "int4"),)),
        field("a_mood", "absence.mood", "mood", values=ValueSet(MOOD.labels), **ENUM),
        field("an_address", "absence.address", "address", **ADDRESS),
        Field(array("texts", column("", "text")), nullable=False),
        Field(array("ints", column("", "integer", "int4")), nullable=False),
        Field(array("bigints", column("", "bigint", "int8")), nullable=False),
        Field(array("numerics", column("", "numeric")), nullable=False),
        Field(array("dates", column("", "date")), nullable=False),
        Field(array("moods", column("", "absence.mood", "mood", **ENUM)), nullable=False),
    ),
    comment="A column of each type. Not */ the end.",
)

STATUS = ("pending", "completed", "skipped")
_NOTES = col("notes", null=True)
_STATUS = col("status")
_TAGS = col("tags", "_text")

MILESTONE_ACTIONS = TableShape(
    TableName("absence", "milestone_actions"),
    "table",
    (
        field("id", "uuid", insert="optional", has_default=True, comment="Drawn by the database."),
        field("case_id", "uuid", constraints=("fk_milestone_actions_case",)),
        field("number", "bigint", "int8", insert="absent", update=False, identity="a", has_default=True),
        field(
            "status",
            "text",
            insert="optional",
            has_default=True,
            default="pending",
            values=ValueSet(STATUS, "chk_milestone_actions_status"),
            constraints=("chk_milestone_actions_status", "chk_milestone_actions_skip_notes"),
        ),
        field(
            "notes",
            "text",
            null=True,
            insert="optional",
            data_class="special",
            comment="Why it was skipped.\nOr what came of it.",
        ),
        field("priority", "integer", "int4", insert="optional", has_default=True, default="3"),
        field("code", "text", null=True, insert="optional"),
        field(
            "tags", "text[]", "_text", parts=(column("", "text"),), insert="optional", default="{}", has_default=True
        ),
        field("started_at", "timestamp with time zone", "timestamptz", insert="optional", has_default=True),
        field("ended_at", "timestamp with time zone", "timestamptz", null=True, insert="optional"),
        field("amount", "numeric(10,2)", "numeric", typmod=numeric(10, 2), null=True, insert="optional"),
        field("mood", "absence.mood", "mood", null=True, insert="optional", **ENUM),
        field("payload", "jsonb", insert="optional", has_default=True, default="{}"),
        field("created_by", "uuid", update=False),
    ),
    comment="An action that a milestone asks for.",
    rules=(
        rule("chk_milestone_actions_status", e.In("bool", _STATUS, tuple(const("text", each) for each in STATUS))),
        rule(
            "chk_milestone_actions_skip_notes",
            any_of(
                compare(_STATUS, "<>", "skipped"),
                all_of(
                    e.Not("bool", e.IsNull("bool", _NOTES)),
                    compare(e.Call("text", "btrim", (_NOTES,)), "<>", ""),
                ),
            ),
        ),
        rule("chk_notes_length", compare(length(_NOTES), "<=", const("int4", "5"))),
        rule("chk_gone", compare(_STATUS, "<>", "gone")),
        rule(
            "chk_priority",
            all_of(compare(col("priority", "int4"), ">=", "1"), compare(col("priority", "int4"), "<=", "5")),
        ),
        rule("chk_code", e.Matches("bool", col("code", null=True), "^[A-Z]{2}/.$")),
        rule(
            "chk_tags",
            all_of(
                e.ContainedBy("bool", _TAGS, texts("a", "b")),
                compare(e.Call("int4", "cardinality", (_TAGS,)), "<=", "2"),
            ),
        ),
        rule(
            "chk_ended",
            compare(
                e.Coalesce(
                    "timestamptz", (col("ended_at", "timestamptz", null=True), const("timestamptz", "infinity"))
                ),
                ">=",
                col("started_at", "timestamptz"),
            ),
        ),
        rule("chk_amount", compare(col("amount", "numeric", null=True), ">", "0")),
        rule("chk_payload", compare(e.Call("text", "jsonb_typeof", (col("payload", "jsonb"),)), "=", "object")),
        rule(
            "chk_completed",
            compare(
                compare(_STATUS, "=", "completed"),
                "=",
                e.Not("bool", e.IsNull("bool", col("ended_at", "timestamptz", null=True))),
            ),
        ),
    ),
    foreign_keys=(
        (
            ForeignKey(
                name="fk_milestone_actions_case",
                columns=("case_id",),
                definition="",
                references=TableName("absence", "sickness_cases"),
                referenced_columns=("id",),
            ),
            False,
        ),
    ),
)

SICKNESS_CASES = TableShape(
    TableName("absence", "sickness_cases"),
    "table",
    (
        field("id", "uuid", insert="optional", has_default=True),
        field("employee", "text"),
        field("open", "boolean", "bool", insert="optional", has_default=True, default="true"),
    ),
)

DRAFTS = TableShape(
    TableName("absence", "drafts"),
    "table",
    (
        field("title", "text", insert="optional", has_default=True, default=""),
        field(
            "kind",
            "text",
            insert="optional",
            has_default=True,
            default="none",
            values=ValueSet(("a", "b"), "chk_kind"),
        ),
        field("size", "integer", "int4", insert="optional", has_default=True, default="0"),
        field("price", "numeric", insert="optional", has_default=True, default="0.5"),
        field("short", "character varying(3)", "varchar", null=True, insert="optional", typmod=7),
    ),
    rules=(
        rule("chk_short", compare(length(col("short", "varchar", null=True)), "=", const("int4", "3"))),
        rule("chk_title", compare(col("title"), "<>", "")),
        rule("chk_kind", e.In("bool", col("kind"), (const("text", "a"), const("text", "b")))),
        rule("chk_size", compare(const("int4", "1"), "<=", col("size", "int4"))),
        rule("chk_price", compare(col("price", "numeric"), "<=", "1")),
    ),
)
"""A table whose literal defaults break its rules, but for the last: all others have to be given."""

WEIRD = TableShape(
    TableName("absence", "2 weird-names"),
    "table",
    (
        field("class", "text"),
        field("with space", "integer", "int4", null=True, insert="optional"),
        field('q"uote\\', "text", null=True, insert="optional"),
    ),
    rules=(
        rule("chk weird", compare(col("with space", "int4", null=True), "<", col("with space", "int4", null=True))),
    ),
)

READ_ONLY = TableShape(
    TableName("absence", "audit_log"),
    "table",
    (field("id", "bigint", "int8"), field("secret", "text", select=False)),
    rules=(rule("chk_secret", compare(col("secret"), "<>", "")),),
    insertable=False,
    updatable=False,
)

VIEW = TableShape(
    TableName("absence", "milestone_actions_with_details"),
    "view",
    (
        field("id", "uuid", null=True, insert="absent"),
        field("kind", "clinic.visit_kind", "visit_kind", null=True, base_kind="e", labels=VISIT_KIND.labels),
    ),
    insertable=False,
    updatable=False,
)

COMPOSITE = TableShape(
    TableName("absence", "address"),
    "composite",
    (replace(field("street", "text", null=True)), field("house number", "integer", "int4", null=True)),
)

SKIP = FunctionShape(
    "absence",
    "skip_milestone_action",
    (
        Argument(field("action", "uuid"), optional=False),
        Argument(
            field("notes", "text", null=True),
            optional=False,
            rules=(
                rule(
                    "chk_milestone_actions_skip_notes",
                    all_of(
                        e.Not("bool", e.IsNull("bool", _NOTES)),
                        compare(e.Call("text", "btrim", (_NOTES,)), "<>", ""),
                    ),
                ),
            ),
        ),
        Argument(field("force", "boolean", "bool", null=True), optional=True),
    ),
    None,
    row_of=TableName("absence", "milestone_actions"),
    comment="Skips an action.",
)

FUNCTIONS = (
    SKIP,
    FunctionShape("absence", "open_cases", (), field("open_cases", "bigint", "int8", null=True)),
    FunctionShape("absence", "touch", (), None),
    FunctionShape(
        "absence",
        "totals",
        (),
        None,
        (field("n", "integer", "int4"), field("mood", "absence.mood", "mood", null=True, **ENUM)),
        returns_set=True,
    ),
    FunctionShape("absence", "visits", (), None, row_of=TableName("clinic", "visits"), returns_set=True),
    FunctionShape("absence", "touch", (Argument(field("id", "uuid"), optional=False),), None),
)

VISITS = TableShape(
    TableName("clinic", "visits"),
    "table",
    (
        field("id", "integer", "int4", insert="absent", identity="a", update=False, has_default=True),
        field("kind", "clinic.visit_kind", "visit_kind", base_kind="e", labels=VISIT_KIND.labels),
        field(
            "rating", "smallint", "int2", null=True, insert="optional", values=ValueSet(("1", "2", "3"), "chk_rating")
        ),
        field(
            "details",
            "jsonb",
            constraints=("chk_details",),
            shape_rule="chk_details",
            shape={
                "type": "object",
                "properties": {
                    "name": {"type": "string", "minLength": 1},
                    "tags": {"type": "array", "items": {"enum": ["x", 1, None]}},
                },
                "required": ["name"],
                "additionalProperties": False,
                "oneOf": [],
            },
        ),
    ),
)

TYPES = DatabaseTypes(
    (
        ModuleTypes(
            "absence",
            (EVERY_TYPE, MILESTONE_ACTIONS, SICKNESS_CASES, DRAFTS, WEIRD, READ_ONLY, VIEW, COMPOSITE),
            FUNCTIONS,
            (MOOD,),
            aliases=(
                row_name("absence.milestone_actions", "MilestoneAction"),
                row_name("absence.milestone_actions_with_details", "MilestoneActionWithDetails"),
            ),
        ),
        ModuleTypes("clinic", (VISITS,), (), (VISIT_KIND,)),
        ModuleTypes("empty"),
    )
)
