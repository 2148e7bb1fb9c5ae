"""TypeScript compiles, says what the tables are, and supabase-js infers from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import ProjectError
from harness.project.model import TableName
from harness.types import typescript, zod
from harness.types.javascript import NODE, losses
from harness.types.javascript_names import HEADER
from harness.types.model import DatabaseTypes, EnumShape, Field, ModuleTypes, TableShape
from tests.types import node_programs
from tests.types.javascript_samples import MILESTONE_ACTIONS, TYPES, array, column, field

CASES = [(driver, case) for driver in (NODE, "postgrest") for case in ("snake", "camel")]

AGREE = """\
import * as schemas from "../zod/absence.js";
import type * as types from "./absence.js";

// What a schema makes is of the type, and what is of the type can be given to the schema.
const takes = <T>(_: T): void => undefined;
declare const row: schemas.MilestoneActionsRow;
declare const insert: types.MilestoneActionsInsert;
declare const update: types.MilestoneActionsUpdate;
declare const every: schemas.EveryTypeRow;
declare const everyInsert: types.EveryTypeInsert;
takes<types.MilestoneActionsRow>(row);
takes<schemas.MilestoneActionsInsert>(insert);
takes<schemas.MilestoneActionsUpdate>(update);
takes<types.EveryTypeRow>(every);
takes<schemas.EveryTypeInsert>(everyInsert);
takes<types.MilestoneAction>(row);
takes<types.SkipMilestoneActionArguments>({ action: "", notes: null });
takes<types.SkipMilestoneActionResult>(row);

// @ts-expect-error a value that is none of the set
takes<types.MilestoneActionsStatus>("gone");
// @ts-expect-error an optional value is left out, and not undefined
takes<types.MilestoneActionsUpdate>({ notes: undefined });
// @ts-expect-error NULL where it cannot be
takes<types.MilestoneActionsUpdate>({ status: null });
// @ts-expect-error a column that no update changes
takes<types.MilestoneActionsUpdate>({ CREATED_BY: "" });
// @ts-expect-error a document that would be sent as NULL
takes<types.MilestoneActionsUpdate>({ payload: null });
"""

SUPABASE = """\
import { createClient } from "@supabase/supabase-js";
import { Constants, type Database, type Enums, type Tables, type TablesInsert, type TablesUpdate } from "./database.js";
import type { CompositeTypes } from "./database.js";

const client = createClient<Database, "absence">("http://localhost", "key", { db: { schema: "absence" } });
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Same<A, B>): void => undefined;

export async function use(): Promise<void> {
  const { data } = await client.from("milestone_actions").select("status, notes, sickness_cases(employee)").single();
  if (data) {
    same<typeof data.status, "pending" | "completed" | "skipped">(true);
    same<typeof data.notes, string | null>(true);
    same<typeof data.sickness_cases, { employee: string }>(true);
  }
  const { data: reverse } = await client.from("sickness_cases").select("milestone_actions(number, mood)").single();
  if (reverse) {
    same<(typeof reverse.milestone_actions)[number], { number: number; mood: Enums<"mood"> | null }>(true);
  }
  await client.from("milestone_actions").insert({ case_id: "x", created_by: "y", priority: 2 });
  // @ts-expect-error a value that is none of the set
  await client.from("milestone_actions").insert({ case_id: "x", created_by: "y", status: "gone" });
  // @ts-expect-error a column that has to be given
  await client.from("milestone_actions").insert({ created_by: "y" });
  // @ts-expect-error a column that the database alone fills in
  await client.from("milestone_actions").insert({ case_id: "x", created_by: "y", number: 1 });
  // @ts-expect-error a column that no update changes
  await client.from("milestone_actions").update({ created_by: "y" });
  // @ts-expect-error a table that takes no rows
  await client.from("audit_log").insert({ id: 1 });
  const { data: skipped } = await client.rpc("skip_milestone_action", { action: "x", notes: null }).select("status");
  if (skipped) {
    same<typeof skipped, { status: "pending" | "completed" | "skipped" }>(true);
  }
  // @ts-expect-error an argument that has no default
  await client.rpc("skip_milestone_action", { action: "x" });
  const { data: totals } = await client.rpc("totals");
  same<typeof totals, { n: number; mood: Enums<"mood"> | null }[] | null>(true);
  const { data: open } = await client.rpc("open_cases");
  same<typeof open, number | null>(true);
  const { data: seen } = await client.from("milestone_actions_with_details").select("id, kind").single();
  if (seen) {
    same<typeof seen, { id: string | null; kind: "first" | "later" | null }>(true);
  }
}

