"""Files that say something else than what was applied: edited, renumbered, gone; and ledgers of an older version."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import MigrationError, StatementError
from harness.migrations import ledger
from harness.server.connection import Server

from .conftest import Files, Runner

LOOK = "\nhint: see where all stand: harness status"
# The table as the first version made it, with what that entered.
FIRST_VERSION = "alter table harness.migrations drop column tokens, drop column down"


def refused(call: Any, *names: str, **options: Any) -> str:
    with pytest.raises(MigrationError) as caught:
        call(*names, **options)
    return str(caught.value)


@pytest.fixture
def remote(runner: Runner) -> Runner:
    """On a server that is not the tool's own."""
    runner.own = False
    return runner


def one_and_two(files: Files) -> None:
    files.write("app/001_a", "create table a ()", "drop table a")
    files.write("app/002_b", "create table b ()", "drop table b")


def two_people(files: Files) -> None:
    """What was 002_b is 003_b by now, since somebody else's 002_other came first."""
    files.remove("app/002_b")
    files.write("app/002_other", "create table other ()", "drop table other")
    files.write("app/003_b", "create table b ()", "drop table b")


# What counts as an edit


@pytest.mark.parametrize(
    "text",
    [
        "-- why\ncreate table a (x int, y text default 'A b') /* as ever */ ;\n",
        "CREATE TABLE a (\n\tX INT,\n\ty text DEFAULT 'A b'\n);",
        "-- harness: transaction:true\ncreate table a(x int,y text default 'A b');",
    ],
)
def test_comments_blanks_and_the_case_of_words_are_no_edit(runner: Runner, files: Files, text: str) -> None:
    files.write("app/001_a", "create table a (x int, y text default 'A b');")
    runner.apply()
    files.write("app/001_a", text)
    assert runner.status() == {"app/001_a": "applied"}
    assert runner.apply() == []


@pytest.mark.parametrize(
    "text",
    [
        "create table a (x int, y text default 'a b', Ä int);",
        "create table a (x int, y text default 'A b', ä int);",
        "create table a (x int, \"Y\" text default 'A b', Ä int);",
        "create table a (x int, y text default 'A  b', Ä int);",
        "-- harness: transaction:false\ncreate table a (x int, y text default 'A b', Ä int);",
        "-- migrate:up transaction:false\ncreate table a (x int, y text default 'A b', Ä int);",
        "create table a (x int, y text default 'A b', Ä int); select;",
    ],
)
def test_what_the_server_reads_is_an_edit(runner: Runner, files: Files, text: str) -> None:
    files.write("app/001_a", "create table a (x int, y text default 'A b', Ä int);")
    runner.apply()
    files.write("app/001_a", text)
    assert runner.status() == {"app/001_a": "edited"}


@pytest.mark.parametrize(
    ("before", "after"),
    [("-- one\n", "-- two\n"), ("", " "), ("as x", "AS x"), ('as "x"', 'as "X"')],
)
def test_the_body_of_a_function_counts_to_the_letter(runner: Runner, files: Files, before: str, after: str) -> None:
    body = "create function f() returns int language sql as $$ select 1 {} $$"
    files.write("app/001_a", body.format(before), "drop function f")
    runner.apply()
    files.write("app/001_a", body.format(after), "drop function f")
    assert runner.status() == {"app/001_a": "edited"}


def test_names_in_quotes_count_to_the_letter(runner: Runner, files: Files) -> None:
    files.write("app/001_a", 'create table "a" ()')
    runner.apply()
    files.write("app/001_a", 'create table "A" ()')
    assert runner.status() == {"app/001_a": "edited"}


def test_rows_of_a_copy_count_as_they_are(runner: Runner, files: Files) -> None:
    text = "create table a (x text);\n\\restrict {key}\n{space}copy a from stdin;\n{row}\n\\.\n"
    files.write("app/001_a", text.format(key="abc", space="", row="-- 1"))
    runner.apply()
    files.write("app/001_a", text.format(key="xyz", space=" -- !\n", row="-- 1"))
    assert runner.status() == {"app/001_a": "applied"}
    files.write("app/001_a", text.format(key="abc", space="", row="-- 2"))
    assert runner.status() == {"app/001_a": "edited"}


def test_a_file_that_cannot_be_scanned_goes_by_its_text(runner: Runner, files: Files) -> None:
    files.write("app/001_a", "select 1")
    runner.apply()
    for text in ("select 'no end", "\\connect other\nselect 1"):
        files.write("app/001_a", text)
        assert files.discover()[0].tokens == ""
        assert files.discover()[0].content == files.discover()[0].hash
        assert runner.status() == {"app/001_a": "edited"}


