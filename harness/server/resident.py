"""Keeps a private server up between runs: a background process uses it until it is told to end.

The process holds ``resident.lock`` as long as it lives, with its number in it, so a killed one leaves nothing to tidy
up. It ends by itself when no client has been connected for an hour, and when its server has ended. Decides port and
password, which stay the same the next time.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from urllib.parse import quote

from psycopg import sql

from harness.errors import TargetError
from harness.server.binaries import Binaries
from harness.server.cluster import cluster
from harness.server.connection import Server, value
from harness.server.data_directory import ServerDirectory, locate, take
from harness.server.postmaster import LOCALHOST, listening
from harness.server.targets import make_database

IDLE_SECONDS = 3600.0
CLIENTS_SECONDS = 15.0
"""Time between two questions to the server whether a client is connected."""
PROCESS_SECONDS = 0.5
"""Time between two looks whether the server's process lives."""
WAIT_SECONDS = 60.0
_HAS_CLIENTS = """
select exists (select from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid())
"""
LOCK, LOG, LOGIN = "resident.lock", "resident.log", "login.json"


@dataclass(frozen=True)
class Login:
    """Port and password for other programs, kept so that a saved connection string works the next time too."""

    port: int
    password: str

    def dsn(self, database: str) -> str:
        """Returns the connection string, which holds the password."""
        return f"postgresql://postgres:{self.password}@{LOCALHOST}:{self.port}/{quote(database, safe='')}"

    @classmethod
    def of(cls, directory: ServerDirectory) -> Login | None:
        """Reads the login that is kept, if it can be read."""
        try:
            kept = json.loads((directory.home / LOGIN).read_text())
            return cls(int(kept["port"]), str(kept["password"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def start(binaries: Binaries, base: Path, database: str, idle: float = IDLE_SECONDS) -> str:
    """Keeps the server up, and returns the connection string of a database, which is made if it is missing.

    Raises :class:`TargetError`: the server does not start, or a run uses it that began it without TCP.
    """
    directory = locate(binaries, base)
    if not directory.alive():
        _wait_for_the_end(directory)  # of the process whose server was killed: it is about to notice
    with cluster(binaries, base, port=_port) as server:
        with directory.locked(LOGIN):  # several may start it at once
            login = _set_password(directory, server)
            make_database(server, database)
            if not process(directory):
                _spawn(directory, base, idle)
        return login.dsn(database)


def stop(directory: ServerDirectory) -> bool:
    """Ends the process that keeps the server up; returns whether there was one. The server ends if no run uses it.

    Raises :class:`TargetError` if it does not end.
    """
    if process(directory) is None:
        return False
    _wait_for_the_end(directory, signal.SIGTERM)
    return True


def _wait_for_the_end(directory: ServerDirectory, number: int = 0) -> None:
    """Sends a signal, if it is not 0, to the process that keeps the server up, and waits until it has ended."""
    deadline = time.monotonic() + WAIT_SECONDS
    while (found := process(directory)) is not None:
        if time.monotonic() > deadline:
            raise TargetError(f"the process {found}, which keeps the server up, does not end", hint=f"kill -9 {found}")
        with suppress(ProcessLookupError):
            if found:
                os.kill(found, number)
        time.sleep(0.1)


def login(directory: ServerDirectory) -> Login | None:
    """Returns the login of the server that is kept up; None if none is, or if it does not run any more."""
    kept_up = process(directory) is not None and directory.alive() and listening(directory) is not None
    return Login.of(directory) if kept_up else None


def process(directory: ServerDirectory) -> int | None:
    """Returns the id of the process that keeps the server up; 0 if it begins or ends, None if there is none."""
    with directory.opened(LOCK) as descriptor:
        if take(descriptor):
            os.ftruncate(descriptor, 0)  # of one that was killed
            return None
        return int(os.pread(descriptor, 20, 0) or 0)


def _port(directory: ServerDirectory) -> int:
    """Returns the port of last time if it is free, or any free one."""
    kept = Login.of(directory)
    for port in (kept.port, 0) if kept else (0,):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as PostgreSQL does
            probe.bind((LOCALHOST, port))
            return int(probe.getsockname()[1])
    raise TargetError(f"no port of {LOCALHOST} is free", hint="close some connections, and try again")


def _set_password(directory: ServerDirectory, server: Server) -> Login:
    """Sets the password of the server's user, to that of last time if there was one."""
    kept = Login.of(directory)
    login = Login(listening(directory) or 0, kept.password if kept else secrets.token_urlsafe(16))
    directory.account.write_file(directory.home / LOGIN, json.dumps(asdict(login)))
    with server.connect() as connection:
        connection.execute(sql.SQL("alter role postgres password {}").format(sql.Literal(login.password)))
    return login


def _spawn(directory: ServerDirectory, base: Path, idle: float) -> None:
    """Starts the process and waits until it uses the server."""
    binaries = directory.binaries
    command = [sys.executable, "-m", __name__, binaries.kind, str(binaries.directory), binaries.version]
    with directory.opened(LOG, os.O_WRONLY | os.O_TRUNC) as log:
        # Away from the directory it is called in, whose modules it might take for ours, and from its terminal.
        spawned = subprocess.Popen(
            [*command, str(base.absolute()), str(idle)],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + WAIT_SECONDS
    while not process(directory):
        if spawned.poll() is not None or time.monotonic() > deadline:
            said = (directory.home / LOG).read_text(errors="replace").strip().splitlines()
            why = said[-1] if said else "it says nothing"
            raise TargetError(
                f"the process that is to keep the server up has ended: {why}", hint=f"see {directory.home / LOG}"
            )
        time.sleep(0.02)
    spawned.returncode = 0  # it outlives us, which is no reason for a warning


def main(arguments: Sequence[str]) -> int:
    """Runs the background process: uses the server until a signal comes, the server is gone, or no client uses it."""
    kind, programs, version, base, idle = arguments
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, _end)
    binaries = Binaries(kind, Path(programs), version)
    directory = locate(binaries, Path(base))
    with _holding(directory) as descriptor, cluster(binaries, Path(base)) as server:
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        try:
            _wait(directory, server, float(idle))
        finally:
            os.ftruncate(descriptor, 0)
    return 0


def _end(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(0)


@contextmanager
def _holding(directory: ServerDirectory) -> Iterator[int]:
    with directory.opened(LOCK) as descriptor:
        while not take(descriptor):
            if os.pread(descriptor, 20, 0):
                raise SystemExit(0)  # another does it already
            time.sleep(0.02)  # it begins, or ends, or another process looks
        yield descriptor


def _wait(directory: ServerDirectory, server: Server, idle: float) -> None:
    """Waits until no client has used the server for ``idle`` seconds, or it has ended, even if a run restarted it."""
    began, used = _postmaster(directory), time.monotonic()
    looked = used
    while time.monotonic() - used < idle and began and _postmaster(directory) == began:
        time.sleep(min(PROCESS_SECONDS, idle / 4))
        if time.monotonic() - looked < min(CLIENTS_SECONDS, idle / 4):
            continue
        looked = time.monotonic()
        try:
            with server.connect() as connection:
                used = looked if value(connection, _HAS_CLIENTS) else used
        except TargetError:
            return


def _postmaster(directory: ServerDirectory) -> str | None:
    """Returns process and start time of the running server; None if it does not run."""
    try:
        pid, _, started, *_ = directory.pid_lines()
        os.kill(int(pid), 0)
    except PermissionError:
        pass  # a process of another user, but it lives
    except (OSError, ValueError):
        return None
    return f"{pid} {started}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
