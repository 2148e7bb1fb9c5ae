"""The pages of ``docs/lint`` are the docstrings of the rules, all of them, and what they recommend is clean."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlfluff.core.plugin.host import get_plugin_manager

from harness.lint import pages, plugin
from tests.lint.linted import lint

ROOT = Path(__file__).parents[2]
FENCED = re.compile(r"```sql\n(.*?)```", re.DOTALL)


def test_the_pages_are_those_of_the_rules() -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / pages.DIRECTORY).iterdir()}
    assert written == pages.pages(), "run: python -m harness.lint.pages"


def test_writing_them_removes_what_is_gone(tmp_path: Path) -> None:
    (tmp_path / "Harness_HS99.md").write_text("gone")
    (tmp_path / "README.md").write_text("old")
    pages.write(tmp_path)
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == pages.pages()


def rules() -> list[str]:
    get_plugin_manager()
    return [rule.code for rule in plugin.get_rules()]


@pytest.mark.parametrize("code", rules())
def test_a_page(tmp_path: Path, code: str) -> None:
    """It has the sections in order; its rule finds fault with the first example, and none with the second."""
    page = pages.pages()[f"{code}.md"]
    assert re.findall("^#.*", page, re.MULTILINE)[0].startswith(f"# {code}: ")
    assert re.findall("^## .*", page, re.MULTILINE) == ["## Settings", "## Anti-pattern", "## Best practice"]
    assert "``" not in page.replace("```", "")
    bad, good = FENCED.findall(page)
    assert (_finds(tmp_path, code, bad), _finds(tmp_path, code, good)) == (True, False)


def _finds(root: Path, code: str, text: str) -> bool:
    (root / ".sqlfluff").write_text(
        f"[sqlfluff]\ndialect = postgres\nrules = {code}\n[sqlfluff:rules:harness.data_class]\nclasses = personal\n"
    )
    (root / "schema").mkdir(exist_ok=True)
    # The columns of comments have to be somewhere, and other tables of an example are no part of what it shows.
    customers = "create table shop.customers (email text, phone text);\n" if "customers.email" in text else ""
    (root / "schema/case.sql").write_text(customers + text)
    found = {violation.code for violation in lint(root)}
    assert found <= {code}, found
    return bool(found)
