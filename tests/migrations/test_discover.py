"""What the files alone show to be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import ProjectError
from harness.project import migrations

from .conftest import Files


def refused(files: Files) -> str:
    with pytest.raises(ProjectError) as caught:
        files.discover()
    return str(caught.value)


def test_pairs_in_the_order_of_their_numbers(files: Files) -> None:
    files.write("app/002_b", "-- harness: transaction:false\nselect 2")
    files.write("app/001_a", "select 1")
    files.put("app/README.md", "")
    files.put("app/.hidden", "")
    found = files.discover()
    assert [(each.id, each.version, each.transactional) for each in found] == [
        ("app/001_a", 1, True),
        ("app/002_b", 2, False),
    ]
    assert found[0].up == files.root / "schema/app/001_a.up.sql"
    assert found[0].down == files.root / "schema/app/001_a.down.sql"


def test_no_directory_no_migrations(files: Files) -> None:
    assert files.discover() == ()


def test_the_hash_knows_no_line_ends_and_no_byte_order_mark(files: Files) -> None:
    files.write("app/001_a", "select\n1;\n")
    before = files.discover()[0].hash
    files.put("app/001_a.up.sql", b"\xef\xbb\xbfselect\r\n1;\r\n")
    assert files.discover()[0].hash == before
    files.put("app/001_a.up.sql", "select\n2;\n")
    assert files.discover()[0].hash != before


@pytest.mark.parametrize("name", ["1_a.up.sql", "001_a.sql", "001-a.up.sql", "001_a.up.SQL", "001_.up.sql", "x/y.sql"])
def test_a_name_that_does_not_fit(files: Files, name: str) -> None:
    files.put(f"app/{name}", "select 1")
    assert refused(files) == (
        f"schema/app/{name.split('/')[0]}: not the name of a migration; expected NNN_name.up.sql or NNN_name.down.sql\n"
        "hint: rename it, for example 001_tables.up.sql, or move it out of this directory"
    )


def test_a_number_taken_twice(files: Files) -> None:
    files.write("app/001_a", "select 1")
    files.write("app/001_b", "select 1")
    assert refused(files) == (
        "schema/app/001_b.up.sql: number 001 is taken by schema/app/001_a.up.sql\n"
        "hint: give the one that is not applied anywhere yet the next free number"
    )


@pytest.mark.parametrize(("number", "missing"), [("003", "002 is missing"), ("005", "002 to 004 is missing")])
def test_a_gap(files: Files, number: str, missing: str) -> None:
    files.write("app/001_a", "select 1")
    files.write(f"app/{number}_b", "select 1")
    assert refused(files) == (
        f"schema/app/{number}_b.up.sql: a gap before number {number}: {missing}\n"
        "hint: bring the missing file back, or rename this one to 002_…"
    )


def test_numbers_begin_with_one(files: Files) -> None:
    files.write("app/000_a", "select 1")
    assert refused(files).startswith("schema/app/000_a.up.sql: numbers begin with 001\n")


@pytest.mark.parametrize(
    ("here", "other", "why"), [("up", "down", "nothing could undo it"), ("down", "up", "it has nothing to undo")]
)
def test_half_a_pair(files: Files, here: str, other: str, why: str) -> None:
    files.put(f"app/001_a.{here}.sql", "select 1")
    assert refused(files) == (
        f"schema/app/001_a.{here}.sql: 001_a.{other}.sql is missing: {why}\nhint: write schema/app/001_a.{other}.sql"
    )


@pytest.mark.parametrize("direction", ["up", "down"])
def test_not_utf8(files: Files, direction: str) -> None:
    files.write("app/001_a", "select 1")
    files.put(f"app/001_a.{direction}.sql", "select 1;\n-- für".encode("latin-1"))
    assert refused(files) == (
        f"schema/app/001_a.{direction}.sql:2:5: not UTF-8: byte 0xfc\nhint: save the file as UTF-8"
    )


def test_a_nul_character(files: Files) -> None:
    files.write("app/001_a", "select 1;\nselect\0 2")
    assert refused(files) == (
        "schema/app/001_a.up.sql:2:7: a NUL character, which PostgreSQL cannot read\nhint: save the file as UTF-8"
    )


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize(
    ("text", "message"),
    [("", "the file is empty"), (" \n", "the file is empty"), ("-- x\n", "the file has comments but no statement")],
)
def test_nothing_in_it(files: Files, direction: str, text: str, message: str) -> None:
    files.write("app/001_a", "select 1")
    files.put(f"app/001_a.{direction}.sql", text)
    said = (
        f"schema/app/001_a.{direction}.sql: {message}\n"
        "hint: write its statements; one that does nothing on purpose says: select;"
    )
    if direction == "up":
        assert refused(files) == said
        return
    (migration,) = files.discover()  # who has just written the up file may go on with it
    assert migration.lacks_down and not migration.draft
    with pytest.raises(ProjectError) as caught:
        migrations.refuse_draft(files.root, migration)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("header", "transactional"),
    [
        ("", True),
        ("-- harness: transaction:false\n", False),
        ("/* about */\n\n-- about\n  --harness:transaction: false\n-- more\n", False),
        ("-- harness: transaction:true\n", True),
        ("-- migrate:up transaction:false\n", False),
        ("-- migrate:up\n", True),
        ("select '\n-- harness: transaction:false\n';", True),
    ],
)
def test_the_header(files: Files, header: str, transactional: bool) -> None:
    files.write("app/001_a", header + "select 1")
    assert files.discover()[0].transactional is transactional


def test_an_unknown_directive(files: Files) -> None:
    files.write("app/001_a", "-- about\n-- harness: transactions:false\nselect 1")
    assert (
        refused(files)
        == """\
schema/app/001_a.up.sql:2:1: unknown directive 'transactions:false'; did you mean 'transaction:false'?
    2 | -- harness: transactions:false
      | ^
hint: known: -- harness: transaction:false"""
    )


def test_a_directive_too_late(files: Files) -> None:
    files.write("app/001_a", "select 1;\n-- harness: transaction:false\nselect 2")
    assert (
        refused(files)
        == """\
schema/app/001_a.up.sql:2:1: this header line stands behind the first statement, where it has no effect
    2 | -- harness: transaction:false
      | ^
hint: move it to the top of the file"""
    )


def test_new_writes_the_next_pair(files: Files) -> None:
    directory = files.root / "schema/app"
    first = migrations.new(directory, "Add status")
    assert [path.name for path in first] == ["001_add_status.up.sql", "001_add_status.down.sql"]
    second = migrations.new(directory, "more")
    assert [path.name for path in second] == ["002_more.up.sql", "002_more.down.sql"]
    assert "-- add status: what this migration does, and why." in first[0].read_text()
    assert "001_add_status.up.sql" in first[1].read_text()
    assert [each.draft for each in files.discover()] == [True, True]
    second[0].write_text("select 1;")
    assert refused(files).startswith("schema/app/001_add_status.up.sql: the file has comments but no statement\n")
    first[0].write_text("select 1;")
    assert [(each.draft, each.lacks_down) for each in files.discover()] == [(False, True)] * 2


@pytest.mark.parametrize("name", ["", "../evil", "a.b"])
def test_new_refuses_what_cannot_be_a_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProjectError) as caught:
        migrations.new(tmp_path, name)
    assert str(caught.value) == (
        f"{name!r} cannot name a migration\nhint: use letters, digits and underscores: add_status"
    )
