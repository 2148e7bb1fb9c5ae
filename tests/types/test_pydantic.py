"""Pydantic models that are written: what they accept, what they refuse and how they call it, and how they are typed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from harness.errors import ProjectError
from harness.project.model import TableName
from harness.types import runtime, runtime_shapes, runtime_types
from harness.types.javascript_names import camel
from harness.types.model import TableShape
from harness.types.pydantic_models import HEADER, model_name, render
from harness.types.python_imports import IMPORTED
from harness.types.python_names import OF_MODELS
from tests.types.javascript_samples import MOOD, TYPES, column, compare, field, rule
from tests.types.javascript_samples import col as value
from tests.types.python_package import imported, messages, of_tables, written

ID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
PROGRAMS = Path(sys.executable).parent
ROW: dict[str, Any] = {
    "id": ID,
    "case_id": ID,
    "number": 2**63 - 1,
    "status": "pending",
    "notes": None,
    "priority": 3,
    "code": None,
    "tags": ["a"],
    "started_at": "2026-01-01T00:00:00.5+05:53:28",
    "ended_at": None,
    "amount": "12345678.905",
    "mood": 'ba"d',
    "payload": {"a": [1, None, "x"]},
    "created_by": ID,
}
INSERT: dict[str, Any] = {"case_id": ID, "created_by": ID}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("pydantic"), TYPES)


@pytest.fixture(scope="module")
def absence(package: Path) -> Iterator[ModuleType]:
    with imported(package, "absence") as module:
        yield module


def row(**changed: Any) -> str:
    return json.dumps({**ROW, **changed})


def run(program: str, *arguments: str, cwd: Path) -> None:
    found = subprocess.run([PROGRAMS / program, *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_every_file_begins_with_the_header_and_comes_out_the_same() -> None:
    found = render(TYPES)
    assert sorted(found) == ["__init__.py", "_rules.py", "_types.py", "absence.py", "clinic.py", "empty.py", "py.typed"]
    assert all(text.startswith(HEADER) for text in found.values())
    assert render(TYPES) == found


@pytest.mark.parametrize("case", ["snake", "camel"])
def test_the_files_are_formatted(tmp_path: Path, case: str) -> None:
    written(tmp_path, TYPES, case)
    wide = field("wide", "text", comment="\u5e83\u3044" * 30, data_class="special", constraints=("chk_a", "chk_b"))
    long = field("n" * 63, "numeric", null=True, insert="optional", comment='He said "so".\n\n\\')
    table = TableShape(
        TableName("app", "t" * 63),
        "table",
        (wide, long),
        'Ends in a "quote"',
        (rule("r" * 63, compare(value("wide"), "<>", "x" * 90)),),
    )
    written(tmp_path, of_tables(table), case)
    run("ruff", "format", "--isolated", "--line-length", "120", "--diff", ".", cwd=tmp_path)
    run(
        "ruff",
        "check",
        "--isolated",
        "--select",
        "F,I,B,UP",
        "--target-version",
        "py311",
        "--line-length",
        "120",
        ".",
        cwd=tmp_path,
    )


def test_a_row_of_json_holds_what_python_has_for_it(absence: ModuleType) -> None:
    found = absence.MilestoneActionsRow.model_validate_json(row())
    assert found.number == 2**63 - 1 and found.id == UUID(ID)
    assert str(found.amount) == "12345678.91"
    assert found.started_at.utcoffset().total_seconds() == 5 * 3600 + 53 * 60 + 28
    again = absence.MilestoneActionsRow.model_validate_json(found.model_dump_json())
    assert again == found and '"2026-01-01T00:00:00.500000+05:53:28"' in found.model_dump_json()
    assert absence.MilestoneAction is absence.MilestoneActionsRow


def test_a_body_that_somebody_else_parsed_is_taken_as_well(absence: ModuleType) -> None:
    """As FastAPI gives it: a dictionary with texts for dates."""
    assert absence.MilestoneActionsRow.model_validate(ROW) == absence.MilestoneActionsRow.model_validate_json(row())


def test_a_record_takes_what_psycopg_returns_and_no_texts_instead(absence: ModuleType) -> None:
    started = datetime(2026, 1, 1, tzinfo=UTC)
    own = {
        "id": UUID(ID),
        "case_id": UUID(ID),
        "created_by": UUID(ID),
        "started_at": started,
        "amount": Decimal("1.50"),
    }
    assert absence.MilestoneActionsRecord.model_validate({**ROW, **own}).started_at is started
    wrong = {**ROW, **own, "started_at": "2026-01-01 00:00:00+00", "amount": "1.50", "id": ID}
    assert [place for place, _ in messages(absence.MilestoneActionsRecord, wrong)] == [
        ("id",),
        ("started_at",),
        ("amount",),
    ]


REFUSED: list[tuple[dict[str, Any], list[tuple[tuple[Any, ...], str]]]] = [
    ({"notes": "123456"}, [(("notes",), "chk_notes_length")]),
    ({"notes": "\U0001f600" * 5}, []),
    ({"status": "none"}, [(("status",), "chk_milestone_actions_status")]),
    ({"status": "skipped"}, [((), "chk_milestone_actions_skip_notes")]),
    ({"status": "skipped", "notes": " "}, [((), "chk_milestone_actions_skip_notes")]),
    ({"status": "skipped", "notes": "a"}, []),
    ({"status": "gone"}, [(("status",), "chk_milestone_actions_status"), (("status",), "chk_gone")]),
    ({"status": "completed"}, [((), "chk_completed")]),
    ({"status": "completed", "ended_at": "2026-01-02 00:00:00+00"}, []),
    ({"ended_at": "2025-01-02T00:00:00Z"}, [((), "chk_ended"), ((), "chk_completed")]),
    ({"code": "AB/\n"}, []),
    ({"code": "AB/x\n"}, [(("code",), "chk_code")]),
    ({"tags": ["a", "c"]}, [(("tags",), "chk_tags")]),
    ({"tags": ["a", "b", "a"]}, [(("tags",), "chk_tags")]),
    ({"tags": [None]}, [(("tags",), "chk_tags")]),
    ({"priority": 6}, [(("priority",), "chk_priority")]),
    ({"priority": None}, [(("priority",), "priority (23502)")]),
    ({"priority": 2**31}, [(("priority",), "priority (22003)")]),
    ({"number": 2**63}, [(("number",), "number (22003)")]),
    ({"amount": "99999999.995"}, [(("amount",), "amount (22003)")]),
    ({"amount": "-99999999.994"}, [(("amount",), "chk_amount")]),
    ({"amount": "NaN"}, []),
    ({"amount": "Infinity"}, [(("amount",), "amount (22003)")]),
    ({"amount": "five"}, [(("amount",), "amount (22P02)")]),
    ({"mood": "none"}, [(("mood",), "mood (22P02)")]),
    ({"notes": "\0"}, [(("notes",), "notes (22021)")]),
    ({"payload": {"a": ["\0"]}}, [(("payload",), "payload (22P05)")]),
    ({"payload": []}, [(("payload",), "chk_payload")]),
    ({"payload": None}, [(("payload",), "chk_payload")]),
    ({"id": ID.replace("-", "").upper()}, []),
    ({"id": f"urn:uuid:{ID}"}, [(("id",), "id (22P02)")]),
    ({"started_at": "2026-01-01 00:00:00"}, [(("started_at",), "started_at (22P02)")]),
    ({"started_at": "infinity"}, [(("started_at",), "started_at (22P02)")]),
    ({"priority": "3"}, [(("priority",), "priority (22P02)")]),
    ({"priority": True}, [(("priority",), "priority (22P02)")]),
    ({"amount": 5}, [(("amount",), "amount (22P02)")]),
    ({"amount": 5.5}, [(("amount",), "amount (22P02)")]),
    ({"number": 1.5}, [(("number",), "number (22P02)")]),
    ({"id": 5}, [(("id",), "id (22P02)")]),
    ({"mood": 5}, [(("mood",), "mood (22P02)")]),
    ({"started_at": 5}, [(("started_at",), "started_at (22P02)")]),
    ({"tags": "{a}"}, [(("tags",), "tags (22P02)")]),
    ({"tags": [5]}, [(("tags", 0), "tags (22P02)")]),
    ({"other": 1}, [(("other",), "Extra inputs are not permitted")]),
    (
        {"priority": "3", "status": "skipped", "notes": "123456 "},
        [(("priority",), "priority (22P02)"), (("notes",), "chk_notes_length")],
    ),
    ({"notes": 5, "status": "completed"}, [(("notes",), "notes (22P02)"), ((), "chk_completed")]),
]


@pytest.mark.parametrize(("changed", "expected"), REFUSED)
def test_what_is_refused_is_called_as_the_database_calls_it(
    absence: ModuleType, changed: dict[str, Any], expected: list[tuple[tuple[Any, ...], str]]
) -> None:
    assert messages(absence.MilestoneActionsRow, row(**changed)) == expected


def test_an_error_of_a_rule_has_its_columns(absence: ModuleType) -> None:
    with pytest.raises(ValidationError) as caught:
        absence.MilestoneActionsRow.model_validate_json(row(status="skipped", notes="123456", priority="3"))
    contexts = [(each["loc"], each["msg"], each.get("ctx")) for each in caught.value.errors()]
    assert contexts == [
        (("priority",), "priority (22P02)", None),
        (("notes",), "chk_notes_length", {"columns": ["notes"]}),
    ]
    with pytest.raises(ValidationError) as caught:
        absence.MilestoneActionsRow.model_validate_json(row(status="skipped"))
    (error,) = caught.value.errors()
    assert (error["loc"], error["ctx"]) == ((), {"columns": ["status", "notes"]})


def test_a_lone_surrogate_is_refused(absence: ModuleType) -> None:
    assert messages(absence.MilestoneActionsRow, {**ROW, "notes": "\ud800"}) == [(("notes",), "notes (22021)")]
    assert [place for place, _ in messages(absence.MilestoneActionsRow, row(notes="\ud800"))] == [()]


def test_an_insert_has_what_was_given(absence: ModuleType) -> None:
    found = absence.MilestoneActionsInsert(**{name: UUID(each) for name, each in INSERT.items()})
    assert found.model_dump(exclude_unset=True, mode="json") == INSERT
    assert found.status == "pending" and found.tags == [] and found.payload == {} and found.notes is None
    assert found.started_at is runtime_unset(absence)
    assert "started_at" not in found.model_dump() and '"started_at"' not in found.model_dump_json()
    assert messages(absence.MilestoneActionsInsert, {"case_id": ID}) == [(("created_by",), "created_by (23502)")]
    assert messages(absence.MilestoneActionsInsert, {**INSERT, "number": 1})[0][1] == "Extra inputs are not permitted"
    assert messages(absence.MilestoneActionsInsert, {**INSERT, "id": None}) == [(("id",), "id (23502)")]


def runtime_unset(module: ModuleType) -> object:
    return module.UNSET


def test_the_defaults_of_an_insert_count_for_its_rules(absence: ModuleType) -> None:
    ended = {**INSERT, "ended_at": "2026-01-01 00:00:00+00"}
    assert messages(absence.MilestoneActionsInsert, ended) == [((), "chk_completed")]
    assert messages(absence.MilestoneActionsInsert, {**ended, "status": "completed"}) == []
    assert messages(absence.MilestoneActionsInsert, {**INSERT, "status": "completed"}) == [((), "chk_completed")]


def test_an_update_knows_what_was_given_alone(absence: ModuleType) -> None:
    update = absence.MilestoneActionsUpdate
    assert update().model_dump(exclude_unset=True) == {} == update().model_dump()
    assert update(notes=None).model_dump(exclude_unset=True) == {"notes": None} == update(notes=None).model_dump()
    assert messages(update, {"status": "completed"}) == []
    assert messages(update, {"status": "completed", "ended_at": None}) == [((), "chk_completed")]
    assert messages(update, {"status": "skipped", "notes": ""}) == [((), "chk_milestone_actions_skip_notes")]
    assert messages(update, {"notes": "123456"}) == [(("notes",), "chk_notes_length")]
    assert messages(update, {"status": None}) == [(("status",), "status (23502)")]
    assert messages(update, {"created_by": ID})[0][1] == "Extra inputs are not permitted"
    assert messages(update, {"status": absence.UNSET})[0][0] == ("status",)


def test_a_role_that_does_not_see_a_column_gets_rows_without_it(absence: ModuleType) -> None:
    assert messages(absence.AuditLogRow, {"id": 1}) == []


def test_names_that_python_has_for_itself(absence: ModuleType) -> None:
    text = '{"class": "a", "with space": null, "q\\"uote\\\\": null}'
    found = absence.N2WeirdNamesRow.model_validate_json(text)
    assert found.class_ == "a" and json.loads(found.model_dump_json()) == json.loads(text)
    assert messages(absence.N2WeirdNamesRow, {"class": None, "with space": 1, "q_uote_": None}) == [
        (("class",), "class (23502)"),
        (("with space",), "chk weird"),
    ]
    assert model_name(TableName("absence", "2 weird-names"), "Row") == "N2WeirdNamesRow"


def test_functions(absence: ModuleType) -> None:
    call = absence.SkipMilestoneActionArguments
    assert call(action=UUID(ID), notes="why").model_dump(exclude_unset=True) == {"action": UUID(ID), "notes": "why"}
    assert messages(call, {"action": ID, "notes": " "}) == [(("notes",), "chk_milestone_actions_skip_notes")]
    assert messages(call, {"action": ID}) == [(("notes",), "Field required")]
    totals = TypeAdapter(absence.TotalsResult).validate_python([{"n": 1, "mood": None}])
    assert totals == [absence.TotalsResultRow(n=1, mood=None)]
    assert TypeAdapter(absence.OpenCasesResult).validate_python(5) == 5 and absence.TouchResult is None


def test_sets_are_constants(absence: ModuleType) -> None:
    assert tuple(absence.MOOD) == MOOD.labels
    assert absence.MILESTONE_ACTIONS_STATUS == ("pending", "completed", "skipped")


def test_json_schemas_say_what_json_holds(absence: ModuleType) -> None:
    found = absence.MilestoneActionsInsert.model_json_schema()
    assert found["properties"]["status"]["enum"] == ["pending", "completed", "skipped"]
    assert found["properties"]["case_id"] == {
        "description": "Constraints: fk_milestone_actions_case.",
        "format": "uuid",
        "title": "Case Id",
        "type": "string",
    }
    assert found["required"] == ["case_id", "created_by"]
    assert "default" not in found["properties"]["started_at"]


def test_json_in_camel_case(tmp_path: Path) -> None:
    with imported(written(tmp_path, TYPES, "camel"), "absence") as module:
        text = json.dumps({camel(name): each for name, each in ROW.items()})
        found = module.MilestoneActionsRow.model_validate_json(text)
        assert found.case_id == UUID(ID) and json.loads(found.model_dump_json()).keys() == json.loads(text).keys()
        wrong = json.dumps({camel(name): each for name, each in {**ROW, "case_id": None}.items()})
        assert messages(module.MilestoneActionsRow, wrong) == [(("caseId",), "case_id (23502)")]
        assert messages(module.MilestoneActionsUpdate, '{"createdAt": 1}')[0][0] == ("createdAt",)


@pytest.mark.parametrize("name", ["due_date", "class", "_id", "a__b_", "HTTPCode", "a1_2", "x", "q-r s"])
def test_names_in_camel_case_are_those_of_typescript(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "CAMEL_CASE", True)
    assert runtime.in_json(name) == camel(name)


def test_two_columns_that_become_one_name() -> None:
    table = TableShape(TableName("app", "t"), "table", (field("a_b", "text"), field("aB", "text")))
    with pytest.raises(ProjectError, match=r"the columns a_b and aB of app.t would both be aB") as error:
        render(of_tables(table), "camel")
    assert error.value.hint
    assert "aB: Text" in render(of_tables(table), "snake")["app.py"]


def test_two_tables_that_become_one_class() -> None:
    tables = (TableShape(TableName("app", name), "table", (field("a", "text"),)) for name in ("a_b", "a b"))
    with pytest.raises(ProjectError, match=r'table app.a_b and table app."a b" would both be called ABRow in app.py'):
        render(of_tables(*tables))


def test_no_attribute_hides_one_of_pydantic_or_a_type() -> None:
    assert {name for name in dir(BaseModel) if not name.startswith("_")} <= OF_MODELS
    columns = ("copy", "model_config", "date", "list", "Text", "lambda", "self", "id", "row", "copy_")
    table = TableShape(TableName("app", "t"), "table", tuple(field(each, "text") for each in columns))
    text = render(of_tables(table))["app.py"]
    for each in ("copy__: Text", "model_config_: Text", "date: Text", "list_: Text", "Text_: Text", "lambda_: Text"):
        assert f"    {each}" in text
    assert "    self: Text\n    id: Text\n    row: Text\n    copy_: Text\n" in text


def test_what_is_imported_is_there() -> None:
    for name, source in IMPORTED.items():
        if source.startswith("."):
            assert hasattr({"._rules": runtime, "._shapes": runtime_shapes, "._types": runtime_types}[source], name), (
                name
            )


def test_other_schemas_get_modules_that_can_be_imported() -> None:
    assert column("a", "text").name == "a"
    tables = TableShape(TableName("my-app", "t"), "table", (field("a", "date"),))
    assert date(2026, 1, 1) and "my_app.py" in render(of_schema("my-app", tables))


def of_schema(schema: str, *tables: TableShape) -> Any:
    return type(TYPES)((type(TYPES.modules[0])(schema, tables),))
