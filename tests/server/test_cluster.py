"""Private servers: where they run, who starts and stops them, and what survives a kill."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import TargetError
from harness.server import binaries, cluster, postmaster
from harness.server.connection import Server

ROOT = Path(cluster.__file__).parents[2]
EMBEDDED = binaries.embedded()
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change accounts")


@pytest.fixture
def base() -> Iterator[Path]:
    """A directory that an unprivileged account can enter."""
    directory = Path(tempfile.mkdtemp(prefix="harness-tests-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


def home(base: Path) -> Path:
    return base / f"pg{EMBEDDED.major}-embedded"


def pid(base: Path) -> int | None:
    """The process of the server whose data is below ``base``."""
    file = home(base) / "data" / "postmaster.pid"
    lines = file.read_text().splitlines() if file.exists() else []  # It is empty for a moment.
    return int(lines[0]) if lines else None


def one(server: Server) -> None:
    with server.connect() as connection:
        assert connection.execute("select 1").fetchone() == (1,)


USER = """
import sys
from pathlib import Path
from harness.server import binaries
from harness.server.cluster import cluster

with cluster(binaries.embedded(), Path(sys.argv[1])) as server:
    with server.connect() as connection:
        print(connection.execute("select pg_postmaster_start_time()::text").fetchone()[0], flush=True)
    sys.stdin.read()
"""


ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT}:{sysconfig.get_path('purelib')}", "PYTHONDONTWRITEBYTECODE": "1"}


def python_of(uid: int) -> str:
    """A Python that another account can run: that of the tests may lie below root's home."""
    for python in (sys.executable, f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}"):
        command = [python, "-c", "import psycopg, harness.server.cluster"]
        with suppress(OSError):
            if (
                subprocess.run(command, user=uid, group=uid, extra_groups=[], env=ENVIRONMENT, check=False).returncode
                == 0
            ):
                return python
    pytest.skip(f"no Python of this version that user {uid} can run")


class User:
    """Another process that uses the cluster until it is told to leave."""

    def __init__(self, base: Path, *, uid: int | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable if uid is None else python_of(uid), "-c", USER, str(base)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            user=uid,
            group=uid,
            extra_groups=None if uid is None else [],
            env=ENVIRONMENT,
        )

    def started(self) -> str:
        """When its server was started."""
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def leave(self, number: signal.Signals | None = None) -> int:
        if number is not None:
            self.process.send_signal(number)
            self.process.wait()
        self.process.communicate()
        return self.process.returncode


def test_starts_and_stops(base: Path) -> None:
    with cluster.cluster(EMBEDDED, base) as server:
        one(server)
        assert server.own
        assert server.major == EMBEDDED.major
        assert server.description == f"embedded PostgreSQL {EMBEDDED.version}"
        assert pid(base)
    assert pid(base) is None
    with cluster.cluster(EMBEDDED, base) as server:
        one(server)


def test_every_system_server_works(base: Path) -> None:
    found = binaries.installed()
    if not found:
        pytest.skip("no PostgreSQL server is installed on this machine")
    for system in found:
        with cluster.cluster(system, base) as server:
            one(server)
            assert server.major == system.major
            assert (base / f"pg{system.major}-system").is_dir()


def test_listens_on_no_network_and_lets_nobody_in(base: Path) -> None:
    with cluster.cluster(EMBEDDED, base) as server:
        with server.connect() as connection:
            assert connection.execute("show listen_addresses").fetchone() == ("",)
        for path in (home(base), home(base) / "data", Path(server.conninfo["host"])):
            assert path.stat().st_mode & 0o777 == 0o700


def test_nothing_is_vacuumed_behind_a_run(base: Path) -> None:
    """Also where the data directory, or a server that runs, is one that an older version has made."""

    def autovacuum() -> str:
        with cluster.cluster(EMBEDDED, base) as server, server.connect() as connection:
            row = connection.execute("show autovacuum").fetchone()
            return str(row and row[0])

    assert autovacuum() == "off"
    configuration = home(base) / "data" / "harness.conf"
    older = configuration.read_text().replace("autovacuum = 'off'", "autovacuum_naptime = '5min'")
    configuration.write_text(older)
    assert autovacuum() == "off"
    with cluster.cluster(EMBEDDED, base) as server, server.connect() as connection:
        configuration.write_text(older)
        connection.execute("select pg_reload_conf()")
        until(lambda: connection.execute("show autovacuum").fetchone() == ("on",))
        assert "autovacuum = 'off'" not in configuration.read_text()
        autovacuum()  # somebody joins
        until(lambda: connection.execute("show autovacuum").fetchone() == ("off",))


