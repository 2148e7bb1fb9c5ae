"""A schema that somebody else wrote, adopted and proved: what was filled, what was proved, and why not the rest.

``python -m bench.adopted NAME=SOURCE… [--target system]``; a source is what ``harness adopt`` takes, several files
joined by commas, with ``base:FILE`` among them for SQL that comes first.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.measure import machine

HARNESS = Path(sys.executable).with_name("harness")


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
    _, seconds = run(root, ["test", "--report", "json", "--seed", "1", "--workers", workers, "--target", target])
    return _told(json.loads((root / ".harness/reports/report.json").read_text(encoding="utf-8")), seconds)


def adopt(name: str, sources: Sequence[str], root: Path, target: str) -> None:
    """Adopts a schema into a directory, and says which tables were filled."""
    command = ["adopt", *(_source(each) for each in sources if not each.startswith("base:"))]
    for each in sources:
        command += ["--base", _source(each.removeprefix("base:"))] if each.startswith("base:") else []
    adopted, seconds = run(root, [*command, "--name", name, "--target", target])
    print(f"\n{name}: adopted in {seconds:.1f} s")
    wanted = re.compile(r".* tables?, .* rules?$|.*could be filled.*|.*was found by trying.*|functions name.*")
    for line in adopted.splitlines():
        if wanted.fullmatch(line):
            print(f"  {line}")
    empty = adopted.partition("tables without rows")[2].splitlines()[1:]
    for line in (line for line in empty if line.startswith("  ")):
        print(f"    without rows: {line.strip()}")


def _source(text: str) -> str:
    return text if "://" in text else str(Path(text).absolute())


def run(root: Path, arguments: Sequence[str]) -> tuple[str, float]:
    """Runs the program, and returns what it says and how long it took."""
    started = time.perf_counter()
    found = subprocess.run([HARNESS, *arguments], cwd=root, capture_output=True, text=True, check=False)
    if found.returncode == 2:
        raise SystemExit(found.stderr)
    return found.stdout, time.perf_counter() - started


def _told(report: dict[str, Any], seconds: float) -> int:
    counts = Counter(check["status"] for check in report["checks"])
    probes = sum(check["probes"] for check in report["checks"])
    listed = ", ".join(f"{counts[status]:,} {status}" for status in ("proved", "present", "broken", "unreliable"))
    print(f"  tested in {seconds:.1f} s: {len(report['checks']):,} checks, {probes:,} probes: {listed}")
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
