"""The pages on tools of others: a tiny layout is adopted, proved, and passes the steps of the job in CI."""

from __future__ import annotations

import re
import shlex

import pytest

from tests.guides.reader import Reader, page, slips

TOOLS = ["supabase", "prisma", "drizzle", "django", "rails", "flyway"]
COMMITTED = ["project.yml", "baseline.json", "checks/.adopted.json", ".harness/schemas/checks.json"]


@pytest.mark.slow
@pytest.mark.parametrize("tool", TOOLS)
def test_a_layout_is_adopted(reader: Reader, tool: str) -> None:
    text = page(f"how-to/{tool}.md")
    reader.follow(text)
    assert [path for path in COMMITTED if not (reader.place / path).is_file()] == []
    steps = re.findall(r"^- run: harness (.*)$", text, re.MULTILINE)
    assert len(steps) == 2
    assert [reader.harness(*shlex.split(step))[0] for step in steps] == [0, 0]


@pytest.mark.parametrize("tool", TOOLS)
def test_it_is_easy_to_read(tool: str) -> None:
    assert slips(page(f"how-to/{tool}.md")) == []
