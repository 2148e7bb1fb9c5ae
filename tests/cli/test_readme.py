"""The sessions of the README, and of the page on what nobody declared, are real ones."""

from __future__ import annotations

import re
from dataclasses import replace

from harness.cli.entry import harness
from tests.cli.conftest import ROOT, Cli, timeless

README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = ROOT / "docs"
UNDECLARED = (DOCS / "undeclared.md").read_text(encoding="utf-8")
WORDS, WIDTH = 1_100, 120
"""Words that a newcomer reads at most, and characters of a line."""


def blocks(text: str, language: str) -> list[str]:
    """The blocks of a page that are in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def test_it_is_short() -> None:
    assert len(README.split()) <= WORDS
    assert [line for line in README.splitlines() if len(line) > WIDTH] == []


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
    page = (DOCS / "reference" / "exit-codes.md").read_text(encoding="utf-8")
    command, *shown = blocks(page, "console")[0].splitlines()
    done = cli.run(*command.split()[2:])
    assert (done.returncode, done.stderr.splitlines()) == (2, shown)


def test_it_names_only_verbs_that_exist() -> None:
    pages = [README, *(page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md") if page.name != "from-dbt.md")]
    verbs = {
        verb for page in pages for verb in re.findall(r"(?:^|\$ |`|^    |&& )harness ([a-z]+)", page, re.MULTILINE)
    }
    assert verbs >= {"test", "init", "apply", "doctor"}
    assert verbs - {*harness.commands, "worker"} == set()  # harness worker is an application_name


def test_every_kind_is_listed() -> None:
    from harness.kinds import KINDS

    page = (DOCS / "reference" / "kinds.md").read_text(encoding="utf-8")
    table = page.partition("| kind | what is proven |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", table)) >= set(KINDS)