def until(what: Callable[[], bool], seconds: float = 10.0) -> None:
    """The server reads its configuration when it comes to it."""
    ends = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < ends, "it did not come to that"
        time.sleep(0.01)


def test_text_is_sorted_by_code_point_and_folded_beyond_ascii(base: Path) -> None:
    with cluster.cluster(EMBEDDED, base) as server, server.connect() as connection:
        assert connection.execute(
            "select 'Z' < 'a', upper('ä'), pg_encoding_to_char(encoding) from pg_database limit 1"
        ).fetchone() == (
            True,
            "Ä",
            "UTF8",
        )


def test_environment_of_libpq_does_not_matter(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PGHOST": "nowhere.invalid",
        "PGPORT": "1",
        "PGUSER": "nobody",
        "PGDATABASE": "none",
        "PGOPTIONS": "-c work_mem=64kB",
        "PGSSLMODE": "require",
        "PGGSSENCMODE": "require",
        "PGDATA": "/nowhere",
        "PGCHANNELBINDING": "require",
        "PGTARGETSESSIONATTRS": "standby",
    }.items():
        monkeypatch.setenv(name, value)
    with cluster.cluster(EMBEDDED, base) as server, server.connect() as connection:
        assert connection.execute("show work_mem").fetchone() == ("4MB",)


@pytest.mark.parametrize("name", ["Mein Übungs Projekt", 'it\'s $HOME `x` "quoted", 100%', "long/" + "x" * 120])
def test_paths(base: Path, name: str) -> None:
    with cluster.cluster(EMBEDDED, base / name) as server:
        one(server)
        assert home(base / name).is_dir()
        socket_directory = Path(server.conninfo["host"])
        assert socket_directory.stat().st_mode & 0o777 == 0o700
    if socket_directory != home(base / name):
        assert not socket_directory.exists()


