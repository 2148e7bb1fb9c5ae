"""Values on both sides of the predicate of a partial key."""

from __future__ import annotations

from collections.abc import Sequence

from harness.kinds.base import NewRow, Subject, Unreliable
from harness.kinds.toolkit.deciding_rows import DecidingRows
from harness.kinds.toolkit.predicate_values import combinations
from harness.oracle import Answer
from harness.project import sql
from harness.solver.rules import deciding_columns


def sides(subject: Subject, where: str | None) -> tuple[list[NewRow], list[NewRow], list[NewRow]]:
    """Returns values of the columns in ``where`` that are inside it and those outside, as other rules accept them.

    The third list has all values outside: also those that another rule refuses, though it may accept them with
    other values of other columns.
    """
    if where is None:
        return [{}], [], []
    table = subject.table
    columns = deciding_columns(table, where)
    rules, tied = _rules(subject, columns)
    rows = combinations(subject, columns, (where,))
    sides: tuple[list[NewRow], list[NewRow], list[NewRow]] = [], [], []
    inside, outside, never_inside = sides
    answers = subject.oracle.answers(table, columns, rows, [where, *rules])
    for row, (own, *others) in zip(rows, answers, strict=True):
        values = dict(zip(columns, row, strict=True))
        if own in (Answer.FALSE, Answer.NULL):
            never_inside.append(values)
        if own is not Answer.ERROR and all(answer.holds for answer in others):
            (inside if own is Answer.TRUE else outside).append(values)
    if tied:
        inside[:] = _with_others(subject, where, inside)
        outside[:] = _with_others(subject, f"({where}\n) is not true", outside)
    if not inside:
        raise Unreliable(f"no values found for which {where} is true")
    return sides


def alone_outside(subject: Subject, where: str | None, outside: Sequence[NewRow], actual: str | None) -> list[NewRow]:
    """Returns values that only one condition of ``where`` leaves outside, for each condition that has any.

    They are some of those ``outside`` or are searched. Those come first that an ``actual`` predicate, if it is another
    one, takes inside.
    """
    conditions = sql.deciding(where or "true", "where")
    if actual is not None:
        conditions = (*((*said, f"({actual}) is true") for said in conditions), *conditions)
    if len(conditions) < 2 or where is None:
        return []
    columns = deciding_columns(subject.table, where)
    rules, tied = _rules(subject, columns)
    found, _ = DecidingRows(subject, columns, rules).of(outside, conditions)
    return _with_others(subject, f"({where}\n) is not true", found) if tied else found


def _rules(subject: Subject, columns: Sequence[str]) -> tuple[list[str], bool]:
    """Returns the rules about nothing but these columns, and whether others tie more columns to them."""
    table = subject.table
    about = {rule.predicate: {*deciding_columns(table, rule.predicate)} for rule in subject.pools.rules(table)}
    rules = [each for each, names in about.items() if names and names <= {*columns}]
    return rules, any(names & {*columns} and names - {*columns} for names in about.values())


def _with_others(subject: Subject, also: str, rows: Sequence[NewRow]) -> list[NewRow]:
    """Returns those values that keep all rules with some values of the other columns, and the predicate ``also``."""
    pools = subject.pools.of(subject.table, also=(also,)) if subject.can_have_rows((also,)) else None
    return [row for row in rows if pools and all(pool.allows(row) for pool in pools)]
