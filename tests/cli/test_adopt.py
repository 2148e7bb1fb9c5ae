"""``harness adopt`` and ``harness coverage`` as people call them."""

from __future__ import annotations

import json
import shutil

import pytest
from psycopg.conninfo import make_conninfo

from harness.server.connection import Server
from tests.cli.conftest import Cli

SCHEMA = """\
create schema shop;
create table shop.customers (id bigint primary key, email text not null unique);
create table shop.orders (
    id bigint primary key,
    customer_id bigint not null references shop.customers on delete cascade,
    status text not null default 'open' check (status in ('open', 'paid')),
    total numeric(10,2) check (total >= 0)
);
create index orders_status on shop.orders (status);
"""


@pytest.fixture
def empty(cli: Cli) -> Cli:
    """A directory with nothing but a schema in it."""
    for path in sorted(cli.root.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    cli.write("schema.sql", SCHEMA)
    return cli


@pytest.fixture
def adopted(empty: Cli) -> Cli:
    answer = empty.run("adopt", "schema.sql", "--name", empty.name)
    assert answer.returncode == 0, answer.stderr
    return empty


def test_a_file_becomes_a_project_that_is_proved(adopted: Cli) -> None:
    files = sorted(str(path.relative_to(adopted.root)) for path in adopted.root.glob("checks/**/*.yml"))
    assert files == ["checks/shop/customers.yml", "checks/shop/orders.yml"]
    assert "migrations:\n  path: schema.sql\n" in (adopted.root / "project.yml").read_text()
    for file, above in [("project.yml", ""), *((file, "../../") for file in files)]:
        schema = f"{above}.harness/schemas/{'checks' if above else 'project'}.json"
        assert (adopted.root / file).read_text().startswith(f"# yaml-language-server: $schema={schema}\n")
        assert (adopted.root / file).parent.joinpath(schema).exists()
    tested = adopted.run("test", "--profile", "dev", "--seed", "0")
    assert tested.returncode == 0, tested.stdout
    assert "0 broken, 0 unreliable" in tested.stdout
    covered = adopted.run("coverage")
    assert covered.returncode == 0
    assert "100.0 %" in covered.stdout


def test_it_says_what_it_found(empty: Cli) -> None:
    answer = empty.run("adopt", "schema.sql")
    assert "2 tables, 15 checks\n" in answer.stdout
    assert "2 of 2 tables could be filled with rows" in answer.stdout
    assert answer.stdout.endswith("wrote 5 files; now prove them: harness test --baseline baseline.json\n")


def test_a_table_that_cannot_be_filled_is_named_with_what_stood_in_the_way(empty: Cli) -> None:
    never = "create table shop.never (id int primary key, n int not null check (n > 1 and n < 1));"
    empty.write("schema.sql", SCHEMA + never)
    answer = empty.run("adopt", "schema.sql")
    assert answer.returncode == 0
    assert "2 of 3 tables could be filled with rows\n" in answer.stdout
    assert "tables without rows; what they need can be said under `rows:`:\n  shop.never: " in answer.stdout


def test_a_table_that_holds_its_rows_and_takes_no_others_is_not_empty(empty: Cli) -> None:
    empty.write(
        "schema.sql",
        """\
create schema shop;
create table shop.nobody (id integer primary key);
insert into shop.nobody values (1);
create function shop.never() returns trigger language plpgsql as 'begin raise exception ''never''; end';
create trigger never before insert on shop.nobody for each row execute function shop.never();
""",
    )
    answer = empty.run("adopt", "schema.sql")
    assert "1 of 1 table could be filled with rows\n" in answer.stdout
    assert "tables that hold rows from the start and take no others:\n  shop.nobody: " in answer.stdout
    assert "tables without rows" not in answer.stdout


def test_a_table_that_only_others_inherit_from_is_not_empty(empty: Cli) -> None:
    empty.write(
        "schema.sql",
        """\
create schema shop;
create table shop.files (id integer primary key, check (false) no inherit);
create table shop.letters (note text) inherits (shop.files);
create table shop.items (id integer primary key);
create table shop.books (note text) inherits (shop.items);
create rule items_nowhere as on insert to shop.items do instead nothing;
""",
    )
    answer = empty.run("adopt", "schema.sql")
    assert "2 of 4 tables could be filled with rows\n" in answer.stdout
    title = "tables that take no row, by a rule or a CHECK that is false, or for want of a partition"
    assert f"{title}:\n  shop.files: " in answer.stdout
    assert "  shop.items: its rows are accepted, and nowhere afterwards: " in answer.stdout
    assert "tables without rows" not in answer.stdout


def test_what_is_learnt_of_rows_is_written_so_that_they_are_made(empty: Cli) -> None:
    empty.write(
        "schema.sql",
        """\
create schema shop;
create table shop.orgs (id integer primary key);
create table shop.staff (
    id integer primary key, org integer not null references shop.orgs (id), boss integer references shop.staff (id)
);
create table shop.groups (id integer primary key, org integer not null references shop.orgs (id));
create table shop.members (
    id integer primary key,
    staff integer references shop.staff (id),
    "group" integer references shop.groups (id)
);
create function shop.watched() returns trigger language plpgsql as $$
begin
    if not exists (select from shop.staff where org = new.org) then raise exception 'nobody'; end if;
    return new;
end $$;
create function shop.agreed() returns trigger language plpgsql as $$
begin
    if num_nulls(new.staff, new."group") > 0 then raise exception 'who, and where?'; end if;
    if (select org from shop.staff where id = new.staff) <> (select org from shop.groups where id = new."group") then
        raise exception 'of two organisations';
    end if;
    return new;
end $$;
create trigger watched before insert on shop.groups for each row execute function shop.watched();
create trigger agreed before insert on shop.members for each row execute function shop.agreed();
""",
    )
    answer = empty.run("adopt", "schema.sql", "--name", empty.name)
    assert "4 of 4 tables could be filled with rows\n" in answer.stdout
    groups = (empty.root / "checks/shop/groups.yml").read_text()
    assert "requires: {shop.staff: {org: $org}}" in groups.replace("\n      ", " ").replace(":  ", ": "), groups
    members = (empty.root / "checks/shop/members.yml").read_text()
    assert "same_ancestors: true" in members and "staff: {not_null: true}" in members, members
    tested = empty.run("test", "--seed", "0", "--select", "kind:rows")
    assert tested.returncode == 0, tested.stdout
    assert "0 broken, 0 unreliable" in tested.stdout


def test_of_two_keys_on_a_column_the_older_one_refuses(empty: Cli) -> None:
    empty.write(
        "schema.sql",
        """\
create schema shop;
create table shop.a (id integer not null);
alter table shop.a add constraint a_older unique (id);
alter table shop.a add primary key (id);
create table shop.b (id integer primary key, n integer not null, unique (id, n));
""",
    )
    empty.run("adopt", "schema.sql", "--name", empty.name)
    assert "implied_by: a_older" in (empty.root / "checks/shop/a.yml").read_text()
    assert "implied_by: b_pkey" in (empty.root / "checks/shop/b.yml").read_text()
    tested = empty.run("test", "--seed", "0")
    assert "0 broken, 0 unreliable" in tested.stdout, tested.stdout


def test_functions_are_looked_for_in_a_schema_without_tables_too(empty: Cli) -> None:
    empty.write(
        "schema.sql",
        """\
create schema shop;
create schema tools;
create table shop.items (id integer primary key, code text not null);
create function tools.tidied(text) returns text language sql as 'select lower($1)';
create function shop.tidy() returns trigger language plpgsql as 'begin new.code := tidied(new.code); return new; end';
create trigger tidy before insert on shop.items for each row execute function shop.tidy();
""",
    )
    answer = empty.run("adopt", "schema.sql", "--name", empty.name)
    assert "1 of 1 table could be filled with rows\n" in answer.stdout
    assert "functions name things without a schema: search_path is shop, tools, public\n" in answer.stdout


def test_what_triggers_want_of_rows_is_found_by_trying_and_written_down(empty: Cli) -> None:
    # The function names its table without a schema, as the application's sessions find it.
    empty.write(
        "schema.sql",
        """\
create schema shop;
create table shop.kinds (id integer primary key);
create table shop.items (id integer primary key, code text not null, kind integer not null);
create function shop.guard() returns trigger language plpgsql as $$
begin
    if not exists (select from kinds where id = new.kind) then
        raise exception 'no such kind';
    end if;
    if new.code not in ('AB', 'CD') then
        raise exception 'no such code';
    end if;
    return new;
end $$;
create trigger guard after insert on shop.items for each row execute function shop.guard();
""",
    )
    answer = empty.run("adopt", "schema.sql", "--name", empty.name)
    assert answer.returncode == 0, answer.stderr
    assert "2 of 2 tables could be filled with rows\nwhat triggers want of rows of 1 table was found" in answer.stdout
    assert "functions name things without a schema: search_path is shop, public\n" in answer.stdout
    assert "search_path: [shop, public]\n" in (empty.root / "project.yml").read_text()
    written = (empty.root / "checks/shop/items.yml").read_text()
    assert "  - rows: {code: [AB, CD], kind: {references: shop.kinds (id)}}\n" in written
    tested = empty.run("test", "--seed", "0")
    assert (tested.returncode, "0 broken, 0 unreliable" in tested.stdout) == (0, True), tested.stdout
    updated = empty.run("adopt", "--update")
    assert (updated.returncode, updated.stdout) == (0, "0 changes: nothing is new\n")


@pytest.mark.parametrize("path", ["project.yml", "checks"])
def test_nothing_is_overwritten(empty: Cli, path: str) -> None:
    (empty.root / path).mkdir()
    answer = empty.run("adopt", "schema.sql")
    assert answer.returncode == 2
    assert f"{path}: is there already, and adopt overwrites nothing" in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name what to adopt, or set DATABASE_URL"),
        (["nowhere.sql"], "there is no such file or directory: nowhere.sql"),
        (["schema.sql", "--schema", "shopp"], "no schema 'shopp' with a table in it; did you mean 'shop'?"),
        (["schema.sql", "--layout", "flywy"], "no layout 'flywy'; did you mean 'flyway'?"),
    ],
)
def test_a_slip_is_said_and_leaves_nothing_behind(empty: Cli, arguments: list[str], message: str) -> None:
    answer = empty.run("adopt", *arguments)
    assert answer.returncode == 2
    assert message in answer.stderr
    assert sorted(path.name for path in empty.root.iterdir() if not path.name.startswith(".")) == ["schema.sql"]