def test_long_path_with_a_socket_directory_of_somebody_else(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = base / ("x" * 120)
    with cluster.cluster(EMBEDDED, deep) as server:
        planted = Path(server.conninfo["host"])
    planted.mkdir(mode=0o777)
    planted.chmod(0o777)
    try:
        with pytest.raises(TargetError, match="is not a private directory of"), cluster.cluster(EMBEDDED, deep):
            pass
    finally:
        planted.rmdir()


def test_two_processes_share_one_server_and_the_last_stops_it(base: Path) -> None:
    users = [User(base), User(base)]
    assert users[0].started() == users[1].started()
    assert users[0].leave() == 0
    assert pid(base)
    with cluster.cluster(EMBEDDED, base) as server:
        assert users[1].leave() == 0
        one(server)
    assert pid(base) is None


def test_two_users_in_one_process(base: Path) -> None:
    with cluster.cluster(EMBEDDED, base) as outer:
        with cluster.cluster(EMBEDDED, base) as inner:
            one(inner)
        one(outer)
    assert pid(base) is None


def test_killed_tool_leaves_a_server_that_is_used_again_and_stopped(base: Path) -> None:
    user = User(base)
    assert user.started()
    process = pid(base)
    user.leave(signal.SIGKILL)
    assert pid(base) == process
    with cluster.cluster(EMBEDDED, base) as server:
        one(server)
        assert pid(base) == process
    assert pid(base) is None


def test_ctrl_c_of_one_user_leaves_the_server_to_the_others(base: Path) -> None:
    with cluster.cluster(EMBEDDED, base) as server:
        user = User(base)
        assert user.started()
        user.leave(signal.SIGINT)
        one(server)
        server_process = pid(base)
        assert server_process
        assert os.getpgid(server_process) != os.getpgid(0)


def test_killed_server_is_started_again(base: Path) -> None:
    with cluster.cluster(EMBEDDED, base) as server:
        with server.connect() as connection:
            connection.execute("create table kept (id int)")
            connection.execute("checkpoint")
        process = pid(base)
        assert process
        os.kill(process, signal.SIGKILL)
    assert pid(base) == process, "a stale postmaster.pid is what this test is about"
    with cluster.cluster(EMBEDDED, base) as server, server.connect() as connection:
        assert connection.execute("select count(*) from kept").fetchone() == (0,)


def test_stale_process_id_that_is_another_programs_now(base: Path) -> None:
    with cluster.cluster(EMBEDDED, base):
        pass
    stranger = subprocess.Popen(["sleep", "60"], user=home(base).stat().st_uid if os.geteuid() == 0 else None)
    try:
        file = home(base) / "data" / "postmaster.pid"
        file.write_text(f"{stranger.pid}\n{home(base) / 'data'}\n1\n5432\n{home(base)}\n\n  1 1\nready   \n")
        with cluster.cluster(EMBEDDED, base) as server:
            one(server)
            file.write_text(f"{stranger.pid}\n")  # as after a kill of the server under its users
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_half_initdb_is_done_again(base: Path) -> None:
    with cluster.cluster(EMBEDDED, base):
        pass
    half = home(base) / "data.killed"
    (home(base) / "data").rename(half)
    (half / "PG_VERSION").unlink()
    with cluster.cluster(EMBEDDED, base) as server:
        one(server)
    assert [path.name for path in home(base).glob("data*")] == ["data"]


def test_start_failure_shows_the_log_and_a_way_out(base: Path) -> None:
    with cluster.cluster(EMBEDDED, base):
        pass
    with (home(base) / "data" / "postgresql.conf").open("a") as file:
        file.write("shared_preload_libraries = 'no_such_library'\n")
    with pytest.raises(TargetError) as caught, cluster.cluster(EMBEDDED, base):
        pass
    error = caught.value
    assert error.message == (
        'the private server does not start: could not access file "no_such_library": No such file or directory '
        f"(embedded PostgreSQL {EMBEDDED.version}, data in {home(base)})"
    )
    assert error.excerpt
    assert 'could not access file "no_such_library": No such file or directory' in error.excerpt
    assert error.hint == (
        "HARNESS_DATA chooses another directory; "
        f"if it stays so, remove {home(base)} (scratch databases, and what apply built there)"
    )


def test_a_server_that_is_killed_while_it_starts(base: Path) -> None:
    """Told as what it is; nothing is full. It waits for a WAL file that never comes, which leaves time to kill it."""
    with cluster.cluster(EMBEDDED, base):
        pass
    data = home(base) / "data"
    with (data / "postgresql.conf").open("a") as file:
        file.write("restore_command = 'sleep 30; false'\n")
    (data / "recovery.signal").touch()

    def kill() -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with suppress(OSError, ValueError):
                found = pid(base)
                if found and "restore_command" not in (lines := (home(base) / "server.log").read_text()) and lines:
                    os.kill(found, signal.SIGKILL)
                    return
            time.sleep(0.05)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(TargetError) as caught, cluster.cluster(EMBEDDED, base):
        pass
    killer.join()
    assert caught.value.message.startswith(
        "the private server does not start: it was killed while it was starting (embedded PostgreSQL"
    )
    assert str(caught.value.hint).startswith("is memory short here, or does something end processes? run again; ")
    assert "disk" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            "2026-01-01 UTC [7] LOG:  startup process (PID 9) was terminated by signal 9: Killed\n"
            "2026-01-01 UTC [7] LOG:  aborting startup due to startup process failure\n",
            "a process of it was killed (signal 9) while it was starting",
        ),
        ("2026 [7] FATAL:  could not write lock file: No space left on device\n", "the disk is full"),
        (
            "2026 [7] FATAL:  could not map memory: Cannot allocate memory\n",
            "could not map memory: Cannot allocate memory",
        ),
        ("2026 [7] LOG:  starting PostgreSQL\n", ""),
    ],
)
def test_what_the_last_words_of_a_server_come_to(said: str, why: str) -> None:
    assert postmaster._explained(said)[0] == why


