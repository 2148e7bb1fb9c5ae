"""The workflows of this repository: GitHub can read them, and what they run is there and works."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.workflows import execute, faults, jobs, lines

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
TESTS = ROOT / ".github/workflows/tests.yml"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """That of a job. Nothing may be installed here: a checkout that is not set up is no place for these tests."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    made = ["make", "--question", ".venv/developed"]
    if subprocess.run(made, cwd=ROOT, env=_ours(), capture_output=True, check=False).returncode:
        pytest.skip("the development tools are older than pyproject.toml: call make test")
    return {**_ours(), "CI": "true", "GITHUB_PATH": str(tmp_path / "path")}


def _ours() -> dict[str, str]:
    """The environment without what the `make` and the pytest around these tests have put there."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "PYTEST"))}


def cells() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = jobs(TESTS)["test"]["strategy"]["matrix"]["include"]
    return found


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_is_one(workflow: Path) -> None:
    assert list(faults(workflow)) == []


def test_every_python_and_every_postgresql_that_is_promised_is_tried() -> None:
    """Python from what pyproject.toml requires, PostgreSQL as README says it, and the five schemas on their oldest."""
    requires = re.search(r'requires-python = ">=3\.(\d+)"', (ROOT / "pyproject.toml").read_text())
    versions = re.search(r"PostgreSQL (\d+) to (\d+)", (ROOT / "README.md").read_text())
    assert requires is not None and versions is not None
    minors = sorted({int(cell["python"].removeprefix("3.")) for cell in cells()})
    assert minors == list(range(int(requires[1]), minors[-1] + 1)) and minors[-1] >= 14
    first, last = map(int, versions.groups())
    assert sorted({cell["postgresql"] for cell in cells()}) == list(range(first, last + 1))
    assert min(jobs(TESTS)["systems"]["strategy"]["matrix"]["postgresql"]) == 15


def test_what_make_is_called_for_is_there() -> None:
    called = {
        line.split()[1]
        for workflow in WORKFLOWS
        for job in jobs(workflow).values()
        for line in lines(job, python="3.13", postgresql=15)
        if line.startswith("make ")
    }
    assert called == {"lint", "docs", "links", "test", "systems", "prove", "nightly"}
    rules = (ROOT / "Makefile").read_text()
    assert all(re.search(rf"^{name}:", rules, re.MULTILINE) for name in called)
    nightly = rules.partition("\nnightly:")[2].partition("\n\n")[0]
    assert "$(MAKE) oldest" in nightly  # as the workflow says


@pytest.mark.nightly
def test_the_server_that_is_installed_is_the_one_that_is_first_on_the_path(environment: dict[str, str]) -> None:
    (line,) = [line for line in lines(jobs(TESTS)["test"], python="3.11", postgresql=14) if "GITHUB_PATH" in line]
    assert execute(line, ROOT, environment).returncode == 0
    assert Path(environment["GITHUB_PATH"]).read_text() == "/usr/lib/postgresql/14/bin\n"


@pytest.mark.nightly
@pytest.mark.parametrize("job", ["lint", "test"])
def test_what_a_cell_runs(job: str, environment: dict[str, str]) -> None:
    """Its tests are collected, and not run within a test."""
    own = [line for line in lines(jobs(TESTS)[job], **cells()[0]) if "sudo" not in line]
    done = [execute(line, ROOT, {**environment, "PYTEST_ADDOPTS": "--collect-only -q"}) for line in own]
    assert [each.returncode for each in done] == [0] * len(own), "".join(each.stdout for each in done)
    if job == "test":
        assert "tests/test_workflows.py::test_what_a_cell_runs[lint]" in done[-1].stdout
        assert "tests/schema/" not in done[-1].stdout
