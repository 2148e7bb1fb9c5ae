"""Rows with NULL in a foreign key, or in others beside it: what MATCH SIMPLE and MATCH FULL say of them."""

from __future__ import annotations

from collections.abc import Iterator

from harness.catalog.model import ForeignKey, Table
from harness.kinds.base import NewRow, Subject, Values
from harness.kinds.foreign_key_parts.reference import Reference
from harness.probes import Accepted, Insert, Probe
from harness.solver.rules import deciding_columns


def without_others(table: Table, key: ForeignKey) -> NewRow:
    """Returns NULL for nullable columns of other foreign keys that share a column with this one, to switch them off.

    One with MATCH FULL cannot be switched off: it would refuse the NULL.
    """
    others = [
        other
        for other in table.foreign_keys
        if other.name != key.name and set(other.columns) & set(key.columns) and not other.match_full
    ]
    columns = {column for other in others for column in other.columns} - set(key.columns)
    return {column: None for column in sorted(columns) if not table.column(column).not_null}


def match_simple(reference: Reference, orphan: Values) -> Iterator[Probe]:
    """Yields orphans of which one column is NULL: they refer to nothing."""
    for column in reference.child.nullable(reference.key.columns):
        null = Insert(reference.child.name, {**orphan, column: None})
        yield Probe(null, Accepted(1), "null leads nowhere", f"{column} null", required=False)


def match_full(subject: Subject, reference: Reference, fresh: Values, resident: Values) -> Iterator[Probe]:
    """Yields rows of which the whole key is NULL, and rows of which only a part is: these are refused."""
    child, columns, nullable = (
        reference.child.name,
        reference.key.columns,
        reference.child.nullable(reference.key.columns),
    )
    if nullable == [*columns]:
        null = Insert(child, {**fresh, **dict.fromkeys(columns)})
        yield Probe(null, Accepted(1), "null leads nowhere", f"{', '.join(columns)} null", required=False)
    for column in nullable if len(columns) > 1 else ():
        value = f"{column} null, and not the whole key,"
        insert, update = Insert(child, {**fresh, column: None}), subject.update(resident, {column: None})
        # A CHECK comes first.
        required = _keep_checks(subject, {name: None if name == column else fresh[name] for name in columns})
        yield Probe(insert, reference.refused, "half a key on insert", value, required=required)
        yield Probe(update, reference.refused, "half a key on update", value, required=required)


def _keep_checks(subject: Subject, values: Values) -> bool:
    """Whether values keep the rules about nothing else that are checked before any key."""
    table, columns = subject.table, tuple(values)
    rules = (rule.predicate for rule in subject.pools.declared(table.name) if not rule.late)
    asked = [each for each in rules if {*deciding_columns(table, each)} <= {*columns}]
    answers = subject.oracle.answers(table, columns, [tuple(values.values())], asked)
    return all(answer.holds for answer in answers[0])
