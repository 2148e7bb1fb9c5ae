"""The project of this repository by the command line: all modules at once, and each without the others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from psycopg import sql

from harness.catalog.inventory import DatabaseObject, differences, inventory
from harness.global_objects import registry
from harness.project.load import load
from harness.scratch import templates
from harness.server.connection import Server
from tests.cli.conftest import ROOT, Cli
from tests.cli.test_workers import run as proved
from tests.schema.test_platform import HOSTED, HOSTED_JWT
from tests.schema.test_platform import ROLES as BROUGHT

MODULES = load(ROOT).modules
MIGRATIONS = sum(len(module.migrations) for module in MODULES)
ROLES = "select rolname, rolcanlogin, rolinherit, rolbypassrls from pg_roles order by 1"


def run(cli: Cli, *arguments: str) -> str:
    """What a verb says that ends well."""
    done = cli.run(*arguments)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


def create(cli: Cli, server: Server, host: str) -> None:
    """The database of the project, with what a host brings; roles are the cluster's and may be there already."""
    with server.connect() as connection:
        connection.execute(sql.SQL("create database {} template template0").format(sql.Identifier(cli.name)))
        for role in BROUGHT if host else ():
            if connection.execute("select to_regrole(%s)", [role]).fetchone() == (None,):
                bypasses = sql.SQL(" bypassrls" if role == "service_role" else "")
                connection.execute(sql.SQL("create role {}{}").format(sql.Identifier(role), bypasses))
    with server.connect(cli.name) as connection:
        connection.execute(host.encode())


def contents(cli: Cli, server: Server) -> frozenset[DatabaseObject]:
    with server.connect(cli.name) as connection:
        return inventory(connection)


def roles(server: Server) -> list[tuple[object, ...]]:
    with server.connect() as connection:
        return connection.execute(ROLES).fetchall()


@pytest.mark.parametrize("host", ["", HOSTED + HOSTED_JWT], ids=["empty", "hosted"])
def test_everything_goes_up_and_down_and_up_again(systems: Cli, server: Server, host: str) -> None:
    """Down to what was there before, which is never touched: the roles, and a schema ``auth`` that a host brings."""
    create(systems, server, host)
    before, brought = contents(systems, server), roles(server)
    assert f"{MIGRATIONS} migrations applied" in run(systems, "apply")
    full, made = contents(systems, server), roles(server)
    assert before <= full
    assert {f"schema {module.name}" for module in MODULES[1:]} <= {entry.label for entry in full - before}
    assert made == brought or not host
    run(systems, "seed")
    assert f"{MIGRATIONS} migrations rolled back" in run(systems, "rollback", "--all")
    assert differences(before, contents(systems, server)) == []
    assert f"{MIGRATIONS} migrations applied" in run(systems, "apply")
    assert differences(full, contents(systems, server)) == []
    assert roles(server) == made


@pytest.mark.parametrize("module", [module.name for module in MODULES if module.depends_on])
def test_a_module_needs_none_of_the_others(systems: Cli, server: Server, scratch_server: Server, module: str) -> None:
    needed = tuple(each.name for each in load(systems.root).with_dependencies([module]))
    others = {each.name for each in MODULES} - set(needed)
    assert others
    run(systems, "apply", "--select", module)
    identities = [entry.identity for entry in contents(systems, server)]
    assert any(identity.startswith(f"{module}.") for identity in identities)
    assert [name for name in identities if name.partition(".")[0] in others] == []
    said = run(systems, "test", "--select", f"{module},kind:privileges")
    assert " 0 broken, 0 unreliable" in said
    assert template_modules(systems, scratch_server) == [needed]


def test_a_module_is_taken_back_without_the_others(systems: Cli, server: Server) -> None:
    run(systems, "apply")
    run(systems, "seed")
    full = contents(systems, server)
    assert "5 migrations rolled back" in run(systems, "rollback", "--all", "--select", "clinic")
    kinds = {entry.kind for entry in full - contents(systems, server)}
    assert {"schema", "table", "trigger", "policy", "extension"} <= kinds
    gone = {entry.identity.partition(".")[0] for entry in full - contents(systems, server) if entry.kind == "table"}
    assert gone == {"clinic"}
    everything = run(systems, "rollback", "--all", "--select", "platform", "--dry-run")
    assert f"would roll back {MIGRATIONS - 5} migrations" in everything
    assert "5 migrations applied" in run(systems, "apply")
    assert differences(full, contents(systems, server)) == []


