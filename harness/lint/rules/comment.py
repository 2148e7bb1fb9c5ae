"""Implementation of rule Harness_HS06."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from sqlfluff.core.rules import BaseRule, RuleContext

from harness.lint.rules.base import HouseRule, RuleFinding
from harness.lint.rules.commented import commented

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


class Rule_Harness_HS06(HouseRule, BaseRule):  # noqa: N801
    """Every table and every column carries a comment.

    A name says what something is called. What is in it, in which unit, when it is null and who sets it, only its
    author knows, and the database is where every later reader looks. A later migration of the same directory may
    say it. The comment of an empty string is none, as is one that is taken back (``is null``): then the finding stands
    at the statement that does it.

    **Anti-pattern**

    .. code-block:: sql

        create table shop.orders (
            total numeric not null
        );

    **Best practice**

    .. code-block:: sql

        create table shop.orders (
            total numeric not null
        );

        comment on table shop.orders is 'What was bought; goes with its customer. [administrative]';
        comment on column shop.orders.total is 'What it costs, in euros. [administrative]';

    """

    name = "harness.comment"
    groups = ("all", "harness")

    def findings(self, context: RuleContext) -> Iterator[RuleFinding]:
        """Tables and columns that the last migration leaves without a comment."""
        for item in commented(context):
            if not item.comment:
                write = f"comment on {item.kind} {'.'.join(map(_as_sql, item.name))} is '… [class]';"
                text = f"{item.kind.capitalize()} {item} has no comment; write: {write}"
                yield RuleFinding(item.anchor, str(item), text)


def _as_sql(name: str) -> str:
    """A name as it has to be written, in quotes where they are needed."""
    import postgast

    with suppress(postgast.PgQueryError):
        if _PLAIN.fullmatch(name) and postgast.parse(f"comment on table {name} is null"):
            return name
    return '"' + name.replace('"', '""') + '"'
