"""Each row of ``docs/mistakes.md`` has a page: its DDL is reported as it shows, and after the mend all is green."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.server.connection import Server
from tests.docs import pages
from tests.docs.pages import Page
from tests.docs.proving import prove, red, report

LEAST, MOST = 80, 150
"""Words of prose on a page."""
SECTIONS = ["What PostgreSQL does", "The check that finds it", "The mend"]
INDEX = pages.MISTAKES.with_suffix(".md")
ROW = re.compile(
    r"^\| \[(?P<title>[^\n]*?)\]\(mistakes/(?P<name>[\w-]+)\.md\) \| [^|]* \| (?P<kinds>[^|]*) \|", re.MULTILINE
)
ROWS = {row["name"]: row for row in ROW.finditer(INDEX.read_text(encoding="utf-8"))}
PAGES = pages.read(pages.MISTAKES)
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def test_every_mistake_has_its_page() -> None:
    lines = [line for line in INDEX.read_text(encoding="utf-8").splitlines() if line.startswith("|")][2:]
    assert len(ROWS) == len(lines)
    assert sorted(ROWS) == sorted(page.name for page in PAGES)


@each_page
def test_the_words(page: Page) -> None:
    assert pages.faults(page, least=LEAST, most=MOST) == []
    assert page.text.startswith(f"# {ROWS[page.name]['title']}\n")
    assert pages.headings(page) == SECTIONS


@each_page
def test_the_mistake_is_found(page: Page, server: Server, tmp_path: Path) -> None:
    kinds = pages.named_kinds(page.shown)
    assert kinds and kinds <= {*re.findall(r"`(\w+)`", ROWS[page.name]["kinds"])}
    found = report(red(prove(page, page.mistaken, server, tmp_path, kinds)))
    assert pages.unseen(page.shown, found) == [], "\n".join(found)


@each_page
def test_the_mend_is_proved(page: Page, server: Server, tmp_path: Path) -> None:
    assert report(red(prove(page, page.meant, server, tmp_path))) == []
