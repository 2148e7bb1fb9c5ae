"""Runs a private server in one data directory, shared by all processes that use it at the same time.

Decides who starts and who stops it: a process holds ``start.lock`` while it does, and shares ``users.lock`` with all
other users; one that leaves and gets ``users.lock`` exclusively was the last, and stops the server. The kernel releases
both locks when a process is killed: its server is found running, used again, and stopped by the next last user.
Not here: starting the process (``postmaster.py``), and keeping it up (``resident.py``).
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.errors import TargetError
from harness.server.binaries import Binaries
from harness.server.connection import Server
from harness.server.data_directory import APPLICATION, ServerDirectory, locate, take
from harness.server.postmaster import KILLED_PAUSES, listening, running, start

START_LOCK = "start.lock"


@contextmanager
def cluster(
    binaries: Binaries, base: Path, port: Callable[[ServerDirectory], int] | None = None, *, ending: str = APPLICATION
) -> Iterator[Server]:
    """Runs a private server with its data below ``base`` for as long as any process uses it.

    ``ending``, of its directory's name, tells it from the others there.

    With ``port``, which chooses one, it also takes connections by TCP; a server that runs without is restarted.

    Raises :class:`TargetError` with the end of the server's log when it does not start.
    """
    try:
        directory = locate(binaries, base, ending)
        server, users = _join(directory, port)
    except OSError as error:
        raise TargetError(
            f"cannot keep a private server in {base}: {error.strerror or error}",
            hint=f"{_way_out(error)}, or choose another directory with the environment variable HARNESS_DATA",
        ) from None
    try:
        yield server
    finally:
        _leave(directory, server, users)


def _way_out(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "free some space"
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return "move away the file that lies where a directory should"
    return "let this account write there"


def _join(directory: ServerDirectory, port: Callable[[ServerDirectory], int] | None) -> tuple[Server, int]:
    """Returns the server, started if need be, and the descriptor of ``users.lock``, which is now shared."""
    with directory.locked(START_LOCK):
        users = directory.account.open_file(directory.home / "users.lock", os.O_RDWR)
        try:
            alone = take(users)
            killed = directory.pid_file.exists()
            server = running(directory, alone=alone)
            if server is not None and port is not None and listening(directory) is None:
                if not alone:
                    raise TargetError(
                        "a run is using the private server, which cannot be opened for other programs meanwhile",
                        hint="try again when the run has ended",
                    )
                directory.end()
                server, killed = None, False
            server = server or start(directory, KILLED_PAUSES if killed else (), port(directory) if port else None)
            fcntl.flock(users, fcntl.LOCK_SH)
        except BaseException:
            try:
                if take(users):
                    directory.stop("immediate")
            finally:
                os.close(users)
            raise
    return server, users


def _leave(directory: ServerDirectory, server: Server, users: int) -> None:
    with directory.locked(START_LOCK):
        if take(users):
            directory.end()
            socket_directory = Path(server.conninfo["host"])
            if socket_directory != directory.home:
                with suppress(OSError):
                    socket_directory.rmdir()
        os.close(users)
