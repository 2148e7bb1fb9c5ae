"""Asks PostgreSQL, so that nothing here has to understand SQL as PostgreSQL does.

Enter by :class:`Oracle` (what predicates, expressions and types say of values) and :class:`Introspection` (functions,
views, roles and queries of the database). Its module also
executes statements and rolls them back.
Not here: the catalog of tables (``catalog``), and which values to ask about (``values``, ``solver``).
"""

from harness.oracle.introspection import Introspection
from harness.oracle.predicates import Answer, Oracle

__all__ = ["Answer", "Introspection", "Oracle"]
