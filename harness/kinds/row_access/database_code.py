"""The code of the database that a subject is in, read once for all checks."""

from __future__ import annotations

from functools import partial

from harness.catalog.code import DYNAMIC, Code, read_code
from harness.kinds.base import Subject, TableName


def code_of(subject: Subject) -> Code:
    """Returns the code of the database."""
    pools = subject.pools
    return pools.cached(("code",), partial(read_code, pools.connection, subject.catalog, subject.project.ledger_schema))


def asked_by_policies(subject: Subject) -> frozenset[TableName]:
    """Returns the tables that the policies of the check's table may read, by themselves or through functions.

    The table itself is among them, and so are all tables where a policy may compute statements.
    """
    names = code_of(subject).of_use(subject.table.name)
    tables = subject.catalog.tables
    return frozenset(name for name in tables if name.table.lower() in names or DYNAMIC in names) | {subject.table.name}
