"""``intents`` by hand: each rule with a good and a bad row, each role with what it may and may not do."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from .conftest import MIGRATIONS, Fresh

ADA = "0f0c6d4e-6c1b-4b0e-9a65-0f6e1f2f7a01"
GRACE = "1d2b7c58-3f5a-4f0c-8f43-5a9d8f0f6b02"
INTENTS, EXECUTIONS = "intents.scheduled_intents", "intents.intent_executions"

Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def owner(applied: Fresh) -> Iterator[Connection]:
    """The owner's connection; Ada and Grace have one intent each, and each intent one execution."""
    with applied.connect() as connection:
        for user in (ADA, GRACE):
            intent = connection.execute(
                "insert into intents.scheduled_intents (user_id, intent_name, trigger_type, action_context)"
                " values (%s, 'Briefing', 'cron', 'Be brief.') returning id",
                (user,),
            ).fetchone()
            assert intent
            connection.execute(
                "insert into intents.intent_executions (intent_id, user_id, trigger_type, status)"
                " values (%s, %s, 'cron', 'success')",
                (intent[0], user),
            )
        yield connection


@pytest.fixture
def visitor(applied: Fresh, owner: Connection) -> Iterator[Connection]:
    """A superuser's connection, to ``set role`` on."""
    with applied.server.connect(applied.name) as connection:
        yield connection


REFUSED = [
    (INTENTS, "user_id", "repeat('x', 65)", "chk_user_id_length"),
    (INTENTS, "intent_name", "repeat('x', 257)", "chk_intent_name_length"),
    (INTENTS, "trigger_type", "'whim'", "chk_trigger_type"),
    (INTENTS, "action_type", "'shout'", "chk_action_type"),
    (INTENTS, "action_priority", "'urgent'", "chk_action_priority"),
    (INTENTS, "execution_count", "-1", "chk_execution_count_positive"),
    (INTENTS, "last_execution_status", "'ok'", "chk_last_execution_status"),
    (INTENTS, "max_executions", "0", "chk_max_executions_positive"),
    (INTENTS, "(max_executions, execution_count)", "(2, 3)", "chk_execution_count_within_max"),
    (EXECUTIONS, "trigger_type", "'whim'", "chk_execution_trigger_type"),
    (EXECUTIONS, "status", "'ok'", "chk_execution_status"),
    (EXECUTIONS, "evaluation_ms", "-1", "chk_evaluation_ms_positive"),
    (EXECUTIONS, "generation_ms", "-1", "chk_generation_ms_positive"),
    (EXECUTIONS, "delivery_ms", "-1", "chk_delivery_ms_positive"),
]

ACCEPTED = [
    (INTENTS, "intent_name", "repeat('ü', 256)"),
    *(
        (INTENTS, "trigger_type", f"'{value}'")
        for value in ["interval", "once", "price", "silence", "event", "calendar", "news"]
    ),
    *((INTENTS, "action_type", f"'{value}'") for value in ["check_in", "briefing", "analysis", "reminder"]),
    *((INTENTS, "action_priority", f"'{value}'") for value in ["low", "high", "critical"]),
    *((INTENTS, "last_execution_status", value) for value in ("null", "'gate_blocked'", "'condition_not_met'")),
    (INTENTS, "execution_count", "0"),
    (INTENTS, "max_executions", "1"),
    (INTENTS, "max_executions", "null"),
    (INTENTS, "(max_executions, execution_count)", "(2, 2)"),
    (INTENTS, "(max_executions, execution_count)", "(null, 3)"),
    (INTENTS, "metadata", "null"),
    (EXECUTIONS, "evaluation_ms", "0"),
    (EXECUTIONS, "generation_ms", "null"),
    *((EXECUTIONS, "status", f"'{value}'") for value in ["failed", "gate_blocked", "condition_not_met"]),
]


def test_every_check_refuses_what_it_must(owner: Connection) -> None:
    for table, column, value, constraint in REFUSED:
        with pytest.raises(psycopg.errors.CheckViolation) as caught:
            owner.execute(f"update {table} set {column} = {value}".encode())
        assert caught.value.diag.constraint_name == constraint


def test_the_list_of_checks_is_complete(owner: Connection) -> None:
    names = "select conname::text from pg_constraint where contype = 'c' and connamespace = 'intents'::regnamespace"
    assert {row[0] for row in owner.execute(names.encode())} == {refused[3] for refused in REFUSED}


def test_every_check_accepts_what_it_must(owner: Connection) -> None:
    for table, column, value in ACCEPTED:
        assert owner.execute(f"update {table} set {column} = {value}".encode()).rowcount == 2
    longest = "insert into intents.scheduled_intents (user_id, intent_name, trigger_type, action_context)"
    owner.execute(f"{longest} values (repeat('x', 64), 'n', 'cron', '')".encode())


