"""Tables that an error of ours costs, so that it costs no other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from harness.errors import HarnessError
from harness.probes.disturbance import CONFLICTS, Disturbed, of_error
from harness.project.model import TableName
from harness.proving import bug


@dataclass(frozen=True)
class Lost:
    """What the error was, and what a report of it needs; nothing where it was somebody else's session."""

    reason: str
    traceback: str = field(repr=False)


@contextmanager
def guarded(lost: dict[TableName, Lost], table: TableName) -> Iterator[None]:
    """Whatever goes wrong unexpectedly costs this table. What nothing can be done without is raised."""
    try:
        yield
    except HarnessError:
        raise
    except psycopg.OperationalError as error:
        if error.sqlstate not in CONFLICTS:
            raise
        lost.setdefault(table, Lost(str(Disturbed(of_error(error))), ""))
    except Disturbed as error:
        lost.setdefault(table, Lost(str(error), ""))
    except Exception as error:
        lost.setdefault(table, Lost(bug.reason(error), bug.text(error)))
