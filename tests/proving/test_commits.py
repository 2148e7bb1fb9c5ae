"""Commits: what is tried in clones is seen committed, ends in time, and leaves no clone behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psycopg
import pytest

from harness.catalog import read
from harness.catalog.model import Catalog
from harness.probes import (
    Accepted,
    Execute,
    Postcondition,
    Probe,
    Reply,
    Scenario,
    ScenarioResult,
    ServerError,
    SqlStatement,
    TimedOut,
    TimeLimits,
)
from harness.probes.shapes import UNTRIED
from harness.proving.commits import Commits
from harness.server.connection import Connection, Server
from tests.databases import Scratch

SCHEMA = """
create table rows (id integer primary key, n integer not null);
create table parents (id integer primary key);
create table children (id integer primary key references parents deferrable initially deferred);
"""
ROW = Execute("insert into rows values (1, 1)")
ADDED = Execute("update rows set n = n + 1")


@pytest.fixture(scope="module")
def scratch(server: Server) -> Iterator[Scratch]:
    with server.connect() as maintenance:
        yield Scratch(server, maintenance, SCHEMA)


@pytest.fixture(scope="module")
def catalog(scratch: Scratch) -> Catalog:
    name = scratch.clone()
    with scratch.connect(name) as connection:
        found = read(connection, "harness")
    scratch.drop(name)
    return found


@pytest.fixture
def commits(scratch: Scratch, catalog: Catalog) -> Iterator[Commits]:
    yield Commits(scratch, catalog, TimeLimits(400))
    assert scratch.made == [], "a clone was not dropped"


def tried(statement: str, *ahead: Execute, then: str | None = None, **settings: str) -> Probe:
    asked = Postcondition(then, "true", then) if then else None
    return Probe(Execute(statement), Accepted(), "call", settings=settings, then=asked, ahead=ahead)


def only(answers: list[ScenarioResult]) -> list[Reply]:
    (answer,) = answers
    assert not isinstance(answer, ServerError)
    return [each for each in answer if isinstance(each, Reply)]


def test_probes_of_the_same_statements_are_one(scratch: Scratch, commits: Commits) -> None:
    before = scratch.clones
    asked = ["select n = 3 from rows", "select 1 / 0 = 1", "select current_setting('harness.changed') = '1'"]
    probes = tuple(tried(ADDED.sql, ADDED, then=f"select ({each})::text") for each in asked)
    replies = only(commits.run([Scenario((ROW,), probes)]))
    assert [reply.then for reply in replies] == ["true", "error: division by zero", "true"]
    assert scratch.clones == before + 1


def test_one_probe_does_not_see_the_other(commits: Commits) -> None:
    probes = (tried("insert into rows values (2, 2)"), tried("insert into rows values (2, 3)"))
    assert [reply.refusal for reply in only(commits.run([Scenario((ROW,), probes)]))] == [None, None]


@pytest.mark.parametrize(("statement", "at_commit"), [("insert into children values (1)", True), (ROW.sql, False)])
def test_a_refusal_says_whether_it_came_at_commit(commits: Commits, statement: str, at_commit: bool) -> None:
    (reply,) = only(commits.run([Scenario((ROW,), (tried(statement),))]))
    assert reply.refusal is not None
    assert (reply.refusal.at_commit, "at COMMIT" in str(reply.refusal)) == (at_commit, at_commit)


def test_rows_are_refused_at_commit(commits: Commits) -> None:
    for probes in ((), (tried("select"),)):
        (answer,) = commits.run([Scenario((Execute("insert into children values (1)"),), probes)])
        assert isinstance(answer, ServerError)
        assert answer.at_commit


def test_what_could_not_be_prepared_is_untried(commits: Commits) -> None:
    (reply,) = only(commits.run([Scenario((), (tried("select", role="nobody_of_that_name"),))]))
    assert reply.refusal is not None
    assert reply.refusal.sqlstate == UNTRIED


def test_a_statement_that_does_not_end(commits: Commits) -> None:
    with pytest.raises(TimedOut, match="pg_sleep"):
        commits.run([Scenario((), (tried("select pg_sleep(60)"),))])


def test_nothing_is_begun_after_a_cancel(commits: Commits, monkeypatch: pytest.MonkeyPatch) -> None:
    committed = commits._committed

    def cancelling(connection: Connection, statements: Sequence[SqlStatement]) -> int | ServerError:
        commits.cancel()
        return committed(connection, statements)

    monkeypatch.setattr(commits, "_committed", cancelling)
    with pytest.raises(psycopg.errors.QueryCanceled):
        commits.run([Scenario((), (tried("select"),)), Scenario((), (tried("select"),))])
