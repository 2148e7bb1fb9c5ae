"""A worker and its work: proves the chunks it is given, or refuses if its versions are not the run's.

It refuses other versions of Python, Hypothesis or this package than the run has, which would draw other rows. On a
machine without the project's files it unpacks those that come with the job. Opens a workspace once, on the run's server
or one of its own. Not here: sending chunks and a worker that died (``prove.py``), starting workers (``executors.py``,
``dask_cluster.py``).
"""

from __future__ import annotations

import atexit
import hashlib
import os
import pickle
import platform
import stat
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields, is_dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from harness.declarations import DeclaredCheck
from harness.errors import Place, ProjectError, WorkerError
from harness.outcome import Gate, Outcome
from harness.project.model import Module, Project, Target
from harness.proving import draws
from harness.proving.prover import Effort, Prover
from harness.scratch.workspaces import Workspace, joined, workspace
from harness.server import Server, open_server

BundledFiles = tuple[tuple[str, bytes], ...]


def pack(project: Project) -> BundledFiles:
    """Reads all files that the project names; their names are relative to the directory of :func:`unpack`."""
    found: dict[str, bytes] = {}

    def add(path: Path) -> Path:
        if path.is_file():
            try:
                found[_inside(project.root, path)] = path.read_bytes()
            except OSError as error:
                raise ProjectError(f"cannot be read: {error.strerror}", place=Place(path)) from None
        return path

    _moved(project, add)
    return tuple(found.items())


def unpack(project: Project, files: BundledFiles) -> Project:
    """Writes the files and returns the project as it is on this machine.

    All runs of one project share a directory, and so a private server.
    """
    name = hashlib.sha256(str(project.root).encode(errors="surrogateescape")).hexdigest()[:16]
    root = _directory(_directory(Path(tempfile.gettempdir()) / f"harness-workers-{os.getuid()}") / name)
    folder = root / "files" / hashlib.sha256(repr(files).encode()).hexdigest()[:16]
    for name, data in files:
        path = folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            half = path.with_name(f".{path.name}.{os.getpid()}")
            half.write_bytes(data)
            half.replace(path)
    names = {name for name, _ in files}

    def move(path: Path) -> Path:
        inside = _inside(project.root, path)
        return folder / inside if inside in names else path

    moved: Project = _moved(project, move)
    return replace(moved, root=root)


def _inside(root: Path, path: Path) -> str:
    """Returns a relative name for a file, also if it lies outside of the project."""
    if path.is_relative_to(root) and ".." not in path.parts:
        return path.relative_to(root).as_posix()
    return f"outside/{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}/{path.name}"


