"""Implementation of rule Harness_HS03."""

from __future__ import annotations

from collections.abc import Iterator

from sqlfluff.core.rules import BaseRule, RuleContext

from harness.lint.rules.base import HouseRule, RuleFinding
from harness.lint.rules.tree import read


class Rule_Harness_HS03(HouseRule, BaseRule):  # noqa: N801
    """JSON is ``jsonb``, never ``json``.

    ``json`` keeps the text it was given: repeated keys stay, and each reader makes of them what it likes. It has
    no equality, so ``distinct``, ``group by`` and ``is distinct from`` (which triggers compare rows by) fail on it,
    and GIN cannot index it.

    **Anti-pattern**

    .. code-block:: sql

        create table shop.orders (
            address json
        );

    **Best practice**

    .. code-block:: sql

        create table shop.orders (
            address jsonb
        );

    """

    name = "harness.jsonb"
    groups = ("all", "harness")

    def findings(self, context: RuleContext) -> Iterator[RuleFinding]:
        """Columns and domains of type ``json``."""
        for column in read(context.segment).typed():
            if column.type == "json":
                yield RuleFinding(
                    column.anchor,
                    str(column),
                    f"{column.kind.capitalize()} {column} is {column.shown}: write jsonb.",
                )