def test_what_an_intent_is_when_nothing_is_said(owner: Connection) -> None:
    columns = "action_type, action_priority, execution_count, enabled, metadata::text, created_at <= now()"
    row = owner.execute(f"select {columns}, next_check, expires_at from {INTENTS} limit 1".encode()).fetchone()
    assert row == ("notify", "normal", 0, True, "{}", True, None, None)


def test_columns_stand_in_the_order_of_the_page(owner: Connection) -> None:
    query = "select count(*), min(attname) filter (where attnum = %s) from pg_attribute where attrelid = %s::regclass"
    for table, count, last in ((INTENTS, 24, "metadata"), (EXECUTIONS, 14, "error_message")):
        assert owner.execute(query + " and attnum > 0", (count, table)).fetchone() == (count, last)


def test_an_execution_is_of_an_intent_of_the_same_user(owner: Connection) -> None:
    insert = (
        "insert into intents.intent_executions (intent_id, user_id, trigger_type, status)"
        " select id, %s, 'cron', 'success' from intents.scheduled_intents where user_id = %s"
    )
    assert owner.execute(insert, (ADA, ADA)).rowcount == 1
    foreign_key_by = [
        (insert, (GRACE, ADA)),
        ("update intents.intent_executions set user_id = %s where user_id = %s", (GRACE, ADA)),
        # An intent with a history does not change hands either.
        ("update intents.scheduled_intents set user_id = %s where user_id = %s", ("nobody", ADA)),
    ]
    for statement, values in foreign_key_by:
        with pytest.raises(psycopg.errors.ForeignKeyViolation) as caught:
            owner.execute(statement, values)
        assert caught.value.diag.constraint_name == "fk_intent_executions_intent"


def test_an_intent_takes_its_own_history_with_it(owner: Connection) -> None:
    assert owner.execute("delete from intents.scheduled_intents where user_id = %s", (ADA,)).rowcount == 1
    assert owner.execute("select user_id from intents.intent_executions").fetchall() == [(GRACE,)]


def test_updated_at_is_the_moment_of_the_write_and_nothing_else(owner: Connection) -> None:
    forged = "insert into intents.scheduled_intents (user_id, intent_name, trigger_type, action_context, updated_at)"
    with owner.transaction():
        owner.execute(f"{forged} values ('me', 'n', 'cron', '', '1999-01-01')".encode())
        later = "select updated_at > now() and updated_at <= clock_timestamp() from intents.scheduled_intents"
        assert owner.execute(f"{later} where user_id = 'me'".encode()).fetchone() == (True,)
        for value in ("'2999-01-01'", "null", "updated_at"):
            owner.execute(b"create temporary table before on commit drop as table intents.scheduled_intents")
            owner.execute(f"update intents.scheduled_intents set updated_at = {value}".encode())
            moved = (
                "select bool_and(i.updated_at > b.updated_at and i.updated_at <= clock_timestamp())"
                " from intents.scheduled_intents i join before b using (id)"
            )
            assert owner.execute(moved.encode()).fetchone() == (True,)
            owner.execute("drop table before")


NOBODY = [None, "", "{not json", "[]", '{"role": "authenticated"}', '{"sub": "somebody"}', '{"sub": ""}']


def test_a_user_sees_their_own_rows_alone(visitor: Connection) -> None:
    visitor.execute("set role authenticated")
    for claims in NOBODY:
        if claims is not None:
            visitor.execute("select set_config('request.jwt.claims', %s, false)", (claims,))
        for table in (INTENTS, EXECUTIONS):
            assert visitor.execute(f"select from {table}".encode()).rowcount == 0
    visitor.execute("select set_config('request.jwt.claims', %s, false)", (f'{{"sub": "{ADA}"}}',))
    for table in (INTENTS, EXECUTIONS):
        assert visitor.execute(f"select user_id from {table}".encode()).fetchall() == [(ADA,)]


WRITES = [
    f"insert into {INTENTS} (user_id, intent_name, trigger_type, action_context) values ('{ADA}', 'n', 'cron', '')",
    f"update {INTENTS} set enabled = false",
    f"delete from {INTENTS}",
    f"truncate {INTENTS}, {EXECUTIONS}",
    f"update {EXECUTIONS} set status = 'failed'",
    f"delete from {EXECUTIONS}",
]


