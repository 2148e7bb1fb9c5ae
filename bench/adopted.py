"""A schema that somebody else wrote, adopted and proved: what was filled, what was proved, and why not the rest.

``python -m bench.adopted NAME=SOURCE… [--target system]``; a source is what ``harness adopt`` takes, several files
joined by commas, with ``base:FILE`` among them for SQL that comes first.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.measure import Cost, cost, machine


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("schemas", nargs="+", metavar="NAME=SOURCE[,SOURCE…]")
    parser.add_argument("--target", default="embedded")
    parser.add_argument("--workers", default="2")
    given = parser.parse_args(arguments)
    print(machine())
    broken = 0
    for each in given.schemas:
        name, _, sources = each.partition("=")
        with tempfile.TemporaryDirectory() as directory:
            broken += _one(name, sources.split(","), Path(directory), given.target, given.workers)
    return int(bool(broken))


def _one(name: str, sources: Sequence[str], root: Path, target: str, workers: str) -> int:
    adopt(name, sources, root, target)
    test = ("test", "--report", "json", "--seed", "1", "--workers", workers, "--target", target)
    tested, _ = cost(root, *test, codes=(0, 1))
    return _told(json.loads((root / ".harness/reports/report.json").read_text(encoding="utf-8")), tested)


def adopt(name: str, sources: Sequence[str], root: Path, target: str) -> None:
    """Adopts a schema into a directory, and says which tables were filled."""
    command = ["adopt", *(_source(each) for each in sources if not each.startswith("base:"))]
    for each in sources:
        command += ["--base", _source(each.removeprefix("base:"))] if each.startswith("base:") else []
    taken, adopted = cost(root, *command, "--name", name, "--target", target)
    print(f"\n{name}: adopted in {taken.wall:.1f} s, {taken.megabytes:.0f} MB")
    wanted = re.compile(r".* tables?, .* checks?$|.*could be filled.*|.*was found by trying.*|functions name.*")
    for line in adopted.splitlines():
        if wanted.fullmatch(line):
            print(f"  {line}")
    empty = adopted.partition("tables without rows")[2].splitlines()[1:]
    for line in (line for line in empty if line.startswith("  ")):
        print(f"    without rows: {line.strip()}")


def _source(text: str) -> str:
    return text if "://" in text else str(Path(text).absolute())


def _told(report: dict[str, Any], tested: Cost) -> int:
    counts = Counter(check["status"] for check in report["checks"])
    probes = sum(check["probes"] for check in report["checks"])
    listed = ", ".join(f"{counts[status]:,} {status}" for status in ("proved", "present", "broken", "unreliable"))
    print(f"  first verdict after {tested.first:.1f} s, {tested.megabytes:.0f} MB")
    print(f"  tested in {tested.wall:.1f} s: {len(report['checks']):,} checks, {probes:,} probes: {listed}")
    for check in report["checks"]:
        if check["status"] == "broken":
            print(f"    broken: {check['name']}: {check['counterexamples'][0]}")
    reasons = Counter(_reason(check["reason"]) for check in report["checks"] if check["reason"])
    for reason, count in reasons.most_common():
        print(f"    {count:>4} unreliable: {reason}")
    return counts["broken"]


def _reason(text: str) -> str:
    """The sort of reason, whatever it is about."""
    masked = "masked by triggers, of which no check says what they do"
    text = re.sub(r"'[^']+' was never seen: each time it met triggers? .*", masked, text)
    text = re.sub(r"no values found for which .*", "no values found for the rows that it speaks of", text)
    return re.sub(r"(; )?triggers? .*, of which no check says.*", " (a trigger)", text)


if __name__ == "__main__":
    raise SystemExit(main())
