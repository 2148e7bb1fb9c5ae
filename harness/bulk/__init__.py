"""Fills tables with thousands of rows, which the server makes, so that they look as if an application had run for long.

Enter by :func:`load` (tables, a number of rows for each) and :func:`grow` (one table and its ancestors, for planners).
Columns that rules tie together take combinations of their pools, others spread over a plausible range of their type,
foreign keys refer to rows of a parent that is filled first, and keys differ by the row's number.
Not here: rows for probes (``generation``).
"""

from harness.bulk.context import BulkContext
from harness.bulk.growth import fill_all, grow, sizes
from harness.bulk.load import FillResult, load

__all__ = ["BulkContext", "FillResult", "fill_all", "grow", "load", "sizes"]
