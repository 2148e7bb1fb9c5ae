"""Growth: what a table costs to adopt and to prove in a schema of a thousand, against one of ten.

    python -m bench.growth [--tables 10 100 1000]
    python -m bench.growth --tables 1000 --partitions 400 --workers 2    # one large schema

A schema of so many tables is written, alike but for its number of parts (`bench/schemas.py`). As a newcomer would, it
is adopted (`harness adopt`), and all that `adopt` wrote is proved at once (`harness test`). Given are for
each table the seconds of wall time, from the command to its end, and those of processor time of the tool in them,
each with the ratio to the smallest schema, and the most memory that the tool held. The load of the machine before
each run stands beside it: with more than one the wall time says little.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.measure import Cost, cost, machine, verdict, versions
from bench.schemas import GROUP, PARTITIONS, grown

WANTED = 1.5


@dataclass(frozen=True)
class Run:
    tables: int
    adopt: Cost
    test: Cost
    said: str
    load: float

    @property
    def wall(self) -> float:
        """Seconds for each table."""
        return (self.adopt.wall + self.test.wall) / self.tables

    @property
    def cpu(self) -> float:
        """Seconds of processor time for each table."""
        return (self.adopt.cpu + self.test.cpu) / self.tables


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="+", type=int, default=[10, 100, 1000], help=f"multiples of {GROUP}")
    parser.add_argument("--partitions", type=int, default=0, help=f"besides, a multiple of {PARTITIONS}")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    runs: list[Run] = []
    print(machine())
    print(versions())
    print(f"{'tables':>7} {'adopt s/table':>14} {'test s/table':>13} {'ratio':>6} {'cpu s/table':>12} {'ratio':>6}")
    for tables in given.tables:
        with tempfile.TemporaryDirectory(prefix="harness-growth-") as directory:
            root = Path(directory)
            root.chmod(0o755)
            run = _measured(root, tables, given.partitions, given.workers)
        runs.append(run)
        adopt, test = run.adopt.wall / tables, run.test.wall / tables
        print(
            f"{tables:>7} {adopt:>14.3f} {test:>13.3f} {run.wall / runs[0].wall:>6.2f}"
            f" {run.cpu:>12.3f} {run.cpu / runs[0].cpu:>6.2f}"
            f"   {run.adopt.megabytes:.0f} and {run.test.megabytes:.0f} MB, load {run.load:.1f};"
            f" adopted in {run.adopt.wall:.0f} s, first verdict after {run.test.first:.0f} s; {run.said}",
            flush=True,
        )
    ratio = runs[-1].wall / runs[0].wall
    title = f"adopt and test of a table among {runs[-1].tables:,} against one among {runs[0].tables}"
    print(verdict(title, ratio, WANTED, at_least=False))


def _measured(root: Path, tables: int, partitions: int, workers: int) -> Run:
    (root / "grown.sql").write_text(grown(tables, partitions))
    load = os.getloadavg()[0]
    adopt, _ = cost(root, "adopt", "grown.sql", "--name", "grown")
    test, said = cost(root, "test", "--seed", "1", "--workers", str(workers))
    last = said.splitlines()[-1]
    assert re.match(r"[\d,]+ proved, [\d,]+ present, 0 broken", last), f"not everything was proved: {last}"
    return Run(tables, adopt, test, last, load)


if __name__ == "__main__":
    main()