def test_a_user_writes_nothing(visitor: Connection) -> None:
    visitor.execute("set role authenticated")
    visitor.execute("select set_config('request.jwt.claims', %s, false)", (f'{{"sub": "{ADA}"}}',))
    for statement in WRITES:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            visitor.execute(statement.encode())


def test_anon_does_not_even_enter(visitor: Connection) -> None:
    visitor.execute("set role anon")
    for table in (INTENTS, EXECUTIONS):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="schema intents"):
            visitor.execute(f"select from {table}".encode())


def test_the_service_role_does_everything(visitor: Connection) -> None:
    visitor.execute("set role service_role")
    for statement in WRITES:
        visitor.execute("begin")
        assert visitor.execute(statement.encode()).rowcount != 0
        visitor.execute("rollback")


def test_the_planner_finds_due_intents_by_the_index(owner: Connection) -> None:
    owner.execute(
        "insert into intents.scheduled_intents"
        " (user_id, intent_name, trigger_type, action_context, enabled, next_check)"
        " select 'user ' || n % 500, 'n', 'cron', 'x', n % 10 > 0,"
        " case when n % 5 > 0 then now() + (n - 200) * interval '1 minute' end from generate_series(1, 20000) as n"
    )
    owner.execute("analyze intents.scheduled_intents")
    plan = owner.execute(
        "explain select id from intents.scheduled_intents"
        " where enabled and next_check <= now() order by next_check limit 100"
    ).fetchall()
    assert any("idx_intents_pending" in str(line[0]) for line in plan), plan


OBJECTS = """
select pg_describe_object(tableoid, oid, 0) as object, definition
from (
    select tableoid, oid, coalesce(nspacl, acldefault('n', nspowner))::text as definition from pg_namespace
    where nspname !~ '^pg_(toast_)?temp'
    union all
    select tableoid, oid, concat(relrowsecurity, relforcerowsecurity, coalesce(relacl, acldefault('r', relowner)))
    from pg_class where relkind = 'r'
    union all select tableoid, oid, pg_get_indexdef(oid) from pg_class where relkind = 'i'
    union all select tableoid, oid, pg_get_constraintdef(oid) from pg_constraint
    union all select tableoid, oid, pg_get_functiondef(oid) || proacl::text from pg_proc where prokind = 'f'
    union all select tableoid, oid, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
    union all select tableoid, oid, concat(polroles::regrole[], pg_get_expr(polqual, polrelid)) from pg_policy
    union all select tableoid, oid, typname from pg_type
    union all select tableoid, oid, pg_get_expr(adbin, adrelid) from pg_attrdef
    union all select classoid, objoid, concat(objsubid, description) from pg_description where objoid >= 16384
) as objects
where (oid >= 16384 or tableoid = 'pg_namespace'::regclass) and pg_describe_object(tableoid, oid, 0) !~ 'pg_toast'
order by 1, 2
"""


def objects(fresh: Fresh) -> list[tuple[object, ...]]:
    with fresh.connect() as connection:
        return connection.execute(OBJECTS).fetchall()


@pytest.mark.parametrize("populated", [False, True], ids=["empty", "full"])
def test_each_down_undoes_its_up_and_up_again_is_the_same(fresh: Fresh, populated: bool) -> None:
    states = [objects(fresh)]
    for migration in MIGRATIONS:
        fresh.up(migration)
        states.append(objects(fresh))
    if populated:
        with fresh.connect() as connection:
            connection.execute("insert into auth.users (email) values ('ada@example.org')")
            connection.execute(WRITES[0].encode())
    for migration, before in zip(reversed(MIGRATIONS), reversed(states[:-1]), strict=True):
        fresh.down(migration)
        assert objects(fresh) == before
    fresh.up()
    assert objects(fresh) == states[-1]


def test_what_the_files_but_the_first_take_back_leaves_every_row(applied: Fresh, owner: Connection) -> None:
    both = f"select to_jsonb(t)::text from {INTENTS} as t union all select to_jsonb(t)::text from {EXECUTIONS} as t"
    before = sorted(owner.execute(both.encode()).fetchall())
    for migration in ("intents/003_access", "intents/002_indexes"):
        applied.down(migration)
        assert sorted(owner.execute(both.encode()).fetchall()) == before
    with applied.server.connect(applied.name) as connection:
        for role in ("authenticated", "service_role"):
            connection.execute(f"set role {role}".encode())
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"select from {INTENTS}".encode())


def test_up_a_second_time_is_refused_and_changes_nothing(applied: Fresh) -> None:
    before = objects(applied)
    for migration in MIGRATIONS[1:]:
        with pytest.raises(psycopg.errors.ProgrammingError, match="already exists"):
            applied.up(migration)
    assert objects(applied) == before
