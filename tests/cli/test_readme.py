"""The sessions of the README, and of the page on what nobody declared, are real ones."""

from __future__ import annotations

import re
from dataclasses import replace

from harness.cli.entry import harness
from tests.cli.conftest import ROOT, Cli, timeless

README = (ROOT / "README.md").read_text()
SESSIONS = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
UNDECLARED = (ROOT / "docs/undeclared.md").read_text()


def test_the_failing_run(systems: Cli) -> None:
    sed, test, *shown, echo, code = SESSIONS[0].splitlines()
    slip = re.fullmatch(r"\$ sed -i '/(\w+)/d' (\S+)", sed)
    assert slip is not None and echo == "$ echo $?"
    lines = (systems.root / slip[2]).read_text().splitlines(keepends=True)
    kept = [line for line in lines if slip[1] not in line]
    assert len(kept) == len(lines) - 1
    systems.write(slip[2], "".join(kept))
    done = systems.run(*test.split()[2:])
    assert timeless(done.stdout).splitlines() == timeless("\n".join(shown)).splitlines()
    assert (done.returncode, done.stderr) == (int(code), "")


def test_what_nobody_declared(cli: Cli) -> None:
    (session,) = re.findall(r"```console\n(.*?)```", UNDECLARED, re.DOTALL)
    sed, test, *shown = session.splitlines()
    assert sed == r"$ sed -i '/unique: \[email\]/,+1d' checks/shop/customers.yml"
    assert cli.run("init", "demo").returncode == 0
    demo = replace(cli, root=cli.root / "demo")
    demo.replace("checks/shop/customers.yml", "  - unique: [email]\n    constraint: customers_email_key\n", "")
    done = demo.run(*test.split()[2:])
    assert timeless(done.stdout).splitlines() == timeless("\n".join(shown)).splitlines()
    assert (done.returncode, done.stderr) == (1, "")


def test_bad_input(cli: Cli) -> None:
    cli.replace("checks/app/items.yml", "primary_key:", "primary_kye:")
    command, *shown = SESSIONS[1].splitlines()
    done = cli.run(*command.split()[2:])
    assert (done.returncode, done.stderr.splitlines()) == (2, shown)


def test_it_names_only_verbs_that_exist() -> None:
    verbs = set(re.findall(r"(?:^|\$ |`|    |&& )harness ([a-z]+)", README, re.MULTILINE))
    assert verbs >= {"test", "init", "apply", "doctor"}
    assert verbs <= set(harness.commands)


def test_every_kind_is_listed() -> None:
    from harness.kinds import KINDS

    table = README.partition("| kind | what is proven |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", table)) >= set(KINDS)
