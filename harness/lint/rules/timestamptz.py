"""Implementation of rule Harness_HS02."""

from __future__ import annotations

from collections.abc import Iterator

from sqlfluff.core.rules import BaseRule, RuleContext

from harness.lint.rules.base import HouseRule, RuleFinding
from harness.lint.rules.tree import read


class Rule_Harness_HS02(HouseRule, BaseRule):  # noqa: N801
    """Moments are ``timestamptz``, never ``timestamp`` without time zone.

    ``timestamp`` is what a clock on some wall showed. Which wall is not stored: the same row is another moment to
    a session with another ``TimeZone``, and differences across a change to summer time are off by an hour.
    ``timestamptz`` stores the moment, in as many bytes. Dates, times of day and intervals are fine.

    **Anti-pattern**

    .. code-block:: sql

        create table shop.orders (
            placed_at timestamp not null default now()
        );

    **Best practice**

    .. code-block:: sql

        create table shop.orders (
            placed_at timestamptz not null default now()
        );

    """

    name = "harness.timestamptz"
    groups = ("all", "harness")

    def findings(self, context: RuleContext) -> Iterator[RuleFinding]:
        """Columns and domains that hold a wall clock's time."""
        for column in read(context.segment).typed():
            if column.type == "timestamp":
                yield RuleFinding(
                    column.anchor,
                    str(column),
                    f"{column.kind.capitalize()} {column} is {column.shown}, which has no time zone: "
                    "write timestamptz.",
                )
