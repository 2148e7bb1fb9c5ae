"""Splitting a file: what the parser sees, and what a person reads when it cannot be split."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError, MigrationError, StatementError
from harness.project.sqlfile import migration_statements
from harness.project.sqltext import excerpt, next_word, position

PATH = Path("schema/app/001_x.up.sql")

STATEMENTS = (
    "select 1",
    "select 'ä; ö', '€''', E'\\';', \"ü;\"  from   t",
    "select $$ ; $x$ ; $$, $x$ $$ ; $x$, '🐘'",
    "create function ü() returns void language sql as $f$ select ';' /* $$ */ $f$",
    "create function f() returns int language sql begin atomic select 1; select 2; end",
    "select 1 /* ; /* ; ü */ ; */ + -- ; '\n 2",
    "create rule r as on insert to t do also (insert into a values (1); insert into b values (2))",
)
BETWEEN = (" ", "\n", "\t", "-- ü ; '\n", "/* /* ; ' */ $$ é */", ";", "\n\n", "🐘".join(("--", "\n")))


def refused(text: str, error: type[HarnessError] = MigrationError) -> str:
    with pytest.raises(error) as caught:
        migration_statements(PATH, text)
    assert type(caught.value) is error
    return str(caught.value)


@given(st.lists(st.tuples(st.sampled_from(STATEMENTS), st.lists(st.sampled_from(BETWEEN), max_size=4).map("".join))))
def test_statements_are_found_where_they_stand(parts: list[tuple[str, str]]) -> None:
    text = "".join(f"{between}{statement};" for statement, between in parts)
    found = migration_statements(PATH, text)
    assert [each.text for each in found] == [statement for statement, _ in parts]
    end = 0
    for each in found:
        assert text[each.offset : each.offset + len(each.text)] == each.text
        assert (each.line, each.column) == position(text, each.offset)
        assert text.split("\n")[each.line - 1][each.column - 1 :].startswith(each.text.split("\n")[0])
        # Between two statements there is nothing but white space, comments and semicolons.
        assert next_word(text[end : each.offset].replace(";", " "), 0) >= len(text[end : each.offset].rstrip("; \n\t"))
        end = each.offset + len(each.text)


def test_what_lies_between_statements_is_not_lost() -> None:
    found = migration_statements(PATH, "/* head */ select 1 ;; -- tail\n select 2 -- no semicolon\n")
    assert [(each.text, each.line, each.column) for each in found] == [
        ("select 1", 1, 12),
        ("select 2 -- no semicolon", 2, 2),
    ]


def test_a_syntax_error_has_line_and_caret() -> None:
    assert (
        refused("select 'ü';\ncreate table t (\n\ta integer,\n\tü  integr ,,\n);\n", StatementError)
        == """\
schema/app/001_x.up.sql:4:13: syntax error at or near "," (42601)
    4 | \tü  integr ,,
      | \t           ^"""
    )


def test_an_unfinished_statement_points_at_the_end() -> None:
    assert (
        refused("create table t (a int", StatementError)
        == """\
schema/app/001_x.up.sql:1:22: syntax error at end of input (42601)
    1 | create table t (a int
      |                      ^"""
    )


@pytest.mark.parametrize("command", ["BEGIN", "commit", "rollback", "savepoint s", "start transaction", "end"])
def test_transaction_commands_are_refused(command: str) -> None:
    assert (
        refused(f"select 1;\n  {command};\n")
        == f"""\
schema/app/001_x.up.sql:2:3: {command.split()[0].upper()}: it would commit half a migration without its ledger row
    2 |   {command};
      |   ^
hint: take it out: a migration and its ledger row are one transaction already"""
    )


def test_begin_within_a_body_is_no_transaction_command() -> None:
    text = "do $$ begin perform 1; end $$;"
    assert [each.text for each in migration_statements(PATH, text)] == [text[:-1]]


def test_discard_all_is_refused() -> None:
    assert (
        refused("discard all")
        == """\
schema/app/001_x.up.sql:1:1: DISCARD ALL: it would give up the lock that keeps other runs out
    1 | discard all
      | ^
hint: take it out: what a file sets does not reach the next one"""
    )


@pytest.mark.parametrize("command", ["\\connect other", "\\i file.sql", "\\set x 1"])
def test_commands_of_psql_are_refused(command: str) -> None:
    assert (
        refused(f"select 1;\n{command}\nselect 2;")
        == f"""\
schema/app/001_x.up.sql:2:1: {command.split()[0]} is a command of psql; only SQL can be sent to the server
    2 | {command}
      | ^
hint: take the line out, or write what it does as SQL"""
    )


def test_the_frame_of_pg_dump_is_taken_out() -> None:
    found = migration_statements(PATH, "\\restrict k3y\n\nselect 1;\n\\unrestrict k3y\n")
    assert [(each.text, each.line) for each in found] == [("select 1", 3)]


def test_copy_data_goes_with_its_statement() -> None:
    text = "copy t (a, b) from stdin;\n1\t'it''s; $$\n2\t\\N\n\\.\n\nselect 'ü';\nCOPY u FROM stdin;\n\\.\n"
    found = migration_statements(PATH, text)
    assert [(each.text, each.line, each.copy_data, each.copy_line) for each in found] == [
        ("copy t (a, b) from stdin", 1, "1\t'it''s; $$\n2\t\\N\n", 2),
        ("select 'ü'", 6, None, None),
        ("COPY u FROM stdin", 7, "", 8),
    ]


def test_a_backslash_in_quotes_is_no_command() -> None:
    text = "select '\n\\connect x\n', $$\n\\i y\n$$, E'\\'\n\\i z' -- \\i\n/*\n\\i */"
    assert len(migration_statements(PATH, text)) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("copy t from stdin;\n1\n", "COPY FROM STDIN: its data must begin on the next line and end with a line \\."),
        ("copy t from stdin", "COPY FROM STDIN: its data must begin on the next line and end with a line \\."),
        ("copy t to stdout;", "COPY TO STDOUT: there is nobody to read it"),
    ],
)
def test_copy_without_the_other_side(text: str, message: str) -> None:
    if text.count("\n") > 1:
        text = text.replace("1", "select")
    assert refused(text).startswith(f"schema/app/001_x.up.sql:1:1: {message}\n")


def test_copy_data_without_its_end() -> None:
    assert refused("copy t from stdin;\n\\N\n").startswith(
        "schema/app/001_x.up.sql:1:18: the data of this COPY must begin on the next line and end with a line \\."
    )


def test_the_caret_minds_wide_characters_and_long_lines() -> None:
    assert excerpt("日本 x", 1, 4) == "    1 | 日本 x\n      |      ^"
    long = excerpt("a" * 500 + "!" + "b" * 500, 1, 501).split("\n")
    assert long[0][long[1].index("^")] == "!"
    assert len(long[0]) < 140
