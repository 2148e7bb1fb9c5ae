"""Apply, rollback and status against a real server."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import MigrationError, StatementError
from harness.migrations import ledger
from harness.migrations.migrate import Event, Migrator
from harness.project.model import Timeouts
from harness.server.connection import Server

from .conftest import Files, Runner


def three(files: Files) -> None:
    files.write("app/001_a", "create table a ()", "drop table a")
    files.write("app/002_b", "create table b ()", "drop table b")
    files.write("more/001_c", "create table c ()", "drop table c")


def refused(call: Any, error: type[MigrationError] = MigrationError, **options: Any) -> str:
    with pytest.raises(error) as caught:
        call(**options)
    assert type(caught.value) is error
    return str(caught.value)


def test_apply_and_rollback(runner: Runner, files: Files) -> None:
    three(files)
    assert runner.apply() == ["app/001_a", "app/002_b", "more/001_c"]
    assert runner.tables() == ["a", "b", "c"]
    assert set(runner.status().values()) == {"applied"}
    assert runner.apply() == []
    assert runner.rollback() == ["more/001_c"]
    assert runner.rollback(steps=2) == ["app/002_b", "app/001_a"]
    assert runner.rollback() == []
    assert runner.tables() == []
    assert set(runner.status().values()) == {"pending"}


def test_the_ledger_says_who_and_when(runner: Runner, files: Files) -> None:
    three(files)
    runner.apply(steps=1)
    (entry,) = ledger.read(runner.connection, "harness")
    assert (entry.position, entry.id, entry.state) == (1, "app/001_a", "applied")
    assert (entry.statements_done, entry.statements) == (1, 1)
    assert entry.hash == files.discover()[0].hash
    assert entry.applied_by == runner.value("select session_user::text")
    assert entry.applied_at and entry.started_at <= entry.applied_at


def test_reading_the_ledger_makes_nothing(runner: Runner) -> None:
    runner.connection.execute("set default_transaction_read_only = on")
    assert ledger.read(runner.connection, "harness") == ()
    assert runner.value("select to_regnamespace('harness')") is None


def test_the_ledger_may_live_elsewhere(runner: Runner, files: Files) -> None:
    three(files)
    files.settings = {"ledger_schema": 'Odd "name'}
    runner.apply()
    assert len(ledger.read(runner.connection, 'Odd "name')) == 3


def test_to_and_steps(runner: Runner, files: Files) -> None:
    three(files)
    assert runner.apply(to="app/001") == ["app/001_a"]
    assert runner.apply(to="app/001_a") == []
    assert runner.apply(steps=1) == ["app/002_b"]
    assert runner.apply(to="more/1") == ["more/001_c"]
    assert runner.rollback(to="app/001") == ["more/001_c", "app/002_b"]
    assert runner.rollback(all=True) == ["app/001_a"]


def test_to_without_a_module(runner: Runner, files: Files) -> None:
    files.write("app/001_a", "create table a ()", "drop table a")
    assert runner.apply(to="001") == ["app/001_a"]
    three(files)
    assert refused(runner.apply, to="002") == "'002' does not say which module\nhint: write more/002"


def test_to_what_is_not_there(runner: Runner, files: Files) -> None:
    three(files)
    hint = "\nhint: name it as module/NNN; there are: app/001_a, app/002_b, more/001_c"
    assert refused(runner.apply, to="app/007") == "no migration 'app/007'" + hint
    assert refused(runner.apply, to="app/001_b") == "no migration 'app/001_b'; did you mean 'app/002_b'?" + hint
    assert (
        refused(runner.rollback, to="app/001") == "app/001_a is not applied\nhint: see where all stand: harness status"
    )
    assert runner.tables() == []


def test_dry_run_parses_and_does_nothing(runner: Runner, files: Files) -> None:
    three(files)
    assert runner.apply(dry_run=True) == ["app/001_a", "app/002_b", "more/001_c"]
    assert runner.value("select to_regnamespace('harness')") is None
    runner.apply()
    assert runner.rollback(dry_run=True, steps=2) == ["more/001_c", "app/002_b"]
    assert runner.tables() == ["a", "b", "c"]
    files.write("app/003_d", "create tble d ()")
    assert refused(runner.apply, StatementError, dry_run=True).startswith("schema/app/003_d.up.sql:1:8: syntax error")


def test_every_file_is_parsed_before_the_first_is_run(runner: Runner, files: Files) -> None:
    three(files)
    files.write("app/003_d", "begin; create table d ()")
    refused(runner.apply)
    assert runner.tables() == []


def test_events(runner: Runner, files: Files) -> None:
    three(files)
    events: list[Event] = []
    runner.apply(steps=1, on_event=events.append)
    runner.rollback(on_event=events.append)
    assert [(each.kind, each.migration and each.migration.id, each.direction) for each in events] == [
        ("started", "app/001_a", "up"),
        ("finished", "app/001_a", "up"),
        ("started", "app/001_a", "down"),
        ("finished", "app/001_a", "down"),
    ]
    assert events[1].seconds > 0


def test_an_edited_file(runner: Runner, files: Files) -> None:
    three(files)
    runner.apply()
    files.write("app/002_b", "create table b (x int)", "drop table b")
    files.write("app/003_d", "create table d ()")
    assert runner.status()["app/002_b"] == "edited"
    assert refused(runner.apply) == (
        "schema/app/002_b.up.sql: edited after it was applied\n"
        "hint: put the file back and write a new migration; or take it back first: harness rollback --steps 2; or if "
        "this database is as the file says already, have the ledger say so: harness apply --accept-edit app/002"
    )
    assert runner.tables() == ["a", "b", "c"]
    # The way out it names is one.
    runner.rollback(steps=2)
    assert runner.apply() == ["app/002_b", "app/003_d", "more/001_c"]


def test_only_line_ends_edited(runner: Runner, files: Files) -> None:
    files.write("app/001_a", "create table a (\nx int)")
    runner.apply()
    files.write("app/001_a", "create table a (\r\nx int)")
    assert runner.status() == {"app/001_a": "applied"}


def test_a_missing_file(runner: Runner, files: Files) -> None:
    three(files)
    runner.apply()
    files.remove("app/002_b")
    message = "app/002_b is in the ledger, but 002_b.up.sql is missing\nhint: bring the file back from version control"
    assert runner.status()["app/002_b"] == "missing file"
    assert refused(runner.apply) == f"{message}, or take it back: harness rollback --steps 2"
    # The way out it names is one, by what the ledger keeps.
    assert runner.rollback(steps=2) == ["more/001_c", "app/002_b"]
    assert runner.tables() == ["a"]
    assert runner.status() == {"app/001_a": "applied", "more/001_c": "pending"}


def test_a_missing_file_of_which_the_ledger_keeps_no_down_text(runner: Runner, files: Files) -> None:
    three(files)
    runner.apply()
    runner.connection.execute("update harness.migrations set down = null")
    files.remove("app/002_b")
    message = "app/002_b is in the ledger, but 002_b.up.sql is missing\nhint: bring the file back from version control"
    assert refused(runner.apply) == message
    assert refused(runner.rollback, all=True) == message
    assert runner.tables() == ["a", "b", "c"]


def test_a_missing_module(runner: Runner, files: Files) -> None:
    three(files)
    runner.apply()
    files.remove("more/001_c")
    (files.root / "schema/more").rmdir()
    assert runner.status()["more/001_c"] == "missing file"
    # Nor is it proposed to take it back: that would be the last one of the modules that are there.
    assert refused(runner.apply) == (
        "more/001_c is in the ledger, but 001_c.up.sql is missing\nhint: bring the file back from version control"
    )


def test_out_of_order(runner: Runner, files: Files) -> None:
    three(files)
    files.write("app/003_d", "create table d ()", "drop table d")
    runner.apply()
    runner.connection.execute("delete from harness.migrations where name = 'b'; drop table b")
    assert runner.status()["app/002_b"] == "out of order"
    assert refused(runner.apply) == (
        "schema/app/002_b.up.sql: out of order: app/002_b is not applied, but app/003_d is\n"
        "hint: if it is applied nowhere yet, give it the next free number; if it is, apply it behind the others: "
        "harness apply --out-of-order; or take those back first: harness rollback --steps 2"
    )
    # Both ways out that it names are ones.
    runner.rollback(steps=2)
    assert runner.apply() == ["app/002_b", "app/003_d", "more/001_c"]
    runner.connection.execute("delete from harness.migrations where name = 'b'; drop table b")
    assert refused(runner.apply, mark_applied="app/002").startswith(
        "app/002_b cannot be marked as applied: it is out of order\n"
    )
    assert runner.apply(out_of_order=True, mark_applied="app/002", dry_run=True) == ["app/002_b"]
    assert runner.apply(out_of_order=True) == ["app/002_b"]
    assert set(runner.status().values()) == {"applied"}
    assert runner.rollback() == ["app/002_b"]


def test_other_modules_do_not_stand_in_the_way(runner: Runner, files: Files) -> None:
    three(files)
    runner.apply()
    files.write("app/001_a", "create table a (x int)", "drop table a")
    project = files.project
    assert Migrator(runner.connection, project, (project.module("more"),)).apply() == ()
    assert [each.id for each in Migrator(runner.connection, project, (project.module("more"),)).rollback()] == [
        "more/001_c"
    ]


def test_an_error_leaves_the_earlier_files(runner: Runner, files: Files) -> None:
    files.write("app/001_a", "create table a ()")
    files.write("app/002_b", "create table b ();\nselect 1 / 0")
    assert (
        refused(runner.apply, StatementError)
        == """\
