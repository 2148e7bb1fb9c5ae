"""Combinations of values for columns that rules tie together, and those that fit a row.

Decides which combination goes with values or NULLs that a row has already.
Not here: finding the combinations (``finder.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from harness.catalog.grouping import grouped
from harness.project.model import Tuple, Values

T = TypeVar("T")


class Memo:
    """Keeps a value for each key."""

    def __init__(self) -> None:
        self._values: dict[Hashable, Any] = {}

    def __call__(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value for a key; the first time it is what ``make`` returns."""
        if key not in self._values:
            self._values[key] = make()
        found: T = self._values[key]
        return found

    def clear(self) -> None:
        self._values.clear()


@dataclass(frozen=True)
class Pool:
    """Combinations of values for ``columns`` that keep all rules, simplest first.

    ``valued`` are the columns of foreign keys of which rules ask more than whether they are NULL.
    """

    columns: tuple[str, ...]
    rows: tuple[Tuple, ...]
    valued: tuple[str, ...] = ()

    def of_column(self, name: str) -> list[str | None]:
        """The value of a column in each combination."""
        place = self.columns.index(name)
        return [row[place] for row in self.rows]

    def allows(self, values: Values, nulls: Sequence[str] = ()) -> bool:
        """Whether a combination has these values, as far as they are of its columns, and NULL in ``nulls``.

        If no combination has the values at all, it is enough that one is NULL where a row with them is.
        """
        emptied = {**values, **dict.fromkeys(nulls)}
        if self.fitting(emptied, ()):
            return True
        return bool(nulls) and not self.fitting(values, ()) and bool(self.fitting_nulls(emptied, ()))

    def fitting(self, row: Values, present: Sequence[str]) -> Sequence[Tuple]:
        """The combinations with the values that a row has already, and without NULL in ``present`` columns."""
        filled = self._filled(present)
        places = self._places(row)
        if not places:
            return self._without_nulls(filled)
        fewest = min((self._by_value(filled, place).get(value, ()) for place, value in places), key=len)
        if len(places) == 1:
            return fewest
        return [entry for entry in fewest if all(entry[place] == value for place, value in places)]

    def fitting_nulls(self, row: Values, present: Sequence[str]) -> Sequence[Tuple]:
        """The combinations that are NULL exactly where a row is: most rules ask no more about a reference.

        If some of them have no NULL in ``present`` columns, only those count. Of what is left, the combinations with
        the most NULLs: a value that does not go with the row's own breaks a rule, and NULL hardly ever does.
        """
        nulls = tuple((place, value is None) for place, value in self._places(row))
        filled = self._filled(present)

        def search() -> Sequence[Tuple]:
            found = [entry for entry in self.rows if all((entry[place] is None) == null for place, null in nulls)]
            there = [entry for entry in found if all(entry[place] is not None for place in filled)] or found
            most = max((entry.count(None) for entry in there), default=0)
            return tuple(entry for entry in there if entry.count(None) == most)

        return self._memo(("nulls", nulls, filled), search)

    # The indexes below are asked for every row that is drawn, and many rows are drawn from one pool.

    @cached_property
    def _memo(self) -> Memo:
        return Memo()

    def _without_nulls(self, filled: tuple[int, ...]) -> Sequence[Tuple]:
        """The combinations that are not NULL in these places."""
        if not filled:
            return self.rows
        return self._memo(
            filled, lambda: [entry for entry in self.rows if all(entry[place] is not None for place in filled)]
        )

    def _by_value(self, filled: tuple[int, ...], place: int) -> Mapping[str | None, Sequence[Tuple]]:
        """The combinations that are not NULL in the ``filled`` places, by their value in another place."""
        return self._memo(
            ("value", filled, place), lambda: grouped((entry[place], entry) for entry in self._without_nulls(filled))
        )

    def _filled(self, present: Sequence[str]) -> tuple[int, ...]:
        return tuple(place for place, column in enumerate(self.columns) if column in present)

    def _places(self, row: Values) -> list[tuple[int, str | None]]:
        return [(place, row[column]) for place, column in enumerate(self.columns) if column in row]
