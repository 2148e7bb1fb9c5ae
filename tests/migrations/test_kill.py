"""kill -9 at any moment of an apply: status tells the truth, and apply completes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from harness.migrations import ledger
from harness.server.connection import Connection, Server

from .conftest import Files, Runner

MIGRATIONS = 30
SCRIPT = """
import sys, pathlib, psycopg
sys.path.insert(0, {root!r})
from harness.migrations.migrate import Migrator
from harness.project import migrations
from harness.project.model import Module, Project
root = pathlib.Path({project!r})
modules = (Module("app", migrations=migrations.discover(root, "app", root / "schema/app")),)
with psycopg.connect({dsn!r}, autocommit=True) as connection:
    print("go", flush=True)
    Migrator(connection, Project(root, "test", modules, "embedded", {{}}, {{}}), modules).apply()
"""


def write(files: Files) -> None:
    for n in range(1, MIGRATIONS + 1):
        header = "-- harness: transaction:false\n" if n % 3 == 0 else ""
        files.write(
            f"app/{n:03d}_x",
            f"{header}create table if not exists t{n}_1 ();\nselect pg_sleep(0.003);\n"
            f"create table if not exists t{n}_2 ();\ncreate table if not exists t{n}_3 ();",
            f"drop table t{n}_1, t{n}_2, t{n}_3",
        )


def wait_for_the_backend_to_notice(connection: Connection) -> None:
    """The server finishes the statement that it has before it sees that nobody is there any more."""
    with ledger.lock(connection):
        pass


def check_the_truth(runner: Runner) -> int:
    """Compares the ledger with the tables; returns how many files were found half applied, and completes them."""
    tables = set(runner.tables())
    half = 0
    for name, text in runner.status().items():
        n = int(name[4:7])
        there = [f"t{n}_{k}" in tables for k in (1, 2, 3)]
        if text == "applied":
            assert there == [True] * 3
        elif text == "pending":
            assert there == [False] * 3
        else:
            half += 1
            done = int(text.removeprefix("half applied (").split()[0])
            assert text == f"half applied ({done} of 4 statements done)"
            known = [done >= 1, done >= 3, done >= 4]
            assert all(is_there for is_there, is_known in zip(there, known, strict=True) if is_known)
            assert sum(there) - sum(known) <= 1  # the statement that ran while the tool was killed
            runner.apply(rerun=name.partition("_")[0], steps=1)
    return half


def kill_often(database: tuple[Server, str], files: Files, kills: int, seed: int) -> None:
    server, name = database
    write(files)
    chance = random.Random(seed)
    parameters = {**server.conninfo, "dbname": name}
    code = SCRIPT.format(root=str(Path(__file__).parents[2]), project=str(files.root), dsn=make_conninfo(**parameters))
    half = killed = 0
    with server.connect(name) as connection:
        runner = Runner(connection, files)
        while killed < kills:
            with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
                assert process.stdout and process.stdout.readline() == b"go\n"
                time.sleep(chance.uniform(0, 0.25))
                os.kill(process.pid, signal.SIGKILL)
            killed += 1
            wait_for_the_backend_to_notice(connection)
            half += check_the_truth(runner)
            if chance.random() < 0.5 or not any(state == "pending" for state in runner.status().values()):
                runner.apply()
                assert set(runner.status().values()) == {"applied"}
                assert len(runner.tables()) == 3 * MIGRATIONS
                connection.execute("drop schema public cascade; create schema public; drop schema harness cascade")
    if kills >= 50:
        assert half  # else the test was no test


def test_kill_at_ten_moments(database: tuple[Server, str], files: Files) -> None:
    kill_often(database, files, kills=10, seed=1)


@pytest.mark.nightly
def test_kill_at_fifty_moments(database: tuple[Server, str], files: Files) -> None:
    kill_often(database, files, kills=50, seed=2)
