"""A private server: one data directory, shared by all processes that use it at the same time.

``start.lock`` is held while somebody starts or stops the server; everyone who uses it holds ``users.lock``
together with the others. Who leaves and gets ``users.lock`` alone was the last, and stops the server.
The kernel lets go of both locks when a process is killed, so nothing is ever left locked: a server whose
last user was killed is found running, used again, and stopped by the next last user.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from harness.errors import TargetError
from harness.server.binaries import Binaries
from harness.server.connection import Server
from harness.server.data_directory import Place, locate, take
from harness.server.postmaster import listening, running, start


@contextmanager
def cluster(binaries: Binaries, base: Path, port: Callable[[Place], int] | None = None) -> Iterator[Server]:
    """Run a private server with its data below ``base`` for as long as somebody uses it.

    With ``port``, which chooses one, it also takes connections by TCP; one that runs without is started anew.

    Raises :class:`TargetError` with the end of the server's log when it does not start.
    """
    try:
        place = locate(binaries, base)
        users = _join(place, port)
    except OSError as error:
        raise TargetError(
            f"cannot keep a private server in {base}: {error.strerror or error}",
            hint=f"{_way_out(error)}, or choose another directory with the environment variable HARNESS_DATA",
        ) from None
    try:
        yield users.server
    finally:
        _leave(place, users)


def _way_out(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "free some space"
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return "move away the file that lies where a directory should"
    return "let this account write there"


@dataclass(frozen=True)
class _User:
    server: Server
    descriptor: int


@contextmanager
def _starting(place: Place) -> Iterator[None]:
    descriptor = place.account.open_file(place.home / "start.lock", os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _join(place: Place, port: Callable[[Place], int] | None) -> _User:
    with _starting(place):
        descriptor = place.account.open_file(place.home / "users.lock", os.O_RDWR)
        try:
            alone = take(descriptor)
            killed = place.pid_file.exists()
            server = running(place, alone)
            if server is not None and port is not None and listening(place) is None:
                _end(place, alone)
                server, killed = None, False
            server = server or start(place, killed, port(place) if port else None)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        except BaseException:
            try:
                if take(descriptor):
                    place.stop("immediate")
            finally:
                os.close(descriptor)
            raise
    return _User(server, descriptor)


def _end(place: Place, alone: bool) -> None:
    """Ends a server so that it can be started otherwise. Raises :class:`TargetError` if somebody uses it."""
    if not alone:
        raise TargetError(
            "a run is using the private server, which cannot be opened for other programs meanwhile",
            hint="try again when the run has ended",
        )
    place.end()


def _leave(place: Place, users: _User) -> None:
    with _starting(place):
        if take(users.descriptor):
            place.end()
            socket_directory = Path(users.server.conninfo["host"])
            if socket_directory != place.home:
                with suppress(OSError):
                    socket_directory.rmdir()
        os.close(users.descriptor)
