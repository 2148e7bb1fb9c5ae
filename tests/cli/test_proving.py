"""harness test: what it says of green, red and unreliable projects, and what it leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from xml.etree import ElementTree

import pytest
from psycopg.conninfo import make_conninfo

from harness.server.connection import Server
from tests.cli.conftest import HARNESS, Cli, scratch_databases, timeless

RULE = ",\n    constraint items_amount_positive check (amount > 0)"
SCRIPT = ".harness/repro/app.items.check.items_amount_positive.sql"
GREEN = """\

app.items
  present  columns                                                 4 facts
  proved   not_null amount                                        6 probes
  proved   default amount                                         2 probes
  proved   check items_amount_positive                          116 probes
  proved   primary_key id                                        10 probes
  proved   declared                                               4 probes

5 proved, 1 present, 0 broken, 0 unreliable; 138 probes and 11 facts in N s (N probes/s)
"""
RED = """\

app.items
  BROKEN   check items_amount_positive              checks/app/items.yml:4
          expected: '0' refused by items_amount_positive (23514)
          actual:   accepted
          row:      id='1' amount='0'
          expected: what the check names is in the database
          actual:   no constraint on app.items: items_amount_positive
          replay:   harness replay app.items.check.items_amount_positive

broken: no constraint on app.items: items_amount_positive
  app.items.check.items_amount_positive  checks/app/items.yml:4

read on: harness explain check

