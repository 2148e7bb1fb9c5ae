"""Makes :class:`~harness.types.model.DatabaseTypes` of a catalog, its surroundings, and what checks declare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.catalog import Column as CatalogColumn
from harness.catalog.model import Catalog, Check, Table
from harness.errors import Place
from harness.probes.statement import qualified
from harness.project.columns import WrittenColumn
from harness.project.model import RowName, TableName
from harness.project.types_keys import ReferenceData
from harness.types.expressions import ConstantValue
from harness.types.model import (
    Argument,
    DatabaseTypes,
    EnumShape,
    Field,
    FunctionShape,
    ModuleTypes,
    StatedRule,
    TableShape,
    Unstated,
    ValueSet,
)
from harness.types.patterns import CannotState, Characters
from harness.types.queries import PRIVILEGES, CatalogFunction, Parameter, Relation, Surroundings
from harness.types.reading_rules import RuleReader, shaped, stated
from harness.types.record_shapes import shapes
from harness.types.rules import bound, forbids_null_elements, literal_default, value_set

NO_LANGUAGE = "it is between rows: no type can say it"
OF_TRIGGERS = "trigger: what it refuses or changes is only known to the database"
HIDDEN = "the role has all of its columns in no record"


@dataclass(frozen=True)
class Declared:
    """Words of the checks that types follow, by table and column.

    ``filled`` are columns that a trigger sets on INSERT, ``touched`` those that it sets on UPDATE, whatever is sent.
    ``frozen`` are those that no update changes, ``kept`` tables of which no row is deleted, ``shapes`` JSON Schemas,
    ``arguments`` the columns that parameters of a function are written to (function, parameter), ``references`` the
    tables whose rows become constants.
    """

    classes: Mapping[tuple[TableName, str], str] = field(default_factory=dict)
    filled: frozenset[tuple[TableName, str]] = frozenset()
    touched: frozenset[tuple[TableName, str]] = frozenset()
    frozen: frozenset[tuple[TableName, str]] = frozenset()
    kept: frozenset[TableName] = frozenset()
    shapes: Mapping[tuple[TableName, str], Mapping[str, Any]] = field(default_factory=dict)
    arguments: Mapping[tuple[str, str], WrittenColumn] = field(default_factory=dict)
    names: Mapping[str, RowName] = field(default_factory=dict)
    references: Mapping[TableName, tuple[ReferenceData, Place]] = field(default_factory=dict)


def read(
    catalog: Catalog,
    surroundings: Surroundings,
    declared: Declared,
    schemas: Sequence[str],
    characters: Characters,
) -> DatabaseTypes:
    """Returns the types of some schemas, and what they do not say."""
    reader = _TypesReader(catalog, surroundings, declared, characters)
    modules = tuple(reader.module(schema) for schema in schemas)
    return DatabaseTypes(modules, tuple(reader.unstated))


class _TypesReader:
    def __init__(
        self, catalog: Catalog, surroundings: Surroundings, declared: Declared, characters: Characters
    ) -> None:
        self._catalog, self._around, self._declared = catalog, surroundings, declared
        replaced = declared.filled | declared.touched
        self._rules = RuleReader(surroundings.domains, declared.shapes, replaced, characters)
        self.unstated: list[Unstated] = []

    def module(self, schema: str) -> ModuleTypes:
        tables = [table for name, table in self._catalog.tables.items() if name.schema == schema]
        shapes = [self._table(each) for each in tables if each.name not in self._catalog.above]
        shapes += [self._relation(each) for each in self._around.relations if each.name.schema == schema]
        functions = [each for each in self._around.functions if each.schema == schema]
        return ModuleTypes(
            schema=schema,
            tables=tuple(shapes),
            functions=tuple(self._function(each) for each in functions),
            enums=tuple(
                EnumShape(each.name, each.labels, each.comment)
                for each in self._around.enums
                if each.name.schema == schema
            ),
            aliases=tuple(self._aliases(shapes)),
        )

    def _aliases(self, shapes: Sequence[TableShape]) -> Iterator[RowName]:
        """Yields the application's names of rows; notes those of rows that the role does not read."""
        for shape in shapes:
            alias = self._declared.names.get(str(shape.name))
            if alias is not None and shape.selectable:
                yield alias
            elif alias is not None:
                self.unstated.append(Unstated(str(shape.name), alias.name, "the role does not read its rows", "name"))

    def _table(self, table: Table) -> TableShape:
        found = [*self._rules.of_table(table)]
        rules = stated(found)
        self.unstated += [each for each in found if isinstance(each, Unstated)]
        sets = {rule.columns[0]: rule for rule in rules if value_set(rule.expression) is not None}
        fields = tuple(self._field(table, column, rules, sets) for column in table.columns)
        self.unstated += self._between_rows(table)
        may = self._allowed(table.name, fields)
        shape = TableShape(
            name=table.name,
            kind="table",
            fields=may.fields,
            comment=table.comment,
            selectable="select" in may.verbs,
            insertable="insert" in may.verbs,
            updatable="update" in may.verbs and any(each.update for each in may.fields),
            deletable="delete" in may.verbs and table.name not in self._declared.kept,
            foreign_keys=tuple((key, self._is_one_to_one(table, key.columns)) for key in table.foreign_keys),
        )
        return replace(shape, rules=tuple(self._visible(shape, rules)))

    def _visible(self, shape: TableShape, rules: Sequence[StatedRule]) -> Iterator[StatedRule]:
        """Yields the rules of which a record has all columns; a role may have no such record, which is noted."""
        records = [{each.name for each in fields} for _, fields in shapes(shape)]
        for rule in rules:
            if any(record.issuperset(rule.columns) for record in records):
                yield rule
            elif records:
                self.unstated.append(Unstated(str(shape.name), rule.name, HIDDEN))

    def _field(
        self, table: Table, column: CatalogColumn, rules: Sequence[StatedRule], sets: Mapping[str, StatedRule]
    ) -> Field:
        place = table.name, column.name
        own = [rule for rule in rules if column.name in rule.columns]
        shaping = next((rule for rule in own if column.name in shaped(rule)), None)
        filled = place in self._declared.filled
        default = self._rules.domain(column).default if column.default is None else column.default
        optional = default is not None or column.identity or not column.not_null or filled
        absent = bool(column.generated) or column.identity == "a"
        return Field(
            column=column,
            nullable=not column.not_null,
            insert="absent" if absent else "optional" if optional else "required",
            update=not absent and place not in self._declared.frozen,
            has_default=default is not None or bool(column.identity) or filled,
            default=None if filled else literal_default(default),
            expression=self._next_value(table.name, column.name) if column.identity else default,
            values=self._values(column, sets.get(column.name)),
            null_elements=not any(forbids_null_elements(rule.expression, column.name) for rule in own),
            data_class=self._declared.classes.get(place),
            constraints=tuple(rule.name for rule in own),
            shape=shaped(shaping)[column.name] if shaping is not None else None,
            shape_rule=shaping.name if shaping is not None else None,
            replaced=frozenset(
                shape
                for shape, columns in (("Insert", self._declared.filled), ("Update", self._declared.touched))
                if place in columns
            ),
        )

    def _next_value(self, table: TableName, column: str) -> str | None:
        """The value that an identity takes if none is given, as SQL; None if the role may not ask for it itself."""
        may = self._around.privileges
        if may is not None and "usage" not in may.get(table, {}).get(column, ()):
            return None
        names = (each.replace("'", "''") for each in (qualified(table), column))
        return "nextval(pg_get_serial_sequence('{}', '{}'))".format(*names)

    @staticmethod
    def _values(column: CatalogColumn, rule: StatedRule | None) -> ValueSet | None:
        if rule is not None:
            return ValueSet(value_set(rule.expression) or (), rule.name)
        return ValueSet(column.labels) if column.base_kind == "e" else None

    def _between_rows(self, table: Table) -> Iterator[Unstated]:
        name = str(table.name)
        for constraint in table.constraints:
            if not isinstance(constraint, Check):
                yield Unstated(name, constraint.name, f"{constraint.noun}: {NO_LANGUAGE}", "between rows")
        named = {constraint.name for constraint in table.constraints}
        for index in table.unique_keys:
            if index.name not in named:
                yield Unstated(name, index.name, f"unique index: {NO_LANGUAGE}", "between rows")
        for trigger in table.triggers:
            yield Unstated(name, trigger.name, OF_TRIGGERS, "trigger")

    @staticmethod
    def _is_one_to_one(table: Table, own: Sequence[str]) -> bool:
        return any(index.is_plain and {*index.columns} <= {*own} for index in table.unique_keys)

    def _relation(self, relation: Relation) -> TableShape:
        fields = tuple(Field(each, nullable=True, insert="absent", update=False) for each in relation.columns)
        may = (
            self._allowed(relation.name, fields) if not relation.composite else _Allowed(fields, frozenset(["select"]))
        )
        return TableShape(
            name=relation.name,
            kind="composite" if relation.composite else "view",
            fields=may.fields,
            comment=relation.comment,
            selectable="select" in may.verbs,
            insertable=False,
            updatable=False,
            deletable=False,
        )

    def _allowed(self, table: TableName, fields: tuple[Field, ...]) -> _Allowed:
        """The fields as a role may use them, and which of the shapes it has."""
        if self._around.privileges is None:
            return _Allowed(fields, frozenset(PRIVILEGES))
        may = self._around.privileges.get(table, {})
        verbs = frozenset().union(*may.values()) if may else frozenset()
        return _Allowed(tuple(_as_allowed(each, may[each.name]) for each in fields if may.get(each.name)), verbs)

    def _function(self, function: CatalogFunction) -> FunctionShape:
        taken = [each for each in function.parameters if each.mode in "ibv"]
        given = tuple(each for each in function.parameters if each.mode in "obt")
        arguments = tuple(
            self._argument(function, place, replace(each, name=each.name or f"arg{place}"))
            for place, each in enumerate(taken, start=1)
        )
        rows = tuple(Field(each.column, nullable=True) for each in given)
        plain = not rows and function.row is None and function.result.base_name not in ("void", "record")
        return FunctionShape(
            schema=function.schema,
            name=function.name,
            arguments=arguments,
            result=Field(function.result, nullable=True) if plain else None,
            columns=rows,
            row_of=function.row,
            returns_set=function.returns_set,
            comment=function.comment,
            is_procedure=function.is_procedure,
        )

    def _argument(self, function: CatalogFunction, place: int, parameter: Parameter) -> Argument:
        name, column, optional = parameter.name, parameter.column, place > function.required
        own = Field(replace(column, name=name), nullable=not column.not_null)
        rules = stated(self._rules.of_domain(f"{function.schema}.{function.name}()", own.column))
        written = self._declared.arguments.get((f"{function.schema}.{function.name}", name))
        if written is None:
            return Argument(own, optional, rules, parameter.default, parameter.mode == "v")
        table, to = written.column
        definition = self._catalog.table(table)
        fixed = self._fixed(definition, written.where)
        found = (bound(rule, fixed, {to: name}) for rule in stated(self._rules.of_table(definition)))
        rules = (*rules, *(rule for rule in found if rule.columns == (name,)))
        return Argument(own, optional, rules, parameter.default, parameter.mode == "v")

    def _fixed(self, table: Table, where: str | None) -> dict[str, ConstantValue]:
        """The columns that a predicate says to be equal to a constant."""
        if where is None:
            return {}
        try:
            return self._rules.constants(table, where)
        except CannotState as reason:
            self.unstated.append(Unstated(str(table.name), where, str(reason)))
            return {}


@dataclass(frozen=True)
class _Allowed:
    fields: tuple[Field, ...]
    verbs: frozenset[str]


def _as_allowed(field: Field, verbs: frozenset[str]) -> Field:
    return replace(
        field,
        select="select" in verbs,
        insert=field.insert if "insert" in verbs else "absent",
        update=field.update and "update" in verbs,
    )
