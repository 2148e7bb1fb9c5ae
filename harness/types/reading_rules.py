"""Reads the rules of tables and domains: CHECKs as they can be stated, and those that cannot, with the reason."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.catalog import Column as CatalogColumn
from harness.catalog.model import Check, Table
from harness.grammar import SqlError
from harness.project.model import TableName
from harness.types.expressions import And, ColumnRead, Compare, ConstantValue, Expression, FitsSchema, columns, walk
from harness.types.json_shapes import unknown_keywords
from harness.types.model import StatedRule, Unstated
from harness.types.parsing import predicate
from harness.types.patterns import CannotState, Characters
from harness.types.queries import DomainRules
from harness.types.rules import bare_type

NOT_VALID = "values of before need not keep it (NOT VALID)"

Places = Iterable[tuple[TableName, str]]


class RuleReader:
    """Reads the CHECKs of tables and domains.

    ``shapes`` are the JSON Schemas that are declared for columns. ``replaced`` are columns that a trigger fills in.
    """

    def __init__(
        self,
        domains: Mapping[str, DomainRules],
        shapes: Mapping[tuple[TableName, str], Mapping[str, Any]],
        replaced: Places,
        characters: Characters,
    ) -> None:
        self._domains, self._shapes, self._characters = domains, shapes, characters
        self._replaced = frozenset(replaced)

    def of_table(self, table: Table) -> Iterator[StatedRule | Unstated]:
        """Yields the CHECKs of a table and of its columns' domains, and the shapes that none of them enforces."""
        # A trigger replaces what is sent in some columns: there NULL can be sent, and decides nothing.
        known = {
            column.name: replace(column, not_null=False) if (table.name, column.name) in self._replaced else column
            for column in table.columns
        }
        shapes = {column: shape for (name, column), shape in self._shapes.items() if name == table.name}
        enforced: set[str] = set()
        for check in (each for each in table.constraints if isinstance(each, Check)):
            if not check.enforced:
                yield Unstated(str(table.name), check.name, "nobody enforces it (NOT ENFORCED)")
            elif not check.validated:
                yield Unstated(str(table.name), check.name, NOT_VALID)
            else:
                found = self._rule(str(table.name), check.name, check.expression, known, shapes)
                yield found
                enforced |= {*shaped(found)} if isinstance(found, StatedRule) else set()
        for column in table.columns:
            yield from self.of_domain(str(table.name), column)
            if column.name in shapes and column.name not in enforced:
                yield Unstated(str(table.name), column.name, "no CHECK enforces its shape")

    def of_domain(self, owner: str, column: CatalogColumn) -> Iterator[StatedRule | Unstated]:
        """Yields the CHECKs of a column's domain; those of elements and attributes are not stated."""
        for check in self.domain(column).checks:
            if check.validated:
                yield self._rule(owner, check.name, check.expression, {"value": column}, {})
            else:
                yield Unstated(owner, check.name, NOT_VALID)
        yield from self._of_parts(owner, column, column.parts)

    def domain(self, column: CatalogColumn) -> DomainRules:
        """Returns the rules of a column's domain; of any other column there are none."""
        return self._domains.get(bare_type(column.type), DomainRules())

    def constants(self, table: Table, where: str) -> dict[str, ConstantValue]:
        """Returns the columns that a predicate says to equal constants. Raises :class:`CannotState`."""
        found = predicate(where, {column.name: column for column in table.columns}, self._characters)
        return {
            part.left.name: part.right
            for part in _conjuncts(found)
            if isinstance(part, Compare) and part.operator == "="
            if isinstance(part.left, ColumnRead) and isinstance(part.right, ConstantValue)
        }

    def _of_parts(self, owner: str, column: CatalogColumn, parts: Sequence[CatalogColumn]) -> Iterator[Unstated]:
        for part in parts:
            for check in self.domain(part).checks:
                yield Unstated(owner, check.name, f"it is a rule of a part of {column.name}")
            yield from self._of_parts(owner, column, part.parts)

    def _rule(
        self,
        owner: str,
        name: str,
        expression: str,
        known: Mapping[str, CatalogColumn],
        shapes: Mapping[str, Mapping[str, Any]],
    ) -> StatedRule | Unstated:
        try:
            found = predicate(expression, known, self._characters)
            _refuse_other_schemas(found, shapes)
        except (CannotState, SqlError) as reason:
            return Unstated(owner, name, str(reason))
        return StatedRule(name, found, columns(found))


def stated(rules: Iterable[StatedRule | Unstated]) -> tuple[StatedRule, ...]:
    """Returns the rules among what was read."""
    return tuple(each for each in rules if isinstance(each, StatedRule))


def shaped(rule: StatedRule) -> dict[str, Mapping[str, Any]]:
    """Returns the columns whose shape a rule enforces, with their JSON Schemas."""
    parts = (part for part in _conjuncts(rule.expression) if isinstance(part, FitsSchema))
    return {part.value.name: json.loads(part.schema) for part in parts if isinstance(part.value, ColumnRead)}


def _conjuncts(expression: Expression) -> Iterator[Expression]:
    if isinstance(expression, And):
        for part in expression.parts:
            yield from _conjuncts(part)
    else:
        yield expression


def _refuse_other_schemas(expression: Expression, shapes: Mapping[str, Mapping[str, Any]]) -> None:
    """Raises :class:`CannotState` for a JSON Schema that is no column's ``shape:``, or says what no language does."""
    wanted = {id(part) for part in _conjuncts(expression)}
    for part in walk(expression):
        if not isinstance(part, FitsSchema):
            continue
        shape = shapes.get(part.value.name) if isinstance(part.value, ColumnRead) and id(part) in wanted else None
        schema = json.loads(part.schema)
        if shape is None or _canonical(shape) != _canonical(schema):
            raise CannotState("it has a JSON Schema that is not the shape of a column")
        unknown = dict.fromkeys(unknown_keywords(schema))
        if unknown:
            raise CannotState(f"it has JSON Schema's {', '.join(unknown)}")


def _canonical(value: Any) -> Any:
    """A JSON value that equals another only if both say the same: 1 is 1.0, but not true."""
    if isinstance(value, Mapping):
        return {name: _canonical(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(each) for each in value]
    return type(value) is bool, value
