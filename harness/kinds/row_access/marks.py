"""Marks: values that occur nowhere else, for the columns that can hold them. They tell whose row it is.

Decides which columns are free: no key, reference or owner is in them, no trigger writes them, and all rules let the
marks pass. Rows differ in closed sets as well, as far as these go: in booleans, enums, columns with few values, and in
whether a moment is over, to come or missing. What looks for some of these finds a row.
"""

from __future__ import annotations

import datetime
import hashlib
import itertools
import random
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from harness.catalog import Column
from harness.kinds.base import NewRow, Subject
from harness.solver.rules import about
from harness.values.types import numeric_limits

MORE = 18
"""Rows with closed sets combined, at the most."""

MOMENTS = ("date", "timestamp", "timestamptz")

SHORTEST = 8
"""Characters of a mark: a shorter one may occur by chance."""


@dataclass(frozen=True)
class Marks:
    """The ``columns`` whose marks tell a row, and for each row the values to draw it with.

    ``more`` rows have the closed sets combined.
    """

    columns: tuple[str, ...]
    rows: tuple[NewRow, ...]
    more: tuple[NewRow, ...]

    @property
    def texts(self) -> list[str]:
        """The marks as they stand in any text: without the quotes or braces of their types."""
        rows = (*self.rows, *self.more)
        return [value.strip('"{}') for row in rows for name in self.columns if (value := row[name]) is not None]

    @classmethod
    def of(cls, subject: Subject, owners: Collection[str], count: int, alike: int = 0) -> Marks:
        """Returns marks for ``count`` rows of a table and more; ``owners`` are the columns that say whose a row is.

        ``alike`` of the others agree in all closed sets.
        """
        table = subject.table
        referenced = {name for _, key in subject.catalog.referencing(table.name) for name in key.referenced_columns}
        taken = {*referenced, *subject.rewritten, *table.foreign_columns, *table.primary_key, *owners}
        free = [each for each in table.columns if each.name not in taken and each.is_supplied and not each.identity]
        marked = {each.name: found for each in free if (found := _allowed(subject, each, count + MORE + alike))}
        closed = {each.name: few for each in free if each.name not in marked and (few := few_values(subject, each))}
        # Of a column in a key no two rows can have one value.
        apart = {name: few for name, few in closed.items() if name not in table.key_columns}
        sets = [{name: few[number % len(few)] for name, few in closed.items()} for number in range(count)]
        combined = _combined(apart) if apart else []
        sets += [*combined, *((combined[:1] or [{}]) * alike)]
        rows = [{**{name: values[n] for name, values in marked.items()}, **each} for n, each in enumerate(sets)]
        return cls(tuple(marked), tuple(rows[:count]), tuple(rows[count:]))


def _combined(closed: Mapping[str, Sequence[str | None]]) -> list[NewRow]:
    """Returns the combinations of the values of closed sets; of many some, the same each time."""
    few = [[*values] for values in closed.values()]
    found = [*itertools.product(*few)] if prod(map(len, few)) <= MORE else []
    chance = random.Random(0)
    found = found or [tuple(map(chance.choice, few)) for _ in range(MORE)]
    return [dict(zip(closed, each, strict=True)) for each in found]


def _allowed(subject: Subject, column: Column, count: int) -> list[str]:
    """Returns a mark for each row; nothing if the type holds none, or a rule refuses one."""
    table, found = subject.table, []
    for number in range(count):
        text = f"{table.name}.{column.name} of {number}"
        mark = _mark(column, hashlib.md5(text.encode(), usedforsecurity=False).hexdigest())
        found += [mark] if mark is not None else []
    pools = [pool for pool in subject.pools.of(table) if column.name in pool.columns]
    if column.domain_checks or column.name in subject.pools.hints(table.name).values:
        return []
    if not pools or not found:
        return found
    rules = [rule.predicate for rule in about(table, [column.name], subject.pools.rules(table))]
    alone = all(len(pool.columns) == 1 for pool in pools)
    answers = subject.oracle.answers(table, [column.name], [(each,) for each in found], rules) if alone else []
    return found if answers and all(answer.holds for row in answers for answer in row) else []


def few_values(subject: Subject, column: Column) -> Sequence[str | None]:
    """Returns the different values of a column that holds no marks, if its rules are about it alone."""
    pools = [pool for pool in subject.pools.of(subject.table) if column.name in pool.columns]
    if any(len(pool.columns) > 1 for pool in pools):
        return []
    if pools:
        return [value for value in pools[0].of_column(column.name) if value is not None]
    if column.base_name in MOMENTS:
        return [*_moments(column.base_name), *([] if column.not_null else [None])]
    return ("false", "true") if column.base_name == "bool" else column.labels if column.base_kind == "e" else ()


def _moments(base_name: str) -> tuple[str, str]:
    """A moment that has just been, and one to come: what looks for recent rows, or for those that are not over."""
    recent = datetime.datetime.now(datetime.UTC).replace(second=0, microsecond=0) - datetime.timedelta(minutes=1)
    moments = recent, recent + datetime.timedelta(days=1)
    one, other = (f"{each:%Y-%m-%d}" if base_name == "date" else f"{each:%Y-%m-%d %H:%M:00+00}" for each in moments)
    return one, other


def _mark(column: Column, digits: str) -> str | None:
    """Returns a value that is made of hexadecimal digits; None if the type holds none."""
    # Of seven digits: a hundred times as much is an integer, too.
    number, name = str(int(digits[:12], 16) % 9_000_000 + 1_000_000), column.base_name
    if name in ("text", "varchar", "citext", "bpchar"):
        size = column.typmod - 4 if column.typmod >= 4 else 12
        return f"x{digits}"[: min(size, 12)] if size >= SHORTEST else None
    if name in ("int4", "int8", "float8"):
        return number
    if name == "numeric":
        return number if numeric_limits(column.typmod)[0] >= len(number) else None
    made = {
        "uuid": str(uuid.UUID(digits)),
        "bytea": f"\\x{digits[:16]}",
        **dict.fromkeys(("json", "jsonb"), f'"x{digits[:12]}"'),
        **dict.fromkeys(("_text", "_varchar"), f"{{x{digits[:7]}}}" if column.typmod < SHORTEST else None),
    }
    return made.get(name)