schema/app/002_b.up.sql:2:1: division by zero (22012)
    2 | select 1 / 0
      | ^"""
    )
    assert runner.tables() == ["a"]
    assert runner.status() == {"app/001_a": "applied", "app/002_b": "pending"}
    files.write("app/002_b", "create table b ()")
    assert runner.apply() == ["app/002_b"]


def test_session_reset_into_the_next_file(runner: Runner, files: Files) -> None:
    runner.connection.execute("create role leaky_role")
    try:
        files.write(
            "app/001_a",
            "create schema s; create table s.a (); grant create on schema public to leaky_role;"
            "set search_path = s; set local work_mem = '1MB'; set my.setting = 'x'; prepare p as select 1;"
            "create temporary table t (); declare c cursor with hold for select 1; listen l;"
            "set lock_timeout = '7s'; set session_replication_role = replica; set role leaky_role;"
            "create table public.a ();",
            "drop table public.a; drop schema s cascade; revoke create on schema public from leaky_role",
        )
        files.write(
            "app/002_b",
            "create table public.seen as select current_user::text as who, current_setting('search_path') as path,"
            " current_setting('lock_timeout') as lock, nullif(current_setting('my.setting', true), '') as own,"
            " current_setting('session_replication_role') as replication,"
            " to_regclass('pg_temp.t') as t, (select count(*) from pg_prepared_statements where name = 'p') as p,"
            " (select count(*) from pg_cursors where name = 'c') as c,"
            " array(select pg_listening_channels()) as l",
            "drop table seen",
        )
        runner.apply()
        owner = runner.value("select relowner::regrole::text from pg_class where oid = 'public.a'::regclass")
        assert owner == "leaky_role"
        seen = runner.connection.execute("select * from seen").fetchone()
        me = runner.value("select session_user::text")
        assert seen == (me, '"$user", public', "0", None, "origin", None, 0, 0, [])
        assert runner.value("select applied_by from harness.migrations limit 1") == me
        runner.rollback(all=True)
    finally:
        runner.connection.execute("drop owned by leaky_role; drop role leaky_role")


def test_session_reset_from_a_file_outside_a_transaction(runner: Runner, files: Files) -> None:
    runner.connection.execute("create role leaky_role")
    try:
        files.write(
            "app/001_a",
            "-- harness: transaction:false\nset search_path = pg_catalog; set session authorization leaky_role;"
            "select 1; create table public.who as select current_user::text as role, current_setting('search_path') p",
            "drop table who",
        )
        runner.connection.execute("grant create on schema public to leaky_role")
        runner.apply()
        # The rows of the ledger in between did not disturb what the file has set.
        assert runner.connection.execute("select role, p from who").fetchone() == ("leaky_role", "pg_catalog")
        assert runner.value("select current_user = session_user and session_user <> 'leaky_role'") is True
        assert runner.value("show search_path") == '"$user", public'
    finally:
        runner.connection.execute("drop owned by leaky_role; drop role leaky_role")


def test_the_role_a_connection_begins_with_stays(runner: Runner, files: Files, database: tuple[Server, str]) -> None:
    runner.connection.execute("create role first_role; create role leaky_role")
    try:
        runner.connection.execute(
            f"grant create on database {database[1]} to first_role;grant create on schema public to first_role".encode()
        )
        files.write("app/001_a", "set session authorization leaky_role; set role none")
        files.write("app/002_b", "create table b as select current_user::text as who")
        with database[0].connect(database[1], options="-c role=first_role") as connection:
            Runner(connection, files).apply()
        assert runner.value("select who from b") == "first_role"
        assert runner.value("select tableowner from pg_tables where schemaname = 'harness'") == "first_role"
    finally:
        runner.connection.execute("drop owned by first_role; drop role first_role; drop role leaky_role")


def test_a_file_and_its_row_are_one_transaction(runner: Runner, files: Files) -> None:
    files.write("app/001_a", "create table a ()")
    runner.apply()
    made = "(select xmin::text from pg_class where relname = 'a')"
    assert runner.value(f"select {made} = xmin::text from harness.migrations") is True


def test_timeouts_hold_for_every_file(runner: Runner, files: Files) -> None:
    files.settings = {"timeouts": Timeouts(lock=4000, statement=300)}
    files.write("app/001_a", "create table a as select current_setting('lock_timeout') as l; reset all")
    files.write("app/002_b", "create table b as select current_setting('lock_timeout') as l;")
    files.write("app/003_c", "select pg_sleep(3)")
    assert (
        refused(runner.apply, StatementError)
        == """\
