"""``weeksmith`` by hand: each rule with what it refuses and what it lets pass, the lock by every road there is."""

from __future__ import annotations

import re
from collections.abc import Iterator

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

FILES = migrations("platform", "weeksmith")
TABLES = ["vision", "cycle", "goal", "weekly_plan", "task", "plan_item", "audit_log", "chat_session", "chat_message"]


def one(kind: str, number: int = 1) -> str:
    """An id: ``one("2")`` is Ada's second kind of thing, ``one("b2")`` the same of Grace's."""
    return f"{kind.rjust(8, '0')}-0000-4000-8000-{number:012d}"


CYCLE, GOAL, SECOND, OPEN, CLOSED, SHUT, TASK, SESSION, MESSAGE = (one(str(n)) for n in range(1, 10))
LOOSE, FIXED = one("a1"), one("a2")
HERS = {name: one(f"b{n}") for n, name in enumerate(("cycle", "goal", "closed", "task", "session", "item", "open"), 1)}

ROWS = f"""
insert into weeksmith.vision (user_id, daily) values ('{ADA}', 'Write'), ('{GRACE}', 'Read');
insert into weeksmith.cycle (id, user_id, start_date, end_date) values
('{CYCLE}', '{ADA}', '2025-09-01', '2025-11-23'), ('{HERS["cycle"]}', '{GRACE}', '2025-09-01', '2025-11-23');
insert into weeksmith.goal (id, user_id, cycle_id, type, description, start_week, end_week) values
('{GOAL}', '{ADA}', '{CYCLE}', 'personal', 'Run', 1, 12),
('{SECOND}', '{ADA}', '{CYCLE}', 'professional', 'Ship', 1, 12),
('{HERS["goal"]}', '{GRACE}', '{HERS["cycle"]}', 'personal', 'Swim', 1, 12);
insert into weeksmith.weekly_plan (id, user_id, cycle_id, week_no, mode, locked_after_week) values
('{OPEN}', '{ADA}', '{CYCLE}', 1, 'time_block', 6), ('{CLOSED}', '{ADA}', '{CYCLE}', 7, 'time_block', 12),
('{SHUT}', '{ADA}', '{CYCLE}', 8, 'priority_queue', 6),
('{HERS["closed"]}', '{GRACE}', '{HERS["cycle"]}', 7, 'time_block', 12),
('{HERS["open"]}', '{GRACE}', '{HERS["cycle"]}', 1, 'time_block', 6);
insert into weeksmith.task (id, user_id, title) values ('{TASK}', '{ADA}', 'Run'),
('{HERS["task"]}', '{GRACE}', 'Swim');
insert into weeksmith.plan_item (id, user_id, plan_id, goal_id, task_id, unit, qty) values
('{LOOSE}', '{ADA}', '{OPEN}', '{GOAL}', '{TASK}', 'km', 5),
('{FIXED}', '{ADA}', '{CLOSED}', '{GOAL}', '{TASK}', 'km', 5),
('{HERS["item"]}', '{GRACE}', '{HERS["closed"]}', '{HERS["goal"]}', '{HERS["task"]}', 'km', 5);
insert into weeksmith.plan_item (user_id, plan_id, goal_id, task_id, unit, qty)
select '{ADA}', '{CLOSED}', '{GOAL}', '{TASK}', 'km', n from generate_series(1, 20) as n;
update weeksmith.weekly_plan set locked_after_week = 6;
insert into weeksmith.chat_session (id, user_id, cycle_id) values
('{SESSION}', '{ADA}', '{CYCLE}'), ('{HERS["session"]}', '{GRACE}', '{HERS["cycle"]}');
insert into weeksmith.chat_message (id, session_id, role, content) values ('{MESSAGE}', '{SESSION}', 'user', 'Hello'),
('{one("b9")}', '{HERS["session"]}', 'user', 'Hello');
insert into weeksmith.audit_log (actor_type, subject_user_id, action)
values ('ai', '{ADA}', 'x'), ('ai', '{GRACE}', 'x');
"""


@pytest.fixture(scope="module", params=SERVERS)
def planner(request: pytest.FixtureRequest) -> Iterator[Fresh]:
    """A database with the module and the rows above; its tests undo what they do, or clone it."""
    server, ordinary = request.param
    with standing(request.getfixturevalue(server), ordinary, FILES) as fresh:
        with fresh.connect() as connection:
            connection.execute(ROWS.encode())
        yield fresh


@pytest.fixture
def owner(planner: Fresh) -> Iterator[Connection]:
    with undone(planner) as connection:
        yield connection


@pytest.fixture
def twin(planner: Fresh) -> Iterator[Fresh]:
    """The same, to commit in."""
    with standing(planner.server, planner.owner is not None, (), template=planner.name) as fresh:
        yield fresh


# ---------------------------------------------------------------------------------------------- rows and columns

CHECKS = [
    ("cycle", "end_date", "start_date", "start_date + 1", "cycle_date_range"),
    ("cycle", "current_week", "0", "1", "cycle_current_week_range"),
    ("cycle", "current_week", "13", "12", "cycle_current_week_range"),
    ("goal", "description", "''", "'x'", "goal_description_not_blank"),
    ("goal", "description", r"E' \t\n'", r"E' \tx'", "goal_description_not_blank"),
    ("goal", "start_week", "0", "1", "goal_start_week_range"),
    ("goal", "(start_week, end_week)", "(13, 13)", "(12, 12)", "goal_end_week_range"),
    ("goal", "(start_week, end_week)", "(5, 4)", "(5, 5)", "goal_end_week_range"),
    ("goal", "end_week", "13", "12", "goal_end_week_range"),
    ("task", "title", "' '", "' x '", "task_title_not_blank"),
    ("task", "default_qty", "-0.01", "0", "task_default_qty_not_negative"),
    ("task", "default_qty", "'NaN'", "99999999.99", "task_default_qty_not_negative"),
    ("plan_item", "completed_qty", "-0.01", "0", "plan_item_completed_qty_not_negative"),
    ("plan_item", "completed_qty", "'NaN'", "99999999.99", "plan_item_completed_qty_not_negative"),
    ("chat_session", "ended_at", "started_at - interval '1 microsecond'", "started_at", "chat_session_time_range"),
    ("chat_message", "proposal_json", "'[]'", "'{}'", "chat_message_proposal_object"),
    ("chat_message", "proposal_json", "'null'", "null", "chat_message_proposal_object"),
]
# These may not be written in a locked week, or never again: inserted.
ITEM = f"insert into weeksmith.plan_item (user_id, plan_id, unit, qty) values ('{ADA}', '{OPEN}', 'km', "
PLAN = (
    "insert into weeksmith.weekly_plan (user_id, cycle_id, mode, week_no, locked_after_week)"
    f" values ('{ADA}', '{CYCLE}', 'time_block', "
)
ENTRY = (
    "insert into weeksmith.audit_log (actor_type, action, subject_user_id, before_state, after_state)"
    " values ('ai', 'x', gen_random_uuid(), "
)
REASON = (
    "insert into weeksmith.audit_log (actor_type, action, subject_user_id, rationale)"
    " values ('ai', 'x', gen_random_uuid(), "
)
INSERTED = [
    (ITEM, "-0.01", "0", "plan_item_qty_not_negative"),
    (ITEM, "'NaN'", "99999999.99", "plan_item_qty_not_negative"),
    (PLAN, "0, 1", "2, 1", "weekly_plan_week_no_range"),
    (PLAN, "13, 12", "12, 12", "weekly_plan_week_no_range"),
    (PLAN, "3, 0", "3, 1", "weekly_plan_locked_after_week_range"),
    (PLAN, "3, 13", "3, 12", "weekly_plan_locked_after_week_range"),
    (ENTRY, "'[]', null", "'{}', null", "audit_before_json_object"),
    (ENTRY, "null, '1'", "null, '{}'", "audit_after_json_object"),
    (ENTRY, "'null', null", "null, null", "audit_before_json_object"),
    (ENTRY, """'{"qty": 1}', null""", """'{"changed": ["qty"]}', null""", "audit_states_ids_and_fields"),
    (ENTRY, """null, '{"mode": "x"}'""", """null, '{"locked_after_week": 6}'""", "audit_states_ids_and_fields"),
    (REASON, "'Was ill'", "'ticket 4711'", "audit_rationale_ticket"),
]


