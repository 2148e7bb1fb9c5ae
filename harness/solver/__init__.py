"""Values that keep the rules of a table: each rule is a constraint, each combination that keeps them a solution.

Enter by :class:`~harness.solver.pools.Pools`: it has the solutions for the columns that rules tie together.
Not here: rows, which take one solution each and need parents (``generation``), and the ``oracle`` that is asked.
"""

from __future__ import annotations

from harness.solver.declared import declared_pools
from harness.solver.existing import key_columns, normalized
from harness.solver.pool import Memo, Pool
from harness.solver.pools import Pools
from harness.solver.row_hints import NOTHING, RowHints, is_same, refers_to_it
from harness.solver.rules import Rule, Unfillable, catalog_rules, deciding_columns, merged, tied_columns
from harness.solver.search import NULLS

__all__ = [
    "NOTHING",
    "NULLS",
    "Memo",
    "Pool",
    "Pools",
    "RowHints",
    "Rule",
    "Unfillable",
    "catalog_rules",
    "deciding_columns",
    "declared_pools",
    "is_same",
    "key_columns",
    "merged",
    "normalized",
    "refers_to_it",
    "tied_columns",
]
