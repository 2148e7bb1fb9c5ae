"""harness test by several processes: the same outcomes, whatever their number, and nothing left of those that die."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from harness.server.connection import Server
from tests.cli.conftest import Cli, ended, scratch_databases

SLOW = ("dev: {scenarios: 2}", "dev: {scenarios: 3000}")
KEPT = "check (amount > 0)"

TRIES = 4


def outcomes(cli: Cli) -> list[dict[str, Any]]:
    """What the last run found, but for the time it took."""
    report = json.loads((cli.root / ".harness/reports/report.json").read_text())
    return [{key: value for key, value in check.items() if key != "seconds"} for check in report["checks"]]


def run(cli: Cli, *arguments: str) -> list[dict[str, Any]]:
    done = cli.run("test", "--seed", "1", "--report", "json", *arguments)
    assert (done.returncode in (0, 1), done.stderr) == (True, ""), done
    return outcomes(cli)


def several_tables(cli: Cli, *names: str) -> None:
    """More tables like the project's one, each with its checks."""
    up, checks = ((cli.root / path).read_text() for path in ("schema/app/001_items.up.sql", "checks/app/items.yml"))
    for number, name in enumerate(names, 2):
        table = up.partition("create table")[2].replace("items", name)
        cli.write(f"schema/app/{number:03d}_{name}.up.sql", f"create table{table}")
        cli.write(f"schema/app/{number:03d}_{name}.down.sql", f"drop table app.{name};\n")
        cli.write(f"checks/app/{name}.yml", checks.replace("items", name))


def workers(process: subprocess.Popen[str]) -> list[int]:
    """The worker processes that a run has started."""
    return children(process, "-f", "spawn_main")


def children(process: subprocess.Popen[str], *which: str) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(process.pid), *which], capture_output=True, text=True)
    return [int(line) for line in found.stdout.split()]


def until(what: Callable[[], bool], seconds: float = 60.0) -> None:
    ends = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < ends, "it did not come to that"
        time.sleep(0.05)


