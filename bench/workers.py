"""Two workers against one, on one project and machine.

    python -m bench.workers [directory of a project] [--rounds 3]

`harness test` is run in it (by default in this repository) once for the durations, then with one worker and with two,
by turns. Given is the wall time of whole runs, from the command to its end, the median of each, and
their ratio; the load of the machine before each run stands beside it. It takes two idle cores to show anything: the
server works, too, and what it takes is the same with two workers.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from bench.measure import machine, verdict

HARNESS = Path(sys.executable).with_name("harness")
WANTED = 1.6


def run(root: Path, workers: int) -> float:
    """The seconds that a run takes."""
    load = os.getloadavg()[0]
    started = time.perf_counter()
    command: list[str] = [str(HARNESS), "test", "--seed", "1", "--workers", str(workers)]
    subprocess.run(command, cwd=root, stdout=subprocess.DEVNULL, check=False)
    seconds = time.perf_counter() - started
    print(f"{workers} worker{'s' if workers > 1 else ' '} {seconds:>8.1f} s   load before {load:.1f}", flush=True)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", nargs="?", type=Path, default=Path(__file__).parents[1], help="its directory")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(machine())
    run(given.project, 1)
    rounds = [(run(given.project, 1), run(given.project, 2)) for _ in range(given.rounds)]
    one, two = (median(times) for times in zip(*rounds, strict=True))
    print(verdict(f"one worker against two on {len(os.sched_getaffinity(0))} cores", one / two, WANTED, at_least=True))


if __name__ == "__main__":
    main()
