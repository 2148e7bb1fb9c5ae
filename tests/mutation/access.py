"""Who may do what, otherwise: policies, grants, and the triggers that stand in the way.

One kind of mutant is left out, since nobody could see it: what a policy asks of a row of another table is asked again
by that table's own policy, if it is the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.catalog import Catalog, Table
from harness.catalog.model import Policy, Trigger
from harness.probes.statement import identifier, qualified

from .expressions import edits, expressions
from .mutant import Mutant
from .words import Edit, scanned

COMMANDS = ("select", "insert", "update", "delete", "truncate")


def mutants(catalog: Catalog, table: Table) -> Iterator[Mutant]:
    """All of a table."""
    for trigger in table.triggers:
        for what, sql in _trigger(qualified(table.name), trigger):
            yield Mutant("triggers", f"{trigger.name} {what}", sql, (trigger.name,), (table.name,))
    yield from _row_security(table)
    for policy in table.policies:
        for what, sql in _policy(catalog, table, policy):
            # A policy that lets more through shows where another one is asked about.
            rules = (policy.name, "row_security")
            yield Mutant("policies", f"{policy.name} {what}", sql, rules, (table.name,))
    yield from _grants(table)


def _trigger(table: str, trigger: Trigger) -> Iterator[tuple[str, str]]:
    quoted = identifier(trigger.name)
    drop = f"drop trigger {quoted} on {table}"
    again = f"; alter table {table} enable always trigger {quoted}" if trigger.enabled == "A" else ""
    yield "dropped", drop
    yield "disabled", f"alter table {table} disable trigger {quoted}"
    if trigger.enabled == "A":
        yield "not always", f"alter table {table} enable trigger {quoted}"
    words = scanned(trigger.definition)
    start = next(word for word in words if word.text == trigger.timing.lower()).end
    end = next(word for word in words if word.text == "on").start
    for event in trigger.events if len(trigger.events) > 1 else ():
        others = " or ".join(other for other in trigger.events if other != event)
        yield f"without {event}", f"{drop}; {trigger.definition[:start]} {others} {trigger.definition[end:]}{again}"
    for index, word in enumerate(words):
        if word.text == "when":
            end = next(other for other in words[index + 2 :] if other.depth == word.depth).end
            head, condition, rest = (
                trigger.definition[: word.start],
                trigger.definition[word.end : end],
                trigger.definition[end:],
            )
            yield "without its condition", f"{drop}; {head}{rest}{again}"
            for what, other in expressions(condition):
                yield f"when {what}", f"{drop}; {head}when {other}{rest}{again}"


def _row_security(table: Table) -> Iterator[Mutant]:
    name = qualified(table.name)
    for what, sql in (
        ("row security disabled", "disable row level security"),
        ("row security not forced", "no force row level security"),
    ):
        yield Mutant("policies", what, f"alter table {name} {sql}", ("row security",), (table.name,))


def _policy(catalog: Catalog, table: Table, policy: Policy) -> Iterator[tuple[str, str]]:
    target = f"{identifier(policy.name)} on {qualified(table.name)}"
    others = {other.using for each in catalog.tables.values() if each != table for other in each.policies}
    yield "dropped", f"drop policy {target}"
    for clause, expression in (("using", policy.using), ("with check", policy.check)):
        if expression is None:
            continue
        for constant in {"true", "false"} - {expression}:
            yield f"{clause} {constant}", f"alter policy {target} {clause} ({constant})"
        for edit in edits(expression, scanned(expression)):
            if not _asked_again(expression, edit, others):
                yield f"{clause} {edit.what}", f"alter policy {target} {clause} ({edit.of(expression)})"
    if policy.roles != ("public",):
        yield "to anon", f"alter policy {target} to anon"


def _asked_again(expression: str, edit: Edit, policies: set[str | None]) -> bool:
    """Whether what is left out is what another table's policy says, the alias of that table aside."""
    left_out = re.sub(r"\b\w+\.(?!\w+\()", "", expression[edit.start : edit.end])
    return edit.new == "true" and "select" in expression[: edit.start].lower() and left_out in policies


def _grants(table: Table) -> Iterator[Mutant]:
    name, schema = qualified(table.name), table.name.schema
    held = {(grant.role, grant.privilege) for grant in table.grants if grant.column is None}
    for role, privilege in sorted(held):
        if role != table.owner and privilege in COMMANDS:
            sql = f"revoke {privilege} on {name} from {identifier(role)}"
            yield Mutant("grants", f"{role} may not {privilege}", sql, (role,), (table.name,))
    holders = {role for role, _ in held} - {table.owner}
    for role in sorted(holders):
        sql = f"revoke usage on schema {identifier(schema)} from {identifier(role)}"
        yield Mutant("grants", f"{role} may not use {schema}", sql, (f"usage of schema {schema}",), (table.name,))
    for role in sorted({*holders, "anon", "public"}):
        for privilege in COMMANDS:
            if (role, privilege) not in held:
                sql = f"grant {privilege} on {name} to {role}"
                yield Mutant("grants", f"{role} may {privilege}", sql, (role,), (table.name,))
