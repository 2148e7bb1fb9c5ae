"""No verdict without ground, for all kinds: what loses its rule, its rows or its reach is not proved any more.

And a rule that nobody declared is told by ``<table>.declared``, and turns no other check red.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.catalog import read as read_catalog
from harness.declarations import DeclaredCheck, read
from harness.kinds import KINDS
from harness.outcome import Outcome, Status
from harness.probes.statement import identifier, qualified
from harness.project.load import load
from harness.project.model import TableName
from harness.proving.prover import Prover
from harness.server.connection import Connection, Server
from tests.cases import Case, cases
from tests.test_cases import EFFORT, PROJECT, holding, maintenance, quick

__all__ = ["maintenance", "quick"]

HERE = Path(__file__).parent
NO_ROWS = (HERE / "no_rows.sql").read_text()
NO_RULES = (HERE / "no_rules.sql").read_text()

ADDED = {
    "a unique key": "alter table {table} add constraint nobody_said unique ({columns})",
    "a CHECK": "alter table {table} add constraint nobody_said check ({column} is not null)",
    "a foreign key": (
        "alter table {table} add constraint nobody_said foreign key ({columns}) references {table} ({columns})"
    ),
    "an exclusion": "alter table {table} add constraint nobody_said exclude using btree ({first} with =)",
    "a trigger that does nothing": "{function} return new; end $$; {trigger}",
    "a trigger that refuses": "{function} raise exception 'no'; end $$; {trigger}",
    "a policy": "create policy nobody_said on {table} for update using (false)",
    "a rule": "create rule nobody_said as on update to {table} do also nothing",
}
"""What nobody declares."""

FUNCTION = "create function public.nobody_said() returns trigger language plpgsql as $$ begin"
TRIGGER = (
    "create trigger nobody_said before insert or update on {table} for each row execute function public.nobody_said();"
)


SAYING = {"columns": "default", "privileges": "[insert", "query": "table: ", "routine": "given:", "row_security": "= $"}
"""What a case has to say to be about the rules and rows that it loses."""


def _smallest(outcome: str, roles: bool = False) -> dict[str, Case]:
    """For each kind the case with this outcome that has the fewest words; with ``roles``, of ordinary ones."""
    found: dict[str, Case] = {}
    for case in cases():
        known = found.get(case.kind)
        fits = case.outcome == outcome and case.schema and SAYING.get(case.kind, "") in case.check
        if roles:
            ordinary = [role.split()[0] for role in case.roles if " superuser" not in role]
            fits = fits and any(role in case.check for role in ordinary)
        if fits and (known is None or len(case.schema + case.check) < len(known.schema + known.check)):
            found[case.kind] = case
    return found


PROVED = _smallest("proved")
PRESENT = {kind: case for kind, case in _smallest("present").items() if kind not in PROVED}
AS_ROLES = _smallest("proved", roles=True)
NOT_OF_RULES = ("class", "declared", "query", "routine", "rows")
"""Kinds that hold whatever the database keeps: what they say is of the project, of rows, or of what a function does."""


@contextmanager
def proving(
    case: Case, more: str, server: Server, maintenance: Connection, directory: Path
) -> Iterator[list[tuple[DeclaredCheck, Outcome]]]:
    """The outcomes of all checks of a case, in whose schema something else happens in the end."""
    for role in case.roles:
        if maintenance.execute("select from pg_roles where rolname = %s", [role.split()[0]]).fetchone() is None:
            maintenance.execute(f"create role {role}".encode())
    directory.mkdir(exist_ok=True)
    (directory / "project.yml").write_text(PROJECT)
    path = directory / "checks" / "t" / "case.yml"
    path.parent.mkdir(parents=True)
    path.write_text(case.check, encoding="utf-8")
    project = load(directory)
    declared = read(project, KINDS)
    scratch = holding(f"{case.schema}\n{more}", server, maintenance)
    try:
        with Prover(declared, project, scratch, replace(EFFORT, shrink=False)) as prover:
            yield [(check, prover.prove(check)) for check in declared]
    finally:
        scratch.drop_all()


def _ids(chosen: dict[str, Case]) -> list[Any]:
    return [pytest.param(case, id=case.id) for case in chosen.values()]


def _green(case: Case, found: list[tuple[DeclaredCheck, Outcome]]) -> list[str]:
    return [outcome.name for check, outcome in found if check.kind == case.kind and outcome.status.green]


@pytest.mark.nightly
@pytest.mark.parametrize("case", _ids(PROVED))
def test_without_rows(case: Case, server: Server, maintenance: Connection, tmp_path: Path) -> None:
    if case.kind == "index":
        pytest.skip("the table is filled past its triggers")
    with proving(case, NO_ROWS, server, maintenance, tmp_path) as found:
        proved = [each.name for check, each in found if check.kind == case.kind and each.status is Status.PROVED]
        assert not proved


@pytest.mark.nightly
@pytest.mark.parametrize("case", _ids({**PROVED, **PRESENT}))
def test_without_rules(case: Case, server: Server, maintenance: Connection, tmp_path: Path) -> None:
    if case.kind in NOT_OF_RULES:
        pytest.skip("it is about no rule")
    with proving(case, NO_RULES, server, maintenance, tmp_path) as found:
        assert not _green(case, found)


@pytest.mark.nightly
@pytest.mark.parametrize("case", _ids(AS_ROLES))
@pytest.mark.parametrize("lost", ["usage on schema t", "all on all tables in schema t"])
def test_without_reach(case: Case, lost: str, server: Server, maintenance: Connection, tmp_path: Path) -> None:
    roles = ", ".join(role.split()[0] for role in case.roles)
    with proving(case, f"revoke {lost} from public, {roles};", server, maintenance, tmp_path) as found:
        assert not _green(case, found)


@pytest.mark.nightly
@pytest.mark.parametrize("sort", ADDED)
@pytest.mark.parametrize("case", _ids({**PROVED, **PRESENT}))
def test_one_rule_more(case: Case, sort: str, server: Server, maintenance: Connection, tmp_path: Path) -> None:
    if case.kind == "routine" and sort == "a trigger that refuses":
        pytest.skip("what a routine calls has to pass, whatever stands in its way")
    with proving(case, "", server, maintenance, tmp_path / "before") as found:
        before = {check.name: outcome.status for check, outcome in found}
        table = next((check.table for check, _ in found if check.table is not None), None)
    assert table is not None
    more = _added(sort, table, server, maintenance, case)
    with proving(case, more, server, maintenance, tmp_path / "after") as found:
        after = {check.name: outcome for check, outcome in found}
    told = after.pop(f"{table}.declared")
    assert told.status is Status.BROKEN
    assert any("nobody_said" in f"{each.expected} {each.actual}" for each in told.counterexamples)
    broken = [
        name for name, each in after.items() if each.status is Status.BROKEN and before[name] is not Status.BROKEN
    ]
    assert not broken, [str(after[name].counterexamples[0]) for name in broken]


def _added(sort: str, table: TableName, server: Server, maintenance: Connection, case: Case) -> str:
    """The rule on a table: its key, or its first column, is what it is about."""
    scratch = holding(case.schema, server, maintenance)
    try:
        with server.connect(scratch.clone()) as connection:
            definition = read_catalog(connection).table(table)
    finally:
        scratch.drop_all()
    names = definition.primary_key or (definition.columns[0].name,)
    if sort == "a foreign key" and not definition.primary_key:
        pytest.skip("no key to refer to")
    words = {
        "table": qualified(table),
        "columns": ", ".join(map(identifier, names)),
        "first": identifier(names[0]),
        "column": identifier(definition.columns[-1].name),
        "function": FUNCTION,
        "trigger": TRIGGER.format(table=qualified(table)),
    }
    return ADDED[sort].format(**words) + ";"
