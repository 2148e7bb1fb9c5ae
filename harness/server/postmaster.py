"""The process of a private server: its start, its socket, and what it says.

Nothing here is safe against another process doing the same: whoever calls holds the cluster's lock.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import time
from pathlib import Path

from harness.errors import TargetError, shortened
from harness.server.connection import Server, connect
from harness.server.data_directory import Place, verify_private

PORT = 5432
LOCALHOST = "127.0.0.1"
SOCKET_BYTES = 103  # sun_path holds 104 bytes on macOS and 108 on Linux, with the closing zero
START_SECONDS = 60
ADVICE = "HARNESS_DATA chooses another directory"
_FULL = re.compile("No space left on device|Disk quota exceeded")
_KILLED = re.compile(r"was terminated by signal (\d+)")
_AGAIN = "is memory short here, or does something end processes? run again"
_FATAL = re.compile(r"^.*?(?:FATAL|PANIC|ERROR):\s+(.*)$", re.MULTILINE)
INITDB = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", "--no-instructions")
CONFIGURATION = "harness.conf"
"""In the data directory, which includes it; written anew whenever the server starts."""
# The socket lies in a directory that nobody else can enter.
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


def running(place: Place, alone: bool) -> Server | None:
    """The server that already runs here; what is left of one that was killed is cleared away."""
    deadline = time.monotonic() + START_SECONDS
    while place.alive():
        if server := _answering(place):
            _reconfigure(place, server)
            return server
        if time.monotonic() > deadline:
            if not alone:
                raise _not_started(place, "the private server runs but does not answer")
            place.stop("immediate")
            return None
        time.sleep(0.05)
    if alone:  # its process id may by now be another program's, which PostgreSQL would take for the server
        place.pid_file.unlink(missing_ok=True)
    return None


def _answering(place: Place) -> Server | None:
    """Try the socket that the running server wrote down, which need not be the one we would choose."""
    try:
        lines = place.pid_file.read_text().split("\n")
        parameters = _parameters(lines[4], lines[3])
        with connect(parameters) as connection:
            version = connection.info.server_version
    except (OSError, IndexError, TargetError):
        return None
    description = place.binaries.description
    return Server(parameters, own=True, version=version, description=description, default_database="postgres")


def listening(place: Place) -> int | None:
    """The port at which the running server takes connections by TCP, if it does."""
    try:
        lines = place.pid_file.read_text().split("\n")
        return int(lines[3]) if lines[5].strip() else None
    except (OSError, IndexError, ValueError):
        return None


def _parameters(socket_directory: str, port: str) -> dict[str, str]:
    """All that the environment could otherwise change for a connection to our own server."""
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


def start(place: Place, killed: bool, port: int | None = None) -> Server:
    """Start the server, and make its data directory first if there is none; ``killed`` if it did not end properly.

    With a ``port`` it also takes connections by TCP, of this machine and with a password.

    Raises :class:`TargetError` with what ``initdb`` or the server's log says.
    """
    if not (place.data / "PG_VERSION").exists():
        _initialise(place)
    place.account.write_file(place.data / CONFIGURATION, _configuration(_socket_directory(place), port))
    place.account.write_file(place.data / "pg_hba.conf", ACCESS)
    # Children of a killed server need a moment to notice, and hold its shared memory until then.
    for pause in (0.2, 0.5, 1, 2, 4, None) if killed else (None,):
        place.account.write_file(place.log, "")
        if place.pg_ctl("-l", place.log.name, "-t", str(START_SECONDS), "start"):
            break
        if pause is None:
            raise _not_started(place, "the private server does not start")
        time.sleep(pause)
    server = _answering(place)
    if server is None:
        raise _not_started(place, "the private server has started but does not answer")
    return server


def _configuration(sockets: Path, port: int | None) -> str:
    network = {"listen_addresses": LOCALHOST, "port": port} if port else {}
    settings = {**SETTINGS, **network, "unix_socket_directories": '"' + str(sockets).replace('"', '""') + '"'}
    return "".join(f"{name} = '{str(value).replace(chr(39), chr(39) * 2)}'\n" for name, value in settings.items())


def _reconfigure(place: Place, server: Server) -> None:
    """Brings a server up to date that another version has started, as far as it can change while it runs."""
    wanted = _configuration(Path(server.conninfo["host"]), listening(place))
    if (place.data / CONFIGURATION).read_text() != wanted:
        place.account.write_file(place.data / CONFIGURATION, wanted)
        with server.connect() as connection:
            connection.execute("select pg_reload_conf()")


def _not_started(place: Place, what: str) -> TargetError:
    text = place.log.read_text(errors="replace") if place.log.exists() else ""
    why, advice = _explained(text)
    if not why:
        why = f"it is not ready after {START_SECONDS} s" if place.alive() else "it was killed while it was starting"
    return TargetError(
        f"{what}: {why} ({place.binaries.description}, data in {place.home})",
        excerpt=_tail(text),
        hint=f"{advice}; if it stays so, remove {place.home} (scratch databases, and what apply built there)",
    )


def _explained(said: str) -> tuple[str, str]:
    """What a server's or initdb's last words come to, which may be nothing, and what to do about it."""
    told = _FATAL.findall(said)
    killed = _KILLED.search(said)
    if _FULL.search(said):
        return "the disk is full", f"free some space; {ADVICE}"
    if killed:
        return f"a process of it was killed (signal {killed[1]}) while it was starting", _AGAIN
    return (told[-1].strip(), ADVICE) if told else ("", _AGAIN)


def _tail(text: str) -> str | None:
    return "\n".join(f"    {shortened(line, 200)}" for line in text.splitlines()[-8:]) or None


def _initialise(place: Place) -> None:
    """``initdb`` into a directory of another name, renamed at the end, so that ``data`` is always whole."""
    for half in place.home.glob("data.*"):
        shutil.rmtree(half, ignore_errors=True)
    staging = Path(tempfile.mkdtemp(prefix="data.", dir=place.home))
    if place.account.switch:
        os.chown(staging, place.account.uid, place.account.gid)
    command: list[str | Path] = [place.binaries.program("initdb"), f"--pgdata={staging.name}", *INITDB]
    for locale in _locales(place.binaries.major):
        answer = place.account.run([*command, *locale], cwd=place.home)
        if answer.returncode == 0:
            break
    else:
        shutil.rmtree(staging, ignore_errors=True)
        signalled = f"initdb was terminated by signal {-answer.returncode}" if answer.returncode < 0 else ""
        why, advice = _explained(f"{answer.stderr}\n{signalled}")
        raise TargetError(
            f"initdb of {place.binaries.description} fails in {place.home}{f': {why}' if why else ''}",
            excerpt=_tail(answer.stderr),
            hint=advice if why else ADVICE,
        )
    place.account.write_file(staging / "postgresql.conf", f"\ninclude '{CONFIGURATION}'\n", append=True)
    staging.rename(place.data)


def _locales(major: int) -> tuple[tuple[str, ...], ...]:
    """The same order of strings on every machine; upper and lower case beyond ASCII where that can be had."""
    if major >= 17:
        return (("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),)
    return (("--locale=C", "--lc-ctype=C.UTF-8"), ("--locale=C",))


def _socket_directory(place: Place) -> Path:
    """The home, or a short private directory where its path is too long for a socket or for libpq's list of hosts."""
    if _fits(place.home):
        return place.home
    digest = hashlib.sha256(os.fsencode(place.home.resolve())).hexdigest()[:12]
    for parent in (Path(tempfile.gettempdir()), Path("/tmp")):
        directory = parent / f"harness-{place.account.uid}-{digest}"
        if _fits(directory) and place.account.can_enter(parent):
            place.account.ensure_directory(directory)
            verify_private(directory, place.account)
            return directory
    raise TargetError(
        f"the path {place.home} is too long for a socket, and so is the directory for temporary files",
        hint="set TMPDIR or HARNESS_DATA to a shorter path",
    )


def _fits(directory: Path) -> bool:
    path = os.fsencode(directory / ".s.PGSQL.65535")
    return len(path) <= SOCKET_BYTES and not any(char in path for char in b"\"',\\\n")
