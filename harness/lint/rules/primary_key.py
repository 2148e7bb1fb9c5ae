"""Implementation of rule Harness_HS10."""

from __future__ import annotations

from collections.abc import Iterator

from sqlfluff.core.rules import BaseRule, RuleContext

from harness.lint.afterwards import FinalColumn, FinalTable, made_by
from harness.lint.rules.base import HouseRule, RuleFinding, file_of
from harness.lint.rules.tree import TypedItem, read

_DEFAULT = "gen_random_uuid"
_SPELLED = {"int2": "smallint", "int4": "integer", "int8": "bigint", "bpchar": "char"}
"""How people write what the grammar names otherwise."""


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

    def findings(self, context: RuleContext) -> Iterator[RuleFinding]:
        """Tables that the last migration leaves with another key, or with none."""
        made = made_by(file_of(context), context.segment.raw).tables
        file = read(context.segment)
        columns = {column.name: column.anchor for column in file.columns()}
        types = {column.name: column for column in file.typed()}
        for table in file.tables():
            left = made.get(table.name)
            if left is None or left.dropped or left.partition:
                continue
            column = (*table.name, *left.key)
            wrong = _wrong(left, types.get(column))
            if wrong:
                text = f"The primary key of table {table} is {wrong}: make it uuid default {_DEFAULT}()."
                yield RuleFinding(columns.get(column, table.anchor), str(table), text)


def _wrong(table: FinalTable, typed: TypedItem | None) -> str | None:
    """What is to be said against the key of a table; ``typed`` is its column, if the file writes it out."""
    if not table.key:
        return "missing"
    if len(table.key) > 1:
        return f"of {len(table.key)} columns, {', '.join(table.key)}"
    column = table.columns.get(table.key[0], FinalColumn())
    if column.type != "uuid":
        as_written = typed and typed.type == column.type and typed.shown
        shown = as_written or _SPELLED.get(column.type, column.type)
        return f"{table.key[0]}, which is {shown or 'of an unknown type'}"
    return None if column.default == _DEFAULT else f"{table.key[0]}, which has no default of {_DEFAULT}()"
