"""Implementation of rule Harness_HS09."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlfluff.core.rules import BaseRule, RuleContext

from harness.lint.rules.base import HouseRule, RuleFinding
from harness.lint.rules.tree import is_temporary, read, strings, written

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

    def findings(self, context: RuleContext) -> Iterator[RuleFinding]:
        """Views that are not temporary and read with their owner's rights."""
        file = read(context.segment)
        for statement, _, made in file.of_kind("view_stmt"):
            if is_temporary(made.view) or any(_is_invoker(each.def_elem) for each in made.options):
                continue
            view = ".".join(written(made.view))
            text = f"View {view} reads with its owner's rights: add with (security_invoker = true)."
            yield RuleFinding(file.at_name(statement.base + made.view.location), view, text)


def _is_invoker(option: Any) -> bool:
    if option.defname != "security_invoker":
        return False
    value = option.arg
    words = [value.string.sval, *strings(value.type_name.names), str(value.integer.ival)]
    return not option.HasField("arg") or not _TRUE.isdisjoint(each.lower() for each in words)
