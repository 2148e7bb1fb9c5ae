"""Predicates as PostgreSQL prints them, read into :mod:`~harness.types.expressions`.

Types come from the columns and from the casts that PostgreSQL prints; what has no counterpart in other languages
raises :class:`~harness.types.patterns.CannotState`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.catalog import Column as CatalogColumn
from harness.grammar import enum_name, strings, unwrap
from harness.project import sql
from harness.project.sql.contents import type_name
from harness.types.expressions import (
    FUNCTIONS,
    And,
    ArrayOf,
    Call,
    Coalesce,
    ColumnRead,
    ConstantValue,
    ContainedBy,
    CountNulls,
    Expression,
    FitsSchema,
    In,
    IsDistinct,
    IsNull,
    IsTrue,
    Matches,
    Not,
    Or,
)
from harness.types.patterns import CannotState, Characters, of_like, portable
from harness.types.values import (
    COMPARED,
    CONTAINED,
    INTEGERS,
    alike,
    calculation,
    comparison,
    negative,
    retyped,
    shown,
    takes,
    typname,
)

COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
_ALIASES = {"length": "char_length", "character_length": "char_length"}
_NULL_TESTS = {"num_nulls": True, "num_nonnulls": False}
_OF_SCHEMAS = ("json_matches_schema", "jsonb_matches_schema")
_BARE = ConstantValue("unknown", None)


def predicate(text: str, columns: Mapping[str, CatalogColumn], characters: Characters) -> Expression:
    """Returns the predicate of a CHECK over columns. Raises :class:`CannotState` with the reason."""
    found = _PredicateReader(columns, characters).read(unwrap(sql.expression(text)))
    if found.type != "bool":
        raise CannotState("it is no predicate")
    return found


class _PredicateReader:
    def __init__(self, columns: Mapping[str, CatalogColumn], characters: Characters) -> None:
        self._columns, self._characters = columns, characters
        self._enums = frozenset(each.base_type for each in columns.values() if each.base_kind == "e")

    def read(self, node: Any) -> Expression:
        read: dict[str, Callable[[Any], Expression]] = {
            "A_Const": self._constant,
            "ColumnRef": self._column,
            "TypeCast": self._cast,
            "BoolExpr": self._joined,
            "A_Expr": self._operator,
            "NullTest": self._null_test,
            "BooleanTest": self._boolean_test,
            "CoalesceExpr": lambda each: self._coalesce(each),
            "FuncCall": self._call,
            "A_ArrayExpr": self._array,
        }
        kind = type(node).__name__
        if kind not in read:
            raise CannotState(_WORDS.get(kind, f"it has an expression of the sort {kind}"))
        return read[kind](node)

    def _all(self, nodes: Any) -> tuple[Expression, ...]:
        return tuple(self.read(unwrap(each)) for each in nodes)

    def _constant(self, node: Any) -> ConstantValue:
        if node.isnull:
            return _BARE
        match node.WhichOneof("val"):
            case "ival":
                return ConstantValue("int4", str(node.ival.ival))
            case "fval":
                text = node.fval.fval
                return ConstantValue("int8" if text.isdigit() and int(text) < 2**63 else "numeric", text)
            case "boolval":
                return ConstantValue("bool", "true" if node.boolval.boolval else "false")
            case "sval":
                return ConstantValue("unknown", node.sval.sval)
        raise CannotState("it has a bit string")

    def _column(self, node: Any) -> Expression:
        name = strings(node.fields)[-1]
        if name not in self._columns:
            raise CannotState(f"it reads {name}, which is no column of the record")
        column = self._columns[name]
        if column.base_kind not in "be" and column.base_kind != "r":
            raise CannotState(f"{name} is a value of several parts")
        type = column.base_type if column.base_kind == "e" else column.base_name
        # A domain's CHECK says VALUE for the column.
        return ColumnRead(type, column.name, nullable=not column.not_null)

    def _cast(self, node: Any) -> Expression:
        to, value = typname(type_name(node.type_name)), self.read(unwrap(node.arg))
        if node.type_name.typmods:
            raise CannotState(f"it casts to {shown(to)} of a certain length or precision")
        if isinstance(value, ConstantValue):
            return retyped(value, to)
        if isinstance(value, ArrayOf) and to.startswith("_"):
            return ArrayOf(to, tuple(retyped(each, to[1:]) for each in value.items))
        same = ({"text", "varchar"}, {"_text", "_varchar"}, {"bpchar"}, set(INTEGERS[:2]))
        if to == value.type or any({to, value.type} <= each for each in same):
            return value
        raise CannotState(f"it casts {value.type} to {to}")

    def _joined(self, node: Any) -> Expression:
        parts = self._all(node.args)
        match enum_name(node, "boolop"):
            case "AND_EXPR":
                return And("bool", parts)
            case "OR_EXPR":
                return Or("bool", parts)
            case _:
                return Not("bool", parts[0])

    def _operator(self, node: Any) -> Expression:
        name, kind = strings(node.name)[-1], enum_name(node, "kind").removeprefix("AEXPR_")
        left, right = (_read_or_none(self, side) for side in (node.lexpr, node.rexpr))
        match kind:
            case "OP" if left is None and right is not None and name == "-":
                return negative(right)
            case "OP" if left is not None and right is not None:
                return self._binary(name, left, right)
            case "OP_ANY" | "OP_ALL" if left is not None and isinstance(right, ArrayOf):
                if (name, kind) in (("=", "OP_ANY"), ("<>", "OP_ALL")):
                    found = self._in(left, right.items)
                    return found if kind == "OP_ANY" else Not("bool", found)
            case "DISTINCT" | "NOT_DISTINCT" if left is not None and right is not None:
                one, other = alike(left, right)
                comparison("<>", one, other, self._enums)  # what cannot be compared cannot be told apart
                distinct = IsDistinct("bool", one, other)
                return distinct if kind == "DISTINCT" else Not("bool", distinct)
        raise CannotState(f"it has {_OPERATORS.get(kind, 'the operator {}').format(name)}")

    def _binary(self, name: str, left: Expression, right: Expression) -> Expression:
        if name in COMPARISONS:
            return comparison(name, *alike(left, right), self._enums)
        if name in ("+", "-", "*", "/", "%"):
            return calculation(name, *alike(left, right))
        if name in ("~", "!~", "~*", "!~*", "~~", "!~~"):
            return self._match(name, left, right)
        if name in ("<@", "@>"):
            one, other = alike(*((left, right) if name == "<@" else (right, left)))
            if one.type.startswith("_") and one.type == other.type:
                if one.type[1:] not in CONTAINED:
                    raise CannotState(f"it compares arrays of {one.type[1:]}")
                return ContainedBy("bool", one, other)
        raise CannotState(f"it has {_WRITTEN.get(name, f'the operator {name}')}")

    def _match(self, name: str, value: Expression, pattern: Expression) -> Expression:
        if value.type not in ("text", "varchar"):
            raise CannotState(f"it matches {shown(value.type)} with a pattern")
        if not isinstance(pattern, ConstantValue) or pattern.text is None:
            raise CannotState("it has a pattern that is not a constant")
        if name.endswith("~~"):
            text = of_like(pattern.text)
        else:
            text = portable(pattern.text, self._characters, ignoring_case=name.endswith("*"))
        found = Matches("bool", value, text)
        return Not("bool", found) if name.startswith("!") else found

    def _in(self, value: Expression, items: tuple[Expression, ...]) -> Expression:
        typed = [alike(value, each) for each in items]
        if any(one != value for one, _ in typed) or value.type not in (*COMPARED, *self._enums):
            raise CannotState(f"it compares values of {value.type}")
        constants = tuple(other for _, other in typed if isinstance(other, ConstantValue) and other.text is not None)
        if len(constants) != len(items):
            raise CannotState("it has a list that is not of constants")
        return In("bool", value, constants)

    def _null_test(self, node: Any) -> Expression:
        test = IsNull("bool", self.read(unwrap(node.arg)))
        return test if enum_name(node, "nulltesttype") == "IS_NULL" else Not("bool", test)

    def _boolean_test(self, node: Any) -> Expression:
        value, test = self.read(unwrap(node.arg)), enum_name(node, "booltesttype")
        match test.removeprefix("IS_").removeprefix("NOT_"):
            case "TRUE":
                found: Expression = IsTrue("bool", value)
            case "FALSE":
                found = IsTrue("bool", Not("bool", value))
            case _:
                found = IsNull("bool", value)
        return Not("bool", found) if test.startswith("IS_NOT_") else found

    def _coalesce(self, node: Any) -> Expression:
        arguments = self._all(node.args)
        type = next((each.type for each in arguments if each.type != "unknown"), "text")
        typed = tuple(retyped(each, type) for each in arguments)
        if any(each.type != type for each in typed):
            raise CannotState("it has COALESCE of several types")
        return Coalesce(type, typed)

    def _call(self, node: Any) -> Expression:
        written = strings(node.funcname)
        name = _ALIASES.get(written[-1], written[-1])
        if written[-1] in _OF_SCHEMAS and len(node.args) == 2:
            return self._fits(*node.args)
        if len(written) > 1 and written[0] != "pg_catalog":
            raise CannotState(f"it calls {'.'.join(written)}()")
        arguments = self._all(node.args)
        if written[-1] == "length" and [each.type for each in arguments] == ["bytea"]:
            name = "octet_length"
        if name in _NULL_TESTS and not node.func_variadic:
            return CountNulls("int4", arguments, null=_NULL_TESTS[name])
        if name == "array_length" and arguments[1:] == (ConstantValue("int4", "1"),):
            arguments = arguments[:1]
        if name in _WRITTEN:
            raise CannotState(f"it has {_WRITTEN[name]}")
        if name not in FUNCTIONS or len(arguments) != 1 or not takes(name, arguments[0].type):
            raise CannotState(f"it calls {name}()")
        return Call(FUNCTIONS[name] or arguments[0].type, name, arguments)

    def _fits(self, *arguments: Any) -> Expression:
        """A call of pg_jsonschema's, of which a cast from jsonb to json changes nothing."""
        schema, value = map(unwrap, arguments)
        if type(value).__name__ == "TypeCast" and type_name(value.type_name) in ("json", "jsonb"):
            value = unwrap(value.arg)
        constant, document = self.read(schema), self.read(value)
        if not isinstance(constant, ConstantValue) or constant.text is None or document.type not in ("json", "jsonb"):
            raise CannotState("it has a JSON Schema that is not a constant")
        return FitsSchema("bool", document, constant.text)

    def _array(self, node: Any) -> Expression:
        items = self._all(node.elements)
        type = next((each.type for each in items if each.type != "unknown"), "text")
        return ArrayOf(f"_{type}", tuple(retyped(each, type) for each in items))


def _read_or_none(reader: _PredicateReader, node: Any) -> Expression | None:
    return reader.read(unwrap(node)) if node.WhichOneof("node") else None


_WORDS = {
    "SubLink": "it has a query",
    "CaseExpr": "it has CASE",
    "MinMaxExpr": "it has GREATEST or LEAST",
    "SQLValueFunction": "it has CURRENT_DATE, CURRENT_USER or another of these, which differ from call to call",
    "A_Indirection": "it takes one part of a value: an element of an array, or a field",
    "CollateClause": "it has COLLATE",
    "RowExpr": "it has a row of several values",
    "JsonIsPredicate": "it has IS JSON",
    "XmlExpr": "it has an expression of XML",
    "XmlSerialize": "it has an expression of XML",
}
_OPERATORS = {"OP_ANY": "{} ANY over an array", "OP_ALL": "{} ALL over an array", "NULLIF": "NULLIF"}
_WRITTEN = {
    "~~*": "ILIKE",
    "!~~*": "NOT ILIKE",
    "similar_to_escape": "SIMILAR TO",
    "like_escape": "LIKE with ESCAPE",
    "timezone": "AT TIME ZONE",
    "overlaps": "OVERLAPS",
}
"""Operators and functions that people write in other words."""