schema/app/003_c.up.sql:1:1: canceling statement due to statement timeout (57014)
    1 | select pg_sleep(3)
      | ^
hint: raise statement under timeouts in project.yml if this may take longer"""
    )
    assert runner.value("select l from a") == runner.value("select l from b") == "4s"


def test_lock_timeout(runner: Runner, files: Files, database: tuple[Server, str]) -> None:
    files.settings = {"timeouts": Timeouts(lock=100)}
    files.write("app/001_a", "create table a ()")
    runner.apply()
    files.write("app/002_b", "alter table a add x int")
    with database[0].connect(database[1]) as other:
        other.autocommit = False
        other.execute("lock table a")
        assert refused(runner.apply, StatementError).startswith(
            "schema/app/002_b.up.sql:1:1: canceling statement due to lock timeout (55P03)\n"
        )
    assert runner.apply() == ["app/002_b"]


def test_an_ordinary_connection_is_refused(database: tuple[Server, str], files: Files) -> None:
    three(files)
    with database[0].connect(database[1]) as connection, pytest.raises(ValueError, match="autocommit"):
        connection.autocommit = False
        Runner(connection, files).apply()


def test_a_role_that_may_not_make_the_ledger(runner: Runner, files: Files, database: tuple[Server, str]) -> None:
    three(files)
    runner.connection.execute("create role poor_role login")
    try:
        with database[0].connect(database[1]) as connection:
            connection.execute("set session authorization poor_role")
            message = refused(Runner(connection, files).apply)
        assert message == (
            f"the ledger harness.migrations cannot be made: permission denied for database {database[1]}\n"
            f'hint: a superuser may give the right: grant create on database "{database[1]}" to "poor_role"'
        )
    finally:
        runner.connection.execute("drop role poor_role")


# Outside a transaction

HALF = """\
-- harness: transaction:false
create table a ();
create table b ();
select 1 / (select count(*) from gate);
create table c ();
"""


def half_applied(runner: Runner, files: Files) -> None:
    runner.connection.execute("create schema x; create table gate (x int)")
    files.write("app/001_a", HALF, "drop table a; drop table b; drop table c")
    assert refused(runner.apply, StatementError).startswith("schema/app/001_a.up.sql:4:1: division by zero (22012)\n")
    assert runner.tables() == ["a", "b", "gate"]
    assert runner.status() == {"app/001_a": "half applied (2 of 4 statements done)"}


STUCK = (
    "schema/app/001_a.up.sql: half applied (2 of 4 statements done); statement 3 may have run too\n"
    "hint: harness apply --rerun app/001 runs it again from its first statement; "
    "after finishing it by hand: harness apply --mark-applied app/001"
)


def test_half_applied_stays_so(runner: Runner, files: Files) -> None:
    half_applied(runner, files)
    assert refused(runner.apply) == STUCK
    assert refused(runner.rollback) == f"{STUCK}; then it can be taken back"
    assert runner.tables() == ["a", "b", "gate"]


def test_half_applied_and_run_again(runner: Runner, files: Files) -> None:
    half_applied(runner, files)
    files.write("app/002_more", "create table d ()", "drop table d")
    runner.connection.execute("insert into gate values (1); drop table a; drop table b")
    assert runner.apply(rerun="app/001") == ["app/001_a", "app/002_more"]
    assert set(runner.status().values()) == {"applied"}
    assert refused(runner.apply, rerun="app/001") == (
        "app/001_a is not half applied: it is applied\nhint: see where all stand: harness status"
    )


def test_half_applied_and_finished_by_hand(runner: Runner, files: Files) -> None:
    half_applied(runner, files)
    runner.connection.execute("create table c ()")
    assert runner.apply(mark_applied="app/001", dry_run=True) == ["app/001_a"]
    assert refused(runner.apply) == STUCK
    assert runner.apply(mark_applied="app/001") == ["app/001_a"]
    assert runner.status() == {"app/001_a": "applied"}
    assert runner.rollback() == ["app/001_a"]


def test_half_rolled_back(runner: Runner, files: Files) -> None:
    down = "-- harness: transaction:false\ndrop table if exists a;\nselect 1 / (select count(*) from gate)"
    files.write("app/001_a", "create table a (); create table if not exists gate ()", down)
    runner.apply()
    refused(runner.rollback, StatementError)
    assert runner.status() == {"app/001_a": "half rolled back (1 of 2 statements done)"}
    stuck = (
        "schema/app/001_a.up.sql: half rolled back (1 of 2 statements done); statement 2 may have run too\n"
        "hint: harness rollback --rerun app/001 runs it again from its first statement; "
        "after finishing it by hand: harness rollback --mark-rolled-back app/001"
    )
    assert refused(runner.apply) == stuck
    assert refused(runner.rollback) == stuck
    refused(runner.rollback, StatementError, rerun="app/001")
    assert runner.rollback(mark_rolled_back="app/001") == ["app/001_a"]
    assert runner.status() == {"app/001_a": "pending"}


def test_mark_applied_takes_them_in_order(runner: Runner, files: Files) -> None:
    three(files)
    look = "\nhint: see where all stand: harness status"
    assert refused(runner.apply, mark_applied="app/002") == (
        "app/002_b cannot be marked as applied: app/001_a comes first" + look
    )
    assert runner.apply(mark_applied="app/001") == ["app/001_a"]
    assert refused(runner.apply, mark_applied="app/001") == (
        "app/001_a cannot be marked as applied: it is applied" + look
    )
    assert runner.tables() == []
    assert runner.apply() == ["app/002_b", "more/001_c"]
