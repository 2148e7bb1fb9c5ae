"""Implementation of rule Harness_HS08."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlfluff.core.rules import BaseRule, RuleContext

from harness.lint.rules.base import HouseRule, RuleFinding
from harness.lint.rules.tree import read, strings


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

    def findings(self, context: RuleContext) -> Iterator[RuleFinding]:
        """Definer functions and procedures without ``set search_path``."""
        file = read(context.segment)
        for statement, _, function in file.of_kind("create_function_stmt"):
            options = [each.def_elem for each in function.options]
            definer = [each for each in options if each.defname == "security" and each.arg.boolean.boolval]
            if definer and not any(_pins(each) for each in options):
                name = ".".join(strings(function.funcname))
                kind = "Procedure" if function.is_procedure else "Function"
                text = f"{kind} {name} runs with its owner's rights and its caller's search_path: "
                anchor = file.at(statement.base + definer[-1].location)
                yield RuleFinding(anchor, name, text + "add set search_path = ''.")


def _pins(option: Any) -> bool:
    from postgast import pg_query_pb2 as pg

    setting = option.arg.variable_set_stmt
    # `= default` is the caller's again.
    return (option.defname, setting.name) == ("set", "search_path") and bool(setting.kind != pg.VAR_SET_DEFAULT)
