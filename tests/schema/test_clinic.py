"""``clinic`` by hand: each rule with what it refuses and what it lets pass, and who may do what with which rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import psycopg
import pytest

from harness.catalog.inventory import DatabaseObject, differences, inventory

from .conftest import Fresh
from .support import (
    ADA,
    GRACE,
    NOBODY,
    SERVERS,
    Connection,
    accepted,
    acting,
    meeting,
    migrations,
    refused,
    refused_with,
    standing,
    undone,
    user,
    value,
)

FILES = migrations("platform", "clinic")
TABLES = [
    "patients",
    "conversations",
    "messages",
    "appointments",
    "availability",
    "blocked_times",
    "webhook_idempotency",
    "audit_logs",
]


def one(number: int | str) -> str:
    return f"{str(number).rjust(8, '0')}-0000-4000-8000-000000000000"


EVE, BOB = one("e"), one("b")  # patients: Eve of Ada's, Bob of Grace's, and one of nobody's
TALK, HERS = one(1), one(2)
ROWS = f"""
insert into auth.users (id, email) values ('{ADA}', 'ada@example.org'), ('{GRACE}', 'grace@example.org');
insert into clinic.patients (id, name, phone) values
('{EVE}', 'Eve', '+49 1'), ('{BOB}', 'Bob', '+49 2'), ('{one(9)}', 'Zoe', '0');
insert into clinic.conversations (id, doctor_id, patient_id, platform, platform_conversation_id) values
('{TALK}', '{ADA}', '{EVE}', 'whatsapp', 'w1'), ('{HERS}', '{GRACE}', '{BOB}', 'whatsapp', 'w1');
insert into clinic.messages (conversation_id, platform_message_id, sender_type, content) values
('{TALK}', 'm1', 'patient', 'Hello'), ('{TALK}', 'm2', 'system', 'Hello'), ('{HERS}', 'm1', 'patient', 'Hi');
insert into clinic.appointments (doctor_id, patient_name, patient_phone, appointment_date) values
('{ADA}', 'Eve', '+49 1', '2025-10-01 10:00+02'), ('{GRACE}', 'Bob', '+49 2', '2025-10-01 10:00+02');
insert into clinic.availability (id, doctor_id, day_of_week, start_time, end_time) values
('{one("a1")}', '{ADA}', 1, '09:00', '12:00'), ('{one("a2")}', '{GRACE}', 1, '09:00', '12:00');
insert into clinic.blocked_times (id, doctor_id, start_time, end_time) values
('{one("c1")}', '{ADA}', '2025-12-24 00:00+01', '2025-12-27 00:00+01'),
('{one("c2")}', '{GRACE}', '2025-12-24 00:00+01', '2025-12-27 00:00+01');
insert into clinic.webhook_idempotency (event_id, provider, correlation_id) values ('e1', 'whatsapp', 'c1');
insert into clinic.audit_logs (id, correlation_id, user_id, action, resource_type, status, metadata) values
('{one("d1")}', 'c1', '{ADA}', 'appointment.confirm', 'appointment', 'success', '{{"changed": ["status"]}}'),
('{one("d2")}', 'c2', '{GRACE}', 'appointment.confirm', 'appointment', 'success', null),
('{one("d3")}', 'c3', null, 'webhook', 'message', 'failure', null);
"""


@pytest.fixture(scope="module", params=SERVERS)
def clinic(request: pytest.FixtureRequest) -> Iterator[Fresh]:
    """A database with the module and the rows above; its tests undo what they do, or clone it."""
    server, ordinary = request.param
    with standing(request.getfixturevalue(server), ordinary, FILES) as fresh:
        with fresh.connect() as connection:
            connection.execute(ROWS.encode())
        yield fresh


@pytest.fixture
def owner(clinic: Fresh) -> Iterator[Connection]:
    with undone(clinic) as connection:
        yield connection


@pytest.fixture
def twin(clinic: Fresh) -> Iterator[Fresh]:
    """The same, to commit in."""
    with standing(clinic.server, clinic.owner is not None, (), template=clinic.name) as fresh:
        yield fresh


# ---------------------------------------------------------------------------------------------- rows and columns

CHECKS: list[tuple[str, str, Sequence[object], str]] = [
    ("conversations", "platform = 'telegram'", ["facebook", "instagram", "whatsapp"], "conversations_platform_known"),
    ("conversations", "status = 'open'", ["active", "archived", "closed"], "conversations_status_known"),
    ("messages", "sender_type = 'bot'", ["patient", "doctor", "system"], "messages_sender_type_known"),
    (
        "appointments",
        "status = 'done'",
        ["pending", "confirmed", "cancelled", "completed"],
        "appointments_status_known",
    ),
    ("availability", "day_of_week = -1", [0], "availability_day_of_week_range"),
    ("availability", "day_of_week = 7", [6], "availability_day_of_week_range"),
    ("availability", "end_time = start_time", [], "availability_time_range"),
    ("availability", "end_time = '08:59:59.999999'", ["09:00:00.000001", "24:00"], "availability_time_range"),
    ("blocked_times", "end_time = start_time", ["infinity"], "blocked_times_time_range"),
    ("blocked_times", "end_time = '-infinity'", [], "blocked_times_time_range"),
    ("webhook_idempotency", "provider = 'telegram'", ["facebook", "instagram"], "webhook_idempotency_provider_known"),
    ("webhook_idempotency", "status = 'done'", ["failed"], "webhook_idempotency_status_known"),
    ("webhook_idempotency", "status = 'processed'", [], "webhook_idempotency_when_processed"),
    ("webhook_idempotency", "processed_at = now()", [], "webhook_idempotency_when_processed"),
    ("webhook_idempotency", "retry_count = -1", [0, 7], "webhook_idempotency_retry_count_not_negative"),
]
ENTRY = (
    "insert into clinic.audit_logs (correlation_id, action, resource_type, status, metadata) values ('c', 'a', 'r', "
)
INSERTED = [
    ("'ok', null", "'success', null", "audit_logs_status_known"),
    ("'success', '[]'", "'failure', '{}'", "audit_logs_metadata_object"),
    ("'success', 'null'", "'failure', null", "audit_logs_metadata_object"),
    (
        """'success', '{"notes": "x"}'""",
        """'success', '{"changed": ["notes"]}'""",
        "audit_logs_metadata_ids_and_fields",
    ),
]


def test_every_check_refuses_what_it_must_and_nothing_else(owner: Connection) -> None:
    for table, bad, good, constraint in CHECKS:
        refused(owner, f"update clinic.{table} set {bad}", "23514", constraint)
        for entry in good:
            accepted(owner, f"update clinic.{table} set {bad.split(' ')[0]} = '{entry}'")
    for bad, right, constraint in INSERTED:
        refused(owner, f"{ENTRY}{bad})", "23514", constraint)
        accepted(owner, f"{ENTRY}{right})", 1)
    accepted(owner, "update clinic.webhook_idempotency set status = 'processed', processed_at = now()", 1)


def test_the_list_of_checks_is_complete(owner: Connection) -> None:
    names = "select conname::text from pg_constraint where contype = 'c' and connamespace = 'clinic'::regnamespace"
    assert {row[0] for row in owner.execute(names.encode())} == {entry[-1] for entry in (*CHECKS, *INSERTED)}


CONTRACT = {
    "patients": "id! name! phone! date_of_birth gender created_at! updated_at!",
    "conversations": "id! doctor_id! patient_id! platform! platform_conversation_id! status! created_at! updated_at!",
    "messages": "id! conversation_id! platform_message_id! sender_type! content! intent created_at!",
    "appointments": "id! doctor_id! patient_name! patient_phone! appointment_date! status! notes created_at!"
    " updated_at!",
    "availability": "id! doctor_id! day_of_week! start_time! end_time! is_available! created_at! updated_at!",
    "blocked_times": "id! doctor_id! start_time! end_time! reason created_at!",
    "webhook_idempotency": "event_id! provider! received_at! status! processed_at correlation_id! error_message"
    " retry_count!",
    "audit_logs": "id! correlation_id! user_id action! resource_type! resource_id status! error_message metadata"
    " created_at!",
}


def test_columns_are_those_of_the_page(owner: Connection) -> None:
    query = (
        "select c.relname, string_agg(a.attname || case when a.attnotnull then '!' else '' end, ' ' order by a.attnum)"
        " from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0"
        " where c.relnamespace = 'clinic'::regnamespace and c.relkind = 'r' group by 1"
    )
    assert dict(owner.execute(query.encode()).fetchall()) == CONTRACT
    times = "select format_type(atttypid, atttypmod) from pg_attribute where attrelid = %s::regclass and attname = %s"
    for table, column, type_ in (
        ("appointments", "appointment_date", "timestamp with time zone"),
        ("availability", "start_time", "time without time zone"),
        ("blocked_times", "start_time", "timestamp with time zone"),
        ("webhook_idempotency", "event_id", "text"),
        ("audit_logs", "resource_id", "uuid"),
    ):
        assert owner.execute(times, (f"clinic.{table}", column)).fetchone() == (type_,)


def test_what_a_row_is_when_nothing_is_said(owner: Connection) -> None:
    defaults = {
        ("conversations", "status"): "active",
        ("appointments", "status"): "pending",
        ("availability", "is_available"): True,
        ("webhook_idempotency", "status"): "pending",
        ("webhook_idempotency", "retry_count"): 0,
        ("webhook_idempotency", "received_at is null"): False,
        ("messages", "created_at is null"): False,
    }
    for (table, column), expected in defaults.items():
        assert value(owner, f"select distinct {column} from clinic.{table}") == expected, (table, column)


TALKS = "insert into clinic.conversations (doctor_id, patient_id, platform, platform_conversation_id) values"
SAYS = "insert into clinic.messages (conversation_id, platform_message_id, sender_type, content) values"


def test_one_row_for_each_key(owner: Connection) -> None:
    refused(owner, f"{TALKS} ('{ADA}', '{BOB}', 'whatsapp', 'w1')", "23505", "conversations_unique_on_platform")
    for near in (f"'{ADA}', '{EVE}', 'whatsapp', 'w2'", f"'{ADA}', '{EVE}', 'instagram', 'w1'"):
        accepted(owner, f"{TALKS} ({near})", 1)
    refused(owner, f"{SAYS} ('{TALK}', 'm1', 'doctor', 'x')", "23505", "messages_unique_in_conversation")
    accepted(owner, f"{SAYS} ('{TALK}', 'm3', 'doctor', 'x'), ('{HERS}', 'm2', 'doctor', 'x')", 2)
    again = (
        "insert into clinic.webhook_idempotency (event_id, provider, correlation_id) values ('e1', 'facebook', 'c9')"
    )
    refused(owner, again, "23505", "webhook_idempotency_pkey")
    accepted(owner, f"{again} on conflict do nothing", 0)


FOREIGN = [
    ("conversations", "doctor_id", "conversations_doctor_fkey"),
    ("conversations", "patient_id", "conversations_patient_fkey"),
    ("messages", "conversation_id", "messages_conversation_fkey"),
    ("appointments", "doctor_id", "appointments_doctor_fkey"),
    ("availability", "doctor_id", "availability_doctor_fkey"),
    ("blocked_times", "doctor_id", "blocked_times_doctor_fkey"),
]


def test_nothing_leads_nowhere(owner: Connection) -> None:
    for table, column, constraint in FOREIGN:
        ghost = (
            f"update clinic.{table} set {column} = '{one('ff')}' where ctid = (select min(ctid) from clinic.{table})"
        )
        refused(owner, ghost, "23503", constraint)
    entry = "insert into clinic.audit_logs (correlation_id, action, resource_type, status, user_id) values"
    refused(owner, f"{entry} ('c', 'a', 'r', 'success', '{one('ff')}')", "23503", "audit_logs_user_fkey")


def test_updated_at_is_the_moment_of_the_write_and_nothing_else(owner: Connection) -> None:
    for table in ("patients", "conversations", "appointments", "availability"):
        for forged in ("default", "null", "'2001-01-01'", "'2999-01-01'", "updated_at"):
            owner.execute(f"update clinic.{table} set updated_at = {forged}".encode())
            now = f"select bool_and(updated_at > now() and updated_at <= clock_timestamp()) from clinic.{table}"
            assert value(owner, now) is True, (table, forged)
    forged = "insert into clinic.patients (name, phone, updated_at) values ('x', 'x', '2001-01-01')"
    assert value(owner, f"{forged} returning updated_at > now()") is True


# ------------------------------------------------------------------------------------------------ no two at once

WINDOW = "insert into clinic.availability (doctor_id, day_of_week, start_time, end_time, is_available) values"
OVERLAPPING = ["'08:00', '09:00:00.000001'", "'11:59:59.999999', '24:00'", "'10:00', '11:00'", "'00:00', '24:00'"]
TOUCHING = ["'08:00', '09:00'", "'12:00', '24:00'"]


def test_available_windows_do_not_overlap(owner: Connection) -> None:
    for times in OVERLAPPING:
        refused(owner, f"{WINDOW} ('{ADA}', 1, {times}, true)", "23P01", "availability_no_overlap")
        accepted(owner, f"{WINDOW} ('{ADA}', 1, {times}, false)", 1)
        accepted(owner, f"{WINDOW} ('{ADA}', 2, {times}, true)", 1)
        stretched = f"update clinic.availability set (start_time, end_time) = ({times})"
        owner.execute("savepoint wide")
        owner.execute(f"{WINDOW} ('{ADA}', 3, '09:00', '12:00', true)".encode())
        owner.execute(f"{WINDOW} ('{ADA}', 3, '00:00', '09:00', false)".encode())
        refused(
            owner,
            f"{stretched}, day_of_week = 1 where day_of_week = 3 and is_available",
            "23P01",
            "availability_no_overlap",
        )
        owner.execute("rollback to wide")
    for times in TOUCHING:
        accepted(owner, f"{WINDOW} ('{ADA}', 1, {times}, true)", 1)


def test_the_same_window_twice_is_the_key_s_to_refuse(owner: Connection) -> None:
    for is_available in ("true", "false"):
        twice = f"{WINDOW} ('{ADA}', 1, '09:00', '12:00', {is_available})"
        refused(owner, twice, "23505", "availability_unique_window")


def test_a_window_that_becomes_available_must_not_overlap(owner: Connection) -> None:
    owner.execute(f"{WINDOW} ('{ADA}', 1, '10:00', '11:00', false)".encode())
    refused(owner, "update clinic.availability set is_available = true", "23P01", "availability_no_overlap")
    adopted = f"update clinic.availability set doctor_id = '{ADA}', start_time = '09:30' where doctor_id = '{GRACE}'"
    refused(owner, adopted, "23P01", "availability_no_overlap")


BLOCK = "insert into clinic.blocked_times (doctor_id, start_time, end_time) values"


def test_blocks_do_not_overlap(owner: Connection) -> None:
    for times in (
        "'2025-12-23', '2025-12-24 00:00:00.000001+01'",
        "'2025-12-26 23:59:59.999999+01', '2026-01-01'",
        "'2025-12-25', '2025-12-26'",
        "'-infinity', 'infinity'",
    ):
        refused(owner, f"{BLOCK} ('{ADA}', {times})", "23P01", "blocked_times_no_overlap")
    for times in ("'2025-12-23', '2025-12-24 00:00+01'", "'2025-12-27 00:00+01', 'infinity'"):
        accepted(owner, f"{BLOCK} ('{ADA}', {times})", 1)
        accepted(owner, f"{BLOCK} ('{GRACE}', {times})", 1)
    refused(owner, f"update clinic.blocked_times set doctor_id = '{ADA}'", "23P01", "blocked_times_no_overlap")


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [
        (
            f"{WINDOW} ('{ADA}', 5, '09:00', '12:00', true)",
            f"{WINDOW} ('{ADA}', 5, '11:00', '13:00', true)",
            "availability_no_overlap",
        ),
        (
            f"{BLOCK} ('{ADA}', '2026-01-01', '2026-01-03')",
            f"{BLOCK} ('{ADA}', '2026-01-02', '2026-01-04')",
            "blocked_times_no_overlap",
        ),
    ],
    ids=["availability", "blocked_times"],
)
def test_two_at_once_do_not_overlap_either(twin: Fresh, first: str, second: str, name: str) -> None:
    for isolation in ("read committed", "repeatable read"):
        with meeting(twin, isolation) as two:
            two.b.execute(b"select from clinic.availability")
            two.a.execute(first.encode())
            running = two.start(second)
            two.a.rollback()
            assert running.result(10) == 1
        with meeting(twin, isolation) as two:
            two.b.execute(b"select from clinic.availability")
            two.a.execute(first.encode())
            running = two.start(second)
            two.a.commit()
            refused_with(running, "23P01", name)
            two.a.execute(b"delete from clinic.availability where day_of_week = 5")
            two.a.execute(b"delete from clinic.blocked_times where start_time >= '2026-01-01'")
            two.a.commit()


# ------------------------------------------------------------------------------------------ deletes from above


def test_a_patient_takes_their_conversations_with_them(owner: Connection) -> None:
    assert owner.execute(f"delete from clinic.patients where id = '{EVE}'".encode()).rowcount == 1
    assert value(owner, "select string_agg(id::text, ',') from clinic.conversations") == HERS
    assert value(owner, "select string_agg(conversation_id::text, ',') from clinic.messages") == HERS
    assert value(owner, "select count(*) from clinic.appointments") == 2


KEYS = [
    ("conversations", "doctor_id", "cascade"),
    ("appointments", "doctor_id", "cascade"),
    ("availability", "doctor_id", "cascade"),
    ("blocked_times", "doctor_id", "cascade"),
    ("audit_logs", "user_id", "set null"),
]


@pytest.mark.parametrize("order", ["as made", "reversed"])
@pytest.mark.parametrize("role", ["owner", "service_role"])
def test_a_doctor_takes_all_but_the_audit_with_them(twin: Fresh, order: str, role: str) -> None:
    if order == "reversed":
        with twin.connect() as connection:
            for table, column, action in reversed(KEYS):
                name = f"{table}_{column.removesuffix('_id')}_fkey"
                connection.execute(
                    f"alter table clinic.{table} drop constraint {name}, add constraint {name} foreign key ({column})"
                    f" references auth.users (id) on delete {action}".encode()
                )
    with undone(twin) as connection:
        entries = (
            "select id, correlation_id, action, resource_type, status, metadata::text, created_at"
            " from clinic.audit_logs where correlation_id <> 'many' order by id"
        )
        before = connection.execute(entries.encode()).fetchall()
        # A direct statement first: what the trigger has planned then must not mislead it below.
        by_hand = f"update clinic.audit_logs set user_id = null where user_id = '{GRACE}'"
        refused(connection, by_hand, "P0001", "audit_logs_append_only")
        # Many entries, one of this transaction, one with values that are stored out of line.
        connection.execute(
            f"""insert into clinic.audit_logs (correlation_id, user_id, action, resource_type, status, metadata)
            select 'many', '{ADA}', 'a', 'r', 'success',
            jsonb_build_object('changed', array(
            select translate(md5(i::text), '0123456789', 'ghijklmnop') from generate_series(1, 2000 * n) as i))
            from generate_series(0, 2) as n""".encode()
        )
        delete = f"delete from auth.users where id = '{ADA}'"
        if role == "owner":
            assert connection.execute(delete.encode()).rowcount == 1
        else:
            with acting(connection, role):
                assert connection.execute(delete.encode()).rowcount == 1
        for table, column, _ in KEYS:
            whose = f"select string_agg(distinct {column}::text, ',') from clinic.{table}"
            assert value(connection, whose) == GRACE, table
        assert value(connection, "select string_agg(conversation_id::text, ',') from clinic.messages") == HERS
        assert value(connection, "select count(*) from clinic.patients") == 3
        assert connection.execute(entries.encode()).fetchall() == before
        assert (
            value(
                connection, "select count(*) from clinic.audit_logs where correlation_id = 'many' and user_id is null"
            )
            == 3
        )
        # And a direct statement after a cascade.
        refused(connection, by_hand, "P0001", "audit_logs_append_only")
        assert connection.execute(b"delete from auth.users").rowcount == 1
        assert value(connection, "select count(*) from clinic.audit_logs where user_id is null") == 6


# ----------------------------------------------------------------------------------------------------- the audit

CHANGES = [
    ("update clinic.audit_logs set user_id = null", "audit_logs_append_only"),
    (f"update clinic.audit_logs set user_id = null where user_id = '{ADA}'", "audit_logs_append_only"),
    (f"update clinic.audit_logs set user_id = '{GRACE}' where user_id = '{ADA}'", "audit_logs_append_only"),
    (f"update clinic.audit_logs set user_id = '{ADA}' where user_id is null", "audit_logs_append_only"),
    ("update clinic.audit_logs set status = 'failure' where status = 'success'", "audit_logs_append_only"),
    ("update clinic.audit_logs set metadata = null", "audit_logs_append_only"),
    ("update clinic.audit_logs set id = id", "audit_logs_append_only"),
    ("delete from clinic.audit_logs", "audit_logs_append_only"),
    ("delete from clinic.audit_logs where user_id is null", "audit_logs_append_only"),
    ("truncate clinic.audit_logs", "audit_logs_append_only"),
    ("truncate auth.users cascade", "audit_logs_append_only"),
]


def test_the_audit_only_grows(owner: Connection, clinic: Fresh) -> None:
    for statement, trigger in CHANGES:
        refused(owner, statement, "P0001", trigger)
    upsert = (
        "insert into clinic.audit_logs select * from clinic.audit_logs on conflict (id) do update set user_id = null"
    )
    refused(owner, upsert, "P0001", "audit_logs_append_only")
    with acting(owner, "service_role"):
        accepted(owner, f"{ENTRY}'success', null)", 1)
        for statement, _ in CHANGES:
            refused(owner, statement, "42501")
    for role in ("authenticated", "anon"):
        with acting(owner, role, user(ADA)):
            for statement in (f"{ENTRY}'success', null)", *(statement for statement, _ in CHANGES)):
                refused(owner, statement, "42501")
    if clinic.owner is None:
        owner.execute("set local session_replication_role = replica")
        for statement, trigger in CHANGES:
            refused(owner, statement, "P0001", trigger)


def test_the_guards_of_the_audit_fire_always(owner: Connection) -> None:
    query = "select tgname::text, tgenabled::text from pg_trigger where tgrelid = 'clinic.audit_logs'::regclass"
    found = owner.execute(f"{query} and not tgisinternal".encode()).fetchall()
    assert set(found) == {("audit_logs_append_only", "A"), ("audit_logs_no_truncate", "A")}


def test_a_cascade_is_known_by_the_user_who_is_gone_and_by_nothing_else(owner: Connection) -> None:
    """Not by its depth: what a trigger of somebody else does is refused like what they do by hand."""
    owner.execute(
        f"""
        create function public.meddle() returns trigger language plpgsql as
        $$ begin execute tg_argv[0]; return null; end $$;
        create trigger meddle after update on clinic.patients for each statement
        execute function public.meddle($sql$update clinic.audit_logs set user_id = null where user_id = '{ADA}'$sql$);
        create trigger meddle_too after delete on clinic.patients for each statement
        execute function public.meddle('delete from clinic.audit_logs');
        """.encode()
    )
    refused(owner, "update clinic.patients set name = 'x'", "P0001", "audit_logs_append_only")
    refused(owner, "delete from clinic.patients", "P0001", "audit_logs_append_only")


def test_a_user_who_is_renamed_is_not_gone(owner: Connection) -> None:
    for table in ("conversations", "appointments", "availability", "blocked_times"):
        owner.execute(f"delete from clinic.{table}".encode())
    renamed = f"with r as (update auth.users set id = '{one('ff')}' where id = '{ADA}' returning *)"
    by_hand = f"{renamed} update clinic.audit_logs set user_id = null from r where user_id = '{ADA}'"
    refused(owner, by_hand, "P0001", "audit_logs_append_only")


def test_a_user_who_is_gone_takes_nothing_else_along(owner: Connection) -> None:
    """A trigger that tampers with the entry while the cascade takes the user out of it is refused."""
    owner.execute(
        b"""
        create function public.meddle() returns trigger language plpgsql as
        $$ begin new.action := 'other'; return new; end $$;
        create trigger a_meddle before update on clinic.audit_logs for each row execute function public.meddle();
        """
    )
    refused(owner, f"delete from auth.users where id = '{ADA}'", "P0001", "audit_logs_append_only")


def test_a_user_whose_delete_may_be_rolled_back_is_not_gone(twin: Fresh) -> None:
    with meeting(twin) as two:
        two.a.execute(f"delete from auth.users where id = '{ADA}'".encode())
        running = two.start(f"update clinic.audit_logs set user_id = null where user_id = '{ADA}'")
        two.a.rollback()
        refused_with(running, "P0001", "audit_logs_append_only")
    with meeting(twin) as two:
        two.a.execute(f"delete from auth.users where id = '{ADA}'".encode())
        running = two.start(f"update clinic.audit_logs set user_id = null where user_id = '{ADA}'")
        two.a.commit()
        assert running.result(10) == 0
    with meeting(twin, "repeatable read") as two:
        two.b.execute(b"select from auth.users")
        two.a.execute(f"delete from auth.users where id = '{GRACE}'".encode())
        running = two.start(f"update clinic.audit_logs set user_id = null where user_id = '{GRACE}'")
        two.a.commit()
        refused_with(running, "40001")


# ------------------------------------------------------------------------------------------------------ webhooks

NOW = "2025-11-21 12:00:00+00"
HOOKS = f"""
delete from clinic.webhook_idempotency;
insert into clinic.webhook_idempotency (event_id, provider, correlation_id, status, processed_at, received_at)
select s.status || ' ' || a.age, 'whatsapp', 'c', s.status,
    case when s.status = 'processed' then '{NOW}'::timestamptz end,
    '{NOW}'::timestamptz - a.age::interval
