"""Periods of a foreign key with PERIOD: ranges that those of one parent, or of two together, cover or do not cover.

PostgreSQL decides which do. Not here: that nothing refers to a parent that is not there (``kinds/foreign_key.py``).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.catalog.model import Table
from harness.kinds.base import Draft, Subject, identifier, literal, show
from harness.kinds.foreign_key_parts.reference import Reference
from harness.oracle import Answer
from harness.probes import Accepted, Insert, Probe

RANGES = 8
"""Ranges of parents that are combined."""

TRIED = 4
"""Periods of each sort in one scenario."""


@dataclass(frozen=True)
class Cover:
    """The range of one parent, or two ranges that do not overlap; periods that they cover, and others.

    Of two ranges the periods that they cover are those that neither of them covers alone.
    """

    ranges: tuple[str, ...]
    covered: tuple[str, ...]
    uncovered: tuple[str, ...]


def covers(subject: Subject, reference: Reference) -> list[Cover]:
    """Returns ranges that parents can have, with periods of the child that they cover."""
    own, to = reference.key.pairs[-1]
    periods, ranges = _values(subject, reference.child, own), _values(subject, reference.parent, to)[:RANGES]
    sets = [*((each,) for each in ranges), *itertools.combinations(ranges, 2)]
    type = reference.parent.column(to).base_type
    asked = [_covered(own, [f"{literal(each).strip()}::{type}" for each in both]) for both in sets]
    answers = subject.oracle.answers(reference.child, (own,), [(period,) for period in periods], asked)
    by_set = dict(zip(sets, zip(*answers, strict=True), strict=True)) if answers else {}
    found = []
    for both, told in by_set.items():
        alone = [by_set[each,] for each in both] if len(both) > 1 else []
        covered = [n for n, one in enumerate(told) if one is Answer.TRUE and not any(a[n] is one for a in alone)]
        if covered:
            uncovered = (period for period, answer in zip(periods, told, strict=True) if answer is Answer.FALSE)
            found.append(Cover(both, tuple(periods[n] for n in covered), tuple(uncovered)))
    return found


def _values(subject: Subject, table: Table, column: str) -> list[str]:
    candidates = tuple(value for (value,) in subject.pools.combinations(table, (column,)) if value is not None)
    return [value for value in subject.pools.valid_values(table, column, candidates, {}) if value is not None]


def _covered(period: str, ranges: Sequence[str]) -> str:
    """Returns a predicate that is NULL where the ranges overlap: no two parents have such."""
    rows = ", ".join(f"({each})" for each in ranges)
    together = f"(select range_agg(harness_r) from (values {rows}) as harness_v (harness_r))"
    apart = f"not {' && '.join(ranges)}" if len(ranges) > 1 else "true"
    return f"case when {apart} then {identifier(period)} <@ {together} end"


def period_probes(subject: Subject, draft: Draft, reference: Reference, cover: Cover) -> Iterator[Probe]:
    """Yields children whose period is covered, or is not, and the deletion of a parent that covers a part of one."""
    key, child = reference.key, reference.child
    own, to = key.pairs[-1]
    first = draft.insert(reference.parent.name, {to: cover.ranges[0]}, key.referenced_columns)
    same = {name: first[name] for _, name in key.equal_pairs}
    parents = [first, *(draft.insert(reference.parent.name, {**same, to: each}) for each in cover.ranges[1:])]
    fresh = draft.row(child.name, key.referring(first), key.columns)
    by = f"beside {to} {' and '.join(show({to: each}) for each in cover.ranges)}"
    for period in draft.sample(cover.covered, TRIED):
        insert, words = Insert(child.name, {**fresh, own: period}), f"{own} {show({own: period})} {by}"
        aspect = "covered by two ranges together" if len(parents) > 1 else "covered by a range"
        yield Probe(insert, Accepted(1), aspect, words)
        for parent in parents:
            delete = subject.delete(parent, reference.parent)
            value = f"delete of a parent that covers {show({own: period})}"
            yield Probe(delete, reference.refused, "on delete of what covers it", value, before=insert.sql)
    for period in draft.sample(cover.uncovered, TRIED):
        insert = Insert(child.name, {**fresh, own: period})
        yield Probe(insert, reference.refused, "not covered", f"{own} {show({own: period})} {by}")