def test_every_check_refuses_what_it_must_and_nothing_else(owner: Connection) -> None:
    for table, column, bad, good, constraint in CHECKS:
        refused(owner, f"update weeksmith.{table} set {column} = {bad}", "23514", constraint)
        accepted(owner, f"update weeksmith.{table} set {column} = {good}")
    for insert, bad, good, constraint in INSERTED:
        refused(owner, f"{insert}{bad})", "23514", constraint)
        accepted(owner, f"{insert}{good})", 1)


def test_the_list_of_checks_is_complete(owner: Connection) -> None:
    names = "select conname::text from pg_constraint where contype = 'c' and connamespace = 'weeksmith'::regnamespace"
    found = {row[0] for row in owner.execute(names.encode())}
    assert found == {entry[-1] for entry in (*CHECKS, *INSERTED)}


CONTRACT = {
    "vision": "id! user_id! daily! weekly! year! life! tags! updated_at!",
    "cycle": "id! user_id! start_date! end_date! current_week! created_at!",
    "goal": "id! user_id! cycle_id! type! description! start_week! end_week! created_at!",
    "weekly_plan": "id! user_id! cycle_id! week_no! mode! locked_after_week! created_at!",
    "task": "id! user_id! title! unit! default_qty! tags created_at!",
    "plan_item": "id! user_id! plan_id! goal_id task_id unit! qty! completed_qty! status! notes created_at!"
    " updated_at!",
    "audit_log": "id! actor_user_id actor_type! subject_user_id! action! before_state after_state rationale"
    " correlation_id source_ip user_agent created_at!",
    "chat_session": "id! user_id! cycle_id started_at! ended_at summary_md",
    "chat_message": "id! session_id! role! content! proposal_json created_at!",
}


def test_columns_are_those_of_the_page(owner: Connection) -> None:
    query = (
        "select c.relname, string_agg(a.attname || case when a.attnotnull then '!' else '' end, ' ' order by a.attnum)"
        " from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0"
        " where c.relnamespace = 'weeksmith'::regnamespace and c.relkind = 'r' group by 1"
    )
    assert dict(owner.execute(query.encode()).fetchall()) == CONTRACT


def test_the_sets_of_values(owner: Connection) -> None:
    query = (
        "select t.typname, string_agg(e.enumlabel, ' ' order by e.enumsortorder) from pg_type t"
        " join pg_enum e on e.enumtypid = t.oid where t.typnamespace = 'weeksmith'::regnamespace group by 1"
    )
    assert dict(owner.execute(query.encode()).fetchall()) == {
        "goal_type": "personal professional",
        "plan_mode": "time_block priority_queue",
        "plan_item_status": "planned in_progress completed skipped",
        "actor_type": "user system ai",
        "chat_role": "user ai system",
    }


def test_what_a_row_is_when_nothing_is_said(owner: Connection) -> None:
    someone = "00000000-0000-4000-8000-0000000000ff"
    owner.execute(f"insert into weeksmith.vision (user_id) values ('{someone}')".encode())
    texts = "select daily, weekly, year, life, tags, updated_at is null from weeksmith.vision"
    row = owner.execute(f"{texts} where user_id = '{someone}'".encode())
    assert row.fetchone() == ("", "", "", "", [], False)
    assert value(owner, "select current_week from weeksmith.cycle") == 1
    insert = PLAN.replace(", locked_after_week", "") + "3)"
    assert value(owner, f"{insert} returning locked_after_week") == 6
    item = f"select completed_qty, status::text, notes from weeksmith.plan_item where id = '{LOOSE}'"
    assert owner.execute(item.encode()).fetchone() == (0, "planned", None)
    task = "select unit, default_qty, tags from weeksmith.task"
    assert owner.execute(task.encode()).fetchone() == ("count", 0, None)
    assert value(owner, "select started_at = now() and ended_at is null from weeksmith.chat_session") is False


UNIQUE = [
    (f"insert into weeksmith.vision (user_id) values ('{ADA}')", "vision_unique_user"),
    (
        "insert into weeksmith.goal (user_id, cycle_id, type, description, start_week, end_week)"
        f" values ('{ADA}', '{CYCLE}', 'personal', 'Another', 1, 1)",
        "goal_unique_one_per_type",
    ),
    (f"{PLAN}1, 1)", "idx_weekly_plan_cycle_week"),
    (f"update weeksmith.weekly_plan set week_no = 7 where id = '{OPEN}'", "idx_weekly_plan_cycle_week"),
]


def test_one_row_for_each_key(owner: Connection) -> None:
    for statement, constraint in UNIQUE:
        refused(owner, statement, "23505", constraint)


# Grace's rows stand beside Ada's of the same type and week: another cycle, another key.
FOREIGN = [
    ("goal", "cycle_id", HERS["cycle"], GOAL, "goal_cycle_fkey"),
    ("weekly_plan", "cycle_id", HERS["cycle"], OPEN, "weekly_plan_cycle_fkey"),
    ("plan_item", "plan_id", HERS["open"], LOOSE, "plan_item_plan_fkey"),
    ("plan_item", "goal_id", HERS["goal"], LOOSE, "plan_item_goal_fkey"),
    ("plan_item", "task_id", HERS["task"], LOOSE, "plan_item_task_fkey"),
    ("chat_session", "cycle_id", HERS["cycle"], SESSION, "chat_session_cycle_fkey"),
    ("goal", "user_id", GRACE, SECOND, "goal_cycle_fkey"),
    ("weekly_plan", "user_id", GRACE, SHUT, "weekly_plan_cycle_fkey"),
    ("chat_session", "user_id", GRACE, SESSION, "chat_session_cycle_fkey"),
    ("goal", "cycle_id", one("ff"), GOAL, "goal_cycle_fkey"),
    ("plan_item", "goal_id", one("ff"), LOOSE, "plan_item_goal_fkey"),
    ("plan_item", "task_id", one("ff"), LOOSE, "plan_item_task_fkey"),
    ("chat_message", "session_id", one("ff"), MESSAGE, "chat_message_session_fkey"),
]


