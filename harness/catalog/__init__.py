"""A frozen picture of a database: what stands in its system catalogs, in this project's words."""

from harness.catalog.model import (
    Catalog,
    Column,
    Constraint,
    Grant,
    Index,
    Policy,
    Table,
    Trigger,
)
from harness.catalog.read import read

__all__ = ["Catalog", "Column", "Constraint", "Grant", "Index", "Policy", "Table", "Trigger", "read"]
