"""Reads reference data, the rows that become constants, and decides by which key and columns.

A column whose value every database makes for itself (a computed default, an identity, a trigger) is no part of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.catalog.model import Catalog, Table
from harness.errors import Place, ProjectError, did_you_mean
from harness.probes.statement import qualified
from harness.project.model import TableName
from harness.project.types_keys import ReferenceData
from harness.seeds.tolerant import RefusedRows
from harness.types.javascript_names import pascal
from harness.types.model import DatabaseTypes, Field, ReferenceRows, TableShape
from harness.types.python_names import constant

if TYPE_CHECKING:
    import psycopg


def with_references(
    types: DatabaseTypes,
    catalog: Catalog,
    declared: Mapping[TableName, tuple[ReferenceData, Place]],
    connection: psycopg.Connection[Any],
    refused: Mapping[TableName, RefusedRows],
) -> DatabaseTypes:
    """Returns the types with the constants of tables that check files declare to be reference data.

    A role that may not read a table gets none of it. ``refused`` are rows of seeds that the schema does not take.
    Raises :class:`ProjectError` if such a table has one of these, has no rows, or no key for them.
    """
    modules = []
    for module in types.modules:
        shapes = [each for each in module.tables if each.name in declared and each.selectable]
        for each in shapes:
            if each.name in refused:
                raise _incomplete(each.name, refused[each.name])
        found = (_rows(catalog.table(each.name), each, *declared[each.name], connection) for each in shapes)
        modules.append(replace(module, references=tuple(found)))
    return replace(types, modules=tuple(modules))


def _incomplete(table: TableName, rows: RefusedRows) -> ProjectError:
    line = rows.lines[0] if rows.lines else None
    by = rows.constraint or " ".join(each for each in (rows.column, f"({rows.sqlstate})") if each)
    return ProjectError(
        f"the schema refuses a row of these seeds, by {by}: the constants of {table} would lack it",
        place=Place(Path(rows.path), line),
        hint="correct the row or the rule; harness seed tells more",
    )


def _stored(connection: psycopg.Connection[Any], table: TableName) -> Iterator[Mapping[str, Any]]:
    """The rows of a table in the order in which they were put in, with values as JSON has them."""
    # Not to_jsonb(t): that would be a column, if the table has one called t.
    query = f"select to_jsonb(t.*)::text from {qualified(table)} as t order by t.tableoid, t.ctid"
    for (text,) in connection.execute(query.encode()):
        yield json.loads(text, parse_float=Decimal)


def _rows(
    table: Table, shape: TableShape, reference: ReferenceData, place: Place, connection: psycopg.Connection[Any]
) -> ReferenceRows:
    fields = {each.name: each for each in shape.selected if not _is_made(each)}
    rows = tuple({name: row[name] for name in fields} for row in _stored(connection, table.name))
    if not rows:
        raise ProjectError(
            f"{table.name} is declared to be reference data, and has no rows",
            place=place,
            hint="put them into a file of seeds, or take 'reference' out",
        )
    by = _key(table, fields, reference.by, place)
    own = table.name.table
    return ReferenceRows(
        table=table.name,
        by=by,
        fields=tuple(fields.values()),
        rows=rows,
        map=reference.map or constant(own),
        list=reference.list or constant(own, "list"),
        key=reference.key or pascal(own, "key"),
        comment=table.comment,
    )


def _is_made(field: Field) -> bool:
    return bool(field.column.identity or field.replaced or (field.has_default and field.default is None))


def _key(table: Table, fields: Mapping[str, Field], by: Sequence[str], place: Place) -> tuple[str, ...]:
    """The columns of a key whose values are constant and not NULL."""
    known = [each.name for each in table.columns]
    for name in by:
        if name not in known:
            raise ProjectError(f"{table.name} has no column {name}{did_you_mean(name, known)}", place=place)
    indexes = sorted(table.unique_keys, key=lambda each: not each.primary)
    keys = [each.columns for each in indexes if each.is_plain and _constant(each.columns, fields)]
    if not by and keys:
        return keys[0]
    if any({*key} == {*by} for key in keys):
        return tuple(by)
    what = f"({', '.join(by)}) is no key" if by else "there is no key"
    raise ProjectError(
        f"the constants of {table.name} need a key that finds each row: {what} of columns that are NOT NULL and have "
        f"no computed default",
        place=place,
        hint=f"its keys: {'; '.join(', '.join(each) for each in keys)}" if keys else "give it one, by UNIQUE",
    )


def _constant(columns: Iterable[str], fields: Mapping[str, Field]) -> bool:
    return all(name in fields and not fields[name].nullable for name in columns)
