"""Connection poolers, each a real pgbouncer: which are refused, which pass, and what is said."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from harness.errors import TargetError
from harness.project.model import Target
from harness.server import pooler
from harness.server.connection import Server, connect
from harness.server.targets import remote

PgBouncer = Callable[..., dict[str, str]]
HINT = (
    "\nhint: name the server's own address (its port is usually 5432); "
    "for apply, rollback, status and seed a pooler in "
    "session mode will do; --target embedded needs no server"
)
TRANSACTION = "a connection pooler in transaction mode answers at {}:6432: locks and settings of a session, "


def target(parameters: dict[str, str]) -> Target:
    return Target("ci", "dsn", dsn=make_conninfo(**parameters))


def refusal(parameters: dict[str, str]) -> str:
    with pytest.raises(TargetError) as caught:
        remote(target(parameters))
    return str(caught.value)


@contextmanager
def busy(parameters: dict[str, str], clients: int) -> Iterator[None]:
    """Others work through the same pooler."""
    stop = threading.Event()

    def work(seed: int) -> None:
        drawn = random.Random(seed)
        with psycopg.connect(make_conninfo(**parameters), autocommit=True, prepare_threshold=None) as connection:
            while not stop.is_set():
                connection.execute("select pg_sleep(random() * 0.004)")
                time.sleep(drawn.random() * 0.004)

    threads = [threading.Thread(target=work, args=[seed]) for seed in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("in_turn", [0, 1])
@pytest.mark.parametrize("size", [1, 2, 20])
def test_transaction_mode_is_refused(pgbouncer: PgBouncer, size: int, in_turn: int) -> None:
    parameters = pgbouncer(pool_mode="transaction", default_pool_size=size, server_round_robin=in_turn)
    started = time.monotonic()
    said = refusal(parameters)
    assert said == TRANSACTION.format(parameters["host"]) + "which keep runs apart, do not hold there" + HINT
    # The pool is warm now: backends are given that have been used.
    assert [refusal(parameters) for _ in range(3)] == [said] * 3
    assert time.monotonic() - started < pooler.POOL_SECONDS  # nothing was waited for


@pytest.mark.parametrize("in_turn", [0, 1])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_transaction_mode_is_refused_while_others_work(pgbouncer: PgBouncer, size: int, in_turn: int) -> None:
    parameters = pgbouncer(pool_mode="transaction", default_pool_size=size, server_round_robin=in_turn)
    with busy(parameters, 5):
        said = [refusal(parameters) for _ in range(10)]
    assert [each for each in said if not each.startswith(TRANSACTION.format(parameters["host"]))] == []


def test_backends_that_change_and_never_meet_twice(pgbouncer: PgBouncer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooler, "ROUNDS", 1)
    parameters = pgbouncer(pool_mode="transaction", default_pool_size=20, server_round_robin=1)
    with ExitStack() as stack:
        for _ in range(12):
            connection = stack.enter_context(connect(parameters))
            connection.autocommit = False
            connection.execute("select 1")
    assert refusal(parameters).startswith(TRANSACTION.format(parameters["host"]))


@pytest.mark.parametrize("size", [1, 20])
def test_statement_mode_is_refused(pgbouncer: PgBouncer, size: int) -> None:
    parameters = pgbouncer(pool_mode="statement", default_pool_size=size)
    where = f"{parameters['host']}:6432"
    assert refusal(parameters) == (
        f"a connection pooler in statement mode answers at {where}: it refuses transactions{HINT}"
    )


@pytest.mark.parametrize("in_turn", [0, 1])
@pytest.mark.parametrize("size", [2, 20])
def test_session_mode_passes(pgbouncer: PgBouncer, server: Server, size: int, in_turn: int) -> None:
    parameters = pgbouncer(pool_mode="session", default_pool_size=size, server_round_robin=in_turn)
    for _ in range(5):
        assert remote(target(parameters)).version == server.version


def test_a_pool_of_one_session_is_no_place_to_wait(pgbouncer: PgBouncer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooler, "POOL_SECONDS", 1)
    parameters = pgbouncer(pool_mode="session", default_pool_size=1)
    assert refusal(parameters) == (
        f"{parameters['host']}:6432 accepts connections and does not answer within 1 s, "
        f"as a connection pooler does that has no connection to its server left{HINT}"
    )


def test_a_pool_that_another_holds(pgbouncer: PgBouncer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooler, "CONNECT_SECONDS", 1)
    parameters = pgbouncer(pool_mode="transaction", default_pool_size=1)
    with closing(connect(parameters)) as other:
        other.execute("begin")
        assert "accepts connections and does not answer within 1 s" in refusal(parameters)


def test_a_direct_connection_passes_and_costs_little(server: Server, database: tuple[Server, str]) -> None:
    parameters = {**server.conninfo, "dbname": database[1]}
    made = itertools.count()

    def another() -> psycopg.Connection[tuple[object, ...]]:
        next(made)
        return connect(parameters)

    with closing(connect(parameters)) as connection:
        for _ in range(50):
            pooler.refuse(connection, another)
        assert next(made) == 50
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_role_that_may_have_but_one_connection(server: Server) -> None:
    with server.connect() as connection:
        connection.execute("create role harness_test_single login connection limit 1")
        try:
            parameters = {**server.conninfo, "user": "harness_test_single", "dbname": "postgres"}
            assert remote(target(parameters)).version == server.version
        finally:
            connection.execute("drop role harness_test_single")


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_parameters_that_a_pooler_does_not_pass_on(pgbouncer: PgBouncer, mode: str) -> None:
    parameters = pgbouncer(pool_mode=mode)
    where = f"socket {parameters['host']}, port 6432"
    assert refusal({**parameters, "options": "-c search_path=app"}) in [
        f'a connection pooler answers at {where}, and does not pass on the parameter "{name}"{HINT}'
        for name in ("options", "search_path")  # newer ones look into the options
    ]
