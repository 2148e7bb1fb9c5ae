"""Checks deferred constraints of the rows of a setup, before anything is tried on them.

Decides in which order constraints are named, so that they are deferred again as when a transaction begins.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.catalog.model import Catalog
from harness.probes.statement import identifier

IMMEDIATE = "set constraints all immediate"

WAITING = ("deferrable", "deferred")
"""The values of ``Trigger.deferrable`` for a constraint trigger that can wait for the COMMIT."""


def settle(catalog: Catalog) -> tuple[str, ...]:
    """Statements that check all deferred constraints, and defer them again as when a transaction begins.

    SET CONSTRAINTS takes a name for all constraints of that name in a schema, and refuses to defer one that is not
    deferrable: so all is deferred, and what is INITIALLY IMMEDIATE is named.
    """
    waiting = dict(_deferrable(catalog))
    if not waiting:
        return ()
    at_once = ", ".join(sorted(name for name, deferred in waiting.items() if not deferred))
    return (IMMEDIATE, "set constraints all deferred", *([f"set constraints {at_once} immediate"] if at_once else []))


def _deferrable(catalog: Catalog) -> Iterator[tuple[str, bool]]:
    """The qualified names of deferrable constraints and triggers, and whether each is initially deferred.

    Of two with the same name the deferred one comes last.
    """
    found = [
        (f"{identifier(table.name.schema)}.{identifier(name)}", deferred)
        for table in catalog.tables.values()
        for name, deferred in (
            *((each.name, each.deferred) for each in table.constraints if each.deferrable),
            *((each.name, each.deferrable == "deferred") for each in table.triggers if each.deferrable in WAITING),
        )
    ]
    return iter(sorted(found, key=lambda pair: pair[1]))
