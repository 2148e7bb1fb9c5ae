"""Predicates as trees that another language can state: what they read, and what they do with it.

A predicate is true, false or null, as in SQL; a renderer keeps these three values. :mod:`harness.types.reading` makes
the trees of PostgreSQL's texts. Every value has a ``type``, the ``pg_type.typname`` of its base type (``int4``,
``text``, ``_text``), which decides how two values are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any
from typing import Literal as OneOf

ComparisonSign = OneOf["=", "<>", "<", "<=", ">", ">="]
Arithmetic = OneOf["+", "-", "*", "/", "%"]


@dataclass(frozen=True)
class Expression:
    """A value or a predicate; ``type`` is the name of its base type."""

    type: str


@dataclass(frozen=True)
class ColumnRead(Expression):
    """The value of a column; ``nullable`` if it can be NULL."""

    name: str
    nullable: bool


@dataclass(frozen=True)
class ConstantValue(Expression):
    """A literal as PostgreSQL prints the value of its type (``true``, ``1.50``, ``2026-01-01``); None is NULL."""

    text: str | None


@dataclass(frozen=True)
class ArrayOf(Expression):
    """ARRAY[…] of values; ``type`` is the array's (``_text``)."""

    items: tuple[Expression, ...]


@dataclass(frozen=True)
class Call(Expression):
    """One of the functions in :data:`FUNCTIONS`, which give NULL if an argument is NULL."""

    function: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True)
class Coalesce(Expression):
    """COALESCE: the first value that is not NULL."""

    arguments: tuple[Expression, ...]


@dataclass(frozen=True)
class CountNulls(Expression):
    """``num_nulls`` of values, or ``num_nonnulls`` if not ``null``."""

    arguments: tuple[Expression, ...]
    null: bool


@dataclass(frozen=True)
class Calculation(Expression):
    """Two numbers and an operator; integers divide without a rest, towards zero."""

    operator: Arithmetic
    left: Expression
    right: Expression


@dataclass(frozen=True)
class Compare(Expression):
    """Two values of one type and an operator; null if one of them is NULL.

    Two predicates can be compared with ``=`` and ``<>`` as well: they are values of type ``bool``.
    """

    operator: ComparisonSign
    left: Expression
    right: Expression


@dataclass(frozen=True)
class IsDistinct(Expression):
    """IS DISTINCT FROM, in which NULL equals NULL."""

    left: Expression
    right: Expression


@dataclass(frozen=True)
class In(Expression):
    """Whether a value is one of several constants, none of them NULL; ``value = any (array[…])`` is the same."""

    value: Expression
    items: tuple[ConstantValue, ...]


@dataclass(frozen=True)
class IsNull(Expression):
    """IS NULL of a value."""

    value: Expression


@dataclass(frozen=True)
class IsTrue(Expression):
    """IS TRUE of a predicate: true or false, never null."""

    value: Expression


@dataclass(frozen=True)
class And(Expression):
    """AND of predicates."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Or(Expression):
    """OR of predicates."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Not(Expression):
    """NOT of a predicate."""

    part: Expression


@dataclass(frozen=True)
class Matches(Expression):
    """Whether a text matches a pattern somewhere.

    The pattern means the same in JavaScript with the flags ``us``, and in Python's ``re`` with ``DOTALL``: it has no
    class escape (``\\s``), ``$`` ends the whole text (Python says ``\\Z``), and other characters than ASCII stand for
    themselves.
    """

    value: Expression
    pattern: str


@dataclass(frozen=True)
class ContainedBy(Expression):
    """``<@`` of arrays: each element of the first is one of the second; a NULL element is none of them."""

    left: Expression
    right: Expression


@dataclass(frozen=True)
class FitsSchema(Expression):
    """Whether a document is as a JSON Schema says; ``schema`` is its JSON."""

    value: Expression
    schema: str


FUNCTIONS = {
    "char_length": "int4",
    "octet_length": "int4",
    "btrim": "text",
    "cardinality": "int4",
    "array_length": "int4",
    "jsonb_typeof": "text",
    "isempty": "bool",
    "abs": "",
}
"""The functions that :class:`Call` knows, with the type of their result (empty: that of the argument).

``char_length`` counts code points, ``octet_length`` bytes, of a text those of UTF-8. ``btrim`` removes spaces, and
nothing else, at both ends. ``array_length`` is that of the first dimension, NULL for an empty array. ``jsonb_typeof``
is ``object``, ``array``, ``string``, ``number``, ``boolean`` or ``null``.
"""


def walk(expression: Expression) -> Iterator[Expression]:
    """Yields an expression and all its parts."""
    yield expression
    for each in fields(expression):
        value = getattr(expression, each.name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, Expression):
                yield from walk(part)


def rebuilt(expression: Expression, change: Callable[[Expression], Expression]) -> Expression:
    """Returns an expression with all its parts changed, from the innermost on, and then itself."""

    def of(part: Any) -> Any:
        if isinstance(part, tuple):
            return tuple(map(of, part))
        return rebuilt(part, change) if isinstance(part, Expression) else part

    return change(replace(expression, **{each.name: of(getattr(expression, each.name)) for each in fields(expression)}))


def columns(expression: Expression) -> tuple[str, ...]:
    """Returns the names of the columns that an expression reads, each once."""
    return tuple(dict.fromkeys(each.name for each in walk(expression) if isinstance(each, ColumnRead)))