def test_rows_of_a_user_refer_to_rows_of_that_user(owner: Connection) -> None:
    for table, column, other, row, constraint in FOREIGN:
        # A week and a type that are free there: the key of the cycle shall not speak first.
        week = ", week_no = 3" if (table, column) == ("weekly_plan", "cycle_id") else ""
        type_ = ", type = 'professional'" if (table, column) == ("goal", "cycle_id") else ""
        refused(
            owner,
            f"update weeksmith.{table} set {column} = '{other}'{week}{type_} where id = '{row}'",
            "23503",
            constraint,
        )
    # What is referred to does not change hands either.
    for table, row in (("cycle", CYCLE), ("weekly_plan", OPEN), ("goal", GOAL), ("task", TASK)):
        with pytest.raises(psycopg.errors.ForeignKeyViolation), owner.transaction():
            owner.execute(f"update weeksmith.{table} set user_id = '{GRACE}' where id = '{row}'".encode())


def test_updated_at_is_the_moment_of_the_write_and_nothing_else(owner: Connection) -> None:
    past = "2001-01-01"
    for table in ("vision", "plan_item"):
        for forged in ("default", "null", f"'{past}'", "'2999-01-01'", "updated_at"):
            owner.execute(f"update weeksmith.{table} set updated_at = {forged}".encode())
            now = f"select bool_and(updated_at > now() and updated_at <= clock_timestamp()) from weeksmith.{table}"
            assert value(owner, now) is True, (table, forged)
    forged = f"insert into weeksmith.vision (user_id, updated_at) values ('{one('ff')}', '{past}')"
    assert value(owner, f"{forged} returning updated_at > now()") is True
    assert value(owner, ITEM.replace("qty)", "qty, updated_at)") + f"1, '{past}') returning updated_at > now()") is True


# ------------------------------------------------------------------------------------------- the quota of a week

INSERT = "insert into weeksmith.plan_item (id, user_id, plan_id, unit, qty) values"
UPSERT = f"{INSERT} ('{FIXED}', '{ADA}', '{CLOSED}', 'km', 6) on conflict (id) do update set"
LOCKED = [
    f"update weeksmith.plan_item set qty = 6 where id = '{FIXED}'",
    f"update weeksmith.plan_item set qty = qty + 0.01, notes = 'more', status = 'completed' where id = '{FIXED}'",
    f"update weeksmith.plan_item set qty = 0 where user_id = '{ADA}'",
    "update weeksmith.plan_item i set qty = 6 from weeksmith.weekly_plan p where p.id = i.plan_id and p.week_no = 7",
    f"{UPSERT} qty = excluded.qty",
    f"{UPSERT} qty = 7, notes = 'by upsert'",
    f"{INSERT} (gen_random_uuid(), '{ADA}', '{CLOSED}', 'km', 1)",
    f"{INSERT} (gen_random_uuid(), '{ADA}', '{CLOSED}', 'km', 0)",
    f"{INSERT} (gen_random_uuid(), '{ADA}', '{SHUT}', 'km', 1)",
    f"{INSERT} (gen_random_uuid(), '{ADA}', '{OPEN}', 'km', 1), (gen_random_uuid(), '{ADA}', '{CLOSED}', 'km', 1)",
    f"{INSERT} (gen_random_uuid(), '{ADA}', '{CLOSED}', 'km', 1) on conflict do nothing",
    f"delete from weeksmith.plan_item where id = '{FIXED}'",
    f"delete from weeksmith.plan_item where user_id = '{ADA}'",
    f"update weeksmith.plan_item set plan_id = '{CLOSED}' where id = '{LOOSE}'",
    f"update weeksmith.plan_item set plan_id = '{OPEN}' where id = '{FIXED}'",
    f"update weeksmith.plan_item set plan_id = '{OPEN}', qty = 6 where id = '{FIXED}'",
    f"update weeksmith.plan_item set plan_id = '{OPEN}', goal_id = null, task_id = null where id = '{FIXED}'",
    f"update weeksmith.plan_item set plan_id = '{SHUT}' where id = '{FIXED}'",
    f"{INSERT} ('{LOOSE}', '{ADA}', '{OPEN}', 'km', 6) on conflict (id) do update set plan_id = '{CLOSED}'",
    f"with moved as (delete from weeksmith.plan_item where id = '{FIXED}' returning *)"
    f" insert into weeksmith.plan_item (user_id, plan_id, unit, qty) select user_id, '{OPEN}', unit, qty from moved",
    # Locked by the same statement that changes it.
    f"with l as (update weeksmith.weekly_plan set locked_after_week = 1, week_no = 2 where id = '{OPEN}' returning id)"
    f" update weeksmith.plan_item set qty = 6 from l where plan_id = l.id",
    f"merge into weeksmith.plan_item i using (select 1) as s on i.id = '{FIXED}' when matched then update set qty = 9",
    f"merge into weeksmith.plan_item i using (select 1) as s on i.id = '{FIXED}' when matched then delete",
]
UNLOCKED = [
    f"update weeksmith.plan_item set unit = 'miles' where id = '{FIXED}'",
    f"update weeksmith.plan_item set completed_qty = 99 where id = '{FIXED}'",
    f"update weeksmith.plan_item set status = 'completed', notes = 'done' where id = '{FIXED}'",
    f"update weeksmith.plan_item set goal_id = null, task_id = null where id = '{FIXED}'",
    f"update weeksmith.plan_item set goal_id = '{SECOND}' where id = '{FIXED}'",
    f"update weeksmith.plan_item set qty = qty where id = '{FIXED}'",
    f"update weeksmith.plan_item set qty = 5.000, plan_id = plan_id where id = '{FIXED}'",
    f"update weeksmith.plan_item set id = gen_random_uuid(), created_at = now() where id = '{FIXED}'",
    f"{UPSERT} qty = weeksmith.plan_item.qty",
    f"{UPSERT} notes = 'by upsert'",
    f"{INSERT} ('{FIXED}', '{ADA}', '{CLOSED}', 'km', 5) on conflict (id) do update set qty = excluded.qty",
    f"update weeksmith.plan_item set qty = 6, unit = 'miles' where id = '{LOOSE}'",
    f"{INSERT} (gen_random_uuid(), '{ADA}', '{OPEN}', 'km', 1)",
    f"delete from weeksmith.plan_item where id = '{LOOSE}'",
]


def test_the_quota_of_a_locked_week_is_fixed_by_every_road(owner: Connection) -> None:
    for statement in LOCKED:
        refused(owner, statement, "P0001", "plan_item_quota_lock")
    assert value(owner, f"select count(*) from weeksmith.plan_item where plan_id = '{CLOSED}'") == 21


def test_nothing_else_is_locked(owner: Connection) -> None:
    for statement in UNLOCKED:
        accepted(owner, statement, 1)
    nothing = f"{INSERT} ('{FIXED}', '{ADA}', '{CLOSED}', 'km', 6) on conflict do nothing"
    accepted(owner, nothing, 0)


