"""harness psql, replay and reset: the database of the project in a person's hands."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from harness.errors import TargetError
from harness.proving.reproduction import BY_HAND
from harness.server import binaries, psql
from harness.server.connection import Server
from tests.cli.conftest import HARNESS, UP, Cli, scratch_databases, timeless

SEEDS = "id,amount\n1,10\n"


def test_psql_opens_what_was_applied(cli: Cli) -> None:
    assert cli.run("apply").returncode == 0
    done = cli.run("psql", "--", "-X", "-At", "-c", "select current_database(), count(*) from app.items")
    assert (done.returncode, done.stderr, done.stdout) == (0, "", f"{cli.name}|0\n")
    failed = cli.run("psql", "--", "-X", "-v", "ON_ERROR_STOP=1", "-f", "/dev/stdin", "-c", "select 1/0")
    assert failed.returncode == 1
    assert "division by zero" in failed.stderr


def test_the_variables_of_an_application_do_not_lead_psql_elsewhere(cli: Cli) -> None:
    assert cli.run("apply").returncode == 0
    cli.write("project.yml", (cli.root / "project.yml").read_text() + "target: embedded\n")
    others = {"PGHOST": "/nowhere", "PGDATABASE": "none", "PGUSER": "nobody", "PGOPTIONS": "-c work_mem=64kB"}
    done = cli.run("psql", "--", "-X", "-At", "-c", "select current_database(), current_setting('work_mem')", **others)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", f"{cli.name}|4MB\n")


def test_psql_before_anything_was_applied(cli: Cli) -> None:
    done = cli.run("psql")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"there is no database {cli.name} yet\n"
        "hint: harness apply makes it; harness psql --scratch opens a copy that is dropped at the end\n"
    )


def test_a_scratch_copy_has_the_fixtures_and_is_dropped(cli: Cli, scratch_server: Server) -> None:
    cli.write("seeds/app/items.csv", SEEDS)
    query = "delete from app.items returning id, current_database()"
    done = cli.run("psql", "--scratch", "-X", "-q", "-At", "-c", query)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("1|harness_s_")
    assert scratch_databases(scratch_server) == []


def test_ctrl_c_ends_the_query_and_leaves_no_scratch_database(cli: Cli, scratch_server: Server) -> None:
    running = subprocess.Popen(
        [HARNESS, "psql", "--scratch", "--", "-X", "-c", "select pg_sleep(60)"],
        cwd=cli.root,
        env=cli.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL) and None,
    )
    deadline = time.monotonic() + 30
    with scratch_server.connect() as connection:
        while not connection.execute("select from pg_stat_activity where query = 'select pg_sleep(60)'").fetchall():
            assert time.monotonic() < deadline and running.poll() is None
            time.sleep(0.05)
    os.killpg(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=30)
    assert "canceling statement due to user request" in said
    assert running.returncode == 1
    assert scratch_databases(scratch_server) == []


def test_a_password_is_no_argument_of_psql(cli: Cli, database: tuple[Server, str], tmp_path: Path) -> None:
    """The program that stands in for psql says what it was given."""
    server, name = database
    fake = cli.write("bin/psql", '#!/bin/sh\necho "$@"\necho $PGPASSWORD $PGDATABASE\nexit 3\n')
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    dsn = make_conninfo(**{**server.conninfo, "dbname": name, "password": "gehe1m"})
    path = f"{fake.parent}:{os.environ['PATH']}"
    done = cli.run("psql", "--target", dsn, "--", "-c", "select 1", PATH=path)
    assert (done.returncode, done.stdout) == (3, f"-c select 1\ngehe1m {name}\n")


def test_without_psql_anywhere_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert psql.psql() == binaries.embedded().program("psql")
    monkeypatch.setattr(psql, "_server_directories", lambda: iter([tmp_path]))
    with pytest.raises(TargetError, match="there is no psql on this machine") as caught:
        psql.psql()
    assert "apt install postgresql-client" in str(caught.value)


def test_reset_builds_the_database_anew_from_the_files_as_they_are(cli: Cli, description: str) -> None:
    cli.write("seeds/app/items.csv", SEEDS)
    assert cli.run("reset").returncode == 0
    insert = "insert into app.items (id) values (2)"
    assert cli.run("psql", "--", "-X", "-c", insert).returncode == 0
    cli.replace("schema/app/001_items.up.sql", "    note text,\n", "    note text,\n    nick text,\n")
    done = cli.run("reset")
    assert (done.returncode, done.stderr) == (0, "")
    assert timeless(done.stdout) == (
        f"{description}, database {cli.name}\n"
        "  app/001_items, by the down text in the ledger  N ms\n"
        "1 migration rolled back in N s\n"
        "  schema/app/001_items.up.sql  N ms\n"
        "1 migration applied in N s\n"
        "  seeds/app/items.csv  1 row  1 written\n"
        "1 file, 1 row\n"
    )
    shown = cli.run("psql", "--", "-X", "-At", "-c", "select id, nick is null from app.items")
    assert shown.stdout == "1|t\n"


def test_reset_takes_nothing_back_if_there_is_something_that_cannot_be_applied(cli: Cli) -> None:
    cli.write("seeds/app/items.csv", SEEDS)
    assert cli.run("reset").returncode == 0
    assert cli.run("new", "app", "more").returncode == 0
    refused = cli.run("reset")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert cli.run("psql", "--", "-X", "-At", "-c", "select id from app.items").stdout == "1\n"


def test_reset_is_refused_on_a_server_of_somebody_else(cli: Cli, database: tuple[Server, str]) -> None:
    server, name = database
    dsn = make_conninfo(**{**server.conninfo, "dbname": name, "password": "gehe1m"})
    assert cli.run("apply", "--target", dsn).returncode == 0
    refused = cli.run("reset", "--target", dsn)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        "harness reset is for the tool's own server, and --target names another\n"
        "hint: say --target embedded; on your own server harness rollback --all, harness apply and harness seed "
        "do it one by one\n"
    )
    with server.connect(name) as connection:
        assert connection.execute("select to_regclass('app.items') is not null").fetchone() == (True,)


CHECK = "app.items.check.items_amount_positive"


def test_replay_shows_what_the_run_has_caught(cli: Cli, scratch_server: Server) -> None:
    cli.replace("schema/app/001_items.up.sql", ",\n    constraint items_amount_positive check (amount > 0)", "")
    red = cli.run("test", "--seed", "1")
    assert red.returncode == 1
    (replay,) = [line.split()[1:] for line in red.stdout.splitlines() if line.startswith("          replay:   ")]
    assert replay == ["harness", "replay", CHECK]
    shown = cli.run(*replay[1:])
    assert (shown.returncode, shown.stderr) == (1, "")
    lines = shown.stdout.splitlines()
    probe = lines[lines.index("savepoint probe;") :]
    assert probe[2].startswith('insert into "app"."items" ') and probe[3] == "INSERT 0 1"
    expected = ["expected: '0' refused by items_amount_positive (23514)", "actual:   accepted"]
    assert lines[-6:] == ["ROLLBACK", "", *expected, "now:       accepted, rows: 1", "the fault is there"]
    assert scratch_databases(scratch_server) == []
    cli.write("schema/app/001_items.up.sql", UP)
    refused = cli.run("replay", CHECK)
    assert (refused.returncode, refused.stderr) == (0, "")
    said = 'new row for relation "items" violates check constraint "items_amount_positive"'
    now = [f"now:       refused: {said} (23514)", "the fault is gone: now it is as expected"]
    assert refused.stdout.splitlines()[-4:] == [*expected, *now]
    assert refused.stdout.count("ERROR") == 1


def test_replay_of_what_cannot_be_tried_any_more(cli: Cli) -> None:
    cli.replace("schema/app/001_items.up.sql", "    constraint items_pkey primary key (id),\n", "")
    assert cli.run("test", "--seed", "1", "--select", "kind:primary_key").returncode == 1
    cli.write("schema/app/001_items.up.sql", UP.replace("amount > 0", "amount > 0 and false"))
    untried = cli.run("replay", "app.items.primary_key.id")
    assert untried.returncode == 2
    assert untried.stdout.splitlines()[-1] == "this could not be tried: what stands before is refused"


def test_replay_of_what_did_not_fail_or_is_no_check(cli: Cli) -> None:
    green = cli.run("replay", CHECK)
    assert (green.returncode, green.stdout) == (2, "")
    assert green.stderr == (
        f"no failure of {CHECK} is saved, or none that psql can show\n"
        f"hint: look whether it fails: harness test --select {CHECK}\n"
    )
    slip = cli.run("replay", f"{CHECK}s")
    assert (slip.returncode, slip.stdout) == (2, "")
    assert slip.stderr == (
        f"no check '{CHECK}s'; did you mean '{CHECK}'?\nhint: name it as the run did; see what fails: harness test\n"
    )


def test_replay_of_two_sessions_is_for_people(cli: Cli) -> None:
    script = f".harness/repro/{CHECK}.sql"
    cli.write(script, BY_HAND.format(name=CHECK, place="x", expected="one", actual="two"))
    refused = cli.run("replay", CHECK)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith(f"{script}: this takes two sessions, so it is followed by hand\n")