def _moved(value: Any, move: Callable[[Path], Path]) -> Any:
    """Returns a value with all paths in it changed, at any depth."""
    if isinstance(value, Path):
        return move(value)
    if isinstance(value, tuple):
        return tuple(_moved(item, move) for item in value)
    if isinstance(value, Mapping):
        return {key: _moved(item, move) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        own = ((field.name, getattr(value, field.name)) for field in fields(value) if field.init)
        changed = {name: new for name, old in own if (new := _moved(old, move)) != old}
        return replace(value, **changed) if changed else value
    return value


def _directory(path: Path) -> Path:
    """Makes a directory of this user; the account of a private server may pass through it."""
    path.mkdir(mode=0o711, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise WorkerError(f"{path} belongs to somebody else", hint="remove it, or set TMPDIR for the workers")
    return path


IDLE_SECONDS = 60.0
"""Time after which a worker without work closes what it has opened: its run may have been killed."""


@dataclass(frozen=True)
class SharedServer:
    """The server of the run itself, for workers of this machine. The process of the ``run`` drops its databases."""

    server: Server
    run: str

    @contextmanager
    def open(self, project: Project, modules: Sequence[str]) -> Iterator[tuple[Project, Workspace]]:
        with joined(self.server, project, _modules(project, modules), self.run) as space:
            yield project, space


@dataclass(frozen=True)
class OwnServer:
    """A server, or scratch databases, of the worker's own, on any machine; ``files`` are those of the project."""

    target: Target
    files: tuple[tuple[str, bytes], ...] = field(repr=False)

    @contextmanager
    def open(self, project: Project, modules: Sequence[str]) -> Iterator[tuple[Project, Workspace]]:
        here = unpack(project, self.files)
        with open_server(here, self.target) as server, workspace(server, here, _modules(here, modules)) as space:
            yield here, space


def _modules(project: Project, names: Sequence[str]) -> tuple[Module, ...]:
    return tuple(module for module in project.modules if module.name in names)


@dataclass(frozen=True)
class Job:
    """All that decides the outcomes of a run.

    ``declared`` are the checks whose rules generated rows keep, ``chosen`` those that are proven.
    """

    project: Project
    modules: tuple[str, ...]
    declared: tuple[DeclaredCheck, ...]
    chosen: tuple[DeclaredCheck, ...]
    effort: Effort
    server: SharedServer | OwnServer


@dataclass(frozen=True)
class Work:
    """A job in the form in which it is sent to workers, which read it once."""

    key: str
    made_with: str
    data: bytes = field(repr=False)

    @classmethod
    def of(cls, job: Job) -> Work:
        data = zlib.compress(pickle.dumps(job), 1)
        return cls(f"{os.getpid()}-{hashlib.sha256(data + os.urandom(16)).hexdigest()}", versions(), data)

    def job(self) -> Job:
        """Reads the job. Raises :class:`WorkerError` where other versions would draw other rows."""
        if self.made_with != versions():
            raise WorkerError(
                f"a worker has {versions()}, and this machine {self.made_with}: they would draw different rows",
                hint="install the same versions on both",
            )
        job: Job = pickle.loads(zlib.decompress(self.data))
        return job


def versions() -> str:
    """Returns the versions that decide which rows a seed gives."""
    parts = [f"{name} {metadata.version(name)}" for name in ("constraint-harness", "hypothesis")]
    return ", ".join([*parts, f"Python {'.'.join(platform.python_version_tuple()[:2])}"])


class _OpenJob:
    """A job with the workspace and the prover that a worker keeps open between its chunks."""

    def __init__(self, work: Work) -> None:
        draws.make_reproducible()
        self.key = work.key
        self.job = work.job()
        with ExitStack() as stack:
            project, space = stack.enter_context(self.job.server.open(self.job.project, self.job.modules))
            self._prover: Prover = stack.enter_context(Prover(self.job.declared, project, space, self.job.effort))
            self.close = stack.pop_all().close

    def prove(self, positions: Sequence[int], stop: Gate | None) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for position in positions:
            outcomes.append(self._prover.prove(self.job.chosen[position]))
            if stop is not None and stop.fails(outcomes[-1]):
                break
        return outcomes


class _Worker:
    """This process as a worker: proves one chunk at a time, even if the executor has several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: _OpenJob | None = None
        self._idle: threading.Timer | None = None

    def prove(self, work: Work, positions: Sequence[int], stop: Gate | None) -> list[Outcome]:
        with self._lock:
            if self._idle is not None:
                self._idle.cancel()
            try:
                if self._open is None or self._open.key != work.key:
                    self._close()
                    self._open = _OpenJob(work)
                return self._open.prove(positions, stop)
            except BaseException:
                self._close()
                raise
            finally:
                self._idle = threading.Timer(IDLE_SECONDS, self.release, [work.key])
                self._idle.daemon = True
                self._idle.start()

    def release(self, key: str | None = None) -> None:
        """Closes what was opened for a job, or for any job."""
        with self._lock:
            if self._open is not None and key in (None, self._open.key):
                self._close()

    def _close(self) -> None:
        job, self._open = self._open, None
        if job is not None:
            job.close()


_worker = _Worker()


def prove_chunk(work: Work, positions: Sequence[int], stop: Gate | None) -> list[Outcome]:
    """Proves the checks at these positions, on a worker of an executor; ends at the first that fails at ``stop``."""
    return _worker.prove(work, positions, stop)


@atexit.register
def release(key: str | None = None) -> None:
    """Closes what this process has opened for a job, or for any job."""
    _worker.release(key)
