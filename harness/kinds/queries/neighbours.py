"""Writes of two sessions that may be in each other's way: on rows that have much in common."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

from harness.catalog.model import Table
from harness.generation.draft import Draft
from harness.kinds._roads import present
from harness.kinds.base import Subject
from harness.kinds.queries.writes import writes
from harness.probes import Insert, SqlStatement
from harness.project import sql
from harness.project.model import Values
from harness.solver.rules import Rule

Write = tuple[str, str, SqlStatement]
Pair = tuple[str, str, SqlStatement, SqlStatement]

LOOKED_AT = 60
"""Pairs of each sort that are looked at; those are raced that tell most."""


def neighbours(subject: Subject, draft: Draft, tables: Sequence[Table], constants: Rule) -> list[Pair]:
    """Pairs of statements with their aspect and words: the same write of two rows that are alike, then any two.

    Of each table two rows stand, and two could be inserted, that are alike in columns that the query names.
    """
    named = sql.columns(constants.predicate)
    keys = {column for table in tables for column in table.primary_key}
    written = [column for column in named if column not in keys]
    fresh: list[tuple[Table, Values]] = []
    for table in tables:
        there = present(table, subject.pools.of(table))
        one = draft.insert(table.name, present=there)
        draft.insert(table.name, _alike(table, draft, one, named), there)
    standing = list(draft.inserts)
    for table in tables:
        there = present(table, subject.pools.of(table))
        first = draft.row(table.name, present=there)
        fresh += [(table, first), (table, draft.row(table.name, _alike(table, draft, first, named), there))]
    sides = [_writes(subject, draft, rows, standing, written, constants) for rows in (fresh[::2], fresh[1::2])]
    pairs = [(one, other) for one, other in itertools.product(*sides) if one[2] != other[2]]
    sorts: list[list[tuple[Write, Write]]] = [[], [], []]
    for left, right in pairs:
        sorts[(left[0] != right[0]) + (left[1] != right[1])].append((left, right))
    chance = random.Random(draft.choose(range(1000)))
    return [_pair(one, other) for sort in sorts for one, other in _sample(chance, sort, LOOKED_AT)]


def _writes(
    subject: Subject,
    draft: Draft,
    fresh: Sequence[tuple[Table, Values]],
    standing: Sequence[Insert],
    named: Sequence[str],
    constants: Rule,
) -> list[Write]:
    return [
        (f"{command} {table.name}", change, statement)
        for table, row in fresh
        for command, change, statement in writes(subject, draft, table, row, standing, named, constants)
    ]


def _alike(table: Table, draft: Draft, row: Values, named: Sequence[str]) -> dict[str, str | None]:
    """What a second row has of a first: columns that the query names, but no key."""
    keys = [set(key.columns) for key in table.unique_keys]
    found: dict[str, str | None] = {}
    for column in table.columns:
        if column.name in named and column.is_supplied and draft.choose((True, False)):
            kept = {*found, column.name}
            if not any(key and key <= kept for key in keys):
                found[column.name] = row[column.name]
    return found


def _sample(chance: random.Random, pairs: Sequence[tuple[Write, Write]], count: int) -> list[tuple[Write, Write]]:
    """Some of these in their order."""
    places = sorted(chance.sample(range(len(pairs)), min(count, len(pairs))))
    return [pairs[place] for place in places]


def _pair(one: Write, other: Write) -> Pair:
    words = " and ".join(f"{command}{': ' if change else ''}{change}" for command, change, _ in (one, other))
    return f"{one[0]}, {other[0]}", words, one[2], other[2]
