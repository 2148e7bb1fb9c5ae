"""The guard of a refactoring: what the checks say, of this repository and of adopted schemas, before and after it.

    python -m bench.unchanged record BEFORE lemmy=lemmy.sql koji=koji.sql
    … change the tool …
    python -m bench.unchanged record AFTER lemmy=lemmy.sql koji=koji.sql
    python -m bench.unchanged compare BEFORE AFTER --renamed renamed.yml

``record`` proves this repository's project, adopts each schema as ``harness adopt`` does, and proves it, all with one
seed. It writes ``<name>.json``, the report without seconds, line numbers and the server's version, and ``<name>.yml``,
the check files that ``adopt`` wrote. ``compare`` rewrites the older ones by the table of renamed words (YAML:
regular expression to replacement) and prints the lines that differ; exit 1 if there are any.
"""

from __future__ import annotations

import argparse
import difflib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
HARNESS = Path(sys.executable).with_name("harness")
OWN = "this repository"
PROJECT = ("project.yml", "schema", "seeds", "checks")
SHOWN = 60
"""Lines that differ are printed up to so many for each file."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    record = commands.add_parser("record")
    record.add_argument("directory", type=Path)
    record.add_argument("schemas", nargs="*", metavar="NAME=FILE")
    record.add_argument("--target", default="embedded")
    record.add_argument("--without-own", action="store_true", help="leave this repository's project out")
    compare = commands.add_parser("compare")
    compare.add_argument("before", type=Path)
    compare.add_argument("after", type=Path)
    compare.add_argument("--renamed", type=Path)
    given = parser.parse_args(arguments)
    if given.command == "compare":
        return _compare(given.before, given.after, given.renamed)
    schemas = dict(each.split("=", 1) for each in given.schemas)
    _record(given.directory.absolute(), schemas, given.target, own=not given.without_own)
    return 0


def _record(directory: Path, schemas: dict[str, str], target: str, *, own: bool) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    (directory / "projects").mkdir(parents=True)
    if own:
        root = directory / "projects" / "own"
        root.mkdir()
        for part in PROJECT:
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            copy(ROOT / part, root / part)
        _prove(directory / "own.json", root, target)
    for name, source in schemas.items():
        root = directory / "projects" / name
        root.mkdir()
        _run(root, "adopt", str(Path(source).absolute()), "--name", name, "--target", target)
        written = (path.read_text(encoding="utf-8") for path in sorted((root / "checks").rglob("*.yml")))
        (directory / f"{name}.yml").write_text("\n".join(written), encoding="utf-8")
        _prove(directory / f"{name}.json", root, target)


def _prove(to: Path, root: Path, target: str) -> None:
    _run(root, "test", "--report", "json", "--seed", "1", "--workers", "2", "--quiet", "--target", target)
    report = json.loads((root / ".harness/reports/report.json").read_text(encoding="utf-8"))
    to.write_text(json.dumps(_timeless(report), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(to.stem, {status: count for status, count in report["totals"].items() if count}, flush=True)


def _run(root: Path, *arguments: str) -> None:
    found = subprocess.run([HARNESS, *arguments], cwd=root, capture_output=True, text=True, check=False)
    if found.returncode == 2:
        raise SystemExit(f"{' '.join(arguments)}:\n{found.stderr}")


def _timeless(value: Any) -> Any:
    """The report without what differs from run to run, or with a line more in a file."""
    if isinstance(value, dict):
        dropped = {"seconds", "server", "line", "column"}
        return {key: _timeless(each) for key, each in value.items() if key not in dropped}
    return [_timeless(each) for each in value] if isinstance(value, list) else value


def _compare(before: Path, after: Path, renamed: Path | None) -> int:
    words = yaml.safe_load(renamed.read_text(encoding="utf-8")) if renamed else {}
    names = sorted({path.name for directory in (before, after) for path in directory.glob("*.*")})
    differing = 0
    for name in names:
        if not (before / name).exists() or not (after / name).exists():
            print(f"{name}: only in one of them")
            differing += 1
            continue
        old = (before / name).read_text(encoding="utf-8")
        for pattern, replacement in words.items():
            old = re.sub(pattern, replacement, old, flags=re.MULTILINE)
        lines = list(_differing(old, (after / name).read_text(encoding="utf-8")))
        differing += bool(lines)
        print(f"{name}: {len(lines)} lines differ" if lines else f"{name}: the same")
        for line in lines[:SHOWN]:
            print(f"  {line}")
    return int(differing > 0)


def _differing(old: str, new: str) -> Iterator[str]:
    for line in difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=0):
        if line[:1] in "+-" and line[:3] not in ("---", "+++"):
            yield line


if __name__ == "__main__":
    raise SystemExit(main())
