"""Values that are computed when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

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
