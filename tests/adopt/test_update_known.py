"""Rules that no check can state, in a file that is brought up to date: they come and go, what people wrote stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.adopt.edit import Editor
from harness.adopt.record import AdoptedTable
from harness.adopt.update import CheckFileUpdate
from harness.catalog import Table
from harness.declarations import DeclaredCheck, read_text
from harness.describe.description import TableDescription
from harness.kinds import KINDS
from harness.project.model import TableName

COLUMNS = "columns:\n  id: {type: integer}\n"
PLAIN = f"table: t.a\n{COLUMNS}"
TWO = f"table: t.a\nknown:\n  moved: what becomes of insert\n  stays: what becomes of delete\n{COLUMNS}"
TABLE = Table(TableName("t", "a"), "r", "owner", None, False, False)
STAYS = {"stays": "what becomes of delete"}
MOVED = {"moved": "what becomes of insert"}


def checks(text: str) -> list[DeclaredCheck]:
    return list(read_text(text, Path("checks/t/a.yml"), "t", KINDS))


def update(
    file: str, before: dict[str, str] | None, now: dict[str, str], elsewhere: str = ""
) -> tuple[str, CheckFileUpdate]:
    """The file once the schema has other rules; None if the file was written by hand."""

    def sheet(known: dict[str, str]) -> TableDescription:
        return TableDescription(TableName("t", "a"), None, {"id": {"type": "integer"}}, known=known)

    was = None if before is None else AdoptedTable.of(sheet(before))
    run = CheckFileUpdate(Editor(file), TABLE, sheet(now), was, checks(file), checks(elsewhere) if elsewhere else ())
    text = run.run()
    assert checks(text), "it can be read"
    return text, run


@pytest.mark.parametrize("before", [None, {}])
def test_new_ones_are_added(before: dict[str, str] | None) -> None:
    text, run = update(PLAIN, before, STAYS)
    assert text == PLAIN + "known: {stays: what becomes of delete}\n"
    assert (run.done, run.left) == (["known: stays is what becomes of delete"], [])


def test_new_ones_stand_beside_others() -> None:
    one = PLAIN.replace("columns", "known: {moved: what becomes of insert}\ncolumns", 1)
    text, run = update(one, MOVED, MOVED | STAYS)
    assert text == one.replace("insert}", "insert, stays: what becomes of delete}")
    assert (run.done, run.left) == (["known: stays is what becomes of delete"], [])


def test_those_that_are_gone_are_removed() -> None:
    text, run = update(TWO, MOVED | STAYS, STAYS)
    assert text == TWO.replace("  moved: what becomes of insert\n", "")
    assert (run.done, run.left) == (["known: moved removed"], [])


@pytest.mark.parametrize("file", [TWO, f"{PLAIN}known: {{moved: what becomes of insert}}\n"])
def test_the_key_goes_with_the_last_one(file: str) -> None:
    text, run = update(file, MOVED | STAYS, {})
    assert text == PLAIN
    assert (run.done[0], run.left) == ("known: moved removed", [])


def test_what_somebody_wrote_stays() -> None:
    ours = TWO.replace("what becomes of delete", "orders are never deleted")
    assert update(ours, MOVED | STAYS, MOVED | STAYS)[0] == ours
    text, run = update(ours, MOVED | STAYS, MOVED)
    assert (text, run.done) == (ours, [])
    assert run.left == ["known: stays is nothing in the schema now, and orders are never deleted in the file"]
    text, run = update(ours, MOVED, MOVED | STAYS)
    assert (text, run.done, run.left) == (ours, [], [])


SAID = """\
table: t.a
checks:
  - trigger: stays
    on: delete
    timing: before
    function: t.f
"""


@pytest.mark.parametrize("elsewhere", ["table: t.a\nknown: {stays: ours}\n", SAID])
@pytest.mark.parametrize("before", [None, {}])
def test_what_is_said_elsewhere_is_not_added(elsewhere: str, before: dict[str, str] | None) -> None:
    text, run = update(PLAIN, before, STAYS, elsewhere)
    assert (text, run.done, run.left) == (PLAIN, [], [])
