"""Views, SECURITY DEFINER functions and custom settings as frozen values: they belong to no single table.

Field names are the aliases of the queries in ``sql/``. Not here: tables and all that they have (``model.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.project.model import TableName


@dataclass(frozen=True)
class View:
    """A view, or a ``materialized`` one; ``reads`` are the relations that its query names, views among them."""

    name: TableName
    owner: str
    materialized: bool
    security_invoker: bool
    security_barrier: bool
    reads: tuple[TableName, ...]


@dataclass(frozen=True)
class Definer:
    """A SECURITY DEFINER function; ``pinned`` if it sets its own search path, ``fires`` if triggers call it."""

    schema: str
    signature: str
    owner: str
    pinned: bool
    fires: bool = False


@dataclass(frozen=True)
class CustomSetting:
    """A custom setting that code of the database reads or sets; ``name`` is None where the code computes it."""

    name: str | None
    read: bool
    set: bool
