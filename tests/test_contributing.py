"""The pages for those who take part: what they name is there, forms are what GitHub reads, sentences are short."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
import yaml

from harness.cli.entry import harness
from harness.kinds import KINDS
from tests.workflows import faults_of_action

ROOT = Path(__file__).parents[1]
FORMS = ROOT / ".github/ISSUE_TEMPLATE"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
URLS = PROJECT["urls"]
SCHEMAS = {
    "github-actions": ["action.yml"],
    "github-workflows": [".github/workflows/*.yml", "docs/ci/github*.yml"],
    "gitlab-ci": ["docs/ci/gitlab.yml"],
    "github-issue-forms": [".github/ISSUE_TEMPLATE/[!c]*.yml"],
    "github-issue-config": [".github/ISSUE_TEMPLATE/config.yml"],
}


def conforming(schema: str, *files: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def fields(form: str) -> dict[str, dict[str, Any]]:
    body = yaml.safe_load((FORMS / f"{form}.yml").read_text())["body"]
    return {each["id"]: each for each in body}


def sentences(text: str) -> list[str]:
    """Those of paragraphs, items and cells, without code and the addresses of links."""
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    text = re.sub(r"^( {4}.*|#.*|\|[-|]+)$", "", text, flags=re.MULTILINE)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    text = re.sub(r"`[^`]*`", "code", text)
    parts = re.split(r"\n\n|\n *(?:[-|]|\d\.) |\|", text)
    found = [sentence for part in parts for sentence in re.split(r"(?<=[.?!]) +", " ".join(part.split()))]
    return [each for each in found if each]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_files_of_a_host_are_what_it_reads(schema: str) -> None:
    files = [path for pattern in SCHEMAS[schema] for path in ROOT.glob(pattern)]
    done = conforming(schema, *files)
    assert files and done.returncode == 0, done.stdout


def test_a_form_that_is_none_is_found(tmp_path: Path) -> None:
    (tmp_path / "bug.yml").write_text((FORMS / "bug.yml").read_text().replace("type: textarea", "type: textaera"))
    assert conforming("github-issue-forms", tmp_path / "bug.yml").returncode == 1


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("inputs.target ||", "inputs.tarket ||", "inputs.tarket is not there"),
        ("steps.python.outputs", "steps.pyhton.outputs", "steps.pyhton is not there"),
        ("actions/upload-artifact@v7", "actions/upload-artifact@v1", "actions/upload-artifact@v1 is no action of ours"),
    ],
)
def test_an_action_that_is_none_is_found(tmp_path: Path, old: str, new: str, fault: str) -> None:
    text = (ROOT / "action.yml").read_text()
    assert old in text
    (tmp_path / "action.yml").write_text(text.replace(old, new))
    assert fault in [*faults_of_action(tmp_path / "action.yml")]


def test_a_report_brings_what_shows_the_fault_again() -> None:
    for form in ("bug", "verdict"):
        asked = fields(form)
        assert {"doctor", "check", "ddl"} <= asked.keys()
        assert "`harness doctor`" in asked["doctor"]["attributes"]["label"]
        assert asked["doctor"]["validations"]["required"]
    assert [each["validations"]["required"] for each in fields("verdict").values()] == [True] * 5
    assert {"said", "did"} <= fields("verdict").keys()


def test_addresses_in_the_repository_lead_somewhere() -> None:
    home = URLS["Homepage"]
    linked = [link["url"] for link in yaml.safe_load((FORMS / "config.yml").read_text())["contact_links"]]
    linked += re.findall(r"\((https://[^)]*)\)", (ROOT / "SECURITY.md").read_text())
    below = [url.removeprefix(home) for url in (*URLS.values(), *linked)]
    files = [path.split("/main/")[1] for path in below if "/main/" in path]
    assert files == ["docs", "CHANGELOG.md"] and all((ROOT / path).exists() for path in files)
    assert {path for path in below if "/main/" not in path} == {"", "/issues", "/security/advisories/new"}


def test_what_contributors_are_told_to_call_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    rules = (ROOT / "Makefile").read_text()
    called = set(re.findall(r"^(?:\| `|    |.*`)make (\w+)", text, re.MULTILINE))
    assert called == {"check", "test", "docs", "links", "systems", "prove", "nightly", "bench"}
    assert all(re.search(rf"^{name}:", rules, re.MULTILINE) for name in called)
    verbs = set(re.findall(r"`harness ([a-z]+)", text + (ROOT / "SECURITY.md").read_text()))
    assert {"explain", "test"} <= verbs <= set(harness.commands)
    paths = re.findall(r"`((?:harness|tests|docs|\.harness)/[\w./]+)`", text)
    assert len(paths) == 3 and [path for path in paths if not (ROOT / path).exists()] == []
    assert "## Where to add what" in (ROOT / "ARCHITECTURE.md").read_text()


def test_the_changelog_has_this_version_all_kinds_and_verbs_that_exist() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    assert re.findall(r"^## (.*)$", text, re.MULTILINE)[:2] == ["Unreleased", PROJECT["version"]]
    kinds = text.partition("\n### Kinds\n")[2].partition("\n### ")[0]
    assert set(re.findall(r"`(\w+)`", kinds.partition("- `harness explain")[0])) == set(KINDS)
    verbs = set(re.findall(r"`harness ([a-z]+)", text))
    assert {"test", "adopt", "lint", "types"} <= verbs <= set(harness.commands)


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_sentences_and_lines_are_short(page: str) -> None:
    text = (ROOT / page).read_text()
    if page == "CHANGELOG.md":
        text = text.partition("\n## 0.1.0\n")[2]
    assert [line for line in text.splitlines() if len(line) > 120] == []
    lengths = {sentence: len(sentence.split()) for sentence in sentences(text)}
    assert [sentence for sentence, words in lengths.items() if words > 30] == []
    assert 0 < mean(lengths.values()) <= 17