def test_the_lock_is_the_same_for_a_user_and_for_the_service_role(owner: Connection) -> None:
    for role, claims in (("authenticated", user(ADA)), ("service_role", {"role": "service_role"})):
        with acting(owner, role, claims):
            for statement in LOCKED:
                # A statement over all rows of Ada's meets the same lock.
                refused(owner, statement, "P0001", "plan_item_quota_lock")
            for statement in UNLOCKED:
                accepted(owner, statement, 1)


def test_a_week_is_open_up_to_the_number_itself(owner: Connection) -> None:
    second = "insert into weeksmith.weekly_plan (id, user_id, cycle_id, week_no, mode, locked_after_week) values"
    owner.execute(f"{second} ('{one('e1')}', '{ADA}', '{CYCLE}', 6, 'time_block', 6)".encode())
    for statement in (
        f"{INSERT} ('{one('e2')}', '{ADA}', '{one('e1')}', 'km', 1)",
        f"update weeksmith.plan_item set qty = 2 where id = '{one('e2')}'",
        f"update weeksmith.plan_item set plan_id = '{OPEN}', qty = 3 where id = '{one('e2')}'",
        f"update weeksmith.plan_item set plan_id = '{one('e1')}' where id = '{one('e2')}'",
    ):
        assert owner.execute(statement.encode()).rowcount == 1
    owner.execute(f"update weeksmith.weekly_plan set locked_after_week = 5 where id = '{one('e1')}'".encode())
    refused(owner, f"delete from weeksmith.plan_item where id = '{one('e2')}'", "P0001", "plan_item_quota_lock")


def test_a_trigger_of_somebody_else_is_no_cascade(owner: Connection) -> None:
    """Depth is no sign of a cascade: what a user's trigger does is refused like what the user does."""
    owner.execute(
        f"""
        create function public.meddle() returns trigger language plpgsql as
        $$ begin execute tg_argv[0]; return null; end $$;
        create trigger meddle after update on weeksmith.task for each statement
        execute function public.meddle($sql$ delete from weeksmith.plan_item where id = '{FIXED}' $sql$);
        create trigger meddle after update on weeksmith.vision for each statement
        execute function public.meddle($sql$ delete from weeksmith.weekly_plan where id = '{CLOSED}' $sql$);
        """.encode()
    )
    refused(owner, "update weeksmith.task set unit = 'x'", "P0001", "plan_item_quota_lock")
    refused(owner, "update weeksmith.vision set daily = 'x'", "P0001", "weekly_plan_lock")


# --------------------------------------------------------------------------------------------- the lock of a week

PLAN_LOCKED = [
    f"update weeksmith.weekly_plan set locked_after_week = 12 where id = '{CLOSED}'",
    f"update weeksmith.weekly_plan set locked_after_week = 5 where id = '{CLOSED}'",
    f"update weeksmith.weekly_plan set locked_after_week = 7, mode = 'priority_queue' where id = '{CLOSED}'",
    f"update weeksmith.weekly_plan set week_no = 6 where id = '{CLOSED}'",
    f"update weeksmith.weekly_plan set week_no = 9 where id = '{CLOSED}'",
    f"update weeksmith.weekly_plan set week_no = 2, locked_after_week = 2 where id = '{CLOSED}'",
    f"update weeksmith.weekly_plan set cycle_id = '{one('c1')}' where id = '{SHUT}'",
    f"delete from weeksmith.weekly_plan where id = '{CLOSED}'",
    f"delete from weeksmith.weekly_plan where id = '{SHUT}'",
    f"delete from weeksmith.weekly_plan where user_id = '{ADA}'",
    "insert into weeksmith.weekly_plan (user_id, cycle_id, week_no, mode)"
    f" values ('{ADA}', '{CYCLE}', 7, 'time_block')"
    " on conflict (cycle_id, week_no) do update set locked_after_week = 12",
]
PLAN_UNLOCKED = [
    f"update weeksmith.weekly_plan set mode = 'priority_queue', created_at = now() where id = '{CLOSED}'",
    f"update weeksmith.weekly_plan set week_no = 7, locked_after_week = 6, cycle_id = cycle_id where id = '{CLOSED}'",
    f"update weeksmith.weekly_plan set locked_after_week = 1 where id = '{OPEN}'",
    f"update weeksmith.weekly_plan set locked_after_week = 12, week_no = 9 where id = '{OPEN}'",
    f"update weeksmith.weekly_plan set week_no = 9 where id = '{OPEN}'",
    f"update weeksmith.weekly_plan set cycle_id = '{one('c1')}' where id = '{one('c2')}'",
    f"delete from weeksmith.weekly_plan where id = '{OPEN}'",
]
MORE = f"""
insert into weeksmith.cycle (id, user_id, start_date, end_date)
values ('{one("c1")}', '{ADA}', '2026-01-01', '2026-03-25');
insert into weeksmith.weekly_plan (id, user_id, cycle_id, week_no, mode)
values ('{one("c2")}', '{ADA}', '{CYCLE}', 3, 'time_block');
"""


def test_a_locked_week_stays_what_it_is(owner: Connection) -> None:
    owner.execute(MORE.encode())
    for role, claims in ((None, None), ("authenticated", user(ADA)), ("service_role", None)):
        if role:
            with acting(owner, role, claims):
                for statement in PLAN_LOCKED:
                    refused(owner, statement, "P0001", "weekly_plan_lock")
        for statement in PLAN_LOCKED:
            refused(owner, statement, "P0001", "weekly_plan_lock")
        for statement in PLAN_UNLOCKED:
            accepted(owner, statement, 1)


def test_no_setting_opens_a_locked_week(owner: Connection) -> None:
    """Nor does an entry in the audit log that is not of this transaction, this plan and this change."""
    opened = f"update weeksmith.weekly_plan set locked_after_week = 12 where id = '{CLOSED}'"
    entry = (
        "insert into weeksmith.audit_log (actor_type, subject_user_id, action, before_state, after_state, created_at)"
        " select 'system', p.user_id, '{action}', weeksmith.audit_state(p),"
        " weeksmith.audit_state(p) || '{{\"locked_after_week\": {after}}}', {at}"
        " from weeksmith.weekly_plan p where p.id = '{plan}'"
    )
    good = {"action": "plan.unlock.override", "after": "12", "at": "now()", "plan": CLOSED}
    for wrong in ({"action": "plan.unlock"}, {"after": "11"}, {"at": "now() - interval '1 second'"}, {"plan": SHUT}):
        with owner.transaction(force_rollback=True):
            owner.execute(entry.format(**good | wrong).encode())
            refused(owner, opened, "P0001", "weekly_plan_lock")
    with owner.transaction(force_rollback=True):
        owner.execute(entry.format(**good).encode())
        refused(owner, f"{opened[: -len(CLOSED) - 13]}, week_no = 9 where id = '{CLOSED}'", "P0001", "weekly_plan_lock")


