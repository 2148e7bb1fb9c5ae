"""The systems on a platform that somebody else hosts: by a role that is no superuser, over what the host grants."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from harness.project.load import load
from harness.server.connection import Server, value

from .conftest import SCHEMA

ROOT = SCHEMA.parent
OWNER = "schema_tests_hosted"
MODULES = [module.name for module in load(ROOT).modules]
QUICK = "intents"

# By default privileges of all schemas whatever the owner makes would be everybody's: ours take that back themselves.
EVERYWHERE = """
alter default privileges grant all on tables to anon, authenticated, service_role;
alter default privileges grant all on sequences to anon, authenticated, service_role;
alter default privileges grant all on functions to anon, authenticated, service_role;
"""


@pytest.fixture(scope="module")
def owner(server: Server) -> Iterator[str]:
    """The connection string of a role that may make databases, and become the roles that requests run as."""
    with server.connect() as maintenance:
        roles = ("anon", "authenticated", "service_role")
        for role, attributes in zip(roles, ("", "", "bypassrls"), strict=True):
            if value(maintenance, "select to_regrole(%s)", [role]) is None:
                maintenance.execute(f"create role {role} nologin noinherit {attributes}".encode())
        maintenance.execute(f"create role {OWNER} login createdb nosuperuser".encode())
        maintenance.execute(sql.SQL("grant {} to {}").format(sql.SQL(", ").join(map(sql.SQL, roles)), sql.SQL(OWNER)))
        # As the postgres of a host may.
        maintenance.execute(f"grant set on parameter session_replication_role to {OWNER}".encode())
        yield make_conninfo(**{**server.conninfo, "user": OWNER, "dbname": "postgres"})
        for (name,) in maintenance.execute(
            f"select datname from pg_database where datdba = '{OWNER}'::regrole".encode()
        ):
            maintenance.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
        maintenance.execute(f"drop owned by {OWNER}; drop role {OWNER}".encode())


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project over the roles, grants and default privileges of a host; the functions of auth are ours."""
    for name in ("schema", "seeds", "checks"):
        shutil.copytree(ROOT / name, tmp_path / name)
    hosted = (ROOT / "checks/platform/hosted.sql").read_text(encoding="utf-8")
    before, defaults = hosted.partition("create table auth.users")[0], hosted.partition("alter default privileges")[1:]
    (tmp_path / "host.sql").write_text(f"{before}{''.join(defaults)}{EVERYWHERE}", encoding="utf-8")
    settings = (ROOT / "project.yml").read_text(encoding="utf-8")
    (tmp_path / "project.yml").write_text(f"{settings}\nbase: [host.sql]\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    "module", [pytest.param(name, marks=[] if name == QUICK else [pytest.mark.nightly]) for name in MODULES]
)
def test_a_host_s_owner_applies_and_proves_it(owner: str, project: Path, module: str) -> None:
    program = str(Path(sys.executable).with_name("harness"))
    command = [program, "test", "--target", owner, "--select", module, "--seed", "1"]
    done = subprocess.run(
        [*command, "--report", "json"], cwd=project, capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    report = json.loads((project / ".harness/reports/report.json").read_text(encoding="utf-8"))
    assert report["totals"]["proved"] > 0
    assert {check["status"] for check in report["checks"]} <= {"proved", "present"}
