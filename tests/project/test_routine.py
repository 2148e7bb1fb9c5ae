"""What the file of a routine alone shows to be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.declarations import read
from harness.errors import ProjectError
from harness.kinds import KINDS
from harness.kinds.routine import RoutineKind
from harness.kinds.routine_parts.given import GivenRow, Variable
from harness.project.load import load
from harness.project.model import TableName


def routine(root: Path, keys: str) -> RoutineKind:
    """The rule of a file that declares a routine with these keys."""
    (root / "project.yml").write_text("name: x\nmodules: {shop: {}}\ntarget: embedded\n")
    path = root / "checks" / "shop" / "_module.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "module: shop\nchecks:\n  - routine: it works\n" + "".join(f"    {line}\n" for line in keys.split("\n"))
    )
    (check,) = read(load(root), KINDS)
    rule: RoutineKind = check.rule
    return rule


def test_rows_are_texts_variables_and_nulls(tmp_path: Path) -> None:
    found = routine(
        tmp_path,
        "given:\n  shop.orders:\n"
        '    - {id: $order, at: 12:30, "no": on, gone: null, note: "null", sign: "$x", where: at > id}\n'
        "    - {}\n"
        "call: select $order",
    )
    orders = TableName("shop", "orders")
    first, second = found.given
    assert second == GivenRow(orders, second.cells) and not second.cells
    assert dict(first.cells) == {
        "id": Variable("order"),
        "at": "12:30",
        "no": "on",
        "gone": None,
        "note": "null",
        "sign": "$x",
    }
    assert first.where == "at > id"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("call: select $order", "$order in 'call' stands for nothing; variables: none"),
        ("call: select 1\nthen: select $n > 1", "$n in 'then' stands for nothing; variables: none"),
        (
            "given: {shop.orders: {id: $order}}\nbefore: {a: $b, b: $order}\ncall: select 1",
            "$b in 'before' stands for nothing; variables: order",
        ),
        (
            "given: {shop.orders: {id: $order}}\nbefore: {day: 1}\nclaims: {app.day: $day}\ncall: select 1",
            "$day in 'claims' stands for nothing; variables: order",
        ),
        (
            "given: {shop.orders: {id: $order}}\nbefore: {order: 1}\ncall: select 1",
            "$order stands in 'given' and in 'before'",
        ),
        (
            "call: select 1\nthen: select true\nrefused_by: {sqlstate: AB001}",
            "'then' is what holds after a call that is accepted, beside 'refused_by' there is none",
        ),
        (
            "call: select 1\nconcurrently: true",
            "'concurrently' takes two calls: the last is made in another session",
        ),
        (
            "before: {day: 1}\ncall: [select 1, select 2]\nconcurrently: true",
            "'before' has no place beside 'concurrently': two sessions have no moment ahead of both",
        ),
        (
            "call: [select 1, select 2]\neach_call: commits\nconcurrently: true",
            "'each_call' has no place beside 'concurrently': each session is one transaction",
        ),
        (
            "call: delete from shop.orders\nthen: select count(*) = 1 from result",
            "'then' asks for 'result', and the last call returns no rows: add RETURNING to it",
        ),
        ("given: {shop.orders: {a: $x, b: $x}}\ncall: select 1", "$x stands twice in one row of shop.orders"),
        ("given: {shop.orders: {a: $1}}\ncall: select 1", "expected $ and a name, found '$1'"),
        ("given: {shop.orders: {a: [1]}}\ncall: select 1", "expected a value, $name or null, found a list"),
        ("given: {shop.orders: 3}\ncall: select 1", "expected a row, such as {id: $order, status: open}, found '3'"),
        ("given: {shop.orders: {where: a >}}\ncall: select 1", "not a predicate: the expression ends too early"),
        ("before: {a b: 1}\ncall: select 1", "expected a name of letters, digits and underscores, found 'a b'"),
        ("call: select 1; select 2", "not a statement: 2 statements where one belongs"),
        ('call: ""', "not a statement: an empty statement"),
        ("call: selct 1", "not a statement: syntax error"),
        ("call: select 1\nthen: delete from shop.orders", "not a query: not a SELECT"),
    ],
)
def test_what_does_not_go_together(tmp_path: Path, keys: str, message: str) -> None:
    with pytest.raises(ProjectError) as caught:
        routine(tmp_path, keys)
    assert message in str(caught.value)
    assert str(caught.value).startswith("checks/shop/_module.yml:")
