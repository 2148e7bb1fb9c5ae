"""Each house rule on its cases, through ``lint``: which lines it underlines, and what it says there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import postgast
import pytest
import yaml
from sqlfluff.core.plugin.host import get_plugin_manager

from harness.lint import plugin
from tests.lint.linted import lint

CASES = Path(__file__).parent / "cases"
KEYS = {"pass", "fail", "files", "says", "settings", "broken"}


def cases() -> list[Any]:
    return [
        pytest.param(path.stem, case, id=f"{path.stem}-{name}")
        for path in sorted(CASES.glob("*.yml"))
        for name, case in yaml.safe_load(path.read_text(encoding="utf-8")).items()
    ]


def rules() -> dict[str, Any]:
    get_plugin_manager()
    return {rule.code: rule for rule in plugin.get_rules()}


@pytest.mark.parametrize(("code", "case"), cases())
def test_case(code: str, case: dict[str, Any], tmp_path: Path) -> None:
    assert set(case) <= KEYS
    assert ("says" in case) >= ("fail" in case)
    files = case.get("files") or {"case.sql": case.get("pass") or case["fail"]}
    for name, text in files.items():
        path = tmp_path / "schema" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        if not case.get("broken"):
            postgast.parse(text)  # a case that is no SQL would show nothing
    settings = "".join(f"{key} = {value}\n" for key, value in case.get("settings", {}).items())
    (tmp_path / ".sqlfluff").write_text(
        f"[sqlfluff]\ndialect = postgres\ntemplater = raw\nrules = {code}\n"
        f"[sqlfluff:rules:{rules()[code].name}]\n{settings}"
    )
    violations = lint(tmp_path)
    assert {violation.code for violation in violations} - {code} == ({"PRS"} if case.get("broken") else set())
    found = [
        f"{str(violation.place).removeprefix('schema/').removeprefix('case.sql:')} "
        f"{violation.description.removesuffix(f' Why: harness explain {code}.')}"
        for violation in violations
        if violation.code == code
    ]
    assert found == case.get("says", [])
    ends = tuple(f"{end} Why: harness explain {code}." for end in ".;")
    assert all(each.description.endswith(ends) for each in violations if each.code == code)


def test_every_rule_has_cases_where_it_speaks_and_where_it_is_silent() -> None:
    seen = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in CASES.glob("*.yml")}
    assert set(seen) == set(rules())
    for code, of_rule in seen.items():
        assert any("says" in case for case in of_rule.values()), code
        assert any("says" not in case for case in of_rule.values()), code
        assert any("ignore_names" in case.get("settings", {}) for case in of_rule.values()), code


def test_every_setting_is_explained_and_has_a_default() -> None:
    explained, defaults = plugin.get_configs_info(), plugin.load_default_config()["rules"]
    used = {rule.name: set(rule.config_keywords) for rule in rules().values()}
    assert used == {name: set(settings) for name, settings in defaults.items()}
    assert set().union(*used.values()) == set(explained)
