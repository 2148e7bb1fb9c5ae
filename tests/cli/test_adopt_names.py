"""Names in what ``harness`` prints and writes: as PostgreSQL writes them, and everywhere the same."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Cli

SCHEMA = """
create schema "My Shop";
create table public."user" (id integer primary key, name text not null constraint "Names Differ" unique);
create table "My Shop"."user" (
    "Of User" integer not null constraint "points to user" references public."user",
    "from" date, "to" date, constraint "from before to" check ("from" < "to"), primary key ("Of User", "from")
);
create table public."Order" (
    id integer primary key, "Two Words" text, "a,b" integer, "My User" integer, "My Day" date,
    foreign key ("My User", "My Day") references "My Shop"."user" on delete set null ("My Day")
);
create table "My Shop"."Refuses" (id integer primary key);
create function "My Shop".no() returns trigger language plpgsql as $$ begin raise exception 'no rows here'; end $$;
create trigger "No Rows" before insert on "My Shop"."Refuses" for each row execute function "My Shop".no();
create table public."Below" (id integer primary key, "Up" integer not null references "My Shop"."Refuses");
create table public."Log" (id integer, at date) partition by range (at);
create table public.never (id integer, constraint "Not Ever" check (false));
create table public.ruled (id integer);
create rule "Swallow It" as on insert to public.ruled do instead nothing;
create role "App User" nologin;
grant usage on schema public to "App User";
grant insert ("Two Words", "a,b"), select (id) on public."Order" to "App User";
alter table public.never enable row level security;
create policy "All of It" on public.never using (true);
"""

ADOPTED = """\
what no check could say:
  public.ruled: "Swallow It", a rule: what becomes of insert
3 of 8 tables could be filled with rows
policies of 1 table are only compared as text: say by row_security who sees what, and it is tried
tables without rows; what they need can be said under `rows:`:
  "My Shop"."Refuses": refused with P0001: no rows here (trigger "No Rows")
  public."Below": needs "My Shop"."Refuses", which has none: refused with P0001: no rows here (trigger "No Rows")
tables that take no row, by a rule or a CHECK that is false, or for want of a partition:
  public."Log": takes no row until a partition is made
  public.never: refused by "Not Ever" (23514)
  public.ruled: its rows are accepted, and nowhere afterwards: a trigger or a rule makes something else of them
"""

TABLES = ['"My Shop"."Refuses"', '"My Shop"."user"', 'public."Below"', 'public."Log"', 'public."Order"', "public.never"]
TABLES += ["public.ruled", 'public."user"']

ORDER = """\
table: public."Order"
columns:
  id: {type: integer}
  Two Words: {type: text}
  a,b: {type: integer}
  My User: {type: integer}
  My Day: {type: date}
checks:
  - primary_key: [id]

  - foreign_key: [My User, My Day]
    references: '"My Shop"."user"'
    on_delete: set null ("My Day")

  - privileges: {App User: [select (id), 'insert ("Two Words", "a,b")']}
"""


@pytest.fixture
def adopted(cli: Cli) -> Cli:
    for path in sorted(cli.root.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    cli.write("schema.sql", SCHEMA)
    answer = cli.run("adopt", "schema.sql")
    assert answer.returncode == 0, answer.stderr
    assert ADOPTED in answer.stdout
    cli.write("adopt.out", answer.stdout)
    return cli


def test_a_table_has_one_name_in_files_and_in_output(adopted: Cli) -> None:
    assert (adopted.root / "checks/public/Order.yml").read_text().partition("\n")[2] == ORDER
    tested = adopted.run("test", "--seed", "1")
    lines = tested.stdout.splitlines()
    assert [line for line in lines if line in TABLES] == TABLES
    assert '  "My Shop"."Refuses".primary_key.id  checks/My_Shop/Refuses.yml:6' in lines
    assert "0 broken" in tested.stdout, tested.stdout
    assert 'its rows were refused by "Not Ever" (23514)' in tested.stdout
    assert 'trigger "No Rows", of which no check says what it does' in tested.stdout
    # What adopt counts are the checks that a run proves.
    checks = (adopted.root / "adopt.out").read_text().partition(" checks\n")[0].rpartition(" ")[2]
    assert f" {checks} checks\n" in tested.stdout
    covered = adopted.run("coverage").stdout
    assert '  "My Shop"."Refuses"  "No Rows"\n' in covered
    assert '  public.never  "All of It"\n' in covered


@pytest.mark.parametrize("name", ['public."Order"', "public.Order", "Order", 'public."Order".primary_key.id'])
def test_a_name_is_found_with_quotes_and_without(adopted: Cli, name: str) -> None:
    listed = adopted.run("test", "--collect-only", "--select", name)
    assert listed.returncode == 0, listed.stderr
    assert 'public."Order".primary_key.id' in listed.stdout


def test_the_privileges_and_actions_of_quoted_columns_are_proved(adopted: Cli) -> None:
    tested = adopted.run("test", "--select", "Order", "--seed", "1")
    assert tested.returncode == 0, tested.stdout
    assert "proved   privileges" in tested.stdout
    file = adopted.root / "checks/public/Order.yml"
    file.write_text(file.read_text().replace('"Two Words", "a,b"', '"Two Words"'))
    assert 'insert ("Two Words", "a,b")' in adopted.run("test", "--select", "Order", "--seed", "1").stdout


def test_files_that_name_a_table_without_quotes_are_brought_up_to_date(adopted: Cli) -> None:
    """As version 0.1.0 has written them."""
    record = adopted.root / "checks/.adopted.json"
    pages = json.loads(record.read_text())
    pages["public.Order"] = pages.pop('public."Order"')
    record.write_text(json.dumps(pages))
    file = adopted.root / "checks/public/Order.yml"
    file.write_text(file.read_text().replace('public."Order"', "public.Order"))
    adopted.write("schema.sql", SCHEMA + 'alter table public."Order" add price integer;')
    answer = adopted.run("adopt", "--update")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "checks/public/Order.yml: column price: added" in answer.stdout
    assert "1 change\n" in answer.stdout
