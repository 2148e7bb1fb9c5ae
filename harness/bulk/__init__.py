"""Rows in bulk: made by the server, for tables that have to look as if an application had filled them.

Columns that rules tie together take combinations from their pools, the others spread over a plausible range of their
type, references lead to rows of a parent that is filled first, and what a key keeps apart differs by the row's number.
"""

from harness.bulk.choice import sizes
from harness.bulk.growth import fill_all, grow
from harness.bulk.load import Filled, load
from harness.bulk.site import Site

__all__ = ["Filled", "Site", "fill_all", "grow", "load", "sizes"]
