"""What is unreliable on the page is so, and is proved after the change; the reasons are in the tool's own words."""

from __future__ import annotations

import re

import pytest

from tests.cli.conftest import ROOT
from tests.guides.reader import Reader, page, sections, slips

UNRELIABLE = page("how-to/unreliable.md")
EXAMPLES = {heading: text for heading, text in sections(UNRELIABLE).items() if heading != "All other reasons"}


@pytest.mark.parametrize("heading", EXAMPLES)
def test_an_example(reader: Reader, heading: str) -> None:
    assert EXAMPLES[heading].index("  UNRELIABLE  ") < EXAMPLES[heading].rindex("0 unreliable;")
    reader.follow(EXAMPLES[heading])


def test_the_reasons_are_what_reports_say() -> None:
    """Each cell of the first column, part by part: ``…`` stands for names."""
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "harness").rglob("*.py"))
    said = re.sub(r'"\s*f?"', "", source).replace("`", "")
    cells = [line.split(" | ")[0] for line in UNRELIABLE.splitlines() if line.startswith("| `")]
    reasons = [reason for cell in cells for reason in re.findall("`([^`]+)`", cell)]
    parts = [part.strip(" ,;") for reason in reasons for part in reason.split("…")]
    assert [part for part in parts if part not in said] == []
    assert len(parts) > 40


def test_it_is_easy_to_read() -> None:
    assert slips(UNRELIABLE) == []
