"""The verbs in a project whose migrations belong to another tool."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from harness.server.connection import Server
from tests.cli.conftest import Cli

SETTINGS = """\
name: {name}
modules: {{app: {{}}, shop: {{}}}}
base: base.sql
migrations: {{path: db/migrations}}
profiles:
  ci: {{scenarios: 3, seed: 0}}
"""
ITEMS = """\
-- migrate:up
create table app.items (
    id integer primary key,
    amount integer not null constraint amount_positive check (amount > 0)
);
-- migrate:down
drop table app.items;
"""
ORDERS = """\
-- migrate:up transaction:false
create table shop.orders (id integer primary key, item integer not null references app.items);
create index concurrently on shop.orders (item);
-- migrate:down
drop table shop.orders;
"""
CHECKS = """\
table: app.items
checks:
  - primary_key: [id]
  - not_null: amount
  - check: amount > 0
    constraint: amount_positive
"""
ORDERS_CHECKS = """\
table: shop.orders
checks:
  - primary_key: [id]
  - not_null: item
  - foreign_key: [item]
    references: app.items
"""


@pytest.fixture
def theirs(cli: Cli) -> Iterator[Cli]:
    for path in ("schema/app/001_items.up.sql", "schema/app/001_items.down.sql", "checks/app/items.yml"):
        (cli.root / path).unlink()
    cli.write("project.yml", SETTINGS.format(name=cli.name))
    cli.write("base.sql", "create schema app; create schema shop;")
    cli.write("db/migrations/20240101_items.sql", ITEMS)
    cli.write("db/migrations/20240102_orders.sql", ORDERS)
    cli.write("checks/app/items.yml", CHECKS)
    cli.write("checks/shop/orders.yml", ORDERS_CHECKS)
    yield cli


@pytest.mark.parametrize("words", [("apply",), ("rollback",), ("status",), ("new", "app", "more")])
def test_what_belongs_to_another_tool_is_left_to_it(theirs: Cli, words: tuple[str, ...]) -> None:
    done = theirs.run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"harness {words[0]}: the migrations in db/migrations belong to dbmate; here they are only read\n"
        "hint: they are applied with: dbmate --migrations-dir db/migrations up\n"
    )


def test_lint_wants_files(theirs: Cli) -> None:
    done = theirs.run("lint")
    assert done.returncode == 2
    assert done.stderr.endswith("hint: name the files: harness lint FILE …\n")


def test_a_schema_of_one_file_is_linted(cli: Cli) -> None:
    shutil.rmtree(cli.root / "schema")
    cli.write("schema.sql", "create table items (id integer);\nSELECT 1;\n")
    cli.write("project.yml", "name: one\nmodules: [app]\nmigrations: {path: schema.sql}\n")
    unset = cli.run("lint")
    assert unset.returncode == 2
    settings = unset.stderr.partition("hint: write .sqlfluff:\n\n")[2]
    cli.write(".sqlfluff", settings)
    done = cli.run("lint")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("schema.sql:2:1: CP01 ")


def test_checks_are_proven(theirs: Cli, description: str) -> None:
    done = theirs.run("test", "--profile", "ci")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{description}, app, shop: 2 migrations, ")
    assert "8 proved, 0 present, 0 broken, 0 unreliable" in done.stdout


def test_a_selection_is_proven_with_everything_built(theirs: Cli) -> None:
    theirs.write("seeds/app/items.csv", "id,amount\n1,5\n")
    theirs.write("seeds/shop/orders.csv", "id,item\n1,1\n")
    done = theirs.run("test", "--profile", "ci", "--select", "shop")
    assert done.returncode == 0, done.stderr
    assert "4 proved, 0 present, 0 broken, 0 unreliable" in done.stdout


def test_a_selection_is_proven_with_what_is_said_of_everything(theirs: Cli) -> None:
    guard = (
        "create function app.guard() returns trigger language plpgsql as $$ begin"
        " if new.note not in ('AB', 'CD') then raise exception 'no'; end if; return new; end $$;"
        "alter table app.items add note text not null;"
        "create trigger guard before insert on app.items for each row execute function app.guard();"
    )
    theirs.write("db/migrations/20240103_guard.sql", f"-- migrate:up\n{guard}\n-- migrate:down\n")
    theirs.write("checks/app/items.yml", CHECKS + "  - rows: {note: [AB, CD]}\n")
    done = theirs.run("test", "--seed", "0", "--select", "shop")
    assert (done.returncode, "4 proved, 0 present, 0 broken, 0 unreliable" in done.stdout) == (0, True), done.stdout


def test_a_rule_that_the_migrations_lack_is_broken(theirs: Cli) -> None:
    theirs.replace("db/migrations/20240101_items.sql", " constraint amount_positive check (amount > 0)", "")
    done = theirs.run("test", "--profile", "ci", "--select", "app")
    assert done.returncode == 1
    assert "3 proved, 0 present, 1 broken, 0 unreliable" in done.stdout


def test_a_migration_that_the_server_refuses(theirs: Cli) -> None:
    theirs.replace("db/migrations/20240101_items.sql", "id integer primary", "id integr primary")
    done = theirs.run("test")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith('db/migrations/20240101_items.sql:3:8: type "integr" does not exist (42704)\n')


def test_fixtures_are_loaded_into_a_database_that_the_tool_has_migrated(theirs: Cli, server: Server) -> None:
    theirs.write("seeds/app/items.csv", "id,amount\n1,5\n")
    with server.connect() as connection:
        connection.execute(f"create database {theirs.name}".encode())
    with server.connect(theirs.name) as connection:
        connection.execute("create schema app; create table app.items (id integer primary key, amount integer)")
    done = theirs.run("seed")
    assert (done.returncode, done.stderr) == (0, "")
    with server.connect(theirs.name) as connection:
        assert connection.execute("select id, amount from app.items").fetchall() == [(1, 5)]


def test_rollback_of_another_tools_migrations(theirs: Cli) -> None:
    theirs.write("checks/app/_module.yml", "module: app\nchecks:\n  - rollback: all\n")
    done = theirs.run("test", "--profile", "ci", "--select", "kind:rollback")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 proved, 0 present, 0 broken" in done.stdout


@pytest.mark.parametrize(
    ("old", "new", "actual"),
    [
        ("drop table shop.orders;", "", "table shop.orders is left over"),
        ("drop table shop.orders;", "drop table shop.order;", 'table "order" does not exist (42P01)'),
    ],
)
def test_a_rollback_that_does_not_undo(theirs: Cli, old: str, new: str, actual: str) -> None:
    theirs.write("checks/app/_module.yml", "module: app\nchecks:\n  - rollback: all\n")
    theirs.replace("db/migrations/20240102_orders.sql", old, new)
    done = theirs.run("test", "--profile", "ci", "--select", "kind:rollback")
    assert done.returncode == 1, done.stdout + done.stderr
    assert actual in done.stdout


def test_rollback_of_our_own_migrations_stands_on_base(cli: Cli) -> None:
    cli.write("project.yml", f"name: {cli.name}\nmodules: [app]\nbase: base.sql\n")
    cli.write("base.sql", "create schema auth; create table auth.users (id integer primary key);")
    cli.replace("schema/app/001_items.up.sql", "note text", "note text,\n    by integer references auth.users")
    cli.replace("checks/app/items.yml", "note: {type: text}", "note: {type: text}\n  by: {type: integer}")
    cli.replace("checks/app/items.yml", "checks:", "checks:\n  - foreign_key: [by]\n    references: auth.users")
    cli.write("checks/app/_module.yml", "module: app\nchecks:\n  - rollback: all\n")
    done = cli.run("test", "--profile", "ci")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "7 proved, 1 present, 0 broken, 0 unreliable" in done.stdout