def test_sql_that_does_not_run_leaves_nothing_behind(empty: Cli) -> None:
    empty.write("schema.sql", "create table nowhere.a (id int);")
    answer = empty.run("adopt", "schema.sql")
    assert answer.returncode == 2
    assert "schema.sql:1" in answer.stderr
    assert not (empty.root / "project.yml").exists()


def test_a_live_database_is_only_read(empty: Cli, database: tuple[Server, str]) -> None:
    server, name = database
    with server.connect(name) as connection:
        connection.execute(SCHEMA.encode())
        # The role stays: templates of the project name it, until the tests' server goes.
        connection.execute("create role adopt_app; grant usage on schema shop to adopt_app")
        connection.execute("grant select on shop.orders to adopt_app; insert into shop.customers values (1, 'a')")
        before = connection.execute("select count(*), max(xmin::text) from shop.customers").fetchone()
    dsn = make_conninfo(**{**server.conninfo, "dbname": name})
    answer = empty.run("adopt", dsn, "--name", empty.name)
    assert answer.returncode == 0, answer.stderr
    assert (empty.root / "database.sql").exists()
    assert "adopt_app" in (empty.root / "roles.sql").read_text()
    assert "adopt_app: [select]" in (empty.root / "checks/shop/orders.yml").read_text()
    with server.connect(name) as connection:
        assert connection.execute("select count(*), max(xmin::text) from shop.customers").fetchone() == before
        assert empty.run("coverage", "--target", dsn).returncode == 0
        connection.execute("alter table shop.orders add column note text not null default ''")
        late = empty.run("coverage", "--target", dsn)
        assert late.returncode == 1
        assert "  undeclared: column note\n  undeclared: not null note\n  undeclared: default note\n" in late.stdout


