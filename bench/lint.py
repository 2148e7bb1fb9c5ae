"""``harness lint`` of all migrations of this project, and of each file alone, against ``sqlfluff lint`` of the same.

    python -m bench.lint [--repetitions 5]

sqlfluff runs with its own rules alone, so the ratio has the house rules in it, and what PostgreSQL's parser is asked.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from functools import partial
from pathlib import Path

from bench import measure

ROOT = Path(__file__).parents[1]
GOAL = 1.3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5)
    repetitions = parser.parse_args().repetitions
    longest = max((ROOT / "schema").rglob("*.sql"), key=lambda path: path.stat().st_size)
    print(measure.machine())
    print(measure.versions())
    for title, path in (("all migrations", ROOT / "schema"), (f"the longest, {longest.name}", longest)):
        ours = partial(_run, "harness", "lint", str(path))
        theirs = partial(_run, "sqlfluff", "lint", "--rules", "all", str(path))
        found = measure.interleaved({"harness": ours, "sqlfluff": theirs}, repetitions)
        print(*found.values(), sep="\n")
        ratio = measure.ratio(found["harness"], found["sqlfluff"])
        print(measure.verdict(f"{title}, harness against sqlfluff", ratio.value, GOAL, at_least=False))


def _run(program: str, *arguments: str) -> None:
    """Runs a program of this environment; what it finds does not matter."""
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{program} failed: {done.stderr or done.stdout}")


if __name__ == "__main__":
    main()
