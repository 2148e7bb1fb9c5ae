"""Answers the verbs of dbt that are none here, for people who type them by habit.

Not here: the page for these people (``docs/from-dbt.md``).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_LIST = "is: harness test --collect-only, which names every check"

COUNTERPARTS: Mapping[str, str] = MappingProxyType(
    {
        "build": "is: harness test, which builds a scratch database; harness apply and seed fill the target's",
        "clone": "is: harness psql --scratch, a copy that is dropped at the end",
        "compile": "is: harness apply --dry-run; the SQL is plain, and what is pending is parsed",
        "debug": "is: harness doctor --target",
        "deps": "has no counterpart: there are no packages; checks for many tables stand under shared: of project.yml",
        "docs": "has no counterpart: tables and columns are described by COMMENTs, which the kind comment compares",
        "list": _LIST,
        "ls": _LIST,
        "parse": "is: harness test --collect-only, which reads all files, and harness lint for the SQL",
        "retry": "is: the command that the last line of a run says; harness test --resume if it was interrupted",
        "run": "is: harness apply; there are no models, migrations make the tables",
        "run-operation": "is: harness psql -c; there are no macros",
        "show": "is: harness psql -c",
        "snapshot": "has no counterpart: triggers of the schema keep a history, and the kind audited proves them",
        "source": "has no counterpart: rules are tried on generated rows, not on the data of a source",
    }
)
"""For each verb the end of a sentence that begins with ``dbt's run``."""


def answer(verb: str) -> str | None:
    """Returns the message for a verb of dbt that is none here; None for any other word."""
    counterpart = COUNTERPARTS.get(verb)
    return f"no such command {verb!r}; dbt's {verb} {counterpart}" if counterpart else None
