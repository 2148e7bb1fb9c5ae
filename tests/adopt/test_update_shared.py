"""Shared checks in a file that is brought up to date: they stay, and what they say is not added a second time."""

from __future__ import annotations

from pathlib import Path

from harness.adopt.edit import Editor
from harness.adopt.record import AdoptedTable
from harness.adopt.update import CheckFileUpdate
from harness.catalog import Table, TableRule
from harness.declarations import read_text
from harness.describe.description import TableDescription
from harness.describe.yaml import YamlValue
from harness.kinds import KINDS
from harness.project import shared, yaml_reader
from harness.project.model import TableName

SHARED = shared.read(yaml_reader.compose("keyed: {parameters: [k], checks: [{unique: $k}]}", Path("project.yml"))[0])
FILE = """\
table: t.a
columns:
  id: {type: integer}
checks:
  - use: keyed      # as everywhere
    with: {k: id}
"""
TABLE = Table(TableName("t", "a"), "r", "owner", None, False, False)
KEY = TableRule("constraint", "a_id_key")
Rules = dict[TableRule, dict[str, YamlValue]]


def update(before: Rules | None, now: Rules) -> tuple[str, CheckFileUpdate]:
    """The file once the schema's checks have become others; None if the file was written by hand."""

    def sheet(checks: Rules) -> TableDescription:
        found = TableDescription(TableName("t", "a"), None, {"id": {"type": "integer"}})
        found.checks.extend(checks.items())
        return found

    checks = list(read_text(FILE, Path("checks/t/a.yml"), "t", KINDS, SHARED))
    was = None if before is None else AdoptedTable.of(sheet(before))
    run = CheckFileUpdate(Editor(FILE), TABLE, sheet(now), was, checks)
    return run.run(), run


def test_what_they_say_is_not_added() -> None:
    key: Rules = {KEY: {"unique": "id"}}
    for before in (None, {}, key):
        text, run = update(before, key)
        assert (text, run.done, run.left) == (FILE, [], [])


def test_others_are_added_and_they_stay() -> None:
    text, run = update(None, {KEY: {"unique": "id"}, TableRule("constraint", "f"): {"foreign_key": "id"}})
    assert text.startswith(FILE)
    assert text.removeprefix(FILE) == "  - foreign_key: id\n"
    assert run.left == []


def test_what_changed_is_for_people_to_decide() -> None:
    text, run = update({KEY: {"unique": "id"}}, {})
    assert (text, run.done) == (FILE, [])
    assert run.left == [f"{KEY} is gone; the file says it by shared checks of project.yml"]
