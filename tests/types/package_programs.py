"""Programs of others that use the packages of ``types/``: what the compilers take, what they refuse, what runs."""

from __future__ import annotations

SAME = """\
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Same<A, B>): void => undefined;
"""

TYPES_ALONE = f"""\
import {{
  DEFAULT_MILESTONES,
  MILESTONE_ACTION_MAP,
  ROLE_PERMISSIONS,
  communicationLogsContactType,
  milestoneActionsStatus,
  type MilestoneKey,
}} from "constraint-harness-systems/typescript/absence";
import type * as absence from "constraint-harness-systems/typescript/absence";

{SAME}
same<absence.MilestoneAction["status"], "PENDING" | "COMPLETED" | "SKIPPED" | "OVERDUE">(true);
same<absence.MilestoneAction["status"], (typeof milestoneActionsStatus)[number]>(true);
same<absence.MilestoneAction["notes"], string | null>(true);
same<absence.MilestoneActionWithDetails["employee_name" | "label"], string | null>(true);
same<absence.CommunicationLogEntry["contact_type"], (typeof communicationLogsContactType)[number]>(true);
same<absence.CommunicationLogEntry["contact_date"], Date>(true);
same<absence.CommunicationLogEntryWithAuthor["author_name"], string | null>(true);

same<(typeof MILESTONE_ACTION_MAP)["WEEK_52"]["day_offset"], 364>(true);
same<(typeof DEFAULT_MILESTONES)[number]["milestone_key"], MilestoneKey>(true);
same<(typeof ROLE_PERMISSIONS)["HR"][0], "manage:milestone_actions">(true);
export const recipients = (key: MilestoneKey): readonly string[] => MILESTONE_ACTION_MAP[key].recipients;
// @ts-expect-error a key that is none
recipients("DAY_2");

export const changed: absence.MilestoneActionsUpdate = {{ status: "SKIPPED", notes: "Not asked for." }};
// @ts-expect-error a value that is none of the set
export const wrong: absence.MilestoneActionsUpdate = {{ status: "GONE" }};
// @ts-expect-error a column that has to be given
export const short: absence.DepartmentsInsert = {{ name: "Shop" }};
"""

WITH_ZOD = f"""\
import type * as plain from "constraint-harness-systems/typescript/absence";
import * as absence from "constraint-harness-systems/zod/absence";
import type {{ ZodType }} from "zod";

{SAME}
same<absence.MilestoneAction, plain.MilestoneAction>(true);
same<absence.MilestoneActionWithDetails, plain.MilestoneActionWithDetails>(true);
same<absence.CommunicationLogEntry, plain.CommunicationLogEntry>(true);
same<absence.CommunicationLogEntryWithAuthor, plain.CommunicationLogEntryWithAuthor>(true);
same<absence.SkipMilestoneActionArguments, plain.SkipMilestoneActionArguments>(true);

const id = "00000000-0000-0000-0000-000000000001";
const day = new Date("2026-01-01T00:00:00Z");
const action: plain.MilestoneAction = {{
  id,
  organisation_id: id,
  sickness_case_id: id,
  milestone_key: "DAY_3",
  action_type: "NOTIFICATION",
  status: "SKIPPED",
  due_date: day,
  completed_by: null,
  completed_at: null,
  notes: "Not asked for.",
  created_at: day,
  updated_at: day,
}};
const said = (schema: ZodType, value: unknown): string[] =>
  schema.safeParse(value).error?.issues.map((issue) => issue.message) ?? [];

console.log(
  JSON.stringify({{
    row: said(absence.milestoneAction, action),
    "blank row": said(absence.milestoneAction, {{ ...action, notes: " \\t" }}),
    "blank change": said(absence.milestoneActionsUpdate, {{ status: "SKIPPED", notes: "" }}),
    arguments: said(absence.skipMilestoneActionArguments, {{ p_action_id: id, p_notes: "Not asked for." }}),
    "blank arguments": said(absence.skipMilestoneActionArguments, {{ p_action_id: id, p_notes: " \\t" }}),
    "no notes": said(absence.skipMilestoneActionArguments, {{ p_action_id: id, p_notes: null }}),
  }}),
);
"""

SKIP_NOTES = ["chk_milestone_actions_skip_notes"]

SAID = {
    "row": [],
    "blank row": SKIP_NOTES,
    "blank change": SKIP_NOTES,
    "arguments": [],
    "blank arguments": SKIP_NOTES,
    "no notes": SKIP_NOTES,
}
"""What ``WITH_ZOD`` prints, and what the models of Python say of the same."""

