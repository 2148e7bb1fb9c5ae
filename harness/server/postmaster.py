"""Starts the process of a private server, chooses its socket and settings, and explains its errors.

Clears away what a killed server has left. Nothing here is safe against another process that does the same: the caller
holds the lock of the directory (``cluster.py``).
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from harness.errors import TargetError, shortened
from harness.server.connection import Server, connect
from harness.server.data_directory import ServerDirectory, verify_private

PORT = 5432
LOCALHOST = "127.0.0.1"
SOCKET_BYTES = 103  # sun_path holds 104 bytes on macOS and 108 on Linux, with the closing zero
START_SECONDS = 60
KILLED_PAUSES = (0.2, 0.5, 1, 2, 4)
"""Children of a killed server need a moment to notice, and hold its shared memory until then."""
ADVICE = "HARNESS_DATA chooses another directory"
_FULL = re.compile("No space left on device|Disk quota exceeded")
_KILLED = re.compile(r"was terminated by signal (\d+)")
_AGAIN = "is memory short here, or does something end processes? run again"
_FATAL = re.compile(r"^.*?(?:FATAL|PANIC|ERROR):\s+(.*)$", re.MULTILINE)
INITDB = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", "--no-instructions")
CONFIGURATION = "harness.conf"
"""In the data directory, which includes it; written anew whenever the server starts."""
# The socket lies in a directory that no other account can enter.
ACCESS = f"local all all trust\nhost all all {LOCALHOST}/32 scram-sha-256\n"

SETTINGS = {
    "listen_addresses": "",
    "port": PORT,
    "unix_socket_permissions": "0700",
    # Nothing here has to survive a power cut.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": 0,
    "max_wal_size": "256MB",
    "checkpoint_timeout": "30min",
    "shared_buffers": "64MB",
    "max_connections": 100,
    "max_locks_per_transaction": 256,
    # Scratch databases live for minutes, and it takes locks that the statements of a run then wait for.
    "autovacuum": "off",
    "jit": "off",
    "TimeZone": "UTC",
    "log_timezone": "UTC",
    # A statement may hold a password.
    "log_min_error_statement": "panic",
}


def running(directory: ServerDirectory, *, alone: bool) -> Server | None:
    """Returns the server that already runs here; clears away what a killed one has left.

    ``alone`` says that no other process uses it.
    """
    deadline = time.monotonic() + START_SECONDS
    while directory.alive():
        if server := _answering(directory):
            _reconfigure(directory, server)
            return server
        if time.monotonic() > deadline:
            if not alone:
                raise _not_started(directory, "the private server runs but does not answer")
            directory.stop("immediate")
            return None
        time.sleep(0.05)
    if alone:  # its process id may by now be another program's, which PostgreSQL would take for the server
        directory.pid_file.unlink(missing_ok=True)
    return None


def _answering(directory: ServerDirectory) -> Server | None:
    """Connects by the socket that the running server wrote down, which need not be the one we would choose."""
    try:
        lines = directory.pid_lines()
        parameters = _parameters(lines[4], lines[3])
        with connect(parameters) as connection:
            version = connection.info.server_version
    except (OSError, IndexError, TargetError):
        return None
    description = directory.binaries.description
    return Server(parameters, own=True, version=version, description=description, default_database="postgres")


def listening(directory: ServerDirectory) -> int | None:
    """Returns the port at which the running server takes connections by TCP, if it does."""
    try:
        lines = directory.pid_lines()
        return int(lines[3]) if lines[5].strip() else None
    except (OSError, IndexError, ValueError):
        return None


def _parameters(socket_directory: str, port: str) -> dict[str, str]:
    """Returns all parameters that the environment could otherwise change for a connection to our own server."""
    return {
        "host": socket_directory,
        "port": port,
        "user": "postgres",
        "dbname": "postgres",
        "options": "",
        "gssencmode": "disable",
        "channel_binding": "prefer",
        "target_session_attrs": "any",
    }


def start(directory: ServerDirectory, pauses: Sequence[float], port: int | None = None) -> Server:
    """Starts the server, and makes its data directory first if there is none; tries again after each of the pauses.

    With a ``port`` it also takes connections by TCP, of this machine and with a password.

    Raises :class:`TargetError` with what ``initdb`` or the server's log says.
    """
    if not (directory.data / "PG_VERSION").exists():
        _initialise(directory)
    directory.account.write_file(directory.data / CONFIGURATION, _configuration(_socket_directory(directory), port))
    directory.account.write_file(directory.data / "pg_hba.conf", ACCESS)
    for pause in (*pauses, None):
        directory.account.write_file(directory.log, "")
        if directory.pg_ctl("-l", directory.log.name, "-t", str(START_SECONDS), "start"):
            break
        if pause is None:
            raise _not_started(directory, "the private server does not start")
        time.sleep(pause)
    server = _answering(directory)
    if server is None:
        raise _not_started(directory, "the private server has started but does not answer")
    return server


def _configuration(sockets: Path, port: int | None) -> str:
    network = {"listen_addresses": LOCALHOST, "port": port} if port else {}
    settings = {**SETTINGS, **network, "unix_socket_directories": '"' + str(sockets).replace('"', '""') + '"'}
    return "".join(f"{name} = '{str(value).replace(chr(39), chr(39) * 2)}'\n" for name, value in settings.items())


def _reconfigure(directory: ServerDirectory, server: Server) -> None:
    """Updates the settings of a running server that another version has started."""
    wanted = _configuration(Path(server.conninfo["host"]), listening(directory))
    if (directory.data / CONFIGURATION).read_text() != wanted:
        directory.account.write_file(directory.data / CONFIGURATION, wanted)
        with server.connect() as connection:
            connection.execute("select pg_reload_conf()")


def _not_started(directory: ServerDirectory, what: str) -> TargetError:
    text = directory.log.read_text(errors="replace") if directory.log.exists() else ""
    why, advice = _explained(text)
    if not why:
        why = f"it is not ready after {START_SECONDS} s" if directory.alive() else "it was killed while it was starting"
    return TargetError(
        f"{what}: {why} ({directory.binaries.description}, data in {directory.home})",
        excerpt=_tail(text),
        hint=f"{advice}; if it stays so, remove {directory.home} (scratch databases, and what apply built there)",
    )


def _explained(said: str) -> tuple[str, str]:
    """Returns the cause in the output of a server or initdb, empty if it has none, and what to do about it."""
    if _FULL.search(said):
        return "the disk is full", f"free some space; {ADVICE}"
    if killed := _KILLED.search(said):
        return f"a process of it was killed (signal {killed[1]}) while it was starting", _AGAIN
    errors = _FATAL.findall(said)
    return (errors[-1].strip(), ADVICE) if errors else ("", _AGAIN)


def _tail(text: str) -> str | None:
    return "\n".join(f"    {shortened(line, 200)}" for line in text.splitlines()[-8:]) or None


def _initialise(directory: ServerDirectory) -> None:
    """Runs ``initdb`` in a directory of another name and renames it at the end, so that ``data`` is always complete."""
    for half in directory.home.glob("data.*"):
        shutil.rmtree(half, ignore_errors=True)
    staging = Path(tempfile.mkdtemp(prefix="data.", dir=directory.home))
    if directory.account.switch:
        os.chown(staging, directory.account.uid, directory.account.gid)
    command: list[str | Path] = [directory.binaries.program("initdb"), f"--pgdata={staging.name}", *INITDB]
    for locale in _locales(directory.binaries.major):
        answer = directory.account.run([*command, *locale], cwd=directory.home)
        if answer.returncode == 0:
            break
    else:
        shutil.rmtree(staging, ignore_errors=True)
        signalled = f"initdb was terminated by signal {-answer.returncode}" if answer.returncode < 0 else ""
        why, advice = _explained(f"{answer.stderr}\n{signalled}")
        raise TargetError(
            f"initdb of {directory.binaries.description} fails in {directory.home}{f': {why}' if why else ''}",
            excerpt=_tail(answer.stderr),
            hint=advice if why else ADVICE,
        )
    directory.account.write_file(staging / "postgresql.conf", f"\ninclude '{CONFIGURATION}'\n", os.O_APPEND)
    staging.rename(directory.data)


def _locales(major: int) -> tuple[tuple[str, ...], ...]:
    """Returns options to try, best first: one order of strings on every machine, and case beyond ASCII if possible."""
    if major >= 17:
        return (("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),)
    return (("--locale=C", "--lc-ctype=C.UTF-8"), ("--locale=C",))


def _socket_directory(directory: ServerDirectory) -> Path:
    """Returns the home, or a short private directory where its path is unfit for a socket or libpq's list of hosts."""
    if _fits(directory.home):
        return directory.home
    digest = hashlib.sha256(os.fsencode(directory.home.resolve())).hexdigest()[:12]
    for parent in (Path(tempfile.gettempdir()), Path("/tmp")):
        short = parent / f"harness-{directory.account.uid}-{digest}"
        if _fits(short) and directory.account.can_enter(parent):
            directory.account.ensure_directory(short)
            verify_private(short, directory.account)
            return short
    raise TargetError(
        f"the path {directory.home} is too long for a socket, and so is the directory for temporary files",
        hint="set TMPDIR or HARNESS_DATA to a shorter path",
    )


def _fits(directory: Path) -> bool:
    path = os.fsencode(directory / ".s.PGSQL.65535")
    return len(path) <= SOCKET_BYTES and not any(char in path for char in b"\"',\\\n")
