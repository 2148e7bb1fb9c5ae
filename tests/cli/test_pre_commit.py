"""The hooks of ``.pre-commit-hooks.yaml``, run by pre-commit itself in a project fresh from ``harness init``."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import ROOT, Cli

PROGRAMS = Path(sys.executable).parent
HOOKS = ROOT / ".pre-commit-hooks.yaml"
OURS = ROOT / ".pre-commit-config.yaml"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SCHEMA = "schema/shop/001_tables.up.sql"
PACKAGED = ("pyproject.toml", "README.md", "LICENSE", "harness")
"""What pip builds the package of."""


def documented() -> dict[str, Any]:
    """The configuration that docs/ci.md shows."""
    section = (ROOT / "docs/ci.md").read_text().partition("\n## Before a commit\n")[2].partition("\n## ")[0]
    (text,) = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def outcomes_of(said: str) -> dict[str, str]:
    """What came of each hook, by its name."""
    return dict(re.findall(r"^([\w -]+)\.{3,}(\w+)$", said, re.MULTILINE))


@dataclass(frozen=True)
class Repository:
    """A git repository, and programs that are run in it."""

    root: Path
    environment: dict[str, str]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def commit(self) -> str:
        """Commits all files there are, and returns the commit's name."""
        for command in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--no-verify", "-m", "x")):
            done = self.run("git", *command)
            assert done.returncode == 0, done.stdout
        return self.run("git", "rev-parse", "HEAD").stdout.strip()

    def hooks(self, *arguments: str) -> tuple[int, dict[str, str], str]:
        """The exit code, what came of each hook by its name, and all that was said."""
        self.run("git", "add", "--all")
        done = self.run("pre-commit", "run", "--all-files", "--color=never", *arguments)
        return done.returncode, outcomes_of(done.stdout), done.stdout


@pytest.fixture
def environment(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """With nothing of a person's: neither git's settings nor hooks that were installed before."""
    who = {f"GIT_{role}_{word}": "x@example.org" for role in ("AUTHOR", "COMMITTER") for word in ("NAME", "EMAIL")}
    ours = {name: value for name, value in environment.items() if not name.startswith(("GIT_", "PYTHONWARNINGS"))}
    path = f"{PROGRAMS}:{environment['PATH']}"
    alone = {"GIT_CONFIG_GLOBAL": "/dev/null", "PRE_COMMIT_HOME": str(tmp_path / "pre-commit"), "PATH": path}
    return {**ours, **who, **alone}


@pytest.fixture(params=["system", pytest.param("python", marks=pytest.mark.nightly)])
def language(request: pytest.FixtureRequest) -> str:
    """Installing the package and all that it needs takes minutes: by day the hooks run what is installed here."""
    return str(request.param)


@pytest.fixture
def demo(cli: Cli, environment: dict[str, str], language: str) -> Repository:
    """A project with the hooks that docs/ci.md shows, taken from a clone of this repository."""
    source = Repository(cli.root / "source", environment)
    source.root.mkdir()
    shutil.copy(HOOKS, source.root)
    for name in PACKAGED if language == "python" else ():
        copy: Any = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source.root / name)
    assert cli.run("init", "demo").returncode == 0
    config = documented()
    (repository,) = config["repos"]
    repository |= {"repo": str(source.root), "rev": source.commit()}
    for hook in repository["hooks"]:
        hook["language"] = language
    made = Repository(cli.root / "demo", environment)
    (made.root / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    made.commit()
    return made


def replaced(demo: Repository, path: str, old: str, new: str) -> None:
    text = (demo.root / path).read_text()
    assert old in text
    (demo.root / path).write_text(text.replace(old, new))


def test_before_a_commit(demo: Repository) -> None:
    demo.environment["HARNESS_TARGET"] = "postgresql://nobody@127.0.0.1:1/nothing"  # where no server is
    assert demo.hooks()[:2] == (0, {"harness lint": "Passed", "harness checks": "Passed"})
    replaced(demo, SCHEMA, "create index", "CREATE index")
    replaced(demo, "checks/shop/orders.yml", "  - primary_key: [id]", "  - primary_kye: [id]")
    code, outcomes, said = demo.hooks()
    assert (code, outcomes) == (1, {"harness lint": "Failed", "harness checks": "Failed"})
    assert f"\n{SCHEMA}:27:1: CP01 " in said
    assert "\nchecks/shop/orders.yml:32:5: unknown kind 'primary_kye'" in said


def test_before_a_push(demo: Repository) -> None:
    code, outcomes, _ = demo.hooks("--hook-stage", "pre-push", "harness-test")
    assert (code, outcomes) == (0, {"harness test": "Passed"})
    replaced(demo, SCHEMA, "    constraint orders_total_not_negative check (total >= 0),\n", "")
    code, outcomes, said = demo.hooks("--hook-stage", "pre-push", "harness-test")
    assert (code, outcomes) == (1, {"harness test": "Failed"})
    assert "broken: no constraint on shop.orders: orders_total_not_negative" in said


def test_the_page_names_every_hook_of_this_version() -> None:
    (repository,) = documented()["repos"]
    assert repository["repo"] == PROJECT["urls"]["Homepage"]
    assert repository["rev"] == f"v{PROJECT['version']}"
    assert [hook["id"] for hook in repository["hooks"]] == [hook["id"] for hook in yaml.safe_load(HOOKS.read_text())]


def test_the_hooks_of_this_repository(environment: dict[str, str]) -> None:
    """On a few files: all of them are what `make lint` looks at."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git repository")
    files = ("harness/errors.py", "project.yml", "schema/clinic/001_tables.up.sql")
    done = Repository(ROOT, environment).run("pre-commit", "run", "--color=never", "--files", *files)
    hooks = [hook for hook in yaml.safe_load(OURS.read_text())["repos"][0]["hooks"] if "stages" not in hook]
    assert outcomes_of(done.stdout) == {hook["name"]: "Passed" for hook in hooks}, done.stdout


def test_both_files_are_what_pre_commit_reads(environment: dict[str, str]) -> None:
    for command, file in (("validate-manifest", HOOKS), ("validate-config", OURS)):
        done = Repository(ROOT, environment).run("pre-commit", command, str(file))
        assert (done.returncode, done.stdout) == (0, "")
