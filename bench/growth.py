"""Growth: what a table takes in a schema of a thousand, against one of ten.

    python -m bench.growth [tables …]

Projects of so many tables are made, alike but for their number (`bench/grown.py`), and `harness test --workers 1` is
run in each, twice: the first run also applies the migrations. Given are seconds of wall time and of the tool's own CPU
time for each table in the second run, the ratio to the smallest project, and the most memory the tool ever held.
The load of the machine before each run stands beside it: with more than one the wall time says little.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench import grown

HARNESS = Path(sys.executable).with_name("harness")
WANTED = 1.5


@dataclass(frozen=True)
class Run:
    tables: int
    wall: float
    cpu: float
    megabytes: float
    load: float


def measure(root: Path, tables: int) -> Run:
    """The second run in a project."""
    command: list[str] = [str(HARNESS), "test", "--seed", "1", "--workers", "1"]
    subprocess.run(command, cwd=root, stdout=subprocess.DEVNULL, check=True)
    load = os.getloadavg()[0]
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, "not everything was proved"
    wall = time.perf_counter() - started
    return Run(tables, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, load)


def main(sizes: list[int]) -> None:
    first: Run | None = None
    print(f"{'tables':>7} {'wall s/table':>13} {'ratio':>6} {'cpu s/table':>12} {'ratio':>6} {'MB':>6} {'load':>5}")
    for tables in sizes:
        with tempfile.TemporaryDirectory(prefix="harness-growth-") as directory:
            root = Path(directory)
            root.chmod(0o755)
            grown.write(root, tables)
            run = measure(root, tables)
        first = first or run
        walls, cpus = (value / run.tables for value in (run.wall, run.cpu))
        ratios = walls / (first.wall / first.tables), cpus / (first.cpu / first.tables)
        print(
            f"{tables:>7} {walls:>13.3f} {ratios[0]:>6.2f} {cpus:>12.3f} {ratios[1]:>6.2f}"
            f" {run.megabytes:>6.0f} {run.load:>5.1f}",
            flush=True,
        )
    print(f"wanted: a ratio of at most {WANTED} at 1,000 tables")


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [10, 100, 1000])
