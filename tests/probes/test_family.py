"""A family comes to what its probes come to one by one."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.catalog import read
from harness.probes import (
    Accepted,
    AcceptedOrRefused,
    Execute,
    Family,
    FamilyReply,
    Insert,
    NoRowChanged,
    Probe,
    Refused,
    Reply,
    Scenario,
    Session,
    Update,
    Variants,
)
from harness.probes.probe import Expected
from harness.project.model import TableName
from harness.proving.attribution import Verdict, judge
from harness.server.connection import Server

LINES, DAYS = TableName("t", "Lines"), TableName("t", "days")
SCHEMA = """
create schema t;
create type t.state as enum ('open', 'shut');
create domain t.word as varchar(4) check (value <> 'bad') check (value is not null);
create table t."Lines" (
    id integer primary key, "Ä" numeric(4, 1) constraint "chk Ä" check ("Ä" > 0), word t.word, code char(2),
    bits bit(3), plain json, doc jsonb constraint chk_doc check (jsonb_typeof(doc) <> 'array'), tags varchar(2)[],
    state t.state not null default 'open', parent integer references t."Lines" deferrable initially deferred,
    at timestamptz(0), member text
);
create table t.days (day date not null, state text, constraint chk_state check (state <> 'x')) partition by range (day);
create table t.days_2030 partition of t.days for values from ('2030-01-01') to ('2031-01-01');
create function t.refuse() returns trigger language plpgsql as $$
begin
    if new.member = 'whim' then
        raise 'no whims' using errcode = 'P0042', schema = 't', table = 'Lines', constraint = 'no_whims';
    end if;
    return new;
