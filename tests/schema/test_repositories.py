"""Repositories of all tables of the five systems: every method takes a drawn row, as the role it is made for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from harness import declarations
from harness.catalog import read
from harness.kinds import KINDS
from harness.kinds.base import Subject
from harness.project.load import load
from harness.project.model import TableName
from harness.scratch.workspaces import Workspace, workspace
from harness.server.connection import Server
from harness.types.agreement.proof import Proof
from tests.cli.conftest import ROOT

from .repositories import GeneratedPackage, TriedMethods

PROJECT = load(ROOT)
PACKAGES = [
    GeneratedPackage(each.path.rpartition("/")[2], each.role or "", each.schemas)
    for each in PROJECT.types
    if each.repository
]
ROWS = 80
"""Rows that are drawn for each table, variants of a few among them."""
Subjects = Callable[[tuple[str, ...]], list[Subject]]
DENIED, UNSEEN = ("42501", 403), ("P0002", 404)


@pytest.fixture(scope="module")
def space(server: Server) -> Iterator[Workspace]:
    with workspace(server, PROJECT, PROJECT.modules) as found:
        yield found


@pytest.fixture(scope="module")
def subjects(space: Workspace) -> Iterator[Subjects]:
    """What rows are drawn for, of each table of some schemas."""
    with space.connect(space.clone()) as connection:
        tables = [*read(connection).tables]
    with Proof(PROJECT, space, declarations.read(PROJECT, KINDS), ROWS, seed=1) as proof:
        yield lambda schemas: [proof.subject(each) for each in tables if each.schema in schemas]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda each: each.role)
def test_a_drawn_row_goes_through_every_method(package: GeneratedPackage, subjects: Subjects, space: Workspace) -> None:
    missing = {}
    with space.connect(space.clone()) as connection:
        connection.execute("delete from clinic.availability where end_time = '24:00'")  # Python has no such time
        for subject in subjects(package.schemas):
            own = TriedMethods(package, subject, connection)
            own.try_all()
            missing[subject.name] = own.missing
    assert len(missing) > 10 and {table: names for table, names in missing.items() if names} == {}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda each: each.role)
def test_who_lacks_the_privilege_is_refused_everywhere(
    package: GeneratedPackage, subjects: Subjects, space: Workspace
) -> None:
    with space.connect(space.clone()) as connection:
        for subject in subjects(package.schemas):
            found = TriedMethods(package, subject, connection).refused_to("anon")
            assert {*found.values()} == {DENIED}, (subject.name, found)


def test_new_rows_of_nobody_are_refused_by_policies(subjects: Subjects, space: Workspace) -> None:
    (package,) = (each for each in PACKAGES if each.role == "authenticated")
    tried = 0
    with space.connect(space.clone()) as connection:
        for subject in subjects(package.schemas):
            found = TriedMethods(package, subject, connection).refused_to(package.role, ("create", "create_many"))
            # Before the policy asks, a trigger misses the plan, which this one cannot see.
            expected = UNSEEN if subject.name == TableName("weeksmith", "plan_item") else DENIED
            assert found in ({}, {"create": expected, "create_many": expected}), (subject.name, found)
            tried += bool(found)
    assert tried > 10
