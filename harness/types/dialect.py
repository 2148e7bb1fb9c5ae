"""The way in which a language writes the parts of a condition, and the meaning of what a record leaves out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from harness.types.conditions import Condition, Operators
from harness.types.expressions import (
    ColumnRead,
    ComparisonSign,
    ConstantValue,
    ContainedBy,
    Expression,
    FitsSchema,
    Matches,
)


class Absence(Enum):
    """The meaning of a record without a value for a column."""

    NEVER = "it always has one"
    NULL = "the value is NULL"
    DEFAULT = "the value is the literal default, which the dialect puts in"
    UNKNOWN = "the value is not known"


@dataclass(frozen=True)
class WrittenValue(Expression):
    """A value that is written already."""

    text: str


class Dialect(Operators, ABC):
    """The way in which a language writes the parts of a condition. Values are texts that are safe as operands."""

    @abstractmethod
    def absence(self, column: ColumnRead) -> Absence:
        """Returns what it means that the record has no value for a column."""

    @abstractmethod
    def is_null(self, column: ColumnRead) -> Condition:
        """Whether a column is NULL; for :attr:`Absence.NULL` also whether it is absent."""

    @abstractmethod
    def is_absent(self, column: ColumnRead) -> Condition:
        """Whether a column of :attr:`Absence.UNKNOWN` is absent."""

    @abstractmethod
    def is_missing(self, column: ColumnRead) -> Condition:
        """Whether a column of :attr:`Absence.UNKNOWN` is absent or NULL."""

    @abstractmethod
    def is_empty(self, array: Expression) -> Condition:
        """Whether an array that is not NULL has no element."""

    @abstractmethod
    def value(self, expression: Expression) -> str:
        """The value of a Column, Constant, ArrayOf, Call, Calculation or Coalesce, or what is :class:`Written`."""

    @abstractmethod
    def coalesce(self, arguments: tuple[Expression, ...]) -> str:
        """The first value that is not NULL; at least one of them is not."""

    @abstractmethod
    def count(self, conditions: Iterable[str]) -> str:
        """The number of the conditions that are true."""

    @abstractmethod
    def compare(self, operator: ComparisonSign, left: Expression, right: Expression) -> Condition:
        """Compares two values of one type that are not NULL."""

    @abstractmethod
    def contains(self, items: tuple[ConstantValue, ...], value: Expression) -> Condition:
        """Whether a value that is not NULL is one of the constants."""

    @abstractmethod
    def matches(self, expression: Matches | FitsSchema) -> Condition:
        """Whether a text that is not NULL matches a pattern, or a document its schema."""

    @abstractmethod
    def contained(self, expression: ContainedBy) -> Condition:
        """Whether each element of the first array is one of the second; both are not NULL."""
