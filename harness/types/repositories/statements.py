"""The SQL of repositories: one static statement a method, with named placeholders of psycopg."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

from harness import grammar
from harness.catalog import Column
from harness.project.model import TableName
from harness.types.model import Argument, Field, FunctionShape, TableShape
from harness.types.python_types import is_array
from harness.types.repositories.arguments import is_computed
from harness.types.repositories.model import Lookup, TableRepository, Upsert
from harness.types.repositories.parameters import parameter_name

_WIDTH = 104
"""Characters of a line of SQL."""

ROW, ROWS, CHANGES, LIMIT = "row", "rows", "changes", "limit"
"""Placeholders: a row to insert, several, the columns that an update changes, and how many rows are wanted."""


@cache
def name(text: str) -> str:
    """A name as SQL writes it: quoted only where it must be."""
    plain = text.isascii() and text.isidentifier() and text == text.lower()
    if plain:
        try:
            grammar.parse(f"select {text} from {text} as {text}")
            return text
        except grammar.SqlError:
            pass
    return '"' + text.replace('"', '""').replace("%", "%%") + '"'


def table_name(table: TableName) -> str:
    """A table with its schema."""
    return f"{name(table.schema)}.{name(table.table)}"


def escaped(expression: str) -> str:
    """An expression as psycopg takes it: the sign of its placeholders is doubled."""
    return expression.replace("%", "%%")


def find(repository: TableRepository, lookup: Lookup) -> list[str]:
    """The SELECT of a lookup."""
    found = [*_selected(repository.shape), *(_where(lookup.terms) if lookup.terms else [])]
    if lookup.is_one:
        return found
    return [*found, *([f"order by {', '.join(lookup.order)}"] if lookup.order else []), f"limit %({LIMIT})s"]


def view(shape: TableShape) -> list[str]:
    """The SELECT of the rows of a view."""
    return [*_selected(shape), f"limit %({LIMIT})s"]


def create(repository: TableRepository) -> list[str]:
    """The INSERT of one row; what the row leaves out has its default."""
    shape = repository.shape
    return [*_insert(repository, f"%({ROW})s"), *_given(shape, f"%({ROW})s"), *_returning(shape)]


def create_many(repository: TableRepository) -> list[str]:
    """The INSERT of several rows."""
    shape = repository.shape
    return [
        *_insert(repository, "sent.value"),
        f"from jsonb_array_elements(%({ROWS})s) as sent",
        *_given(shape, "sent.value", "cross join"),
        *_returning(shape),
    ]


def upsert(repository: TableRepository, found: Upsert) -> list[str]:
    """The INSERT of a row that changes the one which has its key; columns that the row leaves out stay."""
    shape = repository.shape
    return [
        *_insert(repository, f"%({ROW})s", " as stored"),
        *_given(shape, f"%({ROW})s"),
        f"on conflict {found.target} do update",
        *_set(repository, found.changed, "excluded", ROW),
        *_returning(shape),
    ]


def update(repository: TableRepository) -> list[str]:
    """The UPDATE of the row with a key; columns that the changes leave out stay."""
    return [
        f"update {table_name(repository.shape.name)} as stored",
        *_set(repository, repository.updated, "given", CHANGES),
        *([] if repository.is_readable else _given(repository.shape, f"%({CHANGES})s")),
        *_where(equal(repository.key, "stored")),
        *_returning(repository.shape, "stored"),
    ]


def delete(repository: TableRepository) -> list[str]:
    """The DELETE of the row with a key."""
    return [f"delete from {table_name(repository.shape.name)}", *_where(equal(repository.key))]


def equal(columns: Iterable[Field], table: str = "") -> tuple[str, ...]:
    """The conditions that columns have the values of their placeholders."""
    before = f"{table}." if table else ""
    return tuple(f"{before}{name(each.name)} = {_placeholder(each)}" for each in columns)


def call(function: FunctionShape, columns: Sequence[Field] | None) -> list[str]:
    """The SELECT or CALL of a function; ``columns`` are those of its rows, None if it returns a value or nothing."""
    called = f"{name(function.schema)}.{name(function.name)}"
    is_named = _is_named(function)
    values = [(each, f"{name(each.field.name)} => " if is_named else "") for each in function.arguments]
    given = [_argument(argument, before) for argument, before in values]
    if function.is_procedure:
        out = {each.name for each in function.columns} - {each.field.name for each in function.arguments}
        given += [f"{name(each)} => null" for each in sorted(out)]
        return _called(f"call {called}(", given, ")")
    if columns is None:
        return _called(f"select {called}(", given, ")")
    one = [] if function.returns_set else ["where not (found.* is null)"]
    return [*_columns(columns), *_called(f"from {called}(", given, ") as found"), *one]


def _where(terms: Sequence[str]) -> list[str]:
    line = f"where {' and '.join(terms)}"
    if len(line) <= _WIDTH:
        return [line]
    first, *others = terms
    return ["where", f"    {first}", *(f"    and {each}" for each in others)]


def _selected(shape: TableShape) -> list[str]:
    return [*_columns(shape.selected), f"from {table_name(shape.name)}"]


def _columns(columns: Sequence[Field]) -> list[str]:
    return _wrapped("select", [name(each.name) for each in columns])


def _returning(shape: TableShape, table: str = "") -> list[str]:
    """The columns of a written row that are returned: those that can be read."""
    before = f"{table}." if table else ""
    return _wrapped("returning", [f"{before}{name(each.name)}" for each in shape.selected]) if shape.selectable else []


def _wrapped(word: str, items: Sequence[str]) -> list[str]:
    """A word and a list, on lines of their own if one is too short."""
    line = f"{word} {', '.join(items)}"
    return [line] if len(line) <= _WIDTH else [word, *_indented(items)]


def _bracketed(before: str, items: Sequence[str], after: str) -> list[str]:
    """A list in parentheses, on lines of their own if one is too short."""
    line = f"{before}({', '.join(items)}){after}"
    return [line] if len(line) <= _WIDTH else [f"{before}(", *_indented(items), f"){after}"]


def _indented(items: Sequence[str]) -> list[str]:
    """As many items on each line as fit; a quoted name is never broken."""
    lines = [""]
    for place, each in enumerate(items, start=1):
        item = each if place == len(items) else f"{each},"
        if lines[-1] and len(lines[-1]) + len(item) + 1 > _WIDTH - 4:
            lines.append("")
        lines[-1] += f" {item}" if lines[-1] else item
    return [f"    {each}" for each in lines]


def _insert(repository: TableRepository, sent: str, alias: str = "") -> list[str]:
    """The head of an INSERT and what it puts into each column; the rows come behind it."""
    table = f"insert into {table_name(repository.shape.name)}{alias} "
    head = _bracketed(table, [name(each.name) for each in repository.inserted], "")
    return [*head, "select", *_listed([_or_default(each, sent) for each in repository.inserted])]


def _given(shape: TableShape, sent: str, word: str = "from") -> list[str]:
    return [f"{word} jsonb_populate_record(null::{table_name(shape.name)}, {sent}) as given"]


def _or_default(field: Field, sent: str) -> str:
    column = f"given.{name(field.name)}"
    if field.expression is None:
        return column
    return f"case when {sent} ? {_text(field.name)} then {column} else {escaped(field.expression)} end"


def _set(repository: TableRepository, columns: Sequence[Field], source: str, sent: str) -> list[str]:
    """The SET of an update: columns that are sent change, the others stay as they are stored."""
    if not repository.is_readable:
        return ["set", *_listed([_kept(each, source, sent) for each in columns])]
    names = [name(each.name) for each in columns]
    head = _bracketed("set ", names, " = (") if len(names) > 1 else [f"set {names[0]} = ("]
    selected = [*_wrapped("select", names), f"from jsonb_populate_record(stored.*, %({sent})s)"]
    return [*head, *(f"    {each}" for each in selected), ")"]


def _kept(field: Field, source: str, sent: str) -> str:
    column = name(field.name)
    return f"{column} = case when %({sent})s ? {_text(field.name)} then {source}.{column} else stored.{column} end"


def _text(value: str) -> str:
    return "'" + escaped(value.replace("'", "''")) + "'"


def _listed(items: Sequence[str]) -> list[str]:
    return [f"    {each}{'' if last else ','}" for each, last in _with_last(items)]


def _with_last(items: Sequence[str]) -> Iterable[tuple[str, bool]]:
    return ((each, place == len(items)) for place, each in enumerate(items, start=1))


def _placeholder(field: Field) -> str:
    """The placeholder of a column; psycopg does not tell what the elements of a list are."""
    return f"%({parameter_name(field.name)})s{_cast(field.column) if is_array(field.column) else ''}"


def _cast(column: Column) -> str:
    return f"::{escaped(column.base_type)}"


def _is_named(function: FunctionShape) -> bool:
    return not any(each.field.name.startswith("arg") and each.field.name[3:].isdigit() for each in function.arguments)


def _argument(argument: Argument, before: str) -> str:
    column = argument.field.column
    value = f"%({parameter_name(column.name)})s{_cast(column)}"
    if is_computed(argument):
        value = f"coalesce({value}, {escaped(argument.default or 'null')})"
    variadic = "variadic " if argument.is_variadic else ""
    return f"{variadic}{before}{value}"


def _called(before: str, given: Sequence[str], after: str) -> list[str]:
    line = f"{before}{', '.join(given)}{after}"
    return [line] if len(line) <= _WIDTH else [before, *_listed(given), after]