# Taken back as it was applied


def test_rollback_of_an_edited_file_runs_the_down_text_of_then(runner: Runner, files: Files) -> None:
    files.write("app/001_a", "create table a ()", "-- ü\ndrop table a")
    runner.apply()
    files.write("app/001_a", "create table c ()", "drop table c")
    assert runner.rollback(dry_run=True) == ["app/001_a"]
    assert runner.rollback() == ["app/001_a"]
    assert runner.tables() == []
    assert runner.status() == {"app/001_a": "pending"}


def test_rollback_of_what_is_as_it_was_runs_the_file(runner: Runner, files: Files) -> None:
    files.write("app/001_a", "create table a ()", "select 1 / 0")
    runner.apply()
    files.write("app/001_a", "create table a () -- mended below", "drop table a")
    assert runner.rollback() == ["app/001_a"]
    assert runner.tables() == []


def test_errors_in_the_kept_text_say_where_it_is_kept(runner: Runner, files: Files) -> None:
    files.write("app/001_a", "create table a ()", "drop table a;\nselect 1 / 0")
    runner.apply()
    files.write("app/001_a", "create table a (x int)", "drop table a")
    assert refused(runner.rollback) == (
        "harness.migrations/app/001_a.down.sql:2:1: division by zero (22012)\n    2 | select 1 / 0\n      | ^"
    )
    assert runner.tables() == ["a"]


def test_half_rolled_back_by_the_kept_text(runner: Runner, files: Files) -> None:
    down = "-- harness: transaction:false\ndrop table if exists a;\nselect 1 / (select count(*) from gate)"
    files.write("app/001_a", "create table a (); create table if not exists gate ()", down)
    runner.apply()
    files.write("app/001_a", "select 2", "select 3")
    refused(runner.rollback)
    assert runner.status() == {"app/001_a": "half rolled back (1 of 2 statements done)"}
    (entry,) = ledger.read(runner.connection, "harness")
    assert entry.down == down
    assert entry.tokens and not entry.has(files.discover()[0])
    assert refused(runner.rollback, rerun="app/001").startswith("harness.migrations/app/001_a.down.sql:3:1: ")
    runner.connection.execute("alter table gate add x int; insert into gate values (1)")
    assert runner.rollback(rerun="app/001") == ["app/001_a"]
    assert runner.status() == {"app/001_a": "pending"}


def test_an_edited_file_of_which_nothing_is_kept(remote: Runner, files: Files) -> None:
    one_and_two(files)
    remote.apply()
    remote.connection.execute(FIRST_VERSION)
    files.write("app/002_b", "create table b (x int)", "drop table b")
    assert refused(remote.rollback) == (
        "schema/app/002_b.up.sql: edited after it was applied, and the ledger of an older version does not keep what "
        "would undo it\nhint: put the file back; or if its down file of today undoes what was applied, have the ledger "
        "take it over: harness apply --accept-edit app/002"
    )
    assert remote.tables() == ["a", "b"]
    remote.accept("app/002")
    assert remote.rollback() == ["app/002_b"]


# Taking an edit over


def test_an_edit_taken_over(remote: Runner, files: Files) -> None:
    one_and_two(files)
    remote.apply()
    before = ledger.read(remote.connection, "harness")
    files.write("app/001_a", "create table a (x int)", "drop table a cascade")
    files.write("app/002_b", "create table b (x int)")
    assert refused(remote.apply) == (
        "schema/app/001_a.up.sql: edited after it was applied; so is 1 more: harness status\n"
        "hint: put the file back and write a new migration; or if this database is as the file says already, have the "
        "ledger say so: harness apply --accept-edit app/001"
    )
    assert remote.accept("app/001", "app/002_b", dry_run=True) == [("app/001_a", "app/001_a"), ("app/002_b",) * 2]
    assert ledger.read(remote.connection, "harness") == before
    assert remote.accept("app/001", "app/002_b") == [("app/001_a", "app/001_a"), ("app/002_b", "app/002_b")]
    assert set(remote.status().values()) == {"applied"}
    first, _ = ledger.read(remote.connection, "harness")
    assert first.down == "drop table a cascade"
    assert (first.position, first.applied_at) == (before[0].position, before[0].applied_at)
    assert remote.value("select count(*) from pg_attribute where attname = 'x'") == 0