NEW = one("e9")
RENAMED = f"with r as (update weeksmith.weekly_plan set id = '{NEW}' where id = '{CLOSED}' returning *)"
RENAMES = [
    f"{RENAMED} delete from weeksmith.plan_item i using r where i.plan_id = '{CLOSED}'",
    f"{RENAMED} update weeksmith.plan_item i set plan_id = '{OPEN}', qty = 9 from r where i.plan_id = '{CLOSED}'",
    # Its items would find themselves in the open week that takes its name.
    f"{RENAMED} insert into weeksmith.weekly_plan (id, user_id, cycle_id, week_no, mode)"
    f" select '{CLOSED}', user_id, cycle_id, 2, mode from r",
    f"update weeksmith.weekly_plan set id = '{NEW}' where id = '{SHUT}'",
]
RENAMED_CYCLE = f"""
with r as (update weeksmith.cycle set id = '{NEW}' where id = '{CYCLE}' returning *),
g as (update weeksmith.goal as x set cycle_id = '{NEW}' from r where x.cycle_id = '{CYCLE}'),
p as (update weeksmith.weekly_plan as x set cycle_id = '{NEW}' from r where x.id = '{OPEN}'),
s as (update weeksmith.chat_session as x set cycle_id = '{NEW}' from r where x.cycle_id = '{CYCLE}')
delete from weeksmith.weekly_plan as x using r where x.id in ('{CLOSED}', '{SHUT}')
"""


def test_a_week_that_is_renamed_is_not_gone(owner: Connection) -> None:
    for statement in RENAMES:
        refused(owner, statement, "P0001", "weekly_plan_keep_id")
    refused(owner, RENAMED_CYCLE, "P0001", "cycle_keep_id")
    with acting(owner, "authenticated", user(ADA)):
        for statement in RENAMES:
            refused(owner, statement, "P0001", "weekly_plan_keep_id")
        refused(owner, RENAMED_CYCLE, "P0001", "cycle_keep_id")
    # Where rows refer to it, the foreign key says so first.
    refused(
        owner, f"update weeksmith.weekly_plan set id = '{NEW}' where id = '{CLOSED}'", "23503", "plan_item_plan_fkey"
    )


def test_truncate_is_no_way_around(owner: Connection) -> None:
    refused(owner, "truncate weeksmith.plan_item", "P0001", "plan_item_quota_lock")
    for table in ("weekly_plan", "cycle", "goal", "task"):
        refused(owner, f"truncate weeksmith.{table}", "0A000")
        refused(owner, f"truncate weeksmith.{table} cascade", "P0001", "plan_item_quota_lock")


def test_a_plan_that_is_missing_or_not_seen(owner: Connection) -> None:
    """Whether it is there, and whether it is locked, is not told to others."""
    plans = (one("ff"), HERS["open"], HERS["closed"])
    with acting(owner, "authenticated", user(ADA)):
        for plan in plans:
            for identity in (ADA, GRACE):
                statement = f"{INSERT} (gen_random_uuid(), '{identity}', '{plan}', 'km', 1)"
                refused(owner, statement, "P0002", "plan_item_plan_seen")
                refused(owner, f"{statement} on conflict do nothing", "P0002", "plan_item_plan_seen")
            for item in (LOOSE, FIXED):
                update = f"update weeksmith.plan_item set plan_id = '{plan}' where id = '{item}'"
                refused(owner, update, "P0002", "plan_item_plan_seen")
    for claims in NOBODY:
        with acting(owner, "authenticated", claims):
            refused(owner, f"{INSERT} (gen_random_uuid(), '{ADA}', '{OPEN}', 'km', 1)", "P0002", "plan_item_plan_seen")
    refused(owner, f"{INSERT} (gen_random_uuid(), '{ADA}', '{one('ff')}', 'km', 1)", "P0002", "plan_item_plan_seen")
    refused(owner, f"{INSERT} (gen_random_uuid(), '{ADA}', '{HERS['open']}', 'km', 1)", "23503", "plan_item_plan_fkey")
    refused(owner, f"{INSERT} (gen_random_uuid(), '{ADA}', null, 'km', 1)", "23502")
    refused(owner, f"update weeksmith.plan_item set plan_id = null where id = '{LOOSE}'", "23502")


# ------------------------------------------------------------------------------------------ deletes from above

KEYS = {
    "plan_item_plan_fkey": ("plan_item", "(plan_id, user_id)", "weekly_plan", "cascade"),
    "plan_item_goal_fkey": ("plan_item", "(goal_id, user_id)", "goal", "set null (goal_id)"),
    "plan_item_task_fkey": ("plan_item", "(task_id, user_id)", "task", "set null (task_id)"),
    "goal_cycle_fkey": ("goal", "(cycle_id, user_id)", "cycle", "cascade"),
    "weekly_plan_cycle_fkey": ("weekly_plan", "(cycle_id, user_id)", "cycle", "cascade"),
    "chat_session_cycle_fkey": ("chat_session", "(cycle_id, user_id)", "cycle", "set null (cycle_id)"),
}


def remake(connection: Connection, names: list[str]) -> None:
    """PostgreSQL fires the triggers of foreign keys in the order in which the keys were made."""
    for name in names:
        table, columns, parent, action = KEYS[name]
        connection.execute(
            f"alter table weeksmith.{table} drop constraint {name}, add constraint {name} foreign key {columns}"
            f" references weeksmith.{parent} (id, user_id) on delete {action}".encode()
        )


@pytest.mark.parametrize("order", ["as made", "reversed"])
@pytest.mark.parametrize("role", ["owner", "authenticated", "service_role"])
def test_deletes_from_above_pass_whatever_hangs_below(twin: Fresh, order: str, role: str) -> None:
    if order == "reversed":
        with twin.connect() as connection:
            remake(connection, list(reversed(KEYS)))
    with undone(twin) as connection:
        items = f"select count(*) from weeksmith.plan_item where user_id = '{ADA}'"

        def delete(statement: str) -> None:
            if role == "owner":
                assert connection.execute(statement.encode()).rowcount == 1
                return
            with acting(connection, role, user(ADA)):
                assert connection.execute(statement.encode()).rowcount == 1

        # A direct statement first: what the triggers have planned then must not mislead them below.
        refused(connection, LOCKED[0], "P0001", "plan_item_quota_lock")
        delete(f"delete from weeksmith.goal where id = '{GOAL}'")
        assert value(connection, items) == 22
        assert value(connection, f"{items} and goal_id is null and plan_id is not null and task_id is not null") == 22
        delete(f"delete from weeksmith.task where id = '{TASK}'")
        assert value(connection, f"{items} and task_id is null and qty > 0") == 22
        delete(f"delete from weeksmith.cycle where id = '{CYCLE}'")
        assert value(connection, items) == 0
        for table, left in (("weekly_plan", 0), ("goal", 0), ("chat_session", 1), ("vision", 1)):
            assert value(connection, f"select count(*) from weeksmith.{table} where user_id = '{ADA}'") == left
        assert value(connection, f"select cycle_id is null from weeksmith.chat_session where id = '{SESSION}'") is True
        assert value(connection, f"select count(*) from weeksmith.plan_item where goal_id = '{HERS['goal']}'") == 1
        # And a direct statement after cascades.
        for statement in ("update weeksmith.plan_item set qty = 6", "delete from weeksmith.plan_item"):
            refused(connection, f"{statement} where id = '{HERS['item']}'", "P0001", "plan_item_quota_lock")
        refused(
            connection, f"delete from weeksmith.weekly_plan where id = '{HERS['closed']}'", "P0001", "weekly_plan_lock"
        )


