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
_NUMBER_OR_DAY = re.compile(r"-?\d+|\d{4}-\d\d-\d\d")
_BEGINS = re.compile(r"\^?([A-Za-z][A-Za-z0-9]*[-_:#/])")

Passed = str | None
"""The text of an argument."""


@dataclass(frozen=True)
class KnownRows:
    """Rows of a table that one owner knows of: its own, and those of others; ``owners`` are values that name one.

    The ``oracle`` computes from rows of others what a function compares its arguments with. Rows have the ``columns``
    of the table, and those of rows above them.
    """

    table: Table
    columns: Sequence[Column]
    own: Sequence[Values]
    others: Sequence[Values]
    owners: Sequence[str]
    oracle: Oracle

    def calls(self, routine: Routine, most: int, drawn: int) -> list[str]:
        """Returns ``most`` calls of a routine, each with other arguments; those of a ``drawn`` number are like it."""
        keys, names = tuple(json_keys(routine.text)), tuple(each.name for each in self.table.columns)
        names = names if re.search(r"\bexecute\b", routine.text, re.IGNORECASE) else ()
        said = Hinted(constants_of_bodies([routine.text]), keys, self._computed(routine), names)
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
        for values in self._combinations(routine.arguments, options, said, Random(drawn)):
            shorter = range(1, left_out + 1) if not given else (left_out,) if left_out else ()
            given |= dict.fromkeys((values, *(values[:-count] for count in shorter)))
            if len(given) >= most:
                break
        return [self._call(routine, values) for values in given]

    def _combinations(
        self, columns: Sequence[Column], options: Sequence[Sequence[Passed]], said: Hinted, random: Random
    ) -> Iterator[tuple[Passed, ...]]:
        """Yields one value for each argument: those of one row, all combinations of few, and any two values of many."""
        if prod(map(len, options)) <= CALLS:
            yield from itertools.product(*options)
            return
        for place, _ in enumerate(self.others[:2]):
            yield from self._of_one_row(columns, options, place, said)
        yield tuple(each[0] for each in options)
        yield tuple(None for _ in options)
        met: set[object] = set()
        for _ in range(CALLS):
            some = [tuple(map(random.choice, options)) for _ in range(CHOICE)]
            best = max(some, key=lambda each: len(_pairs(each) - met))
            met |= _pairs(best)
            yield best

    def _of_one_row(
        self, columns: Sequence[Column], options: Sequence[Sequence[Passed]], place: int, said: Hinted
    ) -> Iterator[tuple[Passed, ...]]:
        """Yields the values of one row for the arguments; those named like none of its columns have wide ones first."""
        own = [self._own(each, place, said) for each in columns]
        named = [any(_unlike(column.name, each.name) < 2 for each in self.columns) for column in columns]
        if not any(own):
            return
        keys = [self._names_key(each) for each in columns]
        if any(keys) and not all(keys):
            # What comes back besides the key is not to stand in the call.
            pairs = zip(options, own, strict=True)
            others = [next((each for each in values if each not in fit), None) for values, fit in pairs]
            yield tuple(fit[0] if key else other for key, fit, other in zip(keys, own, others, strict=True))
        for turn in range(1 if all(named) or place else TURNS):
            for wide in ((*_FAMILIES[1], *_FAMILIES[0], *_SPANS), (*_FAMILIES[0], *_SPANS), _SPANS, ()):
                yield tuple(
                    values[turn % len(values) if _sort(column) in _FAMILIES[1] else 0]
                    if not fit or (not is_named and _sort(column) in wide)
                    else fit[0 if is_named else turn % len(fit)]
                    for column, fit, is_named, values in zip(columns, own, named, options, strict=True)
                )

    def _own(self, column: Column, place: int, said: Hinted) -> list[Passed]:
        """Returns the values of one row of others for an argument, what the function computes of it among the first."""
        fitting = self._fitting(column)
        found: list[Passed] = [self.others[place].get(name) for name in fitting]
        named = bool(fitting) and _unlike(column.name, fitting[0]) < 2
        computed = [*self._computed_as(column, said.computed[place : place + 1])]
        return found if named or not computed else [computed[0], *found[:1], *computed[1:], *found[1:]]

    def _computed(self, routine: Routine) -> tuple[tuple[str, ...], ...]:
        """The values of expressions on columns in the text of a routine, for each of two rows of others."""
        names = [each.name for each in self.table.columns if each.name in routine.text]
        if not routine.arguments or not names:
            return ()
        texts = dict.fromkeys(_CALL.findall(routine.text))
        about = [each for each in texts if {*re.findall(r"\w+", each.partition("(")[2])} & {*names}]
        found: list[dict[str, None]] = [{} for _ in self.others[:2]]
        for text in about[:EXPRESSIONS]:
            bare = re.sub(r"\b\w+\.(?=\w+\b(?!\s*\())", "", text)
            for known, row in zip(found, self.others, strict=False):
                with suppress(psycopg.Error):
                    results = self.oracle.texts(self.table, names, [tuple(row.get(name) for name in names)], bare)
                    known |= dict.fromkeys(value for _, value in results if value)
        return tuple(map(tuple, found))

    def _computed_as(self, column: Column, computed: Sequence[Sequence[str]]) -> Iterator[str]:
        """Yields those of the computed values that an argument can have."""
        is_text = column.base_name in _FAMILIES[1]
        if is_text or column.base_name in (*_FAMILIES[0], "date"):
            yield from (each for own in computed for each in own if is_text or _NUMBER_OR_DAY.fullmatch(each))

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

    def _values(self, column: Column, said: Hinted) -> list[Passed]:
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
            wide = [
                composite(each) for each in itertools.islice(self._combinations(parts, values, said, Random(0)), VALUES)
            ]
        elif column.base_name.startswith("_") and parts:
            elements = [value for value in self._values(parts[0], said) if value is not None]
            wide = [array(elements, delimiter(column)), array(elements[:1], delimiter(column)), "{}"]
            wide = [array([*said.names], delimiter(column)), *wide] if said.names else wide
        given = [each for each in candidates(column, said.constants, 2) if each in said.constants.literals]
        found = [*given[:CONSTANTS], *wide, *self._made(column, said), *of_rows]
        if any(_unlike(column.name, each.name) < 2 for each in self.columns) and of_rows:
            found = [*of_rows[:1], *found]
        different = [*dict.fromkeys(found or candidates(column, said.constants, 2))]
        return [*different[:VALUES], None]

    def _made(self, column: Column, said: Hinted) -> Iterator[str]:
        """Yields what the function computes of rows of others, keys behind beginnings that it names, and beginnings."""
        yield from itertools.islice(self._computed_as(column, said.computed), OF_ROWS)
        if column.base_name in _FAMILIES[1]:
            keys = [row.get(name) for row in self.others[:2] for name in self.table.primary_key]
            yield from (f"{start}{key}" for start in said.beginnings for key in keys if key is not None)
            texts = [row.get(name) for row in self.others[:1] for name in self._fitting(column)[:2]]
            yield from (text[:length] for text in texts if text for length in (3, 1))
            yield from said.names

    def _fitting(self, column: Column) -> list[str]:
        """The columns whose values fit an argument, those that are named like it first."""
        family = next((each for each in _FAMILIES if column.base_name in each), (column.base_name,))
        is_text = column.base_name in _FAMILIES[1]
        fitting = [each for each in self.columns if is_text or each.base_name in family]

        def rank(each: Column) -> tuple[int, bool, bool]:
            other, key = each.base_name not in family, self.table.primary_key
            return _unlike(column.name, each.name), other, each.name not in key

        return [each.name for each in sorted(fitting, key=rank)]

    def _names_key(self, column: Column) -> bool:
        """Whether an argument is named like a column of a key."""
        fitting = self._fitting(column)[:1]
        return any(_unlike(column.name, each) < 2 and each in self.table.key_columns for each in fitting)

    def _of_rows(self, column: Column, said: Hinted) -> list[str]:
        """Returns the values of rows that fit an argument: of others first, and of columns named like it."""
        fitting, found = self._fitting(column), list[Passed]()
        # An own row may be one that the role does not see: a member who is no owner.
        for row in (*self.others[:2], *self.own[:1], *self.others[2:], *self.own[1:]):
            found += [row.get(name) for name in fitting]
        if column.base_name in _FAMILIES[2]:
            found = [json.dumps(self._document(row, said)) for row in self.others[:2] if said.keys]
            found += [*(json.dumps(dict(row)) for row in self.others), json.dumps([dict(row) for row in self.others])]
        if column.base_kind == "c" and column.base_name == self.table.name.table:
            found = [composite([row.get(each.name) for each in column.parts]) for row in self.others]
        found += [each for each in self.owners if column.base_name in ("uuid", "text") or each.isdigit()]
        likely = [each for each in found if each is not None]
        return [*dict.fromkeys(likely)][:OF_ROWS]

    def _document(self, row: Values, said: Hinted) -> Any:
        """A JSON value with the keys that a function asks for, each with the value of the column named most like it."""
        document: Any = {}
        for path in said.keys:
            name = min(row, key=lambda column: (_unlike(path[-1], column), column not in self.table.primary_key))
            document = within(document, path, row[name])
        return document


@dataclass(frozen=True)
class Hinted:
    """Constants and keys of JSON in the text of a function, and values that were ``computed`` of its expressions.

    ``names`` are those of the columns, where it computes statements.
    """

    constants: RuleConstants
    keys: tuple[tuple[str, ...], ...]
    computed: tuple[tuple[str, ...], ...]
    names: tuple[str, ...]

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