0 proved, 0 present, 1 broken, 0 unreliable; 58 probes and 0 facts in N s (N probes/s)
repeat with: harness test --select app.items.check.items_amount_positive --profile dev --seed 1
"""


def test_green(cli: Cli, scratch_server: Server) -> None:
    done = cli.run("test", "--seed", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert timeless(done.stdout) == f"{scratch_server.description}, app: 1 migration, 4 rules, 6 checks\n{GREEN}"
    assert scratch_databases(scratch_server) == []


def test_red_by_name_when_the_rule_is_gone_and_green_again(cli: Cli, scratch_server: Server) -> None:
    cli.replace("schema/app/001_items.up.sql", RULE, "")
    arguments = ("test", "--seed", "1", "--select", "kind:check")
    done = cli.run(*arguments)
    assert (done.returncode, done.stderr) == (1, "")
    assert timeless(done.stdout) == f"{scratch_server.description}, app: 1 migration, 3 rules, 1 check\n{RED}"
    assert "-- actual:   accepted\n" in (cli.root / SCRIPT).read_text()
    cli.replace("schema/app/001_items.up.sql", "primary key (id)", f"primary key (id){RULE}")
    assert cli.run(*arguments).returncode == 0
    assert not (cli.root / SCRIPT).exists()


def test_the_script_shows_the_fault_in_psql(cli: Cli, server: Server) -> None:
    from harness.server import binaries

    cli.replace("schema/app/001_items.up.sql", RULE, "")
    assert cli.run("test", "--select", "kind:check").returncode == 1
    assert cli.run("apply").returncode == 0
    connect = {f"PG{key.upper()}": value for key, value in server.conninfo.items() if key in ("host", "port", "user")}
    shown = subprocess.run(
        [binaries.embedded().directory / "psql", "-X", "-f", SCRIPT],
        cwd=cli.root,
        env={**cli.environment, **connect, "PGDATABASE": cli.name},
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.stdout.splitlines().count("INSERT 0 1") == 1, shown  # the probe: no other row is needed
    assert shown.stderr == ""


def test_a_name_that_the_catalog_lacks_is_a_finding_with_the_nearest_name(cli: Cli) -> None:
    cli.replace("checks/app/items.yml", "constraint: items_amount_positive", "constraint: items_amount_positiv")
    done = cli.run("test", "--select", "kind:check")
    assert (done.returncode, done.stderr) == (1, "")
    assert (
        "actual:   no constraint on app.items: items_amount_positiv; did you mean 'items_amount_positive'?"
        in done.stdout
    )


def test_unreliable_is_red_with_its_reason(cli: Cli) -> None:
    # PostgreSQL tries CHECKs in the order of their names, so nothing ever reaches the second one.
    cli.replace("schema/app/001_items.up.sql", RULE, f"{RULE},\n    constraint items_z check (amount >= -5)")
    entry = "  - check: amount >= -5\n    constraint: items_z\n"
    cli.replace("checks/app/items.yml", "  - primary_key: [id]\n", entry)
    done = cli.run("test", "--seed", "1", "--select", "kind:check")
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert lines[4].split() == ["UNRELIABLE", "check", "items_z", "checks/app/items.yml:7"]
    assert lines[5].startswith("          reason:   "), done.stdout
    assert "say `implied_by:`" in lines[5]
    assert "1 proved, 0 present, 0 broken, 1 unreliable; " in done.stdout


def test_the_same_seed_says_the_same(cli: Cli) -> None:
    cli.replace("schema/app/001_items.up.sql", RULE, "")
    first, second = (timeless(cli.run("test", "--seed", "7").stdout) for _ in range(2))
    assert first == second
    assert first.endswith("--seed 7\n")


def test_what_to_repeat_repeats_it(cli: Cli) -> None:
    cli.replace("schema/app/001_items.up.sql", RULE, "")
    first = cli.run("test")
    command = first.stdout.splitlines()[-1].removeprefix("repeat with: harness ")
    again = cli.run(*command.split())
    block = first.stdout[first.stdout.index("  BROKEN") : first.stdout.index("          replay:")]
    assert block in again.stdout


def test_select_and_exclude(cli: Cli) -> None:
    def names(*arguments: str) -> list[str]:
        found = cli.run("test", *arguments)
        assert found.returncode == 0, found
        return [line.split()[1] for line in found.stdout.splitlines() if line.startswith(("  proved", "  present"))]

    assert names("--select", "kind:check kind:primary_key") == ["check", "primary_key"]
    assert names("--select", "kind:check", "--select", "kind:primary_key") == ["check", "primary_key"]
    assert names("--select", "app", "--exclude", "kind:check kind:default") == [
        "columns",
        "not_null",
        "primary_key",
        "declared",
    ]


def test_fail_fast(cli: Cli) -> None:
    cli.replace("schema/app/001_items.up.sql", RULE, "")
    done = cli.run("test", "--fail-fast")
    assert done.returncode == 1
    assert "primary_key" not in done.stdout
    assert "\n2 not tried: --fail-fast\n" in done.stdout


@pytest.mark.parametrize(("ci", "profile"), [("true", "ci"), ("1", "ci"), ("false", "dev"), ("", "dev")])
def test_the_profile_follows_the_environment(cli: Cli, ci: str, profile: str) -> None:
    done = cli.run("test", "--select", "kind:check", CI=ci)
    assert done.returncode == 0
    ci_says = "repeat with: harness test --select kind:check --profile ci --seed 0\n"
    assert done.stdout.endswith(ci_says) == (profile == "ci")


def test_reports(cli: Cli) -> None:
    cli.replace("schema/app/001_items.up.sql", RULE, "")
    assert cli.run("test", "--seed", "1", "--report", "junit,json").returncode == 1
    document = json.loads((cli.root / ".harness/reports/report.json").read_text())
    assert (document["version"], document["seed"], document["totals"]["broken"]) == (3, 1, 1)
    suites = ElementTree.parse(cli.root / ".harness/reports/junit.xml").getroot()
    assert [case.get("name") for case in suites.iter("testcase") if case.find("failure") is not None] == [
        "app.items.check.items_amount_positive"
    ]
    assert cli.run("test", "--report", "json", "--report-dir", "there").returncode == 1
    assert [path.name for path in (cli.root / "there").iterdir()] == ["report.json"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_leaves_no_scratch_database(cli: Cli, scratch_server: Server, number: signal.Signals) -> None:
    cli.replace("project.yml", "dev: {scenarios: 2}", "dev: {scenarios: 5000}")
    with cli.start("test") as running:
        assert running.stdout is not None
        for line in running.stdout:
            if line.startswith("  proved"):
                break
        assert scratch_databases(scratch_server) != []
        running.send_signal(number)
        _, said = running.communicate(timeout=60)
    assert (running.returncode, said) == (130, "harness: interrupted\n")
    assert scratch_databases(scratch_server) == []


def test_nobody_reads_on(cli: Cli, scratch_server: Server) -> None:
    with cli.start("test", "--profile", "nightly") as running:
        assert running.stdout is not None and running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        assert running.stderr.read() == ""
    assert running.returncode == 2
    assert scratch_databases(scratch_server) == []


def test_long_lines_do_not_wrap_in_a_pipe_and_nothing_is_coloured(cli: Cli) -> None:
    name = "a_" * 60
    cli.replace("schema/app/001_items.up.sql", "items_amount_positive", name[:60])
    cli.replace("checks/app/items.yml", "items_amount_positive", name[:60])
    done = cli.run("test", "--select", "kind:check", COLUMNS="40", TERM="xterm")
    assert f"  proved   check {name[:60]}  116 probes\n" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_terminal_gets_colours_unless_it_says_no(cli: Cli) -> None:
    def shown(**environment: str) -> str:
        ours, theirs = os.openpty()
        with subprocess.Popen(
            [HARNESS, "test"],
            cwd=cli.root,
            env={**cli.environment, "TERM": "xterm", **environment},
            stdout=theirs,
            stderr=theirs,
        ) as running:
            os.close(theirs)
            said = b""
            while True:
                try:
                    said += os.read(ours, 65536)
                except OSError:  # the other end is closed
                    break
        os.close(ours)
        assert running.returncode == 0
        return said.decode()

    assert "\x1b[32mproved" in shown()
    assert "\x1b[32m" not in shown(NO_COLOR="1")


SEEDS = """\

