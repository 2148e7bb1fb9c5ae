"""Keys of rows, normalized: two that differ here also differ in an index on ``lower(a)``, ``trim(a)``."""

from __future__ import annotations

import re
from functools import cache

from harness.catalog.model import Index
from harness.project import sql

_DECIMAL = re.compile(r"-?\d+\.\d+|-0")


@cache
def key_columns(key: Index) -> tuple[str, ...]:
    """The columns that decide a unique key, also those that its expressions name."""
    if len(key.columns) == len(key.keys):
        return key.columns
    return tuple(dict.fromkeys(name for each in key.expressions for name in sql.columns(each)))


def normalized(value: str | None) -> str | None:
    """A value in lower case and without outer blanks; of equal numbers one spelling: ``0.00`` is ``0``."""
    if value is None:
        return None
    plain = value.casefold().strip()
    if not _DECIMAL.fullmatch(plain):
        return plain
    number = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if number == "-0" else number
