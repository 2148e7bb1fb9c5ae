"""States three-valued predicates in languages that have two truth values.

A CHECK holds unless it is false. So every predicate is stated twice: when it *holds* (true or null), and when it *is
true*; each is made of the other's parts. A value is NULL, or (in an insert or update that leaves a column out) unknown;
an unknown value decides nothing, as if it were NULL. :func:`condition` gives the condition of a rule as text; a
:class:`~harness.types.dialect.Dialect` says how a language writes its parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from harness.types.conditions import FALSE, TRUE, Condition, Fixed, Leaf, either, every, opposite, written
from harness.types.dialect import Absence, Dialect, WrittenValue
from harness.types.expressions import (
    And,
    ArrayOf,
    Calculation,
    Call,
    Coalesce,
    ColumnRead,
    Compare,
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
    rebuilt,
    walk,
)


def condition(rule: Expression, dialect: Dialect) -> str:
    """Returns the condition under which a rule holds: its predicate is true or null."""
    statement = _Statement(dialect)
    return written(statement.holds(rebuilt(rule, statement.shortened)), dialect)


def nullness(value: Expression, dialect: Dialect) -> str | None:
    """Returns the condition that a value which is known is NULL; None if it never is."""
    found = _Statement(dialect).null(value)
    return None if found == FALSE else written(found, dialect)


_VALUES = (ColumnRead, ConstantValue, Call)
"""Values of type boolean that a language has as they are; all others are predicates, which it states."""


class _Statement:
    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def holds(self, predicate: Expression) -> Condition:
        """The condition that a predicate is true or null."""
        match predicate:
            case And(parts=parts):
                return every(map(self.holds, parts))
            case Or(parts=parts):
                return either(map(self.holds, parts))
            case Not(part=part):
                return opposite(self.is_true(part))
            case Compare(operator="=", left=left, right=right) if left.type == right.type == "bool":
                if self._is_plain(left) and self._is_plain(right):
                    return either((self.unknown(left), self.unknown(right), self._same(left, right)))
                # It is false when one is true and the other is false.
                return opposite(either((self._true_and_false(left, right), self._true_and_false(right, left))))
            case Compare(operator="<>", left=left, right=right) if left.type == right.type == "bool":
                return opposite(self.is_true(Compare("bool", "=", left, right)))
            case IsNull(value=value):
                return either((self.unknown(value), self.null(value)))
            case IsTrue(value=value):
                return either((self.unknown(value), self.is_true(value)))
            case IsDistinct(left=left, right=right):
                return either((self.unknown(left), self.unknown(right), self._distinct(left, right)))
            case Coalesce(arguments=arguments) if not all(isinstance(each, _VALUES) for each in arguments):
                return either((self.unknown(predicate), self._first(arguments, self.holds)))
            case _:
                return either((*self._missing(predicate), self._test(predicate)))

    def is_true(self, predicate: Expression) -> Condition:
        """The condition that a predicate is true."""
        match predicate:
            case And(parts=parts):
                return every(map(self.is_true, parts))
            case Or(parts=parts):
                return either(map(self.is_true, parts))
            case Not(part=part):
                return opposite(self.holds(part))
            case Compare(operator="=", left=left, right=right) if left.type == right.type == "bool":
                if self._is_plain(left) and self._is_plain(right):
                    known = (opposite(self.unknown(each)) for each in (left, right))
                    return every((*known, self._same(left, right)))
                both = every((self.is_true(left), self.is_true(right)))
                neither = every((opposite(self.holds(left)), opposite(self.holds(right))))
                return either((both, neither))
            case Compare(operator="<>", left=left, right=right) if left.type == right.type == "bool":
                return opposite(self.holds(Compare("bool", "=", left, right)))
            case IsNull(value=value):
                return every((opposite(self.unknown(value)), self.null(value)))
            case IsTrue(value=value):
                return self.is_true(value)
            case IsDistinct(left=left, right=right):
                known = (opposite(self.unknown(each)) for each in (left, right))
                return every((*known, self._distinct(left, right)))
            case Coalesce(arguments=arguments) if not all(isinstance(each, _VALUES) for each in arguments):
                return every((opposite(self.unknown(predicate)), self._first(arguments, self.is_true)))
            case _:
                return every((*map(opposite, self._missing(predicate)), self._test(predicate)))

    def _first(self, predicates: Sequence[Expression], last: Callable[[Expression], Condition]) -> Condition:
        """The condition that the first predicate which is not null is true; of the ``last`` one as is asked."""
        first, *others = predicates
        if not others:
            return last(first)
        return either((self.is_true(first), every((self.null(first), self._first(others, last)))))

    def null(self, value: Expression) -> Condition:
        """The condition that a value is NULL, if it is known."""
        match value:
            case ColumnRead():
                absent_is_null = self._dialect.absence(value) is Absence.NULL
                return self._dialect.is_null(value) if value.nullable or absent_is_null else FALSE
            case ConstantValue(text=text):
                return Fixed(text is None)
            case Call(function="array_length", arguments=(array,)):
                return either((self.null(array), self._dialect.is_empty(array)))
            case Call(arguments=arguments):
                return either(map(self.null, arguments))
            case Calculation(left=left, right=right):
                return either(map(self.null, (left, right)))
            case Coalesce(arguments=arguments):
                return every(map(self.null, arguments))
            case ArrayOf() | CountNulls():
                return FALSE
            case _:
                return every((self.holds(value), opposite(self.is_true(value))))

    def shortened(self, value: Expression) -> Expression:
        """A COALESCE without what it never comes to: NULL, and all behind a value that is never NULL."""
        if not isinstance(value, Coalesce):
            return value
        found: list[Expression] = []
        for each in value.arguments:
            null = self.null(each)
            found += [each] if null != TRUE else []
            if null == FALSE:
                break
        if len(found) > 1:
            return replace(value, arguments=tuple(found))
        return found[0] if found else ConstantValue(value.type, None)

    def unknown(self, value: Expression) -> Condition:
        """The condition that a value is not known, since a column that it reads was left out."""
        read = dict.fromkeys(each for each in walk(value) if isinstance(each, ColumnRead))
        return either(self._dialect.is_absent(each) for each in read if self._can_be_unknown(each))

    def _can_be_unknown(self, column: ColumnRead) -> bool:
        return self._dialect.absence(column) is Absence.UNKNOWN

    def _missing(self, predicate: Expression) -> list[Condition]:
        """The conditions under which a test has no answer: one of its values is NULL or unknown."""
        found: dict[Condition, None] = {}
        for value in _operands(predicate):
            if isinstance(value, ColumnRead) and self._can_be_unknown(value) and value.nullable:
                found[self._dialect.is_missing(value)] = None
            else:
                found[self.unknown(value)] = None
                found[self.null(value)] = None
        return [each for each in found if each != FALSE]

    def _test(self, predicate: Expression) -> Condition:
        """The test itself, of values that are there."""
        match predicate:
            case Compare(operator=operator, left=left, right=right):
                return self._dialect.compare(operator, self._valued(left), self._valued(right))
            case In(value=value, items=items):
                return self._dialect.contains(items, self._valued(value))
            case Matches() | FitsSchema():
                return self._dialect.matches(predicate)
            case ContainedBy():
                return self._dialect.contained(predicate)
            case ConstantValue(text=text):
                return Fixed(text == "true")
            case ColumnRead() | Call() | Coalesce():
                return Leaf(self._dialect.value(self._valued(predicate)))
        raise AssertionError(f"no predicate: {predicate}")

    def _valued(self, value: Expression) -> Expression:
        """A value, with what only this module can write put into it as text."""
        match value:
            case Coalesce(arguments=arguments):
                return WrittenValue(value.type, self._dialect.coalesce(arguments))
            case CountNulls(arguments=arguments, null=null):
                nulls = map(self.null, arguments)
                conditions = (written(each if null else opposite(each), self._dialect) for each in nulls)
                return WrittenValue(value.type, self._dialect.count(conditions))
            case _:
                return value

    def _distinct(self, left: Expression, right: Expression) -> Condition:
        """The condition that two values which are known differ, or that one of them is NULL."""
        first, second = self.null(left), self.null(right)
        one = either((every((first, opposite(second))), every((second, opposite(first)))))
        if left.type == right.type == "bool":
            return either((one, self._true_and_false(left, right), self._true_and_false(right, left)))
        other = self._dialect.compare("<>", self._valued(left), self._valued(right))
        return either((one, every((opposite(first), opposite(second), other))))

    def _is_plain(self, predicate: Expression) -> bool:
        """Whether a predicate is never null, and as unknown as the columns that it reads."""
        match predicate:
            case IsNull() | IsDistinct():
                return True
            case Not(part=part):
                return self._is_plain(part)
            case Compare(left=left, right=right) if left.type == right.type == "bool":
                return self._is_plain(left) and self._is_plain(right)
            case And() | Or() | IsTrue():
                return self.null(predicate) == FALSE and self.unknown(predicate) == FALSE
            case _:
                return all(self.null(each) == FALSE for each in _operands(predicate))

    def _same(self, left: Expression, right: Expression) -> Condition:
        """The condition that two predicates which are known and not null have the same truth value."""
        known = _KnownStatement(self._dialect)
        one, other = known.is_true(left), known.is_true(right)
        for fixed, free in ((one, other), (other, one)):
            if isinstance(fixed, Fixed):
                return free if fixed.value else opposite(free)
        equal, unequal = self._dialect.equivalence
        texts = [written(each, self._dialect, operand=True) for each in (one, other)]
        return Leaf(equal.join(texts), unequal.join(texts))

    def _true_and_false(self, left: Expression, right: Expression) -> Condition:
        return every((self.is_true(left), opposite(self.holds(right))))


class _KnownStatement(_Statement):
    """States predicates whose columns are all known."""

    def _can_be_unknown(self, column: ColumnRead) -> bool:
        return False


def _operands(predicate: Expression) -> tuple[Expression, ...]:
    """The values that a test needs."""
    match predicate:
        case Compare(left=left, right=right) | ContainedBy(left=left, right=right):
            return left, right
        case In(value=value) | Matches(value=value) | FitsSchema(value=value):
            return (value,)
        case _:
            return (predicate,)
