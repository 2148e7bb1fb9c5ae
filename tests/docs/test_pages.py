"""What a page gets wrong is found: a line that no report has, a change without a place, and words that are too many."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.kinds import KINDS
from tests.docs import keys, pages
from tests.docs.pages import Page

REPORT = ["shop.orders", "  BROKEN   check a_rule      checks/shop/orders.yml:3", "          actual:   accepted"]


@pytest.mark.parametrize(
    ("shown", "unseen"),
    [
        (REPORT, []),
        (REPORT[1:2], []),
        (["  BROKEN   check a_…", "          actual:   acc…"], []),
        (["          actual:   refused"], ["          actual:   refused"]),
        (["accepted"], ["accepted"]),
        ([REPORT[2], REPORT[1]], [REPORT[1]]),
    ],
)
def test_lines_that_the_report_has_not(shown: list[str], unseen: list[str]) -> None:
    assert pages.unseen(shown, REPORT) == unseen


def test_a_change() -> None:
    assert pages.changed(["a\nb\n", "c\n"], "-b\n+d\n") == ("a\nd\n", "c\n")
    assert pages.changed(["a\nb\nc\n"], " a\n+x\n@@\n-c\n") == ("a\nx\nb\n",)


@pytest.mark.parametrize("change", ["-c\n+d\n", "-b\n+d\n"], ids=["nowhere", "in two places"])
def test_a_change_that_has_no_place(change: str) -> None:
    with pytest.raises(AssertionError, match="not in one place"):
        pages.changed(["a\nb\n", "b\n"], change)


def test_red_checks_are_named() -> None:
    assert pages.named_kinds([*REPORT, "  UNRELIABLE  rows", "  proved   unique x"]) == {"check", "rows"}


def _page(text: str) -> Page:
    return Page(Path("page.md"), text)


def test_words_that_are_too_many() -> None:
    assert pages.faults(_page("# A page\n\nFour words are here.\n"), most=4, least=4) == []
    assert pages.faults(_page("# A page\n\nFour words are here.\n"), most=3) == ["4 words"]
    assert pages.faults(_page("# A page\n\nFour words are here.\n"), most=9, least=5) == ["4 words"]
    long = "word " * 31
    assert pages.faults(_page(f"{long}\n\n```sql\n{long}\n```\n"), most=40)[-1] == "31.0 words a sentence"
    assert pages.faults(_page("x" * 121), most=40) == [f"121 characters: {'x' * 121}"]


def test_keys_that_are_not_those_of_the_code() -> None:
    page = next(page for page in pages.read(pages.KINDS) if page.name == "unique")
    other = page.text.replace("| `nulls` |", "| `null` |")
    assert other != page.text == keys.renewed(other, KINDS["unique"])
    with pytest.raises(AssertionError, match="<!-- keys -->"):
        keys.renewed(page.text.replace("<!-- keys -->", ""), KINDS["unique"])
