"""The privileges that statements need."""

from __future__ import annotations

import pytest

from harness.project.model import TableName
from harness.project.privileges import RequiredPrivilege, required_privileges

TABLE = TableName("app", "notes")


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("insert into app.notes (id, body) values (1, 'x')", [("insert", "id"), ("insert", "body")]),
        ("insert into app.notes default values", [("insert", None)]),
        (
            "insert into app.notes (id) values (1) on conflict (id) do update set body = 'x'",
            [("insert", "id"), ("update", "body")],
        ),
        ("insert into app.notes (id) values (1) on conflict do nothing", [("insert", "id")]),
        ("update app.notes set body = 'x', seen = true where id = 1", [("update", "body"), ("update", "seen")]),
        ("delete from app.notes where id = 1", [("delete", None)]),
        ("truncate app.notes cascade", [("truncate", None)]),
        (
            "merge into app.notes using (select 1) as s (n) on (id = n) when matched then update set body = 'x'"
            " when not matched then insert (id) values (n)",
            [("update", "body"), ("insert", "id")],
        ),
        ("select from app.notes", []),
    ],
)
def test_what_a_statement_needs(statement: str, expected: list[tuple[str, str | None]]) -> None:
    assert required_privileges(statement) == tuple(
        RequiredPrivilege(TABLE, command, column) for command, column in expected
    )
