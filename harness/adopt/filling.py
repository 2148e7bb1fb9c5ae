"""Tries one drawn row of each table, and says which tables stay empty and why.

Decides whether such a table counts as empty, as full (its existing rows leave no room) or as closed (it never takes a
row), and which search path the functions of triggers need. Makes the entry ``rows:`` of the hints that were found.
Not here: the search for these hints (``inference``), and thousands of rows (``bulk``).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from harness.adopt.survey import TableError, guarded
from harness.catalog.model import Catalog, Table
from harness.declarations import DeclaredCheck
from harness.describe import TRUE, CheckEntry, YamlValue, said
from harness.grammar import quoted
from harness.inference import Blocker, HintFinder
from harness.probes import Session, identifier
from harness.project import TableName, sql
from harness.solver import Pools, RowHints, declared_pools

_NOT_FOUND = re.compile(r"refused with (42P01|42883|42704): ")
"""No such relation, function or type."""

_SCHEMAS_OF_FUNCTIONS = """
select distinct n.nspname
from pg_catalog.pg_proc as p
inner join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
order by 1
"""


@dataclass(frozen=True)
class FilledTables:
    """The number of ``tables`` that were tried, and those that could not be filled, each with the reason.

    - ``empty`` tables got no row. ``full`` ones hold rows from the start, and take no others. ``closed`` ones never
      take any: a rewrite rule replaces every INSERT, a CHECK is false, or there is no partition. Those with ``errors``
      were not tried.
    - ``hints`` are the needs of rows, ``search_path`` is the one that functions of triggers need.
    """

    tables: int
    empty: Mapping[TableName, Blocker]
    hints: Mapping[TableName, RowHints]
    search_path: tuple[str, ...] = ()
    full: Mapping[TableName, Blocker] = field(default_factory=dict)
    closed: Mapping[TableName, Blocker] = field(default_factory=dict)
    errors: Mapping[TableName, TableError] = field(default_factory=dict)


Tell = Callable[[Sequence[Table]], Iterable[Table]]
"""Shows the progress while tables are gone through."""


def fill(
    connection: psycopg.Connection[Any],
    catalog: Catalog,
    declared: Sequence[DeclaredCheck],
    tables: Sequence[Table],
    search_path: Sequence[str],
    tell: Tell,
) -> FilledTables:
    """Tries rows of each table; all of them are undone.

    Where functions name objects without a schema and no search path is set, the schemas of the tables are tried as the
    search path, those with the most tables first, and then schemas that only have functions.
    """
    found = _filled(connection, catalog, declared, tables, (), tell)
    if search_path or not any(
        _NOT_FOUND.search(blocker.reason) for blocker in (*found.empty.values(), *found.full.values())
    ):
        return found
    functions = (schema for (schema,) in connection.execute(_SCHEMAS_OF_FUNCTIONS) if schema != "public")
    path = tuple(dict.fromkeys((*catalog.schemas, *functions, "public")))
    connection.execute(f"set search_path = {', '.join(map(identifier, path))}".encode())
    again = _filled(connection, catalog, declared, tables, path, tell)
    connection.execute("reset search_path")
    return min(found, again, key=lambda each: len(each.empty) + len(each.full))


def _filled(
    connection: psycopg.Connection[Any],
    catalog: Catalog,
    declared: Sequence[DeclaredCheck],
    tables: Sequence[Table],
    search_path: tuple[str, ...],
    tell: Tell,
) -> FilledTables:
    pools = declared_pools(connection, catalog, declared)
    finder = HintFinder(Session(connection, catalog), pools)
    errors: dict[TableName, TableError] = {}
    refused = _refused(finder, tell(tables), errors)
    if finder.found:
        # Hints for one table may help another that came before it, but not one that lacks a search path.
        lacking = {name: why for name, why in refused.items() if _NOT_FOUND.search(why.reason)}
        late = [table for table in tables if table.name in refused and table.name not in lacking]
        finder.retry()
        refused = lacking | _refused(finder, late, errors)
    without = [table for table in tables if table.name in refused and table.name not in errors]
    full = {table.name: refused[table.name] for table in without if pools.existing.count(table)}
    closed: dict[TableName, Blocker] = {}
    for table in without:
        with guarded(errors, table.name):
            if table.name not in full and _is_closed(pools, table):
                closed[table.name] = refused[table.name]
    empty = {name: why for name, why in refused.items() if name not in {*full, *closed, *errors}}
    return FilledTables(len(tables), empty, finder.found, search_path, full, closed, errors)


def _is_closed(pools: Pools, table: Table) -> bool:
    """Whether a table takes no row at all: tables that inherit from it are to have them."""
    constant = [each.expression for each in table.checks if each.expression and not sql.columns(each.expression)]
    answers = pools.oracle.answers(table, (), [()], constant)
    closed = table.has_instead_rule("insert") or pools.lacking_partitions(table) is not None
    return closed or any(not answer.holds for row in answers for answer in row)


def _refused(
    finder: HintFinder, tables: Iterable[Table], errors: dict[TableName, TableError]
) -> dict[TableName, Blocker]:
    """The tables of which no row is accepted, and why; adds those that could not be tried to ``errors``."""
    found: dict[TableName, Blocker] = {}
    for table in tables:
        with guarded(errors, table.name):
            if (blocker := _blocker(finder, table)) is not None:
                found[table.name] = blocker
    return found


def _blocker(finder: HintFinder, table: Table) -> Blocker | None:
    try:
        return finder.fill(table.name)
    except (psycopg.ProgrammingError, psycopg.DataError) as error:
        if error.sqlstate is None:  # not the server's word, but psycopg's about a call of ours
            raise
        return Blocker(table.name, f"PostgreSQL cannot evaluate a rule: {error.diag.message_primary}")


def entry(hints: RowHints) -> CheckEntry:
    """Row hints as an entry of ``checks:``."""
    columns: dict[str, YamlValue] = {column: list(values) for column, values in hints.values.items()}
    columns |= {column: {"not_null": "true"} for column in hints.present}
    for column, lead in hints.leads.items():
        columns[column] = {
            **_piece(columns, column),
            "references": f"{lead.table} ({quoted(lead.column)})",
        }
    for column, parent in hints.parents.items():
        columns[column] = {**_piece(columns, column), "parent": dict(parent)}
    before: dict[str, list[YamlValue]] = defaultdict(list)
    for table, row in hints.requires_first:
        before[str(table)].append(dict(row))
    further: CheckEntry = {
        "requires_first": {name: rows if len(rows) > 1 else rows[0] for name, rows in before.items()},
        "requires": {str(table): dict(row) for table, row in hints.requires},
        "same_ancestors": TRUE if hints.same_ancestors else None,
        "created_by_trigger": TRUE if hints.created_by_trigger else None,
        "bypass_triggers": TRUE if hints.bypass_triggers else None,
        "trigger_creates": [str(table) for table in hints.trigger_creates],
        "as": hints.as_,
        "claims": dict(hints.claims),
    }
    return {"rows": columns, **said(further)}


def _piece(columns: Mapping[str, YamlValue], name: str) -> dict[str, YamlValue]:
    """The entry of a column so far."""
    known = columns.get(name)
    return known if isinstance(known, dict) else {}