def template_modules(cli: Cli, server: Server) -> list[tuple[str, ...]]:
    """What the templates of the project hold."""
    root = templates.root_hash(cli.root)
    with server.connect() as connection:
        return [template.modules for template in registry.templates(connection) if template.root == root]


def test_modules_of_several_checks_come_with_what_they_depend_on(systems: Cli, scratch_server: Server) -> None:
    names = ["intents.intent_executions.columns", "orchestrator.orchestrator_runs.columns"]
    said = run(systems, "test", "--select", names[1], "--select", names[0])
    assert "0 proved, 2 present, 0 broken, 0 unreliable" in said
    assert template_modules(systems, scratch_server) == [("platform", "intents", "orchestrator")]


def test_a_module_without_checks_is_built_unless_others_are_selected(cli: Cli) -> None:
    cli.replace("project.yml", "  app: {}\n", "  app: {}\n  side: {}\n")
    cli.write("schema/side/001_a.up.sql", "create table nowhere.a ();")
    cli.write("schema/side/001_a.down.sql", "drop table nowhere.a;")
    everything = cli.run("test", "--exclude", "kind:primary_key")
    assert everything.returncode == 2
    assert everything.stderr.startswith('schema/side/001_a.up.sql:1:14: schema "nowhere" does not exist')
    assert cli.run("test", "--select", "app").returncode == 0


def test_a_dependency_that_was_not_declared_is_found(cli: Cli) -> None:
    cli.replace("project.yml", "  app: {}\n", "  app: {}\n  side: {}\n")
    cli.write("schema/side/001_a.up.sql", "create schema side;\ncreate table side.a (id integer references app.items);")
    cli.write("schema/side/001_a.down.sql", "drop table side.a;\ndrop schema side;")
    reference = "checks:\n  - foreign_key: [id]\n    references: app.items\n"
    cli.write("checks/side/a.yml", f"table: side.a\ncolumns:\n  id: {{type: integer}}\n{reference}")
    assert cli.run("test", "--seed", "1").returncode == 0
    alone = cli.run("test", "--seed", "1", "--select", "side")
    assert alone.returncode == 2
    assert alone.stderr.splitlines()[0] == 'schema/side/001_a.up.sql:2:1: schema "app" does not exist (3F000)'
    hint = "hint: only side was built: if another module makes it, say so under depends_on in project.yml"
    assert alone.stderr.splitlines()[-1] == hint
    cli.replace("project.yml", "  side: {}\n", "  side: {depends_on: [app]}\n")
    assert cli.run("test", "--seed", "1", "--select", "side").returncode == 0


def test_the_systems_of_this_repository_are_covered(systems: Cli) -> None:
    answer = systems.run("coverage")
    assert answer.returncode == 0, answer.stdout
    before = {path: path.read_bytes() for path in (systems.root / "checks").rglob("*.yml")}
    assert systems.run("adopt", "--update").stdout.startswith("0 changes")
    assert {path: path.read_bytes() for path in (systems.root / "checks").rglob("*.yml")} == before
    assert Path(systems.root / "checks/.adopted.json").exists()


def test_the_outcomes_are_the_same_whatever_the_number(systems: Cli) -> None:
    # A rule that is gone, so that there is something to shrink.
    file = next(path for path in (systems.root / "schema/intents").glob("*.up.sql") if "count" in path.read_text())
    text = file.read_text()
    lacking = re.sub(r",\s+constraint chk_execution_count_positive check \([^)]*\)", "", text)
    assert lacking != text
    file.write_text(lacking)
    arguments = ("--select", "intents", "--exclude", "kind:rollback", "--exclude", "kind:index")
    alone = proved(systems, *arguments, "--workers", "1")
    assert {check["status"] for check in alone} == {"proved", "present", "broken"}
    assert proved(systems, *arguments, "--workers", "3") == alone
    parts = [proved(systems, *arguments, "--shard", f"{number}/3", "--workers", "1") for number in (1, 2, 3)]
    assert all(parts)
    order = [check["name"] for check in alone]
    assert sorted((check for part in parts for check in part), key=lambda check: order.index(check["name"])) == alone
