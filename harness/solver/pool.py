"""Combinations of values for columns that rules tie together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.oracle import Tuple
from harness.project.model import Values


@dataclass(frozen=True)
class Pool:
    """Combinations of values for ``columns`` that keep all rules, simplest first.

    Of ``valued`` columns, which refer to other rows, rules ask more than whether they are NULL.
    """

    columns: tuple[str, ...]
    rows: tuple[Tuple, ...]
    valued: tuple[str, ...] = ()

    def takes(self, values: Values, empty: Sequence[str] = ()) -> bool:
        """Whether there is a combination with these values, as far as they are of its columns, and NULL in others.

        Where the values lie outside of it anyway, it counts for the others only whether they are NULL.
        """
        emptied = {**values, **dict.fromkeys(empty)}
        if self.fitting(emptied, ()):
            return True
        return bool(empty) and not self.fitting(values, ()) and bool(self.fitting_nulls(emptied, ()))

    def fitting(self, row: Values, present: Sequence[str]) -> Sequence[Tuple]:
        """The combinations that a row with these values can take, not NULL in columns that are to be ``present``."""
        filled = tuple(place for place, column in enumerate(self.columns) if column in present)
        places = self._places(row)
        if not places:
            return self._filled(filled)
        fewest = min((self._by_value(filled, place).get(value, ()) for place, value in places), key=len)
        if len(places) == 1:
            return fewest
        return [entry for entry in fewest if all(entry[place] == value for place, value in places)]

    def fitting_nulls(self, row: Values, present: Sequence[str]) -> Sequence[Tuple]:
        """The combinations that are NULL where a row is: most rules about a reference ask only whether there is one.

        Of those that are not NULL in columns that are to be ``present``, if there are some, the ones with the most
        NULLs: a value of a column that does not fit those of the row breaks a rule, and NULL hardly ever does.
        """
        nulls = tuple((place, value is None) for place, value in self._places(row))
        filled = tuple(place for place, column in enumerate(self.columns) if column in present)
        if (nulls, filled) not in self._by_nulls:
            found = [entry for entry in self.rows if all((entry[place] is None) == null for place, null in nulls)]
            there = [entry for entry in found if all(entry[place] is not None for place in filled)] or found
            most = max((entry.count(None) for entry in there), default=0)
            self._by_nulls[nulls, filled] = tuple(entry for entry in there if entry.count(None) == most)
        return self._by_nulls[nulls, filled]

    # What follows is looked up for every row that is drawn, and there are many of the same pool.

    @cached_property
    def _by_nulls(self) -> dict[tuple[tuple[tuple[int, bool], ...], tuple[int, ...]], tuple[Tuple, ...]]:
        return {}

    @cached_property
    def _indexes(self) -> dict[tuple[tuple[int, ...], int], dict[str | None, list[Tuple]]]:
        return {}

    @cached_property
    def _without_nulls(self) -> dict[tuple[int, ...], Sequence[Tuple]]:
        return {(): self.rows}

    def _filled(self, filled: tuple[int, ...]) -> Sequence[Tuple]:
        """The combinations that are not NULL in these places."""
        if filled not in self._without_nulls:
            found = [entry for entry in self.rows if all(entry[place] is not None for place in filled)]
            self._without_nulls[filled] = found
        return self._without_nulls[filled]

    def _by_value(self, filled: tuple[int, ...], place: int) -> Mapping[str | None, Sequence[Tuple]]:
        """Those by their values in one place."""
        if (filled, place) not in self._indexes:
            index: dict[str | None, list[Tuple]] = {}
            for entry in self._filled(filled):
                index.setdefault(entry[place], []).append(entry)
            self._indexes[filled, place] = index
        return self._indexes[filled, place]

    def _places(self, row: Values) -> list[tuple[int, str | None]]:
        return [(place, row[column]) for place, column in enumerate(self.columns) if column in row]
