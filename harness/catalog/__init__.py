"""A frozen picture of a database: its tables, columns, keys, rules and privileges, read from the system catalogs.

Enter by :func:`~harness.catalog.read.read`, which returns a :class:`~harness.catalog.model.Catalog`.
Not here: what checks declare (``declarations``), and what the data is.
"""

from __future__ import annotations

from harness.catalog.canonical import Canonical
from harness.catalog.graph import ancestors, circular, parents_first
from harness.catalog.grouping import grouped, pieces
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
    Missing,
    Policy,
    PrimaryKey,
    Table,
    Trigger,
    UniqueKey,
    View,
)
from harness.catalog.parts import (
    TableRule,
    described_tables,
    enforced,
    inherited,
    own_enforced,
    own_parts,
    without,
)
from harness.catalog.read import read
from harness.catalog.roles import DEFAULTS, WHO_MAY_DISABLE_TRIGGERS, Roles, may_disable_triggers

__all__ = [
    "DEFAULTS",
    "WHO_MAY_DISABLE_TRIGGERS",
    "Canonical",
    "Catalog",
    "Check",
    "Column",
    "Constraint",
    "Definer",
    "Exclusion",
    "ForeignKey",
    "Grant",
    "Index",
    "Missing",
    "Policy",
    "PrimaryKey",
    "Roles",
    "Table",
    "TableRule",
    "Trigger",
    "UniqueKey",
    "View",
    "ancestors",
    "circular",
    "described_tables",
    "enforced",
    "grouped",
    "inherited",
    "may_disable_triggers",
    "own_enforced",
    "own_parts",
    "parents_first",
    "pieces",
    "read",
    "without",
]