app
  BROKEN   seeds items.csv                           seeds/app/items.csv:3
          expected: lines 3 and 5 accepted
          actual:   refused by items_amount_positive (23514)
          expected: what refers to them is loaded too
          actual:   left out with them: seeds/app/parts.csv line 3

app.items
"""


def with_seeds(cli: Cli) -> None:
    cli.write(
        "schema/app/002_parts.up.sql",
        "create table app.parts (id integer primary key, item integer constraint parts_item references app.items);\n",
    )
    cli.write("schema/app/002_parts.down.sql", "drop table app.parts;\n")
    cli.write("seeds/app/items.csv", "id,amount\n1,1\n2,0\n3,3\n4,0\n")
    cli.write("seeds/app/parts.csv", "id,item\n1,1\n2,2\n")


@pytest.mark.parametrize("workers", [pytest.param("1", marks=pytest.mark.nightly), "2"])
def test_seeds_that_the_schema_refuses_are_broken_and_the_checks_go_on(
    cli: Cli, scratch_server: Server, workers: str
) -> None:
    with_seeds(cli)
    for _ in range(2):  # the second one finds the template of the first
        done = cli.run("test", "--seed", "1", "--workers", workers, "--report", "junit,json")
        assert (done.returncode, done.stderr) == (1, ""), done
        assert SEEDS in done.stdout
        assert "\n5 proved, 1 present, 1 broken, 0 unreliable; " in done.stdout
        assert done.stdout.endswith("\nrepeat with: harness test --profile dev --seed 1\n")
        report = json.loads((cli.root / ".harness/reports/report.json").read_text())
        assert report["totals"]["not_tried"] == 0
        seeds = report["checks"][0]
        assert (seeds["name"], seeds["status"], seeds["place"]["line"]) == ("app.seeds.items.csv", "broken", 3)
        suites = ElementTree.parse(cli.root / ".harness/reports/junit.xml").getroot()
        failure = next(case for case in suites.iter("testcase") if case.find("failure") is not None)
        assert (failure.get("file"), failure.get("line")) == ("seeds/app/items.csv", "3")
    assert "Failing row" not in done.stdout
    # Once they are well, nothing is said of them.
    cli.write("seeds/app/items.csv", "id,amount\n1,1\n2,2\n")
    done = cli.run("test", "--seed", "1", "--workers", workers)
    assert (done.returncode, done.stderr) == (0, ""), done


def test_each_shard_tells_of_refused_seeds_and_fail_fast_ends_there(cli: Cli) -> None:
    with_seeds(cli)
    for shard in ("1/2", "2/2"):
        done = cli.run("test", "--shard", shard)
        assert done.returncode == 1
        assert SEEDS.partition("\n\napp.items")[0] in done.stdout
    done = cli.run("test", "--fail-fast")
    assert "\n0 proved, 0 present, 1 broken, 0 unreliable; " in done.stdout
    assert "\n6 not tried: --fail-fast\n" in done.stdout


def test_seeds_that_are_wrong_by_themselves_cannot_run(cli: Cli) -> None:
    cli.write("seeds/app/items.csv", "id,amount\n1,0\n2,many\n")
    done = cli.run("test")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith('seeds/app/items.csv:3: column "amount": invalid input syntax for type integer')


def test_seed_and_apply_are_refused_as_a_whole(cli: Cli, server: Server) -> None:
    with_seeds(cli)
    assert cli.run("apply").returncode == 0
    done = cli.run("seed")
    assert (done.returncode, done.stderr) == (
        2,
        'seeds/app/items.csv:3: new row for relation "items" violates check constraint "items_amount_positive"\n',
    )
    with server.connect(cli.name) as connection:
        assert connection.execute("select count(*) from app.items").fetchone() == (0,)


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.nightly)])
def test_a_statement_that_never_ends_is_unreliable(cli: Cli, scratch_server: Server, workers: str) -> None:
    cli.replace("project.yml", "dev: {scenarios: 2}", "dev: {scenarios: 2, timeout: 300ms}")
    cli.replace(
        "schema/app/001_items.up.sql",
        "check (amount > 0)\n);",
        """check (amount > 0)
);
create function app.wait() returns trigger language plpgsql as $$ begin
    if new.amount < 0 then perform pg_sleep(600); end if;
    return new;