SUPABASE = f"""\
import {{ createClient }} from "@supabase/supabase-js";
import type {{ MilestoneAction }} from "constraint-harness-systems/supabase/absence";
import type {{ Database, Tables }} from "constraint-harness-systems/supabase/database";

{SAME}
type Status = "PENDING" | "COMPLETED" | "SKIPPED" | "OVERDUE";
const client = createClient<Database, "absence">("http://localhost", "key", {{ db: {{ schema: "absence" }} }});
const id = "00000000-0000-0000-0000-000000000001";

export async function use(): Promise<void> {{
  const actions = client.from("milestone_actions");
  const {{ data: action }} = await actions
    .select("status, notes, sickness_cases(absence_start_date), users(name)")
    .single();
  if (action) {{
    same<typeof action.status, Status>(true);
    same<typeof action.notes, string | null>(true);
    same<typeof action.sickness_cases, {{ absence_start_date: string }}>(true);
    same<typeof action.users, {{ name: string }} | null>(true);
  }}
  const {{ data: sickness }} = await client.from("sickness_cases").select("milestone_actions(status)").single();
  if (sickness) {{
    same<typeof sickness.milestone_actions, {{ status: Status }}[]>(true);
  }}

  const due = {{ organisation_id: id, sickness_case_id: id, milestone_key: "DAY_3", due_date: "2026-01-01" }};
  await actions.insert({{ ...due, action_type: "PROMPT" }});
  // @ts-expect-error a column that has to be given
  await actions.insert(due);
  // @ts-expect-error a value that is none of the set
  await actions.insert({{ ...due, action_type: "NONE" }});
  await actions.update({{ status: "COMPLETED", notes: null }});
  // @ts-expect-error NULL where it cannot be
  await actions.update({{ status: null }});
  // @ts-expect-error a table of which no row changes
  await client.from("communication_logs").update({{ notes: "x" }});

  const {{ data: skipped }} = await client.rpc("skip_milestone_action", {{ p_action_id: id, p_notes: "x" }});
  if (skipped) {{
    same<(typeof skipped)[number], MilestoneAction>(true);
  }}
  // @ts-expect-error an argument that has no default
  await client.rpc("skip_milestone_action", {{ p_action_id: id }});
  const {{ data: count }} = await client.rpc("case_communication_log_count", {{ p_case_id: id }});
  same<typeof count, number | null>(true);
}}

same<Tables<"milestone_actions">, MilestoneAction>(true);
"""

WITH_NODE_POSTGRES = """\
import { skip } from "./example.js";

const [, , given, blank] = process.argv;
const rows = await skip({ p_action_id: given, p_notes: "Not asked for." });
const refused = await skip({ p_action_id: given, p_notes: blank }).then(() => [], (error) => error.issues);
console.log(JSON.stringify([rows.map((row) => [row.status, row.notes]), refused.map((issue) => issue.message)]));
process.exit();
"""

WITH_SUPABASE = """\
import { due } from "./example.js";

const asked = [];
globalThis.fetch = async (address) => {
  asked.push(new URL(address));
  return Response.json([{ milestone_key: "DAY_3", sickness_cases: { employee_id: "1" } }]);
};
const { data, error } = await due("2026-01-01");
console.log(JSON.stringify([data, error, asked.map((url) => [url.pathname, url.searchParams.get("due_date")])]));
process.exit();
"""
"""Stands in for PostgREST, and tells what it was asked."""

ASK_FASTAPI = """\
import asyncio, json, sys
from example import app


async def answer(path: str, body: dict, method: str = "POST") -> list:
    sent = []

    async def receive() -> dict:
        return {"type": "http.request", "body": json.dumps(body).encode()}

    async def send(message: dict) -> None:
        sent.append(message)

    address = {"path": path, "query_string": b"", "headers": [(b"content-type", b"application/json")]}
    await app({"type": "http", "method": method, **address}, receive, send)
    return [sent[0]["status"], json.loads(sent[1]["body"])]


"""
"""A request as a web server hands it over, without a web server."""

WITH_FASTAPI = f"""\
{ASK_FASTAPI}
given, blank = sys.argv[1:]
bodies = [{{"p_action_id": given, "p_notes": notes}} for notes in ("Not asked for.", blank)]
print(json.dumps([asyncio.run(answer("/skip", each)) for each in bodies]))
"""

