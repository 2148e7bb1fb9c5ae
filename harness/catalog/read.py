"""Reads the catalog from a database, one query for each kind of object.

Leaves out the schemas of the system and of the ledger. Decides the type of a column below its domains, with their NOT
NULL and CHECKs as those of the column.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import resources
from types import MappingProxyType
from typing import Any, TypeVar

import psycopg
from psycopg.rows import dict_row

from harness.catalog.constraints import DomainCheckName
from harness.catalog.grouping import grouped
from harness.catalog.model import (
    Catalog,
    Check,
    Column,
    Constraint,
    CustomSetting,
    Definer,
    Exclusion,
    ForeignKey,
    Grant,
    Index,
    Policy,
    PrimaryKey,
    Rewrite,
    Table,
    Trigger,
    UniqueKey,
    View,
)
from harness.project.model import TableName

T = TypeVar("T")

_BY_HASH = re.compile(r"(?<=satisfies_hash_partition)\('(\d+)'::oid")


def read(connection: psycopg.Connection[Any], ledger: str = "harness") -> Catalog:
    """The catalog of the connection's database, without the system's schemas and the ``ledger`` schema.

    Names in expressions are printed with their schemas; the caller's search path is put back.
    """
    with connection.transaction():
        # An empty path makes PostgreSQL print every name with its schema.
        connection.execute("select set_config('search_path', '', true)")
        makers: dict[str, Callable[[dict[str, Any]], Any]] = {
            "columns": Types(_rows(connection, "types", ledger)).column,
            "constraints": _constraint,
            "indexes": lambda row: Index(**row),
            "triggers": lambda row: Trigger(**row),
            "rewrites": lambda row: Rewrite(**row),
            "policies": lambda row: Policy(**row),
            "grants": lambda row: Grant(**row),
        }
        parts: Any = {part: _by_table(_rows(connection, part, ledger), make) for part, make in makers.items()}
        rows = _rows(connection, "tables", ledger)
        above, roots = _roots(_rows(connection, "partitions", ledger))
        views = _views(_rows(connection, "views", ledger))
        heirs = _by_table(
            _rows(connection, "heirs", ledger), lambda row: TableName(row["heir_schema"], row["heir_table"])
        )
        definers = tuple(Definer(**row) for row in _rows(connection, "definers", ledger))
        settings = tuple(CustomSetting(**row) for row in _rows(connection, "settings", ledger))
    tables = {
        name: Table(name=name, **{part: found.get(name, ()) for part, found in parts.items()}, **row)
        for name, row in ((_table_name(row), row) for row in _with_names(rows))
    }
    return Catalog(
        connection.info.server_version,
        MappingProxyType(tables),
        views,
        definers,
        MappingProxyType(roots),
        settings,
        MappingProxyType(heirs),
        MappingProxyType(above),
    )


def _views(rows: list[dict[str, Any]]) -> tuple[View, ...]:
    found: dict[TableName, View] = {}
    for row in rows:
        name, reads = _table_name(row), TableName(row.pop("read_schema"), row.pop("read_table"))
        found[name] = View(name=name, reads=(*(found[name].reads if name in found else ()), reads), **row)
    return tuple(found.values())


def _with_names(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The rows of tables, whose bounds name other tables as text: their numbers are those of one database."""
    names = {row.pop("oid"): (row["schema"], row["table"]) for row in rows}

    def named(found: re.Match[str]) -> str:
        if int(found[1]) not in names:
            return found[0]
        table = ".".join(f'"{each.replace(chr(34), chr(34) * 2)}"' for each in names[int(found[1])])
        return f"('{table.replace(chr(39), chr(39) * 2)}'::regclass"

    for row in rows:
        yield {**row, "bounds": row["bounds"] and _BY_HASH.sub(named, row["bounds"])}


Above = dict[TableName, tuple[TableName, ...]]


def _roots(rows: list[dict[str, Any]]) -> tuple[Above, dict[tuple[TableName, str], tuple[TableName, str]]]:
    above: Above = {}
    roots: dict[tuple[TableName, str], tuple[TableName, str]] = {}
    for row in rows:
        root = TableName(row["root_schema"], row["root_table"])
        partition = _table_name(row)
        if row["name"]:
            roots[partition, row["name"]] = root, row["root_name"]
        else:
            above[partition] = (*above.get(partition, ()), root)
    return above, roots


def _by_table(rows: list[dict[str, Any]], make: Callable[[dict[str, Any]], T]) -> dict[TableName, tuple[T, ...]]:
    return {name: tuple(items) for name, items in grouped((_table_name(row), make(row)) for row in rows).items()}


def _rows(connection: psycopg.Connection[Any], query: str, ledger: str) -> list[dict[str, Any]]:
    return query_rows(connection, "harness.catalog", query, {"ledger": ledger})


def query_rows(
    connection: psycopg.Connection[Any], package: str, query: str, parameters: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The rows of a query in the ``sql/`` of a package; arrays are tuples."""
    text = resources.files(package).joinpath("sql", f"{query}.sql").read_text(encoding="utf-8")
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(text.encode(), parameters)
        return [
            {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()} for row in cursor
        ]


def _table_name(row: dict[str, Any]) -> TableName:
    return TableName(row.pop("schema"), row.pop("table"))


_OF_FOREIGN_KEYS = (
    *("references", "referenced_columns", "on_delete", "on_update", "on_delete_columns"),
    *("match_full", "period"),
)
_OWN: Mapping[str, tuple[type[Constraint], tuple[str, ...]]] = {
    "p": (PrimaryKey, ()),
    "u": (UniqueKey, ()),
    "c": (Check, ("expression",)),
    "x": (Exclusion, ()),
    "f": (ForeignKey, _OF_FOREIGN_KEYS),
}
"""The class of a ``pg_constraint.contype``, and the fields that it alone has."""


def _constraint(row: dict[str, Any]) -> Constraint:
    kind, own = _OWN[row.pop("type")]
    row["references"] = TableName(row.pop("referenced_schema") or "", row.pop("referenced_table") or "")
    others = {name for _, names in _OWN.values() for name in names} - {*own}
    return kind(**{name: value for name, value in row.items() if name not in others})


class Types:
    """Rows of ``sql/types.sql`` by their oid."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._rows = {row["oid"]: row for row in rows}

    def column(self, row: Mapping[str, Any]) -> Column:
        """A row of ``sql/columns.sql``; a domain's NOT NULL and CHECKs are those of the column."""
        oid, typmod, base_type = row["oid"], row["typmod"], row["type"]
        checks: list[str] = []
        names: list[DomainCheckName] = []
        not_null = row["not_null"]
        while self._rows[oid]["kind"] == "d":
            domain, name = self._rows[oid], self._rows[oid]["type"]
            oid, base_type = domain["base"], domain["base_type"]
            typmod = domain["typmod"] if domain["typmod"] >= 0 else typmod
            not_null = not_null or domain["not_null"]
            # Those of the domain below come first.
            checks = [*domain["checks"], *checks]
            names = [*(DomainCheckName(name, each) for each in domain["check_names"]), *names]
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
            domain_check_names=tuple(names),
            not_null=not_null,
            not_null_unvalidated=row.get("not_null_unvalidated", False),
            default=row["default"],
            identity=row["identity"],
            generated=row["generated"],
            comment=row["comment"],
            parts=parts,
            collation=row.get("collation"),
        )

    def _part(self, name: str, oid: int, typmod: int) -> Column:
        bare = {"not_null": False, "default": None, "identity": "", "generated": "", "comment": None}
        return self.column({"name": name, "oid": oid, "typmod": typmod, "type": self._rows[oid]["type"], **bare})
