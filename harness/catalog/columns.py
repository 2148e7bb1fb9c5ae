"""A column as a frozen value. Field names are the aliases of ``sql/columns.sql``."""

from __future__ import annotations

from dataclasses import dataclass

_COMPARABLE = frozenset(
    [
        *("int2", "int4", "int8", "numeric", "money", "oid", "bool", "bit", "varbit", "bytea", "uuid", "jsonb"),
        *("text", "varchar", "bpchar", "citext", "name", "char", "inet", "cidr", "macaddr", "macaddr8"),
        *("date", "time", "timetz", "timestamp", "timestamptz", "interval"),
    ]
)
"""Types whose values are equal where their texts are; floats are not among them."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    - ``type`` is the declared type, ``base_type`` the one below its domains, both as ``format_type`` prints them.
      ``base_name`` is the ``pg_type.typname`` of the base type (``int4``, ``_text``), ``base_kind`` its ``typtype``
      (``b`` base, ``e`` enum, ``c`` composite, ``r`` range, ``m`` multirange).
    - ``element_name`` is the element type of an array or the subtype of a range, ``labels`` are those of an enum or of
      an array's enum. ``parts`` are the attributes of a composite, the element of an array, the subtype of a range.
    - ``identity`` is ``a`` (always), ``d`` (by default) or empty; ``generated`` is ``s`` (stored), ``v`` (virtual) or
      empty, with the expression in ``default``.
    """

    name: str
    type: str
    base_type: str
    base_name: str
    base_kind: str
    element_name: str | None
    typmod: int
    labels: tuple[str, ...]
    domain_checks: tuple[str, ...]
    not_null: bool
    default: str | None
    identity: str
    generated: str
    comment: str | None
    parts: tuple[Column, ...] = ()

    @property
    def is_domain(self) -> bool:
        return self.type != self.base_type

    @property
    def is_json(self) -> bool:
        return self.base_name in ("json", "jsonb")

    @property
    def is_comparable(self) -> bool:
        """Whether ``=`` finds exactly the values that have the same text."""
        if self.base_kind == "c":
            return False
        if self.parts:
            return all(part.is_comparable for part in self.parts)
        return self.base_kind == "e" or self.base_name in _COMPARABLE

    @property
    def is_supplied(self) -> bool:
        """Whether an INSERT may set it: generated columns take no value."""
        return not self.generated
