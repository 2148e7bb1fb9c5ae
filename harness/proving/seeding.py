"""The outcomes of seed files with rows that the schema refuses; checks are proved without those rows.

Not here: which rows are left out (``seeds/tolerant.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from harness.catalog.grouping import grouped
from harness.errors import Place
from harness.outcome import Counterexample, Outcome, Status
from harness.probes import ServerError
from harness.seeds.tolerant import RefusedRows

KIND = "seeds"


def outcomes(left_out: Sequence[RefusedRows]) -> list[Outcome]:
    """One outcome for each file with rows left out; rows left out because of others are told with the first file."""
    causes = grouped((each.path, each) for each in left_out if not each.follow)
    consequences = [
        Counterexample("what refers to them is loaded too", f"left out with them: {each.path} {_lines(each)}")
        for each in left_out
        if each.follow
    ]
    found = []
    for number, (path, rules) in enumerate(causes.items()):
        lines = [line for rule in rules for line in rule.lines]
        subject = _below(rules[0].module, path)
        found.append(
            Outcome(
                name=f"{rules[0].module}.{KIND}.{subject}",
                kind=KIND,
                subject=subject,
                module=rules[0].module,
                table=None,
                place=Place(Path(path), min(lines, default=1)),
                status=Status.BROKEN,
                counterexamples=(*map(_refused, rules), *(() if number else consequences)),
            )
        )
    return found


def _below(module: str, path: str) -> str:
    """``orders.csv`` of ``seeds/shop/orders.csv``."""
    parts = PurePosixPath(path).parts
    return "/".join(parts[parts.index(module) + 1 :]) if module in parts[:-1] else path


def _refused(left: RefusedRows) -> Counterexample:
    refusal = ServerError(left.sqlstate, column=left.column, constraint=left.constraint, message=left.message)
    if not left.lines:
        return Counterexample("its rows accepted", f"{refusal}: the file is left out")
    return Counterexample(f"{_lines(left)} accepted", str(refusal))


def _lines(left: RefusedRows) -> str:
    """``line 3``, ``lines 3 and 4``, ``lines 3, 4, 5, 6, 7 and 12 more``."""
    named = list(map(str, left.lines))
    if left.rows > len(named):
        named.append(f"{left.rows - len(named)} more")
    *before, last = named
    return f"lines {', '.join(before)} and {last}" if before else f"line {last}"
