"""Rules as conditions of JavaScript, over a record called ``row``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal

from harness.types.conditions import TRUE, Condition, leaf
from harness.types.dialect import Absence, Dialect, WrittenValue
from harness.types.expressions import (
    ArrayOf,
    Calculation,
    Call,
    Coalesce,
    ColumnRead,
    ComparisonSign,
    ConstantValue,
    ContainedBy,
    Expression,
    FitsSchema,
    Matches,
)
from harness.types.javascript import NODE, is_text_array
from harness.types.javascript_constants import MOMENTS, constant
from harness.types.javascript_names import bare, member, string
from harness.types.json_shapes import shape_schema
from harness.types.logic import nullness
from harness.types.model import Field, ShapeName
from harness.types.values import FLOATS

RUNTIME = "pg"
"""The name of ``runtime.ts`` in generated files: ``pg.charLength(…)``."""

_OPPOSITES: Mapping[ComparisonSign, ComparisonSign] = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_SIGNS: Mapping[ComparisonSign, str] = {"=": "===", "<>": "!==", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_FUNCTIONS = {
    "char_length": "charLength",
    "octet_length": "octetLength",
    "btrim": "btrim",
    "jsonb_typeof": "jsonbTypeof",
}


class JavaScriptDialect(Dialect):
    """Writes conditions over a shape of a table; ``properties`` are the names of its columns in a record."""

    conjunction = " && "
    disjunction = " || "
    negation = "!"
    equivalence = (" === ", " !== ")
    truth = ("false", "true")

    def __init__(self, shape: ShapeName, fields: Iterable[Field], properties: Mapping[str, str], driver: str) -> None:
        self._shape, self._driver, self._properties = shape, driver, properties
        self._fields = {each.name: each for each in fields}
        self._is_last = False  # the last argument of COALESCE is being written: it is not NULL if it is needed

    def absence(self, column: ColumnRead) -> Absence:
        field = self._fields.get(column.name)
        if field is None or self._shape == "Update":
            return Absence.UNKNOWN
        if self._shape == "Row" or field.insert == "required":
            return Absence.NEVER
        if field.default is not None:
            return Absence.DEFAULT
        return Absence.UNKNOWN if field.has_default else Absence.NULL

    def is_null(self, column: ColumnRead) -> Condition:
        value = self._property(column)
        if self.absence(column) is Absence.NULL:
            return leaf(f"{value} == null", f"{value} != null")
        return leaf(f"{value} === null", f"{value} !== null")

    def is_absent(self, column: ColumnRead) -> Condition:
        if column.name not in self._fields:
            return TRUE
        value = self._property(column)
        return leaf(f"{value} === undefined", f"{value} !== undefined")

    def is_missing(self, column: ColumnRead) -> Condition:
        if column.name not in self._fields:
            return TRUE
        value = self._property(column)
        return leaf(f"{value} == null", f"{value} != null")

    def is_empty(self, array: Expression) -> Condition:
        value = f"{self.value(array)}.length"
        return leaf(f"{value} === 0", f"{value} > 0")

    def value(self, expression: Expression) -> str:
        match expression:
            case WrittenValue(text=text):
                return text
            case ColumnRead():
                return self._column(expression)
            case ConstantValue(type=type, text=text):
                return "null" if text is None else constant(type, text, self._driver)
            case ArrayOf(items=items):
                return f"[{', '.join(map(self.value, items))}]"
            case Call(function=function, arguments=arguments):
                return self._call(function, arguments)
            case Calculation():
                return self._calculation(expression)
            case Coalesce(arguments=arguments):
                return self.coalesce(arguments)
        raise AssertionError(f"no value: {expression}")

    def coalesce(self, arguments: tuple[Expression, ...]) -> str:
        *first, last = arguments
        self._is_last = True
        text = self._possible(last)
        self._is_last = False
        for each in reversed(first):
            if isinstance(each, ColumnRead) and not self._is_parsed(each):
                text = f"({self._possible(each)} ?? {text})"
            else:
                null = nullness(each, self)
                text = self.value(each) if null is None else f"({null} ? {text} : {self.value(each)})"
        return text

    def count(self, conditions: Iterable[str]) -> str:
        return f"{RUNTIME}.count({', '.join(conditions)})"

    def compare(self, operator: ComparisonSign, left: Expression, right: Expression) -> Condition:
        return leaf(self._compared(operator, left, right), self._compared(_OPPOSITES[operator], left, right))

    def contains(self, items: tuple[ConstantValue, ...], value: Expression) -> Condition:
        if len(items) == 1:
            return self.compare("=", value, items[0])
        if self._comparing(value.type) == "":
            texts = ", ".join(map(self.value, items))
            return leaf(f"[{texts}].includes({bare(self._side(value, value.type))})")
        equal = (self._compared("=", value, each) for each in items)
        unequal = (self._compared("<>", value, each) for each in items)
        return leaf(f"({' || '.join(equal)})", f"({' && '.join(unequal)})")

    def matches(self, expression: Matches | FitsSchema) -> Condition:
        if isinstance(expression, FitsSchema):
            schema = shape_schema(json.loads(expression.schema))
            return leaf(f"{schema}.safeParse({bare(self.value(expression.value))}).success")
        return leaf(f'new RegExp({string(expression.pattern)}, "us").test({bare(self.value(expression.value))})')

    def contained(self, expression: ContainedBy) -> Condition:
        texts = (bare(self.value(each)) for each in (expression.left, expression.right))
        return leaf(f"{RUNTIME}.contained({', '.join(texts)})")

    def _property(self, column: ColumnRead) -> str:
        return member("row", self._properties[column.name])

    def _column(self, column: ColumnRead) -> str:
        text, field = self._property(column), self._fields.get(column.name)
        if field is None:
            return text  # a condition on it is always met before
        if self.absence(column) is Absence.DEFAULT and field.default is not None:
            text = f"({text} ?? {self._default(field, column.type)})"
        elif self._is_last and column.nullable:
            text += "!"
        if self._is_parsed(column):
            return f"({RUNTIME}.parsedArray({bare(text)}) ?? [])"
        return text

    def _is_parsed(self, column: ColumnRead) -> bool:
        """Whether a column is an array that arrives as a text."""
        field = self._fields.get(column.name)
        return field is not None and is_text_array(field.column, self._driver)

    def _possible(self, value: Expression) -> str:
        """An argument of COALESCE, which may be NULL unless it is the last."""
        if not isinstance(value, ColumnRead):
            return self.value(value)
        text, field = self._column(value), self._fields.get(value.name)
        is_moment = value.type in MOMENTS and self._driver == NODE
        if self._is_parsed(value):
            return text
        if field is not None and self.absence(value) is Absence.DEFAULT and value.nullable:
            own, default = self._property(value), self._default(field, value.type)
            there = f"{own}!" if self._is_last else f"{own}?" if is_moment else own
            return f"({own} === undefined ? {default} : {there}{'.getTime()' if is_moment else ''})"
        if is_moment and self.absence(value) is Absence.DEFAULT:
            return self._time(value)
        if is_moment:
            return f"{text}.getTime()" if self._is_last or not value.nullable else f"{text}?.getTime()"
        return text

    def _default(self, field: Field, type: str) -> str:
        """The literal default of a field."""
        text = field.default or ""
        return string(text) if is_text_array(field.column, self._driver) else constant(type, text, self._driver)

    def _time(self, column: ColumnRead) -> str:
        """The milliseconds of a Date; those of a default are a number already."""
        own, field = self._property(column), self._fields.get(column.name)
        if field is not None and self.absence(column) is Absence.DEFAULT:
            return f"({own}?.getTime() ?? {self._default(field, column.type)})"
        return f"{own}.getTime()"

    def _call(self, function: str, arguments: tuple[Expression, ...]) -> str:
        value, type = self.value(arguments[0]), arguments[0].type
        if type == "bytea" and self._driver != NODE:
            return f"(({value}.length - 2) / 2)"  # two digits for each byte, after the sign of what they are
        if type == "bytea" or function in ("cardinality", "array_length"):
            return f"{value}.length"
        if function == "isempty":
            return f'({value} === "empty")'
        if function == "abs":
            return self._absolute(arguments[0])
        if type == "bpchar":
            value = f"{RUNTIME}.withoutBlanks({value})"
        return f"{RUNTIME}.{_FUNCTIONS[function]}({bare(value)})"

    def _absolute(self, value: Expression) -> str:
        if self._comparing(value.type) == "compareNumeric":
            return f"{RUNTIME}.absolute({bare(self.value(value))})"
        return f"Math.abs({bare(self._number(value))})"

    def _calculation(self, calculation: Calculation) -> str:
        type, operator = calculation.type, calculation.operator
        left, right = (self.value(each) for each in (calculation.left, calculation.right))
        if self._comparing(type) == "compareNumeric":
            names = {"+": "plus", "-": "minus", "*": "times", "/": "quotient", "%": "remainder"}
            return f"{RUNTIME}.{names[operator]}({bare(left)}, {bare(right)})"
        left, right = self._number(calculation.left), self._number(calculation.right)
        if operator == "/" and type not in FLOATS:
            return f"Math.trunc({left} / {right})"
        return f"Math.fround({left} {operator} {right})" if type == "float4" else f"({left} {operator} {right})"

    def _number(self, value: Expression) -> str:
        """A value that JavaScript can calculate with; of a real, of which it has the shortest text, the exact one."""
        text, is_read = self.value(value), not isinstance(value, ConstantValue | Calculation)
        if value.type in FLOATS and is_read and self._driver != NODE:
            text = f"Number({bare(text)})"
        if value.type != "float4" or isinstance(value, Calculation) or _is_real(value):
            return text
        return f"Math.fround({bare(text)})"

    def _comparing(self, type: str) -> str:
        """The function that compares two values of a type; empty if JavaScript's own operators do."""
        if type == "numeric" or (type == "int8" and self._driver == NODE):
            return "compareNumeric"
        if type in FLOATS:
            return "compareFloats"
        return "compareMoments" if type in MOMENTS and self._driver != NODE else ""

    def _compared(self, operator: ComparisonSign, left: Expression, right: Expression) -> str:
        sign, type = _SIGNS[operator], _wider(left.type, right.type)
        texts = [self._side(each, type) for each in (left, right)]
        function = self._comparing(type)
        if operator in ("=", "<>") and self._is_beyond(left, right):
            return f"{'' if operator == '=' else '!'}[{texts[1]}].includes({bare(texts[0])})"
        if function:
            return f"{RUNTIME}.{function}({', '.join(map(bare, texts))}) {sign} 0"
        return f" {sign} ".join(texts)

    def _is_beyond(self, left: Expression, right: Expression) -> bool:
        """Whether a column is compared with a constant that its set does not have: TypeScript refuses that."""
        if not isinstance(left, ColumnRead) or not isinstance(right, ConstantValue) or self._comparing(left.type):
            return False
        field = self._fields.get(left.name)
        return field is not None and field.values is not None and right.text not in field.values.values

    def _side(self, value: Expression, type: str) -> str:
        if value.type == "float4":
            return self._number(value)
        text = self.value(value)
        if type == "bpchar" and not isinstance(value, ConstantValue):
            return f"{RUNTIME}.withoutBlanks({text})"
        if type in MOMENTS and self._driver == NODE and isinstance(value, ColumnRead):
            return self._time(value)
        return text


def _wider(one: str, other: str) -> str:
    """The type in which two values are compared."""
    types = ("float8", "float4", "numeric", "int8")
    return next((each for each in types if each in (one, other)), one)


def _is_real(value: Expression) -> bool:
    """Whether a value is a constant that ``real`` has exactly."""
    if not isinstance(value, ConstantValue) or value.text is None:
        return False
    if value.text in ("NaN", "Infinity", "-Infinity"):
        return True
    number = Decimal(value.text)
    return number == int(number) and abs(number) < 2**24