end $$;
create trigger wait before insert on app.items for each row execute function app.wait();""",
    )
    cli.replace("checks/app/items.yml", "table: app.items", "table: app.items\nknown: {wait: it takes its time}")
    done = cli.run("test", "--seed", "1", "--workers", workers)
    assert (done.returncode, done.stderr) == (1, "")
    assert "4 proved, 1 present, 0 broken, 1 unreliable; " in done.stdout
    reason = "a statement was cancelled that did not end within 0.3 s: insert into "
    assert f'          reason:   {reason}"app"."items" ' in done.stdout
    assert f"\nunreliable: {reason}" in done.stdout
    assert scratch_databases(scratch_server) == []


ROLE = "create role harness_cli_clerk"
SHUT = """\
create schema app;
create table app.items (id integer constraint items_pkey primary key, owner text);
alter table app.items enable row level security;
alter table app.items force row level security;
create policy items_own on app.items for select to harness_cli_clerk using (owner = current_setting('app.owner', true));
grant usage on schema app to harness_cli_clerk;
grant select on app.items to harness_cli_clerk;
"""
OWN_ROWS = """\
table: app.items
checks:
  - row_security: own items
    as: harness_cli_clerk
    claims: {app.owner: $owner}
    sees: owner = $owner
"""


def test_no_role_of_the_application_is_one_of_scratch_databases(cli: Cli, server: Server) -> None:
    """A role that was applied hides nothing of what the files say, and nothing that is only tested changes it."""
    select = ("test", "--seed", "1", "--select", "kind:row_security")
    cli.write("schema/app/001_items.up.sql", f"{ROLE};\n{SHUT}")
    cli.write("schema/app/001_items.down.sql", "drop schema app cascade;\ndrop role harness_cli_clerk;\n")
    cli.write("checks/app/items.yml", OWN_ROWS)
    green = cli.run(*select)
    assert green.returncode == 0, green.stdout + green.stderr
    assert cli.run("apply").returncode == 0
    try:
        cli.write("schema/app/001_items.up.sql", f"{ROLE} bypassrls;\n{SHUT}")
        assert "\n  BROKEN   row_security own items " in cli.run(*select).stdout
        cli.write("schema/app/001_items.up.sql", SHUT)
        gone = cli.run(*select)
        assert (gone.returncode, 'role "harness_cli_clerk" does not exist' in gone.stderr) == (2, True)
        cli.write("schema/app/001_items.up.sql", f"{ROLE};\n{SHUT}")
        cli.write("schema/app/002_more.up.sql", "alter role harness_cli_clerk bypassrls;\n")
        cli.write("schema/app/002_more.down.sql", "alter role harness_cli_clerk nobypassrls;\n")
        assert cli.run(*select).returncode == 1
        with server.connect() as connection:
            row = connection.execute("select rolbypassrls from pg_roles where rolname = 'harness_cli_clerk'").fetchone()
        assert row == (False,)
        cli.write("schema/app/002_more.up.sql", "select 1;\n")
        again = cli.run(*select)
        assert (again.returncode, "not run" in again.stdout) == (0, False)
    finally:
        cli.write("schema/app/001_items.up.sql", f"{ROLE};\n{SHUT}")
        assert cli.run("rollback", "--all").returncode == 0


def test_a_role_in_use_is_neither_made_nor_dropped_where_migrations_go_up_and_down(
    cli: Cli, scratch_server: Server
) -> None:
    up = "create role harness_cli_reader;\ngrant usage on schema app to harness_cli_reader;\n"
    cli.write("schema/app/002_reader.up.sql", up)
    cli.write("schema/app/002_reader.down.sql", "drop owned by harness_cli_reader;\ndrop role harness_cli_reader;\n")
    cli.write("checks/app/_module.yml", "module: app\nchecks:\n  - rollback: all\n")
    for _ in range(2):
        done = cli.run("test", "--select", "kind:rollback", "--workers", "1")
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        assert "1 proved, 0 present, 0 broken" in done.stdout
    with scratch_server.connect() as connection:
        assert connection.execute("select to_regrole('harness_cli_reader') is not null").fetchone() == (True,)
    assert "dropped role harness_cli_reader" in cli.run("clean").stdout


def test_the_command_that_repeats_it_says_which_project_and_that_there_was_a_connection_string(
    cli: Cli, scratch_server: Server
) -> None:
    cli.replace("schema/app/001_items.up.sql", RULE, "")
    above = Cli(cli.root.parent, cli.name, cli.environment)
    dsn = make_conninfo(**{**scratch_server.conninfo, "dbname": "postgres", "password": "secret"})
    red = above.run("--project", cli.root.name, "test", "--seed", "1", "--select", "kind:check", "--target", dsn)
    assert red.returncode == 1, red.stderr
    check = "app.items.check.items_amount_positive"
    repeat = f"harness --project {cli.root.name} test --select {check} --target DSN --profile dev --seed 1"
    assert red.stdout.splitlines()[-1] == f"repeat with: {repeat}"
    assert "secret" not in red.stdout + red.stderr
    note = "in scratch databases of this server; the database itself is looked at by: harness coverage --target …\n"
    assert red.stdout.count(note) == 1


def test_a_predicate_that_makes_no_sense_is_the_fault_of_one_check(cli: Cli) -> None:
    cli.replace("checks/app/items.yml", "check: amount > 0", "check: amount >== 0")
    red = cli.run("test", "--seed", "1")
    assert (red.returncode, red.stderr) == (1, "")
    said = "PostgreSQL cannot evaluate amount >== 0: operator does not exist: integer >== integer (42883)"
    words = [line.split()[0] for line in red.stdout.splitlines() if line.startswith("  ")]
    assert words.count("BROKEN") == 1 and words.count("UNRELIABLE") > 1
    assert f"\nbroken: {said}\n  app.items.check." in red.stdout
    assert "reason:   checks/app/items.yml:4:" in red.stdout and f": {said}\n" in red.stdout


NOWHERE = {"HARNESS_TARGET": "postgresql://nobody@127.0.0.1:1/nothing"}


def test_the_checks_are_listed_without_a_server(cli: Cli) -> None:
    assert cli.run("test", **NOWHERE).returncode == 2
    report = cli.write(".harness/reports/junit.xml", "of an earlier run")
    choice = ("--select", "kind:primary_key kind:check")
    shown = cli.run("test", "--collect-only", "--report", "junit", *choice, **NOWHERE)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout == "app.items.check.items_amount_positive\napp.items.primary_key.id\n\n2 checks collected\n"
    assert report.read_text() == "of an earlier run"
    cli.replace("checks/app/items.yml", "primary_key:", "primary_kye:")
    shown = cli.run("test", "--collect-only", **NOWHERE)
    assert (shown.returncode, shown.stdout) == (2, "")
    assert shown.stderr.startswith("checks/app/items.yml:7:5: unknown kind 'primary_kye'")
