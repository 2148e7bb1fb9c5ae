"""A frozen picture of a database: its tables, columns, keys, rules and privileges, read from the system catalogs.

Enter by :func:`~harness.catalog.read.read`, which returns a :class:`~harness.catalog.model.Catalog`.
Not here: what checks declare (``declarations``), and what the data is.
"""

from harness.catalog.model import (
    Catalog,
    Check,
    Column,
    Constraint,
    Definer,
    Exclusion,
    ForeignKey,
    Grant,
    Index,
    Policy,
    PrimaryKey,
    Table,
    Trigger,
    UniqueKey,
    View,
)
from harness.catalog.read import read

__all__ = [
    "Catalog",
    "Check",
    "Column",
    "Constraint",
    "Definer",
    "Exclusion",
    "ForeignKey",
    "Grant",
    "Index",
    "Policy",
    "PrimaryKey",
    "Table",
    "Trigger",
    "UniqueKey",
    "View",
    "read",
]
