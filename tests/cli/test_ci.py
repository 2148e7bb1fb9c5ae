"""What people copy into their CI: run as it stands in the docs, in a project fresh from ``harness init``."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from psycopg.conninfo import make_conninfo

from harness.cli.entry import harness
from harness.server.connection import Server
from tests.cli.conftest import ROOT, Cli
from tests.workflows import Annotation, annotated, execute, faults, jobs, lines, script

CI = ROOT / "docs/ci"
MATCHER = CI / "problem-matcher.json"
NAME = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["name"]
SCHEMA = "schema/shop/001_tables.up.sql"
TOTAL = "    constraint orders_total_not_negative check (total >= 0),\n"
GONE = "broken: no constraint on shop.orders: orders_total_not_negative"
BROKEN = Annotation("checks/shop/orders.yml", 20, None, GONE)


@pytest.fixture
def demo(cli: Cli) -> Cli:
    """A project fresh from init, as a job of CI has it."""
    assert cli.run("init", "demo").returncode == 0
    path = f"{Path(sys.executable).parent}:{cli.environment['PATH']}"
    made = Cli(cli.root / "demo", "demo", {**cli.environment, "PATH": path, "CI": "true"})
    made.write(".github/problem-matcher.json", MATCHER.read_bytes())
    return made


def ran(demo: Cli, steps: list[str]) -> dict[str, CompletedProcess[str]]:
    """What came of each line. The package is here already: its installation alone is left out."""
    assert steps[0] == f"pip install {NAME}"
    return {line: execute(line, demo.root, demo.environment) for line in steps[1:]}


def reported(file: Path) -> set[str]:
    return {str(case.get("name")) for case in ElementTree.parse(file).iter("testcase")}


def test_github(demo: Cli) -> None:
    steps = lines(jobs(CI / "github.yml")["prove"])
    done = ran(demo, steps)
    assert [(each.returncode, annotated(MATCHER, each.stdout)) for each in done.values()] == [(0, [])] * 3
    (added,) = re.findall(r"^::add-matcher::(.*)$", done[steps[1]].stdout, re.MULTILINE)
    assert (demo.root / added).is_file()

    demo.replace(SCHEMA, TOTAL, "")
    demo.replace(SCHEMA, "create index", "CREATE index")
    done = ran(demo, steps)
    assert [each.returncode for each in done.values()] == [0, 1, 1]
    found = [annotation for each in done.values() for annotation in annotated(MATCHER, each.stdout)]
    assert found == [Annotation(SCHEMA, 26, 1, "CP01 Keywords must be lower case."), BROKEN]
    kept = jobs(CI / "github.yml")["prove"]["steps"][-1]["with"]["path"].split()
    assert [sorted(path.name for path in (demo.root / each).iterdir()) for each in kept] == [
        ["junit.xml"],
        ["shop.orders.check.orders_total_not_negative.sql"],
    ]


@pytest.mark.nightly
def test_github_in_shards(demo: Cli) -> None:
    workflow = jobs(CI / "github-shards.yml")
    measured = ran(demo, lines(workflow["measure"]))
    assert [each.returncode for each in measured.values()] == [0]
    whole = reported(demo.root / ".harness/reports/junit.xml")
    saved = {
        each["with"]["path"] for job in workflow.values() for each in job["steps"] if "cache" in each.get("uses", "")
    }
    assert [(demo.root / path).is_file() for path in saved] == [True]

    shards = workflow["prove"]["strategy"]["matrix"]["shard"]
    parts, plans = [], set()
    for shard in shards:
        done = ran(demo, lines(workflow["prove"], shard=shard))
        assert [each.returncode for each in done.values()] == [0] * len(done)
        log = "".join(each.stdout for each in done.values())
        (plan,) = re.findall(rf", shard {shard}/{len(shards)} of plan (\w+)", log)
        plans.add(plan)
        parts.append(reported(demo.root / ".harness/reports/junit.xml"))
    assert len(plans) == 1 and all(parts)
    assert sorted(name for part in parts for name in part) == sorted(whole)


def test_gitlab(demo: Cli) -> None:
    done = ran(demo, script(CI / "gitlab.yml", "harness"))
    assert [each.returncode for each in done.values()] == [0, 0]
    artifacts = yaml.safe_load((CI / "gitlab.yml").read_text())["harness"]["artifacts"]
    assert len(reported(demo.root / artifacts["reports"]["junit"])) > 40
    assert (demo.root / artifacts["paths"][0]).is_dir()


@pytest.mark.parametrize("name", ["github.yml", "github-shards.yml"])
def test_a_workflow_is_one(name: str) -> None:
    assert list(faults(CI / name)) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("actions/cache/save@v6", "actions/cache/save@v1", "measure: actions/cache/save@v1 is no action of ours"),
        ("needs: deal", "needs: dael", "prove: needs dael, which is not there"),
        ("id: newest", "id: oldest", "deal: steps.newest is not there"),
        ("matrix.shard }}/3", "matrix.chard }}/3", "prove: matrix.chard is not there"),
    ],
)
def test_a_workflow_that_is_none_is_found(tmp_path: Path, old: str, new: str, fault: str) -> None:
    text = (CI / "github-shards.yml").read_text()
    assert old in text
    (tmp_path / "x.yml").write_text(text.replace(old, new))
    assert fault in faults(tmp_path / "x.yml")


def test_the_matcher_is_one_for_github() -> None:
    """By the rules of its runner, which takes no part of a file in which one matcher breaks them."""
    matchers: list[dict[str, Any]] = json.loads(MATCHER.read_text())["problemMatcher"]
    assert len({matcher["owner"] for matcher in matchers}) == len(matchers)
    for matcher in matchers:
        assert matcher.keys() == {"owner", "pattern"}
        names: list[str] = []
        for pattern in matcher["pattern"]:
            groups = {name: number for name, number in pattern.items() if name not in ("regexp", "loop")}
            assert sorted(groups.values()) == list(range(1, re.compile(pattern["regexp"]).groups + 1))
            names += groups
        assert {"file", "line", "message"} <= set(names) <= {"file", "line", "column", "message", "severity"}
        # The last of several may loop, and has no message then; no name stands in two of them.
        loops = [pattern.get("loop", False) for pattern in matcher["pattern"]]
        assert not any(loops[:-1]) and (not loops[-1] or "message" not in matcher["pattern"][-1])
        assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("path", "old", "new", "command", "annotation"),
    [
        (SCHEMA, "email text not", "email txt not", "test", (SCHEMA, 5, 11, 'type "txt" does not exist (42704)')),
        (SCHEMA, "create index", "creat index", "test", (SCHEMA, 27, 1, 'syntax error at or near "creat" (42601)')),
        (
            "checks/shop/orders.yml",
            "  - primary_key: [id]",
            "  - primary_kye: [id]",
            "test",
            ("checks/shop/orders.yml", 32, 5, "unknown kind 'primary_kye'; did you mean 'primary_key'?"),
        ),
        ("project.yml", "modules:", "moduls:", "test", ("project.yml", 7, 1, None)),
        ("seeds/shop/customers.csv", "2,grace@example.org,", "2,", "test", ("seeds/shop/customers.csv", 3, None, None)),
        (
            "seeds/shop/customers.csv",
            "grace@example.org",
            "ada@example.org",
            "test --select kind:comment",
            ("seeds/shop/customers.csv", 3, None, None),
        ),
        (
            ".sqlfluff",
            "rules = all, harness",
            "rules = all, harness\nwarnings = CP01",
            "lint",
            (SCHEMA, 1, 1, "CP01 Keywords must be lower case."),
        ),
    ],
)
def test_what_has_a_place_is_annotated(
    demo: Cli, path: str, old: str, new: str, command: str, annotation: tuple[str, int, int | None, str | None]
) -> None:
    demo.replace(path, old, new)
    warned = "warnings" in new
    if warned:
        demo.replace(SCHEMA, "create schema", "CREATE schema")
    done = execute(f"harness {command}", demo.root, demo.environment)
    assert done.returncode == (0 if warned else 1 if "BROKEN" in done.stdout else 2), done.stdout
    *place, message = annotation
    (found,) = annotated(MATCHER, done.stdout)
    assert [found.file, found.line, found.column] == place
    assert found.message == (message or found.message)
    assert found.severity == ("warning" if warned else "error")


def test_the_page_on_deployment(demo: Cli, database: tuple[Server, str]) -> None:
    server, name = database
    page = (ROOT / "docs/deployment.md").read_text()
    (settings,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (commands,) = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    demo.write("project.yml", (demo.root / "project.yml").read_text() + settings)
    url = make_conninfo(**{**server.conninfo, "dbname": name})
    environment = {**demo.environment, "PRODUCTION_URL": url}
    dry, apply, status = commands.splitlines()
    codes = [execute(line, demo.root, environment).returncode for line in (status, dry, status, apply, status)]
    assert codes == [1, 0, 1, 0, 0]
    demo.replace(SCHEMA, "create index", "create index if not exists")
    assert execute(status, demo.root, environment).returncode == 1


def test_the_pages_name_only_verbs_that_exist() -> None:
    for page in ("docs/ci.md", "docs/deployment.md"):
        verbs = re.findall(r"`harness ([a-z]+)|^harness ([a-z]+)", (ROOT / page).read_text(), re.MULTILINE)
        assert verbs and {first or second for first, second in verbs} <= set(harness.commands)
