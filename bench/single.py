"""``harness test`` of one check on a server that runs already, against ``harness --version``.

    python -m bench.single [--repetitions 7]

What somebody waits for who works on one rule: the project is the one that ``harness init`` writes, its template is
there, and so is the server, as after ``harness server start``. The third contender says how much of it is out of our
hands: it only imports psycopg, Hypothesis and PostgreSQL's parser.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from bench import measure
from harness import scaffold
from harness.server import binaries
from harness.server.cluster import cluster

IMPORTS = "import psycopg, hypothesis.strategies, postgast"
CHECK = "shop.orders.check.orders_total_not_negative"
GOAL = 4.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=7)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="harness-bench-") as directory:
        base, root = Path(directory), Path(directory) / "demo"
        base.chmod(0o755)
        scaffold.write(root)
        with cluster(binaries.embedded(), base / "data") as server:
            test = partial(_seconds, root, base / "data", "test", "--select", CHECK, "--seed", "1")
            version = partial(_seconds, root, base / "data", "--version")
            imports = partial(subprocess.run, [sys.executable, "-c", IMPORTS], check=True)
            test()  # the template is built, and what Python compiles once is compiled by now
            print(measure.machine())
            print(measure.versions([server.description]))
            found = measure.interleaved({"test": test, "version": version, "imports": imports}, arguments.repetitions)
    ratio, floor = (measure.ratio(found[name], found["version"]) for name in ("test", "imports"))
    print(*found.values(), f"ratio {ratio}, of which imports {floor}", sep="\n")
    print(measure.verdict("one check, test against --version", ratio.value, GOAL, at_least=False))


def _seconds(root: Path, data: Path, *arguments: str) -> float:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [str(Path(sys.executable).with_name("harness")), *arguments]
    started = time.perf_counter()
    done = subprocess.run(
        command, cwd=root, env={**environment, "HARNESS_DATA": str(data)}, capture_output=True, text=True
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"harness {arguments[0]} failed: {done.stderr or done.stdout}")
    return seconds


if __name__ == "__main__":
    main()
