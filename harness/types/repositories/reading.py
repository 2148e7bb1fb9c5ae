"""Makes repositories of types: which rows can be found, and by what; where each view and function belongs.

Decides the names of methods. A view belongs to the table that its query reads first; a function to the table whose
rows it returns (or the rows of its view), else to the one whose check file calls it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from harness import grammar
from harness.catalog import Index, Table
from harness.catalog.model import Catalog
from harness.declarations import DeclaredCheck
from harness.kinds.routine import RoutineKind
from harness.project import sql
from harness.project.model import TableName
from harness.project.sql.parsing import statement_tree
from harness.types.declared import called_functions
from harness.types.model import DatabaseTypes, Field, FunctionShape, ModuleTypes, TableShape
from harness.types.queries import Surroundings
from harness.types.record_shapes import numbered
from harness.types.repositories import refusals
from harness.types.repositories.model import (
    DatabaseRepositories,
    Lookup,
    ModuleRepositories,
    NamedFunction,
    TableRepository,
    Upsert,
)
from harness.types.repositories.parameters import parameter_name
from harness.types.repositories.statements import equal, escaped, name


def read(
    types: DatabaseTypes, catalog: Catalog, around: Surroundings, checks: Sequence[DeclaredCheck]
) -> DatabaseRepositories:
    """Returns the repositories of some schemas, and the refusals of their tables and checks."""
    callers = _callers(checks)
    views = {each.name: _first_table(each.definition) for each in around.relations if each.definition}
    modules = tuple(_RepositoryReader(each, catalog, views, callers).repositories() for each in types.modules)
    return DatabaseRepositories(modules, refusals.read(types, catalog, around, checks))


def _callers(checks: Sequence[DeclaredCheck]) -> dict[str, TableName]:
    """The table whose file calls each function, the first one."""
    found: dict[str, TableName] = {}
    for check in checks:
        if isinstance(check.rule, RoutineKind) and check.table is not None:
            for function in called_functions(check.rule):
                found.setdefault(function, check.table)
    return found


def _first_table(query: str) -> TableName | None:
    """The relation that the FROM of a query begins with."""
    for node in grammar.walk(statement_tree(query), "SelectStmt"):
        for each in node.from_clause[:1]:
            for first in grammar.walk(each, "RangeVar"):
                return TableName(first.schemaname, first.relname)
    return None


class _RepositoryReader:
    def __init__(
        self,
        module: ModuleTypes,
        catalog: Catalog,
        views: Mapping[TableName, TableName | None],
        callers: Mapping[str, TableName],
    ) -> None:
        self._module, self._catalog, self._views, self._callers = module, catalog, views, callers
        self._tables = {each.name: each for each in module.tables if each.kind == "table" and _is_used(each)}

    def repositories(self) -> ModuleRepositories:
        views = [each for each in self._module.tables if each.kind == "view" and each.selectable]
        owners = [(each, self._owner(each.name)) for each in views]
        functions = [(each, self._owner_of_function(each[0])) for each in numbered(self._module.functions)]
        tables = (
            self._table(
                shape,
                tuple(view for view, owner in owners if owner == table),
                tuple(function for function, owner in functions if owner == table),
            )
            for table, shape in self._tables.items()
        )
        return ModuleRepositories(
            schema=self._module.schema,
            tables=tuple(tables),
            views=tuple(view for view, owner in owners if owner is None),
            functions=tuple(function for function, owner in functions if owner is None),
        )

    def _owner(self, relation: TableName | None) -> TableName | None:
        """The table that a relation is, or that a view begins with."""
        seen: set[TableName] = set()
        while relation is not None and relation in self._views and relation not in seen:
            seen.add(relation)
            relation = self._views[relation]
        return relation if relation in self._tables else None

    def _owner_of_function(self, function: FunctionShape) -> TableName | None:
        found = self._owner(function.row_of)
        return found or self._owner(self._callers.get(f"{function.schema}.{function.name}"))

    def _table(
        self, shape: TableShape, views: tuple[TableShape, ...], functions: tuple[NamedFunction, ...]
    ) -> TableRepository:
        table = self._catalog.table(shape.name)
        readable = {each.name: each for each in shape.selected}
        key = next(_keys(table, readable), None)
        columns = tuple(readable[each] for each in key.columns) if key else ()
        found = TableRepository(
            shape=shape,
            key=columns,
            is_readable=len(readable) == len(table.columns),
            lookups=tuple(_lookups(table, readable, columns)),
            views=views,
            functions=functions,
        )
        return replace(found, upserts=tuple(_upserts(table, found, readable)))


def _is_used(shape: TableShape) -> bool:
    return shape.selectable or shape.insertable or shape.updatable or shape.deletable


def _keys(table: Table, readable: Mapping[str, Field]) -> Iterator[Index]:
    """The keys that find each row, the primary key first."""
    for index in sorted(table.unique_keys, key=lambda each: not each.primary):
        if index.is_plain and all(each in readable and not readable[each].nullable for each in index.columns):
            yield index


def _lookups(table: Table, readable: Mapping[str, Field], key: tuple[Field, ...]) -> Iterator[Lookup]:
    """The ways to find rows: by the key, unique keys, indexes (by their first columns, too) and foreign keys."""
    seen: set[frozenset[str]] = set()
    order = tuple(name(each.name) for each in key)
    for lookup in (
        *_by_unique_keys(table, readable, order),
        *_by_indexes(table, readable, order),
        *_by_foreign_keys(table, readable, order),
        *([Lookup("all", (), (), order, "", is_one=False)] if readable else []),
    ):
        terms = frozenset(lookup.terms or (lookup.name,))
        if terms not in seen:
            seen.add(terms)
            yield lookup


def _by_unique_keys(table: Table, readable: Mapping[str, Field], order: tuple[str, ...]) -> Iterator[Lookup]:
    first = next(_keys(table, readable), None)
    for index in sorted(table.unique_keys, key=lambda each: each is not first):
        columns = _columns_of(index, readable)
        if columns and index.valid:
            yield Lookup(
                name="" if index is first else _by(columns) if index.is_plain else index.name,
                columns=columns,
                terms=_terms(index, columns),
                order=order,
                source=index.name,
                is_one=not index.nulls_not_distinct or not any(each.nullable for each in columns),
                predicate=index.predicate,
            )


def _by_indexes(table: Table, readable: Mapping[str, Field], order: tuple[str, ...]) -> Iterator[Lookup]:
    for index in table.indexes:
        if index.method != "btree" or not index.valid or (index.unique and not index.is_plain):
            continue
        if index.is_plain:
            yield from _by_first_columns(table, index, readable, order)
            continue
        columns = _columns_of(index, readable)
        if columns:
            terms = _terms(index, columns)
            yield Lookup(index.name, columns, terms, order, index.name, is_one=False, predicate=index.predicate)


def _by_first_columns(
    table: Table, index: Index, readable: Mapping[str, Field], order: tuple[str, ...]
) -> Iterator[Lookup]:
    """The lookups by the first columns of an index; moments order rows, and nobody asks for one of them."""
    if not all(each in readable for each in index.columns):
        return
    moments = [table.column(each).base_name in ("timestamp", "timestamptz") for each in index.columns]
    for count in range(len(index.keys) + 1 - index.unique):
        if any(moments[:count]) or (count == 0 and not moments[0]):
            continue
        columns = tuple(readable[each] for each in index.columns[:count])
        listed = [readable[each] for each in index.columns if name(each) not in order]
        called = _by(columns) if columns else f"all_{_by(listed or columns)}"
        yield Lookup(called, columns, equal(columns), _ordered(index, count, order), index.name, is_one=False)


def _ordered(index: Index, count: int, order: Iterable[str]) -> tuple[str, ...]:
    """The terms of ORDER BY behind the first keys of an index: its other keys, then those of the table's key."""
    named = {escaped(each) for each in index.expressions}
    return (*map(escaped, index.keys[count:]), *(each for each in order if each not in named))


