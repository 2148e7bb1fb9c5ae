"""A run that is interrupted says what it has found, and another goes on with it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from xml.etree import ElementTree

import pytest

from harness.server.connection import Server, connect
from tests.cli.conftest import Cli, ended, scratch_databases, timeless
from tests.cli.test_workers import workers as workers_of

LATER = """\
create table app.later (
    id integer constraint later_pkey primary key,
    n integer constraint later_n check (n > 0)
);
create function app.wait() returns trigger language plpgsql as $$ begin
    perform pg_sleep(1) from pg_stat_activity where application_name = '{brake}';
    return new;
end $$;
create trigger wait before insert or update on app.later for each row execute function app.wait();
"""
CHECKS = """\
table: app.later
known: {wait: it takes its time}
columns:
  id: {type: integer}
  n: {type: integer, check: n > 0, constraint: later_n}
checks:
  - primary_key: [id]
"""
WHOLE = """\

app.items
  present  columns                                                 4 facts
  proved   not_null amount                                        6 probes
  proved   default amount                                         2 probes
  proved   check items_amount_positive                          116 probes
  proved   primary_key id                                        10 probes
  proved   declared                                               4 probes

app.later
"""


@pytest.fixture
def slow(cli: Cli) -> Cli:
    """A second table, to which every write takes a second while somebody holds the brake."""
    cli.write("schema/app/002_later.up.sql", LATER.format(brake=f"brake {cli.name}"))
    cli.write("schema/app/002_later.down.sql", "drop table app.later;\ndrop function app.wait;\n")
    cli.write("checks/app/later.yml", CHECKS)
    return cli


@contextmanager
def brake(cli: Cli, scratch_server: Server) -> Iterator[None]:
    with connect({**scratch_server.conninfo, "application_name": f"brake {cli.name}"}):
        yield


def interrupted(cli: Cli, scratch_server: Server, number: signal.Signals, *arguments: str) -> tuple[int, str, str]:
    """A run that is ended by a signal once the first table is through: its code and all that it says."""
    with brake(cli, scratch_server), cli.start("test", *arguments) as running:
        assert running.stdout is not None
        before = ""
        while "declared" not in before:
            line = running.stdout.readline()
            assert line, (before, running.stderr)
            before += line
        if number in (signal.SIGINT, signal.SIGHUP):  # a terminal sends them to all of its processes
            for worker in workers_of(running):
                os.kill(worker, number)
        running.send_signal(number)
        said, complaint = ended(running)
    return running.returncode, before + said, complaint


def report(cli: Cli) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((cli.root / ".harness/reports/report.json").read_text())
    return found


def timed(document: dict[str, Any]) -> dict[str, Any]:
    return {
        **document,
        "totals": {key: value for key, value in document["totals"].items() if key != "seconds"},
        "checks": [{key: value for key, value in check.items() if key != "seconds"} for check in document["checks"]],
    }


@pytest.mark.parametrize(
    ("number", "workers"),
    [(signal.SIGINT, "2"), (signal.SIGHUP, "1"), pytest.param(signal.SIGHUP, "2", marks=pytest.mark.nightly)],
)
def test_an_interrupted_run_says_what_it_has_found_and_is_resumed(
    slow: Cli, scratch_server: Server, number: signal.Signals, workers: str
) -> None:
    arguments = ("--workers", workers, "--report", "json")
    code, said, complaint = interrupted(slow, scratch_server, number, "--seed", "3", *arguments)
    assert (code, complaint) == (130, "harness: interrupted\n")
    assert scratch_databases(scratch_server) == []
    found = report(slow)
    proved = len(found["checks"])
    assert (proved >= 6, found["totals"]["not_tried"] > 0) == (True, True)
    last = said.splitlines()[-3:]
    present = found["totals"]["present"]
    assert last[0].startswith(f"{proved - present} proved, {present} present, 0 broken, 0 unreliable; 138 probes")
    assert last[1:] == [
        f"{found['totals']['not_tried']} not tried: interrupted",
        "go on with: harness test --profile dev --seed 3 --resume",
    ]
    assert found["checks"][4]["name"] == "app.items.primary_key.id"
    resumed = slow.run("test", "--resume", *arguments)
    assert (resumed.returncode, resumed.stderr) == (0, "")
    assert resumed.stdout.splitlines()[0].endswith(f", {proved} taken over")
    assert WHOLE in resumed.stdout
    again = timed(report(slow))
    assert again["totals"]["not_tried"] == 0
    # The same as a run that nobody interrupts, and nothing is left to go on with.
    whole = slow.run("test", "--seed", "3", *arguments)
    assert timed(report(slow)) == again
    assert sorted(timeless(whole.stdout).splitlines()[1:]) == sorted(timeless(resumed.stdout).splitlines()[1:])
    over = slow.run("test", "--resume")
    assert (over.returncode, over.stderr) == (
        2,
        "there is no run to resume: the last one came to its end\nhint: run it without --resume\n",
    )


def test_in_ci_it_is_repeated_and_its_report_is_not_green(slow: Cli, scratch_server: Server) -> None:
    """Nothing is left of the machine that the run was on."""
    cli = Cli(slow.root, slow.name, {**slow.environment, "CI": "true"})
    options = ("--profile", "dev", "--seed", "3", "--workers", "1", "--report", "junit")
    code, said, _ = interrupted(cli, scratch_server, signal.SIGTERM, *options)
    assert code == 130
    left, again = said.splitlines()[-2:]
    assert again == "repeat with: harness test --profile dev --seed 3"
    junit = ElementTree.parse(slow.root / ".harness/reports/junit.xml")
    assert [error.get("message") for error in junit.iter("error")] == [f"{left.split()[0]} checks not tried"]


def test_a_run_that_is_killed_is_resumed(slow: Cli, scratch_server: Server) -> None:
    code, _, complaint = interrupted(
        slow, scratch_server, signal.SIGKILL, "--select", "app.items", "--select", "app.later"
    )
    assert (code, complaint) == (-signal.SIGKILL, "")
    # It goes on only with what would find the same.
    for arguments, changed in (
        (("--select", "app.items", "--resume"), "the selected checks"),
        (("--resume", "--profile", "ci"), "the profile (dev, 2 scenarios, now ci, 3 scenarios)"),
        (("--resume", "--seed", "5"), "the seed ("),
    ):
        done = slow.run("test", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("the run cannot be resumed, since this changed: ")
        assert changed in done.stderr
        assert "hint: it goes on with: harness test --select app.items --select app.later --profile dev" in done.stderr
    for path, changed in (("schema/app/001_items.up.sql", "schema and seeds"), ("checks/app/items.yml", "check files")):
        before = (slow.root / path).read_text()
        slow.write(path, before.replace("amount > 0", "amount > 1"))
        done = slow.run("test", "--resume")
        assert (done.returncode, done.stderr.splitlines()[0]) == (
            2,
            f"the run cannot be resumed, since this changed: the {changed}",
        )
        slow.write(path, before)
    resumed = slow.run("test", "--resume", "--quiet")
    assert (resumed.returncode, resumed.stderr) == (0, "")
    assert len(resumed.stdout.splitlines()) == 3  # what is proved is not told
    assert scratch_databases(scratch_server) == []


def test_what_is_broken_is_resumed_with_its_counterexamples(slow: Cli, scratch_server: Server) -> None:
    slow.replace("schema/app/001_items.up.sql", "check (amount > 0)", "check (amount > 1)")
    code, said, _ = interrupted(slow, scratch_server, signal.SIGTERM, "--seed", "1", "--workers", "1")
    assert code == 130
    resumed = slow.run("test", "--resume", "--quiet")
    assert resumed.returncode == 1
    broken = said[said.index("  BROKEN") : said.index("  proved   primary_key id")]
    assert broken in resumed.stdout
    assert "\nbroken: " in said
    assert said[said.index("\nbroken: ") : said.rindex("\n\n")] in resumed.stdout
