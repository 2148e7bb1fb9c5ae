"""Any executor will do: threads of this process, workers of a Dask cluster with servers of their own."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

from harness import declarations
from harness.errors import WorkerError
from harness.kinds import KINDS
from harness.outcome import Outcome
from harness.project.load import load
from harness.proving.prover import Effort, run
from harness.scratch.workspaces import workspace
from harness.server import binaries
from harness.server.cluster import cluster
from harness.server.connection import Server
from harness.workers import Durations, Job, SharedServer, Work, chunks, job, prove
from harness.workers.job import release, versions
from tests.cli.conftest import CHECKS, DOWN, SETTINGS, UP, Cli, ended, scratch_databases
from tests.proving.planted import SITECUSTOMIZE


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "project.yml": SETTINGS.format(name="crew"),
        "schema/app/001_items.up.sql": UP,
        "schema/app/001_items.down.sql": DOWN,
        "seeds/app/items.csv": "id,amount\n1,2\n",
        "checks/app/items.yml": CHECKS,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def timeless(outcomes: list[Outcome]) -> list[Outcome]:
    return [replace(outcome, seconds=0.0) for outcome in outcomes]


def shared(root: Path, server: Server, executor: Executor) -> tuple[list[Outcome], list[Outcome]]:
    """What one prover finds, and what an executor finds on the same server."""
    project = load(root)
    checks = declarations.read(project, KINDS)
    effort = Effort(3, 1)
    with workspace(server, project, project.modules) as space:
        alone = list(run(checks, checks, project, space, effort))
        work = Work.of(Job(project, ("app",), checks, checks, effort, SharedServer(server, space.run)))
        try:
            placed = list(prove(executor, work, chunks(checks, Durations(), 3)))
        finally:
            release(work.key)
    return timeless(alone), timeless([outcome for _, outcome in sorted(placed, key=itemgetter(0))])


def test_threads_find_the_same(root: Path, server: Server) -> None:
    with ThreadPoolExecutor(3) as executor:
        alone, found = shared(root, server, executor)
    assert found == alone
    assert scratch_databases(server) == []


class _Backwards(Executor):
    """Does nothing until the last piece of work is there, and begins with that."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.asked: list[tuple[Future[Any], Any, Any]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.asked.append((Future(), fn, args))
        if len(self.asked) == self.count:
            for future, work, given in reversed(self.asked):
                future.set_result(work(*given))
        return self.asked[-1][0]


def test_the_places_are_those_of_the_run_whoever_is_ready_first(root: Path, server: Server) -> None:
    checks = declarations.read(load(root), KINDS)
    alone, found = shared(root, server, _Backwards(len(chunks(checks, Durations(), 3))))
    assert [outcome.name for outcome in found] == [outcome.name for outcome in alone]
    assert found == alone


def test_other_versions_are_refused(root: Path, server: Server) -> None:
    project = load(root)
    job = Job(project, ("app",), (), (), Effort(1, 1), SharedServer(server, "00000000"))
    work = replace(Work.of(job), made_with="constraint-harness 0.0.1")
    with pytest.raises(WorkerError) as caught:
        work.job()
    assert f"a worker has {versions()}, and this machine constraint-harness 0.0.1" in str(caught.value)


def test_a_project_travels_with_its_files(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "there"))
    (tmp_path / "there").mkdir()
    project = load(root)
    moved = job.unpack(project, job.pack(project))
    assert moved.root != project.root
    migration, seed = moved.modules[0].migrations[0], moved.modules[0].seeds[0]
    assert migration.down is not None
    for path, name in ((migration.up, "schema/app/001_items.up.sql"), (seed.path, "seeds/app/items.csv")):
        assert path.is_relative_to(moved.root)
        assert path.read_bytes() == (root / name).read_bytes()
    (root / "schema/app/001_items.up.sql").write_text(UP + "-- changed\n")
    again = job.unpack(project, job.pack(project))
    assert again.root == moved.root  # one private server for both
    assert again.modules[0].migrations[0].up.read_text().endswith("-- changed\n")
    assert migration.up.read_text() == UP


def test_a_directory_of_somebody_else_is_not_used(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = tmp_path / "there"
    there.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(there))
    (there / f"harness-workers-{os.getuid()}").symlink_to(tmp_path)
    project = load(root)
    with pytest.raises(WorkerError, match="belongs to somebody else"):
        job.unpack(project, job.pack(project))


