"""Input texts of values that have parts: arrays, composite types, fixed-point numbers."""

from __future__ import annotations

from collections.abc import Sequence

from harness.catalog.model import Column

DELIMITERS = {"box": ";", "geometry": ":", "geography": ":"}
"""The delimiter of array elements (``pg_type.typdelim``), where it is no comma; the last two are PostGIS's."""


def delimiter(column: Column) -> str:
    """The delimiter of the elements in literals of an array column."""
    return DELIMITERS.get(column.base_name.removeprefix("_"), ",")


def array(elements: list[str], delimiter: str = ",") -> str:
    """An array literal; every element is quoted, so that none is read as NULL or split."""
    return "{" + delimiter.join(map(_quoted, elements)) + "}"


def composite(attributes: Sequence[str | None]) -> str:
    """The literal of a composite value; every attribute is quoted, and NULL is left out."""
    return "(" + ",".join("" if value is None else _quoted(value) for value in attributes) + ")"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def fixed_point(units: int, scale: int) -> str:
    """``fixed_point(-5, 2)`` is ``-0.05``."""
    if scale == 0:
        return str(units)
    digits = str(abs(units)).rjust(scale + 1, "0")
    return f"{'-' if units < 0 else ''}{digits[:-scale]}.{digits[-scale:]}"
