"""The directory of a private server, the account that owns it, and the process that runs in it.

Decides where the directory is, and whether the process in it is alive. Stops that process, and refuses a directory that
others can enter.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.errors import TargetError
from harness.server.binaries import SHARED, Account, Binaries, public_directory, server_account


@dataclass(frozen=True)
class ServerDirectory:
    """The directory of a private server. ``home`` has mode 0700 and belongs to ``account``."""

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

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Waits for the exclusive lock of a file in ``home``, and holds it."""
        with self.opened(name) as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield

    @contextmanager
    def opened(self, name: str, flags: int = os.O_RDWR) -> Iterator[int]:
        """Opens, or makes, a file in ``home``; yields its descriptor."""
        descriptor = self.account.open_file(self.home / name, flags)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def pid_lines(self) -> list[str]:
        """Reads ``postmaster.pid``: process, data directory, start, port, socket directory, address. Raises OSError."""
        return self.pid_file.read_text().split("\n")

    def stop(self, mode: str) -> bool:
        """Stops the server if it runs; ``mode`` is ``fast`` or ``immediate``, as for ``pg_ctl``. Returns success."""
        return not self.alive() or self.pg_ctl("stop", "-m", mode)

    def end(self) -> None:
        """Stops the server, by force if it takes too long."""
        if not self.stop("fast"):
            self.stop("immediate")

    def alive(self) -> bool:
        """Whether the process of ``postmaster.pid`` lives and works in this data directory.

        The number alone proves nothing: another program may have it by now.
        """
        try:
            pid = int(self.pid_lines()[0])
            os.kill(pid, 0)
        except (OSError, ValueError):
            return False
        if not Path("/proc/self").exists():
            return True
        # Only its own account may always look there. A zombie has no working directory any more.
        return self.account.run(["test", f"/proc/{pid}/cwd", "-ef", self.data]).returncode == 0

    def pg_ctl(self, *arguments: str | Path) -> bool:
        """Runs ``pg_ctl``, waits, and returns whether it succeeded."""
        # Relative paths: pg_ctl hands them to a shell, which would read a `$` in them.
        command = [self.binaries.program("pg_ctl"), "-D", self.data.name, "-s", "-w", *arguments]
        return self.account.run(command, cwd=self.home).returncode == 0


APPLICATION, SCRATCH = "", "-scratch"
"""Ends of the names of directories: scratch databases have a server, and roles, apart from the application's."""


def locate(binaries: Binaries, base: Path, ending: str = APPLICATION) -> ServerDirectory:
    """Chooses directory and account; as root the directory moves where the account can enter, if need be."""
    name = f"pg{binaries.major}-{binaries.kind}{ending}"
    base = base.absolute()
    if not base.exists():
        base.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:  # in another user's project it belongs to that user
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
    verify_private(home, account)
    return ServerDirectory(binaries.usable_by(account), account, home)


def take(descriptor: int) -> bool:
    """Takes the exclusive lock of an open file; returns whether it was free."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def verify_private(directory: Path, account: Account) -> None:
    """Raises :class:`TargetError` unless only the account can enter."""
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != account.uid or found.st_mode & 0o077:
        owner = "" if found.st_uid == account.uid else f": its owner is the user with the number {found.st_uid}"
        raise TargetError(
            f"{directory} is not a private directory of {account.name} (mode 0700){owner}",
            hint="remove it, as after a copy of the project, or choose another directory with the environment variable "
            "HARNESS_DATA",
        )
