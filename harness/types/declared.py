"""Finds in checks what types follow: classes, columns that triggers fill in, columns that never change, shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.catalog.model import Catalog, Missing
from harness.declarations import DeclaredCheck
from harness.errors import Place, ProjectError, did_you_mean
from harness.grammar import strings, walk
from harness.kinds.class_ import ClassKind
from harness.kinds.columns import ColumnsKind
from harness.kinds.declared import DeclaredKind
from harness.kinds.routine import RoutineKind
from harness.kinds.touched_on_update import TouchedOnUpdateKind
from harness.project.columns import WrittenColumn
from harness.project.model import RowName, TableName
from harness.project.sql.parsing import statement_tree
from harness.project.types_keys import ReferenceData
from harness.types.queries import Surroundings
from harness.types.reading import Declared


def declared(
    checks: Sequence[DeclaredCheck], catalog: Catalog, around: Surroundings, names: Mapping[str, RowName]
) -> Declared:
    """Returns what the checks say of columns and parameters; ``names`` are the application's own for some tables.

    Raises :class:`ProjectError` for names of tables, columns and parameters that the database does not have.
    """
    _refuse_unknown(names, catalog, around)
    classes: dict[tuple[TableName, str], str] = {}
    shapes: dict[tuple[TableName, str], Mapping[str, Any]] = {}
    arguments: dict[tuple[str, str], WrittenColumn] = {}
    filled, touched, frozen, kept = set(), set(), set(), set()
    for check in checks:
        table, rule = check.table, check.rule
        if isinstance(rule, RoutineKind):
            arguments |= _arguments(check, catalog, around)
        if table is None or table not in catalog.tables:
            continue
        columns = rule.frozen(catalog.tables[table])
        frozen |= {(table, column) for column in columns}
        kept |= {table} if len(columns) == len(catalog.tables[table].columns) else set()
        if isinstance(rule, ClassKind) and rule.column is not None:
            classes[table, rule.column] = rule.class_
        elif isinstance(rule, TouchedOnUpdateKind):
            touched.add((table, rule.touched_on_update))
            filled |= {(table, rule.touched_on_update)} if rule.on_insert else set()
        elif isinstance(rule, ColumnsKind):
            shapes |= {(table, each.name): each.shape for each in rule.columns if each.shape is not None}
    return Declared(
        classes=classes,
        filled=frozenset(filled),
        touched=frozenset(touched),
        frozen=frozenset(frozen),
        kept=frozenset(kept),
        shapes=shapes,
        arguments=arguments,
        names=names,
        references=_references(checks, catalog),
    )


def _references(checks: Sequence[DeclaredCheck], catalog: Catalog) -> dict[TableName, tuple[ReferenceData, Place]]:
    """The tables with reference data, and where that is said."""
    return {
        check.table: (check.rule.reference, check.place)
        for check in checks
        if isinstance(check.rule, DeclaredKind) and check.rule.reference is not None
        if check.table is not None and check.table in catalog.tables
    }


def _arguments(check: DeclaredCheck, catalog: Catalog, around: Surroundings) -> dict[tuple[str, str], WrittenColumn]:
    """The columns that parameters of the called functions are written to."""
    rule, known = check.rule, dict[str, list[str]]()
    for each in around.functions:
        known.setdefault(f"{each.schema}.{each.name}", []).extend(one.name for one in each.parameters)
    called = called_functions(rule)
    found = [name for function in called for name in known.get(function, ())]
    for parameter, to in (rule.argument or {}).items():
        table, column = to.column
        try:
            catalog.table(table).column(column)
        except Missing as missing:
            raise ProjectError(f"argument {parameter}: {missing}", place=check.place) from None
        if found and parameter not in found:
            raise ProjectError(
                f"{' and '.join(sorted(called & {*known}))} has no parameter {parameter}"
                f"{did_you_mean(parameter, found)}",
                place=check.place,
            )
    return {(function, each): to for function in called for each, to in (rule.argument or {}).items()}


def called_functions(rule: RoutineKind) -> set[str]:
    """Returns the functions that a check calls, with their schemas."""
    nodes = (node for text in rule.call for node in walk(statement_tree(text), "FuncCall"))
    return {".".join(strings(node.funcname)) for node in nodes}


def _refuse_unknown(names: Mapping[str, RowName], catalog: Catalog, around: Surroundings) -> None:
    """Refuses a name for the rows of what is not there; other schemas than those of the types are not looked at."""
    relations = [
        *(each for each in catalog.tables if each not in catalog.above),
        *(each.name for each in around.relations),
    ]
    known = {str(each) for each in relations}
    for table, own in names.items():
        if table not in known and own.table.schema not in around.other_schemas:
            raise ProjectError(
                f"{own.name} would be a row of {table}, and there is no such table or view{did_you_mean(table, known)}",
                place=own.place,
            )
