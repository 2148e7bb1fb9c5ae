"""Keeps an unexpected error at one table from costing the others.

Decides which errors are only noted for the table, and which end everything: a fault that a person has to mend, a lost
server.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from harness.errors import HarnessError
from harness.probes.reply import Interference, interference_of
from harness.project.model import TableName
from harness.proving import bug


@dataclass(frozen=True)
class TableError:
    """An error at one table; its ``traceback`` is empty where another session was to blame."""

    reason: str
    traceback: str = field(repr=False)


@contextmanager
def guarded(errors: dict[TableName, TableError], table: TableName) -> Iterator[None]:
    """Books an unexpected error for this table; raises errors that end everything."""
    try:
        yield
    except HarnessError:
        raise
    except (psycopg.OperationalError, Interference) as error:
        met = error if isinstance(error, Interference) else interference_of(error)
        if met is None:
            raise
        errors.setdefault(table, TableError(str(met), ""))
    except Exception as error:
        errors.setdefault(table, TableError(bug.reason(error), bug.text(error)))
