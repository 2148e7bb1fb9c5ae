"""harness adopt where the tool has a bug: one table is lost, all that was found of the others is written."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Cli

SCHEMA = """\
create schema shop;
create table shop.customers (id bigint primary key, email text not null unique);
create table shop.orders (id bigint primary key, customer_id bigint not null references shop.customers);
"""
DESCRIBING = """\
from harness.adopt import survey

describe = survey.describe


def planted(catalog, table, privileges):
    if table.name.table == "orders":
        return [][0]
    return describe(catalog, table, privileges)


survey.describe = planted
"""
FILLING = """\
from harness.inference.finder import HintFinder

filled = HintFinder._fill


def planted(self, name):
    if name.table == "orders":
        return next(iter(()))
    return filled(self, name)


HintFinder._fill = planted
"""
LOST = (
    "tables lost to an error; please report what is a bug, with what `harness --debug adopt …` shows:\n  shop.orders: "
)


@pytest.fixture
def empty(cli: Cli) -> Cli:
    """A directory with nothing but a schema in it."""
    for path in sorted(cli.root.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    cli.write("schema.sql", SCHEMA)
    return cli


def planted(cli: Cli, text: str) -> dict[str, str]:
    cli.write("planted/sitecustomize.py", text)
    return {"PYTHONPATH": str(cli.root / "planted")}


def files(cli: Cli) -> list[str]:
    return sorted(str(path.relative_to(cli.root)) for path in cli.root.glob("checks/**/*.yml"))


def test_a_table_that_cannot_be_described_costs_no_other(empty: Cli) -> None:
    done = empty.run("adopt", "schema.sql", **planted(empty, DESCRIBING))
    assert (done.returncode, done.stderr) == (2, ""), done
    assert done.stdout.splitlines()[-1].startswith(
        "  shop.orders: IndexError: list index out of range, at harness/adopt/"
    )
    assert LOST in done.stdout
    assert "1 of 1 table could be filled with rows\n" in done.stdout
    assert files(empty) == ["checks/shop/customers.yml"]
    assert empty.run("test", "--seed", "1").returncode == 0
    # Once it is mended, an update adds what is missing.
    assert empty.run("adopt", "--update").returncode == 0
    assert files(empty) == ["checks/shop/customers.yml", "checks/shop/orders.yml"]


def test_a_table_that_cannot_be_tried_is_described_all_the_same(empty: Cli) -> None:
    done = empty.run("--debug", "adopt", "schema.sql", **planted(empty, FILLING))
    assert done.returncode == 2
    assert f"{LOST}StopIteration, at harness/inference/finder.py:" in done.stdout
    assert "1 of 2 tables could be filled with rows\n" in done.stdout
    assert done.stderr.startswith("Traceback (most recent call last):\n") and "StopIteration\n" in done.stderr
    assert files(empty) == ["checks/shop/customers.yml", "checks/shop/orders.yml"]
    assert empty.run("test", "--seed", "1").returncode == 0


LOCKED = """\
import psycopg
from harness.inference.finder import HintFinder

filled = HintFinder._fill


def planted(self, name):
    if name.table == "orders":
        raise psycopg.errors.LockNotAvailable("planted")
    return filled(self, name)


HintFinder._fill = planted
"""


def test_a_table_lost_to_somebody_else_is_no_bug(empty: Cli) -> None:
    done = empty.run("adopt", "schema.sql", **planted(empty, LOCKED))
    assert (done.returncode, done.stderr) == (2, "")
    assert f"{LOST}each time a session that is not the run's got in the way: " in done.stdout
    assert "this is a bug" not in done.stdout


def test_an_update_leaves_alone_what_it_has_lost(empty: Cli) -> None:
    assert empty.run("adopt", "schema.sql").returncode == 0
    kept = (empty.root / "checks/shop/orders.yml").read_text()
    empty.write("schema.sql", SCHEMA.replace("not null unique", "not null"))
    done = empty.run("adopt", "--update", **planted(empty, DESCRIBING))
    assert done.returncode == 2
    assert LOST in done.stdout
    assert "unique" not in (empty.root / "checks/shop/customers.yml").read_text()
    assert (empty.root / "checks/shop/orders.yml").read_text() == kept
    assert set(json.loads((empty.root / "checks/.adopted.json").read_text())) == {"shop.customers", "shop.orders"}
    assert "nothing is new" in empty.run("adopt", "--update").stdout


# Each of them once ended adopt, or the test of what it wrote, with an exception.
ODD = {
    "domain_not_null_with_default": (
        "create domain d as text check (value is not null);\ncreate table t (id int primary key, x d default 'a');\n"
    ),
    "box_array": "create table t (id serial primary key, a point[], v box[]);\n",
    "table_without_columns": "create table t ();\nrevoke all on t from public;\ngrant select on t to pg_monitor;\n",
    "unique_on_generated": (
        "create table t (id int primary key, v text not null,"
        " n text generated always as (lower(v)) stored, unique (n));\n"
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_tables_are_adopted_and_proved(empty: Cli, name: str) -> None:
    empty.write("schema.sql", ODD[name])
    adopted = empty.run("adopt", "schema.sql")
    assert (adopted.returncode, adopted.stderr) == (0, "")
    assert "1 of 1 table could be filled with rows\n" in adopted.stdout
    done = empty.run("test", "--seed", "1")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


CIRCLE = """\
create table a (d int, id int primary key, unique (d, id));
create table b (
    id int primary key, d int not null, a1 int, d2 int not null, a2 int not null,
    foreign key (d, a1) references a (d, id), foreign key (d2, a2) references a (d, id)
);
create function no() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$;
create trigger never before insert on b for each row execute function no();
"""


def test_a_reference_that_is_half_null_behind_a_trigger_is_told_by_its_trigger(empty: Cli) -> None:
    empty.write("schema.sql", CIRCLE)
    adopted = empty.run("adopt", "schema.sql")
    assert (adopted.returncode, adopted.stderr) == (0, "")
    assert "1 of 2 tables could be filled with rows\n" in adopted.stdout
    assert "  public.b: refused with P0001: no (trigger never)\n" in adopted.stdout
