"""The repositories of ``absence`` at work: under row level security, as tenants and the platform admin, in races."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from constraint_harness_authenticated import PrivilegeRefusal, absence_async_repository, absence_repository, refusals
from constraint_harness_authenticated.absence import (
    MILESTONE_ACTION_MAP,
    CommunicationLogsInsert,
    MilestoneActionsInsert,
    MilestoneActionsUpdate,
    SicknessCasesInsert,
)
from psycopg.conninfo import make_conninfo

from harness.project.load import load
from harness.scratch.workspaces import Workspace, workspace
from harness.server.connection import Server
from tests.cli.conftest import ROOT

PROJECT = load(ROOT)
MODULES = tuple(each for each in PROJECT.modules if each.name in ("platform", "absence"))
NORDWIND, HARBOUR = (UUID(f"a0500000-0000-4000-8000-00000000000{each}") for each in (1, 2))
ADA = UUID("0f0c6d4e-6c1b-4b0e-9a65-0f6e1f2f7a01")
MARGARET = UUID("a0550000-0000-4000-8000-000000000002")
FIRST_DAY = dt.date(2026, 3, 2)
TOGETHER = 10
"""Seconds that two sessions wait for one another at most."""


class Tenants:
    """A database with the seeds, which one connects to as somebody."""

    def __init__(self, space: Workspace, database: str) -> None:
        self._space, self.database = space, database
        self.case = self._new_case()

    def _new_case(self) -> UUID:
        with self.asking(NORDWIND) as connection:
            cases = absence_repository.SicknessCasesRepository(connection)
            new = SicknessCasesInsert(
                organisation_id=NORDWIND, employee_id=MARGARET, reported_by=ADA, absence_start_date=FIRST_DAY
            )
            return cases.create(new).id

    @contextmanager
    def asking(self, organisation: UUID | None, *, admin: bool = False) -> Iterator[psycopg.Connection[Any]]:
        """Connects as ``authenticated`` of an organisation, or as the platform admin; ends with COMMIT."""
        with self._space.connect(self.database) as connection:
            connection.autocommit = False
            for statement in settings(organisation, admin=admin):
                connection.execute(statement.encode())
            connection.commit()
            yield connection
            connection.commit()


def settings(organisation: UUID | None, *, admin: bool = False) -> list[str]:
    """The statements by which a session says who asks."""
    return [
        f"set app.current_organisation_id = '{organisation or ''}'",
        f"set app.is_platform_admin = '{'true' if admin else 'false'}'",
        "set role authenticated",
    ]


@pytest.fixture(scope="module")
def space(server: Server) -> Iterator[Workspace]:
    with workspace(server, PROJECT, MODULES) as found:
        yield found


@pytest.fixture
def tenants(space: Workspace) -> Tenants:
    return Tenants(space, space.clone())


def actions(connection: psycopg.Connection[Any]) -> absence_repository.MilestoneActionsRepository:
    return absence_repository.MilestoneActionsRepository(connection)


def logs(connection: psycopg.Connection[Any]) -> absence_repository.CommunicationLogsRepository:
    return absence_repository.CommunicationLogsRepository(connection)


def entry(case: UUID, organisation: UUID = NORDWIND) -> CommunicationLogsInsert:
    return CommunicationLogsInsert(
        organisation_id=organisation,
        sickness_case_id=case,
        author_id=ADA,
        contact_date=FIRST_DAY,
        contact_type="PHONE_CALL",
        notes="Called in.",
    )


def action(case: UUID, key: str = "DAY_1", organisation: UUID = NORDWIND) -> MilestoneActionsInsert:
    of = next(each for each in MILESTONE_ACTION_MAP.values() if each.milestone_key == key)
    return MilestoneActionsInsert(
        organisation_id=organisation,
        sickness_case_id=case,
        milestone_key=key,
        action_type=of.action_type,
        due_date=FIRST_DAY + dt.timedelta(days=of.day_offset),
    )


def test_creating_in_bulk_twice_is_creating_once(tenants: Tenants) -> None:
    with tenants.asking(NORDWIND) as connection:
        repository = actions(connection)
        created = repository.create_milestone_actions(tenants.case)
        assert {each.milestone_key for each in created} <= {*MILESTONE_ACTION_MAP}
        assert len(created) >= len(MILESTONE_ACTION_MAP) - 1  # Nordwind has switched one off
        assert repository.create_milestone_actions(tenants.case) == []
        listed = repository.case_milestone_actions(tenants.case)
        assert [each.id for each in listed] == [
            each.id for each in sorted(created, key=lambda one: (one.due_date, one.milestone_key))
        ]
        assert all(each.label and each.employee_name == "Margaret Hamilton" for each in listed)


def test_one_by_one_and_many_in_one_statement(tenants: Tenants) -> None:
    with tenants.asking(NORDWIND) as connection:
        repository = actions(connection)
        one = repository.create(action(tenants.case))
        assert (one.status, one.completed_at, one.notes) == ("PENDING", None, None)
        assert repository.find(one.id) == one
        assert repository.find_by_sickness_case_id_and_milestone_key(tenants.case, "DAY_1") == one
        two, three = repository.create_many([action(tenants.case, "DAY_3"), action(tenants.case, "DAY_7")])
        assert repository.find_by_sickness_case_id(tenants.case) == sorted([one, two, three], key=lambda each: each.id)
        with pytest.raises(refusals.UqMilestoneActionsCaseKey) as refused:
            repository.create(action(tenants.case))
        assert (refused.value.table, refused.value.constraint, refused.value.sqlstate, refused.value.status) == (
            "absence.milestone_actions",
            "uq_milestone_actions_case_key",
            "23505",
            409,
        )
        connection.rollback()


def test_complete_and_skip(tenants: Tenants) -> None:
    with tenants.asking(NORDWIND) as connection:
        repository = actions(connection)
        one, two = repository.create_many([action(tenants.case), action(tenants.case, "DAY_3")])
        (completed,) = repository.complete_milestone_action(one.id, ADA, "Told.")
        assert (completed.status, completed.completed_by, completed.notes) == ("COMPLETED", ADA, "Told.")
        connection.commit()
        for close in (repository.complete_milestone_action, repository.skip_milestone_action):
            with pytest.raises(refusals.MilestoneActionsTransition) as error:
                close(one.id, p_notes="Once more.")
            assert (error.value.sqlstate, error.value.status) == ("AB001", 409)
            connection.rollback()
        for blank in (None, "", " \n"):
            with pytest.raises(refusals.ChkMilestoneActionsSkipNotes) as unsaid:
                repository.skip_milestone_action(two.id, blank)
            assert unsaid.value.status == 422
            connection.rollback()
        (skipped,) = repository.skip_milestone_action(two.id, "Not asked for.", ADA)
        assert (skipped.status, skipped.completed_at) == ("SKIPPED", None)


def test_overdue_begins_the_day_after(tenants: Tenants) -> None:
    with tenants.asking(NORDWIND) as connection:
        repository = actions(connection)
        one = repository.create(action(tenants.case))
        due = one.due_date

        def own(found: list[Any]) -> list[UUID]:
            return [each.id for each in found if each.sickness_case_id == tenants.case]

        assert own(repository.overdue_milestone_actions(due)) == []
        assert own(repository.overdue_milestone_actions(due + dt.timedelta(days=1))) == [one.id]
        assert own(repository.mark_overdue_milestone_actions(due)) == []
        assert own(repository.mark_overdue_milestone_actions(due + dt.timedelta(days=1))) == [one.id]
        assert own(repository.overdue_milestone_actions(due)) == [one.id]
        assert one.id in [each.id for each in repository.find_by_organisation_id_and_status(NORDWIND, "OVERDUE")]


def test_counts_by_organisation_and_status(tenants: Tenants) -> None:
    with tenants.asking(NORDWIND) as connection:
        before = {each.status: each.actions or 0 for each in actions(connection).milestone_action_counts()}
        created = actions(connection).create_milestone_actions(tenants.case)
        after = {each.status: each.actions or 0 for each in actions(connection).milestone_action_counts()}
        assert after["PENDING"] - before.get("PENDING", 0) == len(created)
        assert {each.organisation_id for each in actions(connection).milestone_action_counts()} == {NORDWIND}


def test_the_log_with_its_authors(tenants: Tenants) -> None:
    with tenants.asking(NORDWIND) as connection:
        repository = logs(connection)
        one = repository.create(entry(tenants.case))
        (listed,) = repository.case_communication_log(tenants.case)
        assert (listed.id, listed.author_name, listed.author_email) == (one.id, "Ada Lovelace", "ada@example.org")
        assert repository.case_communication_log_count(tenants.case) == 1
        assert repository.find_by_author_id(ADA)[-1].author_id == ADA
        assert one.id in [each.id for each in repository.communication_log_list()]


def test_another_tenant_sees_and_writes_nothing(tenants: Tenants) -> None:
    with tenants.asking(NORDWIND) as connection:
        one, said = actions(connection).create(action(tenants.case)), logs(connection).create(entry(tenants.case))
    with tenants.asking(HARBOUR) as connection:
        assert actions(connection).find(one.id) is None and logs(connection).find(said.id) is None
        assert actions(connection).update(one.id, MilestoneActionsUpdate(notes="x")) is None
        assert actions(connection).complete_milestone_action(one.id) == []
        assert logs(connection).case_communication_log(tenants.case) == []
        for write in (
            lambda: actions(connection).create(action(tenants.case, "DAY_3")),
            lambda: logs(connection).create_many([entry(tenants.case)]),
        ):
            with pytest.raises(PrivilegeRefusal) as refused:
                write()
            assert (refused.value.sqlstate, refused.value.status) == ("42501", 403)
            connection.rollback()
        # A row of its own that points at the other's case: the key that both refer to is of one organisation.
        with pytest.raises(refusals.FkMilestoneActionsCase):
            actions(connection).create(action(tenants.case, "DAY_3", organisation=HARBOUR))
        connection.rollback()
    with tenants.asking(NORDWIND) as connection:
        found = actions(connection).find(one.id)
        assert found is not None and (found.status, found.notes) == ("PENDING", None)


def test_the_platform_admin_sees_all(tenants: Tenants) -> None:
    with tenants.asking(NORDWIND) as connection:
        one = actions(connection).create(action(tenants.case))
    with tenants.asking(None, admin=True) as connection:
        assert actions(connection).find(one.id) == one
        assert {each.organisation_id for each in actions(connection).milestone_action_counts()} >= {NORDWIND}
        assert actions(connection).update(one.id, MilestoneActionsUpdate(notes="Seen.")) is not None


def test_two_sessions_create_at_once(tenants: Tenants) -> None:
    def create(_: int) -> int:
        with tenants.asking(NORDWIND) as connection:
            return len(actions(connection).create_milestone_actions(tenants.case))

    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(create, range(2), timeout=TOGETHER)
    with tenants.asking(NORDWIND) as connection:
        assert first + second == len(actions(connection).find_by_sickness_case_id(tenants.case)) > 0


def test_two_sessions_close_one_action(tenants: Tenants) -> None:
    with tenants.asking(NORDWIND) as connection:
        one = actions(connection).create(action(tenants.case))

    def close(name: str) -> str:
        with tenants.asking(NORDWIND) as connection:
            try:
                (closed,) = (
                    actions(connection).complete_milestone_action(one.id)
                    if name == "complete"
                    else actions(connection).skip_milestone_action(one.id, "Not asked for.")
                )
            except refusals.MilestoneActionsTransition:
                connection.rollback()
                return "refused"
            return closed.status

    with ThreadPoolExecutor(2) as threads:
        outcomes = sorted(threads.map(close, ("complete", "skip"), timeout=TOGETHER))
    assert outcomes[1] == "refused" and outcomes[0] in ("COMPLETED", "SKIPPED")


def test_the_same_over_an_asynchronous_connection(tenants: Tenants, server: Server) -> None:
    async def work() -> None:
        with server.connect(tenants.database) as connection:
            given = connection.info.get_parameters() | {"password": connection.info.password}
        async with await psycopg.AsyncConnection.connect(make_conninfo("", **given)) as connection:
            for statement in settings(NORDWIND):
                await connection.execute(statement.encode())
            repository = absence_async_repository.AsyncAbsenceRepositories(connection)
            one = await repository.milestone_actions.create(action(tenants.case))
            assert await repository.milestone_actions.find(one.id) == one
            changed = await repository.milestone_actions.update(one.id, MilestoneActionsUpdate(notes="Seen."))
            assert changed is not None and changed.notes == "Seen."
            assert await repository.communication_logs.case_communication_log_count(tenants.case) == 0
            assert await repository.is_platform_admin() is False
            with pytest.raises(refusals.UqMilestoneActionsCaseKey):
                await repository.milestone_actions.create_many([action(tenants.case)])
            await connection.rollback()

    asyncio.run(work())


def test_what_nobody_may_do_is_not_there() -> None:
    assert not {"update", "delete"} & {*dir(absence_repository.CommunicationLogsRepository)}
    assert not {name for name in dir(absence_repository.CommunicationLogsRepository) if name.startswith("upsert")}
    assert not hasattr(absence_repository.MilestoneActionsRepository, "delete")
    assert not {"create", "update", "delete"} & {*dir(absence_repository.AuditLogRepository)}
    assert not {"create", "update", "delete"} & {*dir(absence_repository.MilestoneKeysRepository)}
    for name, own in vars(absence_repository).items():
        if name.endswith("Repository") and name != "Repository":
            assert {*vars(getattr(absence_async_repository, f"Async{name}"))} == {*vars(own)}, name
