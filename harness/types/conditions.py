"""Conditions of two truth values: joined, simplified and written with the operators of a language."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile


class Operators:
    """The operators by which a language joins conditions.

    ``conjunction``, ``disjunction`` and ``negation`` are its operators with their spaces: ``" && "``, ``" || "``,
    ``"!"``. ``equivalence`` are those that compare two truth values: ``" === "``, ``" !== "``. ``truth`` is how false
    and true are written, in this order.
    """

    conjunction: str
    disjunction: str
    negation: str
    equivalence: tuple[str, str]
    truth: tuple[str, str]


class Condition:
    """A condition of two truth values."""


@dataclass(frozen=True)
class Fixed(Condition):
    """A condition that is always true, or always false."""

    value: bool


@dataclass(frozen=True)
class Leaf(Condition):
    """A condition as the language writes it; ``negated`` is its opposite, empty if that takes an operator."""

    text: str
    negated: str = ""


@dataclass(frozen=True)
class _Negated(Condition):
    part: Condition


@dataclass(frozen=True)
class _All(Condition):
    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class _Any(Condition):
    parts: tuple[Condition, ...]


TRUE, FALSE = Fixed(True), Fixed(False)


def leaf(text: str, negated: str = "") -> Condition:
    """Returns a condition that a dialect writes itself, in parentheses where it is a chain of ``and`` or ``or``."""
    return Leaf(text, negated)


def opposite(condition: Condition) -> Condition:
    """Returns the condition that is true where another is false."""
    match condition:
        case Fixed(value=value):
            return Fixed(not value)
        case Leaf(text=text, negated=negated) if negated:
            return Leaf(negated, text)
        case _All(parts=parts):
            return _Any(tuple(map(opposite, parts)))
        case _Any(parts=parts):
            return _All(tuple(map(opposite, parts)))
        case _Negated(part=part):
            return part
    return _Negated(condition)


def every(conditions: Iterable[Condition]) -> Condition:
    """Returns the condition that all of several are true."""
    return _joined(conditions, _All, TRUE, FALSE)


def either(conditions: Iterable[Condition]) -> Condition:
    """Returns the condition that one of several is true."""
    return _joined(conditions, _Any, FALSE, TRUE)


def _joined(
    conditions: Iterable[Condition], sort: type[_All] | type[_Any], neutral: Condition, deciding: Condition
) -> Condition:
    """Joins conditions; those that are the same stand once, and what all begin with stands before them."""
    found: dict[Condition, None] = {}
    for each in conditions:
        known = _without(each, found, sort) if isinstance(each, _All | _Any) and not isinstance(each, sort) else each
        found |= dict.fromkeys(known.parts if isinstance(known, sort) else (known,))
    found.pop(neutral, None)
    if deciding in found:
        return deciding
    if len(found) < 2:
        return next(iter(found), neutral)
    other: type[_All] | type[_Any] = _Any if sort is _All else _All
    same = _beginning([each.parts if isinstance(each, other) else () for each in found])
    if same:
        rest = (_joined(each.parts[len(same) :], other, deciding, neutral) for each in found if isinstance(each, other))
        return _joined((*same, _joined(rest, sort, neutral, deciding)), other, deciding, neutral)
    return sort(tuple(found))


def _beginning(conditions: Sequence[tuple[Condition, ...]]) -> tuple[Condition, ...]:
    """Returns the parts that several conditions have in common at their beginning."""
    same = zip(*conditions, strict=False)
    return tuple(first for first, *others in takewhile(lambda each: len(set(each)) == 1, same))


def _without(condition: _All | _Any, before: Iterable[Condition], sort: type[_All] | type[_Any]) -> Condition:
    """A condition without the parts that those before it in an ``and`` (or ``or``) have decided already.

    After ``a and``, ``not a or b`` is ``b``; what comes before ``a`` has to stay as it is, since it may guard a value.
    """
    decided = {opposite(each) for each in before}
    parts = tuple(each for each in condition.parts if each not in decided)
    return either(parts) if sort is _All else every(parts)


def written(condition: Condition, operators: Operators, *, operand: bool = False) -> str:
    """Returns a condition as text; as an ``operand`` it is in parentheses unless it is a word or a call."""
    match condition:
        case Fixed(value=value):
            return operators.truth[value]
        case Leaf(text=text):
            return f"({text})" if operand and not _is_word(text) else text
        case _Negated(part=part):
            text = operators.negation + written(part, operators, operand=True)
            return f"({text})" if operand and operators.negation.endswith(" ") else text
        case _All(parts=parts):
            text = operators.conjunction.join(_part(each, operators) for each in parts)
            return f"({text})" if operand else text
        case _Any(parts=parts):
            text = operators.disjunction.join(_part(each, operators) for each in parts)
            return f"({text})" if operand else text
    raise AssertionError(f"no condition: {condition}")


def _part(condition: Condition, operators: Operators) -> str:
    return written(condition, operators, operand=isinstance(condition, _All | _Any))


def _is_word(text: str) -> bool:
    """Whether a text is a name, a call, or in parentheses: ``row.active``, ``includes(row.status)``."""
    return re.fullmatch(r"[\w.?\"'\[\]]+(\([^()]*\))?", text) is not None
