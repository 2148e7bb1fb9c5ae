"""Rows in bulk: made by the server, for tables that have to look as if an application had filled them.

Columns that rules tie together take combinations from their pools, the others spread over a plausible range of their
type, references lead to rows of a parent that is filled first, and what a key keeps apart differs by the row's number.
"""

from harness.generation.bulk.choice import sizes
from harness.generation.bulk.growth import fill_all, grow
from harness.generation.bulk.load import Filled, load
from harness.generation.bulk.site import Site

__all__ = ["Filled", "Site", "fill_all", "grow", "load", "sizes"]