@dataclass(frozen=True)
class _Started:
    process: subprocess.Popen[bytes]
    log: Path

    def said(self, pattern: str) -> str:
        ends = time.monotonic() + 60
        while (found := re.search(pattern, self.log.read_text())) is None:
            assert self.process.poll() is None and time.monotonic() < ends, self.log.read_text()
            time.sleep(0.1)
        return found[1]


_numbers = itertools.count()


@pytest.fixture
def dask(tmp_path: Path, cluster_base: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler and two workers of one thread each, as processes of their own; its address."""
    pytest.importorskip("distributed")
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "HARNESS", "PYTEST"))}
    base = cluster_base / "workers"
    base.mkdir(exist_ok=True)
    environment = {**ours, "TMPDIR": str(base), "HARNESS_DATA": str(base), "DASK_TEMPORARY_DIRECTORY": str(tmp_path)}

    def start(module: str, *arguments: str) -> _Started:
        log = tmp_path / f"{module}-{next(_numbers)}.log"
        with log.open("w") as file:
            command = [sys.executable, "-m", "dask", module, *arguments]
            process = subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=file, stdout=subprocess.DEVNULL)
        return _Started(process, log)

    scheduler = start("scheduler", "--port", "0", "--no-dashboard", "--host", "127.0.0.1")
    started = [scheduler]
    try:
        address = scheduler.said(r"Scheduler at:\s+(tcp://\S+)")
        workers = [
            start("worker", address, "--nthreads", "1", "--no-dashboard", "--no-nanny", "--host", "127.0.0.1")
            for _ in range(2)
        ]
        started += workers
        for worker in workers:
            worker.said(r"(Registered to)")
        yield address, [worker.process for worker in workers]
    finally:
        for each in reversed(started):
            each.process.terminate()
            each.process.wait(timeout=60)
        # Where a worker was killed, the next user of its server is the last.
        with cluster(binaries.embedded(), base):
            pass


def outcomes(cli: Cli) -> list[dict[str, Any]]:
    report = json.loads((cli.root / ".harness/reports/report.json").read_text())
    return [{key: value for key, value in check.items() if key != "seconds"} for check in report["checks"]]


def test_a_dask_cluster_finds_the_same(cli: Cli, dask: tuple[str, list[subprocess.Popen[bytes]]]) -> None:
    address, _ = dask
    cli.replace("schema/app/001_items.up.sql", "amount > 0", "amount > 1")
    found = []
    for arguments in (("--workers", "1"), ("--scheduler", address), ("--scheduler", address, "--fail-fast")):
        done = cli.run("test", "--seed", "1", "--report", "json", *arguments, PYTHONWARNINGS="default")
        assert done.returncode == 1, done
        found.append(outcomes(cli))
    assert found[0] == found[1]
    assert {check["status"] for check in found[0]} >= {"proved", "broken"}
    assert found[2] == found[0][: len(found[2])]
    assert [check["status"] in ("proved", "present") for check in found[2]].index(False) == len(found[2]) - 1


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has every process that is started from here on meet a bug in one check."""
    directory = tmp_path / "planted"
    directory.mkdir()
    (directory / "sitecustomize.py").write_text(SITECUSTOMIZE)
    monkeypatch.setenv("PYTHONPATH", str(directory))


def test_a_bug_costs_one_check_on_a_dask_cluster_too(
    planted: None, cli: Cli, dask: tuple[str, list[subprocess.Popen[bytes]]]
) -> None:
    address, _ = dask
    found = []
    for arguments in (("--workers", "1"), ("--scheduler", address)):
        command = ("test", "--seed", "1", "--report", "json", *arguments)
        done = cli.run(*command, PYTHONWARNINGS="default", PYTHONPATH=os.environ["PYTHONPATH"])
        assert done.returncode == 2, done
        found.append(outcomes(cli))
    assert found[0] == found[1]
    assert [check["status"] for check in found[0]].count("error") == 1
    assert {check["status"] for check in found[0]} == {"proved", "present", "error"}


def test_a_dask_cluster_that_loses_its_workers_is_told(
    cli: Cli, dask: tuple[str, list[subprocess.Popen[bytes]]]
) -> None:
    address, workers = dask
    cli.replace("project.yml", "dev: {scenarios: 2}", "dev: {scenarios: 5000}")
    with cli.start("test", "--scheduler", address) as running:
        assert running.stdout is not None
        running.stdout.readline()
        for worker in workers:
            worker.kill()
        _, said = ended(running)
    assert (running.returncode, "Traceback" in said) == (2, False)
    assert said.startswith("a worker ended in the middle of its work")