@pytest.mark.parametrize("order", ["as made", "reversed"])
def test_all_cycles_at_once_and_rows_of_the_same_transaction(twin: Fresh, order: str) -> None:
    if order == "reversed":
        with twin.connect() as connection:
            remake(connection, list(reversed(KEYS)))
    with undone(twin) as connection:
        connection.execute(b"delete from weeksmith.cycle")
        assert value(connection, "select count(*) from weeksmith.plan_item") == 0
        connection.execute(
            b"delete from weeksmith.vision; delete from weeksmith.task; delete from weeksmith.chat_session"
        )
        # The same rows, made in this transaction, as foreign keys treat them differently.
        connection.execute(ROWS.partition("insert into weeksmith.audit_log")[0].encode())
        connection.execute(b"delete from weeksmith.cycle")
        assert value(connection, "select count(*) from weeksmith.plan_item") == 0


def test_a_locked_week_goes_with_its_cycle_in_one_statement(owner: Connection) -> None:
    both = (
        f"with plan as (delete from weeksmith.weekly_plan where id = '{CLOSED}')"
        f" delete from weeksmith.cycle where id = '{CYCLE}'"
    )
    accepted(owner, both, 1)


def test_an_open_week_takes_its_items_and_a_session_its_messages_with_it(owner: Connection) -> None:
    owner.execute(f"delete from weeksmith.weekly_plan where id = '{OPEN}'".encode())
    assert value(owner, f"select count(*) from weeksmith.plan_item where id = '{LOOSE}'") == 0
    owner.execute(f"delete from weeksmith.chat_session where id = '{SESSION}'".encode())
    assert value(owner, "select string_agg(session_id::text, ',') from weeksmith.chat_message") == HERS["session"]


# ------------------------------------------------------------------------------------------------- two sessions

LOCKS = {
    "lowering": f"update weeksmith.weekly_plan set locked_after_week = 1, week_no = 2 where id = '{OPEN}'",
    "moving": f"update weeksmith.weekly_plan set week_no = 9 where id = '{OPEN}'",
}
CHANGES = {
    "update": f"update weeksmith.plan_item set qty = 6 where id = '{LOOSE}'",
    "insert": f"{INSERT} (gen_random_uuid(), '{ADA}', '{OPEN}', 'km', 1)",
    "delete": f"delete from weeksmith.plan_item where id = '{LOOSE}'",
    "move out": f"update weeksmith.plan_item set plan_id = '{one('c2')}' where id = '{LOOSE}'",
    "move in": f"update weeksmith.plan_item set plan_id = '{OPEN}' where id = '{one('c3')}'",
}
SPARE = f"""
insert into weeksmith.weekly_plan (id, user_id, cycle_id, week_no, mode)
values ('{one("c2")}', '{ADA}', '{CYCLE}', 3, 'time_block');
{INSERT} ('{one("c3")}', '{ADA}', '{one("c2")}', 'km', 1);
"""


@pytest.mark.parametrize("change", CHANGES)
def test_one_locks_the_week_while_the_other_changes_the_quota(twin: Fresh, change: str) -> None:
    with twin.connect() as connection:
        connection.execute(SPARE.encode())
    for lock in LOCKS.values():
        with meeting(twin) as two:
            two.a.execute(lock.encode())
            running = two.start(CHANGES[change])
            two.a.commit()
            refused_with(running, "P0001", "plan_item_quota_lock")
            two.b.rollback()
            two.a.execute(f"select weeksmith.unlock_plan('{OPEN}', 'ticket 1')".encode())
            two.a.execute(
                f"update weeksmith.weekly_plan set week_no = 1, locked_after_week = 6 where id = '{OPEN}'".encode()
            )
            two.a.commit()
        # Locked and then not: nothing is lost.
        with meeting(twin) as two:
            two.a.execute(lock.encode())
            running = two.start(CHANGES[change])
            two.a.rollback()
            assert running.result(10) == 1
        # The other way round the lock waits.
        with meeting(twin) as two:
            two.a.execute(CHANGES[change].encode())
            running = two.start(lock)
            two.a.rollback()
            assert running.result(10) == 1
        with meeting(twin, "repeatable read") as two:
            two.b.execute(b"select from weeksmith.plan_item")
            two.a.execute(lock.encode())
            running = two.start(CHANGES[change])
            two.a.commit()
            refused_with(running, "40001")
            two.b.rollback()
            two.a.execute(f"select weeksmith.unlock_plan('{OPEN}', 'ticket 2')".encode())
            two.a.execute(
                f"update weeksmith.weekly_plan set week_no = 1, locked_after_week = 6 where id = '{OPEN}'".encode()
            )
            two.a.commit()


def test_what_is_free_does_not_wait_for_the_lock(twin: Fresh) -> None:
    with meeting(twin) as two:
        two.a.execute(LOCKS["lowering"].encode())
        two.b.execute(f"update weeksmith.plan_item set notes = 'done', qty = 5 where id = '{LOOSE}'".encode())


def test_two_who_change_the_quota_do_not_wait_for_each_other(twin: Fresh) -> None:
    with meeting(twin) as two:
        two.a.execute(CHANGES["insert"].encode())
        two.b.execute(CHANGES["update"].encode())


def test_a_cycle_that_is_not_yet_gone_is_no_excuse(twin: Fresh) -> None:
    """The delete of the cycle may still be rolled back, so whoever deletes the locked week waits for it."""
    for ending in ("rollback", "commit"):
        with meeting(twin) as two:
            two.a.execute(f"delete from weeksmith.cycle where id = '{CYCLE}'".encode())
            running = two.start(f"delete from weeksmith.weekly_plan where id = '{CLOSED}'")
            getattr(two.a, ending)()
            if ending == "rollback":
                refused_with(running, "P0001", "weekly_plan_lock")
            else:
                assert running.result(10) == 0


def test_a_week_that_is_just_being_locked_is_not_deleted(twin: Fresh) -> None:
    with meeting(twin) as two:
        two.a.execute(LOCKS["lowering"].encode())
        running = two.start(f"delete from weeksmith.weekly_plan where id = '{OPEN}'")
        two.a.commit()
        refused_with(running, "P0001", "weekly_plan_lock")


# ----------------------------------------------------------------------------------------------------- unlocking


def unlock(plan: str, reason: str = "'ticket 4711'", more: str = "") -> str:
    return f"select weeksmith.unlock_plan('{plan}', {reason}{more})"


