"""Probes per second of ``harness test``, against a bare loop on the server and against pgTAP.

Prints figures and ratios from one run on one machine; ``bench/README.md`` says what each of them is.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from bench.bare import Bare
from bench.tap import Tap, find
from harness import declarations
from harness.kinds import KINDS
from harness.probes import Scenario, Session
from harness.project.load import load
from harness.project.model import Project
from harness.proving.prover import Effort, Prover
from harness.scratch.workspaces import Workspace, workspace
from harness.server.targets import open_server, resolve

HERE = Path(__file__).parent
PROFILE = "bench"
TAPPED = 4000
"""Statements given to pgTAP: it takes them one after the other, so more of them only take longer."""

CHILD = """
import atexit, pathlib, re
status = pathlib.Path("/proc/self/status")
atexit.register(lambda: pathlib.Path("peak").write_text(re.search(r"VmHWM:\\s*(\\d+)", status.read_text())[1]))
from harness.cli import main
main()
"""
"""``harness`` that leaves its peak of memory in kB: what the system says of a child counts its parent's, too."""


@dataclass(frozen=True)
class Report:
    """What ``harness test`` said of itself, and what it took."""

    probes: int
    seconds: float
    peak: int

    @property
    def rate(self) -> float:
        return self.probes / self.seconds


def main() -> None:
    arguments = _arguments()
    for name in arguments.tables:
        with _copy(name, arguments.scenarios) as root:
            _measure(name, root, arguments.target, arguments.rounds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", default="embedded", help="embedded, system, or a connection string")
    parser.add_argument("--tables", nargs="+", default=["narrow", "wide"], choices=["narrow", "wide"])
    parser.add_argument("--scenarios", type=int, default=2000, help="of each check")
    parser.add_argument("--rounds", type=int, default=3, help="each figure is the best of so many")
    return parser.parse_args()


@contextmanager
def _copy(name: str, scenarios: int) -> Iterator[Path]:
    """The project in a directory of its own, with profiles for the runs."""
    with tempfile.TemporaryDirectory(prefix="harness-bench-") as directory:
        root = Path(directory) / name
        shutil.copytree(HERE / "projects" / name, root, ignore=shutil.ignore_patterns(".harness"))
        settings = root / "project.yml"
        profiles = (
            f"  {PROFILE}: {{scenarios: {scenarios}, seed: 0}}\n  fewer: {{scenarios: {scenarios // 10}, seed: 0}}\n"
        )
        settings.write_text(settings.read_text().split("profiles:")[0] + "profiles:\n" + profiles)
        yield root


def _measure(name: str, root: Path, target: str, rounds: int) -> None:
    project = load(root)
    print(f"\n{name}: {_columns(project)}")
    with open_server(project, resolve(project, target, os.environ)) as server:
        dsn = " ".join(f"{key}='{value}'" for key, value in server.conninfo.items())
        with workspace(server, project, project.modules) as databases:
            scenarios, catalog, worked = _recorded(project, databases)
            with databases.connect(databases.clone()) as connection:
                bare = Bare(connection, catalog, scenarios)
                bare.build()
                fewer = _test(root, dsn, "fewer")
                before = _processor(connection)
                bare.run()
                alone = _processor(connection) - before
                tests, loops = [], []
                for _ in range(rounds):
                    tests.append(_test(root, dsn, PROFILE))
                    loops.append(_timed(bare.run))
            test = max(tests, key=lambda each: each.rate)
            loop = bare.tried / min(loops)
            print(f"  {server.description}: {test.probes:,} probes, best of {rounds}")
            _line("harness test, end to end after start-up", test.rate)
            _line(f"bare loop ({bare.tried:,} rows, {bare.left_out} left out)", loop, test.rate, 0.7)
            print(
                f"  {'the same in processor time, nothing at once':60}{worked:10,.1f} s   ratio {alone / worked:6.2f}"
            )
            growth = (test.peak - fewer.peak) / 1024
            more = f"{growth:+.1f} for {test.probes / fewer.probes:.1f} times the probes"
            print(f"  {'memory, peak':60}{test.peak / 1024:10,.0f} MB  {more}")
            extension = find()
            if extension is None:
                print("  pgTAP is not installed (apt-get install postgresql-15-pgtap)")
                return
            with databases.connect(databases.clone()) as connection:
                tap = Tap(connection, extension, scenarios, TAPPED)
                singly = tap.count / min(_timed(tap.one_by_one) for _ in range(rounds))
                at_once = tap.count / min(_timed(tap.as_a_set) for _ in range(rounds))
                _line(f"pgTAP, one statement each ({tap.failed} of {tap.count:,} not ok)", singly, test.rate, 8)
                _line("pgTAP, set-based", at_once, test.rate, 4)


def _columns(project: Project) -> str:
    declared = declarations.read(project, KINDS)
    return f"{len(declared)} checks"


def _line(what: str, rate: float, against: float | None = None, goal: float | None = None) -> None:
    ratio = "" if against is None else f"  ratio {against / rate:6.2f}, goal {goal}"
    print(f"  {what:60}{rate:10,.0f} /s{ratio}")


def _timed(run: Callable[[], Any]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def _processor(connection: Any) -> float:
    """Seconds that a backend on this machine has worked; 0 for one elsewhere."""
    stat = Path(f"/proc/{connection.info.backend_pid}/stat")
    words = stat.read_text().rsplit(")", 1)[1].split() if stat.exists() else ["0"] * 13
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _recorded(project: Project, databases: Workspace) -> tuple[list[Scenario], Any, float]:
    """What a run of the profile tries, and the processor time of both sides: the same seed draws the same."""
    found: list[Scenario] = []
    run = Session.run

    def recorded(session: Session, scenarios: Any) -> Any:
        found.extend(scenarios)
        return run(session, scenarios)

    profile = project.profile(PROFILE)
    declared = declarations.read(project, KINDS)
    with (
        mock.patch.object(Session, "run", recorded),
        Prover(declared, project, databases, Effort.of(profile, profile.seed)) as prover,
    ):
        started = time.process_time() + _processor(prover.database.trying)
        for check in declared:
            outcome = prover.prove(check)
            assert outcome.status.green, (outcome.name, outcome)
        worked = time.process_time() + _processor(prover.database.trying) - started
        return found, prover.catalog, worked


def _test(root: Path, dsn: str, profile: str) -> Report:
    """``harness test`` in a process of its own."""
    command = [sys.executable, "-c", CHILD, "test"]
    usual = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    done = subprocess.run(
        [*command, "--profile", profile, "--report", "json", "--target", dsn],
        cwd=root,
        env=usual,
        stdout=subprocess.DEVNULL,
    )
    assert done.returncode == 0, "harness test failed"
    totals = json.loads((root / ".harness" / "reports" / "report.json").read_text())["totals"]
    return Report(totals["probes"], totals["seconds"], int((root / "peak").read_text()))


if __name__ == "__main__":
    main()