def test_what_is_not_edited_is_not_taken_over(runner: Runner, files: Files) -> None:
    one_and_two(files)
    runner.apply(steps=1)
    assert refused(runner.accept, "app/001") == "app/001_a is not edited: it is applied" + LOOK
    assert refused(runner.accept, "app/002") == "app/002_b is not edited: it is pending" + LOOK
    files.write("app/003_half", "-- harness: transaction:false\nselect 1; select 1 / 0")
    with pytest.raises(StatementError):
        runner.apply()
    files.write("app/003_half", "select 2")
    assert refused(runner.accept, "app/003").startswith("schema/app/003_half.up.sql: half applied (1 of 2 ")


def test_another_file_under_the_number_of_one_that_is_gone(remote: Runner, files: Files) -> None:
    one_and_two(files)
    remote.apply()
    files.remove("app/002_b")
    files.write("app/002_other", "create table other ()", "drop table other")
    assert remote.status()["app/002_other"] == "edited (applied as 002_b)"
    assert refused(remote.apply) == (
        "schema/app/002_other.up.sql: edited after it was applied as app/002_b\n"
        "hint: put the file back and write a new migration; or take it back first: harness rollback; or if this "
        "database is as the file says already, have the ledger say so: harness apply --accept-edit app/002"
    )
    assert remote.accept("app/002", dry_run=True) == [("app/002_b", "app/002_other")]
    assert remote.rollback() == ["app/002_b"]
    assert remote.tables() == ["a"]


def test_another_file_under_the_number_of_a_half_applied_one_is_not_run(runner: Runner, files: Files) -> None:
    files.write("app/001_a", "-- harness: transaction:false\ncreate table a (); select 1 / 0")
    with pytest.raises(StatementError):
        runner.apply()
    files.remove("app/001_a")
    files.write("app/001_other", "create table other ()")
    message = (
        "schema/app/001_other.up.sql: half applied (1 of 2 statements done); but that was app/001_a, and this is "
        "another file\nhint: bring app/001_a.up.sql back from version control"
    )
    assert refused(runner.apply) == message
    assert refused(runner.apply, rerun="app/001") == message
    assert refused(runner.apply, mark_applied="app/001") == message
    assert runner.tables() == ["a"]


# Renumbered


def test_two_people_with_one_number(remote: Runner, files: Files) -> None:
    one_and_two(files)
    remote.apply()
    two_people(files)
    assert remote.status() == {
        "app/001_a": "applied",
        "app/002_other": "out of order",
        "app/003_b": "renumbered (applied as 002_b)",
    }
    assert refused(remote.apply) == (
        "schema/app/003_b.up.sql: renumbered after it was applied: the ledger has it as app/002_b\n"
        "hint: have the ledger follow, which executes nothing: harness apply --renumbered app/002=003"
    )
    assert remote.renumber("app/002=003", dry_run=True) == [("app/002_b", "app/003_b")]
    assert remote.status()["app/003_b"] == "renumbered (applied as 002_b)"
    assert remote.renumber("app/002=003") == [("app/002_b", "app/003_b")]
    assert remote.status() == {"app/001_a": "applied", "app/002_other": "out of order", "app/003_b": "applied"}
    assert refused(remote.apply) == (
        "schema/app/002_other.up.sql: out of order: app/002_other is not applied, but app/003_b is\n"
        "hint: if it is applied nowhere yet, give it the next free number; if it is, apply it behind the others: "
        "harness apply --out-of-order; or take those back first: harness rollback"
    )
    assert remote.apply(out_of_order=True) == ["app/002_other"]
    assert remote.rollback(all=True) == ["app/002_other", "app/003_b", "app/001_a"]
    assert remote.tables() == []


def test_rollback_of_a_renumbered_one_takes_back_what_was_applied(runner: Runner, files: Files) -> None:
    one_and_two(files)
    runner.apply()
    two_people(files)
    assert runner.rollback() == ["app/002_b"]
    assert runner.tables() == ["a"]
    assert runner.apply() == ["app/002_other", "app/003_b"]


def test_a_renumbered_one_of_which_nothing_is_kept(runner: Runner, files: Files) -> None:
    one_and_two(files)
    runner.apply()
    runner.connection.execute(FIRST_VERSION)
    two_people(files)
    assert refused(runner.rollback) == (
        "schema/app/003_b.up.sql: renumbered after it was applied: the ledger has it as app/002_b\n"
        "hint: have the ledger follow, which executes nothing: harness apply --renumbered app/002=003"
    )
    assert runner.tables() == ["a", "b"]
    runner.renumber("app/002=003")
    assert runner.rollback() == ["app/003_b"]
    assert runner.tables() == ["a"]


