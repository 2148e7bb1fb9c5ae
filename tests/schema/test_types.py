"""``types/`` says what the database says: it is as ``harness types`` writes it, and rows of every table are tried."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from harness.project.load import load
from harness.server.connection import Server
from tests.cli.conftest import ROOT, Cli
from tests.types.node_programs import MISSING, PACKAGES

from .support import migrations, standing

PROJECT = load(ROOT)
(SYSTEMS,) = {each.schemas for each in PROJECT.types if each.role is None}
OF_ROLES = [each.path for each in PROJECT.types if each.role is not None]
PROVED = {("zod", "node-postgres"), ("zod", "postgrest"), ("pydantic", "psycopg")}
POSTGREST = "  - {language: zod, driver: postgrest, path: types/zod-postgrest, schemas: [SCHEMAS]}"
"""Proved besides what the project writes: who asks PostgREST may want the rules, too."""

NOT_STATED = {
    "absence.audit_log chk_audit_log_metadata",
    "clinic.audit_logs audit_logs_metadata_ids_and_fields",
    "weeksmith.audit_log audit_states_ids_and_fields",
}
"""CHECKs with paths of SQL/JSON, which no type says."""

ROWS = 300
"""How many rows of each table are accepted, and how many refused, at least."""

CHECKS = """
select concat_ws(' ', n.nspname || '.' || c.relname, r.conname)
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
left join pg_constraint as r on r.conrelid = c.oid and r.contype = 'c'
where n.nspname = any(%s) and c.relkind = 'r' and not c.relispartition
"""


@pytest.fixture
def typed(systems: Cli) -> Cli:
    """A copy of this repository's project with its types, from which node finds the packages."""
    assert PACKAGES.exists(), MISSING
    shutil.copytree(ROOT / "types", systems.root / "types", ignore=shutil.ignore_patterns("node_modules", "dist"))
    (systems.root / "node_modules").symlink_to(PACKAGES)
    return systems


def test_the_types_are_as_they_would_be_written(typed: Cli) -> None:
    done = typed.run("types", "--check")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert done.stdout.endswith(" files, as the database has it\n")


def tables_and_checks(server: Server) -> tuple[set[str], set[str]]:
    """The tables of the systems, and their CHECKs behind the names of their tables."""
    names = [module.name for module in PROJECT.modules]
    with (
        standing(server, ordinary=False, files=migrations(*names)) as fresh,
        fresh.connect() as connection,
    ):
        found = {str(each) for (each,) in connection.execute(CHECKS, (list(SYSTEMS),))}
    return {each.split()[0] for each in found}, {each for each in found if " " in each}


def faults(verdict: Mapping[str, Any]) -> Iterator[str]:
    """What is not as it should be in the verdict on a table."""
    table = verdict["table"]
    if not verdict["agrees"]:
        yield f"{table} does not agree: {verdict['disagreements'] or verdict['unfillable']}"
    if verdict["not_broken"]:
        yield f"{table}: nothing breaks {verdict['not_broken']}"
    if min(verdict["accepted"], verdict["refused"]) < ROWS:
        yield f"{table}: {verdict['accepted']} rows are accepted and {verdict['refused']} refused"


def test_the_types_accept_and_refuse_what_the_database_does(typed: Cli, server: Server) -> None:
    typed.seconds = 1800
    settings = typed.root / "project.yml"
    besides = POSTGREST.replace("SCHEMAS", ", ".join(SYSTEMS))
    settings.write_text(
        settings.read_text(encoding="utf-8").replace("\ntypes:\n", f"\ntypes:\n{besides}\n"), encoding="utf-8"
    )
    done = typed.run("types", "--prove", "--report", "json")
    assert (done.returncode in (0, 1), done.stderr) == (True, ""), done.stdout + done.stderr
    report = json.loads((typed.root / ".harness/reports/types.json").read_text(encoding="utf-8"))
    whole = [each for each in report["outputs"] if each["path"] not in OF_ROLES]
    proved = [each for each in whole if (each["language"], each["driver"]) in PROVED]
    assert len(proved) == len(PROVED)
    tables, checks = tables_and_checks(server)
    for output in proved:
        verdicts = output["tables"]
        assert {each["table"] for each in verdicts} == tables
        assert [fault for each in verdicts for fault in faults(each)] == []
        broken = {f"{each['table']} {rule}" for each in verdicts for rule in each["broken"]}
        listed = {f"{each['table']} {each['subject']}" for each in output["not_stated"]}
        assert checks - broken == checks & listed == NOT_STATED
    # A role has a part of the shapes; these agree as well.
    for output in (each for each in report["outputs"] if each["path"] in OF_ROLES):
        assert [fault for each in output["tables"] for fault in each["disagreements"]] == []
        assert [each["table"] for each in output["tables"] if each["unfillable"]] == []
    assert done.returncode == 0, done.stdout
