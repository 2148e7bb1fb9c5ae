"""The process of a private server: its directory, its socket, its start and its end.

Nothing here is safe against another process doing the same: whoever calls holds the cluster's lock.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from harness.database.account import Account, server_account
from harness.database.binaries import SHARED, Binaries, public_directory
from harness.database.connection import Server, connect
from harness.errors import TargetError

PORT = 5432
SOCKET_BYTES = 103  # sun_path holds 104 bytes on macOS and 108 on Linux, with the closing zero
START_SECONDS = 60
ADVICE = "is the disk full, or on a file system without sockets? HARNESS_DATA chooses another directory"
INITDB = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", "--no-instructions")
CONFIGURATION = "harness.conf"
"""In the data directory, which includes it; written anew whenever the server starts."""

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


@dataclass(frozen=True)
class Place:
    """Where the cluster lives. ``home`` is 0700 and belongs to ``account``."""

    binaries: Binaries
    account: Account
    home: Path

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "server.log"

    @property
    def pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    def stop(self, mode: str) -> bool:
        """Stop the server if it runs; ``mode`` is pg_ctl's ``fast`` or ``immediate``."""
        return not self.alive() or self.pg_ctl("stop", "-m", mode)

    def alive(self) -> bool:
        """Whether the process of ``postmaster.pid`` lives and works in this data directory.

        Its number alone says nothing: it may by now be another program's.
        """
        try:
            pid = int(self.pid_file.read_text().split("\n", 1)[0])
            os.kill(pid, 0)
        except (OSError, ValueError):
            return False
        if not Path("/proc/self").exists():
            return True
        # Only its own account may always look there. A zombie has no working directory any more.
        return self.account.run(["test", f"/proc/{pid}/cwd", "-ef", self.data]).returncode == 0

    def pg_ctl(self, *arguments: str | Path) -> bool:
        """Run it and wait; says whether it did what it should."""
        # Relative paths: pg_ctl hands them to a shell, which would read a `$` in them.
        command = [self.binaries.program("pg_ctl"), "-D", self.data.name, "-s", "-w", *arguments]
        return self.account.run(command, cwd=self.home).returncode == 0


def locate(binaries: Binaries, base: Path) -> Place:
    """Choose home and account; as root the home may have to move to where the account can enter."""
    name = f"pg{binaries.major}-{binaries.kind}"
    base = base.absolute()
    if not base.exists():
        base.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:  # in somebody's project it shall be theirs
            owner = base.parent.stat()
            os.chown(base, owner.st_uid, owner.st_gid, follow_symlinks=False)
    account = server_account(base)
    if not account.can_enter(base):
        digest = hashlib.sha256(os.fsencode(base.resolve())).hexdigest()[:12]
        public_directory(SHARED)
        public_directory(SHARED / digest)
        base = SHARED / digest
    home = base / name
    account.ensure_directory(home)
    _verify_private(home, account)
    return Place(binaries.usable_by(account), account, home)


def _verify_private(directory: Path, account: Account) -> None:
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != account.uid or found.st_mode & 0o077:
        raise TargetError(
            f"{directory} is not a private directory of {account.name} (mode 0700)",
            hint="remove it, or choose another directory with the environment variable HARNESS_DATA",
        )


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
        parameters = _parameters(lines[4])
        with connect(parameters) as connection:
            version = connection.info.server_version
    except (OSError, IndexError, TargetError):
        return None
    description = place.binaries.description
    return Server(parameters, own=True, version=version, description=description, default_database="postgres")


def _parameters(socket_directory: str) -> dict[str, str]:
    """All that the environment could otherwise change for a connection to our own server."""
    return {
        "host": socket_directory,
        "port": str(PORT),
        "user": "postgres",
        "dbname": "postgres",
        "options": "",
        "gssencmode": "disable",
        "channel_binding": "prefer",
        "target_session_attrs": "any",
    }


def start(place: Place, killed: bool) -> Server:
    """Start the server, and make its data directory first if there is none; ``killed`` if it did not end properly.

    Raises :class:`TargetError` with what ``initdb`` or the server's log says.
    """
    if not (place.data / "PG_VERSION").exists():
        _initialise(place)
    place.account.write_file(place.data / CONFIGURATION, _configuration(_socket_directory(place)))
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


def _configuration(sockets: Path) -> str:
    settings = {**SETTINGS, "unix_socket_directories": '"' + str(sockets).replace('"', '""') + '"'}
    return "".join(f"{name} = '{str(value).replace(chr(39), chr(39) * 2)}'\n" for name, value in settings.items())


def _reconfigure(place: Place, server: Server) -> None:
    """Brings a server up to date that another version has started, as far as it can change while it runs."""
    wanted = _configuration(Path(server.conninfo["host"]))
    if (place.data / CONFIGURATION).read_text() != wanted:
        place.account.write_file(place.data / CONFIGURATION, wanted)
        with server.connect() as connection:
            connection.execute("select pg_reload_conf()")


def _not_started(place: Place, what: str) -> TargetError:
    tail = place.log.read_text(errors="replace").splitlines()[-8:] if place.log.exists() else []
    return TargetError(
        f"{what} ({place.binaries.description}, data in {place.home})",
        excerpt="\n".join(f"    {line}" for line in tail) or None,
        hint=f"{ADVICE}; if it stays so, remove {place.home} (scratch databases, and what apply built there)",
    )


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
        raise TargetError(
            f"initdb of {place.binaries.description} fails in {place.home}",
            excerpt="\n".join(f"    {line}" for line in answer.stderr.splitlines()[-8:]) or None,
            hint=ADVICE,
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
            _verify_private(directory, place.account)
            return directory
    raise TargetError(
        f"the path {place.home} is too long for a socket, and so is the directory for temporary files",
        hint="set TMPDIR or HARNESS_DATA to a shorter path",
    )


def _fits(directory: Path) -> bool:
    path = os.fsencode(directory / f".s.PGSQL.{PORT}")
    return len(path) <= SOCKET_BYTES and not any(char in path for char in b"\"',\\\n")
