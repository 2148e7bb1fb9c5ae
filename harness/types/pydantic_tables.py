"""Tables, views and composite types as models: their sets, their rules, and a class for each shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from harness.types.javascript_names import property_names
from harness.types.model import Field, StatedRule, TableShape, unaffected
from harness.types.pydantic_fields import FieldWriter
from harness.types.pydantic_sets import all_rules, set_of
from harness.types.python_imports import RESERVED
from harness.types.python_layout import statement
from harness.types.python_names import ModuleNames, attributes, constant, docstring, model, quoted
from harness.types.python_rules import holds
from harness.types.python_types import Annotations, is_array
from harness.types.record_shapes import shapes

Block = list[str]
"""Lines that stand together."""

_ABOUT = {
    "Row": "A row of {}.",
    "Record": "A row of {}, as psycopg returns it.",
    "Insert": "A row to insert into {}.",
    "Update": "The columns of {} that an update changes.",
    "Value": "A value of the type {}.",
}
_BASES = {"Insert": "InsertModel"}


class TableWriter:
    """Writes the tables of one module. ``case`` is that of the names in JSON."""

    def __init__(self, names: ModuleNames, annotations: Annotations, case: str) -> None:
        self._names, self._annotations, self._case = names, annotations, case

    def table(self, table: TableShape) -> Iterator[Block]:
        """Yields the blocks of a table, view or composite type of the module."""
        yield from self._blocks(table, (shape for each in shapes(table) for shape in _with_record(*each)))

    def value(self, composite: TableShape) -> Iterator[Block]:
        """Yields the model of the values of a composite type that is none of the module's own."""
        yield from self._blocks(composite, [("Value", composite.fields)])

    def fields(self, columns: Iterable[str], thing: str) -> tuple[FieldWriter, Mapping[str, str]]:
        """Returns what writes the fields of a model, and the attributes of its columns."""
        known = list(columns)
        property_names(known, self._case, thing)
        found = attributes(known, {*RESERVED, *self._names})
        return FieldWriter(self._annotations, self._case, found), found

    def rules(
        self, owner: str, rules: Sequence[StatedRule], attributes: Mapping[str, str], sets: Sets
    ) -> tuple[str, Block]:
        """Returns the name of a constant for rules, and its block; both are empty if there are none."""
        found = ((rule, holds(rule.expression, attributes, sets)) for rule in rules)
        items = [_rule(rule, text, attributes) for rule, text in found if text != "True"]
        if not items:
            return "", []
        name = self._names.free(f"_{constant(owner, 'rules')}", f"the rules of {owner}")
        return name, statement(f"{name}: Final = ", _tuple(items))

    def model(self, name: str, shape: str, paragraphs: Sequence[str], lines: Iterable[str], rules: str = "") -> Block:
        """Returns a class; ``rules`` is the name of their constant."""
        base = _BASES.get(shape, "Model")
        head = statement("class ", f"{name}({base}, rules={rules})" if rules else f"{name}({base})", after=":")
        body = list(lines)
        return [*head, *docstring(paragraphs, "    "), *([""] if body else []), *body]

    def literals(self, name: str, literals: Sequence[str], thing: str, comment: str = "", read_as: str = "") -> Block:
        """Returns a type of literals and a constant that has them; a rule refuses all else that ``read_as`` takes."""
        alias = self._names.free(model(name, ""), thing)
        written = f"Literal[{', '.join(literals)}]" if literals else "Text"
        if read_as:
            written = f"Annotated[{written}, CheckedByRule({read_as})]"
        return [
            *statement(f"{alias}: TypeAlias = ", written),
            *(docstring([comment]) if comment else []),
            *statement(f"{self._names.free(constant(name), thing)}: Final = ", _tuple(literals)),
        ]

    def set_name(self, table: TableShape, field: Field) -> str | None:
        """Returns the name of the type of a column's literals, which :meth:`table` writes; None if it has no set."""
        if set_of(field, table.rules) is None:
            return None
        return self._names.free(model(f"{table.name.table}_{field.name}", ""), _values_of(table, field))

    def _blocks(self, table: TableShape, found: Iterable[tuple[str, Sequence[Field]]]) -> Iterator[Block]:
        owner, thing = table.name.table, f"{table.kind} {table.name}"
        aliases, sets = dict[str, str](), dict[tuple[str, ...], str]()
        for field in table.fields:
            block = self._set(owner, field, table, aliases, sets)
            if block:
                yield block
        writer, attributes = self.fields((each.name for each in table.fields), str(table.name))
        rules, block = self.rules(owner, list(all_rules(table)), attributes, sets)
        if block:
            yield block
        for shape, fields in found:
            write: Callable[[Field, str | None], Block] = _written(writer)[shape]
            lines = [line for each in fields for line in write(each, aliases.get(each.name))]
            name = self._names.claim(model(owner, shape), thing)
            kept = unaffected(table.rules, table.fields, shape)
            replaced = [] if kept == table.rules else [each.name for each in table.fields if shape in each.replaced]
            more = f"{rules}, replaced={_tuple([quoted(attributes[each]) for each in replaced])}" if replaced else rules
            yield self.model(name, shape, [_ABOUT[shape].format(table.name), table.comment or ""], lines, more)

    def _set(
        self, owner: str, field: Field, table: TableShape, aliases: dict[str, str], sets: dict[tuple[str, ...], str]
    ) -> Block:
        """The block of a column's set, which is noted with its names."""
        found = set_of(field, table.rules)
        if found is None:
            return []
        if is_array(field.column):
            element = self._annotations.json(field.column.parts[0])
            base = element if field.null_elements else f"{element} | None"
        else:
            base = self._annotations.json(field.column)
        name, thing = f"{owner}_{field.name}", _values_of(table, field)
        block = self.literals(name, found.literals, thing, read_as=base)
        aliases[field.name] = block[0].partition(":")[0]
        constants = (line.partition(":")[0] for line in block if ": Final = " in line)
        sets.setdefault(found.literals, next(constants))
        return block


def _values_of(table: TableShape, field: Field) -> str:
    return f"the values of {table.name}.{field.name}"


Sets = Mapping[tuple[str, ...], str]
"""Constants of sets, by their values."""


def _with_record(shape: str, fields: Sequence[Field]) -> Iterator[tuple[str, Sequence[Field]]]:
    yield shape, fields
    if shape == "Row":
        yield "Record", fields


def _written(writer: FieldWriter) -> Mapping[str, Callable[[Field, str | None], Block]]:
    return {
        "Row": writer.row,
        "Value": writer.row,
        "Record": writer.record,
        "Insert": writer.insert,
        "Update": writer.update,
    }


def _rule(rule: StatedRule, text: str, attributes: Mapping[str, str]) -> str:
    read = [quoted(attributes.get(each, each)) for each in rule.columns]
    return f"RowRule({quoted(rule.name)}, {_tuple(read)}, lambda row: {text})"


def _tuple(items: Sequence[str]) -> str:
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