def test_scratch_databases_on_another_server_and_an_application_s_variables(
    empty: Cli, database: tuple[Server, str]
) -> None:
    server, name = database
    dsn = make_conninfo(**{**server.conninfo, "dbname": name, "password": "gehe1m"})
    answer = empty.run("adopt", "schema.sql", "--name", empty.name, "--target", dsn)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith(f"PostgreSQL {server.version // 10000}.")
    # The address of somebody's server, with its password, is nothing for a file that is committed.
    assert (empty.root / "project.yml").read_text().count("\ntarget: embedded\n") == 1
    (empty.root / "project.yml").unlink()
    shutil.rmtree(empty.root / "checks")
    answer = empty.run("adopt", "schema.sql", "--name", empty.name, DATABASE_URL="postgresql://127.0.0.1:1/x")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.startswith("embedded PostgreSQL ")


def test_a_directory_of_migrations_stays_where_it_is(empty: Cli) -> None:
    for path in ("schema.sql",):
        (empty.root / path).unlink()
    empty.write("db/20240101000000_shop.sql", SCHEMA)
    empty.write("db/20240102000000_note.sql", "alter table shop.orders add column note text;")
    answer = empty.run("adopt", "db", "--name", empty.name)
    assert answer.returncode == 0, answer.stderr
    assert "path: db\n" in (empty.root / "project.yml").read_text()
    assert "note: {type: text}" in (empty.root / "checks/shop/orders.yml").read_text()


