"""Workflows of GitHub, jobs of GitLab and problem matchers: read, and run as their runners do."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ACTIONS = {
    "actions/checkout@v7",
    "actions/setup-python@v7",
    "actions/upload-artifact@v7",
    "actions/cache@v6",
    "actions/cache/restore@v6",
    "actions/cache/save@v6",
    "./",  # of this repository itself
    "constraint-harness/constraint-harness@v0.1.0",
}
EXPRESSION = re.compile(r"\$\{\{ *(.*?) *\}\}")
KEYS = {"name", "id", "if", "env", "with", "uses", "run", "shell", "working-directory"}


@dataclass(frozen=True)
class Annotation:
    """What GitHub shows beside a line of a file."""

    file: str
    line: int
    column: int | None
    message: str
    severity: str = "error"


def jobs(path: Path) -> dict[str, Any]:
    """The jobs of a workflow of GitHub, by name."""
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    return found


def lines(job: Mapping[str, Any], **matrix: object) -> list[str]:
    """What the steps of a job run, for one cell of its matrix."""
    return [
        EXPRESSION.sub(lambda found: _value(found[1], matrix), step["run"]) for step in job["steps"] if "run" in step
    ]


def _value(expression: str, matrix: Mapping[str, object]) -> str:
    return str(matrix[expression.removeprefix("matrix.")])


def faults(path: Path) -> Iterator[str]:
    """What GitHub would refuse of a workflow, or what would be empty in it, as far as that can be seen from here."""
    whole = yaml.safe_load(path.read_text(encoding="utf-8"))
    if whole.get("permissions") != {"contents": "read"}:
        yield "more may be done with its token than to read"
    if True not in whole:  # YAML 1.1 reads the key `on` so
        yield "nothing starts it"
    for name, job in whole["jobs"].items():
        yield from (f"{name}: {fault}" for fault in _faults(job, whole["jobs"]))


def _faults(job: Mapping[str, Any], others: Mapping[str, Any]) -> Iterator[str]:
    if "runs-on" not in job:
        yield "no runs-on"
    needed = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
    yield from (f"needs {name}, which is not there" for name in needed if name not in others)
    for step in job["steps"]:
        yield from _faults_of_step(step)
    ids = {step["id"] for step in job["steps"] if "id" in step}
    for kind, name, output in re.findall(r"\b(matrix|needs|steps)\.(\w+)(?:\.outputs\.([\w-]+))?", json.dumps(job)):
        known = {
            "matrix": name in _axes(job),
            "needs": name in needed and output in others[name].get("outputs", {}),
            "steps": name in ids,
        }
        if not known[kind]:
            yield f"{kind}.{name} is not there"


def _faults_of_step(step: Mapping[str, Any]) -> Iterator[str]:
    if ("uses" in step) == ("run" in step) or not step.keys() <= KEYS:
        yield f"no step: {step}"
    if "uses" in step and step["uses"] not in ACTIONS:
        yield f"{step['uses']} is no action of ours"


def faults_of_action(path: Path) -> Iterator[str]:
    """What GitHub would refuse of a composite action, or what would be empty in it."""
    whole = yaml.safe_load(path.read_text(encoding="utf-8"))
    steps = whole["runs"]["steps"]
    for step in steps:
        yield from _faults_of_step(step)
        if "run" in step and "shell" not in step:
            yield f"no shell: {step}"
    known = {"inputs": whole["inputs"], "steps": {step["id"] for step in steps if "id" in step}}
    for kind, name in re.findall(r"\b(inputs|steps)\.([\w-]+)", json.dumps(steps)):
        if name not in known[kind]:
            yield f"{kind}.{name} is not there"


def resolved(text: str, values: Mapping[str, str]) -> str:
    """A text of a composite action with its expressions worked out; the first of ``a || b`` that is not empty."""

    def value(found: re.Match[str]) -> str:
        return next(filter(None, (values.get(each, "") for each in found[1].split(" || "))), "")

    return EXPRESSION.sub(value, text)


def _axes(job: Mapping[str, Any]) -> set[str]:
    matrix = job.get("strategy", {}).get("matrix", {})
    return {*(matrix.keys() - {"include"}), *(name for cell in matrix.get("include", []) for name in cell)}


def script(path: Path, job: str) -> list[str]:
    """What a job of GitLab runs."""
    found: list[str] = yaml.safe_load(path.read_text(encoding="utf-8"))[job]["script"]
    return found


def execute(line: str, directory: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """A line as GitHub runs it, its two streams in one."""
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", line],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


def annotated(path: Path, log: str) -> list[Annotation]:
    """What the problem matchers of a file make of a log, as GitHub's runner does it."""
    matchers = [matcher["pattern"] for matcher in json.loads(path.read_text(encoding="utf-8"))["problemMatcher"]]
    lines = log.splitlines()
    return [found for at in range(len(lines)) for matcher in matchers for found in _annotations(matcher, lines[at:])]


def _annotations(matcher: Sequence[Mapping[str, Any]], lines: Sequence[str]) -> Iterator[Annotation]:
    """Those that begin in the first line: a pattern for each line, and the last one again if it loops."""
    said: dict[str, str] = {}
    for pattern, line in zip([*matcher, *[matcher[-1]] * len(lines)], lines, strict=False):
        found = re.search(pattern["regexp"], line, re.ASCII)
        if found is None:
            return
        groups = ((name, found[group]) for name, group in pattern.items() if name not in ("regexp", "loop"))
        said |= {name: text for name, text in groups if text is not None}
        if pattern is matcher[-1]:
            column = int(said["column"]) if "column" in said else None
            # A severity that a line does not have is an error.
            yield Annotation(said["file"], int(said["line"]), column, said["message"], said.get("severity", "error"))
            if not pattern.get("loop"):
                return
