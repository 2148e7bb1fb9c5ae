"""Tables that an error of ours costs, so that it costs no other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from harness.errors import HarnessError
from harness.probes.interference import CONFLICTS, Interference, of_error
from harness.project.model import TableName
from harness.proving import bug


@dataclass(frozen=True)
class TableError:
    """What the error was, and what a report of it needs; nothing where it was somebody else's session."""

    reason: str
    traceback: str = field(repr=False)


@contextmanager
def guarded(lost: dict[TableName, TableError], table: TableName) -> Iterator[None]:
    """Whatever goes wrong unexpectedly costs this table. What nothing can be done without is raised."""
    try:
        yield
    except HarnessError:
        raise
    except psycopg.OperationalError as error:
        if error.sqlstate not in CONFLICTS:
            raise
        lost.setdefault(table, TableError(str(Interference(of_error(error))), ""))
    except Interference as error:
        lost.setdefault(table, TableError(str(error), ""))
    except Exception as error:
        lost.setdefault(table, TableError(bug.reason(error), bug.text(error)))
