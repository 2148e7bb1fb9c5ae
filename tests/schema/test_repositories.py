"""Repositories of all tables of the five systems: every method takes a drawn row, as the role it is made for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness import declarations
from harness.catalog.canonical import Canonical
from harness.kinds import KINDS
from harness.kinds.base import Kind, Subject
from harness.probes import TimeLimits
from harness.project.load import load
from harness.project.model import TableName
from harness.proving.prover_database import ProverDatabase
from harness.scratch.workspaces import Workspace, workspace
from harness.server.connection import Server
from tests.cli.conftest import ROOT

from .repositories import GeneratedPackage, TriedMethods

PROJECT = load(ROOT)
PACKAGES = [
    GeneratedPackage(each.path.rpartition("/")[2], each.role or "", each.schemas)
    for each in PROJECT.types
    if each.repository
]
MILLISECONDS = 60_000
DENIED, UNSEEN = ("42501", 403), ("P0002", 404)


class DrawnTables:
    """The tables of the systems, of which rows can be drawn."""

    def __init__(self, space: Workspace) -> None:
        checks = declarations.read(PROJECT, KINDS)
        self._space, self._database = space, ProverDatabase(PROJECT, space, checks, TimeLimits(MILLISECONDS))
        self._rules: dict[TableName, list[Kind]] = {}
        for check in checks:
            if check.table is not None:
                self._rules.setdefault(check.table, []).append(check.rule)

    def of(self, schemas: tuple[str, ...]) -> list[TableName]:
        """The tables of some schemas."""
        return [each for each in self._database.catalog.tables if each.schema in schemas]

    def subject(self, table: TableName) -> Subject:
        """What rows of a table are drawn for."""
        database = self._database
        return Subject(
            module=table.schema,
            name=table,
            project=PROJECT,
            catalog=database.catalog,
            pools=database.rules.pools,
            canonical=Canonical(database.connection),
            roles=database.roles,
            databases=self._space,
            filled=database.filled,
            declared=self._rules,
            variety=4,
        )

    def close(self) -> None:
        """Closes the database that rows are drawn in."""
        self._database.close()


@pytest.fixture(scope="module")
def space(server: Server) -> Iterator[Workspace]:
    with workspace(server, PROJECT, PROJECT.modules) as found:
        yield found


@pytest.fixture(scope="module")
def tables(space: Workspace) -> Iterator[DrawnTables]:
    found = DrawnTables(space)
    yield found
    found.close()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda each: each.role)
def test_a_drawn_row_goes_through_every_method(
    package: GeneratedPackage, tables: DrawnTables, space: Workspace
) -> None:
    missing, tried = dict[str, list[str]](), 0
    with space.connect(space.clone()) as connection:
        connection.execute("delete from clinic.availability where end_time = '24:00'")  # Python has no such time
        for table in tables.of(package.schemas):
            if package.repository(table) is not None:
                own = TriedMethods(package, tables.subject(table), connection)
                own.try_all()
                missing |= {str(table): own.missing} if own.missing else {}
                tried += 1
    assert missing == {}
    assert tried == len(tables.of(package.schemas)), "a table has no repository"


@pytest.mark.parametrize("package", PACKAGES, ids=lambda each: each.role)
def test_who_lacks_the_privilege_is_refused_everywhere(
    package: GeneratedPackage, tables: DrawnTables, space: Workspace
) -> None:
    with space.connect(space.clone()) as connection:
        for table in tables.of(package.schemas):
            found = TriedMethods(package, tables.subject(table), connection).refused_to("anon")
            assert {*found.values()} == {DENIED}, (table, found)


def test_new_rows_of_nobody_are_refused_by_policies(tables: DrawnTables, space: Workspace) -> None:
    (package,) = (each for each in PACKAGES if each.role == "authenticated")
    with space.connect(space.clone()) as connection:
        for table in tables.of(package.schemas):
            tried = TriedMethods(package, tables.subject(table), connection)
            found = tried.refused_to(package.role, ("create", "create_many"))
            # Before the policy asks, a trigger misses the plan, which this one cannot see.
            expected = UNSEEN if table == TableName("weeksmith", "plan_item") else DENIED
            assert {*found.values()} <= {expected}, (table, found)
