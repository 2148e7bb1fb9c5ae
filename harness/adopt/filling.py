"""Which tables can be filled: a drawn row of each, with its parents, tried on the server; and what helps there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg

from harness.adopt.lost import Lost, guarded
from harness.catalog.model import Catalog, Table
from harness.declarations import Check
from harness.describe.sheet import Entry, table_name
from harness.describe.yaml import Value
from harness.inference import Blocker, HintFinder
from harness.probes import Session
from harness.probes.statement import identifier
from harness.project import sql
from harness.project.model import TableName
from harness.proving.prover import pools
from harness.solver.pools import Pools
from harness.solver.row_hints import RowHints

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOST = re.compile(r"refused with (42P01|42883|42704): ")
"""No such relation, function or type."""

_SCHEMAS_OF_FUNCTIONS = """
select distinct n.nspname
from pg_catalog.pg_proc as p
inner join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
order by 1
"""


@dataclass(frozen=True)
class Filled:
    """Which tables were filled: ``empty`` are the others, with what stood in the way.

    Those that are ``full`` hold rows from the start, and take no others; those that are ``closed`` never take any: a
    rule makes something else of every INSERT, or a CHECK is false. ``learnt`` is what rows have to be,
    ``search_path`` where triggers have to look for what they name. Of those that are ``lost``, for an error of ours,
    nothing was found out.
    """

    tables: int
    empty: Mapping[TableName, Blocker]
    learnt: Mapping[TableName, RowHints]
    search_path: tuple[str, ...] = ()
    full: Mapping[TableName, Blocker] = field(default_factory=dict)
    closed: Mapping[TableName, Blocker] = field(default_factory=dict)
    lost: Mapping[TableName, Lost] = field(default_factory=dict)


Tell = Callable[[Sequence[Table]], Iterable[Table]]
"""Shows how far it is while tables are gone through."""


def fill(
    connection: psycopg.Connection[Any],
    catalog: Catalog,
    declared: Sequence[Check],
    tables: Sequence[Table],
    search_path: Sequence[str],
    tell: Tell,
) -> Filled:
    """Tries rows of each table; nothing of them stays.

    Where functions name things without their schema and nothing says where to look for them, the schemas of the tables
    are tried, those with the most tables first, and then those that have functions alone.
    """
    found = _filled(connection, catalog, declared, tables, (), tell)
    lost = any(_LOST.search(blocker.reason) for blocker in (*found.empty.values(), *found.full.values()))
    if search_path or not lost:
        return found
    functions = [schema for (schema,) in connection.execute(_SCHEMAS_OF_FUNCTIONS).fetchall()]
    path = tuple(dict.fromkeys((*catalog.schemas, *(each for each in functions if each != "public"), "public")))
    names = ", ".join(map(identifier, path))
    connection.execute(f"set search_path = {names}".encode())
    again = _filled(connection, catalog, declared, tables, path, tell)
    connection.execute("reset search_path")
    fewer = len(again.empty) + len(again.full) < len(found.empty) + len(found.full)
    return again if fewer else found


def _filled(
    connection: psycopg.Connection[Any],
    catalog: Catalog,
    declared: Sequence[Check],
    tables: Sequence[Table],
    search_path: tuple[str, ...],
    tell: Tell,
) -> Filled:
    made_of = pools(connection, catalog, declared)
    finder = HintFinder(Session(connection, catalog), made_of)
    errors: dict[TableName, Lost] = {}
    refused = _refused(finder, tell(tables), errors)
    if finder.found:
        # What was learnt of one table may help another that came before it; what is lost in the search path it cannot.
        late = [table for table in tables if table.name in refused and not _LOST.search(refused[table.name].reason)]
        refused = {name: why for name, why in refused.items() if _LOST.search(why.reason)}
        finder.retry()
        refused |= _refused(finder, late, errors)
    without = [table for table in tables if table.name in refused and table.name not in errors]
    full = {table.name: refused[table.name] for table in without if made_of.existing.count(table)}
    closed: dict[TableName, Blocker] = {}
    for table in without:
        with guarded(errors, table.name):
            if table.name not in full and _is_closed(made_of, table):
                closed[table.name] = refused[table.name]
    told = {*full, *closed, *errors}
    empty = {name: blocker for name, blocker in refused.items() if name not in told}
    return Filled(len(tables), empty, finder.found, search_path, full, closed, errors)


def _is_closed(made_of: Pools, table: Table) -> bool:
    """Whether a table takes no rows, whatever they are: those that inherit from it are to have them."""
    constant = [each.expression for each in table.checks if each.expression and not sql.columns(each.expression)]
    answers = made_of.oracle.answers(table, (), [()], constant)
    return table.diverts("insert") or any(not answer.holds for row in answers for answer in row)


def _refused(finder: HintFinder, tables: Iterable[Table], errors: dict[TableName, Lost]) -> dict[TableName, Blocker]:
    """The tables of which no row is accepted, and why; ``errors`` are those that could not be tried."""
    found: dict[TableName, Blocker] = {}
    for table in tables:
        with guarded(errors, table.name):
            blocker = _blocker(finder, table)
            if blocker is not None:
                found[table.name] = blocker
    return found


def _blocker(finder: HintFinder, table: Table) -> Blocker | None:
    try:
        return finder.fill(table.name)
    except (psycopg.ProgrammingError, psycopg.DataError) as error:
        if error.sqlstate is None:  # not the server's word, but psycopg's about a call of ours
            raise
        return Blocker(table.name, f"PostgreSQL cannot evaluate a rule: {error.diag.message_primary}")


def entry(hints: RowHints) -> Entry:
    """What was learnt, as an entry of ``checks:``."""
    columns: dict[str, Value] = {column: list(values) for column, values in hints.values.items()}
    columns |= {column: {"not_null": "true"} for column in hints.present}
    for column, lead in hints.leads.items():
        where = f"{table_name(lead.table)} ({_column(lead.column)})"
        columns[column] = {**_piece(columns, column), "references": where}
    for column, parent in hints.parents.items():
        columns[column] = {**_piece(columns, column), "parent": dict(parent)}
    found: Entry = {"rows": columns}
    before: dict[str, Value] = {}
    for table, row in hints.requires_first:
        rows = before.setdefault(table_name(table), [])
        assert isinstance(rows, list)
        rows.append(dict(row))
    if before:
        found["requires_first"] = {
            name: rows[0] if isinstance(rows, list) and len(rows) == 1 else rows for name, rows in before.items()
        }
    beside: dict[str, Value] = {table_name(table): dict(row) for table, row in hints.requires}
    if beside:
        found["requires"] = beside
    if hints.same_ancestors:
        found["same_ancestors"] = "true"
    if hints.created_by_trigger:
        found["created_by_trigger"] = "true"
    if hints.bypass_triggers:
        found["bypass_triggers"] = "true"
    if hints.trigger_creates:
        found["trigger_creates"] = [table_name(table) for table in hints.trigger_creates]
    return found


def _piece(columns: Mapping[str, Value], name: str) -> dict[str, Value]:
    """What was learnt of a column so far."""
    known = columns.get(name)
    return known if isinstance(known, dict) else {}


def _column(name: str) -> str:
    return name if re.fullmatch(r"[^\s\".(),]+", name) else identifier(name)
