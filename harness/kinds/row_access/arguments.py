"""Arguments for functions that might show or change rows of others: values of these rows, of one's own, and wide ones.

Decides which values are tried for a type, first those of columns that are named like the parameter, and how the values
of several arguments go together. Not here: which functions are called (``doors.py``).
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from random import Random
from typing import Any

import psycopg

from harness.catalog import Column
from harness.catalog.code import Routine
from harness.kinds.base import Table, Values, identifier, literal, qualified
from harness.oracle import Oracle
from harness.values.candidates import candidates
from harness.values.constants import RuleConstants, constants_of_bodies
from harness.values.json_keys import json_keys, within
from harness.values.literals import array, composite, delimiter

CALLS = 28
"""Calls of one function by one owner, with other arguments each."""

CHOICE, TURNS, EXPRESSIONS = 8, 3, 6
"""Drawn calls of which the one with the most new pairs of values is made, columns of one row for an argument that is
named like none of them, and expressions of a function that are computed.
"""

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

_SPANS = ("date", "timestamp", "timestamptz", "interval", "range")
"""Types of arguments that mostly say from when to when."""

_CALL = re.compile(r"\b\w+(?:\.\w+)?\((?:[^()]|\([^()]*\))*\)")
_BEGINS = re.compile(r"\^?([A-Za-z][A-Za-z0-9]*[-_:#/])")

Passed = str | None
"""The text of an argument."""


@dataclass(frozen=True)
class KnownRows:
    """Rows of a table that one owner knows of: its own, and those of others; ``owners`` are values that name one.

    The ``oracle`` computes from rows of others what a function compares its arguments with.
    """

    table: Table
    own: Sequence[Values]
    others: Sequence[Values]
    owners: Sequence[str]
    oracle: Oracle

    def calls(self, routine: Routine, most: int, drawn: int) -> list[str]:
        """Returns ``most`` calls of a routine, each with other arguments; those of a ``drawn`` number are like it."""
        said = Said(constants_of_bodies([routine.text]), tuple(json_keys(routine.text)), self._computed(routine))
        options = [self._values(each, said) for each in routine.arguments]
        for place, each in enumerate(routine.arguments):
            before = [other.base_name for other in routine.arguments[:place]].count(each.base_name)
            if before % 2 and options[place][0] == "-infinity":
                # The second of two moments is an end.
                options[place].remove("infinity")
                options[place].insert(0, "infinity")
        # Defaults are those of the last arguments that are given.
        left_out = routine.defaults if all(mode != "o" for mode in routine.modes) else 0
        given: dict[tuple[Passed, ...], None] = {}
        for values in self._combinations(routine.arguments, options, Random(drawn)):
            shorter = range(1, left_out + 1) if not given else (left_out,) if left_out else ()
            given |= dict.fromkeys((values, *(values[:-count] for count in shorter)))
            if len(given) >= most:
                break
        return [self._call(routine, values) for values in given]

    def _combinations(
        self, columns: Sequence[Column], options: Sequence[Sequence[Passed]], random: Random
    ) -> Iterator[tuple[Passed, ...]]:
        """Yields one value for each argument: those of one row, all combinations of few, and any two values of many."""
        if prod(map(len, options)) <= CALLS:
            yield from itertools.product(*options)
            return
        for row, turns in zip(self.others, (TURNS, 1), strict=False):
            yield from self._of_one_row(columns, options, row, turns)
        yield tuple(each[0] for each in options)
        yield tuple(None for _ in options)
        met: set[object] = set()
        for _ in range(CALLS):
            some = [tuple(map(random.choice, options)) for _ in range(CHOICE)]
            best = max(some, key=lambda each: len(_pairs(each) - met))
            met |= _pairs(best)
            yield best

    def _of_one_row(
        self, columns: Sequence[Column], options: Sequence[Sequence[Passed]], row: Values, turns: int
    ) -> Iterator[tuple[Passed, ...]]:
        """Yields the values of one row for the arguments; those named like none of its columns have wide ones first."""
        fitting = [self._fitting(each) for each in columns]
        named = [bool(own) and _unlike(column.name, own[0]) < 2 for column, own in zip(columns, fitting, strict=True)]
        if not any(fitting):
            return
        for turn in range(1 if all(named) else turns):
            for wide in ((*_FAMILIES[1], *_FAMILIES[0], *_SPANS), (*_FAMILIES[0], *_SPANS), _SPANS, ()):
                yield tuple(
                    values[turn % len(values) if _sort(column) in _FAMILIES[1] else 0]
                    if not own or (not is_named and _sort(column) in wide)
                    else row.get(own[0 if is_named else turn % len(own)])
                    for column, own, is_named, values in zip(columns, fitting, named, options, strict=True)
                )

    def _computed(self, routine: Routine) -> tuple[str, ...]:
        """The values of expressions on columns in the text of a routine, for rows of others."""
        names, found = [each.name for each in self.table.columns if each.name in routine.text], dict[str, None]()
        if not routine.arguments or not names:
            return ()
        texts = dict.fromkeys(_CALL.findall(routine.text))
        about = [each for each in texts if {*re.findall(r"\w+", each.partition("(")[2])} & {*names}]
        for text in about[:EXPRESSIONS]:
            bare = re.sub(r"\b\w+\.(?=\w+\b(?!\s*\())", "", text)
            with suppress(psycopg.Error):
                rows = [tuple(row.get(name) for name in names) for row in self.others[:2]]
                results = self.oracle.texts(self.table, names, rows, bare)
                found |= dict.fromkeys(value for _, value in results if value)
        return tuple(found)

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

    def _values(self, column: Column, said: Said) -> list[Passed]:
        """Returns the values for an argument: of columns named like it, else first those that many rows pass."""
        of_rows, wide = self._of_rows(column, said), list(_WIDE.get(column.base_name, ()))
        table, parts = self.table.name, column.parts
        if column.base_name in _FAMILIES[1]:
            wide = ["%", "", qualified(table), table.table, "true"]
        elif column.base_kind == "p":
            wide = [*self.owners]
        elif column.base_name in ("regclass", "oid"):
            wide = [qualified(table)]
        elif column.base_kind in ("r", "m"):
            wide = ["(,)"] if column.base_kind == "r" else ["{(,)}"]
        elif column.base_kind == "c":
            values = [self._values(part, said) for part in parts]
            wide = [composite(each) for each in itertools.islice(self._combinations(parts, values, Random(0)), VALUES)]
        elif column.base_name.startswith("_") and parts:
            elements = [value for value in self._values(parts[0], said) if value is not None]
            wide = [array(elements, delimiter(column)), array(elements[:1], delimiter(column)), "{}"]
        given = [each for each in candidates(column, said.constants, 2) if each in said.constants.literals]
        found = [*given[:CONSTANTS], *wide, *self._made(column, said), *of_rows]
        if any(_unlike(column.name, each.name) < 2 for each in self.table.columns) and of_rows:
            found = [*of_rows[:1], *found]
        different = [*dict.fromkeys(found or candidates(column, said.constants, 2))]
        return [*different[:VALUES], None]

    def _made(self, column: Column, said: Said) -> Iterator[str]:
        """Yields what the function computes of rows of others, and a key behind the beginnings that it names."""
        if column.base_name in _FAMILIES[1]:
            yield from said.computed[:OF_ROWS]
            keys = [row.get(name) for row in self.others[:2] for name in self.table.primary_key]
            yield from (f"{start}{key}" for start in said.beginnings for key in keys if key is not None)
        elif column.base_name in (*_FAMILIES[0], "date"):
            yield from [each for each in said.computed if re.fullmatch(r"-?\d+|\d{4}-\d\d-\d\d", each)][:OF_ROWS]

    def _fitting(self, column: Column) -> list[str]:
        """The columns whose values fit an argument, those that are named like it first."""
        family = next((each for each in _FAMILIES if column.base_name in each), (column.base_name,))
        is_text = column.base_name in _FAMILIES[1]
        fitting = [each.name for each in self.table.columns if is_text or each.base_name in family]

        def rank(name: str) -> tuple[int, bool, bool]:
            other = self.table.column(name).base_name not in family
            return _unlike(column.name, name), other, name not in self.table.primary_key

        return sorted(fitting, key=rank)

    def _of_rows(self, column: Column, said: Said) -> list[str]:
        """Returns the values of rows that fit an argument: of others first, and of columns named like it."""
        fitting, found = self._fitting(column), list[Passed]()
        for row in (*self.others, *self.own):
            found += [row.get(name) for name in fitting]
        if column.base_name in _FAMILIES[2]:
            found = [json.dumps(self._document(row, said)) for row in self.others[:2] if said.keys]
            found += [*(json.dumps(dict(row)) for row in self.others), json.dumps([dict(row) for row in self.others])]
        if column.base_kind == "c" and column.base_name == self.table.name.table:
            found = [composite([row.get(each.name) for each in column.parts]) for row in self.others]
        found += [each for each in self.owners if column.base_name in ("uuid", "text") or each.isdigit()]
        likely = [each for each in found if each is not None]
        return [*dict.fromkeys(likely)][:OF_ROWS]

    def _document(self, row: Values, said: Said) -> Any:
        """A JSON value with the keys that a function asks for, each with the value of the column named most like it."""
        document: Any = {}
        for path in said.keys:
            name = min(row, key=lambda column: (_unlike(path[-1], column), column not in self.table.primary_key))
            document = within(document, path, row[name])
        return document


@dataclass(frozen=True)
class Said:
    """What the text of a function says of its arguments: constants, keys of JSON, and values that were ``computed``."""

    constants: RuleConstants
    keys: tuple[tuple[str, ...], ...]
    computed: tuple[str, ...]

    @property
    def beginnings(self) -> list[str]:
        """The beginnings of texts that it names: ``INV-``."""
        patterns = (match[1] for each in self.constants.patterns if (match := _BEGINS.match(each.text)))
        return [*dict.fromkeys((*patterns, *(each for each in self.constants.literals if _BEGINS.fullmatch(each))))]


def _sort(column: Column) -> str:
    return "range" if column.base_kind in ("r", "m") else column.base_name


def _pairs(values: Sequence[Passed]) -> set[object]:
    return {*itertools.combinations(enumerate(values), 2)} or {*enumerate(values)}


def _unlike(parameter: str, column: str) -> int:
    """Returns how little a parameter is named like a column: 0 for the same name but for a prefix."""
    bare = re.sub(r"^(p|in|v|arg|a|the|_)?_+|_+$", "", parameter.lower())
    return 0 if bare == column else 1 if bare and (bare in column or column in bare) else 2


def _literal(value: Passed, type_: str) -> str:
    bare = "text" if type_.startswith("any") else type_
    return f"{literal(value).strip()}::{bare}"
