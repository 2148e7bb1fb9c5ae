"""Types of a schema that somebody else wrote: what they state, what not and why, and whether they agree with it.

``python -m bench.agreed NAME=SOURCE… [--rows 60] [--target system]``; a source is what ``bench.adopted`` takes. Zod for
both drivers and Pydantic are proved. Zod takes the npm packages ``zod`` and ``pg-types``: ``--packages`` names the
``node_modules`` that has them.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.adopted import adopt
from bench.measure import cost, machine
from harness import declarations
from harness.kinds import KINDS
from harness.kinds.columns import ColumnsKind
from harness.project.load import load

OUTPUTS = """
types:
  - {language: typescript, path: types/typescript}
  - {language: zod, path: types/zod}
  - {language: zod, path: types/json, driver: postgrest}
  - {language: pydantic, path: types/models}
"""
BETWEEN_ROWS = re.compile(r": it is between rows|^trigger: ")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("schemas", nargs="+", metavar="NAME=SOURCE[,SOURCE…]")
    parser.add_argument("--target", default="embedded")
    parser.add_argument("--rows", default="60")
    parser.add_argument("--packages", type=Path, default=Path(".venv/node/node_modules"))
    given = parser.parse_args(arguments)
    print(machine())
    differ = 0
    for each in given.schemas:
        name, _, sources = each.partition("=")
        with tempfile.TemporaryDirectory() as directory:
            adopt(name, sources.split(","), Path(directory), given.target)
            differ += _proved(Path(directory), given)
    return int(bool(differ))


def _proved(root: Path, given: argparse.Namespace) -> int:
    (root / "node_modules").symlink_to(given.packages.absolute())
    with (root / "project.yml").open("a", encoding="utf-8") as settings:
        settings.write(OUTPUTS)
    arguments = ["types", "--prove", "--rows", given.rows, "--report", "json", "--target", given.target]
    taken, _ = cost(root, *arguments, codes=(0, 1))
    print(f"  written and proved in {taken.wall:.0f} s")
    return told(root, json.loads((root / ".harness/reports/types.json").read_text(encoding="utf-8")))


def told(root: Path, report: Mapping[str, Any]) -> int:
    """Says what a report has, and returns the number of tables on which a language differs."""
    columns = {
        str(each.table): {column.name for column in each.rule.columns}
        for each in declarations.read(load(root), KINDS)
        if isinstance(each.rule, ColumnsKind)
    }
    outputs = [each for each in report["outputs"] if each["tables"]]
    for output in outputs:
        tables = output["tables"]
        stated = sum("(" not in name for each in tables for name in (*each["not_broken"], *each["broken"]))
        unstated = _unstated(output["not_stated"], columns)
        agree, differ = (sum(map(bool, (each[key] for each in tables))) for key in ("agrees", "disagreements"))
        accepted, refused = (sum(each[key] for each in tables) for key in ("accepted", "refused"))
        print(
            f"  {output['language']} for {output['driver']}: {len(tables)} tables, {stated} CHECKs stated and"
            f" {len(unstated)} not; {agree} agree, {differ} differ, {len(tables) - agree - differ} not proved;"
            f" {accepted:,} rows accepted, {refused:,} refused"
        )
        for reason, count in Counter(unstated).most_common():
            print(f"    {count:>4} not stated: {reason}")
        for each in tables:
            for text in each["disagreements"][:1]:
                print(f"    differs: {text}")
            if not (each["agrees"] or each["disagreements"]):
                print(f"    not proved: {each['table']}: {each['unfillable'] or ', '.join(each['not_broken'])}")
    return sum(bool(each["disagreements"]) for output in outputs for each in output["tables"])


def _unstated(lines: Sequence[Mapping[str, str]], columns: Mapping[str, set[str]]) -> list[str]:
    """The sort of reason for each CHECK that is not stated; other lines are about columns, or what is between rows."""
    found = {
        (each["table"], each["subject"]): _sort(each["reason"])
        for each in lines
        if each["table"] in columns and each["subject"] not in columns[each["table"]]
        if not BETWEEN_ROWS.search(each["reason"])
    }
    return list(found.values())


def _sort(reason: str) -> str:
    """The sort of a reason, whatever it is about."""
    reason = re.sub(r"the (\w+) characters of a pattern are .*", r"a pattern with all \1 characters of Unicode", reason)
    return re.sub(r"it calls (?:\w+\.\w+)\(\)", "it calls a function of its own", reason)


if __name__ == "__main__":
    raise SystemExit(main())
