"""Policies that ask each other: PostgreSQL refuses whatever they hold for, with 42P17.

The server decides whether they do, the texts of the policies say which ones. Not here: what policies let pass.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg

from harness.catalog import Catalog
from harness.kinds.base import Fact, Subject, TableName, identifier, qualified
from harness.kinds.row_access.bypasses import stand_in
from harness.project import sql

Step = tuple[str, TableName, TableName]
"""The name of a policy, its table, and a table that it reads."""


def recursions(subject: Subject) -> Iterator[Fact]:
    """States for policies of the table that ask each other which ones they are, and what to do."""
    steps = _cycle(subject.catalog, subject.table.name, ())
    if steps and subject.roles.may_create and _is_refused(subject, steps):
        said = ", ".join(f"policy {name} of {table} reads {read}" for name, table, read in steps)
        advice = "read it by a function with security definer instead"
        yield Fact("policies that do not ask each other", f"{said}, whose policies are asked again (42P17): {advice}")


def _cycle(catalog: Catalog, table: TableName, before: tuple[Step, ...]) -> tuple[Step, ...]:
    """The shortest way by which policies for SELECT lead from a table to one that is on it; empty if there is none."""
    found: list[tuple[Step, ...]] = []
    for policy in catalog.tables[table].policies:
        named = sql.tables(f"select {policy.using}") if policy.using and policy.command in ("all", "select") else ()
        views = [read for view in catalog.views if view.name in named for read in view.reads]
        for read in dict.fromkeys((*named, *views)):
            way = (*before, (policy.name, table, read))
            if read in {of for _, of, _ in way}:
                found.append(way)
            elif read in catalog.tables:
                found += filter(None, [_cycle(catalog, read, way)])
    return min(found, key=len, default=())


def _is_refused(subject: Subject, steps: tuple[Step, ...]) -> bool:
    """Whether the server refuses to plan a query of the table, as a role that all of the policies hold for."""
    role, made = stand_in(subject, "public")
    named = {each for name, table, _ in steps for each in subject.catalog.tables[table].policy(name).roles}
    made += [f"grant {identifier(each)} to {identifier(role)}" for each in sorted(named) if subject.roles.exists(each)]
    explained = f"explain select from {qualified(subject.table.name)}"
    try:
        with subject.pools.connection.transaction(force_rollback=True):
            for text in (*made, f"set local role {identifier(role)}", explained):
                subject.pools.connection.execute(text.encode())
    except (psycopg.ProgrammingError, psycopg.errors.InvalidObjectDefinition) as error:
        return error.sqlstate == "42P17"
    return False
