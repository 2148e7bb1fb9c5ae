"""Each kind has a page; its example is proved, and its mistake is reported as the page shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.kinds import KINDS
from harness.server.connection import Server
from tests.docs import keys, pages
from tests.docs.pages import Page
from tests.docs.proving import prove, red, report

MOST = 250
"""Words of prose on a page."""
SECTIONS = ["When", "Example", "A mistake", "Keys", "Limits"]
PAGES = pages.read(pages.KINDS)
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def test_every_kind_has_its_page() -> None:
    assert sorted(page.name for page in PAGES) == sorted(KINDS), "write docs/reference/kinds/KIND.md"


def test_every_kind_is_in_one_group_and_in_the_table() -> None:
    page = (pages.KINDS.parent / "kinds.md").read_text(encoding="utf-8")
    groups = page.partition("## Groups\n")[2].partition("## ")[0]
    table = page.partition("| kind | what is proven |")[2].partition("\n\n")[0]
    for part in (groups, table):
        assert sorted(re.findall(r"\]\(kinds/(\w+)\.md\)", part)) == sorted(KINDS)


@each_page
def test_the_words(page: Page) -> None:
    assert pages.faults(page, most=MOST) == []
    assert page.text.startswith(f"# {page.name}\n")
    assert pages.headings(page) == SECTIONS


@each_page
def test_the_keys_are_those_of_the_code(page: Page) -> None:
    assert page.text == keys.renewed(page.text, KINDS[page.name]), "write them anew: python -m tests.docs.keys"


@each_page
def test_the_example_is_proved(page: Page, server: Server, tmp_path: Path) -> None:
    outcomes = prove(page, page.meant, server, tmp_path)
    assert report(red(outcomes)) == []
    assert page.name in {outcome.kind for outcome in outcomes}


@each_page
def test_the_mistake_is_found(page: Page, server: Server, tmp_path: Path) -> None:
    assert pages.named_kinds(page.shown) == {page.name}
    found = report(red(prove(page, page.mistaken, server, tmp_path, {page.name})))
    assert pages.unseen(page.shown, found) == [], "\n".join(found)