def test_several_renumbered_at_once(runner: Runner, files: Files) -> None:
    one_and_two(files)
    files.write("app/003_c", "create table c ()", "drop table c")
    runner.apply()
    two_people(files)
    files.remove("app/003_c")
    files.write("app/004_c", "create table c ()", "drop table c")
    both = "harness apply --renumbered app/002=003 --renumbered app/003=004"
    assert refused(runner.apply).endswith(f"executes nothing: {both}")
    assert refused(runner.renumber, "app/002=003") == (
        f"number 003 is taken in the ledger by app/003_c\nhint: renumber both at once: {both}"
    )
    assert runner.renumber("app/002=003", "003=004") == [("app/002_b", "app/003_b"), ("app/003_c", "app/004_c")]
    assert runner.apply(out_of_order=True) == ["app/002_other"]


def test_two_that_swapped_their_numbers(runner: Runner, files: Files) -> None:
    one_and_two(files)
    runner.apply()
    for path in ("app/001_a", "app/002_b"):
        files.remove(path)
    files.write("app/001_b", "create table b ()", "drop table b")
    files.write("app/002_a", "create table a ()", "drop table a")
    runner.renumber("1=2", "2=1")
    assert runner.status() == {"app/001_b": "applied", "app/002_a": "applied"}
    assert runner.rollback() == ["app/001_b"]
    assert runner.tables() == ["a"]


def test_renumbered_and_edited_stays_edited(runner: Runner, files: Files) -> None:
    one_and_two(files)
    runner.apply()
    two_people(files)
    files.write("app/003_b", "create table b (x int)", "drop table if exists b")
    assert runner.status()["app/003_b"] == "renumbered (applied as 002_b)"
    runner.renumber("app/002=003")
    assert runner.status()["app/003_b"] == "edited"
    assert ledger.read(runner.connection, "harness")[1].down == "drop table b"
    runner.accept("app/003")
    assert ledger.read(runner.connection, "harness")[1].down == "drop table if exists b"
    assert runner.status()["app/003_b"] == "applied"


def test_renumbered_and_renamed(runner: Runner, files: Files) -> None:
    one_and_two(files)
    runner.apply()
    files.remove("app/002_b")
    files.write("app/002_other", "create table other ()", "drop table other")
    files.write("app/003_better_name", "create table b ()", "drop table b")
    assert runner.status()["app/003_better_name"] == "renumbered (applied as 002_b)"
    assert runner.renumber("app/002=003") == [("app/002_b", "app/003_better_name")]
    assert runner.status()["app/003_better_name"] == "applied"


def test_which_file_is_what_was_applied(runner: Runner, files: Files) -> None:
    """The more alike wins: number, name and statements; two that are alike decide nothing."""
    one_and_two(files)
    runner.apply()
    files.write("app/002_b", "create table other ()")
    files.write("app/003_b", "create table b ()", "drop table b")
    assert runner.status() == {
        "app/001_a": "applied",
        "app/002_b": "out of order",
        "app/003_b": "renumbered (applied as 002_b)",
    }
    files.remove("app/002_b")
    files.write("app/002_better_name", "create table b ()", "drop table b")
    files.write("app/003_b", "create table other ()")
    assert runner.status() == {"app/001_a": "applied", "app/002_better_name": "applied", "app/003_b": "pending"}
    files.remove("app/002_better_name")
    files.write("app/002_x", "create table other ()")
    for path in ("app/003_y", "app/004_z"):
        files.write(path, "create table b ()")
    files.remove("app/003_b")
    assert runner.status() == {
        "app/001_a": "applied",
        "app/002_x": "edited (applied as 002_b)",
        "app/003_y": "pending",
        "app/004_z": "pending",
    }
    # People may say which one it is.
    assert runner.renumber("app/002=004") == [("app/002_b", "app/004_z")]
    assert runner.status()["app/004_z"] == "applied"


def test_a_renumbered_half_applied_one(runner: Runner, files: Files) -> None:
    files.write("app/001_a", "select 1")
    half = "-- harness: transaction:false\ncreate table if not exists b (); select 1 / (select count(*) from gate)"
    files.write("app/002_b", half, "drop table b")
    runner.connection.execute("create table gate (x int)")
    with pytest.raises(StatementError):
        runner.apply()
    two_people(files)
    files.write("app/003_b", half, "drop table b")
    assert runner.status()["app/003_b"] == "renumbered (half applied as 002_b)"
    # Else 002_other would be run, or be entered, in its place.
    way = "harness apply --renumbered app/002=003"
    assert refused(runner.apply, rerun="app/002") == "app/002_other is not half applied: it is out of order" + LOOK
    assert refused(runner.apply, rerun="app/003").endswith(way)
    assert refused(runner.apply, mark_applied="app/002").endswith(way)
    assert refused(runner.rollback).endswith(way)
    runner.renumber("app/002=003")
    assert runner.status()["app/003_b"] == "half applied (1 of 2 statements done)"
    runner.connection.execute("insert into gate values (1)")
    assert runner.apply(rerun="app/003", out_of_order=True) == ["app/003_b", "app/002_other"]


