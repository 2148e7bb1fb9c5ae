"""Implementation of rule Harness_HS04."""

from __future__ import annotations

from collections.abc import Iterator

from sqlfluff.core.rules import BaseRule, RuleContext

from harness.lint.rules.base import HouseRule, RuleFinding
from harness.lint.rules.tree import read


class Rule_Harness_HS04(HouseRule, BaseRule):  # noqa: N801
    """Every constraint has a name of its own.

    The name is what an error reports and what a program decides by. One that PostgreSQL makes up depends on what
    else is there (``orders_check1``), changes with the order of the migrations, and tells the reader nothing.
    ``not null`` and defaults are excepted.

    **Anti-pattern**

    .. code-block:: sql

        create table shop.orders (
            id uuid primary key,
            customer_id uuid not null references shop.customers (id),
            total numeric not null check (total >= 0)
        );

    **Best practice**

    .. code-block:: sql

        create table shop.orders (
            id uuid not null,
            customer_id uuid not null,
            total numeric not null,
            constraint orders_pkey primary key (id),
            constraint orders_customer_fkey foreign key (customer_id) references shop.customers (id),
            constraint orders_total_not_negative check (total >= 0)
        );

    """

    name = "harness.constraint_name"
    groups = ("all", "harness")

    def findings(self, context: RuleContext) -> Iterator[RuleFinding]:
        """Constraints of tables and domains that do not begin with ``constraint <name>``."""
        for constraint in read(context.segment).constraints():
            if not constraint.named:
                text = (
                    f"A constraint of {constraint} has no name of its own: write 'constraint <name> {constraint.kind}'."
                )
                yield RuleFinding(constraint.anchor, str(constraint), text)
