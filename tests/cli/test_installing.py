"""Ways to install that this repository offers, run without GitHub and Docker: ``action.yml`` and the ``Dockerfile``."""

from __future__ import annotations

import fnmatch
import itertools
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

from tests.cli.conftest import ROOT, Cli
from tests.workflows import annotated, execute, faults_of_action, jobs, resolved

ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
INSTALL, RUN = (step for step in ACTION["runs"]["steps"] if "run" in step)
PAGE = (ROOT / "docs/ci.md").read_text()
OURS = re.compile(r"(_editable_impl_)?constraint_harness")


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    """Nothing is fetched from anywhere: what builds and what is needed comes from the environment of the tests."""
    ours = {name: value for name, value in environment.items() if not name.startswith("PIP_")}
    ours.pop("PYTHONWARNINGS")
    return {**ours, "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A virtual environment with all that the package needs, and without the package."""
    directory = tmp_path / "temporary" / "harness"
    subprocess.run([sys.executable, "-m", "venv", str(directory)], check=True)
    lent = tmp_path / "lent"
    lent.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not OURS.match(path.name):
            (lent / path.name).symlink_to(path)
    (packages,) = directory.glob("lib/python*/site-packages")
    (packages / "lent.pth").write_text(str(lent))
    return directory


@pytest.fixture
def wheel(tmp_path: Path, environment: dict[str, str]) -> Path:
    """What the checkout is as a package of the index."""
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(tmp_path / "index"),
        str(ROOT),
    ]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    (found,) = (tmp_path / "index").glob("*.whl")
    return found


@pytest.fixture
def demo(cli: Cli, environment: dict[str, str]) -> Cli:
    assert cli.run("init", "demo").returncode == 0
    return Cli(cli.root / "demo", "demo", {**environment, "CI": "true"})


def stepped(step: Mapping[str, Any], directory: Path, environment: Mapping[str, str], **inputs: str) -> Any:
    """A step of the action as GitHub runs it, with what the inputs say that are not given."""
    defaults = {name: str(each.get("default", "")) for name, each in ACTION["inputs"].items()}
    values = {f"inputs.{name}": value for name, value in {**defaults, **inputs}.items()}
    values["steps.python.outputs.python-path"] = sys.executable
    values |= {f"env.{name}": value for name, value in environment.items()}
    given = {name: resolved(text, values) for name, text in step.get("env", {}).items()}
    directory /= resolved(step.get("working-directory", "."), values)
    return execute(step["run"], directory, {**environment, **given})


@pytest.mark.parametrize("version", ["", PROJECT["version"]])
def test_the_action_installs_and_proves(fresh: Path, wheel: Path, demo: Cli, version: str) -> None:
    path = demo.root / "path"
    runner = {"RUNNER_TEMP": str(fresh.parent), "GITHUB_PATH": str(path), "GITHUB_ACTION_PATH": str(ROOT)}
    environment = {**demo.environment, **runner, "PIP_FIND_LINKS": str(wheel.parent if version else "")}
    installed = stepped(INSTALL, demo.root, environment, version=version)
    assert installed.returncode == 0, installed.stdout
    (matcher,) = re.findall(r"^::add-matcher::(.*)$", installed.stdout, re.MULTILINE)
    environment["PATH"] = f"{path.read_text().strip()}:{os.environ['PATH']}"
    assert execute("command -v harness", demo.root, environment).stdout.strip() == str(fresh / "bin/harness")

    assert stepped(RUN, demo.root, environment).returncode == 0
    demo.replace("schema/shop/001_tables.up.sql", "    constraint orders_total_not_negative check (total >= 0),\n", "")
    done = stepped(RUN, demo.root.parent, environment, **{"working-directory": "demo"})
    assert done.returncode == 1
    assert [each.file for each in annotated(Path(matcher), done.stdout)] == ["checks/shop/orders.yml"]
    kept = ACTION["runs"]["steps"][-1]["with"]["path"].split("\n")[:-1]
    values = {"inputs.working-directory": "demo"}
    assert [[*map(_name, (demo.root.parent / resolved(each, values)).iterdir())] for each in kept] == [
        ["junit.xml"],
        ["shop.orders.check.orders_total_not_negative.sql"],
    ]


def _name(path: Path) -> str:
    return path.name


