"""The inventory of a database: the definitions of all objects, as texts that can be compared.

Says which objects are left over, missing or changed, as the kind ``rollback`` asks after each ``down``. Leaves out
roles, objects of extensions and the ledger.
"""

from __future__ import annotations

from importlib import resources
from typing import Any, NamedTuple

import psycopg

LEFT_OVER = " is left over"
"""The end of a line of :func:`differences` about an additional object."""


class DatabaseObject(NamedTuple):
    """``kind`` and ``identity`` name an object, ``definition`` holds all that can differ about it."""

    kind: str
    identity: str
    definition: str

    @property
    def label(self) -> str:
        return f"{self.kind} {self.identity}"


def inventory(connection: psycopg.Connection[Any], ledger: str = "harness") -> frozenset[DatabaseObject]:
    """All objects outside the system's and the ledger's schemas, with owners, privileges and comments.

    Without roles, which belong to the whole cluster, and without the objects of extensions.
    """
    text = resources.files("harness.catalog").joinpath("sql", "inventory.sql").read_text(encoding="utf-8")
    with connection.transaction():
        connection.execute("select set_config('search_path', '', true)")
        return frozenset(DatabaseObject(*row) for row in connection.execute(text.encode(), {"ledger": ledger}))


def differences(before: frozenset[DatabaseObject], after: frozenset[DatabaseObject]) -> list[str]:
    """The objects that are left over, missing or changed, a line each: ``function intents.touch() is left over``."""
    old = {(entry.kind, entry.identity): entry for entry in before}
    new = {(entry.kind, entry.identity): entry for entry in after}
    lines = [f"{new[name].label}{LEFT_OVER}" for name in new.keys() - old.keys()]
    lines += [f"{old[name].label} is missing" for name in old.keys() - new.keys()]
    lines += [
        f"{new[name].label} has changed: {_changed(old[name].definition, new[name].definition)}"
        for name in old.keys() & new.keys()
        if old[name] != new[name]
    ]
    return sorted(lines)


def _changed(before: str, after: str) -> str:
    """The parts, between semicolons, in which two definitions differ."""
    old, new = before.split("; "), after.split("; ")
    gone, come = ("; ".join(part for part in one if part not in other) for one, other in ((old, new), (new, old)))
    return f"{gone!r} is now {come!r}" if gone and come else f"{gone!r} is gone" if gone else f"{come!r} is new"
