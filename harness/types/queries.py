"""Reads all that types need besides tables: views, composite types, functions, domains, a role's privileges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from harness.catalog import Column
from harness.catalog.read import Types, query_rows
from harness.errors import ProjectError, did_you_mean
from harness.project.model import TableName
from harness.types.patterns import CannotState, Ranges, ranges_of

if TYPE_CHECKING:
    import psycopg

PRIVILEGES = {
    "select": "selected",
    "insert": "inserted",
    "update": "updated",
    "delete": "deleted",
    "usage": "numbered",  # of the sequence that an identity has
}
"""Privileges on a table, by what the query calls them."""
_CLASSES = {"space": r"\s", "digit": r"\d", "word": r"\w"}
_POSIX = ("alnum", "alpha", "blank", "cntrl", "graph", "lower", "print", "punct", "upper", "xdigit")


@dataclass(frozen=True)
class Relation:
    """A view or, if ``composite``, a composite type; ``definition`` is the query of a view."""

    name: TableName
    composite: bool
    comment: str | None
    columns: tuple[Column, ...]
    definition: str | None = None


@dataclass(frozen=True)
class Parameter:
    """A parameter of a function; ``mode`` is ``pg_proc.proargmodes``: i(n), o(ut), b(oth), v(ariadic), t(able).

    ``default`` is its expression.
    """

    name: str
    mode: str
    column: Column
    default: str | None = None


@dataclass(frozen=True)
class CatalogFunction:
    """A function as the catalog has it; ``required`` parameters have no default, ``row`` is the table of its result."""

    schema: str
    name: str
    parameters: tuple[Parameter, ...]
    required: int
    result: Column
    returns_set: bool
    row: TableName | None
    comment: str | None
    is_procedure: bool = False


@dataclass(frozen=True)
class DomainCheck:
    """A CHECK of a domain; its expression says ``VALUE``."""

    name: str
    expression: str
    validated: bool


@dataclass(frozen=True)
class DomainRules:
    """The CHECKs of a domain, those of the domains below it among them, and its ``default`` as PostgreSQL prints it."""

    checks: tuple[DomainCheck, ...] = ()
    default: str | None = None


@dataclass(frozen=True)
class Enum:
    """An enum type with its labels in order."""

    name: TableName
    labels: tuple[str, ...]
    comment: str | None


@dataclass(frozen=True)
class Surroundings:
    """Everything that the types of some schemas need, besides the catalog of tables.

    ``domains`` are by the names of types. ``privileges`` are, by table and column, what the role may do, of
    :data:`PRIVILEGES`; None if there is no role. ``other_schemas`` are those that no types are for.
    """

    relations: tuple[Relation, ...]
    functions: tuple[CatalogFunction, ...]
    enums: tuple[Enum, ...]
    domains: Mapping[str, DomainRules]
    privileges: Mapping[TableName, Mapping[str, frozenset[str]]] | None = None
    other_schemas: frozenset[str] = frozenset()


def read(
    connection: psycopg.Connection[Any], schemas: Sequence[str], role: str | None = None, ledger: str = "harness"
) -> Surroundings:
    """Reads the surroundings of the tables of some schemas; names in expressions are printed with their schemas.

    Raises :class:`ProjectError` for a schema or a role that the database does not have.
    """
    given = {"schemas": list(schemas), "role": role, "ledger": ledger}
    with connection.transaction():
        connection.execute("select set_config('search_path', '', true)")
        others = frozenset(_known(connection, "schema", schemas)) - {*schemas}
        _known(connection, "role", [role] if role else [])
        types = Types(query_rows(connection, "harness.catalog", "types", given))
        relations = _relations(query_rows(connection, __package__, "attributes", given), types)
        functions = tuple(_function(row, types) for row in query_rows(connection, __package__, "functions", given))
        enums = query_rows(connection, __package__, "enums", given)
        domains = _domains(query_rows(connection, __package__, "domains", given))
        privileges = _privileges(query_rows(connection, __package__, "privileges", given)) if role else None
    named = tuple(Enum(TableName(each["schema"], each["name"]), each["labels"], each["comment"]) for each in enums)
    return Surroundings(relations, functions, named, domains, privileges, others)


def _known(connection: psycopg.Connection[Any], what: str, names: Sequence[str]) -> list[str]:
    """All schemas or roles; raises if one of the names is none of them."""
    known = [str(each["name"]) for each in query_rows(connection, __package__, f"{what}s", {})]
    for each in names:
        if each not in known:
            raise ProjectError(f"the database has no {what} {each}{did_you_mean(each, known)}")
    return known


class ServerCharacters:
    """The characters of a class of regular expressions, asked of the server once for each class."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._of = lru_cache(maxsize=None)(self._asked)

    def __call__(self, name: str) -> Ranges:
        """Returns the characters as ranges; raises :class:`CannotState` for a class that PostgreSQL does not have."""
        return self._of(name)

    def _asked(self, name: str) -> Ranges:
        if name not in _CLASSES and name not in _POSIX:
            raise CannotState(f"the class {name} in a pattern")
        pattern = _CLASSES.get(name, f"[[:{name}:]]")
        (found,) = query_rows(self._connection, __package__, "characters", {"pattern": pattern})
        return ranges_of(found["codes"] or ())