def test_its_command_and_target_are_those_that_are_given(demo: Cli) -> None:
    environment = {**demo.environment, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    for name in ("shop.orders", "shop.ordinary"):  # what a shell would make of the star
        (demo.root / name).touch()
    listed = stepped(RUN, demo.root, environment, command="test --collect-only --select shop.ord*", target=nowhere)
    assert (listed.returncode, "\nshop.orders.primary_key.id\n" in listed.stdout) == (0, True)
    assert "127.0.0.1" in stepped(RUN, demo.root, environment, target=nowhere).stdout
    assert "127.0.0.1" in stepped(RUN, demo.root, {**environment, "HARNESS_TARGET": nowhere}).stdout
    assert stepped(RUN, demo.root, environment, command="lint").stdout == "2 files, clean\n"


def test_the_action_is_one_and_the_page_says_what_it_takes() -> None:
    assert list(faults_of_action(ROOT / "action.yml")) == []
    rows = re.findall(r"^\| `([\w-]+)` \| .* \| (.*) \|$", PAGE.partition("## The action")[2], re.MULTILINE)
    assert [name for name, _ in rows] == list(ACTION["inputs"])
    defaults = [str(each.get("default")) for each in ACTION["inputs"].values()]
    assert [(said.strip("`")) for _, said in rows if said.startswith("`")] == [defaults[1], defaults[4]]


def test_the_workflow_of_the_page(demo: Cli, tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(name: harness\n.*?)```", PAGE, re.DOTALL)
    (tmp_path / "x.yml").write_text(text)
    steps = jobs(tmp_path / "x.yml")["prove"]["steps"]
    assert [step["uses"] for step in steps if "uses" in step][1:] == [
        f"{PROJECT['urls']['Homepage'].removeprefix('https://github.com/')}@v{PROJECT['version']}"
    ]
    assert [step["run"] for step in steps if "run" in step] == ["harness lint"]
    assert demo.run("lint").returncode == 0


def test_the_workflow_of_this_repository_gives_the_action_what_it_takes() -> None:
    steps = [step for job in jobs(ROOT / ".github/workflows/tests.yml").values() for step in job["steps"]]
    (ours,) = [step for step in steps if step.get("uses") == "./"]
    assert ours["with"].keys() <= ACTION["inputs"].keys()


def stages() -> list[list[tuple[str, str]]]:
    """The instructions of the Dockerfile with their arguments, stage by stage."""
    lines = [line for line in DOCKERFILE.splitlines() if line and not line.startswith("#")]
    whole = [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]
    starts = [*(at for at, (word, _) in enumerate(whole) if word == "FROM"), len(whole)]
    return [whole[start:end] for start, end in itertools.pairwise(starts)]


def context(directory: Path) -> Path:
    """What Docker is sent of the checkout: an exclusion of all, and what is taken back in."""
    first, *rest = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert first == "*"
    directory.mkdir()
    for name in (line[1:] for line in rest if line.startswith("!")):
        copy: Any = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, directory / name)
    for pattern in (line for line in rest if not line.startswith("!")):
        for path in [*directory.rglob("*")]:
            if fnmatch.fnmatch(path.name, pattern.removeprefix("**/")):
                shutil.rmtree(path)
    return directory


def built(stage: list[tuple[str, str]], sent: Path, fresh: Path, environment: dict[str, str]) -> Iterator[Any]:
    """Runs what installs in a stage, with a directory in the place of / and the fresh environment in that of Python."""
    source = sent.parent / "source"
    source.mkdir(exist_ok=True)
    path = f"{fresh / 'bin'}:{environment['PATH']}"
    for word, rest in stage:
        if word == "COPY" and not rest.startswith("--from="):
            *names, to = rest.split()
            for name in names:
                copy: Any = shutil.copytree if (sent / name).is_dir() else shutil.copy
                copy(sent / name, source / to)
        elif word == "RUN" and rest.startswith("pip "):
            yield execute(rest.replace("/wheels", f"{sent.parent}/wheels"), source, {**environment, "PATH": path})


def test_the_image_has_a_tool_that_proves(fresh: Path, demo: Cli, tmp_path: Path) -> None:
    build, image = stages()
    sent = context(tmp_path / "sent")
    done: list[CompletedProcess[str]] = [
        each for stage in (build, image) for each in built(stage, sent, fresh, demo.environment)
    ]
    assert [each.returncode for each in done] == [0, 0], done[-1].stdout
    entry = yaml.safe_load(dict(image)["ENTRYPOINT"])
    told = dict(image)["CMD"]
    path = {**demo.environment, "PATH": f"{fresh / 'bin'}:/usr/bin:/bin"}
    assert execute(f"{entry[0]} {yaml.safe_load(told)[0]}", demo.root, path).stdout.startswith("Usage: harness ")
    shown = execute(f"{entry[0]} test --quiet", demo.root, path)
    assert (shown.returncode, " 0 broken" in shown.stdout) == (0, True), shown.stdout
    where = execute("python -c 'import harness; print(harness.__file__)'", demo.root, path).stdout
    assert where.startswith(str(fresh))


def test_the_image_is_not_root_and_stands_where_a_project_is_mounted() -> None:
    image = dict(stages()[-1])
    words = [word for word, _ in stages()[-1]]
    assert image["USER"] == image["RUN"].split()[-1] == "harness"
    assert image["WORKDIR"] == "/project"
    assert words.index("USER") > max(at for at, word in enumerate(words) if word == "RUN")


def test_the_commands_of_docker_are_those_that_a_job_runs() -> None:
    ours = [step["run"] for step in jobs(ROOT / ".github/workflows/tests.yml")["image"]["steps"] if "run" in step]
    (text,) = re.findall(r"```sh\n(docker build.*?)```", PAGE, re.DOTALL)
    build, run = text.splitlines()
    source = f"{PROJECT['urls']['Homepage']}.git#v{PROJECT['version']}"
    assert build == ours[0].removesuffix(" .") + f" {source}"
    assert run in ours[1].replace(" --env CI", "")
    comments = [line.partition(": ")[2] for line in DOCKERFILE.splitlines() if line.startswith("# To build")]
    assert comments == [ours[0]]
