"""Proves the integrity rules of a PostgreSQL schema with generated data.

For tests of your own: ``harness.rows("shop.orders")`` is a Hypothesis strategy of rows that the table accepts.
Everything here is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.row_strategies import Row, rows

    __version__: str

__all__ = ["Row", "__version__", "rows"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("constraint-harness")
    if name in ("rows", "Row"):
        from harness import row_strategies

        return getattr(row_strategies, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