def _relations(rows: Sequence[Mapping[str, Any]], types: Types) -> tuple[Relation, ...]:
    found: dict[TableName, Relation] = {}
    for row in rows:
        name = TableName(row["schema"], row["table"])
        before = found[name].columns if name in found else ()
        columns = (*before, types.column(row))
        found[name] = Relation(name, row["composite"], row["about"], columns, row["definition"])
    return tuple(found.values())


def _function(row: Mapping[str, Any], types: Types) -> CatalogFunction:
    parameters = tuple(
        Parameter(each["name"], each["mode"], _bare(types, each["name"], each["oid"], each["type"]), each["default"])
        for each in row["arguments"]
    )
    is_row = row["result_kind"] == "c"
    return CatalogFunction(
        schema=row["schema"],
        name=row["name"],
        parameters=parameters,
        required=row["required"],
        result=_bare(types, row["name"], row["result"], row["result_type"]),
        returns_set=row["returns_set"],
        row=TableName(row["row_schema"], row["row_table"]) if is_row else None,
        comment=row["comment"],
        is_procedure=row["is_procedure"],
    )


def _bare(types: Types, name: str, oid: int, type: str) -> Column:
    """A value of a type as a column of no table."""
    nothing = {"not_null": False, "default": None, "identity": "", "generated": "", "comment": None}
    return types.column({"name": name, "oid": oid, "typmod": -1, "type": type, **nothing})


def _domains(rows: Sequence[Mapping[str, Any]]) -> dict[str, DomainRules]:
    own: dict[str, list[DomainCheck]] = {}
    below = {row["type"]: row["base"] for row in rows}
    defaults = {row["type"]: row["default"] for row in rows}
    for row in rows:
        own.setdefault(row["type"], [])
        if row["name"] is not None:
            own[row["type"]].append(DomainCheck(row["name"], row["expression"], row["validated"]))
    found = {}
    for domain in own:
        checks, at = [], domain
        while at in own:
            checks += own[at]
            at = below[at]
        found[domain] = DomainRules(tuple(checks), defaults[domain])
    return found


def _privileges(rows: Sequence[Mapping[str, Any]]) -> dict[TableName, dict[str, frozenset[str]]]:
    found: dict[TableName, dict[str, frozenset[str]]] = {}
    for row in rows:
        verbs = frozenset(verb for verb, allowed in PRIVILEGES.items() if row[allowed])
        found.setdefault(TableName(row["schema"], row["table"]), {})[row["column"]] = verbs
    return found
