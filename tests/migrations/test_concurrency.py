"""Many at once: one works, all others wait and find nothing to do."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.errors import StatementError
from harness.migrations import ledger
from harness.migrations.migrate import Event, Migrator
from harness.server.connection import Server

from .conftest import Files


@pytest.mark.parametrize("header", ["", "-- harness: transaction:false\n"])
def test_twenty_at_once(database: tuple[Server, str], files: Files, header: str) -> None:
    server, name = database
    concurrently = "concurrently" if header else ""
    files.write("app/001_a", "create table a (x int); insert into a select generate_series(1, 1000)")
    files.write("app/002_b", f"{header}create index {concurrently} i on a (x)")
    files.write("app/003_c", "select pg_sleep(0.2); create table c ()")
    project = files.project
    waited: list[Event] = []
    start = threading.Barrier(20)

    def one() -> tuple[str, ...]:
        with server.connect(name) as connection:
            start.wait()
            applied = Migrator(
                connection,
                project,
                project.modules,
                on_event=lambda e: waited.append(e) if e.kind == "waiting" else None,
            ).apply()
        return tuple(each.id for each in applied)

    began = time.perf_counter()
    with ThreadPoolExecutor(20) as pool:
        results = sorted(future.result() for future in [pool.submit(one) for _ in range(20)])
    assert results == [()] * 19 + [("app/001_a", "app/002_b", "app/003_c")]
    assert len(waited) == 19
    assert time.perf_counter() - began < 20
    with server.connect(name) as connection:
        assert [entry.state for entry in ledger.read(connection, "harness")] == ["applied"] * 3
        row = connection.execute("select indisvalid from pg_index where indexrelid = 'i'::regclass").fetchone()
        assert row == (True,)


def test_a_waiting_session_is_not_in_a_transaction(database: tuple[Server, str], files: Files) -> None:
    """Else the other's CREATE INDEX CONCURRENTLY would wait for it, for ever."""
    server, name = database
    files.write("app/001_a", "select 1")
    project = files.project
    waiting = threading.Event()
    with server.connect(name) as holder, server.connect(name) as other, ThreadPoolExecutor(1) as pool:
        with ledger.lock(holder):
            future = pool.submit(Migrator(other, project, project.modules, on_event=lambda event: waiting.set()).apply)
            assert waiting.wait(10)
            for _ in range(20):
                row = holder.execute(
                    "select state, wait_event_type from pg_stat_activity where pid = %s", (other.info.backend_pid,)
                ).fetchone()
                assert row and row[1] != "Lock" and row[0] in ("idle", "active")
                time.sleep(0.005)
            assert not future.done()
        assert len(future.result(10)) == 1


def test_the_lock_is_given_back_after_an_error(database: tuple[Server, str], files: Files) -> None:
    server, name = database
    files.write("app/001_a", "select 1 / 0")
    project = files.project
    with server.connect(name) as first, server.connect(name) as second:
        for connection in (first, second):
            with pytest.raises(StatementError, match="division by zero"):
                Migrator(connection, project, project.modules).apply()
        row = first.execute("select count(*) from pg_locks where locktype = 'advisory'").fetchone()
        assert row == (0,)
