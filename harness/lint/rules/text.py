"""Implementation of rule Harness_HS01."""

from __future__ import annotations

from collections.abc import Iterator

from sqlfluff.core.rules import BaseRule, RuleContext

from harness.lint.rules.base import HouseRule, RuleFinding
from harness.lint.rules.tree import read

_PADDED_OR_LIMITED = {"varchar", "bpchar"}


class Rule_Harness_HS01(HouseRule, BaseRule):  # noqa: N801
    """Strings are ``text``, never ``varchar`` or ``char``.

    ``varchar`` stores and costs the same as ``text``. A limit in the type has no name: a refused value comes back as
    SQLSTATE 22001, which does not say which rule it broke, and an explicit cast silently cuts what is too long.
    ``char`` pads with spaces that some operators count and others do not. A limit that matters is a rule, and rules
    are named checks: they can be changed without touching the type of the column and the views that depend on it.

    **Anti-pattern**

    .. code-block:: sql

        create table shop.orders (
            reference varchar(20) not null,
            currency char(3) not null
        );

    **Best practice**

    Write ``text``, and a named check where there is a limit.

    .. code-block:: sql

        create table shop.orders (
            reference text not null,
            currency text not null,
            constraint orders_reference_length check (char_length(reference) <= 20),
            constraint orders_currency_code check (currency ~ '^[A-Z]{3}$')
        );

    """

    name = "harness.text"
    groups = ("all", "harness")

    def findings(self, context: RuleContext) -> Iterator[RuleFinding]:
        """Columns and domains of a type that limits or pads."""
        for column in read(context.segment).typed():
            if column.type in _PADDED_OR_LIMITED:
                yield RuleFinding(
                    column.anchor,
                    str(column),
                    f"{column.kind.capitalize()} {column} is {column.shown}: write text, "
                    "and a named check for a limit.",
                )
