"""The page for people who come from dbt: its example is run, and what it says is tried."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import yaml

from harness.cli.dbt import COUNTERPARTS
from harness.cli.entry import harness
from harness.kinds import KINDS
from tests.cli.conftest import ROOT, SETTINGS, Cli

PAGE = (ROOT / "docs/from-dbt.md").read_text()
DBT, CHECKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
(DDL,) = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
SAME = {"unique": "primary_key", "not_null": "not_null", "accepted_values": "accepted_values"} | {
    "relationships": "foreign_key"
}
"""The tests of the example, each with the kind that stands for it there."""


@pytest.fixture
def shop(cli: Cli) -> Cli:
    """The example of the page."""
    shop = replace(cli, root=cli.root / "shop")
    shop.write("project.yml", SETTINGS.format(name=cli.name).replace("  app: {}", "  shop: {}"))
    shop.write("schema/shop/001_orders.up.sql", DDL)
    shop.write("schema/shop/001_orders.down.sql", "drop schema shop cascade;\n")
    shop.write("checks/shop/orders.yml", CHECKS)
    return shop


def rows(*, head: str) -> list[list[str]]:
    """The cells of the table that begins with this head."""
    table = PAGE.partition(f"| {head}")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table]


def found(text: str, status: str) -> set[str]:
    """The checks of that status: kind, and name without its place."""
    return {" ".join(line.split()[1:3]) for line in text.splitlines() if line.startswith(f"  {status} ")}


def test_it_is_short() -> None:
    assert len(PAGE.split()) <= 900
    assert [line for line in PAGE.splitlines() if len(line) >= 120] == []


def test_the_example_is_proved(shop: Cli) -> None:
    done = shop.run("test", "--seed", "1")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert found(done.stdout, "proved") >= {
        "primary_key id",
        "not_null status",
        "not_null customer_id",
        "accepted_values status",
        "foreign_key orders_customer_fkey",
    }


@pytest.mark.parametrize(
    ("written", "left", "check"),
    [
        ("    id integer constraint orders_pkey primary key,", "    id integer not null,", "primary_key id"),
        (
            " constraint orders_status_known check (status in ('open', 'paid'))",
            "",
            "accepted_values status",
        ),
        (" constraint orders_customer_fkey references shop.customers (id)", "", "foreign_key orders_customer_fkey"),
        ("status text not null", "status text", "not_null status"),
        ("customer_id integer not null", "customer_id integer", "not_null customer_id"),
    ],
)
def test_the_example_is_red_where_a_constraint_is_dropped(shop: Cli, written: str, left: str, check: str) -> None:
    shop.replace("schema/shop/001_orders.up.sql", written, left)
    done = shop.run("test", "--seed", "1")
    assert (done.returncode, done.stderr) == (1, ""), done.stdout
    assert check in found(done.stdout, "BROKEN")


def test_each_test_of_dbt_has_its_check(shop: Cli) -> None:
    (model,) = yaml.safe_load(DBT)["models"]
    checks = yaml.safe_load(CHECKS)
    assert checks["table"] == f"shop.{model['name']}"
    tests = [
        (column["name"], each if isinstance(each, str) else next(iter(each)))
        for column in model["columns"]
        for each in column["data_tests"]
    ]
    assert {name for _, name in tests} == {*SAME}
    keys = {
        (column, kind)
        for kind in ("primary_key", "foreign_key")
        for each in checks["checks"]
        if kind in each
        for column in each[kind]
    }
    keys |= {(column, key) for column, said in checks["columns"].items() for key in said}
    keys.add(("id", "not_null"))  # of a primary key, by default
    assert {(column, SAME[name]) for column, name in tests} <= keys


def test_it_names_only_verbs_options_and_kinds_that_exist() -> None:
    for verb, option in re.findall(r"(?:`|^    )harness (\w+)(?: [A-Z]+)?(?: (--[\w-]+))?", PAGE, re.MULTILINE):
        assert verb in harness.commands or verb in COUNTERPARTS
        known = {each for parameter in harness.commands[verb].params for each in parameter.opts} if option else {option}
        assert option in known, f"{verb} {option}"
    options = {each for parameter in harness.commands["test"].params for each in parameter.opts}
    assert {*re.findall(r"--[a-z][\w-]+", PAGE)} - options == {"--threads"}
    for table in ("dbt | here | what is proved more |", "dbt_utils, dbt_expectations | here |"):
        assert len(rows(head=table)) >= 6
        for _, here, *_ in rows(head=table):
            words = re.findall(r"`(\w+)", here)
            assert not here.startswith("`") or words[0] in {*KINDS, "columns", "shared"}, here


@pytest.mark.parametrize("word", ["+orders", "orders+", "@orders", "state:modified", "result:fail"])
def test_selection_that_is_none_here(shop: Cli, word: str) -> None:
    done = shop.run("test", "--select", word)
    assert (done.returncode, f"`{word}`" in PAGE) == (2, True)
    assert "nothing matches" in done.stderr or "which is not known" in done.stderr


@pytest.mark.parametrize(
    ("words", "number"),
    [
        (["--select", "orders"], "6 proved, 1 present"),
        (["--select", "shop.orders"], "6 proved, 1 present"),
        (["--select", "kind:not_null", "--select", "kind:primary_key"], "3 proved, 0 present"),
        (["--select", "kind:not_null kind:primary_key"], "3 proved, 0 present"),
        (["--select", "orders,kind:not_null"], "2 proved, 0 present"),
        (["--select", "orders", "--exclude", "kind:not_null"], "4 proved, 1 present"),
        (["--select", "path:checks/shop"], "6 proved, 1 present"),
        (["--select", "tag:slow"], "1 proved, 0 present"),
    ],
)
def test_selection(shop: Cli, words: list[str], number: str) -> None:
    shop.replace("checks/shop/orders.yml", "  - primary_key: [id]\n", "  - primary_key: [id]\n    tags: [slow]\n")
    done = shop.run("test", "--seed", "1", *words)
    assert done.returncode == 0, done.stderr
    assert f"\n{number}, 0 broken" in done.stdout


def test_undeclared_rules_may_be_shown_and_seeds_that_are_refused_are_broken(shop: Cli) -> None:
    shop.write("checks/shop/orders.yml", CHECKS.partition("  - foreign_key")[0])
    assert shop.run("test", "--seed", "1").returncode == 1
    shop.write("project.yml", (shop.root / "project.yml").read_text() + "undeclared: shown\n")
    done = shop.run("test", "--seed", "1")
    assert done.returncode == 0, done.stdout
    assert "orders_customer_fkey" in done.stdout
    shop.write("seeds/shop/customers.csv", "id\n1\n")
    shop.write("seeds/shop/orders.csv", "id,status,customer_id\n1,lost,1\n")
    done = shop.run("test", "--seed", "1")
    assert done.returncode == 1
    assert "seeds/shop/orders.csv:2" in done.stdout
