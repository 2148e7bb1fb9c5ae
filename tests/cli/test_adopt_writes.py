"""What ``harness adopt`` writes besides the checks of tables, and what it says of what it could not do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli

UP = {1: "create table cups (id integer primary key);", 2: "create table lids (id integer primary key);"}
DOWN = {1: "drop table cups;", 2: "drop table lids;"}
ROLLBACK = """\
# yaml-language-server: $schema=../../.harness/schemas/checks.json
module: public
checks:
  # Every migration is undone by its down file, on empty tables and on full ones, and up again gives the same.
  - rollback: all
"""


def _paired(names: tuple[str, str]) -> dict[str, str]:
    return {name.format(number): texts[number] for number in UP for name, texts in zip(names, (UP, DOWN), strict=True)}


def _marked(up: str, down: str, name: str) -> dict[str, str]:
    return {name.format(number): f"{up}\n{UP[number]}\n{down}\n{DOWN[number]}\n" for number in UP}


LAYOUTS = {
    "golang-migrate": _paired(("{}_x.up.sql", "{}_x.down.sql")),
    "sqlx": _paired(("2024010{}_x.up.sql", "2024010{}_x.down.sql")),
    "directories": _paired(("{}_x/up.sql", "{}_x/down.sql")),
    "flyway": _paired(("V{}__x.sql", "U{}__x.sql")),
    "dbmate": _marked("-- migrate:up", "-- migrate:down", "{}_x.sql"),
    "goose": _marked("-- +goose Up", "-- +goose Down", "{}_x.sql"),
    "releases": _paired(("{}/1_x.up.sql", "{}/1_x.down.sql")),
}


@pytest.fixture
def empty(cli: Cli) -> Cli:
    for path in sorted(cli.root.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    return cli


def _written(cli: Cli, files: dict[str, str]) -> Cli:
    for name, text in files.items():
        cli.write(f"db/{name}", text)
    return cli


@pytest.mark.parametrize("layout", LAYOUTS)
def test_rollback_is_declared_where_everything_can_be_undone(empty: Cli, layout: str) -> None:
    answer = _written(empty, LAYOUTS[layout]).run("adopt", "db")
    assert answer.returncode == 0, answer.stderr
    assert (empty.root / "checks/public/_module.yml").read_text() == ROLLBACK
    tested = empty.run("test", "--select", "kind:rollback")
    assert "1 proved" in tested.stdout, tested.stdout


def test_what_nothing_undoes_is_named(empty: Cli) -> None:
    files = {name: text for name, text in LAYOUTS["golang-migrate"].items() if name != "2_x.down.sql"}
    answer = _written(empty, files).run("adopt", "db")
    assert "no check of rollbacks, as nothing undoes these migrations:\n  db/2_x.up.sql\n" in answer.stdout
    assert not (empty.root / "checks/public/_module.yml").exists()


def test_where_nothing_can_be_undone_there_is_nothing_to_say(empty: Cli) -> None:
    answer = _written(empty, {"1_x.sql": UP[1]}).run("adopt", "db")
    assert "rollback" not in answer.stdout
    assert not (empty.root / "checks/public/_module.yml").exists()


def test_a_fault_of_a_down_file_is_told_once(empty: Cli) -> None:
    files = {f"{number}_x.up.sql": f"create table t{number} (id integer primary key);" for number in range(1, 5)}
    files |= {f"{number}_x.down.sql": f"drop table t{number};" for number in range(1, 5)}
    files["4_x.up.sql"] += " create type left_over as enum ('a');"
    _written(empty, files).run("adopt", "db")
    tested = empty.run("test", "--select", "kind:rollback")
    assert tested.returncode == 1
    assert tested.stdout.count("actual: ") == 2, tested.stdout  # of the check, and of the summary
    assert "          actual:   4_x down: type public.left_over is left over\n" in tested.stdout


def test_settings_of_sqlfluff_are_written(empty: Cli) -> None:
    empty.write(
        "schema.sql", "create table cups (id integer constraint cups_pkey primary key, n integer check (n > 0));"
    )
    empty.run("adopt", "schema.sql")
    linted = empty.run("lint", "schema.sql")
    assert linted.returncode == 1
    assert "Harness_HS04 A constraint of cups.n has no name of its own" in linted.stdout


def test_settings_of_sqlfluff_that_are_there_stay(empty: Cli) -> None:
    empty.write("schema.sql", UP[1])
    empty.write(".sqlfluff", "[sqlfluff]\ndialect = postgres\n")
    assert empty.run("adopt", "schema.sql").returncode == 0
    assert (empty.root / ".sqlfluff").read_text() == "[sqlfluff]\ndialect = postgres\n"


def test_a_comment_is_the_description_and_no_check_repeats_it(empty: Cli) -> None:
    empty.write("schema.sql", f"{UP[1]}\ncomment on table cups is 'What one drinks from.';")
    empty.run("adopt", "schema.sql")
    text = (empty.root / "checks/public/cups.yml").read_text()
    assert "description: What one drinks from.\n" in text
    assert "comment" not in text


@pytest.mark.parametrize(
    ("column", "condition"),
    [("ends date", "new.ends > current_date"), ("ends timestamptz", "new.ends > now()")],
)
def test_rows_need_no_infinity(empty: Cli, column: str, condition: str) -> None:
    empty.write(
        "schema.sql",
        f"""\
