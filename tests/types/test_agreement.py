"""Drawn rows prove that types and database say the same, and find each sort of disagreement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from harness.server.connection import Server
from harness.types.agreement.verdict import TableVerdict
from tests.types.proving import POSTGREST, PYDANTIC, ZOD, Proving, proving

HERE = Path(__file__).parent
SCHEMA = "".join((HERE / name).read_text() for name in ("pg_jsonschema.sql", "agreement_schema.sql"))
CHECKS = {
    "touched": """\
columns:
  updated_at: {type: timestamptz(3), touched_on_update: {on_insert: true, by: clock_timestamp}}
""",
    "documents": """\
columns:
  doc: {type: jsonb, shape: {type: object, required: [type], properties: {type: {type: string}}}}
""",
}
ALL = {output.path: output for output in (ZOD, POSTGREST, PYDANTIC)}
NOT_PROVED = ("impossible", "unbreakable")


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[Proving]:
    with proving(tmp_path_factory.mktemp("proving"), server, SCHEMA, CHECKS, rows=20) as found:
        yield found


@pytest.mark.parametrize("path", ALL)
def test_types_agree(tried: Proving, path: str) -> None:
    verdicts = tried.verdicts(ALL[path])
    differing = {name: list(each.lines()) for name, each in verdicts.items() if not each.agrees}
    assert list(differing) == list(NOT_PROVED), differing
    for each in verdicts.values():
        assert each.shape.name.table in NOT_PROVED or (each.accepted >= 20 and each.refused >= 20)
        assert not each.disagreements
        assert {*each.broken} >= {rule.name for rule in each.shape.rules} or each.shape.name.table in NOT_PROVED


def test_what_is_not_proved(tried: Proving) -> None:
    verdicts = tried.verdicts(PYDANTIC)
    impossible, unbreakable = (verdicts[each] for each in NOT_PROVED)
    assert list(impossible.lines()) == [
        "  app.impossible: not proved, no rows can be drawn: no values of a found that keep impossible_a; "
        "supply some: `rows:` in the file of app.impossible"
    ]
    assert [line.split(";")[0] for line in unbreakable.lines()] == [
        "  app.unbreakable: not proved",
        "    no row breaks unbreakable_a alone",
    ]
    assert unbreakable.json()["not_broken"] == ["unbreakable_a"] and not unbreakable.json()["agrees"]
    assert impossible.json()["unfillable"] and not impossible.json()["agrees"]
    assert list(verdicts["lengths"].json()["broken"]) == ["lengths_note", "note (23502)"]


Pairs = set[tuple[str | None, str]]


def said(verdict: TableVerdict) -> Pairs:
    """What PostgreSQL refuses a record by, and what the types say of it, of all that they differ about."""
    return {(each.case.refused_by, "; ".join(each.judgement.messages) or "accept") for each in verdict.disagreements}


ZOD_PLANTS: Mapping[str, tuple[str, str]] = {
    "sets": ('setsStatus = ["new", "open", "done"]', 'setsStatus = ["new", "open"]'),
    "lower_bounds": ('.min(1, { error: "lower_n" })', '.min(2, { error: "lower_n" })'),
    "upper_bounds": ('.max(5, { error: "upper_n" })', '.max(6, { error: "upper_n" })'),
    "lengths": (
        '.max(3, { error: "lengths_note" })',
        '.refine((text) => text.length <= 3, { error: "lengths_note" })',
    ),
    "varchars": ('pg.varchar("note", 3)', 'pg.text("note").max(3, { error: "note (22001)" })'),
    "optionals": (
        "optionalsInsert = z.strictObject({\n  a: optionalsFields.a.exactOptional(),",
        "optionalsInsert = z.strictObject({\n  a: optionalsFields.a,",
    ),
    "requireds": ("  ...requiredsFields,\n", "  ...requiredsFields,\n  a: requiredsFields.a.exactOptional(),\n"),
    "nullables": ('nullablesFields = {\n  a: pg.int4("a").nullable(),', 'nullablesFields = {\n  a: pg.int4("a"),'),
    "not_nulls": ('notNullsFields = {\n  a: pg.int4("a"),', 'notNullsFields = {\n  a: pg.int4("a").nullable(),'),
    "names": ('{ error: "names_n" }', '{ error: "names_number" }'),
    "missing": ("row.a === null || row.b === null || row.a < row.b", "row.a !== undefined"),
    "numerics": (
        'pg.numeric("price", 3, 1)',
        'pg.numeric("price").refine((text) => !(Math.abs(Number(text)) > 99.9), "price (22003)")',
    ),
    "moments": (
        ".refine((row) => row.ends.getTime() >= row.starts.getTime(), "
        'pg.rule("moments_order", "ends", "starts"));\nexport type MomentsRow',
        ".refine((row) => row.ends.getTime() > row.starts.getTime(), "
        'pg.rule("moments_order", "ends", "starts"));\nexport type MomentsRow',
    ),
    "enums": ('mood = ["good", "bad"]', 'mood = ["good"]'),
    "domains": ('"^[A-Z]+$"', '"^[A-Z]$"'),
    "arrays": ('arraysTags = ["a", "b"]', 'arraysTags = ["a"]'),
    "generated": (".lt(10, ", ".lt(1000, "),
    "touched": (
        "updated_at: touchedFields.updated_at.nullable().exactOptional(),\n});\nexport type TouchedInsert",
        "updated_at: touchedFields.updated_at.exactOptional(),\n});\nexport type TouchedInsert",
    ),
    "documents": ("z.object({ type: z.string() })", "z.object({ type: z.string().optional() })"),
}
POSTGREST_PLANTS = {
    **ZOD_PLANTS,
    "numerics": (
        'pg.numericJson("price", 3, 1)',
        'pg.numericJson("price").refine((number) => !(Math.abs(Number(number)) >= 100), "price (22003)")',
    ),
    "moments": (
        'pg.compareMoments(row.ends, row.starts) >= 0, pg.rule("moments_order", "ends", "starts"));\n'
        "export type MomentsRow",
        'row.ends > row.starts, pg.rule("moments_order", "ends", "starts"));\nexport type MomentsRow',
    ),
}


def model(name: str, about: str, old: str, new: str) -> tuple[str, str]:
    """A change of the first field of a model."""
    head = f'class {name}:\n    """{about}"""\n\n    '
    return f"{head}{old}\n", f"{head}{new}\n"


PYTHON_PLANTS: Mapping[str, tuple[str, str]] = {
    "sets": ('SETS_STATUS: Final = ("new", "open", "done")', 'SETS_STATUS: Final = ("new", "open")'),
    "lower_bounds": (
        '"lower_n", ("n",), lambda row: row.n is UNSET or (row.n >= 1',
        '"lower_n", ("n",), lambda row: row.n is UNSET or (row.n >= 2',
    ),
    "upper_bounds": (
        '"upper_n", ("n",), lambda row: row.n is UNSET or (row.n >= 1 and row.n <= 5',
        '"upper_n", ("n",), lambda row: row.n is UNSET or (row.n >= 1 and row.n <= 6',
    ),
    "lengths": ("len(row.note) <= 3", "len(row.note.encode()) <= 3"),
    "varchars": model(
        "VarcharsInsert(InsertModel)",
        "A row to insert into app.varchars.",
        "note: Annotated[Text, Varchar(3)]",
        "note: Annotated[Text, Varchar(2)]",
    ),
    "optionals": ("    a: Int4 = 1\n", "    a: Int4\n"),
    "requireds": model("RequiredsInsert(InsertModel)", "A row to insert into app.requireds.", "a: Int4", "a: Int4 = 1"),
    "nullables": model("NullablesRow(Model)", "A row of app.nullables.", "a: Int4 | None", "a: Int4"),
    "not_nulls": model(
        "NotNullsUpdate(Model)",
        "The columns of app.not_nulls that an update changes.",
        "a: Maybe[Int4] = UNSET",
        "a: Maybe[Int4 | None] = UNSET",
    ),
    "names": ('RowRule("names_n"', 'RowRule("names_number"'),
    "missing": ("missing(row.a) or missing(row.b) or row.a < row.b", "True"),
    "moments": ("row.ends >= row.starts", "row.ends > row.starts"),
    "enums": ('Literal["good", "bad"]', 'Literal["good"]'),
    "domains": (r'r"^[A-Z]+\Z"', r'r"^[A-Z]\Z"'),
    "arrays": ('ARRAYS_TAGS: Final = ("a", "b")', 'ARRAYS_TAGS: Final = ("a",)'),
    "generated": ("row.b < 10", "row.b < 1000"),
    "touched": (
        'class TouchedInsert(InsertModel, rules=_TOUCHED_RULES, replaced=("updated_at",))',
        "class TouchedInsert(InsertModel, rules=_TOUCHED_RULES)",
    ),
    "documents": ('"required": ["type"]', '"required": []'),
}
UNROUNDED = (
    "value = value.quantize(Decimal(1).scaleb(-self.scale), ROUND_HALF_UP, _WIDE)",
    'if abs(value) > Decimal("99.9"):\n            raise refused("22003")',
)
PLANTS: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    ZOD.path: {"app.ts": dict(ZOD_PLANTS.values())},
    POSTGREST.path: {"app.ts": dict(POSTGREST_PLANTS.values())},
    PYDANTIC.path: {"app.py": dict(PYTHON_PLANTS.values()), "_types.py": dict([UNROUNDED])},
}
FOUND: Mapping[str, tuple[str | None, str]] = {
    "sets": (None, "sets_status"),
    "lower_bounds": (None, "lower_n"),
    "upper_bounds": ("upper_n", "accept"),
    "lengths": (None, "lengths_note"),
    "varchars": (None, "note (22001)"),
    "optionals": (None, "a (23502)"),
    "requireds": ("a (23502)", "accept"),
    "nullables": (None, "a (23502)"),
    "not_nulls": ("a (23502)", "accept"),
    "names": ("names_n", "names_number"),
    "missing": ("missing_order", "accept"),
    "numerics": (None, "price (22003)"),
    "moments": (None, "moments_order"),
    "enums": (None, "mood (22P02)"),
    "domains": (None, "code_form"),
    "arrays": (None, "arrays_tags"),
    "generated": ("generated_b", "accept"),
    "touched": (None, "updated_at (23502)"),
    "documents": ("documents_doc", "accept"),
}
"""By table: the rule by which PostgreSQL refuses a record, None if it accepts it, and what the planted types say."""

OTHERS: Mapping[str, Mapping[str, tuple[str | None, str]]] = {
    ZOD.path: {},
    POSTGREST.path: {"numerics": ("price (22003)", "accept")},
    PYDANTIC.path: {
        "nullables": (None, "as a record it is accepted; a (23502)"),
        "touched": (None, "touched_order"),
    },
}


@pytest.mark.parametrize("path", ALL)
def test_a_disagreement_of_each_sort_is_found(tried: Proving, path: str) -> None:
    verdicts = tried.verdicts(ALL[path], PLANTS[path])
    found = {name: said(each) for name, each in verdicts.items() if each.disagreements}
    assert found == {name: {pair} for name, pair in {**FOUND, **OTHERS[path]}.items()}
    assert [name for name, each in verdicts.items() if not each.agrees and not each.disagreements] == [*NOT_PROVED]


def test_it_is_told_with_the_record(tried: Proving) -> None:
    first, *more = tried.verdicts(PYDANTIC, PLANTS[PYDANTIC.path])["sets"].lines()
    assert first.startswith("  app.sets: DIFFERS; ")
    assert more[:2] == [
        "    app.sets Row: PostgreSQL accepts, the types say sets_status\n    status = 'done'",
        "    app.sets Insert: PostgreSQL accepts, the types say sets_status\n    status = 'done'",
    ]
    assert len(more) == 6 and more[5].startswith("    and ") and more[5].endswith(" more")


def test_a_rule_that_fails_is_told(tried: Proving) -> None:
    """A fault in the types themselves is a disagreement, and not the end of the proof."""
    broken = {"app.py": {"len(row.note) <= 3": "row.note.no_such_thing"}}
    assert said(tried.verdicts(PYDANTIC, broken)["lengths"]) == {
        (each, "AttributeError: 'str' object has no attribute 'no_such_thing'") for each in (None, "lengths_note")
    }
    broken = {"app.ts": {"row.a === null || row.b === null || row.a < row.b": "(row as any).c.d"}}
    (verdict,) = (tried.verdicts(ZOD, broken)[each] for each in ("missing",))
    assert {words for _, words in said(verdict)} == {"TypeError: Cannot read properties of undefined (reading 'd')"}
