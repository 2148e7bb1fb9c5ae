"""The records of a module: the shapes of tables, functions under names of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from harness.errors import ProjectError
from harness.project.model import RowName
from harness.types.javascript_names import pascal
from harness.types.model import Field, FunctionShape, ShapeName, TableShape


def shapes(table: TableShape) -> Iterator[tuple[ShapeName, Sequence[Field]]]:
    """Yields the shapes of a table that exist, with their fields."""
    if table.selectable:
        yield "Row", table.selected
    if table.kind == "table" and table.insertable:
        yield "Insert", table.inserted
    if table.kind == "table" and table.updatable:
        yield "Update", table.updated


def numbered(functions: Sequence[FunctionShape]) -> Iterator[tuple[FunctionShape, str]]:
    """Yields functions with their names; those of one name have numbers from the second on.

    Names that types write alike, as ``list_all`` and ``list__all``, count as one.
    """
    taken: set[str] = set()
    for each in functions:
        called, number = each.name, 1
        while pascal(called) in taken:
            number += 1
            called = f"{each.name}_{number}"
        taken.add(pascal(called))
        yield each, called


@contextmanager
def naming(alias: RowName) -> Iterator[None]:
    """Has an error of a name tell its place: it is the application's own, and can be another one."""
    try:
        yield
    except ProjectError as error:
        error.place, error.hint = alias.place, "choose another name under 'type_names' in project.yml"
        raise
