"""Combinations of values for columns that rules tie together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.generation.oracle import Tuple

Values = Mapping[str, str | None]


@dataclass(frozen=True)
class Pool:
    """Combinations of values for ``columns`` that keep all rules, simplest first.

    Of ``valued`` columns, which refer to other rows, rules ask more than whether they are NULL.
    """

    columns: tuple[str, ...]
    rows: tuple[Tuple, ...]
    valued: tuple[str, ...] = ()

    def takes(self, values: Values) -> bool:
        """Whether there is a combination with these values, as far as they are of its columns."""
        places = self._places(values)
        return not places or any(all(row[place] == value for place, value in places) for row in self.rows)

    def fitting(self, row: Values, present: Sequence[str]) -> Sequence[Tuple]:
        """The combinations that a row with these values can take, not NULL in columns that are to be ``present``."""
        places = self._places(row)
        filled = [place for place, column in enumerate(self.columns) if column in present]
        if not places and not filled:
            return self.rows
        return [
            entry
            for entry in self.rows
            if all(entry[place] == value for place, value in places)
            and all(entry[place] is not None for place in filled)
        ]

    def fitting_nulls(self, row: Values) -> Sequence[Tuple]:
        """The combinations that are NULL where a row is: most rules about a reference ask only whether there is one."""
        places = self._places(row)
        return [
            entry for entry in self.rows if all((entry[place] is None) == (value is None) for place, value in places)
        ]

    def _places(self, row: Values) -> list[tuple[int, str | None]]:
        return [(place, row[column]) for place, column in enumerate(self.columns) if column in row]
