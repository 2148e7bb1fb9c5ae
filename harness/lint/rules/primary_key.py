"""Implementation of rule Harness_HS10."""

from __future__ import annotations

from collections.abc import Iterator

from sqlfluff.core.rules import BaseRule, RuleContext

from harness.lint.afterwards import Table, made_by
from harness.lint.rules.base import Finding, HouseRule, file_of
from harness.lint.rules.tree import read

_DEFAULT = "gen_random_uuid"


class Rule_Harness_HS10(HouseRule, BaseRule):  # noqa: N801
    """The primary key is ``uuid default gen_random_uuid()``.

    A number that counts up tells whoever sees it how many rows there are and what the next one is called, differs
    between two databases that are to become one, and is only known when the row is there. A random ``uuid`` is none
    of this. Keys that the world outside gives, and those of tables that only tie others together, are excepted by
    their table's name under ``ignore_names``. A later migration of the same directory may set the key and its
    default. Partitions have the key of their parent.

    **Anti-pattern**

    .. code-block:: sql

        create table shop.orders (
            id bigint generated always as identity,
            constraint orders_pkey primary key (id)
        );

    **Best practice**

    .. code-block:: sql

        create table shop.orders (
            id uuid not null default gen_random_uuid(),
            constraint orders_pkey primary key (id)
        );

    """

    name = "harness.primary_key"
    groups = ("all", "harness")

    def findings(self, context: RuleContext) -> Iterator[Finding]:
        """Tables that the last migration leaves with another key, or with none."""
        made = made_by(file_of(context), context.segment.raw).tables
        for table in read(context.segment).tables():
            left = made.get(table.name)
            wrong = _wrong(left) if left is not None and not left.dropped and not left.partition else None
            if wrong:
                text = f"The primary key of table {table} is {wrong}: make it uuid default {_DEFAULT}()."
                yield Finding(table.anchor, str(table), text)


def _wrong(table: Table) -> str | None:
    if not table.key:
        return "missing"
    if len(table.key) > 1:
        return f"of {len(table.key)} columns, {', '.join(table.key)}"
    column = table.columns.get(table.key[0])
    if column is None or column.type != "uuid":
        return f"{table.key[0]}, which is {column.type if column and column.type else 'of an unknown type'}"
    return None if column.default == _DEFAULT else f"{table.key[0]}, which has no default of {_DEFAULT}()"