same<Tables<"milestone_actions">["status"], "pending" | "completed" | "skipped">(true);
same<Tables<"milestone_actions_with_details">["id"], string | null>(true);
same<Tables<{ schema: "clinic" }, "visits">["rating"], 1 | 2 | 3 | null>(true);
same<TablesInsert<"sickness_cases">, { id?: string; employee: string; open?: boolean }>(true);
same<TablesUpdate<{ schema: "absence" }, "sickness_cases">["open"], boolean | undefined>(true);
same<Enums<{ schema: "clinic" }, "visit_kind">, "first" | "later">(true);
same<CompositeTypes<"address">["street"], string | null>(true);
same<(typeof Constants)["absence"]["Enums"]["mood"], readonly ["good", "so so", 'ba"d']>(true);
// @ts-expect-error no such table
export type None = Tables<"nothing">;
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with everything that can be written of the samples, and programs that use it."""
    directory = tmp_path_factory.mktemp("types")
    files = {"postgrest/snake/ts/use.ts": SUPABASE}
    for driver, case in CASES:
        for name, texts in (("ts", typescript.render(TYPES, driver, case)), ("zod", zod.render(TYPES, driver, case))):
            files |= {f"{driver}/{case}/{name}/{file}": text for file, text in texts.items()}
        created = "createdBy" if case == "camel" else "created_by"
        files[f"{driver}/{case}/ts/agree.ts"] = AGREE.replace("CREATED_BY", created)
    node_programs.write(directory, files)
    return directory


@pytest.mark.parametrize("version", [6, 7])
def test_everything_compiles(written: Path, version: int) -> None:
    assert node_programs.compiled(written, version, emit=False) == ""


@pytest.mark.parametrize(("driver", "case"), CASES)
def test_each_file_begins_with_the_header_and_is_always_the_same(driver: str, case: str) -> None:
    for render in (typescript.render, zod.render):
        files = render(TYPES, driver, case)
        assert all(text.startswith(HEADER) and text.endswith(("\n", "}\n")) for text in files.values())
        assert files == render(TYPES, driver, case)
        assert not any("\n\n\n" in text or " \n" in text for text in files.values())


def test_files_are_named_after_modules() -> None:
    assert [*typescript.render(TYPES, NODE)] == ["absence.ts", "clinic.ts", "empty.ts"]
    assert [*typescript.render(TYPES, "postgrest")] == ["absence.ts", "clinic.ts", "empty.ts", "database.ts"]
    assert [*zod.render(TYPES, NODE)] == ["absence.ts", "clinic.ts", "empty.ts", "runtime.ts"]


def one(*fields: Field, **more: object) -> DatabaseTypes:
    shape = TableShape(TableName("app", "things"), "table", fields)
    return DatabaseTypes((ModuleTypes("app", (shape,), **more),))  # type: ignore[arg-type]


def test_an_interface_reads_as_one_writes_it() -> None:
    text = typescript.render(DatabaseTypes((ModuleTypes("absence", (MILESTONE_ACTIONS,)),)), NODE)["absence.ts"]
    assert (
        text.split("export interface MilestoneActionsInsert {\n")[1].split("  code?")[0]
        == """\
  /** Drawn by the database. */
  id?: string;
  /** fk_milestone_actions_case */
  case_id: string;
  /** chk_milestone_actions_status, chk_milestone_actions_skip_notes */
  status?: MilestoneActionsStatus;
  /**
   * Why it was skipped.
   * Or what came of it. [special]
   */
  notes?: string | null;
  priority?: number;
"""
    )


def test_camel_case_comes_with_a_map() -> None:
    text = typescript.render(TYPES, NODE, "camel")["clinic.ts"]
    assert "export interface VisitsRow {\n  id: number;" in text
    text = typescript.render(one(field("created_at", "text")), NODE, "camel")["app.ts"]
    assert 'export const thingsColumns = {\n  createdAt: "created_at",\n} as const;\n' in text


@pytest.mark.parametrize("render", [typescript.render, zod.render])
def test_two_columns_that_become_one_are_refused(render: object) -> None:
    types = one(field("created_at", "text"), field("created__at", "text"))
    assert typescript.render(types, NODE, "snake")
    with pytest.raises(ProjectError, match=r"created_at and created__at of app.things would both be createdAt"):
        render(types, NODE, "camel")  # type: ignore[operator]


def test_two_things_of_one_name_are_refused() -> None:
    enum = EnumShape(TableName("app", "things_row"), ("a",))
    with pytest.raises(ProjectError, match=r"enum app.things_row and table app.things would both be called ThingsRow"):
        typescript.render(one(field("a", "text"), enums=(enum,)), NODE)


@pytest.mark.parametrize("name", ["default", "json", "date"])
def test_a_reserved_word_is_refused(name: str) -> None:
    enum = EnumShape(TableName("app", name), ("a",))
    with pytest.raises(ProjectError, match=rf'enum app."?{name}"? would be called \w+ in app.ts, which is a word'):
        typescript.render(one(enums=(enum,)), NODE)


def test_two_files_of_one_name_are_refused() -> None:
    types = DatabaseTypes((ModuleTypes("a b"), ModuleTypes("a-b"), ModuleTypes("a_b")))
    with pytest.raises(
        ProjectError, match=r"schema a_b would be written to a_b.ts, which is also the file of schema a b"
    ):
        typescript.render(types, NODE)
    with pytest.raises(ProjectError, match=r"also runtime.ts"):
        zod.render(DatabaseTypes((ModuleTypes("runtime"),)), NODE)


def test_losses_are_listed_by_column() -> None:
    fields = (
        field("total", "numeric"),
        field("at", "timestamp with time zone", "timestamptz"),
        Field(array("sizes", column("", "bigint", "int8")), nullable=True),
        field("doc", "jsonb", shape={"not": {}, "properties": {"a": {"$ref": "#"}}}),
    )
    found = {
        driver: [(each.subject, each.reason) for each in losses(one(*fields), driver)] for driver in (NODE, "postgrest")
    }
    assert found[NODE] == [
        ("at", "infinity arrives as the number Infinity, which is refused, and years after 275760 as an invalid Date"),
        ("at", "a Date has no microseconds: rules compare milliseconds"),
        ("sizes", "an array of more than one dimension is refused"),
        ("doc", "the JSON null looks like NULL, and is sent as NULL"),
        ("doc", "a number of more than 15 digits arrives rounded"),
        ("doc", "JSON Schema's not, $ref"),
    ]
    assert found["postgrest"][:3] == [
        ("total", "digits beyond 2^53 are lost"),
        ("sizes", "an array of more than one dimension is refused"),
        ("sizes", "digits beyond 2^53 are lost"),
    ]
