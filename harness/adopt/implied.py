"""CHECKs that others imply: no row breaks them that a stricter one would let pass."""

from __future__ import annotations

import itertools

from harness.catalog.model import Check, Table
from harness.catalog.parts import Part
from harness.describe.sheet import Entry, Sheet
from harness.oracle import Answer
from harness.solver.pools import Pools
from harness.solver.rules import deciding_columns


def say_implied(sheet: Sheet, table: Table, pools: Pools) -> None:
    """Says of each CHECK of a sheet which other one implies it, as far as candidate values show."""
    for weak, strict in itertools.permutations(table.checks, 2):
        entry = _entry(sheet, weak)
        if entry is None or "implied_by" in entry or not _implies(table, pools, strict, weak):
            continue
        # Of two that say the same, one is left to be proved by itself.
        if strict.name.encode() < weak.name.encode() or not _implies(table, pools, weak, strict):
            entry["implied_by"] = strict.name


def _implies(table: Table, pools: Pools, strict: Check, weak: Check) -> bool:
    """Whether of all candidates none breaks the ``weak`` rule that keeps the ``strict`` one, and some break both."""
    rules = (strict.expression or "true", weak.expression or "true")
    about = [set(deciding_columns(table, rule)) for rule in rules]
    if not about[0] & about[1]:
        return False
    columns = [column.name for column in table.columns if column.name in about[0] | about[1]]
    rows = [row for row in pools.combinations(table, columns, rules) if _possible(table, columns, row)]
    answers = pools.oracle.answers(table, columns, rows, rules)
    broken = {row: kept for row, (kept, own) in zip(rows, answers, strict=True) if own is Answer.FALSE}
    if not broken or any(kept.holds for kept in broken.values()):
        return False
    # Candidates may lack the one value of a column that the strict rule takes: it has to refuse whatever that is.
    apart = about[0] - about[1]
    unknown = {
        tuple(None if name in apart else value for name, value in zip(columns, row, strict=True)) for row in broken
    }
    refusing = pools.oracle.answers(table, columns, sorted(unknown, key=str), rules[:1]) if apart else []
    return all(answer is Answer.FALSE for (answer,) in refusing)


def _possible(table: Table, columns: list[str], row: tuple[str | None, ...]) -> bool:
    return all(value is not None or not table.column(name).not_null for name, value in zip(columns, row, strict=True))


def _entry(sheet: Sheet, constraint: Check) -> Entry | None:
    """What the sheet says of a constraint, where it is a rule that can be implied."""
    part = Part("constraint", constraint.name)
    entry = dict(sheet.checks).get(part)
    if entry is None and part in sheet.homes:
        entry = sheet.columns[sheet.homes[part]]
    return entry if entry is not None and {"check", "accepted_values"} & {*entry} else None