create table offers (id integer primary key, {column} not null);
create function open_offer() returns trigger language plpgsql as $$
begin
    if not ({condition}) then raise 'it ended'; end if;
    return new;
end $$;
create trigger offers_open before insert on offers for each row execute function open_offer();
""",
    )
    answer = empty.run("adopt", "schema.sql")
    assert "1 of 1 table could be filled" in answer.stdout
    assert "infinity" not in (empty.root / "checks/public/offers.yml").read_text()


def test_every_table_without_rows_is_named(empty: Cli) -> None:
    never = "create table never_{} (id integer primary key, n integer not null check (n > 1 and n < 1));\n"
    empty.write("schema.sql", "".join(never.format(number) for number in range(25)))
    answer = empty.run("adopt", "schema.sql")
    assert answer.stdout.count("  public.never_") == 25
    assert " more\n" not in answer.stdout


def test_a_copy_by_psql_is_left_out_and_told(empty: Cli) -> None:
    empty.write(
        "schema.sql",
        f"{UP[1]}\n\\copy cups from 'cups.csv' with (format csv)\n\\copy (select * from cups) to 'all.csv'\n{UP[2]}\n",
    )
    answer = empty.run("adopt", "schema.sql")
    assert answer.returncode == 0, answer.stderr
    told = (
        "schema.sql:2: \\copy cups from: it copies a file, and rows are drawn here",
        "schema.sql:3: \\copy (select * from cups) to: it copies a file, and rows are drawn here",
    )
    assert "not run in scratch databases:\n  " + "\n  ".join(told) + "\n" in answer.stdout
    tested = empty.run("test")
    assert tested.returncode == 0, tested.stdout
    assert all(f"not run in scratch databases: {each}" in tested.stdout + tested.stderr for each in told)


def test_two_files_of_one_version_have_a_way_out(empty: Cli) -> None:
    _written(empty, {"1_a.sql": UP[1], "1_b.sql": UP[2]})
    refused = empty.run("adopt", "db")
    assert refused.returncode == 2
    assert "or name the files themselves in their order: harness adopt db/1_a.sql db/1_b.sql …" in refused.stderr
    answer = empty.run("adopt", "db/1_a.sql", "db/1_b.sql")
    assert answer.returncode == 0, answer.stderr
    assert "path: [db/1_a.sql, db/1_b.sql]" in (empty.root / "project.yml").read_text()


def test_a_missing_extension_has_a_way_out(empty: Cli) -> None:
    empty.write(
        "schema.sql", "create extension no_such_thing;\ncreate table cups (id integer primary key default no_such());"
    )
    refused = empty.run("adopt", "schema.sql")
    assert refused.returncode == 2
    assert "(harness adopt takes it as --base FILE --stand-in no_such_thing)" in refused.stderr
    empty.write("base.sql", "create function no_such() returns integer language sql as 'select 1';")
    answer = empty.run("adopt", "schema.sql", "--base", "base.sql", "--stand-in", "no_such_thing")
    assert answer.returncode == 0, answer.stderr
    assert "extensions: {stand_ins: [no_such_thing]}\n" in (empty.root / "project.yml").read_text()
    tested = empty.run("test")
    assert tested.returncode == 0, tested.stdout


@pytest.mark.parametrize(
    ("statement", "extension"),
    [
        ("create table t (email citext);", "citext"),
        ("create table t (id uuid default uuid_generate_v4());", '"uuid-ossp"'),
        ("create table t (token bytea default gen_random_bytes(16));", "pgcrypto"),
        ("create table t (a text); create index i on t using gin (a gin_trgm_ops);", "pg_trgm"),
        ("create table t (a integer, exclude using gist (a with =));", "btree_gist"),
        ("create table t (tags hstore);", "hstore"),
    ],
)
def test_what_an_extension_makes_names_it(empty: Cli, statement: str, extension: str) -> None:
    empty.write("schema.sql", statement)
    refused = empty.run("adopt", "schema.sql")
    assert refused.returncode == 2
    assert (
        f"it belongs to an extension: write create extension {extension}; into an SQL file under base: in "
        "project.yml (harness adopt takes it as --base FILE)"
    ) in refused.stderr


def test_nothing_is_written_by_an_adoption_that_fails(empty: Cli) -> None:
    empty.write("schema.sql", "create table t (email citext);")
    empty.run("adopt", "schema.sql")
    assert [path.relative_to(empty.root) for path in empty.root.rglob("*") if path.is_file()] == [Path("schema.sql")]