def test_initdb_failure_shows_its_words(base: Path, tmp_path: Path) -> None:
    broken = base / "bin"
    broken.mkdir()
    for program in binaries.PROGRAMS:
        (broken / program).write_text(
            "#!/bin/sh\n[ $1 = --version ] && exit\necho could not write: No space left on device >&2\nexit 1\n"
        )
        (broken / program).chmod(0o755)
    with (
        pytest.raises(TargetError) as caught,
        cluster.cluster(replace(EMBEDDED, kind="embedded", directory=broken), base / "x"),
    ):
        pass
    assert str(caught.value).splitlines()[:2] == [
        f"initdb of embedded PostgreSQL {EMBEDDED.version} fails in {home(base / 'x')}: the disk is full",
        "    could not write: No space left on device",
    ]
    assert str(caught.value).endswith("\nhint: free some space; HARNESS_DATA chooses another directory")
    assert not list(home(base / "x").glob("data*"))


def test_base_that_is_no_directory(base: Path) -> None:
    (base / "file").write_text("")
    with pytest.raises(TargetError) as caught, cluster.cluster(EMBEDDED, base / "file" / "x"):
        pass
    assert str(caught.value) == (
        f"cannot keep a private server in {base / 'file' / 'x'}: Not a directory\n"
        "hint: move away the file that lies where a directory should, or choose another directory with the environment "
        "variable HARNESS_DATA"
    )


def test_home_that_others_can_enter_is_refused(base: Path) -> None:
    with cluster.cluster(EMBEDDED, base):
        pass
    home(base).chmod(0o755)
    with (
        pytest.raises(TargetError, match=r"is not a private directory of .* \(mode 0700\)"),
        cluster.cluster(EMBEDDED, base),
    ):
        pass


@as_root
def test_root_runs_it_as_somebody_else(base: Path) -> None:
    with cluster.cluster(EMBEDDED, base):
        process = pid(base)
        assert process
        assert Path(f"/proc/{process}").stat().st_uid not in (0,)


@as_root
def test_root_behind_a_closed_door(base: Path) -> None:
    """Below a directory like /root, 0700, which stays as it is: the data moves to where the account can enter."""
    closed = base / "closed"
    closed.mkdir(mode=0o700)
    with cluster.cluster(EMBEDDED, closed / ".harness") as server:
        one(server)
        data = Path(server.conninfo["host"])
        assert data.is_relative_to(binaries.SHARED)
    assert closed.stat().st_mode & 0o777 == 0o700
    shutil.rmtree(data.parent)


@as_root
def test_root_with_the_wheel_behind_a_closed_door(base: Path) -> None:
    closed = base / "closed"
    closed.mkdir(mode=0o700)
    package = EMBEDDED.directory.parent.parent
    for source in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(source, closed / source.name, symlinks=True)
    with (closed / package.name / "pginstall" / "bin" / "postgres").open("ab") as file:
        file.write(b"\0")  # another file than the installed one, for a copy of its own
    hidden = replace(EMBEDDED, directory=closed / package.name / "pginstall" / "bin")
    copied = hidden.usable_by(binaries.server_account(base))
    assert copied.directory.is_relative_to(binaries.SHARED)
    try:
        with cluster.cluster(hidden, base / "x") as server:
            one(server)
    finally:
        shutil.rmtree(copied.directory.parents[2])
    assert closed.stat().st_mode & 0o777 == 0o700


@as_root
def test_root_in_the_project_of_somebody_leaves_it_usable_for_them(base: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    project = base / "project"
    project.mkdir()
    os.chown(project, nobody.pw_uid, nobody.pw_gid)
    with cluster.cluster(EMBEDDED, project / ".harness") as server:
        one(server)
        process = pid(project / ".harness")
        assert Path(f"/proc/{process}").stat().st_uid == nobody.pw_uid
    user = User(project / ".harness", uid=nobody.pw_uid)
    assert re.match(r"\d{4}-", user.started())
    assert user.leave() == 0


@as_root
def test_ordinary_account(base: Path) -> None:
    postgres = pwd.getpwnam("postgres")
    os.chown(base, postgres.pw_uid, postgres.pw_gid)
    users = [User(base / "own", uid=postgres.pw_uid) for _ in range(2)]
    assert users[0].started() == users[1].started() != ""
    assert [user.leave() for user in users] == [0, 0]
    assert pid(base / "own") is None


def test_six_comers_and_goers(base: Path) -> None:
    users = [User(base) for _ in range(6)]
    for user in users:
        assert user.started()
        user.leave()
    deadline = time.monotonic() + 5
    while pid(base) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
