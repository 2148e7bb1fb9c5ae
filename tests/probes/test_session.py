"""A batch of probes gives the replies that the statements give one by one, and leaves nothing behind."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.catalog import read
from harness.probes import (
    Accepted,
    Delete,
    Execute,
    Insert,
    Postcondition,
    Probe,
    Reply,
    Scenario,
    ScenarioResult,
    ServerError,
    Session,
    TimedOut,
    TimeLimits,
    Update,
)
from harness.probes.session import BATCH
from harness.project.model import TableName
from harness.server.connection import Server

P, C = TableName("t", "parents"), TableName("t", "Kinder")
SCHEMA = """
create schema t;
create domain t.word as text check (value <> 'bad');
create table t.parents (id integer primary key, word t.word, doc jsonb, unique (word));
create table t."Kinder" (
    id integer generated always as identity, "Ä" integer not null default 7 constraint "chk Ä" check ("Ä" > 0),
    parent integer references t.parents on delete cascade deferrable initially deferred, plain json, tags text[]
);
create function t.refuse() returns trigger language plpgsql as $$
begin
    if new.word = 'whim' then
        raise 'no whims' using errcode = 'P0042', schema = 't', table = 'parents', constraint = 'no_whims';
    end if;
    return new;
end $$;
create trigger refuse before insert or update on t.parents for each row execute function t.refuse();
insert into t.parents values (100, 'stands', '{}');
"""
KEYS = st.sampled_from(["1", "2", "100"])
IDS = KEYS | st.sampled_from(["2147483648", "x"])
WORDS = st.none() | st.sampled_from(["", "bad", "whim", "stands", "it's", "a\\b", "ä"])
DOCUMENTS = st.none() | st.sampled_from(["{}", "null", '{"a": "it\'s"}', '"text"', " null ", "[null]"])
# A domain reads its value before it is known whether an UPDATE finds a row.
CHANGED = WORDS.filter(lambda word: word != "bad")
# One thing wrong at a time: which of two PostgreSQL names first is nobody's promise.
PARENTS = st.fixed_dictionaries({"id": IDS}, optional={"word": CHANGED, "doc": DOCUMENTS}) | st.fixed_dictionaries(
    {"id": KEYS, "word": st.just("bad")}, optional={"doc": DOCUMENTS}
)
TAGS = st.sampled_from([None, "{}", '{"a,b","NULL"}'])
CHILD = {"id": st.sampled_from(["1", "2", None]), "Ä": st.sampled_from(["1", "0", None]), "plain": DOCUMENTS}
CHILDREN = st.fixed_dictionaries(
    {}, optional={**CHILD, "parent": st.none() | IDS, "tags": TAGS}
) | st.fixed_dictionaries({"tags": st.just("{a")}, optional={**CHILD, "parent": st.none() | KEYS})
STATEMENTS = st.one_of(
    PARENTS.map(lambda row: Insert(P, row)),
    CHILDREN.map(lambda row: Insert(C, row)),
    st.tuples(KEYS, PARENTS, CHANGED).map(lambda all: Update(P, {"id": all[0]}, {**all[1], "word": all[2]})),
    st.tuples(KEYS, CHANGED).map(lambda both: Update(P, {"id": both[0], "word": None}, {"word": both[1]})),
    st.sampled_from(["1", "0", None]).map(lambda value: Update(C, {"id": "1"}, {"Ä": value})),
    IDS.map(lambda key: Delete(P, {"id": key})),
    st.sampled_from(
        [
            "select * from t.parents",
            "truncate t.parents cascade",
            "update t.parents set word = word || '!'",
            "select 1 / 0",
            "selec",
            "do $$ begin assert false; end $$",
            "set local work_mem to '1MB'",
            "select * from t.nothing",
        ]
    ).map(Execute),
)
THEN = st.none() | st.just(
    Postcondition("select count(*)::text || current_setting('harness.changed') from t.parents", "", "how many")
)
SETTINGS = st.sampled_from([{}, {}, {"app.user": "it's"}, {"role": "probe_reader"}, {"work_mem": "no"}])
PROBES = st.builds(Probe, STATEMENTS, st.just(Accepted()), st.just("a"), st.just(""), SETTINGS, THEN)
# A sound row of each table stands first: it is the base that the others are told from.
BASES = (Insert(P, {"id": "50", "word": "base"}), Insert(C, {"id": "50", "Ä": "1"}))
SETUPS = st.lists(STATEMENTS, max_size=3).map(lambda drawn: (*BASES, *drawn))
SCENARIOS = st.lists(
    st.builds(Scenario, SETUPS, st.lists(PROBES, min_size=1, max_size=4).map(tuple)), min_size=1, max_size=4
)
QUICK = settings(
    max_examples=80, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture
def connection(database: tuple[Server, str]) -> Any:
    server, name = database
    with server.connect(name) as connection:
        if connection.execute("select from pg_roles where rolname = 'probe_reader'").fetchone() is None:
            connection.execute("create role probe_reader")
        connection.execute(
            SCHEMA + "grant usage on schema t to probe_reader; grant select on t.parents to probe_reader"
        )
        yield connection


def test_a_batch_replies_as_one_by_one(connection: psycopg.Connection[Any]) -> None:
    session = Session(connection, read(connection))

    @QUICK
    @given(SCENARIOS)
    def same(scenarios: list[Scenario]) -> None:
        before = _state(connection)
        found = session.run(scenarios)
        assert _state(connection) == before
        assert [_plain(answer) for answer in found] == [_one_by_one(connection, scenario) for scenario in scenarios]

    same()


def _state(connection: psycopg.Connection[Any]) -> list[object]:
    """What a batch must leave alone: rows, settings, the role, and no transaction is open."""
    query = """
    select (select count(*) from t.parents), (select count(*) from t."Kinder"), current_user,
    current_setting('work_mem'),
    coalesce(current_setting('app.user', true), ''), (select md5(string_agg(p::text, ',')) from t.parents as p)
    """
    return [*connection.execute(query).fetchall(), connection.info.transaction_status]


def _plain(answer: ScenarioResult) -> object:
    if isinstance(answer, ServerError):
        return _named(answer)
    return [
        (_named(reply.refusal), None, None) if reply.refusal else (None, reply.rows, reply.then)
        for reply in _replies(answer)
    ]


def _replies(answer: ScenarioResult) -> list[Reply]:
    """The replies of a scenario that was tried, and has no families."""
    assert not isinstance(answer, ServerError)
    found = [reply for reply in answer if isinstance(reply, Reply)]
    assert len(found) == len(answer)
    return found


def _named(refusal: ServerError) -> tuple[str, ...]:
    if refusal.sqlstate == "HX002":
        return ("HX002",)
    return (refusal.sqlstate, refusal.table, refusal.column, refusal.constraint, refusal.datatype)


def _one_by_one(connection: psycopg.Connection[Any], scenario: Scenario) -> object:
    with connection.transaction(force_rollback=True):
        try:
            for statement in scenario.setup:
                connection.execute(statement.sql.encode())
        except psycopg.Error as error:
            return _diagnosis(error)
        return [_try(connection, probe) for probe in scenario.probes if isinstance(probe, Probe)]


def _try(connection: psycopg.Connection[Any], probe: Probe) -> object:
    with connection.transaction(force_rollback=True):
        try:
            for name, value in sorted(probe.settings.items(), key=lambda item: item[0] == "role"):
                connection.execute("select set_config(%s, %s, true)", [name, value])
        except psycopg.Error:
            return (("HX002",), None, None)
        try:
            changed = connection.execute(probe.statement.sql.encode()).rowcount
            changed = max(changed, 0)
            connection.execute("set constraints all immediate")
        except psycopg.Error as error:
            return (_diagnosis(error), None, None)
        then = None
        if probe.then is not None:
            connection.execute("reset role")
            connection.execute("select set_config('harness.changed', %s, true)", [str(changed)])
            row = connection.execute(probe.then.sql.encode()).fetchone()
            then = row[0] if row else None
        return (None, changed, then)


def _diagnosis(error: psycopg.Error) -> tuple[str, ...]:
    diag = error.diag
    found = (diag.sqlstate, diag.table_name, diag.column_name, diag.constraint_name, diag.datatype_name)
    return tuple(each or "" for each in found)


def test_more_probes_than_one_batch_holds(connection: psycopg.Connection[Any]) -> None:
    session = Session(connection, read(connection))
    probes = tuple(Probe(Insert(P, {"id": str(n), "word": str(n)}), Accepted(1), "a") for n in range(BATCH // 2 + 1))
    answers = session.run([Scenario((), probes)] * 4 + [Scenario((), probes * 3)])
    replies = [_replies(answer) for answer in answers]
    assert [len(each) for each in replies] == [*[len(probes)] * 4, len(probes) * 3]
    refused = [reply.refusal for each in replies for reply in each if reply.refusal]
    assert {(refusal.sqlstate, refusal.constraint) for refusal in refused} == {("23505", "parents_pkey")}
    assert len(refused) == 7  # of the parent that stands there, once in each run of the probes


def test_a_setup_that_fails_does_not_disturb_its_neighbours(connection: psycopg.Connection[Any]) -> None:
    session = Session(connection, read(connection))
    probe = Probe(Insert(P, {"id": "1"}), Accepted(1), "a")
    broken = Scenario((Insert(P, {"id": "1"}), Insert(P, {"id": "100"})), (probe, probe))
    sound = Scenario((Insert(P, {"id": "2"}),), (probe, probe))
    first, second, third = session.run([sound, broken, sound])
    assert first == third == [Reply(None, 1, None)] * 2
    assert isinstance(second, ServerError)
    assert str(second) == "refused by parents_pkey (23505)"


def test_what_stands_is_settled_unless_it_waits_for_the_probe(connection: psycopg.Connection[Any]) -> None:
    session = Session(connection, read(connection))
    probes = tuple(Probe(Insert(P, {"id": id}), Accepted(1), "a") for id in ("5", "6"))
    child = Scenario((Insert(C, {"Ä": "1", "parent": "5"}),), probes)
    refused, answered = session.run([child, replace(child, waits=True)])
    assert isinstance(refused, ServerError)
    assert (refused.sqlstate, refused.at_commit) == ("23503", True)
    assert [reply.refusal and reply.refusal.sqlstate for reply in _replies(answered)] == [None, "23503"]


def test_what_hangs_on_a_setting_that_cannot_be_made_is_no_refusal_of_the_statement(
    connection: psycopg.Connection[Any],
) -> None:
    session = Session(connection, read(connection))
    probe = Probe(Execute("select 1"), Accepted(), "a", settings={"role": "nobody_of_that_name"})
    (answer,) = session.run([Scenario((), (probe,))])
    (reply,) = _replies(answer)
    assert reply.refusal is not None
    assert reply.refusal.sqlstate == "HX002"


def test_a_question_before_sees_what_the_statement_then_removes(connection: psycopg.Connection[Any]) -> None:
    before = "select set_config('harness.before', (select count(*) from t.parents)::text, true)"
    then = Postcondition(
        "select current_setting('harness.before') || ', ' || count(*) from t.parents", "1, 0", "before and after"
    )
    probe = Probe(Delete(P, {"id": "100"}), Accepted(1), "a", then=then, before=before)
    assert Session(connection, read(connection)).run([Scenario((), (probe,))]) == [[Reply(None, 1, "1, 0")]]


SLOW = """
create function t.wait() returns trigger language plpgsql as $$
begin
    perform pg_sleep(case new.word when 'slow' then 0.15 when 'never' then 60 else 0 end);
    return new;
