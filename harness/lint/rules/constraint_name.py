"""Implementation of rule Harness_HS04."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqlfluff.core.rules import BaseRule, RuleContext

from harness.lint.rules import tree
from harness.lint.rules.base import Finding, HouseRule

if TYPE_CHECKING:
    from sqlfluff.core.parser import BaseSegment

# By the first keyword. NOT NULL, defaults and generated columns are not here: they need no name.
_KINDS = {
    "PRIMARY": "primary key",
    "UNIQUE": "unique",
    "CHECK": "check",
    "FOREIGN": "foreign key",
    "REFERENCES": "references",
    "EXCLUDE": "exclude",
}


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

    def findings(self, context: RuleContext) -> Iterator[Finding]:
        """Constraints of tables and domains that do not begin with ``constraint <name>``."""
        for table in tree.tables(context.segment):
            for element in table.elements:
                for segment in element:
                    if segment.is_type("table_constraint"):
                        yield from _unnamed(segment, str(table))
                    elif segment.is_type("column_constraint_segment"):
                        yield from _unnamed(segment, f"{table}.{tree.name(element[0])[0]}")
        for domain in context.segment.recursive_crawl("create_domain_statement"):
            yield from _unnamed_in_domain(domain)


def _unnamed(constraint: BaseSegment, owner: str) -> Iterator[Finding]:
    kind = _KINDS.get(tree.keywords(constraint)[0])
    if kind:
        yield _finding(constraint, owner, kind)


def _unnamed_in_domain(domain: BaseSegment) -> Iterator[Finding]:
    """The constraints of a domain stand side by side in its statement: ``constraint a check (…) check (…)``."""
    reference = domain.get_child("object_reference")
    code = [segment for segment in domain.segments if segment.is_code]
    for at, segment in enumerate(code):
        named = code[at - 2].raw_upper == "CONSTRAINT"
        if reference is not None and segment.is_type("keyword") and segment.raw_upper == "CHECK" and not named:
            yield _finding(segment, ".".join(tree.name(reference)), "check")


def _finding(anchor: BaseSegment, owner: str, kind: str) -> Finding:
    return Finding(anchor, owner, f"A constraint of {owner} has no name of its own: write 'constraint <name> {kind}'.")