def _apart(order: Iterable[str], columns: Sequence[Field]) -> tuple[str, ...]:
    """The terms of an order without columns that have one value."""
    fixed = {name(each.name) for each in columns}
    return tuple(each for each in order if each not in fixed)


def _by_foreign_keys(table: Table, readable: Mapping[str, Field], order: tuple[str, ...]) -> Iterator[Lookup]:
    for foreign in table.foreign_keys:
        columns = tuple(readable[each] for each in foreign.columns if each in readable)
        if len(columns) == len(foreign.columns):
            yield Lookup(_by(columns), columns, equal(columns), _apart(order, columns), foreign.name, is_one=False)


def _by(columns: Sequence[Field]) -> str:
    return "by_" + "_and_".join(each.name for each in columns)


def _columns_of(index: Index, readable: Mapping[str, Field]) -> tuple[Field, ...]:
    """The columns that the keys of an index read; none if one of them, or of its predicate, cannot be read."""
    names = dict.fromkeys(column for key in index.expressions for column in _columns(key))
    everything = (*names, *(sql.columns(index.predicate) if index.predicate else ()))
    return tuple(readable[each] for each in names) if all(each in readable for each in everything) else ()


def _columns(key: str) -> tuple[str, ...]:
    return sql.columns(key) if not sql.is_name(key) else (grammar.unquoted(key),)