end $$;
create trigger wait before insert on t.parents for each row execute function t.wait();
"""


@pytest.fixture
def patient(connection: psycopg.Connection[Any]) -> Session:
    """Waits half a second for a probe, and 3 s for a batch."""
    connection.execute(SLOW.encode())
    patience = TimeLimits(500)
    connection.execute(f"set statement_timeout = {patience.batch}".encode())
    return Session(connection, read(connection), time_limits=patience)


def parent(number: int, word: str | None = None) -> Insert:
    return Insert(P, {"id": str(number), "word": word})


def accepted(statement: Insert) -> Probe:
    return Probe(statement, Accepted(), "a", "m")


@pytest.mark.nightly
def test_a_batch_that_takes_too_long_is_tried_probe_by_probe(patient: Session) -> None:
    probes = tuple(accepted(parent(number, "slow")) for number in range(1, 25))  # 3.6 s in all
    refused = Probe(parent(100, "new"), Accepted(), "a", "m")
    first, second = patient.run([Scenario((parent(200),), (*probes, refused)), Scenario((), (accepted(parent(1)),))])
    assert isinstance(first, list) and isinstance(first[-1], Reply) and first[-1].refusal is not None
    assert first[:-1] == [Reply(None, 1)] * 24
    assert first[-1].refusal.sqlstate == "23505"
    assert second == [Reply(None, 1)]
    assert patient.run([Scenario((), (accepted(parent(1)),))]) == [[Reply(None, 1)]]


def test_a_probe_that_never_ends_is_named(patient: Session, connection: psycopg.Connection[Any]) -> None:
    probes = (accepted(parent(1, "new")), accepted(parent(2, "never")), accepted(parent(3)))
    with pytest.raises(TimedOut) as caught:
        patient.run([Scenario((), (accepted(parent(4)),)), Scenario((parent(5),), probes)])
    assert str(caught.value) == (
        "a statement was cancelled that did not end within 0.5 s: "
        """insert into "t"."parents" ("id", "word") overriding system value values ('2', 'never')"""
    )
    assert connection.execute("show statement_timeout").fetchone() == ("3s",)
    assert patient.run([Scenario((), (accepted(parent(1)),))]) == [[Reply(None, 1)]]


def test_rows_that_stand_before_and_never_end_are_named(patient: Session) -> None:
    with pytest.raises(TimedOut, match="'7', 'never'"):
        patient.run([Scenario((parent(6), parent(7, "never"), parent(8)), (accepted(parent(1)),))])


def test_what_is_given_up_is_not_tried_again(patient: Session) -> None:
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(patient.run, [Scenario((), (accepted(parent(1, "never")),))])
        time.sleep(0.5)
        began = time.monotonic()
        patient.cancel()
        with pytest.raises(psycopg.errors.QueryCanceled):
            running.result()
    assert time.monotonic() - began < 2
