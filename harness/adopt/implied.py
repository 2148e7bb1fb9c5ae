"""Finds CHECKs that others imply: each row that breaks one also breaks a stricter one."""

from __future__ import annotations

import itertools

from harness.catalog.model import Check, Table
from harness.catalog.parts import TableRule
from harness.describe.description import TableDescription
from harness.describe.entries import CheckEntry
from harness.oracle import Answer
from harness.solver.pools import Pools
from harness.solver.rules import deciding_columns


def add_implied_by(description: TableDescription, table: Table, pools: Pools) -> None:
    """Adds ``implied_by`` to each CHECK that another one implies, as far as candidate values show."""
    for weak, strict in itertools.permutations(table.checks, 2):
        entry = _entry(description, weak)
        if entry is None or "implied_by" in entry or not _implies(table, pools, strict, weak):
            continue
        # Of two that say the same, one is left to be proved by itself.
        if strict.name.encode() < weak.name.encode() or not _implies(table, pools, weak, strict):
            entry["implied_by"] = strict.name


def _implies(table: Table, pools: Pools, strict: Check, weak: Check) -> bool:
    """Whether some candidates break the ``weak`` rule, and all of these break the ``strict`` one, too."""
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
    # Candidates may lack the one value of a column that the strict rule accepts: it has to refuse any value there.
    only_strict = about[0] - about[1]
    unknown = {
        tuple(None if name in only_strict else value for name, value in zip(columns, row, strict=True))
        for row in broken
    }
    refusing = pools.oracle.answers(table, columns, sorted(unknown, key=str), rules[:1]) if only_strict else []
    return all(answer is Answer.FALSE for (answer,) in refusing)


def _possible(table: Table, columns: list[str], row: tuple[str | None, ...]) -> bool:
    return all(value is not None or not table.column(name).not_null for name, value in zip(columns, row, strict=True))


def _entry(description: TableDescription, constraint: Check) -> CheckEntry | None:
    """The entry of a constraint, if it is a rule that can be implied."""
    part = TableRule("constraint", constraint.name)
    entry = dict(description.checks).get(part)
    if entry is None and part in description.inline_columns:
        entry = description.columns[description.inline_columns[part]]
    return entry if entry is not None and {"check", "accepted_values"} & {*entry} else None
