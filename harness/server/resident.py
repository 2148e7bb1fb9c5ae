"""A private server that stays up between runs: a process of its own uses it, as a run does, until it is told to end.

The process holds ``resident.lock`` as long as it lives, with its number in it, so one that was killed leaves nothing
to tidy up. It ends by itself when nobody has been connected for an hour, and when its server has ended.
"""

from __future__ import annotations

import fcntl
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
from harness.server.connection import Server
from harness.server.data_directory import Place, locate, take
from harness.server.postmaster import LOCALHOST, listening
from harness.server.targets import make_database

IDLE_SECONDS = 3600.0
LOOK_SECONDS = 15.0
BEAT_SECONDS = 0.5
WAIT_SECONDS = 60.0
LOCK, LOG, LOGIN = "resident.lock", "resident.log", "login.json"


@dataclass(frozen=True)
class Login:
    """How other programs get in, kept so that what they have saved works the next time too."""

    port: int
    password: str

    def dsn(self, database: str) -> str:
        """The connection string, which holds the password."""
        return f"postgresql://postgres:{self.password}@{LOCALHOST}:{self.port}/{quote(database, safe='')}"

    @classmethod
    def of(cls, place: Place) -> Login | None:
        """What is kept, if it can be read."""
        try:
            kept = json.loads((place.home / LOGIN).read_text())
            return cls(int(kept["port"]), str(kept["password"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def start(binaries: Binaries, base: Path, database: str, idle: float = IDLE_SECONDS) -> str:
    """Keeps the server up, if nobody does so yet, and returns the connection string of a database, made if missing.

    Raises :class:`TargetError`: the server does not start, or a run uses it that began without other programs.
    """
    place = locate(binaries, base)
    if not place.alive():
        _wait_for_the_end(place)  # of the process whose server was killed: it is about to notice
    with cluster(binaries, base, port=_port) as server:
        with _turn(place):
            login = _admit(place, server)
            make_database(server, database)
            if not process(place):
                _spawn(place, base, idle)
        return login.dsn(database)


def stop(place: Place) -> bool:
    """Ends the process that keeps the server up, and with it the server if no run uses it; says whether there was one.

    Raises :class:`TargetError` if it does not end.
    """
    if process(place) is None:
        return False
    _wait_for_the_end(place, signal.SIGTERM)
    return True


def _wait_for_the_end(place: Place, number: int = 0) -> None:
    """Waits until no process keeps the server up, and sends it a signal; 0 is none."""
    deadline = time.monotonic() + WAIT_SECONDS
    while (found := process(place)) is not None:
        if time.monotonic() > deadline:
            raise TargetError(f"the process {found}, which keeps the server up, does not end", hint=f"kill -9 {found}")
        with suppress(ProcessLookupError):
            if found:
                os.kill(found, number)
        time.sleep(0.1)


def up(place: Place) -> Login | None:
    """How to get into the server that is kept up; None if none is, or if it does not run any more."""
    kept_up = process(place) is not None and place.alive() and listening(place) is not None
    return Login.of(place) if kept_up else None


def process(place: Place) -> int | None:
    """The process that keeps the server up; 0 if it is just beginning or ending, None if there is none."""
    descriptor = place.account.open_file(place.home / LOCK, os.O_RDWR)
    try:
        if take(descriptor):
            os.ftruncate(descriptor, 0)  # of one that was killed
            return None
        return int(os.pread(descriptor, 20, 0) or 0)
    finally:
        os.close(descriptor)


@contextmanager
def _turn(place: Place) -> Iterator[None]:
    """One after the other, where several start it at once."""
    descriptor = place.account.open_file(place.home / LOGIN, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _port(place: Place) -> int:
    """The port of last time if it is free, or any that is."""
    kept = Login.of(place)
    for port in (kept.port, 0) if kept else (0,):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as PostgreSQL does
            probe.bind((LOCALHOST, port))
            return int(probe.getsockname()[1])
    raise TargetError(f"no port of {LOCALHOST} is free", hint="close some connections, and try again")


def _admit(place: Place, server: Server) -> Login:
    """Sets the password of the server's user, that of last time if there was one."""
    kept = Login.of(place)
    login = Login(listening(place) or 0, kept.password if kept else secrets.token_urlsafe(16))
    place.account.write_file(place.home / LOGIN, json.dumps(asdict(login)))
    with server.connect() as connection:
        connection.execute(sql.SQL("alter role postgres password {}").format(sql.Literal(login.password)))
    return login


def _spawn(place: Place, base: Path, idle: float) -> None:
    """Starts the process and waits until it uses the server."""
    of = place.binaries
    command = [sys.executable, "-m", __name__, of.kind, str(of.directory), of.version, str(base.absolute()), str(idle)]
    log = place.account.open_file(place.home / LOG, os.O_WRONLY | os.O_TRUNC)
    try:
        # Away from the directory it is called in, whose modules it might take for ours, and from its terminal.
        spawned = subprocess.Popen(
            command, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    finally:
        os.close(log)
    deadline = time.monotonic() + WAIT_SECONDS
    while not process(place):
        if spawned.poll() is not None or time.monotonic() > deadline:
            said = (place.home / LOG).read_text(errors="replace").strip().splitlines()
            why = said[-1] if said else "it says nothing"
            raise TargetError(
                f"the process that is to keep the server up has ended: {why}", hint=f"see {place.home / LOG}"
            )
        time.sleep(0.02)
    spawned.returncode = 0  # it outlives us, which is no reason for a warning


def main(arguments: Sequence[str]) -> int:
    """What the process does: uses the server until a signal comes, the server is gone, or nobody uses it any more."""
    kind, directory, version, base, idle = arguments
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, _end)
    binaries = Binaries(kind, Path(directory), version)
    place = locate(binaries, Path(base))
    with _holding(place) as descriptor, cluster(binaries, Path(base)) as server:
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        try:
            _wait(place, server, float(idle))
        finally:
            os.ftruncate(descriptor, 0)
    return 0


def _end(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(0)


@contextmanager
def _holding(place: Place) -> Iterator[int]:
    descriptor = place.account.open_file(place.home / LOCK, os.O_RDWR)
    try:
        while not take(descriptor):
            if os.pread(descriptor, 20, 0):
                raise SystemExit(0)  # another does it already
            time.sleep(0.02)  # it begins, or ends, or somebody looks
        yield descriptor
    finally:
        os.close(descriptor)


def _wait(place: Place, server: Server, idle: float) -> None:
    """Until nobody has used the server for so many seconds, or it has ended, even if a run has begun another."""
    born, quiet = _postmaster(place), time.monotonic()
    looked = quiet
    while time.monotonic() - quiet < idle and born and _postmaster(place) == born:
        time.sleep(min(BEAT_SECONDS, idle / 4))
        if time.monotonic() - looked < min(LOOK_SECONDS, idle / 4):
            continue
        looked = time.monotonic()
        try:
            if _used(server):
                quiet = looked
        except TargetError:
            return


def _postmaster(place: Place) -> str | None:
    """What tells the server that runs from any other; None if it does not."""
    try:
        pid, _, started, *_ = place.pid_file.read_text().splitlines()
        os.kill(int(pid), 0)
    except PermissionError:
        pass  # somebody else's process, but one that is there
    except (OSError, ValueError):
        return None
    return f"{pid} {started}"


def _used(server: Server) -> bool:
    with server.connect() as connection:
        row = connection.execute(
            """
            select exists (
                select from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid())
            """
        ).fetchone()
    return bool(row and row[0])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
