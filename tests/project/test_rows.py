"""What ``rows:`` says of rows that are only valid together, and slips in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.declarations import read_text
from harness.errors import ProjectError
from harness.kinds import KINDS
from harness.kinds.rows import RowsKind


def rows(together: str) -> RowsKind:
    text = f"table: shop.lines\nchecks:\n  - rows: {{}}\n    together: {together}\n"
    check, _ = read_text(text, Path("checks/shop/lines.yml"), "shop", KINDS)
    assert isinstance(check.rule, RowsKind)
    return check.rule


@pytest.mark.parametrize(
    ("together", "common"),
    [
        ("{amount: -$amount}", ()),
        ("[{amount: $amount, entry: $entry}]", ("amount", "entry")),
        ("[{entry: $entry, amount: -$amount / 2}, {amount: -$amount / 2, entry: $entry, side: $entry}]", ("entry",)),
    ],
)
def test_what_a_group_has_in_common(together: str, common: tuple[str, ...]) -> None:
    assert rows(together).row_hints().common == common


@pytest.mark.parametrize(
    ("together", "said"),
    [
        ("{amount: -amount}", "4:24: the row's own columns are written $amount, not amount"),
        ("[{side: \"'b'\"}, {amount: -$amount + fee}]", "4:40: the row's own columns are written $fee, not fee"),
        ("{amount: -}", "4:25: not an expression: the expression ends too early"),
        ("[]", "4:15: expected at least a mapping, found a list"),
        ("[a]", "4:16: expected a mapping, found 'a'"),
    ],
)
def test_slips(together: str, said: str) -> None:
    with pytest.raises(ProjectError) as caught:
        rows(together)
    assert f"checks/shop/lines.yml:{said}" in str(caught.value)