def test_unlocking_opens_the_week_and_leaves_an_entry(owner: Connection) -> None:
    with acting(owner, "service_role", {"role": "service_role", "sub": GRACE}):
        entry = value(owner, unlock(CLOSED))
    rows = owner.execute(
        "select actor_type::text, actor_user_id::text, subject_user_id::text, action, rationale, before_state,"
        " after_state, created_at = now() from weeksmith.audit_log where id = %s",
        (entry,),
    ).fetchall()
    before = {"id": CLOSED, "user_id": ADA, "cycle_id": CYCLE, "locked_after_week": 6}
    after = {**before, "locked_after_week": 12}
    assert rows == [("user", GRACE, ADA, "plan.unlock.override", "ticket 4711", before, after, True)]
    plan = f"select weeksmith.audit_state(p) from weeksmith.weekly_plan p where id = '{CLOSED}'"
    assert value(owner, plan) == after
    with acting(owner, "authenticated", user(ADA)):
        for statement in LOCKED[:3]:
            accepted(owner, statement)
    # Twice is once: the second time there is nothing to open, and nothing is written.
    refused(owner, unlock(CLOSED), "55000", "unlock_plan_locked")
    assert value(owner, "select count(*) from weeksmith.audit_log where action like 'plan.%'") == 1
    owner.execute(f"update weeksmith.weekly_plan set locked_after_week = 6 where id = '{CLOSED}'".encode())
    refused(owner, LOCKED[0], "P0001", "plan_item_quota_lock")


@pytest.mark.parametrize("claims", NOBODY)
def test_who_unlocks_without_a_user_is_the_system(owner: Connection, claims: str | None) -> None:
    with acting(owner, "service_role", claims):
        entry = value(owner, unlock(CLOSED))
    row = owner.execute("select actor_type::text, actor_user_id from weeksmith.audit_log where id = %s", (entry,))
    assert row.fetchone() == ("system", None)


def test_what_unlocking_refuses(owner: Connection) -> None:
    with acting(owner, "service_role"):
        refused(owner, unlock(CLOSED, "null"), "22023", "unlock_plan_reason")
        for reason in ("''", r"E' \n\t'", "'Was ill'"):
            refused(owner, unlock(CLOSED, reason), "23514", "audit_rationale_ticket")
        refused(owner, unlock(one("ff")), "P0002", "unlock_plan_exists")
        refused(owner, unlock(OPEN), "55000", "unlock_plan_locked")
        refused(owner, unlock(CLOSED, more=", 6"), "22023", "unlock_plan_opens")
        refused(owner, unlock(CLOSED, more=", -1"), "22023", "unlock_plan_opens")
        refused(owner, unlock(CLOSED, more=", 13"), "23514", "weekly_plan_locked_after_week_range")
        refused(owner, unlock(CLOSED, more=", null"), "22023", "unlock_plan_opens")
        for bound in (7, 12):
            accepted(owner, unlock(CLOSED, more=f", {bound}"), 1)
    for role in ("anon", "authenticated"):
        with acting(owner, role, user(ADA)):
            refused(owner, unlock(CLOSED), "42501")
    assert value(owner, "select count(*) from weeksmith.audit_log where action like 'plan.%'") == 0


def test_functions_with_the_rights_of_the_owner_pin_their_path_and_are_not_for_everybody(owner: Connection) -> None:
    query = (
        "select p.proname, p.prosecdef, 'search_path=\"\"' = any(p.proconfig), p.proacl::text ~ '[{,]=X'"
        " from pg_proc p where p.pronamespace = 'weeksmith'::regnamespace"
    )
    found = {row[0]: row[1:] for row in owner.execute(query.encode())}
    definer = {"unlock_plan", "refuse_locked_plan", "refuse_locked_quota"}
    assert definer == {name for name, row in found.items() if row[0]}
    assert all(row[1:] == (True, False) for row in found.values()), found


# ----------------------------------------------------------------------------------------------------- the audit

CHANGE_ENTRY = [
    ("update weeksmith.audit_log set rationale = 'other'", "audit_log_append_only"),
    ("update weeksmith.audit_log set actor_user_id = null", "audit_log_append_only"),
    ("update weeksmith.audit_log set id = id", "audit_log_append_only"),
    ("delete from weeksmith.audit_log", "audit_log_append_only"),
    ("truncate weeksmith.audit_log", "audit_log_append_only"),
    ("truncate weeksmith.audit_log, weeksmith.vision cascade", "audit_log_append_only"),
]


def test_the_audit_log_only_grows(owner: Connection, planner: Fresh) -> None:
    entry = f"insert into weeksmith.audit_log (actor_type, subject_user_id, action) values ('user', '{ADA}', 'x')"
    for statement, trigger in CHANGE_ENTRY:
        refused(owner, statement, "P0001", trigger)
    upsert = (
        "insert into weeksmith.audit_log select * from weeksmith.audit_log on conflict (id) do update set action = 'y'"
    )
    refused(owner, upsert, "P0001", "audit_log_append_only")
    with acting(owner, "service_role"):
        accepted(owner, entry, 1)
        for statement, _ in CHANGE_ENTRY:
            refused(owner, statement, "42501")
    for role in ("authenticated", "anon"):
        with acting(owner, role, user(ADA)):
            for statement in (entry, *(statement for statement, _ in CHANGE_ENTRY)):
                refused(owner, statement, "42501")
    if planner.owner is None:
        owner.execute("set local session_replication_role = replica")
        for statement, trigger in CHANGE_ENTRY:
            refused(owner, statement, "P0001", trigger)


def test_the_guards_of_the_audit_log_fire_always(owner: Connection) -> None:
    query = "select tgname::text, tgenabled::text from pg_trigger where tgrelid = 'weeksmith.audit_log'::regclass"
    found = owner.execute(f"{query} and not tgisinternal".encode()).fetchall()
    assert set(found) == {("audit_log_append_only", "A"), ("audit_log_no_truncate", "A")}


def test_the_audit_log_is_read_by_its_subject(owner: Connection) -> None:
    for identity in (ADA, GRACE):
        with acting(owner, "authenticated", user(identity)):
            assert value(owner, "select string_agg(subject_user_id::text, ',') from weeksmith.audit_log") == identity
            count = f"select count(*) from weeksmith.audit_log where subject_user_id <> '{identity}'"
            assert value(owner, count) == 0


# ------------------------------------------------------------------------------------------------------- who may

OWNERS = {**dict.fromkeys(TABLES, "user_id"), "audit_log": "subject_user_id", "chat_message": "session_id"}
WRITTEN = [table for table in TABLES if table != "audit_log"]


def test_a_user_sees_their_own_rows_alone(owner: Connection) -> None:
    for claims in NOBODY:
        with acting(owner, "authenticated", claims):
            for table in TABLES:
                assert value(owner, f"select count(*) from weeksmith.{table}") == 0, (table, claims)
            for table in WRITTEN:
                assert owner.execute(f"update weeksmith.{table} set id = id".encode()).rowcount == 0
                assert owner.execute(f"delete from weeksmith.{table}".encode()).rowcount == 0
    for identity, session in ((ADA, SESSION), (GRACE, HERS["session"])):
        with acting(owner, "authenticated", user(identity)):
            for table, column in OWNERS.items():
                whose = {str(row[0]) for row in owner.execute(f"select {column} from weeksmith.{table}".encode())}
                assert whose == {session if table == "chat_message" else identity}, table


