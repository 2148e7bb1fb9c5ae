"""``orchestrator`` by hand: each rule with what it refuses and accepts, each road around the resolved review."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from .conftest import Fresh
from .stage import Asker, Racing, asker, two_sessions
from .support import standing

MODULE = tuple(f"orchestrator/{name}" for name in ("001_tables", "002_guards", "003_access"))
MIGRATIONS = ("platform/001_auth", *MODULE)
RUNS, REVIEWS = "orchestrator.orchestrator_runs", "orchestrator.human_review_queue"
OPEN, DONE = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"
PROJECT = "00000000-0000-4000-8000-000000000009"

WORLD = f"""
insert into {RUNS} (thread_id, project_id, story_id) values ('a', '{PROJECT}', 's'), ('b', '{PROJECT}', 's');
insert into {REVIEWS} (id, thread_id, review_type, reason) values ('{OPEN}', 'a', 'safety', 'r');
insert into {REVIEWS} (id, thread_id, review_type, reason, status, resolved_by, resolved_at)
values ('{DONE}', 'b', 'safety', 'r', 'approved', 'Ada', now());
"""


def fill(fresh: Fresh) -> None:
    with fresh.connect(autocommit=False) as connection:
        connection.execute(WORLD.encode())


@pytest.fixture(
    scope="module", params=["embedded-superuser", "embedded-ordinary", "system-superuser", "system-ordinary"]
)
def home(request: pytest.FixtureRequest) -> Iterator[Fresh]:
    """The module applied to each server, by a superuser and by an ordinary role; one review waits, one is resolved."""
    where, who = request.param.split("-")
    server = request.getfixturevalue("server" if where == "embedded" else "system_server")
    with standing(server, who == "ordinary", MIGRATIONS) as fresh:
        fill(fresh)
        yield fresh


@pytest.fixture
def owner(home: Fresh) -> Iterator[Asker]:
    with asker(home) as found:
        found.become("owner")
        yield found


@pytest.fixture
def own_world(fresh: Fresh) -> Fresh:
    """A database of its own, for what has to be committed."""
    fresh.up(*MIGRATIONS)
    fill(fresh)
    return fresh


RUN_COLUMNS = {
    "id": "uuid! gen_random_uuid()",
    "thread_id": "text!",
    "project_id": "uuid!",
    "story_id": "text!",
    "phase": "text! 'planning'::text",
    "current_agent": "text",
    "gate_status": "text! 'pending'::text",
    "safety_score": "numeric(3,2)! 1.00",
    "violations": "text[]",
    "requires_human_review": "boolean! false",
    "tokens_used": "integer! 0",
    "cost_usd": "numeric(10,6)! 0",
    "started_at": "timestamp with time zone! now()",
    "completed_at": "timestamp with time zone",
    "updated_at": "timestamp with time zone! now()",
    "files_created": "text[]",
    "error": "text",
}
REVIEW_COLUMNS = {
    "id": "uuid! gen_random_uuid()",
    "thread_id": "text!",
    "review_type": "text!",
    "reason": "text!",
    "safety_score": "numeric(3,2)",
    "context": "jsonb",
    "status": "text! 'pending'::text",
    "resolved_by": "text",
    "resolved_at": "timestamp with time zone",
    "resolution_notes": "text",
    "created_at": "timestamp with time zone! now()",
}


def test_columns_stand_as_on_the_page(owner: Asker) -> None:
    query = (
        "select attname, concat(format_type(atttypid, atttypmod), case when attnotnull then '!' end,"
        " ' ' || pg_get_expr(adbin, adrelid)) from pg_attribute"
        " left join pg_attrdef on (adrelid, adnum) = (attrelid, attnum)"
        " where attrelid = %s::regclass and attnum > 0 order by attnum"
    )
    for table, columns in ((RUNS, RUN_COLUMNS), (REVIEWS, REVIEW_COLUMNS)):
        assert owner.rows(query, table) == list(columns.items())


def test_indexes_of_the_page(owner: Asker) -> None:
    rows = owner.rows(
        "select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index join pg_class on oid = indexrelid"
        " where relnamespace = 'orchestrator'::regnamespace and not indisunique"
    )
    keys = {name.removeprefix("orchestrator."): definition.rpartition(" ")[0] for name, definition in rows}
    assert {name: dict(rows)[f"orchestrator.{name}"].partition(" USING btree ")[2] for name in keys} == {
        "idx_orchestrator_runs_project": "(project_id)",
        "idx_orchestrator_runs_status": "(phase, gate_status)",
        "idx_orchestrator_runs_thread": "(thread_id)",
        "idx_human_review_thread": "(thread_id)",
        "idx_human_review_status": "(status)",
        "idx_human_review_type": "(review_type)",
    }


def test_every_table_and_column_says_what_it_is_in_which_class(owner: Asker) -> None:
    rows = owner.rows(
        "select c.relname, a.attname, col_description(c.oid, a.attnum), obj_description(c.oid, 'pg_class')"
        " from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0"
        " where c.relnamespace = 'orchestrator'::regnamespace and c.relkind = 'r'"
    )
    assert len(rows) == 28
    for table, column, *comments in rows:
        for comment in comments:
            assert str(comment).endswith(("[administrative]", "[platform]")), (table, column)


def of_run(change: str) -> str:
    return f"update {RUNS} set {change} where thread_id = 'a'"


def of_review(change: str, review: str = OPEN) -> str:
    return f"update {REVIEWS} set {change} where id = '{review}'"


REFUSED = [
    (of_run("phase = 'planned'"), "chk_orchestrator_runs_phase"),
    (of_run("gate_status = 'stop'"), "chk_orchestrator_runs_gate_status"),
    *(
        (of_run(f"safety_score = {value}"), "chk_orchestrator_runs_safety_score")
        for value in ("-0.01", "1.01", "'NaN'")
    ),
    (of_run("tokens_used = -1"), "chk_orchestrator_runs_tokens_used"),
    *((of_run(f"cost_usd = {value}"), "chk_orchestrator_runs_cost_usd") for value in ("-0.000001", "'NaN'")),
    (of_run("completed_at = started_at - interval '1 microsecond'"), "chk_orchestrator_runs_times"),
    (of_review("review_type = 'taste'"), "chk_human_review_queue_review_type"),
    *((of_review(f"safety_score = {v}"), "chk_human_review_queue_safety_score") for v in ("-0.01", "1.01", "'NaN'")),
    (of_review("status = 'done', resolved_by = 'x', resolved_at = now()"), "chk_human_review_queue_status"),
    (of_review("status = 'approved', resolved_at = now()"), "chk_human_review_queue_resolved_by"),
    (of_review("resolved_by = 'x'"), "chk_human_review_queue_resolved_by"),
    (of_review("status = 'rejected', resolved_by = 'x'"), "chk_human_review_queue_resolved_at"),
    (of_review("resolved_at = now()"), "chk_human_review_queue_resolved_at"),
    (of_review("resolution_notes = ''"), "chk_human_review_queue_resolution_notes"),
]
ACCEPTED = [
    *(of_run(f"phase = '{phase}'") for phase in ("planning", "development", "testing", "complete", "failed")),
    *(of_run(f"gate_status = '{gate}'") for gate in ("pending", "go", "hold", "kill", "recycle")),
    *(of_run(f"safety_score = {score}") for score in ("0", "1", "0.5", "1.004")),
    of_run("tokens_used = 0, cost_usd = 0"),
    of_run("cost_usd = 9999.999999"),
    of_run("completed_at = started_at"),
    of_run("completed_at = null"),
    of_run("violations = '{}', files_created = null"),
    *(of_review(f"review_type = '{kind}'") for kind in ("safety", "gate_override", "budget_exceeded")),
    *(of_review(f"safety_score = {score}") for score in ("0", "1", "null")),
    *(of_review(f"status = '{s}', resolved_by = 'x', resolved_at = now()") for s in ("approved", "rejected")),
    of_review("status = 'approved', resolved_by = 'x', resolved_at = now(), resolution_notes = 'y'"),
    of_review("reason = 'another', context = '[1]', thread_id = 'b'"),
]


def test_every_check_refuses_what_it_must(owner: Asker) -> None:
    for statement, constraint in REFUSED:
        owner.refused(statement, by=constraint, sqlstate="23514")
    names = "select conname from pg_constraint where contype = 'c' and connamespace = 'orchestrator'::regnamespace"
    assert {row[0] for row in owner.rows(names)} == {constraint for _, constraint in REFUSED}


def test_every_check_accepts_what_it_must(owner: Asker) -> None:
    for statement in ACCEPTED:
        assert owner.tried(statement) == 1, statement


def test_keys(owner: Asker) -> None:
    owner.refused(of_run("thread_id = 'b'"), by="uq_orchestrator_runs_thread", sqlstate="23505")
    owner.refused(of_run("thread_id = 'c'"), by="fk_human_review_queue_thread", sqlstate="23503")
    owner.refused(of_review("thread_id = 'c'"), by="fk_human_review_queue_thread", sqlstate="23503")


def test_updated_at_is_the_moment_of_the_write_and_nothing_else(owner: Asker) -> None:
    for value in ("'2999-01-01'", "'1999-01-01'", "null", "updated_at"):
        owner.run(f"update {RUNS} set updated_at = {value}")
        assert owner.one(f"select bool_and(updated_at > now() and updated_at <= clock_timestamp()) from {RUNS}")
    columns = "thread_id, project_id, story_id, updated_at"
    owner.run(f"insert into {RUNS} ({columns}) values ('c', '{PROJECT}', 's', '1999-01-01')")
    assert owner.one(f"select updated_at > now() from {RUNS} where thread_id = 'c'")


CHANGES = [
    "status = 'pending', resolved_by = null, resolved_at = null",
    "status = 'rejected'",
    "resolved_by = 'Eve'",
    "resolved_at = '2020-01-01'",
    "resolution_notes = 'Changed my mind.'",
    "reason = 'x'",
    "context = '{}'",
    "safety_score = 0.5",
    "review_type = 'gate_override'",
    "thread_id = 'a'",
    "created_at = '2020-01-01'",
    "id = gen_random_uuid()",
]


def test_no_road_changes_a_resolved_review(owner: Asker) -> None:
    """Neither for the service role nor for the owner or a superuser, nor where ordinary triggers sleep."""
    merge = f"merge into {REVIEWS} as t using (select '{DONE}'::uuid as id) as s on t.id = s.id"
    upsert = f"insert into {REVIEWS} (id, thread_id, review_type, reason) values ('{DONE}', 'b', 'safety', 'r')"
    roads = [
        *(of_review(change, DONE) for change in CHANGES),
        *(f"{merge} when matched then update set {change}" for change in CHANGES),
        *(f"{upsert} on conflict (id) do update set {change}" for change in CHANGES),
        f"{merge} when matched then delete",
        f"delete from {REVIEWS} where id = '{DONE}'",
        f"delete from {REVIEWS}",
        f"update {REVIEWS} set reason = 'x'",
        f"with gone as (delete from {REVIEWS} where id = '{DONE}' returning *)"
        f" insert into {REVIEWS} (id, thread_id, review_type, reason) select id, thread_id, 'safety', 'r' from gone",
        f"with other as (delete from {RUNS} where thread_id = 'a' returning 1)"
        f" delete from {REVIEWS} where id = '{DONE}' and exists (select from other)",
    ]
    for who, replicating in (("service_role", "origin"), ("owner", "origin"), ("none", "origin"), ("none", "replica")):
        owner.become("none", session_replication_role=replicating)
        owner.become(who)
        for statement in roads:
            owner.refused(statement, by="human_review_queue_resolved", sqlstate="P0001")
        if who != "service_role":
            owner.refused(f"truncate {REVIEWS}", by="human_review_queue_no_truncate", sqlstate="P0001")
            owner.refused(f"truncate {RUNS} cascade", by="human_review_queue_no_truncate", sqlstate="P0001")


def test_a_trigger_of_somebody_else_is_no_way_around(owner: Asker) -> None:
    owner.run(
        "create function pg_temp.deep() returns trigger language plpgsql as $$ begin"
        f" delete from {REVIEWS} where id = '{DONE}'; return new; end $$"
    )
    owner.run(f"create trigger deep after update on {RUNS} for each row execute function pg_temp.deep()")
    owner.refused(of_run("error = 'x'"), by="human_review_queue_resolved", sqlstate="P0001")


def test_a_run_that_is_renamed_is_not_gone(owner: Asker) -> None:
    renamed = f"with renamed as (update {RUNS} set thread_id = 'c' where thread_id = 'b' returning id)"
    lost = f"{renamed} delete from {REVIEWS} where id = '{DONE}' and exists (select from renamed)"
    for who, replicating in (("service_role", "origin"), ("owner", "origin"), ("none", "replica")):
        owner.become("none", session_replication_role=replicating)
        owner.become(who)
        owner.refused(lost, by="orchestrator_runs_keep_thread", sqlstate="P0001")
    assert owner.tried(of_run("thread_id = thread_id, error = 'x'")) == 1


def test_what_is_no_change_passes(owner: Asker) -> None:
    upsert = f"insert into {REVIEWS} select * from {REVIEWS} where id = '{DONE}' on conflict (id) do update set "
    for statement in (of_review("status = status, reason = 'r'", DONE), f"{upsert} reason = excluded.reason"):
        assert owner.tried(statement) == 1


def test_a_review_that_waits_is_free(owner: Asker) -> None:
    for change in ("reason = 'x'", "thread_id = 'b'", "context = '{}', safety_score = 0.1, created_at = now()"):
        assert owner.tried(of_review(change)) == 1
    assert owner.tried(f"delete from {REVIEWS} where id = '{OPEN}'") == 1
    # It may also be resolved when it is written down.
    columns = "thread_id, review_type, reason, status, resolved_by, resolved_at"
    assert owner.tried(f"insert into {REVIEWS} ({columns}) values ('a', 'safety', 'r', 'rejected', 'x', now())") == 1


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("role", ["owner", "service_role"])
def test_a_run_takes_its_reviews_with_it(owner: Asker, count: int, role: str) -> None:
    owner.run(f"insert into {RUNS} (thread_id, project_id, story_id) values ('c', '{PROJECT}', 's')")
    for status in ("pending", "approved", "rejected"):
        resolved = "null, null" if status == "pending" else "'x', now()"
        owner.run(
            f"insert into {REVIEWS} (thread_id, review_type, reason, status, resolved_by, resolved_at)"
            f" select 'c', 'safety', 'r', '{status}', {resolved} from generate_series(1, %s)",
            count,
        )
    owner.become(role)
    for _ in range(2):
        # By hand, then by the cascade, then by hand: the guard keeps its plan, and must not keep its answer.
        owner.refused(f"delete from {REVIEWS} where id = '{DONE}'", by="human_review_queue_resolved", sqlstate="P0001")
        assert owner.tried(f"delete from {RUNS} where thread_id = 'c'") == 1
    assert owner.run(f"delete from {RUNS} where thread_id = 'c'").rowcount == 1
    assert owner.rows(f"select id::text from {REVIEWS} order by 1") == [(OPEN,), (DONE,)]
    assert owner.run(f"delete from {RUNS}").rowcount == 2
    assert owner.rows(f"select from {REVIEWS}") == []


# Roles.

CLAIMS = [None, "", "{not json", "[]", '{"sub": "somebody"}', f'{{"sub": "{PROJECT}", "role": "authenticated"}}']


@pytest.mark.parametrize("claims", CLAIMS)
def test_whoever_is_signed_in_reads_and_writes_nothing(owner: Asker, claims: str | None) -> None:
    owner.become("authenticated", request__jwt__claims=claims)
    for table in (RUNS, REVIEWS):
        assert owner.run(f"select from {table}").rowcount == 2
        for statement in (f"update {table} set id = id", f"delete from {table}", f"truncate {table} cascade",
                          f"insert into {table} default values"):  # fmt: skip
            owner.refused(statement, by=None, sqlstate="42501")


def test_the_service_role_writes_and_does_not_truncate(owner: Asker) -> None:
    owner.become("service_role")
    assert owner.tried(WORLD.splitlines()[1].replace("('a'", "('x'").replace("('b'", "('y'")) == 2
    assert owner.tried(of_run("phase = 'testing'")) == 1
    assert owner.tried(f"delete from {RUNS} where thread_id = 'a'") == 1
    owner.refused(f"truncate {REVIEWS}", by=None, sqlstate="42501")


def test_privileges_are_these_and_no_others(owner: Asker) -> None:
    for table in (RUNS, REVIEWS):
        rows = owner.rows(
            "select grantee::regrole::text, array_agg(privilege_type order by privilege_type) from pg_class,"
            " aclexplode(relacl) where oid = %s::regclass and grantee <> relowner group by 1",
            table,
        )
        every = ["DELETE", "INSERT", "SELECT", "UPDATE"]
        assert dict(rows) == {"authenticated": ["SELECT"], "service_role": every}
    owner.become("anon")
    owner.refused(f"select from {RUNS}", by=None, sqlstate="42501")


def test_row_security_is_forced_and_functions_are_closed(owner: Asker) -> None:
    tables = owner.rows(
        "select relname from pg_class where relnamespace = 'orchestrator'::regnamespace and relkind = 'r'"
        " and relrowsecurity and relforcerowsecurity order by 1"
    )
    assert tables == [("human_review_queue",), ("orchestrator_runs",)]
    open_ = owner.rows(
        "select proname from pg_proc where pronamespace = 'orchestrator'::regnamespace and ("
        " proacl is null or exists (select from aclexplode(proacl) where grantee = 0)"
        " or not coalesce(proconfig @> array['search_path=\"\"'], false))"
    )
    assert open_ == []


# Two sessions.

RESOLVE = "status = '{0}', resolved_by = 'x', resolved_at = now()"


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
@pytest.mark.parametrize(
    "second_does", [of_review(RESOLVE.format("rejected")), f"delete from {REVIEWS} where id = '{OPEN}'"]
)
def test_of_two_sessions_that_resolve_a_review_one_does(own_world: Fresh, isolation: str, second_does: str) -> None:
    with two_sessions(own_world) as (first, second, watcher):
        for session in (first, second):
            session.execute(f"set transaction isolation level {isolation}".encode())
            session.execute(f"select from {REVIEWS}".encode())
        first.execute(of_review(RESOLVE.format("approved")).encode())
        race = Racing(second, second_does)
        race.blocked(watcher)
        first.commit()
        serial = ("40001", None, None)
        assert race.outcome() == (
            serial if isolation != "read committed" else ("P0001", "human_review_queue_resolved", None)
        )
        status = watcher.execute(f"select status from {REVIEWS} where id = '{OPEN}'".encode()).fetchone()
        assert status == ("approved",)


def test_a_review_that_was_not_resolved_after_all_is_free(own_world: Fresh) -> None:
    with two_sessions(own_world) as (first, second, watcher):
        first.execute(of_review(RESOLVE.format("approved")).encode())
        race = Racing(second, of_review(RESOLVE.format("rejected")))
        race.blocked(watcher)
        first.rollback()
        assert race.outcome() == (None, None, 1)


@pytest.mark.parametrize("ending", ["commit", "rollback"])
def test_a_hand_does_not_use_the_moment_in_which_another_session_deletes_the_run(own_world: Fresh, ending: str) -> None:
    with two_sessions(own_world) as (first, second, watcher):
        first.execute(f"delete from {RUNS} where thread_id = 'b'".encode())
        race = Racing(second, f"delete from {REVIEWS} where id = '{DONE}'")
        race.blocked(watcher)
        getattr(first, ending)()
        refused = ("P0001", "human_review_queue_resolved", None)
        assert race.outcome() == (refused if ending == "rollback" else (None, None, 0))


@pytest.mark.parametrize("ending", ["commit", "rollback"])
def test_a_run_and_a_new_review_of_it_do_not_miss_each_other(own_world: Fresh, ending: str) -> None:
    insert = f"insert into {REVIEWS} (thread_id, review_type, reason) values ('a', 'safety', 'late')"
    with two_sessions(own_world) as (first, second, watcher):
        first.execute(f"delete from {RUNS} where thread_id = 'a'".encode())
        race = Racing(second, insert)
        race.blocked(watcher)
        getattr(first, ending)()
        refused = ("23503", "fk_human_review_queue_thread", None)
        assert race.outcome() == (refused if ending == "commit" else (None, None, 1))


# Migrations.

OBJECTS = """
select pg_describe_object(tableoid, oid, 0) as object, definition
from (
    select tableoid, oid, coalesce(nspacl, acldefault('n', nspowner))::text as definition from pg_namespace
    where nspname !~ '^pg_(toast_)?temp'
    union all
    select tableoid, oid, concat(relrowsecurity, relforcerowsecurity, coalesce(relacl, acldefault('r', relowner)))
    from pg_class where relkind in ('r', 'v')
    union all select tableoid, oid, pg_get_indexdef(oid) from pg_class where relkind = 'i'
    union all select tableoid, oid, pg_get_constraintdef(oid) from pg_constraint
    union all select tableoid, oid, pg_get_functiondef(oid) || proacl::text from pg_proc where prokind = 'f'
    union all select tableoid, oid, tgenabled::text || pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
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
        return connection.execute(OBJECTS.encode()).fetchall()


@pytest.mark.parametrize("populated", [False, True], ids=["empty", "full"])
def test_each_down_undoes_its_up_and_up_again_is_the_same(fresh: Fresh, populated: bool) -> None:
    states = [objects(fresh)]
    for migration in MIGRATIONS:
        fresh.up(migration)
        states.append(objects(fresh))
    if populated:
        fill(fresh)
    for migration, before in zip(reversed(MIGRATIONS), reversed(states[:-1]), strict=True):
        fresh.down(migration)
        assert objects(fresh) == before
    fresh.up(*MIGRATIONS)
    assert objects(fresh) == states[-1]


def test_up_a_second_time_is_refused_and_changes_nothing(fresh: Fresh) -> None:
    fresh.up(*MIGRATIONS)
    before = objects(fresh)
    for migration in MODULE:
        with pytest.raises(psycopg.errors.ProgrammingError, match="already exists"):
            fresh.up(migration)
    assert objects(fresh) == before
