"""What could show a role more than the policies of a table do: views and functions with the rights of their owner.

Of views the catalog says enough. What a function does it does not say, and nobody tries it: those are only told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.catalog.model import Table
from harness.kinds.base import Fact, Subject
from harness.probes.statement import qualified


def widened(subject: Subject, role: str, commands: Sequence[str]) -> Iterator[Fact]:
    """For a role that policies hold back in ``commands``: views over the table ask with the rights of who reads them,
    and functions with the rights of their owner pin their ``search_path``.

    Told are those that the role can reach. Of the functions it is all in the table's schema, whatever they read: what
    they do is not written in the catalog.
    """
    if not commands or subject.roles.bypasses_row_security(role):
        return
    yield from _views(subject, role, commands)
    yield from _functions(subject, role)


def _views(subject: Subject, role: str, commands: Sequence[str]) -> Iterator[Fact]:
    for view in subject.catalog.views_reading(subject.table.name):
        if view.owner == role or not subject.roles.on_schema(role, view.name.schema):
            continue
        name = qualified(view.name)
        may = [command for command in commands if _may(subject, role, name, command)]
        if not may:
            continue
        reach = f"{role} may {' and '.join(may)}"
        if view.materialized:
            yield Fact(f"materialized view {view.name} out of reach of {role}", f"{view.name}: {reach}")
        else:
            option = "with security_invoker" if view.security_invoker else f"without it, and {reach}"
            yield Fact(f"view {view.name} with security_invoker", f"view {view.name} {option}")


def _may(subject: Subject, role: str, view: str, command: str) -> bool:
    if command == "delete":
        return subject.roles.on_table(role, view, command)
    return subject.roles.on_columns(role, view, command)


def _functions(subject: Subject, role: str) -> Iterator[Fact]:
    fired = {f"{trigger.function}()" for trigger in subject.table.triggers}
    for function in subject.catalog.definers:
        if function.schema != subject.table.name.schema or function.owner == role:
            continue
        # Who writes to a table fires its triggers, whether or not it may call their functions.
        called = subject.roles.on_schema(role, function.schema) and subject.roles.may_execute(role, function.signature)
        if called or function.signature in fired:
            path = "a search_path of its own" if function.pinned else "that of its caller, and security definer"
            yield Fact(
                f"function {function.signature} with a search_path of its own",
                f"function {function.signature} with {path}",
            )


def untried(subject: Subject, role: str) -> Iterator[str]:
    """What a role can have run with the rights of somebody else, and nobody looks into: functions and triggers."""
    roles = subject.roles
    if not roles.exists(role) or roles.bypasses_row_security(role):
        return
    others = [each for each in subject.catalog.definers if each.owner != role]
    called = [
        each.signature
        for each in others
        if not each.fires and roles.on_schema(role, each.schema) and roles.may_execute(role, each.signature)
    ]
    if called:
        yield f"not tried: functions that {role} may call and that run as their owner: {', '.join(called)}"
    fired = {each.signature for each in others if each.fires}
    triggers = [
        f"{trigger.name} on {table.name}"
        for table in subject.catalog.tables.values()
        for trigger in table.triggers
        if f"{trigger.function}()" in fired and any(_fires(subject, role, table, event) for event in trigger.events)
    ]
    if triggers:
        yield f"not tried: triggers that run as their owner where {role} writes: {', '.join(triggers)}"


def _fires(subject: Subject, role: str, table: Table, event: str) -> bool:
    name = qualified(table.name)
    may = subject.roles.on_columns if event in ("insert", "update") else subject.roles.on_table
    return subject.roles.on_schema(role, table.name.schema) and may(role, name, event)