end $$;
create trigger refuse before insert or update on t."Lines" for each row execute function t.refuse();
insert into t."Lines" values (100, 1, 'a', 'xx', '101', '{}', '{}', '{}', 'open', null, null, 'stands');
"""
VALUES = {
    "id": ["1", "100", None, "x", "2147483648"],
    "Ä": ["1", "0", "1.25", "999.96", None],
    "word": ["a", "bad", "long one", "long ", None],
    "code": ["x", "xxx", "xx ", None],
    "bits": ["101", "1", "1011", None],
    "plain": ["{}", "null", " null ", '{"a": 1, "a": 2}', None],
    "doc": ["{}", "[]", "null", '"it\'s"', None],
    "tags": ["{}", "{ab}", "{abc}", None],
    "state": ["open", "shut", "ajar", None],
    "parent": ["100", "1", "7", None],
    "at": ["2030-01-01 00:00:00.7+00", "infinity", None],
    "member": ["", "whim", "it's", "a\\b", None],
}
READ = ("id", "word", "code", "bits", "tags", "state")
"""Columns with values that their types do not take."""

ROW = {"id": "2", "word": "b", "doc": "{}", "plain": "[1]", "at": "2030-01-01 00:00:00+00"}
WANTED: list[Expected] = [
    Accepted(),
    Accepted(0),
    Accepted(1),
    AcceptedOrRefused(),
    NoRowChanged(("23514",)),
    Refused(("23514",)),
    Refused(("23514", "23502"), LINES),
    Refused(("23514",), LINES, constraint="chk Ä"),
    Refused(("23514",), LINES, constraint="word_check"),
    Refused(("23502",), LINES, column="state"),
    Refused(("23503",), LINES, constraint="Lines_parent_fkey"),
    Refused(("23505",), DAYS),
    Refused(("P0042",), LINES, constraint="no_whims"),
    Refused(("P0042",), routines=("t.refuse",)),
    Refused(("P0042",), routines=("t.other",)),
    Refused(("22001",)),
]
QUICK = settings(
    max_examples=120, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture
def connection(database: tuple[Server, str]) -> Any:
    server, name = database
    with server.connect(name) as connection:
        connection.execute(SCHEMA.encode())
        yield connection


@st.composite
def families(draw: st.DrawFn) -> Family:
    # Which of two values that cannot be read PostgreSQL names first is nobody's promise.
    read = draw(st.sampled_from(READ))
    names = draw(st.permutations([read, *(name for name in VALUES if name not in READ)]))
    columns = tuple(names[: draw(st.integers(0, 2))])
    beside = tuple(names[2 : 2 + draw(st.integers(0, 2))])
    rows = draw(st.lists(_row(columns), min_size=1, max_size=4)) if columns else [()]
    variants = Variants(beside, tuple(draw(st.lists(_row(beside), min_size=1, max_size=3)))) if beside else Variants()
    inserted, changed = Insert(LINES, ROW), draw(_row(("member", "plain")))
    key = {"id": draw(st.sampled_from(["100", "1", None]))}
    updated = Update(LINES, key, dict(zip(("member", "plain"), changed, strict=True)))
    statements: list[Insert | Update] = [inserted, updated]
    probe = Probe(draw(st.sampled_from(statements)), draw(st.sampled_from(WANTED)), "a")
    return Family(probe, columns, tuple(rows), variants)


def _row(columns: tuple[str, ...]) -> st.SearchStrategy[tuple[str | None, ...]]:
    return st.tuples(*(st.sampled_from(VALUES[column]) for column in columns))


def test_a_family_comes_to_what_its_probes_come_to(connection: psycopg.Connection[Any]) -> None:
    catalog = read(connection)
    session = Session(connection, catalog)
    alone = Probe(Execute("select 1"), Accepted(), "b")

    @QUICK
    @given(st.lists(families(), min_size=1, max_size=3))
    def same(drawn: list[Family]) -> None:
        scenario = Scenario((Insert(LINES, {**ROW, "id": "1"}),), (alone, *drawn, alone))
        first, *tallies, last = _answer(session, scenario)
        apart = _answer(session, scenario.one_by_one())
        assert first == last == apart[0]
        place = 1
        for family, tally in zip(drawn, tallies, strict=True):
            assert isinstance(tally, FamilyReply)
            replies = [each for each in apart[place : place + len(family)] if isinstance(each, Reply)]
            place += len(family)
            _assert_same(family, tally, replies)

    same()


def _answer(session: Session, scenario: Scenario) -> list[Reply | FamilyReply]:
    (answer,) = session.run([scenario])
    assert isinstance(answer, list), answer
    return answer


def _assert_same(family: Family, tally: FamilyReply, replies: list[Reply]) -> None:
    """Whatever came back is what a probe alone comes to, and what did not come back was as expected."""
    assert tally.as_expected + len(tally.others) == len(family) == len(replies)
    told = dict(tally.others)
    for member, (probe, reply) in enumerate(zip(family.probes(), replies, strict=True)):
        if member in told:
            assert _plain(told[member]) == _plain(reply), probe
        else:
            assert judge(probe, reply, ()) is Verdict.AS_EXPECTED, (probe, reply)


def _plain(reply: Reply) -> object:
    found = reply.refusal
    named = (found.sqlstate, found.table, found.column, found.constraint, found.datatype) if found else None
    return named, reply.rows if found is None else 0


def test_most_of_a_family_is_judged_on_the_server(connection: psycopg.Connection[Any]) -> None:
    refused = Refused(("23514",), LINES, constraint="chk Ä")
    probe = Probe(Insert(LINES, ROW), refused, "refused")
    family = Family(probe, ("Ä",), (("0",), ("1",), ("-1",)), Variants(("code",), (("a",), (None,))), named=True)
    (tally,) = _answer(Session(connection, read(connection)), Scenario((), (family,)))
    assert isinstance(tally, FamilyReply)
    assert tally.as_expected == 4
    assert [(member, family.probe(member).value, reply.refusal) for member, reply in tally.others] == [
        (2, "'1'", None),
        (3, "'1'", None),
    ]


def test_a_partition_refuses_for_its_root(connection: psycopg.Connection[Any]) -> None:
    refused = Refused(("23514",), DAYS, constraint="chk_state")
    family = Family(Probe(Insert(DAYS, {"day": "2030-02-01"}), refused, "refused"), ("state",), (("x",), ("y",)))
    (tally,) = _answer(Session(connection, read(connection)), Scenario((), (family,)))
    assert isinstance(tally, FamilyReply)
    verdicts = [judge(family.probe(member), reply, ()) for member, reply in tally.others]
    assert (tally.as_expected, verdicts) == (0, [Verdict.AS_EXPECTED, Verdict.WRONG])


def test_values_that_cannot_be_read_are_tried_one_by_one(connection: psycopg.Connection[Any]) -> None:
    family = Family(Probe(Insert(LINES, ROW), Accepted(1), "accepted"), ("id",), (("3",), ("x",), ("4",)))
    (tally,) = _answer(Session(connection, read(connection)), Scenario((), (family,)))
    assert isinstance(tally, FamilyReply)
    refusals = [reply.refusal.sqlstate if reply.refusal else None for _, reply in tally.others]
    assert (tally.as_expected, refusals) == (0, [None, "22P02", None])
