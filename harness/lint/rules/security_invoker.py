"""Implementation of rule Harness_HS09."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqlfluff.core.rules import BaseRule, RuleContext

from harness.lint.rules import tree
from harness.lint.rules.base import Finding, HouseRule

if TYPE_CHECKING:
    from sqlfluff.core.parser import BaseSegment

_TRUE = {"true", "on", "yes", "1"}


class Rule_Harness_HS09(HouseRule, BaseRule):  # noqa: N801
    """Views are ``security_invoker``.

    A view reads its tables with the rights of its owner. Row level security then asks what the owner may see, and
    whoever may read the view sees the rows of everyone. With ``security_invoker`` (PostgreSQL 15) it is the reader
    who is asked. ``create or replace view`` forgets the option, so it stands in every definition. Materialized
    views cannot have it, and are not looked at.

    **Anti-pattern**

    .. code-block:: sql

        create view shop.open_orders as
        select o.id from shop.orders as o where o.status = 'open';

    **Best practice**

    .. code-block:: sql

        create view shop.open_orders with (security_invoker = true) as
        select o.id from shop.orders as o where o.status = 'open';

    """

    name = "harness.security_invoker"
    groups = ("all", "harness")

    def findings(self, context: RuleContext) -> Iterator[Finding]:
        """Views that are not temporary and read with their owner's rights."""
        for statement in context.segment.recursive_crawl("create_view_statement"):
            reference = statement.get_child("table_reference")
            if reference is None or tree.is_temporary(statement) or _is_invoker(statement):
                continue
            view = ".".join(tree.name(reference))
            text = f"View {view} reads with its owner's rights: add with (security_invoker = true)."
            yield Finding(reference, view, text)


def _is_invoker(view: BaseSegment) -> bool:
    for option in view.recursive_crawl("relation_option"):
        name, *value = [each.raw.lower().strip("'") for each in option.raw_segments if each.is_code]
        if name == "security_invoker":
            return not value or value[-1] in _TRUE
    return False