from unnest(array['pending', 'processed', 'failed']) as s (status),
    unnest(
        array['0', '719:59:59', '720:00:00', '720:00:00.000001', '2160:00:00', '2160:00:00.000001', '9999:00:00']
    ) as a (age);
"""
EXPIRED = {
    "processed 720:00:00.000001",
    "processed 2160:00:00",
    "processed 2160:00:00.000001",
    "processed 9999:00:00",
    "failed 2160:00:00.000001",
    "failed 9999:00:00",
}


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
def test_expired_webhooks_are_removed_and_nothing_else(owner: Connection, zone: str) -> None:
    owner.execute(HOOKS.encode())
    owner.execute(f"set local timezone = '{zone}'".encode())
    before = {row[0] for row in owner.execute("select event_id from clinic.webhook_idempotency")}
    others = {table: value(owner, f"select count(*) from clinic.{table}") for table in TABLES}
    with acting(owner, "service_role"):
        call = f"select clinic.remove_expired_webhooks('{NOW}')"
        assert value(owner, call) == len(EXPIRED)
        assert value(owner, call) == 0
        assert value(owner, "select clinic.remove_expired_webhooks(null)") == 0
        assert value(owner, "select clinic.remove_expired_webhooks('-infinity')") == 0
    after = {row[0] for row in owner.execute("select event_id from clinic.webhook_idempotency")}
    assert before - after == EXPIRED
    assert len(before) == 21
    others["webhook_idempotency"] -= len(EXPIRED)
    assert {table: value(owner, f"select count(*) from clinic.{table}") for table in TABLES} == others
    assert value(owner, "select clinic.remove_expired_webhooks('infinity')") == 8
    assert value(owner, "select string_agg(distinct status, ',') from clinic.webhook_idempotency") == "pending"


def test_webhooks_are_the_service_role_s_and_only_the_function_deletes(owner: Connection) -> None:
    hook = "insert into clinic.webhook_idempotency (event_id, provider, correlation_id) values ('e2', 'whatsapp', 'c')"
    statements = [
        hook,
        "update clinic.webhook_idempotency set status = 'failed'",
        "select event_id from clinic.webhook_idempotency",
    ]
    with acting(owner, "service_role"):
        for statement in statements:
            accepted(owner, statement, 1)
        for statement in ("delete from clinic.webhook_idempotency", "truncate clinic.webhook_idempotency"):
            refused(owner, statement, "42501")
    for role in ("authenticated", "anon"):
        with acting(owner, role, user(ADA)):
            for statement in (
                *statements,
                "delete from clinic.webhook_idempotency",
                "select clinic.remove_expired_webhooks()",
            ):
                refused(owner, statement, "42501")


# ------------------------------------------------------------------------------------------------------- who may

OWN = {"appointments": "doctor_id", "availability": "doctor_id", "blocked_times": "doctor_id"}
READ = {"patients": "id", "conversations": "doctor_id", "messages": "conversation_id", "audit_logs": "user_id"}


def whose(identity: str, table: str) -> str:
    return {
        "patients": {ADA: EVE, GRACE: BOB},
        "messages": {ADA: TALK, GRACE: HERS},
    }.get(table, {ADA: ADA, GRACE: GRACE})[identity]


def test_a_doctor_sees_their_own_rows_alone(owner: Connection) -> None:
    for claims in NOBODY:
        with acting(owner, "authenticated", claims):
            for table in (*OWN, *READ):
                assert value(owner, f"select count(*) from clinic.{table}") == 0, (table, claims)
            for table in OWN:
                assert owner.execute(f"update clinic.{table} set id = id".encode()).rowcount == 0
                assert owner.execute(f"delete from clinic.{table}".encode()).rowcount == 0
    for identity in (ADA, GRACE):
        with acting(owner, "authenticated", user(identity)):
            for table, column in (OWN | READ).items():
                found = {str(row[0]) for row in owner.execute(f"select {column} from clinic.{table}".encode())}
                assert found == {whose(identity, table)}, table


def test_an_admin_reads_the_whole_audit_and_nothing_else(owner: Connection) -> None:
    for claims in (user(ADA, role="admin"), {"role": "admin"}, {"role": "admin", "sub": "nobody"}):
        with acting(owner, "authenticated", claims):
            assert value(owner, "select count(*) from clinic.audit_logs") == 3
            for statement, _ in CHANGES:
                refused(owner, statement, "42501")
            for table in ("appointments", "conversations", "messages", "patients"):
                count = f"select count(*) from clinic.{table} where {(OWN | READ)[table]} <> '{whose(ADA, table)}'"
                assert value(owner, count) == 0
    for role in ("Admin", "administrator", "", "service_role"):
        with acting(owner, "authenticated", user(ADA, role=role)):
            assert value(owner, "select count(*) from clinic.audit_logs") == 1


APPOINT = "insert into clinic.appointments (doctor_id, patient_name, patient_phone, appointment_date) values"


def test_a_doctor_writes_their_own_calendar_alone(owner: Connection) -> None:
    with acting(owner, "authenticated", user(ADA)):
        for statement in (
            f"{APPOINT} ('{ADA}', 'Eve', '1', now())",
            f"{WINDOW} ('{ADA}', 2, '09:00', '12:00', true)",
            f"{BLOCK} ('{ADA}', '2026-01-01', '2026-01-02')",
            "update clinic.appointments set status = 'confirmed'",
            "update clinic.availability set is_available = false",
            "update clinic.blocked_times set reason = 'Holiday'",
            "delete from clinic.appointments",
            "delete from clinic.availability",
            "delete from clinic.blocked_times",
        ):
            accepted(owner, statement, 1)
        for statement in (
            f"{APPOINT} ('{GRACE}', 'Eve', '1', now())",
            f"{WINDOW} ('{GRACE}', 2, '09:00', '12:00', true)",
            f"{BLOCK} ('{GRACE}', '2026-01-01', '2026-01-02')",
            f"update clinic.appointments set doctor_id = '{GRACE}'",
            f"update clinic.availability set doctor_id = '{GRACE}'",
            f"update clinic.blocked_times set doctor_id = '{GRACE}'",
        ):
            refused(owner, statement, "42501")
        for table in OWN:
            for statement in (f"update clinic.{table} set doctor_id = '{ADA}'", f"delete from clinic.{table}"):
                assert owner.execute(f"{statement} where doctor_id = '{GRACE}' returning *".encode()).rowcount == 0
        for statement in (
            f"{TALKS} ('{ADA}', '{EVE}', 'whatsapp', 'w9')",
            f"{SAYS} ('{TALK}', 'm9', 'doctor', 'x')",
            "insert into clinic.patients (name, phone) values ('x', 'x')",
            *(f"update clinic.{table} set created_at = now()" for table in ("patients", "conversations", "messages")),
            *(f"delete from clinic.{table}" for table in ("patients", "conversations", "messages")),
            *(f"truncate clinic.{table} cascade" for table in TABLES),
        ):
            refused(owner, statement, "42501")


def test_the_service_role_does_the_rest(owner: Connection) -> None:
    with acting(owner, "service_role", {"role": "service_role"}):
        for table in set(TABLES) - {"webhook_idempotency", "audit_logs"}:
            accepted(owner, f"update clinic.{table} set created_at = now()")
            with owner.transaction(force_rollback=True):
                assert owner.execute(f"delete from clinic.{table}".encode()).rowcount > 1
        for statement in (
            f"{TALKS} ('{ADA}', '{EVE}', 'whatsapp', 'w9')",
            f"{SAYS} ('{TALK}', 'm9', 'doctor', 'x')",
            f"{APPOINT} ('{ADA}', 'Eve', '1', now())",
            "insert into clinic.patients (name, phone) values ('x', 'x')",
        ):
            accepted(owner, statement, 1)


ALL = "SELECT INSERT UPDATE DELETE"
MATRIX = {
    "anon": dict.fromkeys(TABLES, ""),
    "authenticated": {**dict.fromkeys(OWN, ALL), **dict.fromkeys(READ, "SELECT"), "webhook_idempotency": ""},
    "service_role": {
        **dict.fromkeys(TABLES, ALL),
        "webhook_idempotency": "SELECT INSERT UPDATE",
        "audit_logs": "SELECT INSERT",
    },
}


def test_privileges(owner: Connection) -> None:
    commands = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"]
    for role, tables in MATRIX.items():
        for table, expected in tables.items():
            query = "select has_table_privilege(%s, %s, %s)"
            found = [c for c in commands if owner.execute(query, (role, f"clinic.{table}", c)).fetchone() == (True,)]
            assert found == expected.split(), (role, table)
    for role, may in (("anon", False), ("authenticated", True), ("service_role", True), ("public", False)):
        assert value(owner, f"select has_schema_privilege('{role}', 'clinic', 'usage')") is may
        assert value(owner, f"select has_schema_privilege('{role}', 'clinic', 'create')") is False


def test_row_security_is_forced_everywhere(owner: Connection) -> None:
    query = (
        "select relname::text from pg_class where relnamespace = 'clinic'::regnamespace and relkind = 'r'"
        " and relrowsecurity and relforcerowsecurity"
    )
    assert {row[0] for row in owner.execute(query.encode())} == set(TABLES)


def test_functions_with_the_rights_of_the_owner_pin_their_path_and_are_not_for_everybody(owner: Connection) -> None:
    query = (
        "select p.proname, p.prosecdef, 'search_path=\"\"' = any(p.proconfig), p.proacl::text ~ '[{,]=X' from pg_proc p"
        " where p.pronamespace = 'clinic'::regnamespace"
        " and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')"
    )
    found = {row[0]: row[1:] for row in owner.execute(query.encode())}
    assert {name for name, row in found.items() if row[0]} == {"refuse_audit_change", "remove_expired_webhooks"}
    assert all(row[1:] == (True, False) for row in found.values()), found


# -------------------------------------------------------------------------------------------------- the catalog

INDEXES = """
appointments: doctor_id, appointment_date, doctor_status_date (doctor_id, status, appointment_date)
webhook_idempotency: provider, status, received_at
audit_logs: user_id, action, resource_type_id (resource_type, resource_id), created_at, correlation_id
patients: phone
conversations: doctor_id, patient_id, platform, platform_conversation_id
messages: conversation_id, created_at, platform_message_id
availability: doctor_id, day_of_week, doctor_day (doctor_id, day_of_week)
blocked_times: doctor_id, start_time, end_time, doctor_time_range (doctor_id, start_time, end_time)
"""


def test_indexes_are_those_of_the_page(owner: Connection) -> None:
    expected = {
        (f"idx_{table}_{name}", columns.strip("()") or name)
        for table, list_ in (line.split(": ") for line in INDEXES.strip().splitlines())
        for name, columns in re.findall(r"(\w+) ?(\([^)]*\))?(?:, |$)", list_)
    }
    query = "select indexname::text, substring(indexdef from 'btree \\((.*)\\)$') from pg_indexes"
    query += " where schemaname = 'clinic' and indexname like 'idx\\_%'"
    assert set(owner.execute(query.encode()).fetchall()) == expected


def test_every_table_and_column_says_what_it_is_and_its_class(owner: Connection) -> None:
    query = (
        "select c.relname || coalesce('.' || a.attname, ''), coalesce(col_description(c.oid, a.attnum), '')"
        " from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0"
        " where c.relnamespace = 'clinic'::regnamespace and c.relkind = 'r'"
    )
    found: dict[str, str] = dict(owner.execute(query.encode()).fetchall())
    found |= {table: value(owner, f"select obj_description('clinic.{table}'::regclass)") for table in TABLES}
    classed = re.compile(r"\. \[(public|administrative|personal|PHI|platform)\]$")
    assert [name for name, comment in found.items() if not classed.search(comment)] == []
    secret = {name for name, comment in found.items() if comment.endswith("[PHI]")}
    assert {name for name in secret if "." in name} == {
        *(f"patients.{column}" for column in ("name", "phone", "date_of_birth", "gender")),
        *(f"appointments.{column}" for column in ("patient_name", "patient_phone", "notes")),
        "messages.content",
    }
    assert all("encrypted at rest and in transit" in found[name] for name in secret)
    bare = [name for name in found if name.startswith(("audit_logs.", "webhook_idempotency."))]
    assert not any(found[name].endswith(("[personal]", "[PHI]")) for name in bare)
    assert all("Kept " in found[table] for table in TABLES)
    assert "7 years" in found["appointments"] and "7 years" in found["audit_logs"]
    assert re.search(r"30 days once processed, 90 once failed", found["webhook_idempotency"])


@pytest.mark.parametrize("extension", ["none", "made here", "of the host"])
def test_each_down_undoes_its_up_and_up_again_is_the_same(fresh: Fresh, extension: str) -> None:
    """Empty, full of rows, and where the host has the extension that the module needs."""

    def state() -> frozenset[DatabaseObject]:
        with fresh.connect() as connection:
            return inventory(connection)

    if extension == "of the host":
        with fresh.connect() as connection:
            connection.execute(b"create schema extensions; create extension btree_gist schema extensions")
    states = []
    for migration in FILES:
        states.append(state())
        fresh.up(migration)
    full = state()
    if extension != "none":
        with fresh.connect() as connection:
            connection.execute(ROWS.encode())
            refused(connection, f"{BLOCK} ('{ADA}', '-infinity', 'infinity')", "23P01", "blocked_times_no_overlap")
    for migration, before in zip(reversed(FILES), reversed(states), strict=True):
        fresh.down(migration)
        assert differences(before, state()) == [], migration
    fresh.up(*FILES)
    assert differences(full, state()) == []
    for migration in FILES[1:]:
        with pytest.raises(psycopg.errors.ProgrammingError, match="already exists"):
            fresh.up(migration)
    assert differences(full, state()) == []


def test_an_extension_that_others_use_stops_the_rollback(fresh: Fresh) -> None:
    """Before anything is lost: the file is one transaction."""
    fresh.up(*FILES)
    with fresh.connect() as connection:
        connection.execute(ROWS.encode())
        connection.execute(b"create table public.rooms (id uuid, exclude using gist (id clinic.gist_uuid_ops with =))")
    fresh.down(*reversed(FILES[2:]))
    with pytest.raises(psycopg.errors.DependentObjectsStillExist, match="btree_gist"):
        fresh.down(FILES[1])
    with fresh.connect() as connection:
        assert value(connection, "select count(*) from clinic.audit_logs") == 3
        connection.execute(b"drop table public.rooms")
    fresh.down(FILES[1])
