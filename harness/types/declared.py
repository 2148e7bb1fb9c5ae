"""Finds in checks what types follow: classes, columns that triggers fill in, columns that never change, shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.catalog.model import Catalog
from harness.declarations import DeclaredCheck
from harness.grammar import strings, walk
from harness.kinds.class_ import ClassKind
from harness.kinds.columns import ColumnsKind
from harness.kinds.routine import RoutineKind
from harness.kinds.touched_on_update import TouchedOnUpdateKind
from harness.project.columns import WrittenColumn
from harness.project.model import TableName
from harness.project.sql.parsing import statement_tree
from harness.types.reading import Declared


def declared(checks: Sequence[DeclaredCheck], catalog: Catalog, names: Mapping[str, str]) -> Declared:
    """Returns what the checks say of columns and parameters; ``names`` are the application's own for some tables."""
    classes: dict[tuple[TableName, str], str] = {}
    shapes: dict[tuple[TableName, str], Mapping[str, Any]] = {}
    arguments: dict[tuple[str, str], WrittenColumn] = {}
    filled, touched, frozen = set(), set(), set()
    for check in checks:
        table, rule = check.table, check.rule
        if isinstance(rule, RoutineKind):
            arguments |= _arguments(rule)
        if table is None or table not in catalog.tables:
            continue
        frozen |= {(table, column) for column in rule.frozen(catalog.tables[table])}
        if isinstance(rule, ClassKind) and rule.column is not None:
            classes[table, rule.column] = rule.class_
        elif isinstance(rule, TouchedOnUpdateKind):
            touched.add((table, rule.touched_on_update))
            filled |= {(table, rule.touched_on_update)} if rule.on_insert else set()
        elif isinstance(rule, ColumnsKind):
            shapes |= {(table, each.name): each.shape for each in rule.columns if each.shape is not None}
    return Declared(classes, frozenset(filled), frozenset(touched), frozenset(frozen), shapes, arguments, names)


def _arguments(rule: RoutineKind) -> dict[tuple[str, str], WrittenColumn]:
    """The columns that parameters of the called functions are written to."""
    nodes = (node for text in rule.call for node in walk(statement_tree(text), "FuncCall"))
    called = {".".join(strings(node.funcname)) for node in nodes}
    return {(function, each): to for function in called for each, to in (rule.argument or {}).items()}
