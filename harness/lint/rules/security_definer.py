"""Implementation of rule Harness_HS08."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqlfluff.core.rules import BaseRule, RuleContext

from harness.lint.rules import tree
from harness.lint.rules.base import Finding, HouseRule

if TYPE_CHECKING:
    from sqlfluff.core.parser import BaseSegment


class Rule_Harness_HS08(HouseRule, BaseRule):  # noqa: N801
    """A SECURITY DEFINER function pins its ``search_path``.

    Such a function runs with its owner's rights and its caller's ``search_path``. Whoever can make an object in a
    schema that comes first there decides what the names in the body mean; for tables that is ``pg_temp``, anyone's.
    The function has to pin it in its own definition, since ``create or replace`` forgets what ``alter function`` set.

    **Anti-pattern**

    .. code-block:: sql

        create function shop.total(customer uuid) returns numeric
        language sql security definer
        as $$ select sum(o.total) from orders as o where o.customer_id = customer $$;

    **Best practice**

    Pin it to nothing and write each name with its schema. Take the right to call it from PUBLIC.

    .. code-block:: sql

        create function shop.total(customer uuid) returns numeric
        language sql security definer
        set search_path = ''
        as $$ select sum(o.total) from shop.orders as o where o.customer_id = customer $$;

        revoke all on function shop.total(uuid) from public;

    """

    # Not harness.search_path: sqlfluff takes what ends in _path in its settings for a path, a section's name too.
    name = "harness.security_definer"
    groups = ("all", "harness")

    def findings(self, context: RuleContext) -> Iterator[Finding]:
        """Definer functions and procedures without ``set search_path``."""
        for statement in context.segment.recursive_crawl("create_function_statement", "create_procedure_statement"):
            reference, definition = statement.get_child("function_name"), statement.get_child("function_definition")
            if reference is None or definition is None:
                continue
            words = [segment for segment in definition.segments if segment.is_code]
            definer = _find(words, "SECURITY", "DEFINER")
            if definer is not None and not _pins(words):
                name = ".".join(tree.name(reference))
                kind = "Procedure" if statement.is_type("create_procedure_statement") else "Function"
                text = f"{kind} {name} runs with its owner's rights and its caller's search_path: "
                yield Finding(words[definer], name, text + "add set search_path = ''.")


def _pins(words: list[BaseSegment]) -> bool:
    at = _find(words, "SET", "SEARCH_PATH")
    # `= default` is the caller's again.
    return at is not None and [word.raw_upper for word in words[at + 3 : at + 4]] != ["DEFAULT"]


def _find(words: list[BaseSegment], first: str, second: str) -> int | None:
    pairs = itertools.pairwise(words)
    return next((at for at, (a, b) in enumerate(pairs) if (a.raw_upper, b.raw_upper) == (first, second)), None)
