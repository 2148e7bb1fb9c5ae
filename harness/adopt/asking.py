"""Finds as whom roles ask under the policies of a table: claims by which they reach rows, and roles that reach none.

Only what was seen on the server is said: with the claims every role reaches a row that it did not reach before.
Not here: as whom rows are written (``inference/users.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.adopt.filling import FilledTables
from harness.adopt.project_texts import ProjectTexts
from harness.adopt.survey import Survey, TableError, guarded
from harness.catalog import Canonical, Roles
from harness.describe import TRUE, CheckEntry, said
from harness.inference import policy_claims
from harness.kinds.base import Subject, Unreliable
from harness.kinds.privileges_parts.statements import held_by_policies
from harness.kinds.row_access.database_code import asked_by_policies
from harness.kinds.row_access.reachable import owner_columns, reached_by
from harness.kinds.row_security import RowSecurityKind
from harness.project.keys import FrozenDict
from harness.project.model import TableName
from harness.scratch.workspaces import workspace
from harness.server.connection import Server
from harness.solver import Unfillable, declared_pools
from harness.values.types import Unsupported

SEARCHED = 2
"""Claims that are tried with a value of any column of the table, and of those around it: each takes a second."""


Asked = Mapping[str, Any]
"""The fields ``claims`` and ``sightless`` of a table's description."""


def ask(
    server: Server, texts: ProjectTexts, survey: Survey, filled: FilledTables, errors: dict[TableName, TableError]
) -> dict[TableName, Asked]:
    """Tries rows as each role that is granted something, of the tables with policies that could be filled."""
    left = {*filled.empty, *filled.closed, *filled.errors}
    roles = {
        table.name: [str(role) for role in privileges]
        for table in survey.tables
        for _, entry in survey.descriptions[table.name].checks
        if table.row_security and table.name not in left and (privileges := entry.get("privileges"))
    }
    if not roles:
        return {}
    project, found = texts.project, dict[TableName, Asked]()
    with workspace(server, project, project.modules) as space, space.connect(space.clone()) as connection:
        pools = declared_pools(connection, survey.catalog, texts.checks)
        for table, hints in filled.hints.items():
            pools.add_hints(table, hints)
        subject = Subject(
            module="",
            name=None,
            project=project,
            catalog=survey.catalog,
            pools=pools,
            canonical=Canonical(connection),
            roles=Roles(connection),
            databases=space,
            filled=lambda _: connection,
        )
        for table, granted in roles.items():
            with guarded(errors, table):
                found[table] = _asked(replace(subject, module=table.schema, name=table), granted)
    return found


def _asked(subject: Subject, roles: Sequence[str]) -> Asked:
    held = held_by_policies(subject, [role for role in roles if role != "public"])
    sightless = [role for role in held if not subject.roles.may_reach(role, subject.table.policies)]
    others = [role for role in held if role not in sightless]
    try:
        claims = _claims(subject, others) if others else {}
    except (Unfillable, Unsupported):
        claims = {}
    # Without a policy that permits anything, a check about all roles says so.
    named = sightless if any(policy.permissive for policy in subject.table.policies) else []
    return {"claims": claims, "sightless": [entry for role in named if (entry := _no_row(subject, role)) is not None]}


def _no_row(subject: Subject, role: str) -> CheckEntry | None:
    """The entry of a role that no policy lets see a row.

    None if it has a way past the policies, or it is not plain what they let it insert.
    """
    forced = subject.table.force_row_security
    inserts = {each.check for each in subject.roles.permitting(role, subject.table.policies)}
    rule = f"no policy lets {role} see or {'change' if inserts else 'write'} a row"
    may_insert = TRUE if inserts else None
    kind = RowSecurityKind(row_security=rule, as_=role, sees="false", may_insert=may_insert, forced=forced)
    if inserts - {TRUE} or not all(fact.holds for fact in kind.facts(subject)):
        return None
    keys: CheckEntry = {"sees": "false", "may_insert": may_insert, "forced": None if forced else "false"}
    return said({"row_security": rule, "as": role, **keys})


def _claims(subject: Subject, roles: Sequence[str]) -> Mapping[str, Any]:
    """The first claims by which all roles reach rows; empty if they do without, or if none are found."""
    known = subject.pools.hints(subject.table.name).claims
    if all(reached_by(subject, role, [known])[0] for role in roles):
        return {}
    found = policy_claims.of_columns(subject.pools, subject.table)
    for role in roles:
        scores = reached_by(subject, role, found) if found else []
        # Those that reach the most rows: a column may have the value of another one by chance.
        found = [each for each, score in zip(found, scores, strict=True) if score and score == max(scores)]
    if found:
        return found[0]
    if asked_by_policies(subject) == {subject.table.name}:
        return {}
    searched = [*policy_claims.of_others(subject.pools, subject.table)][:SEARCHED]
    return next((claims for claims in searched if all(_found(subject, role, claims) for role in roles)), {})


def _found(subject: Subject, role: str, claims: Mapping[str, Any]) -> bool:
    """Whether there is a column whose values, in the variables of the claims, let a role reach rows."""
    try:
        owner_columns(subject, role, FrozenDict(claims), ())
    except Unreliable:
        return False
    return True
