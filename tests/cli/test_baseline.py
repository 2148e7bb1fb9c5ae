"""``harness test --baseline`` and ``--fail-on``, as CI calls them."""

from __future__ import annotations

import json

import jsonschema
import pytest

from harness.reports.json import report_schema
from tests.cli.conftest import Cli

RULE = ",\n    constraint items_amount_positive check (amount > 0)"
UP, CHECKS = "schema/app/001_items.up.sql", "checks/app/items.yml"
KNOWN = "app.items.check.items_amount_positive"
WORSE = "app.items.primary_key.id"


def run(cli: Cli, *arguments: str) -> tuple[int, str]:
    done = cli.run("test", "--seed", "1", "--baseline", "known.json", *arguments)
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.fixture
def known(cli: Cli) -> Cli:
    """A project of which one check is broken, and its baseline."""
    cli.replace(UP, RULE, "")
    code, said = run(cli)
    assert (code, f"\n  {KNOWN}  checks/app/items.yml:4\n" in said) == (1, True)
    assert said.endswith(
        "\nwrote known.json: commit it, and from the next run on only what is worse than there fails\n"
        "this run fails as it would have without it\n"
    )
    lines = (cli.root / "known.json").read_text().splitlines()
    assert lines[0] == '{"version": 3, "checks": [' and lines[-1] == "]}"
    assert lines[1:-1] == sorted(lines[1:-1])
    assert f'{{"name": "{KNOWN}", "status": "broken"}},' in lines
    return cli


def test_a_report_is_a_baseline_too(cli: Cli) -> None:
    cli.replace(UP, RULE, "")
    assert cli.run("test", "--seed", "1", "--report", "json", "--report-dir", ".").returncode == 1
    jsonschema.validate(json.loads((cli.root / "report.json").read_text()), report_schema())
    (cli.root / "report.json").rename(cli.root / "known.json")
    assert run(cli)[0] == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_only_what_is_worse_fails(known: Cli, workers: str) -> None:
    before = (known.root / "known.json").read_bytes()
    code, said = run(known, "--workers", workers)
    assert (code, "expected:" in said, "repeat with" in said) == (0, False, False)
    assert "  known    check items_amount_positive" in said
    assert said.splitlines()[-1] == "known from known.json, and no failure: 1 broken"
    known.replace(UP, "primary key (id)", "unique (id)")
    code, said = run(known, "--workers", workers, "--fail-fast")
    assert (code, f"\n  {WORSE}  checks/app/items.yml:7  was proved\n" in said) == (1, True)
    assert said.endswith(f"repeat with: harness test --select {WORSE} --baseline known.json --profile dev --seed 1\n")
    assert f"\n  {KNOWN}" not in said
    assert (known.root / "known.json").read_bytes() == before


def test_what_is_better_and_what_is_gone_is_said(known: Cli) -> None:
    known.replace(UP, "\n);", f"{RULE}\n);")
    known.replace(CHECKS, ", default: 1", "")
    code, said = run(known, "--select", "kind:check")
    assert (code, "no check any more" in said) == (0, False)
    for shard in ((), ("--shard", "1/2")):
        code, said = run(known, *shard)
        assert "in known.json, and no check any more:\n  app.items.default.amount: was proved\n" in said
    code, said = run(known)
    assert f"better than in known.json:\n  {KNOWN}: was broken, is proved\n" in said
    assert "to renew it, delete known.json and run all of it again with --baseline known.json\n" in said
    # The contract says of a default that it is none: that one is worse.
    assert (code, "\n  app.items.columns  checks/app/items.yml:2  was present\n" in said) == (1, True)


def test_a_run_that_is_not_whole_writes_none(cli: Cli) -> None:
    cli.replace(UP, RULE, "")
    code, said = run(cli, "--fail-fast")
    assert (code, said.splitlines()[-1]) == (1, "known.json is not written: not everything was tried")
    done = cli.run("test", "--baseline", "known.json", "--shard", "1/2")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("there is no baseline known.json, and a shard cannot write one for all\nhint: ")
    assert not (cli.root / "known.json").exists()


def test_a_baseline_that_is_none(cli: Cli) -> None:
    cli.write("known.json", '{"version": 1, "checks": []}')
    done = cli.run("test", "--baseline", "known.json")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("known.json: the baseline is a report of version 1, and this is 3\nhint: ")


def test_what_is_unreliable_may_be_no_failure(cli: Cli) -> None:
    cli.replace(CHECKS, "checks:\n", "checks:\n  - {query: none, on: seeds, finds_none: select from app.items}\n")
    strict = cli.run("test", "--seed", "1")
    assert (strict.returncode, "1 unreliable" in strict.stdout) == (1, True)
    done = cli.run("test", "--seed", "1", "--fail-on", "broken")
    assert (done.returncode, done.stderr, "repeat with" in done.stdout) == (0, "", False)
    assert "\nunreliable: the seeds have no row in what the query names" in done.stdout
    cli.replace(UP, RULE, "")
    assert cli.run("test", "--seed", "1", "--fail-on", "broken", "--select", "kind:check").returncode == 1