PYTHON = """\
import json
from datetime import UTC, date, datetime
from uuid import UUID

from pydantic import BaseModel, ValidationError

from constraint_harness_systems import absence, weeksmith

ID = UUID(int=1)
JSON = {
    "id": str(ID),
    "organisation_id": str(ID),
    "sickness_case_id": str(ID),
    "milestone_key": "DAY_3",
    "action_type": "NOTIFICATION",
    "status": "SKIPPED",
    "due_date": "2026-01-01",
    "completed_by": None,
    "completed_at": None,
    "notes": "Not asked for.",
    "created_at": "2026-01-01T12:00:00.5+00:00",
    "updated_at": "2026-01-01T12:00:00.5+00:00",
}
NOON = datetime(2026, 1, 1, 12, 0, 0, 500000, UTC)
RECORD = {
    **JSON,
    **dict.fromkeys(("id", "organisation_id", "sickness_case_id"), ID),
    "due_date": date(2026, 1, 1),
    "created_at": NOON,
    "updated_at": NOON,
}


def said(model: type[BaseModel], value: object) -> list[str]:
    try:
        model.model_validate_json(value) if isinstance(value, str) else model.model_validate(value)
    except ValidationError as error:
        return [each["msg"] for each in error.errors()]
    return []


def arguments(notes: str | None) -> str:
    return json.dumps({"p_action_id": str(ID), "p_notes": notes})


row = absence.MilestoneAction.model_validate_json(json.dumps(JSON))
record = absence.MilestoneActionsRecord.model_validate(RECORD)
skipped = absence.SkipMilestoneActionArguments
print(
    json.dumps(
        {
            "file": absence.__file__,
            "same": row.model_dump() == record.model_dump(),
            "record of texts": bool(said(absence.MilestoneActionsRecord, JSON)),
            "blank record": said(absence.MilestoneActionsRecord, {**RECORD, "notes": " \\t"}),
            "row": said(absence.MilestoneAction, json.dumps(JSON)),
            "blank row": said(absence.MilestoneAction, json.dumps({**JSON, "notes": " \\t"})),
            "blank change": said(absence.MilestoneActionsUpdate, {"status": "SKIPPED", "notes": ""}),
            "arguments": said(skipped, arguments("Not asked for.")),
            "blank arguments": said(skipped, arguments(" \\t")),
            "no notes": said(skipped, arguments(None)),
        }
    )
)
"""

TYPED = """\
from datetime import datetime
from typing import Any, Literal, assert_type
from uuid import UUID

from constraint_harness_authenticated.absence import MilestoneActionsRecord
from constraint_harness_authenticated.absence_async_repository import AsyncMilestoneActionsRepository
from constraint_harness_authenticated.absence_repository import CommunicationLogsRepository, MilestoneActionsRepository
from constraint_harness_systems import UNSET
from constraint_harness_systems.absence import MILESTONE_ACTIONS_STATUS, CommunicationLogEntry, MilestoneAction
from constraint_harness_systems.absence import CommunicationLogEntryWithAuthor, MilestoneActionWithDetails
from constraint_harness_systems.absence import MILESTONE_ACTION_MAP, ROLE_PERMISSIONS, MilestoneKey
from constraint_harness_systems.absence import MilestoneActionsUpdate
from psycopg import AsyncConnection, Connection


def words(action: MilestoneAction, details: MilestoneActionWithDetails) -> str:
    assert_type(action.status, Literal["PENDING", "COMPLETED", "SKIPPED", "OVERDUE"])
    assert_type(action.completed_at, datetime | None)
    assert_type(details.employee_name, str | None)
    return action.notes or ""


def author(entry: CommunicationLogEntry, named: CommunicationLogEntryWithAuthor) -> UUID:
    assert_type(named.author_name, str | None)
    return entry.author_id


def changed(update: MilestoneActionsUpdate) -> str | None:
    return None if update.notes is UNSET else update.notes


def record(row: dict[str, object]) -> MilestoneActionsRecord:
    return MilestoneActionsRecord.model_validate(row)


changes = [MilestoneActionsUpdate(status=each, notes="x") for each in MILESTONE_ACTIONS_STATUS]


def days(key: MilestoneKey) -> int:
    assert_type(MILESTONE_ACTION_MAP[key].recipients, tuple[Literal["employee", "manager", "hr"], ...])
    return MILESTONE_ACTION_MAP[key].day_offset + len(ROLE_PERMISSIONS["HR"])


def entries(connection: Connection[Any], case: UUID) -> list[str | None]:
    log = CommunicationLogsRepository(connection)
    assert_type(log.case_communication_log_count(case), int | None)
    return [each.author_email for each in log.case_communication_log(case)]


async def found(connection: AsyncConnection[Any], case: UUID) -> MilestoneActionsRecord | None:
    actions = AsyncMilestoneActionsRepository(connection)
    return await actions.find_by_sickness_case_id_and_milestone_key(case, "DAY_1")


class Actions(MilestoneActionsRepository):
    def done(self, action: MilestoneActionsRecord) -> bool:
        return bool(self.complete_milestone_action(action.id))
"""

MISTYPED = """\
from constraint_harness_authenticated.absence_repository import CommunicationLogsRepository, MilestoneActionsRepository
from constraint_harness_systems.absence import MILESTONE_ACTION_MAP, DepartmentsInsert, MilestoneAction
from constraint_harness_systems.absence import MilestoneActionsUpdate

MilestoneActionsUpdate(status="GONE")
MilestoneActionsUpdate(status=None)
DepartmentsInsert(name="Shop")
print(MilestoneAction.model_validate({}).reason)
MILESTONE_ACTION_MAP["DAY_2"]
CommunicationLogsRepository.update
CommunicationLogsRepository.delete
MilestoneActionsRepository.delete
"""
"""Each line from the fifth on is a fault."""
