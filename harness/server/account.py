"""The account that a private server runs under, since PostgreSQL refuses to run as root.

Decides which account that is. As root, all that the server needs is done under an unprivileged account; links planted
in a directory of another user are never followed, and existing directories are not changed.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness.errors import TargetError


@dataclass(frozen=True)
class Account:
    """An account of the operating system; ``switch`` is true when we are root and the server must not be."""

    name: str
    uid: int
    gid: int
    switch: bool

    def run(self, command: Sequence[str | Path], *, cwd: Path = Path("/")) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end, without the terminal's Ctrl-C, in English, and without the caller's ``PG*``.

        Raises :class:`TargetError` when the account cannot be used at all.
        """
        try:
            return subprocess.run(
                [str(part) for part in command],
                cwd=cwd,
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
                user=self.uid if self.switch else None,
                group=self.gid if self.switch else None,
                extra_groups=[] if self.switch else None,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                start_new_session=True,
                check=False,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise TargetError(
                f"cannot run {command[0]} as {self.name}: {error}",
                hint="run the tool as an ordinary user, or point it at a running server",
            ) from None

    def can_enter(self, directory: Path) -> bool:
        """Whether this account can enter a directory; asks the system, since modes do not tell everything."""
        return not self.switch or self.run(["test", "-x", directory]).returncode == 0

    def ensure_directory(self, path: Path) -> None:
        """Makes a directory of this account with mode 0700, unless the path exists; its parent must exist."""
        if os.path.lexists(path):
            return
        # Made under another name and renamed: it is never seen as root's own.
        staging = Path(tempfile.mkdtemp(prefix=f"{path.name}.", dir=path.parent))
        if self.switch:
            os.chown(staging, self.uid, self.gid)
        try:
            staging.rename(path)
        except OSError:
            staging.rmdir()
            if not os.path.lexists(path):  # else another process was quicker
                raise

    def open_file(self, path: Path, flags: int) -> int:
        """Opens, or makes, a file of this account with mode 0600; returns the descriptor."""
        descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        if self.switch:
            os.fchown(descriptor, self.uid, self.gid)
        return descriptor

    def write_file(self, path: Path, text: str, flag: int = os.O_TRUNC) -> None:
        """Writes a whole file of this account, or adds to its end (``O_APPEND``)."""
        with os.fdopen(self.open_file(path, os.O_WRONLY | flag), "w", encoding="utf-8") as file:
            file.write(text)


def server_account(base: Path) -> Account:
    """Returns our own account; as root that of the owner of ``base``, or else ``postgres``, or else ``nobody``."""
    uid = os.geteuid()
    if uid != 0:
        return Account(f"user {uid}", uid, os.getegid(), switch=False)
    owner = base.stat().st_uid
    lookups: list[Callable[[], pwd.struct_passwd]] = [partial(pwd.getpwuid, owner)] if owner else []
    lookups += [partial(pwd.getpwnam, name) for name in ("postgres", "nobody")]
    for lookup in lookups:
        with suppress(KeyError):
            entry = lookup()
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, switch=True)
    raise TargetError(
        "PostgreSQL refuses to run as root, and there is no account postgres or nobody to run it under",
        hint="run the tool as an ordinary user, or point it at a running server",
    )
