"""The query for the rows of one table, from the first decision on its columns to the last."""

from __future__ import annotations

from harness.bulk.builder import InsertBuilder, TableRequest
from harness.bulk.context import BulkContext
from harness.bulk.keys import make_distinct
from harness.bulk.query import InsertQuery


def insert_query(context: BulkContext, request: TableRequest) -> InsertQuery:
    """The query for the requested rows.

    Raises :class:`~harness.solver.rules.Unfillable` and :class:`~harness.values.types.Unsupported`.
    """
    builder = InsertBuilder(context, request)
    make_distinct(builder)
    return builder.query()
