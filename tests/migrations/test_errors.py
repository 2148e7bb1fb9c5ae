"""What PostgreSQL says about a statement, at its place in the file."""

from __future__ import annotations

import pytest

from harness.errors import HarnessError, StatementError, TargetError

from .conftest import Files, Runner


def refused(runner: Runner, files: Files, text: str, error: type[HarnessError] = StatementError) -> str:
    files.write("app/001_x", text)
    with pytest.raises(error) as caught:
        runner.apply()
    assert type(caught.value) is error
    return str(caught.value)


def test_the_position_within_the_statement(runner: Runner, files: Files) -> None:
    text = "-- für später\nselect 'äöü';\ncreate table t (\n    id integer,\n    check (foo > 1)\n);\n"
    assert (
        refused(runner, files, text)
        == """\
schema/app/001_x.up.sql:5:12: column "foo" does not exist (42703)
    5 |     check (foo > 1)
      |            ^"""
    )


def test_the_hint_of_postgresql(runner: Runner, files: Files) -> None:
    assert (
        refused(runner, files, "create table t (name text);\nselect ü, nam from (select 1 as ü) x, t;")
        == """\
schema/app/001_x.up.sql:2:11: column "nam" does not exist (42703)
    2 | select ü, nam from (select 1 as ü) x, t;
      |           ^
hint: Perhaps you meant to reference the column "t.name"."""
    )


def test_the_detail(runner: Runner, files: Files) -> None:
    assert (
        refused(runner, files, "create table t (a int unique);\n insert into t values (1), (1)")
        == """\
schema/app/001_x.up.sql:2:2: duplicate key value violates unique constraint "t_a_key" (23505)
    2 |  insert into t values (1), (1)
      |  ^
DETAIL: Key (a)=(1) already exists."""
    )


def test_an_error_within_a_function(runner: Runner, files: Files) -> None:
    text = "select 1;\ndo $$ begin\n  perform nowhere from pg_class;\nend $$"
    assert (
        refused(runner, files, text)
        == """\
schema/app/001_x.up.sql:2:1: column "nowhere" does not exist (42703)
    2 | do $$ begin
      | ^
QUERY: SELECT nowhere from pg_class
CONTEXT: PL/pgSQL function inline_code_block line 2 at PERFORM"""
    )


def test_a_syntax_error_within_a_body(runner: Runner, files: Files) -> None:
    text = "select 1;\ncreate function f() returns int language plpgsql as $$\nbegin\n  retrn 1;\nend $$"
    assert (
        refused(runner, files, text)
        == """\
schema/app/001_x.up.sql:4:3: syntax error at or near "retrn" (42601)
    4 |   retrn 1;
      |   ^"""
    )


def test_a_deferred_constraint_is_the_files(runner: Runner, files: Files) -> None:
    text = "create table t (a int unique deferrable initially deferred); insert into t values (1), (1)"
    assert (
        refused(runner, files, text)
        == """\
schema/app/001_x.up.sql: duplicate key value violates unique constraint "t_a_key" (23505)
DETAIL: Key (a)=(1) already exists."""
    )
    assert runner.status() == {"app/001_x": "pending"}


def test_what_cannot_run_in_a_transaction_names_the_header(runner: Runner, files: Files) -> None:
    text = "create table t (a int);\ncreate index concurrently i on t (a)"
    assert (
        refused(runner, files, text)
        == """\
schema/app/001_x.up.sql:2:1: CREATE INDEX CONCURRENTLY cannot run inside a transaction block (25001)
    2 | create index concurrently i on t (a)
      | ^
hint: -- harness: transaction:false as the first line of the file runs it outside a transaction"""
    )


def test_a_bad_row_of_copy_data(runner: Runner, files: Files) -> None:
    text = "create table t (a int, b text);\n\ncopy t (a, b) from stdin;\n1\tx\nzwei\ty\n\\.\n"
    assert (
        refused(runner, files, text)
        == """\
schema/app/001_x.up.sql:5: invalid input syntax for type integer: "zwei" (22P02)
    5 | zwei\ty
CONTEXT: COPY t, line 2, column a: "zwei\""""
    )


def test_percent_signs_are_no_placeholders(runner: Runner, files: Files) -> None:
    files.write("app/001_x", "create table t as select '%s %(x)s' as a, 7 % 4 as b")
    runner.apply()
    assert runner.connection.execute("select * from t").fetchone() == ("%s %(x)s", 3)


@pytest.mark.parametrize("header", ["", "-- harness: transaction:false\n"])
def test_the_server_goes_away(runner: Runner, files: Files, header: str) -> None:
    text = header + "select pg_terminate_backend(pg_backend_pid())"
    assert refused(runner, files, text, TargetError) == (
        "schema/app/001_x.up.sql: the connection to the server was lost in the middle of this file\n"
        "hint: see what is applied: harness status"
    )


def test_statements_that_follow_a_comment_without_an_end_and_one_that_fails_by_its_rows(
    runner: Runner, files: Files
) -> None:
    table = "create table t (a int check (a > 0)) -- für alle\n;\n\n"
    text = f"{table}insert into t values (1);\ninsert into t values (0);\nselect 1"
    assert (
        refused(runner, files, text)
        == """\
schema/app/001_x.up.sql:5:1: new row for relation "t" violates check constraint "t_a_check" (23514)
    5 | insert into t values (0);
      | ^
DETAIL: Failing row contains (0)."""
    )


def test_a_setting_for_strings_counts_from_the_next_statement_on(runner: Runner, files: Files) -> None:
    files.write("app/001_x", "set standard_conforming_strings = off;\ncreate table t as select 'a\\\\b' as word;")
    runner.apply()
    assert runner.connection.execute("select word from t").fetchone() == ("a\\b",)


@pytest.mark.parametrize("written", ["'hunter2'", "E'hunter2'", "$$hunter2$$", "'hun''ter2' valid until 'x'"])
def test_no_password_is_shown(runner: Runner, files: Files, written: str) -> None:
    """Neither of the statement that is refused nor of one that a block sends."""
    statement = f"alter role nobody_of_that_name password {written}"
    shown = refused(runner, files, f"{statement};") + refused(runner, files, f"do $_$ begin {statement}; end $_$;")
    assert "password '*" in shown or "password E'*" in shown or "password *" in shown
    assert "hunter2" not in shown and "ter2" not in shown
    assert "      | ^" in shown
