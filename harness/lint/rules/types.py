"""Rules on the types of columns, domains and attributes."""

from __future__ import annotations

from collections.abc import Iterator

from sqlfluff.core.rules import BaseRule, RuleContext

from harness.lint import parsed_file
from harness.lint.rules.base import HouseRule, RuleFinding


class TypeRule(HouseRule):
    """A rule that refuses some ``types``, by PostgreSQL's own names, and gives ``advice``."""

    types: tuple[str, ...]
    advice: str

    def findings(self, context: RuleContext) -> Iterator[RuleFinding]:
        """Columns, domains and attributes of these types."""
        for item in parsed_file.read(context.segment).typed():
            if item.type in self.types:
                yield RuleFinding(
                    item.anchor, str(item), f"{item.kind.capitalize()} {item} is {item.shown}{self.advice}"
                )


class Rule_Harness_HS01(TypeRule, BaseRule):  # noqa: N801
    """Strings are ``text``, never ``varchar`` or ``char``.

    ``varchar`` stores and costs the same as ``text``. A limit in the type has no name: a refused value comes back as
    SQLSTATE 22001, which does not name the broken rule, and an explicit cast silently cuts a text that is too long.
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
    types = ("varchar", "bpchar")
    advice = ": write text, and a named check for a limit."


class Rule_Harness_HS02(TypeRule, BaseRule):  # noqa: N801
    """Moments are ``timestamptz``, never ``timestamp`` without time zone.

    ``timestamp`` is the time of a clock on a wall, without the place of the wall: the same row is another moment to a
    session with another ``TimeZone``, and differences across a change to summer time are off by an hour.
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
    types = ("timestamp",)
    advice = ", which has no time zone: write timestamptz."


class Rule_Harness_HS03(TypeRule, BaseRule):  # noqa: N801
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
    types = ("json",)
    advice = ": write jsonb."
