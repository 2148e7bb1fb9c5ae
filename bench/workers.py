"""Two workers against one, on one project and machine.

    python -m bench.workers [directory of a project]

`harness test` is run in it (by default in this repository) once for the durations, then with one worker and with two,
three times by turns. Given is the wall time of whole runs, from the command to its end, the median of each, and
their ratio; the load of the machine before each run stands beside it. It takes two idle cores to show anything: the
server works, too, and what it takes is the same with two workers.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

HARNESS = Path(sys.executable).with_name("harness")
ROUNDS = 3
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


def main(root: Path) -> None:
    run(root, 1)
    rounds = [(run(root, 1), run(root, 2)) for _ in range(ROUNDS)]
    one, two = (median(times) for times in zip(*rounds, strict=True))
    print(f"ratio {one / two:.2f}, wanted {WANTED} ({len(os.sched_getaffinity(0))} cores)")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1])
