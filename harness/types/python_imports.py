"""The imports of generated modules: what their code names, and where that comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from harness.types.python_layout import fits

_RULES = (
    *("EXACT", "UNSET", "InsertModel", "Maybe", "Model", "RowRule", "coalesce", "contained", "is_empty", "is_nan"),
    *("json_type", "matches", "missing", "octets", "quotient", "ranked", "real", "remainder", "trimmed", "unpadded"),
)
_TYPES = (
    *(
        "AnyDecimal",
        "Bit",
        "Bits",
        "Bytea",
        "Bytes",
        "Char",
        "CheckedByRule",
        "Cidr",
        "Date",
        "Float4",
        "Float8",
        "FloatText",
        "FromText",
    ),
    *("Inet", "Instance", "Int2", "Int4", "Int8", "IpAddress", "IpNetwork", "Json", "Jsonb", "Macaddr", "Macaddr8"),
    *("NotNull", "Numeric", "Oid", "Precision", "Text", "Time", "Timestamp", "Timestamptz", "Timetz", "Uuid", "Varbit"),
    *("Varchar", "ZonedDatetime", "ZonedTime"),
)
IMPORTED: Mapping[str, str] = {
    "Mapping": "collections.abc",
    "Decimal": "decimal",
    "MappingProxyType": "types",
    **dict.fromkeys(("Annotated", "Any", "Final", "Literal", "NamedTuple", "TypeAlias", "cast"), "typing"),
    "UUID": "uuid",
    "Multirange": "psycopg.types.multirange",
    "Range": "psycopg.types.range",
    **dict.fromkeys(("Field", "NaiveDatetime"), "pydantic"),
    **dict.fromkeys(_RULES, "._rules"),
    "fits": "._shapes",
    **dict.fromkeys(_TYPES, "._types"),
}
"""Names with the modules that they are imported from, in their order."""

RESERVED = frozenset([*IMPORTED, "dt", "bool", "bytes", "dict", "float", "int", "list", "str", "tuple"])
"""Names that no attribute of a model has: they would hide what annotations mean by them."""

_STANDARD = ("collections.abc", "decimal", "types", "typing", "uuid")
_STRINGS = re.compile(r'"""(?:[^\\]|\\.)*?"""|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'', re.DOTALL)


def imports(code: str, known: Mapping[str, str] = IMPORTED) -> list[str]:
    """Returns the import statements of a module's code; ``known`` has the modules of names, in their order."""
    named = set(re.findall(r"[A-Za-z_]\w*", _STRINGS.sub('""', code)))
    groups: list[list[str]] = [["from __future__ import annotations"], [], [], []]
    if "dt" in named:
        groups[1].append("import datetime as dt")
    for source in dict.fromkeys(known.values()):
        names = [name for name, module in known.items() if module == source and name in named]
        if names:
            groups[1 if source in _STANDARD else 3 if source.startswith(".") else 2] += _import(source, names)
    return "\n\n".join("\n".join(group) for group in groups if group).split("\n")


def in_order(name: str) -> tuple[bool, bool, str]:
    """Returns the key by which names are sorted where they are imported: constants, classes, then functions."""
    return not name.isupper(), not name[0].isupper(), name


def _import(source: str, names: list[str]) -> Iterator[str]:
    names.sort(key=in_order)
    line = f"from {source} import {', '.join(names)}"
    if fits(line):
        yield line
    else:
        yield from (f"from {source} import (", *(f"    {name}," for name in names), ")")
