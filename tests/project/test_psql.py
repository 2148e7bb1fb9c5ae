"""SQL files as psql reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import MigrationError
from harness.project.psql import PsqlFiles
from harness.project.sqlfile import statements


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def read(root: Path, name: str, **variables: str) -> list[tuple[str, int, int, str]]:
    """File, line, column and text of each statement."""
    source = PsqlFiles(root, variables)
    return [
        (str(part.path), each.line, each.column, " ".join(each.text.split()))
        for part in source.parts(root / name, source.text(root / name))
        for each in statements(part.path, part.text)
    ]


def refusal(root: Path, name: str) -> str:
    with pytest.raises(MigrationError) as caught:
        read(root, name)
    return str(caught.value)


def test_what_concerns_the_terminal_is_left_out(tmp_path: Path) -> None:
    lines = [
        "restrict abc",
        "set ON_ERROR_STOP on",
        "pset pager off",
        "timing on",
        "encoding UTF8",
        "echo it's",
        "c db",
        "x",
    ]
    write(
        tmp_path, {"a.sql": "".join(f"\\{line}\n" for line in lines) + "  select 1;\n\\unrestrict abc\nselect '\\q';"}
    )
    assert read(tmp_path, "a.sql") == [("a.sql", 9, 3, "select 1"), ("a.sql", 11, 1, "select '\\q'")]


def test_q_ends_a_file_and_not_the_one_that_includes_it(tmp_path: Path) -> None:
    write(tmp_path, {"a.sql": "\\ir b.sql\nselect 2;\n\\q\nno SQL", "b.sql": "select 1;\n\\q\nno SQL"})
    assert read(tmp_path, "a.sql") == [("b.sql", 1, 1, "select 1"), ("a.sql", 2, 1, "select 2")]


def test_includes_keep_order_and_places(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "db/all.sql": "select 1;\n\\ir sub/b.sql\n\\i db/c.sql\nselect 4;\n",
            "db/sub/b.sql": "\nselect 2;",
            "db/c.sql": "\n\n  select 3;",
        },
    )
    assert read(tmp_path, "db/all.sql") == [
        ("db/all.sql", 1, 1, "select 1"),
        ("db/sub/b.sql", 2, 1, "select 2"),
        ("db/c.sql", 3, 3, "select 3"),
        ("db/all.sql", 4, 1, "select 4"),
    ]


def test_variables(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"a.sql": "\\set who 'O''Hara'\nselect :'who', :\"who\", :n::int, a[1:2], ':n', $$:n$$;\n\\unset n\nselect 2;"},
    )
    assert read(tmp_path, "a.sql", n="41") == [
        ("a.sql", 2, 1, "select 'O''Hara', \"O'Hara\", 41::int, a[1:2], ':n', $$:n$$"),
        ("a.sql", 4, 1, "select 2"),
    ]


def test_copy_data_may_hold_anything(tmp_path: Path) -> None:
    write(tmp_path, {"a.sql": "copy t from stdin;\n\\N\t:n\n\\i nothing\n\\.\n\\echo x\nselect 1;\n"})
    source = PsqlFiles(tmp_path, {"n": "1"})
    (part,) = source.parts(tmp_path / "a.sql", source.text(tmp_path / "a.sql"))
    copy, select = statements(part.path, part.text)
    assert (copy.copy_data, copy.copy_line) == ("\\N\t:n\n\\i nothing\n", 2)
    assert (select.line, select.text) == (6, "select 1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "select 1;\nselect 2 \\gexec\n",
            "a.sql:2:10: \\gexec is a command of psql; only SQL can be sent to the server\n"
            "    2 | select 2 \\gexec\n      |          ^\n"
            "hint: take the line out, write what it does as SQL, or let psql build a database and adopt that one",
        ),
        (
            "\\copy t from stdin\n",
            "a.sql:1:1: \\copy is a command of psql; only SQL can be sent to the server\n"
            "    1 | \\copy t from stdin\n      | ^\n"
            "hint: write COPY … FROM stdin, with the data on the lines below it",
        ),
        (
            "\\ir b.sql\n",
            "a.sql:1:1: the file b.sql is not there\n    1 | \\ir b.sql\n      | ^\nhint: looked beside a.sql",
        ),
        (
            "\\i no/such/file.sql\n",
            "a.sql:1:1: the file no/such/file.sql is not there\n    1 | \\i no/such/file.sql\n      | ^\n"
            "hint: looked beside a.sql and in every directory above it",
        ),
        ("\\ir a.sql\n", "a.sql:1:1: \\ir includes a file that is being read\n    1 | \\ir a.sql\n      | ^"),
        (
            "select\n\\ir c.sql\n1;",
            "a.sql:2:1: \\ir stands in the middle of a statement\n    2 | \\ir c.sql\n      | ^",
        ),
        ("\\i\n", "a.sql:1:1: \\i names no file, or more than one\n    1 | \\i\n      | ^"),
    ],
)
def test_what_cannot_be_obeyed(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, {"a.sql": text, "c.sql": ""})
    assert refusal(tmp_path, "a.sql") == message
