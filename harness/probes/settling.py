"""What waits for the end of the transaction: asked about the rows that stand, before anything is tried on them."""

from __future__ import annotations

from collections.abc import Iterator

from harness.catalog.model import Catalog
from harness.probes.statement import identifier

IMMEDIATE = "set constraints all immediate"

WAITING = ("deferrable", "deferred")
"""How the catalog says of a constraint trigger that it can wait."""


def settle(catalog: Catalog) -> tuple[str, ...]:
    """Statements that ask all that waits, and have it wait again as it does when a transaction begins.

    SET CONSTRAINTS takes a name for all constraints of that name in a schema, and refuses to defer one that is not
    deferrable: so all is deferred, and what is INITIALLY IMMEDIATE is named.
    """
    if not catalog.has_deferrable:
        return ()
    waiting = dict(_deferrable(catalog))
    at_once = ", ".join(sorted(name for name, deferred in waiting.items() if not deferred))
    return (IMMEDIATE, "set constraints all deferred", *([f"set constraints {at_once} immediate"] if at_once else []))


def _deferrable(catalog: Catalog) -> Iterator[tuple[str, bool]]:
    """The qualified names of what can wait, and whether it does so initially; where a name says both, that it does."""
    found = [
        (f"{identifier(table.name.schema)}.{identifier(name)}", deferred)
        for table in catalog.tables.values()
        for name, deferred in (
            *((each.name, each.deferred) for each in table.constraints if each.deferrable),
            *((each.name, each.deferrable == "deferred") for each in table.triggers if each.deferrable in WAITING),
        )
    ]
    return iter(sorted(found, key=lambda pair: pair[1]))