def gone(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return True
    return status.rpartition(")")[2].split()[0] == "Z"


def at_work(cli: Cli, scratch_server: Server, count: int) -> Callable[[], bool]:
    """Whether that many workers have a database each and are trying something in it."""

    def found() -> bool:
        with scratch_server.connect() as connection:
            rows = connection.execute(
                "select distinct datname from pg_stat_activity"
                " where application_name like 'harness worker %' and datname like 'harness_s_%'"
            ).fetchall()
        return len(rows) >= count

    return found


def test_tables_are_told_when_their_last_check_is_in(cli: Cli, scratch_server: Server) -> None:
    several_tables(cli, "others", "more")
    # The last table is over soonest: of the others one check each is slow.
    for number, name in ((1, "items"), (2, "others")):
        slow = f"check (amount > 0 and pg_sleep(0.006 * {3 - number}) is not null)"
        cli.replace(f"schema/app/{number:03d}_{name}.up.sql", "check (amount > 0)", slow)
    # On a busy machine the second worker may come when the first one has done all: that run shows nothing.
    for _ in range(TRIES):
        tables = cli.run("test", "--seed", "1", "--workers", "2", "--report", "json").stdout.split("\n\n")
        order = [table.splitlines()[0] for table in tables[1:-1]]
        if order != ["app.items", "app.more", "app.others"]:
            break
    assert order != ["app.items", "app.more", "app.others"]
    told = outcomes(cli)
    one = cli.run("test", "--seed", "1", "--workers", "1", "--report", "json")
    assert tables[0] == f"{one.stdout.splitlines()[0]}, 2 workers"
    # Each whole, in the files' order within; and so are the reports.
    assert sorted(tables[1:-1]) == sorted(one.stdout.split("\n\n")[1:-1])
    assert told == outcomes(cli)
    assert scratch_databases(scratch_server) == []


def test_a_run_that_is_over_soon_takes_one_worker(cli: Cli) -> None:
    assert "workers" not in cli.run("test").stdout
    cli.write(".harness/durations.json", json.dumps({"seconds": {"app.items.columns": 1000.0}}))
    assert (f", {min(os.cpu_count() or 1, 8)} workers\n" in cli.run("test").stdout) == ((os.cpu_count() or 1) > 1)


def test_fail_fast_ends_with_the_same_check(cli: Cli, scratch_server: Server) -> None:
    several_tables(cli, "others", "more")
    cli.replace("schema/app/003_more.up.sql", KEPT, "check (amount > 1)")
    cli.replace("schema/app/001_items.up.sql", KEPT, "check (amount > 1)")
    alone = run(cli, "--fail-fast", "--workers", "1")
    assert run(cli, "--fail-fast", "--workers", "2") == alone
    assert [check["status"] in ("proved", "present") for check in alone].count(False) == 1
    assert scratch_databases(scratch_server) == []


def test_all_shards_have_what_one_run_has(cli: Cli) -> None:
    several_tables(cli, "others", "more")
    whole = run(cli)
    kept = (cli.root / ".harness/durations.json").read_text()
    parts = [run(cli, "--shard", f"{number}/2") for number in (1, 2)]
    assert sorted(check["name"] for part in parts for check in part) == sorted(check["name"] for check in whole)
    assert (cli.root / ".harness/durations.json").read_text() == kept
    assert (cli.root / ".harness/durations-2-of-2.json").exists()
    # A run does not change what the next shard is dealt by, not even where that is a file it would write.
    files = [f"--durations=.harness/durations-{number}-of-2.json" for number in (1, 2)]
    heading = [cli.run("test", "--shard", f"{number}/2", *files).stdout.splitlines()[0] for number in (1, 2)]
    assert heading[0].partition(" of plan ")[2] == heading[1].partition(" of plan ")[2] != ""


def test_a_shard_with_nothing_in_it_is_clean(cli: Cli) -> None:
    done = cli.run("test", "--shard", "9/9", "--report", "json")
    assert (done.returncode, done.stderr) == (0, "")
    assert "no checks, shard 9/9 of plan " in done.stdout
    assert outcomes(cli) == []


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("--shard", "3/2"), "'3/2' is no shard"),
        (("--shard", "two"), "'two' is no shard"),
        (("--workers", "0"), "'0' is no number of workers"),
        (("--workers", "many"), "'many' is no number of workers"),
        (("--durations", "none.json"), "none.json: cannot be read: No such file or directory"),
    ],
)
def test_what_is_mistyped_is_said(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    done = cli.run("test", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.nightly  # it is waited for
def test_a_scheduler_that_is_not_there_is_told(cli: Cli) -> None:
    pytest.importorskip("distributed")
    done = cli.run("test", "--scheduler", "tcp://127.0.0.1:1")
    assert done.returncode == 2
    assert done.stderr.startswith("no Dask scheduler at tcp://127.0.0.1:1: ")
    assert "Traceback" not in done.stderr


def test_without_dask_it_is_said_how_to_get_it(cli: Cli) -> None:
    cli.write("absent/distributed.py", "raise ImportError('not installed')\n")
    done = cli.run("test", "--scheduler", "tcp://127.0.0.1:1", PYTHONPATH=str(cli.root / "absent"))
    assert done.returncode == 2
    assert done.stderr == (
        "--scheduler needs Dask, which is not installed\nhint: pip install 'constraint-harness[dask]'\n"
    )


def test_a_worker_that_is_killed_is_told(cli: Cli, scratch_server: Server) -> None:
    several_tables(cli, "others")
    cli.replace("project.yml", *SLOW)
    with cli.start("test", "--workers", "2") as running:
        until(at_work(cli, scratch_server, 2))
        others = workers(running)
        assert len(others) == 2
        os.kill(others[0], signal.SIGKILL)
        _, said = ended(running)
    assert running.returncode == 2
    assert said.startswith("a worker ended in the middle of its work: it was killed, or")
    assert "Traceback" not in said
    assert scratch_databases(scratch_server) == []
    assert all(map(gone, others))


@pytest.mark.parametrize(
    ("number", "to_all"),
    [
        (signal.SIGINT, True),
        (signal.SIGTERM, False),
        (signal.SIGHUP, False),
        (signal.SIGHUP, True),
    ],
)
def test_interrupted_leaves_no_worker_and_no_database(
    cli: Cli, scratch_server: Server, number: signal.Signals, to_all: bool
) -> None:
    several_tables(cli, "others")
    cli.replace("project.yml", *SLOW)
    with cli.start("test", "--workers", "2") as running:
        until(at_work(cli, scratch_server, 2))
        others = workers(running)
        if to_all:  # as a terminal does, also to what Python starts for itself
            for each in children(running):
                os.kill(each, number)
        running.send_signal(number)
        _, said = ended(running)
    assert (running.returncode, said) == (130, "harness: interrupted\n")
    assert scratch_databases(scratch_server) == []
    assert all(map(gone, others))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_interrupted_while_workers_start(cli: Cli, scratch_server: Server, number: signal.Signals) -> None:
    cli.replace("project.yml", *SLOW)
    with cli.start("test", "--workers", "2") as running:
        until(lambda: bool(workers(running)))
        others = workers(running)
        for each in (*others, running.pid):
            os.kill(each, number)
        _, said = ended(running)
    assert (running.returncode, said) == (130, "harness: interrupted\n")
    assert scratch_databases(scratch_server) == []


def test_workers_do_not_outlive_a_run_that_is_killed(cli: Cli, scratch_server: Server) -> None:
    several_tables(cli, "others")
    cli.replace("project.yml", *SLOW)
    with cli.start("test", "--workers", "2") as running:
        until(at_work(cli, scratch_server, 2))
        others = workers(running)
        running.kill()
        until(lambda: all(map(gone, others)))
        ended(running)
    assert cli.run("clean").returncode == 0  # the next run tidies up after it
    assert scratch_databases(scratch_server) == []


def test_a_server_that_goes_away_is_told(cli: Cli, scratch_server: Server) -> None:
    several_tables(cli, "others")
    cli.replace("project.yml", *SLOW)
    with cli.start("test", "--workers", "2") as running:
        until(at_work(cli, scratch_server, 2))
        with scratch_server.connect() as connection:
            query = sql.SQL(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where application_name like 'harness%' and pid <> pg_backend_pid()"
            )
            connection.execute(query)
        _, said = ended(running)
    assert running.returncode == 2, said
    assert said.startswith("the server went away"), said
    assert "Traceback" not in said
    cli.run("clean")
    assert scratch_databases(scratch_server) == []
