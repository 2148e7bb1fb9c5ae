"""harness test where the tool itself has a bug: one check is lost, by any number of workers, and it is no verdict."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.server.connection import Server
from tests.cli.conftest import Cli, scratch_databases, timeless
from tests.cli.test_workers import several_tables
from tests.proving.planted import SITECUSTOMIZE, SWALLOWING

CHECK = "app.items.check.items_amount_positive"


@pytest.fixture
def planted(cli: Cli) -> dict[str, str]:
    """What has every process meet a bug in that one check."""
    cli.write("planted/sitecustomize.py", SITECUSTOMIZE)
    return {"PYTHONPATH": str(cli.root / "planted")}


def checks(cli: Cli) -> list[dict[str, Any]]:
    report = json.loads((cli.root / ".harness/reports/report.json").read_text())
    return [{key: value for key, value in check.items() if key != "seconds"} for check in report["checks"]]


def test_a_bug_costs_one_check_whatever_the_number_of_workers(
    cli: Cli, scratch_server: Server, planted: dict[str, str]
) -> None:
    several_tables(cli, "others", "more")
    found = []
    for number in ("1", "2"):
        done = cli.run("test", "--seed", "1", "--report", "json,junit", "--workers", number, **planted)
        assert (done.returncode, done.stderr) == (2, ""), done
        lines = done.stdout.splitlines()
        at = next(place for place, line in enumerate(lines) if line.startswith("  ERROR "))
        assert lines[at].split() == ["ERROR", "check", "items_amount_positive", "checks/app/items.yml:4"]
        assert lines[at + 1].startswith("          reason:   KeyError: 'planted', at harness/proving/prover.py:")
        again = f"harness --debug test --select {CHECK} --workers 1 --profile dev --seed 1"
        assert lines[at + 2] == f"          report:   please, with what this shows: {again}"
        assert lines[-1] == f"repeat with: harness test --select {CHECK} --profile dev --seed 1"
        assert timeless(lines[-2]).startswith("14 proved, 3 present, 0 broken, 0 unreliable, 1 error; ")
        assert "Traceback" not in done.stdout
        assert '<error message="KeyError: ' in (cli.root / ".harness/reports/junit.xml").read_text()
        found.append(checks(cli))
    assert found[0] == found[1]
    assert [check["name"] for check in found[0] if check["status"] == "error"] == [CHECK]
    assert scratch_databases(scratch_server) == []


def test_an_error_outranks_a_finding_and_debug_shows_where_it_is_from(cli: Cli, planted: dict[str, str]) -> None:
    cli.replace("schema/app/001_items.up.sql", "constraint items_pkey primary key (id)", "unique (id)")
    done = cli.run("--debug", "test", "--seed", "1", "--workers", "1", **planted)
    assert done.returncode == 2
    assert "BROKEN   primary_key id" in done.stdout
    assert "          Traceback (most recent call last):\n" in done.stdout
    assert "          KeyError: 'planted'\n" in done.stdout


def test_an_interrupt_that_becomes_another_exception_is_one(cli: Cli, scratch_server: Server) -> None:
    cli.write("planted/sitecustomize.py", SWALLOWING)
    done = cli.run("test", "--seed", "1", "--workers", "1", PYTHONPATH=str(cli.root / "planted"))
    assert (done.returncode, done.stderr) == (130, "harness: interrupted\n")
    assert "ERROR" not in done.stdout
    assert scratch_databases(scratch_server) == []


def test_fail_fast_stops_at_an_error(cli: Cli, planted: dict[str, str]) -> None:
    done = cli.run("test", "--seed", "1", "--fail-fast", **planted)
    assert done.returncode == 2
    assert "2 proved, 1 present, 0 broken, 0 unreliable, 1 error; " in done.stdout
    assert "2 not tried: --fail-fast" in done.stdout
