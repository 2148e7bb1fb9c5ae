"""A frozen picture of a database: what stands in its system catalogs, in this project's words."""

from harness.catalog.model import (
    Catalog,
    Column,
    Constraint,
    Definer,
    Grant,
    Index,
    Policy,
    Table,
    Trigger,
    View,
)
from harness.catalog.read import read

__all__ = ["Catalog", "Column", "Constraint", "Definer", "Grant", "Index", "Policy", "Table", "Trigger", "View", "read"]
