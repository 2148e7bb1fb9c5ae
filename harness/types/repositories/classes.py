"""Writes the class of each table, and of the whole schema: which methods there are, and what each says of itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.types.model import Field, FunctionShape, TableShape
from harness.types.pydantic_models import PythonModule
from harness.types.python_names import ModuleNames, docstring, identifier, model, quoted
from harness.types.repositories import statements
from harness.types.repositories.arguments import is_computed
from harness.types.repositories.methods import ConnectionKind, Method
from harness.types.repositories.model import Lookup, ModuleRepositories, NamedFunction, TableRepository, Upsert
from harness.types.repositories.parameters import LIMIT, MethodParameter, annotation, of_arguments, of_columns
from harness.types.repositories.statements import CHANGES, ROW, ROWS


class ClassWriter:
    """Writes the classes of one schema; ``models`` is the module of its models."""

    def __init__(self, module: ModuleRepositories, models: PythonModule) -> None:
        self._module, self._models = module, models

    def blocks(self, connection: ConnectionKind) -> Iterator[list[str]]:
        """Yields the classes of all tables, then that of the schema."""
        for table in self._module.tables:
            shape = table.shape
            about = [f"The rows of {shape.name}.", shape.comment or ""]
            name = _class_name(shape, connection)
            yield _class(name, about, self._methods(table), connection)
        yield self._schema(connection)

    def _schema(self, connection: ConnectionKind) -> list[str]:
        name = f"{connection.prefix}{model(self._module.schema, 'Repositories')}"
        about = [f"The repositories of the schema {self._module.schema}, and its functions that are of no table."]
        names = ModuleNames(name, ("connection",))
        rows = {
            names.free(identifier(each.shape.name.table), str(each.shape.name)): _class_name(each.shape, connection)
            for each in self._module.tables
        }
        head = [
            f"    def __init__(self, connection: {connection.prefix}Connection[Any]) -> None:",
            "        super().__init__(connection)",
            *(f"        self.{table} = {own}(connection)" for table, own in rows.items()),
        ]
        methods = self._of_relations(self._module.views, self._module.functions, names)
        return _class(name, about, methods, connection, head)

    def _methods(self, table: TableRepository) -> Iterator[Method]:
        names = ModuleNames(f"the repository of {table.shape.name}", ("connection",))
        shape = table.shape
        yield from (self._find(table, each, names) for each in table.lookups)
        if shape.insertable:
            yield self._create(table, names)
            yield self._create_many(table, names)
        for each in table.upserts:
            yield self._upsert(table, each, names)
        if table.key and table.updated and shape.updatable:
            yield self._update(table, names)
        if table.key and shape.deletable:
            yield self._delete(table, names)
        yield from self._of_relations(table.views, table.functions, names)

    def _of_relations(
        self, views: Sequence[TableShape], functions: Sequence[NamedFunction], names: ModuleNames
    ) -> Iterator[Method]:
        for view in views:
            own = model(view.name.table, "Record")
            name = names.free(identifier(view.name.table), f"view {view.name}")
            about = [f"Returns the rows of the view {view.name}, at most `limit`.", view.comment or ""]
            yield Method(name, [LIMIT], f"list[{own}]", about, "_all", statements.view(view), own)
        for function, called in functions:
            yield self._function(function, called, names)

    def _find(self, table: TableRepository, lookup: Lookup, names: ModuleNames) -> Method:
        own = _record(table.shape)
        name = names.free(identifier("_".join(filter(None, ("find", lookup.name)))), f"lookup {lookup.name}")
        return Method(
            name=name,
            parameters=[*self._of_columns(table.shape, lookup.columns), *([] if lookup.is_one else [LIMIT])],
            returns=f"{own} | None" if lookup.is_one else f"list[{own}]",
            about=_about(lookup),
            runner="_first" if lookup.is_one else "_all",
            statement=statements.find(table, lookup),
            model=own,
        )

    def _create(self, table: TableRepository, names: ModuleNames) -> Method:
        about = "Inserts a row and returns it as it is stored." if table.shape.selectable else "Inserts a row."
        return self._written(table, "create", [about], statements.create(table), names)

    def _written(
        self, table: TableRepository, name: str, about: Sequence[str], statement: Sequence[str], names: ModuleNames
    ) -> Method:
        shape = table.shape
        own = _record(shape) if shape.selectable else None
        return Method(
            name=names.free(identifier(name), name),
            parameters=[MethodParameter("row", model(shape.name.table, "Insert"), "")],
            returns=own or "None",
            about=about,
            runner="_only" if own else "_run",
            statement=statement,
            model=own,
            documents=[(ROW, f"document(row{_without(table)})")],
        )

    def _upsert(self, table: TableRepository, upsert: Upsert, names: ModuleNames) -> Method:
        changed = [each.name for each in upsert.changed]
        fixed = [each.name for each in table.inserted if each.name not in changed]
        about = [
            f"Inserts a row, or changes the one that has its key ({upsert.source}).",
            f"Of a row that is there stays what is left out, and {', '.join(fixed)}.",
        ]
        found = self._written(table, f"upsert_{upsert.name}", about, statements.upsert(table, upsert), names)
        needed = ", ".join(quoted(each.name) for each in upsert.columns)
        return replace(found, documents=[(ROW, f"document(row, needs=[{needed}]{_without(table)})")])

    def _create_many(self, table: TableRepository, names: ModuleNames) -> Method:
        shape = table.shape
        own = _record(shape) if shape.selectable else None
        end = ", and returns them as they are stored." if own else "."
        return Method(
            name=names.free("create_many", "create_many"),
            parameters=[MethodParameter("rows", f"Iterable[{model(shape.name.table, 'Insert')}]", "")],
            returns=f"list[{own}]" if own else "None",
            about=[f"Inserts rows in one statement{end}"],
            runner="_all" if own else "_run",
            statement=statements.create_many(table),
            model=own,
            documents=[(ROWS, f"documents(rows{_without(table)})")],
        )

    def _update(self, table: TableRepository, names: ModuleNames) -> Method:
        own = _record(table.shape)
        changes = MethodParameter("changes", model(table.shape.name.table, "Update"), "")
        return Method(
            name=names.free("update", "update"),
            parameters=[*self._of_columns(table.shape, table.key), changes],
            returns=f"{own} | None",
            about=["Changes the row with that key and returns it, or None if there is none: what is left out stays."],
            runner="_first",
            statement=statements.update(table),
            model=own,
            documents=[(CHANGES, "document(changes)")],
        )

    def _delete(self, table: TableRepository, names: ModuleNames) -> Method:
        return Method(
            name=names.free("delete", "delete"),
            parameters=self._of_columns(table.shape, table.key),
            returns="bool",
            about=["Deletes the row with that key, and returns whether there was one."],
            runner="_any",
            statement=statements.delete(table),
        )

    def _of_columns(self, shape: TableShape, columns: Sequence[Field]) -> list[MethodParameter]:
        annotations = self._models.annotations
        return of_columns(columns, annotations, lambda field: self._models.set_name(shape, field), shape.name)

    def _function(self, function: FunctionShape, called: str, names: ModuleNames) -> Method:
        thing = f"function {function.schema}.{called}"
        computed = any(map(is_computed, function.arguments))
        about = [function.comment or f"Calls {function.schema}.{function.name}()."]
        about += ["An argument that is None has the default that the function calculates."] if computed else []
        model_of, columns = self._rows(function, called)
        value = None if function.result is None else annotation(function.result.column, self._models.annotations)
        own = Method(
            name=names.free(identifier(called), thing),
            parameters=of_arguments(function.arguments, self._models.annotations, thing),
            returns="None",
            about=about,
            runner="_run",
            statement=statements.call(function, columns),
        )
        return _returning(own, function, model_of, columns, value)

    def _rows(self, function: FunctionShape, called: str) -> tuple[str | None, Sequence[Field] | None]:
        """The model of the rows of a function, and their columns; None if it returns a value, or nothing."""
        if function.columns:
            return model(called, "ResultRecord"), function.columns
        if function.row_of is None:
            return None, None
        shape = self._models.shape(function.row_of)
        return (_record(shape), shape.selected) if shape is not None else (None, ())


def _returning(
    method: Method, function: FunctionShape, model_of: str | None, columns: Sequence[Field] | None, value: str | None
) -> Method:
    """A method of a function with what it returns: models of rows, values, or nothing."""
    if columns is not None:
        row = model_of or "dict[str, Any]"
        returns = f"list[{row}]" if function.returns_set else f"{row} | None"
        runner = _RUNNERS[model_of is not None, function.returns_set]
        return replace(method, returns=returns, runner=runner, model=model_of)
    if value is None or value == "None":
        return method
    one = value if value == "Any" else f"{value} | None"
    returns = f"list[{one}]" if function.returns_set else one
    runner = "_values" if function.returns_set else "_value"
    return replace(method, returns=returns, runner=runner, assigned=returns not in ("Any", "list[Any]"))


_RUNNERS = {(True, True): "_all", (True, False): "_first", (False, True): "_dicts", (False, False): "_dict"}
"""Methods of the base that run a function: by whether its rows have a model, and there are any number of them."""


def _about(lookup: Lookup) -> list[str]:
    """The docstring of a lookup."""
    where = "" if lookup.predicate is None else f" among those where {lookup.predicate}"
    if lookup.is_one:
        what = "that key" if not lookup.name else "this value" if len(lookup.columns) == 1 else "these values"
        return [f"Returns the row with {what}{where}, or None ({lookup.source})."]
    order = f", in the order of {', '.join(lookup.order)}" if lookup.order else ""
    if not lookup.columns:
        return [f"Returns all rows{order}, at most `limit`."]
    what = "this value" if len(lookup.columns) == 1 else "these values"
    return [f"Returns the rows with {what}{where} ({lookup.source}){order}, at most `limit`."]


def _without(table: TableRepository) -> str:
    """An argument that names the columns which the database alone gives."""
    found = ", ".join(map(quoted, table.unnumbered))
    return f", without=[{found}]" if found else ""


def _record(shape: TableShape) -> str:
    return model(shape.name.table, "Record")


def _class_name(shape: TableShape, connection: ConnectionKind) -> str:
    return f"{connection.prefix}{model(shape.name.table, 'Repository')}"


def _class(
    name: str, about: Sequence[str], methods: Iterator[Method], connection: ConnectionKind, head: Sequence[str] = ()
) -> list[str]:
    lines = [f"class {name}({connection.prefix}Repository):", *docstring(about, "    ")]
    lines += ["", *head] if head else []
    for method in methods:
        lines += ["", *method.lines(connection)]
    return lines