def test_what_the_platform_brings_is_not_described(empty: Cli) -> None:
    empty.write("platform.sql", "create schema auth; create table auth.users (id uuid primary key);")
    empty.write("schema.sql", SCHEMA + "alter table shop.orders add owner uuid references auth.users;")
    answer = empty.run("adopt", "schema.sql", "--base", "platform.sql")
    assert answer.returncode == 0, answer.stderr
    assert [path.name for path in (empty.root / "checks").iterdir() if path.is_dir()] == ["shop"]
    assert "references: auth.users" in (empty.root / "checks/shop/orders.yml").read_text()
    assert empty.run("coverage").returncode == 0


def test_what_is_ours_on_a_table_of_the_platform_is_described(empty: Cli) -> None:
    welcome = "create trigger welcome after insert on login.users for each row execute function shop.welcome();"
    empty.write("platform.sql", "create schema login; create table login.users (id uuid primary key);")
    empty.write(
        "schema.sql",
        "create schema shop;"
        "create table shop.people (id uuid primary key, login uuid not null references login.users);"
        "create function shop.welcome() returns trigger language plpgsql as"
        f" $$ begin insert into shop.people values (new.id, new.id); return new; end $$;\n{welcome}",
    )
    answer = empty.run("adopt", "schema.sql", "--base", "platform.sql")
    assert answer.returncode == 0, answer.stderr
    assert "undeclared: shown\nchecks:\n  - trigger: welcome" in (empty.root / "checks/login/users.yml").read_text()
    assert empty.run("test").returncode == 0
    assert empty.run("coverage").returncode == 0
    empty.replace("schema.sql", welcome, "")
    answer = empty.run("test")
    assert answer.returncode == 1 and "no trigger on login.users: welcome" in answer.stdout