def test_what_cannot_be_renumbered(runner: Runner, files: Files) -> None:
    one_and_two(files)
    runner.apply()
    two_people(files)
    files.write("app/004_late", "create table late ()")
    assert refused(runner.renumber, "app/002=004") == (
        "schema/app/004_late.up.sql: app/004_late is not what was applied as app/002_b: neither name nor "
        "statements are the same" + LOOK
    )
    assert refused(runner.renumber, "app/001=003") == "app/001_a was not renumbered: it is applied" + LOOK
    assert refused(runner.renumber, "app/009=003") == "app/009 is not in the ledger" + LOOK
    assert refused(runner.renumber, "app/002=009").startswith("no migration 'app/009'")
    assert refused(runner.renumber, "app/002", "x") == (
        "'app/002' does not say which number became which\n"
        "hint: write it as MODULE/NNN=NNN: --renumbered intents/004=005"
    )
    assert refused(runner.renumber, "app/002=003", "app/002=003") == (
        "one migration cannot become two\nhint: name each number once"
    )
    for path in ("app/003_b", "app/004_late"):
        files.remove(path)
    files.write("app/001_x", "select 1")
    files.remove("app/001_a")
    files.write("app/003_a", "create table b ()")
    assert (
        refused(runner.renumber, "app/001=003", "app/002=003") == "two migrations cannot both become app/003_a" + LOOK
    )
    files.write("more/001_x", "select 1")
    assert refused(runner.renumber, "002=003") == "'002=003' does not say which module\nhint: write more/002=003"


# Ledgers of an older version


def test_an_older_ledger_is_read_and_completed(runner: Runner, files: Files) -> None:
    one_and_two(files)
    runner.apply()
    runner.connection.execute(FIRST_VERSION)
    files.write("app/002_b", "create table b (); -- said", "drop table b")
    files.write("app/003_c", "create table c ()", "drop table c")
    # Of what the first version entered only the text is known.
    runner.connection.execute("set default_transaction_read_only = on")
    assert runner.status() == {"app/001_a": "applied", "app/002_b": "edited", "app/003_c": "pending"}
    runner.connection.execute("set default_transaction_read_only = off")
    files.write("app/002_b", "create table b ()", "drop table b")
    assert runner.apply() == ["app/003_c"]
    entries = ledger.read(runner.connection, "harness")
    assert [entry.down for entry in entries] == ["drop table a", "drop table b", "drop table c"]
    assert [entry.tokens for entry in entries] == [migration.tokens for migration in files.discover()]
    files.write("app/002_b", "create table b (); -- said", "drop table b")
    assert set(runner.status().values()) == {"applied"}


def test_an_older_ledger_is_completed_by_an_apply_that_has_nothing_to_do(runner: Runner, files: Files) -> None:
    one_and_two(files)
    runner.apply()
    runner.connection.execute(FIRST_VERSION)
    assert runner.apply(dry_run=True) == []
    assert runner.value("select count(*) from pg_attribute where attname in ('tokens', 'down') and attnum > 0") == 0
    assert runner.apply() == []
    files.write("app/002_b", "create table b (x int)", "select 1 / 0")
    assert runner.rollback() == ["app/002_b"]


def test_an_older_ledger_that_belongs_to_somebody_else(
    runner: Runner, files: Files, database: tuple[Server, str]
) -> None:
    one_and_two(files)
    runner.apply()
    runner.connection.execute(FIRST_VERSION)
    runner.connection.execute("create role other_role login")
    try:
        runner.connection.execute(
            "grant usage on schema harness to other_role; grant all on harness.migrations to other_role"
        )
        with database[0].connect(database[1]) as connection:
            connection.execute("set session authorization other_role")
            message = refused(Runner(connection, files).apply)
        assert message == (
            "the ledger harness.migrations is of an older version, and upgrading it: must be owner of table "
            "migrations\nhint: run harness apply as its owner once, or have the owner run: "
            'alter table "harness"."migrations" '
            "add column if not exists tokens text, add column if not exists down text"
        )
    finally:
        runner.connection.execute("drop owned by other_role; drop role other_role")
