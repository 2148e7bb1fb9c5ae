"""Values at the edges of a column's type: the last that fit, and the first that do not."""

from __future__ import annotations

from collections.abc import Iterator

from harness.catalog import Column
from harness.types.model import Field

_INTEGERS = {"int2": 2**15, "int4": 2**31, "int8": 2**63}
_FAR = "\U0001f600"
"""A character outside of the plane that UTF-16 has in one unit."""


def edges(field: Field) -> Iterator[str | None]:
    """Yields texts to try in a column; NULL as well."""
    column = field.column
    yield None
    if column.base_name in _INTEGERS:
        bound = _INTEGERS[column.base_name]
        yield from (str(each) for each in (bound - 1, bound, -bound, -bound - 1))
    elif column.base_name in ("varchar", "bpchar") and column.typmod > 4:
        yield from _lengths(column.typmod - 4)
    elif column.base_name == "numeric":
        yield from ("NaN", *_roundings(column))
    elif column.base_kind == "e":
        yield from (*column.labels, "none of them")


def _lengths(most: int) -> Iterator[str]:
    yield from ("x" * most, _FAR * most, "x" * (most + 1), _FAR * (most + 1), "x" * most + "  ")


def _roundings(column: Column) -> Iterator[str]:
    """Numbers that become the greatest of a numeric(p,s) by rounding, or one too great; and those around zero."""
    if column.typmod < 4:
        return
    precision, scale = ((column.typmod - 4) >> 16) & 0xFFFF, (column.typmod - 4) & 0x7FF
    scale -= 0x800 if scale & 0x400 else 0
    if scale < 0 or scale > precision:
        return
    whole, fraction = "9" * (precision - scale), "9" * scale
    greatest = f"{whole or '0'}.{fraction}" if scale else whole
    dot = "" if scale else "."
    least = f"0.{'0' * scale}"
    yield from (f"{sign}{least}{digit}" for digit in "45" for sign in ("", "-"))
    yield from (greatest, f"{greatest}{dot}4", f"{greatest}{dot}5", f"-{greatest}", f"1{'0' * (precision - scale)}")