def test_an_update_changes_what_the_schema_changed_and_keeps_the_rest(adopted: Cli) -> None:
    assert adopted.run("adopt", "--update").stdout == "0 changes: nothing is new\n"
    path = "checks/shop/orders.yml"
    adopted.replace(path, "  - index: orders_status\n", "  # For the board.\n  - index: orders_status\n")
    adopted.replace(path, "  id: {type: bigint}", "  id:     {type: bigint, description: Ours.}   # counted")
    before = (adopted.root / path).read_text()
    adopted.write(
        "schema.sql",
        SCHEMA
        + "alter table shop.orders drop constraint orders_status_check, add column note text,"
        + " add constraint orders_status_check check (status in ('open', 'paid', 'sent'));"
        + "drop index shop.orders_status; create table shop.items (id int primary key);",
    )
    answer = adopted.run("adopt", "--update")
    assert answer.returncode == 1
    assert answer.stdout == (
        "checks/shop/items.yml: new\n"
        f"{path}: column status: accepted_values is ['open', 'paid', 'sent']\n"
        f"{path}: column note: added\n"
        "for you to decide:\n"
        f"  {path}: index orders_status is gone; the file says more of it than adopt did\n"
        "3 changes\n"
    )
    after = before.replace("[open, paid]", "[open, paid, sent]")
    after = after.replace("check: total >= 0}\n", "check: total >= 0}\n  note: {type: text}\n")
    assert (adopted.root / path).read_text() == after
    broken = adopted.run("coverage", "--report", "json")
    assert broken.returncode == 1
    assert "matches nothing: shop.orders.index.orders_status" in broken.stdout
    report = json.loads((adopted.root / ".harness/reports/coverage.json").read_text())
    assert [each["check"] for each in report["matching_nothing"]] == ["shop.orders.index.orders_status"]


GUARDS = """\
create table shop.items (id int primary key, code text not null);
create function shop.guard() returns trigger language plpgsql as $$
begin
    if new.code not in ('AB', 'CD') then
        raise exception 'no such code';
    end if;
    return new;
end $$;
create trigger guard before insert on shop.items for each row execute function shop.guard();
create function shop.vat() returns trigger language plpgsql as $$
begin
    return new;
end $$;
create trigger vat before insert on shop.orders for each row execute function shop.vat();
create table shop.never (id int primary key, n int not null check (n > 1 and n < 1));
"""


def test_an_update_finds_out_what_new_triggers_want_of_rows(adopted: Cli) -> None:
    adopted.write("schema.sql", SCHEMA + GUARDS)
    answer = adopted.run("adopt", "--update")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "checks/shop/orders.yml: trigger vat: added\n" in answer.stdout
    assert "checks/shop/items.yml: rows: found by trying\n" in answer.stdout
    assert (
        "tables without rows; what they need can be said under `rows:`:\n  shop.never: no values of n" in answer.stdout
    )
    assert "  - rows: {code: [AB, CD]}\n" in (adopted.root / "checks/shop/items.yml").read_text()
    (adopted.root / "checks/shop/never.yml").unlink()
    assert "0 broken, 0 unreliable" in adopted.run("test", "--seed", "1").stdout


def test_an_update_of_files_written_by_hand_adds_what_no_check_declares(cli: Cli) -> None:
    before = (cli.root / "checks/app/items.yml").read_text()
    cli.replace("schema/app/001_items.up.sql", "check (amount > 0)", "check (amount > 0),\n    unique (note)")
    assert cli.run("adopt", "--update").returncode == 0
    after = before.replace("note: {type: text}", "note: {type: text, unique: true}")
    assert (cli.root / "checks/app/items.yml").read_text() == after
    assert cli.run("coverage").returncode == 0


