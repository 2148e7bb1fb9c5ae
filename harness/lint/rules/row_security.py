"""Implementation of rule Harness_HS05."""

from __future__ import annotations

from collections.abc import Iterator

from sqlfluff.core.rules import BaseRule, RuleContext

from harness.lint import afterwards
from harness.lint.rules.base import HouseRule, RuleFinding, file_of
from harness.lint.rules.tree import read

_WRONG = {
    (False, False): "is neither enabled nor forced",
    (True, False): "is enabled but not forced: it does not hold for the owner",
    (False, True): "is forced but not enabled: it does nothing",
}


class Rule_Harness_HS05(HouseRule, BaseRule):  # noqa: N801
    """Row level security is enabled and forced on every table.

    Without it every role that may read the table reads every row. Enabled but not forced it holds for all but the
    owner: migrations, seeds, definer functions and the owner's triggers then pass by the policies that the tests
    prove. A partition needs it too, since it can be queried by its own name. A later migration of the same
    directory may do it. What a DO block runs with ``execute`` is not understood: ``-- noqa: Harness_HS05``.

    **Anti-pattern**

    .. code-block:: sql

        create table shop.orders (id uuid not null);

    **Best practice**

    .. code-block:: sql

        create table shop.orders (id uuid not null);

        alter table shop.orders enable row level security;
        alter table shop.orders force row level security;

        -- Forced, it holds for the owner too, whose own access is a policy like any other.
        create policy orders_owner on shop.orders to current_user using (true) with check (true);

    """

    name = "harness.row_security"
    groups = ("all", "harness")

    def findings(self, context: RuleContext) -> Iterator[RuleFinding]:
        """Tables that the last migration leaves open."""
        made = afterwards.made_by(file_of(context), context.segment.raw).tables
        for table in read(context.segment).tables():
            left = made.get(table.name)
            if left is None or left.dropped or (left.row_security, left.forced) == (True, True):
                continue
            wrong = _WRONG[left.row_security, left.forced]
            yield RuleFinding(table.anchor, str(table), f"Row level security of table {table} {wrong}.")