def _terms(index: Index, columns: Sequence[Field]) -> tuple[str, ...]:
    """The conditions that the keys of an index have the values of placeholders, and its predicate."""
    own = equal(columns) if index.is_plain else tuple(_term(key, columns) for key in index.expressions)
    return (*own, escaped(index.predicate)) if index.predicate else own


def _term(key: str, columns: Sequence[Field]) -> str:
    """A key of an index, equal to the same of the placeholders: ``lower(email) = lower(%(email)s)``."""
    by_name = {each.name: each for each in columns}
    if sql.is_name(key):
        return equal([by_name[grammar.unquoted(key)]])[0]
    parts, last = [], 0
    for token in grammar.tokens(key):
        if grammar.unquoted(token.text) in by_name and not re.match(r"\s*[(.]", key[token.end :]):
            field = by_name[grammar.unquoted(token.text)]
            parts += [escaped(key[last : token.start]), f"%({parameter_name(field.name)})s::{field.column.base_type}"]
            last = token.end
    return f"{escaped(key)} = {''.join([*parts, escaped(key[last:])])}"


def _upserts(table: Table, repository: TableRepository, readable: Mapping[str, Field]) -> Iterator[Upsert]:
    """The ways to insert a row or change the one with its key: by each key that is not deferrable."""
    shape = repository.shape
    if not (shape.insertable and shape.updatable):
        return
    given = {each.name for each in repository.inserted}
    deferred = {each.name for each in table.constraints if each.deferrable}
    for index in table.unique_keys:
        columns = _columns_of(index, readable)
        fixed = {each.name for each in (*columns, *repository.key)}
        changed = tuple(each for each in shape.updated if each.name not in fixed and each.name in given and each.select)
        is_given = bool(columns) and all(each.name in given for each in columns)
        if is_given and changed and index.valid and not index.without_overlaps and index.constraint not in deferred:
            where = f" where {escaped(index.predicate)}" if index.predicate else ""
            keys = ", ".join(escaped(each) if sql.is_name(each) else f"({escaped(each)})" for each in index.expressions)
            ending = "_and_".join(each.name for each in columns) if index.is_plain else index.name
            yield Upsert(f"on_{ending}", columns, f"({keys}){where}", index.name, changed)