def test_what_columns_names_as_undeclared_is_declared_by_the_command_that_it_names(cli: Cli) -> None:
    cli.replace(
        "schema/app/001_items.up.sql", "    note text,\n", "    note text,\n    nick text,\n    score integer,\n"
    )
    red = cli.run("test", "--select", "kind:columns")
    assert red.returncode == 1
    assert "actual:   not declared: nick, score; declare them: harness declare\n" in red.stdout
    declared = cli.run("declare")
    assert (declared.returncode, declared.stderr) == (0, "")
    assert declared.stdout == (
        "checks/app/items.yml: column nick: added\nchecks/app/items.yml: column score: added\n2 changes\n"
    )
    assert cli.run("test", "--select", "kind:columns").returncode == 0
    assert cli.run("declare").stdout == "0 changes: nothing is new\n"


def test_declare_takes_its_schema_from_the_project(cli: Cli) -> None:
    answer = cli.run("declare", "schema.sql")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith("an update takes its schema from project.yml\n")


def test_an_undeclared_rule_is_shown_and_counted(adopted: Cli) -> None:
    adopted.replace("checks/shop/orders.yml", "  - index: orders_status\n    on: [status]\n", "")
    answer = adopted.run("coverage")
    assert answer.returncode == 1
    assert "shop.orders   91.7 %  11/12\n  undeclared: index orders_status\n" in answer.stdout
    assert adopted.run("coverage", "--fail-under", "90").returncode == 0


def test_declare_changes_nothing_that_a_check_says(adopted: Cli) -> None:
    path = "checks/shop/orders.yml"
    before = (adopted.root / path).read_text()
    adopted.write(
        "schema.sql",
        SCHEMA.replace(" on delete cascade", "").replace("('open', 'paid')", "('open', 'paid', 'lost')")
        + "alter table shop.orders drop constraint orders_total_check,"
        " add constraint orders_few check (total < 1000), add constraint orders_odd check (total <> 13),"
        " add note text;",
    )
    answer = adopted.run("declare")
    assert answer.returncode == 0
    assert answer.stdout == (
        f"{path}: column total: a second check added, orders_few\n"
        f"{path}: column note: added\n"
        f"{path}: constraint orders_odd: added\n"
        "3 changes\n"
    )
    after = (adopted.root / path).read_text()
    assert [line for line in before.splitlines() if line not in after.splitlines()] == []
    red = adopted.run("test", "--seed", "1")
    assert red.returncode == 1
    for name in ("foreign_key", "check total", "accepted_values"):
        assert f"BROKEN   {name}" in red.stdout
    assert "BROKEN   declared" not in red.stdout
    assert adopted.run("declare").stdout == "0 changes: nothing is new\n"


def test_an_update_loses_no_rule_where_a_column_gets_another(adopted: Cli) -> None:
    adopted.write("schema.sql", SCHEMA + "alter table shop.orders add constraint a_few check (total < 1000);")
    assert adopted.run("adopt", "--update").returncode == 0
    text = (adopted.root / "checks/shop/orders.yml").read_text()
    assert "total < 1000" in text
    assert "total >= 0" in text
    assert "0 broken" in adopted.run("test", "--seed", "1").stdout


def test_a_column_that_was_taken_out_of_a_file_is_declared_again(cli: Cli) -> None:
    cli.replace("checks/app/items.yml", "  note: {type: text}\n", "")
    assert cli.run("declare").stdout == "checks/app/items.yml: column note: added\n1 change\n"
    cli.replace("checks/app/items.yml", "  note:", "  noet:")
    red = cli.run("test", "--select", "kind:columns").stdout
    assert "actual:   no column noet; did you mean note?" in red
    assert "harness declare" not in red


def test_declare_says_what_a_new_table_is(cli: Cli) -> None:
    cli.replace(
        "schema/app/001_items.up.sql",
        "create table app.items",
        "create table app.boxes (id integer primary key);\ncreate table app.items",
    )
    note = "no check speaks of app.boxes; a file for each is written by: harness declare\n"
    assert note in cli.run("test", "--seed", "1").stdout
    assert cli.run("declare").stdout == "checks/app/boxes.yml: new\n1 change\n"
    assert "no check speaks of" not in cli.run("test", "--seed", "1").stdout
    assert not (cli.root / "checks/.adopted.json").exists()
