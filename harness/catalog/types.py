"""Resolves the types of columns: domains to their base types, composites and arrays to their parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.catalog.model import Column


class Types:
    """Rows of ``sql/types.sql`` by their oid."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._rows = {row["oid"]: row for row in rows}

    def column(self, row: Mapping[str, Any]) -> Column:
        """A row of ``sql/columns.sql``; a domain's NOT NULL and CHECKs are those of the column."""
        oid, typmod, base_type = row["oid"], row["typmod"], row["type"]
        checks: list[str] = []
        not_null = row["not_null"]
        while self._rows[oid]["kind"] == "d":
            domain = self._rows[oid]
            oid, base_type = domain["base"], domain["base_type"]
            typmod = domain["typmod"] if domain["typmod"] >= 0 else typmod
            not_null = not_null or domain["not_null"]
            checks += domain["checks"]
        base = self._rows[oid]
        # The length of a varchar(2)[] is that of its elements.
        inherited = typmod if base["kind"] == "b" else -1
        parts = tuple(self._part(name, part, own if own >= 0 else inherited) for name, part, own in base["parts"])
        element = parts[0] if parts and base["kind"] != "c" else None
        return Column(
            name=row["name"],
            type=row["type"],
            base_type=base_type,
            base_name=base["name"],
            base_kind=base["kind"],
            element_name=element.base_name if element else None,
            typmod=typmod,
            labels=element.labels if element else base["labels"],
            domain_checks=tuple(checks),
            not_null=not_null,
            default=row["default"],
            identity=row["identity"],
            generated=row["generated"],
            comment=row["comment"],
            parts=parts,
        )

    def _part(self, name: str, oid: int, typmod: int) -> Column:
        bare = {"not_null": False, "default": None, "identity": "", "generated": "", "comment": None}
        return self.column({"name": name, "oid": oid, "typmod": typmod, "type": self._rows[oid]["type"], **bare})
