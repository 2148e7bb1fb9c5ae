"""Rules on who can read rows: row level security, definer functions, views.

Not here: whether roles really read only their rows (``kinds/row_security.py``), and ways past policies
(``kinds/row_access/bypasses.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlfluff.core.rules import BaseRule, RuleContext

from harness.grammar import enum_name, strings
from harness.lint import parsed_file
from harness.lint.directory import created_by
from harness.lint.parsed_file import is_temporary
from harness.lint.rules.base import HouseRule, RuleFinding, file_of
from harness.lint.statements import written

_PROBLEMS = {
    (False, False): "is neither enabled nor forced",
    (True, False): "is enabled but not forced: it does not hold for the owner",
    (False, True): "is forced but not enabled: it does nothing",
}
"""The faults of row level security, by whether it is enabled and whether it is forced."""
_TRUE = {"true", "on", "yes", "1"}


class Rule_Harness_HS05(HouseRule, BaseRule):  # noqa: N801
    """Row level security is enabled and forced on every table.

    Without it every role that may read the table reads every row. If it is enabled but not forced, it does not hold
    for the owner: migrations, seeds, definer functions and the owner's triggers then bypass the policies that the
    tests prove. A partition needs it too, since it can be queried by its own name. A later migration of the same
    directory may do it. Statements that a DO block runs with ``execute`` are not understood: write
    ``-- noqa: Harness_HS05``.

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

    def findings(self, context: RuleContext) -> Iterator[RuleFinding]:
        """Tables that the last migration leaves open."""
        created = created_by(file_of(context), context.segment.raw).tables
        for item in parsed_file.read(context.segment).tables():
            table = created.get(item.name)
            if table is not None and not table.dropped and not (table.row_security and table.forced):
                yield RuleFinding(
                    item.anchor,
                    str(item),
                    f"Row level security of table {item} {_PROBLEMS[table.row_security, table.forced]}.",
                )


class Rule_Harness_HS08(HouseRule, BaseRule):  # noqa: N801
    """A SECURITY DEFINER function pins its ``search_path``.

    Such a function runs with its owner's rights and its caller's ``search_path``. A role that can create an object in
    the first schema of that path decides the meaning of the names in the body; for tables that schema is ``pg_temp``,
    in which every role can create. The function has to pin the path in its own definition, since
    ``create or replace`` forgets the settings of ``alter function``.

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

    def findings(self, context: RuleContext) -> Iterator[RuleFinding]:
        """Definer functions and procedures without ``set search_path``."""
        file = parsed_file.read(context.segment)
        for statement, _, function in file.of_kind("create_function_stmt"):
            options = [each.def_elem for each in function.options]
            definer = [each for each in options if each.defname == "security" and each.arg.boolean.boolval]
            if definer and not any(_pins_search_path(each) for each in options):
                name = ".".join(strings(function.funcname))
                kind = "Procedure" if function.is_procedure else "Function"
                yield RuleFinding(
                    file.at(statement.base + definer[-1].location),
                    name,
                    f"{kind} {name} runs with its owner's rights and its caller's search_path: "
                    + "add set search_path = ''.",
                )


class Rule_Harness_HS09(HouseRule, BaseRule):  # noqa: N801
    """Views are ``security_invoker``.

    A view reads its tables with the rights of its owner. Row level security then applies the owner's policies, and
    every role that may read the view sees all rows. With ``security_invoker`` (PostgreSQL 15) it applies the reader's
    policies. ``create or replace view`` forgets the option, so every definition needs it. Materialized views cannot
    have it, and are not judged.

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

    def findings(self, context: RuleContext) -> Iterator[RuleFinding]:
        """Views that are not temporary and read with their owner's rights."""
        file = parsed_file.read(context.segment)
        for statement, _, created in file.of_kind("view_stmt"):
            if is_temporary(created.view) or any(_is_invoker(each.def_elem) for each in created.options):
                continue
            view = ".".join(written(created.view))
            yield RuleFinding(
                file.at_name(statement.base + created.view.location),
                view,
                f"View {view} reads with its owner's rights: add with (security_invoker = true).",
            )


def _pins_search_path(option: Any) -> bool:
    setting = option.arg.variable_set_stmt
    # `= default` is the caller's again.
    is_own = (option.defname, setting.name) == ("set", "search_path")
    return is_own and enum_name(setting, "kind") != "VAR_SET_DEFAULT"


def _is_invoker(option: Any) -> bool:
    if option.defname != "security_invoker":
        return False
    value = option.arg
    words = [value.string.sval, *strings(value.type_name.names), str(value.integer.ival)]
    return not option.HasField("arg") or not _TRUE.isdisjoint(each.lower() for each in words)
