"""Arguments for functions that might show or change rows of others: values of these rows, of one's own, and wide ones.

Decides which values are tried for a type, first those of columns that are named like the parameter, and how the values
of several arguments go together. Not here: which functions are called (``doors.py``).
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from random import Random

from harness.catalog import Column
from harness.catalog.code import Routine
from harness.kinds.base import Table, Values, identifier, literal, qualified
from harness.values.candidates import candidates
from harness.values.constants import RuleConstants, constants_of_bodies
from harness.values.literals import array, composite, delimiter

CALLS = 20
"""Calls of one function by one owner, with other arguments each."""

VALUES, OF_ROWS, CONSTANTS = 16, 6, 4
"""Values for one argument, and those of rows and of the function's body among them."""

_FAMILIES = (("int2", "int4", "int8", "numeric"), ("text", "varchar", "bpchar", "citext", "name"), ("json", "jsonb"))
_WIDE = {
    **dict.fromkeys(("int4", "int8", "numeric"), ("1000", "0", "1")),
    "int2": ("1000", "0", "1"),
    "bool": ("true", "false"),
    **dict.fromkeys(("date", "timestamp", "timestamptz"), ("-infinity", "infinity")),
    "interval": ("100 years", "0"),
    **dict.fromkeys(("json", "jsonb"), ("{}", "[]")),
}
"""Values of a type that many rows pass: limits, offsets, patterns, beginnings and ends."""

Passed = str | None
"""The text of an argument."""


@dataclass(frozen=True)
class KnownRows:
    """Rows of a table that one owner knows of: its own, and those of others; ``owners`` are values that name one."""

    table: Table
    own: Sequence[Values]
    others: Sequence[Values]
    owners: Sequence[str] = ()

    def calls(self, routine: Routine, most: int, drawn: int) -> list[str]:
        """Returns ``most`` calls of a routine, each with other arguments; those of a ``drawn`` number are like it."""
        constants = constants_of_bodies([routine.text])
        options = [self._values(each, constants) for each in routine.arguments]
        for place, each in enumerate(routine.arguments):
            before = [other.base_name for other in routine.arguments[:place]].count(each.base_name)
            if before % 2 and options[place][0] == "-infinity":
                # The second of two moments is an end.
                options[place].remove("infinity")
                options[place].insert(0, "infinity")
        given = [*dict.fromkeys(self._combinations(options, Random(drawn)))][:most]
        inputs = [mode != "o" for mode in routine.modes]
        shorter = range(1, routine.defaults + 1)
        # Defaults are those of the last arguments that are given.
        if all(inputs):
            given += [each[:-left] for left in shorter for each in given[:2]]
        return [self._call(routine, each) for each in dict.fromkeys(given)]

    def _combinations(self, options: Sequence[Sequence[Passed]], random: Random) -> Iterator[tuple[Passed, ...]]:
        """Yields one value for each argument: all combinations of few; of many the first of each, changes of it, and
        drawn ones.
        """
        if prod(map(len, options)) <= CALLS:
            yield from itertools.product(*options)
            return
        first = tuple(each[0] for each in options)
        yield first
        for n in range(1, VALUES):
            for place, values in enumerate(options):
                if n < len(values) and n * len(options) < CALLS:
                    yield (*first[:place], values[n], *first[place + 1 :])
        yield tuple(None for _ in options)
        for _ in range(CALLS):
            yield tuple(map(random.choice, options))

    def _call(self, routine: Routine, arguments: Sequence[Passed]) -> str:
        written = ", ".join(
            f"{'variadic ' * (mode == 'v')}{_literal(value, column.type)}"
            for value, column, mode in zip(arguments, routine.arguments, routine.modes, strict=False)
        )
        call = f"{identifier(routine.schema)}.{identifier(routine.name)}({written})"
        if routine.kind == "p":
            return f"call {call}"
        if routine.is_cursor:
            return f"select {call}"
        columns = ", ".join(f"{identifier(each.name)} {each.type}" for each in self.table.columns)
        return f"select * from {call}{f' as found ({columns})' if routine.is_bare else ''}"

    def _values(self, column: Column, constants: RuleConstants) -> list[Passed]:
        """Returns the values for an argument: of columns named like it, else first those that many rows pass."""
        of_rows, wide = self._of_rows(column), list(_WIDE.get(column.base_name, ()))
        table, parts = self.table.name, column.parts
        if column.base_name in _FAMILIES[1]:
            wide = ["%", "", qualified(table), table.table, "true"]
        elif column.base_kind == "p":
            wide = [*self.owners]
        elif column.base_name in ("regclass", "oid"):
            wide = [qualified(table)]
        elif column.base_kind == "c":
            wide = [composite([self._values(part, constants)[0] for part in parts])]
        elif column.base_name.startswith("_") and parts:
            elements = [value for value in self._values(parts[0], constants) if value is not None]
            wide = [array(elements, delimiter(column)), array(elements[:1], delimiter(column)), "{}"]
        said = [each for each in candidates(column, constants, 2) if each in constants.literals]
        found = [*said[:CONSTANTS], *wide, *of_rows]
        if any(_unlike(column.name, each.name) < 2 for each in self.table.columns) and of_rows:
            found = [*of_rows[:1], *found]
        different = [*dict.fromkeys(found or candidates(column, constants, 2))]
        return [*different[:VALUES], None]

    def _of_rows(self, column: Column) -> list[str]:
        """Returns the values of rows that fit an argument: of others first, and of columns named like it."""
        family = next((each for each in _FAMILIES if column.base_name in each), (column.base_name,))
        is_text = column.base_name in _FAMILIES[1]
        fitting = [each.name for each in self.table.columns if is_text or each.base_name in family]
        fitting.sort(key=lambda name: (_unlike(column.name, name), name not in self.table.primary_key))
        found: list[Passed] = []
        for row in (*self.others, *self.own):
            found += [row.get(name) for name in fitting]
        if column.base_name in _FAMILIES[2]:
            found = [*(json.dumps(dict(row)) for row in self.others), json.dumps([dict(row) for row in self.others])]
        if column.base_kind == "c" and column.base_name == self.table.name.table:
            found = [composite([row.get(each.name) for each in column.parts]) for row in self.others]
        found += [each for each in self.owners if column.base_name in ("uuid", "text") or each.isdigit()]
        likely = [each for each in found if each is not None]
        return [*dict.fromkeys(likely)][:OF_ROWS]


def _unlike(parameter: str, column: str) -> int:
    """Returns how little a parameter is named like a column: 0 for the same name but for a prefix."""
    bare = re.sub(r"^(p|in|v|arg|a|the|_)?_+|_+$", "", parameter.lower())
    return 0 if bare == column else 1 if bare and (bare in column or column in bare) else 2


def _literal(value: Passed, type_: str) -> str:
    bare = "text" if type_.startswith("any") else type_
    return f"{literal(value).strip()}::{bare}"
