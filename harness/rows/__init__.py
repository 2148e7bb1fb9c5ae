"""Rows that a table takes: drawn by Hypothesis, with their parents, and the values that break one rule."""

import sys
from types import ModuleType
from typing import Any

from harness.rows.draft import Draft
from harness.rows.oracle import Answer, Oracle
from harness.rows.pools import Pools, Rule, Unfillable
from harness.rows.types import Unsupported

__all__ = ["Answer", "Draft", "Oracle", "Pools", "Rule", "Unfillable", "Unsupported"]


class _Callable(ModuleType):
    """Makes ``harness.rows("shop.orders")`` mean :func:`harness.row_strategies.rows`, whoever imported this first."""

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        from harness.row_strategies import rows

        return rows(*arguments, **keywords)


sys.modules[__name__].__class__ = _Callable