FOR_GRACE = [
    f"insert into weeksmith.vision (user_id) values ('{one('ff')}')",
    f"insert into weeksmith.cycle (user_id, start_date, end_date) values ('{GRACE}', '2026-01-01', '2026-02-01')",
    "insert into weeksmith.goal (user_id, cycle_id, type, description, start_week, end_week)"
    f" values ('{GRACE}', '{HERS['cycle']}', 'professional', 'x', 1, 1)",
    "insert into weeksmith.weekly_plan (user_id, cycle_id, week_no, mode)"
    f" values ('{GRACE}', '{HERS['cycle']}', 4, 'time_block')",
    f"insert into weeksmith.task (user_id, title) values ('{GRACE}', 'x')",
    f"{INSERT} (gen_random_uuid(), '{GRACE}', '{OPEN}', 'km', 1)",
    f"insert into weeksmith.chat_session (user_id) values ('{GRACE}')",
    f"insert into weeksmith.chat_message (session_id, role, content) values ('{HERS['session']}', 'user', 'x')",
    f"update weeksmith.vision set user_id = '{one('ff')}'",
    f"update weeksmith.cycle set user_id = '{GRACE}'",
    f"update weeksmith.goal set user_id = '{GRACE}', cycle_id = '{HERS['cycle']}'",
    f"update weeksmith.weekly_plan set user_id = '{GRACE}', cycle_id = '{HERS['cycle']}'",
    f"update weeksmith.task set user_id = '{GRACE}'",
    f"update weeksmith.plan_item set user_id = '{GRACE}'",
    f"update weeksmith.chat_session set user_id = '{GRACE}', cycle_id = null",
    f"update weeksmith.chat_message set session_id = '{HERS['session']}'",
]


def test_a_user_writes_their_own_rows_alone(owner: Connection) -> None:
    with acting(owner, "authenticated", user(ADA)):
        for statement in FOR_GRACE:
            refused(owner, statement, "42501")
        for table, column in OWNERS.items():
            if table == "audit_log":
                continue
            mine = SESSION if table == "chat_message" else ADA
            hers = HERS["session"] if table == "chat_message" else GRACE
            adopt = f"update weeksmith.{table} set {column} = '{mine}' where {column} = '{hers}' returning id"
            assert owner.execute(adopt.encode()).rowcount == 0
            assert (
                owner.execute(f"delete from weeksmith.{table} where {column} = '{hers}' returning *".encode()).rowcount
                == 0
            )
        for statement in (
            f"insert into weeksmith.cycle (user_id, start_date, end_date) values ('{ADA}', '2026-01-01', '2026-02-01')",
            f"insert into weeksmith.task (user_id, title) values ('{ADA}', 'x')",
            f"insert into weeksmith.chat_message (session_id, role, content) values ('{SESSION}', 'user', 'x')",
            "update weeksmith.vision set daily = 'x'",
            f"update weeksmith.goal set description = 'x' where id = '{GOAL}'",
            "update weeksmith.chat_message set content = 'x'",
            "delete from weeksmith.chat_message",
            "delete from weeksmith.vision",
        ):
            accepted(owner, statement, 1)
        taken = f"insert into weeksmith.task (id, user_id, title) values ('{HERS['task']}', '{ADA}', 'mine')"
        refused(owner, f"{taken} on conflict (id) do update set title = 'mine'", "42501")


MATRIX = {
    "anon": dict.fromkeys(TABLES, ""),
    "authenticated": {**dict.fromkeys(TABLES, "SELECT INSERT UPDATE DELETE"), "audit_log": "SELECT"},
    "service_role": {**dict.fromkeys(TABLES, "SELECT INSERT UPDATE DELETE"), "audit_log": "SELECT INSERT"},
}


def test_privileges(owner: Connection) -> None:
    commands = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"]
    for role, tables in MATRIX.items():
        for table, expected in tables.items():
            query = "select has_table_privilege(%s, %s, %s)"
            found = [c for c in commands if owner.execute(query, (role, f"weeksmith.{table}", c)).fetchone() == (True,)]
            assert found == expected.split(), (role, table)
    for role, may in (("anon", False), ("authenticated", True), ("service_role", True), ("public", False)):
        assert value(owner, f"select has_schema_privilege('{role}', 'weeksmith', 'usage')") is may
        assert value(owner, f"select has_schema_privilege('{role}', 'weeksmith', 'create')") is False


def test_row_security_is_forced_everywhere(owner: Connection) -> None:
    query = (
        "select relname::text from pg_class where relnamespace = 'weeksmith'::regnamespace and relkind = 'r'"
        " and relrowsecurity and relforcerowsecurity"
    )
    assert {row[0] for row in owner.execute(query.encode())} == set(TABLES)


# -------------------------------------------------------------------------------------------------- the catalog


def test_every_foreign_key_and_every_user_has_an_index(owner: Connection) -> None:
    bare = owner.execute(
        """
        with columns as (
            select conrelid as tab, conkey[1] as col from pg_constraint
            where contype = 'f' and connamespace = 'weeksmith'::regnamespace
            union
            select attrelid, attnum from pg_attribute a join pg_class c on c.oid = attrelid and c.relkind = 'r'
            where c.relnamespace = 'weeksmith'::regnamespace and attname ~ '(^|_)user_id$'
        )
        select tab::regclass::text, col from columns
        where not exists (select from pg_index where indrelid = tab and indkey[0] = col)
        """
    ).fetchall()
    assert bare == []


def test_every_table_and_column_says_what_it_is_and_its_class(owner: Connection) -> None:
    query = (
        "select c.relname || '.' || a.attname, coalesce(col_description(c.oid, a.attnum), '') from pg_class c"
        " join pg_attribute a on a.attrelid = c.oid and a.attnum > 0"
        " where c.relnamespace = 'weeksmith'::regnamespace and c.relkind = 'r'"
    )
    found: dict[str, str] = dict(owner.execute(query.encode()).fetchall())
    assert len(found) == sum(len(columns.split()) for columns in CONTRACT.values())
    classed = re.compile(r"\. \[(public|administrative|personal|PHI|platform)\]$")
    assert [name for name, comment in found.items() if not classed.search(comment)] == []
    audited = [comment for name, comment in found.items() if name.startswith("audit_log.")]
    assert not any(comment.endswith(("[personal]", "[PHI]")) for comment in audited)
    for table in TABLES:
        assert classed.search(value(owner, f"select obj_description('weeksmith.{table}'::regclass)"))


@pytest.mark.parametrize("populated", [False, True], ids=["empty", "full"])
def test_each_down_undoes_its_up_and_up_again_is_the_same(fresh: Fresh, populated: bool) -> None:
    def state() -> frozenset[DatabaseObject]:
        with fresh.connect() as connection:
            return inventory(connection)

    states = []
    for migration in FILES:
        states.append(state())
        fresh.up(migration)
    full = state()
    if populated:
        with fresh.connect() as connection:
            connection.execute(ROWS.encode())
    for migration, before in zip(reversed(FILES), reversed(states), strict=True):
        fresh.down(migration)
        assert differences(before, state()) == [], migration
    fresh.up(*FILES)
    assert differences(full, state()) == []
    for migration in FILES[1:]:
        with pytest.raises(psycopg.errors.ProgrammingError, match="already exists"):
            fresh.up(migration)
    assert differences(full, state()) == []
