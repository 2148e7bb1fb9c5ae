"""What a worker is told, and what it does: it opens a workspace of its own, once, and proves the chunks it is given."""

from __future__ import annotations

import atexit
import hashlib
import os
import pickle
import platform
import threading
import zlib
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Protocol

from harness.declarations import Check
from harness.errors import WorkerError
from harness.outcome import STRICT, Gate, Outcome
from harness.project.model import Module, Project, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.proving.prover import Effort, Prover
    from harness.scratch.workspaces import Workspace
    from harness.server.connection import Server

IDLE_SECONDS = 60.0
"""After which a worker without work closes what it has opened: nobody may be left to tell it so."""


class Place(Protocol):
    """Where a worker proves."""

    def open(self, project: Project, modules: Sequence[str]) -> AbstractContextManager[tuple[Project, Workspace]]: ...


@dataclass(frozen=True)
class SharedServer:
    """The server of the run itself, for workers of this machine. Whoever began the run ``run`` drops its databases."""

    server: Server
    run: str

    @contextmanager
    def open(self, project: Project, modules: Sequence[str]) -> Iterator[tuple[Project, Workspace]]:
        from harness.scratch.workspaces import joined

        with joined(self.server, project, _modules(project, modules), self.run) as space:
            yield project, space


@dataclass(frozen=True)
class OwnServer:
    """A server, or scratch databases, of the worker's own, on whatever machine; ``files`` are those of the project."""

    target: Target
    files: tuple[tuple[str, bytes], ...] = field(repr=False)

    @contextmanager
    def open(self, project: Project, modules: Sequence[str]) -> Iterator[tuple[Project, Workspace]]:
        from harness.scratch.workspaces import workspace
        from harness.server.targets import open_server
        from harness.workers import luggage

        here = luggage.unpack(project, self.files)
        with open_server(here, self.target) as server, workspace(server, here, _modules(here, modules)) as space:
            yield here, space


def _modules(project: Project, names: Sequence[str]) -> tuple[Module, ...]:
    return tuple(module for module in project.modules if module.name in names)


@dataclass(frozen=True)
class Job:
    """All that the outcomes of a run follow from: ``declared`` are the checks whose rules generated rows keep,
    ``chosen`` those that are proven."""

    project: Project
    modules: tuple[str, ...]
    declared: tuple[Check, ...]
    chosen: tuple[Check, ...]
    effort: Effort
    place: Place
    gate: Gate = STRICT


@dataclass(frozen=True)
class Work:
    """A job on its way to workers, which read it once."""

    key: str
    made_with: str
    data: bytes = field(repr=False)

    @classmethod
    def of(cls, job: Job) -> Work:
        data = zlib.compress(pickle.dumps(job), 1)
        return cls(f"{os.getpid()}-{hashlib.sha256(data + os.urandom(16)).hexdigest()}", versions(), data)

    def job(self) -> Job:
        """Raises :class:`WorkerError` where other versions would draw other rows."""
        if self.made_with != versions():
            raise WorkerError(
                f"a worker has {versions()}, and this machine {self.made_with}: they would draw different rows",
                hint="install the same versions on both",
            )
        job: Job = pickle.loads(zlib.decompress(self.data))
        return job


def versions() -> str:
    """What decides which rows a seed gives."""
    parts = [f"{name} {metadata.version(name)}" for name in ("constraint-harness", "hypothesis")]
    return ", ".join([*parts, f"Python {'.'.join(platform.python_version_tuple()[:2])}"])


class _Bench:
    """What a worker keeps open between the chunks of one job."""

    def __init__(self, work: Work) -> None:
        from harness.proving import draws
        from harness.proving.prover import Prover

        draws.make_reproducible()
        self.key = work.key
        self.job = work.job()
        with ExitStack() as stack:
            project, space = stack.enter_context(self.job.place.open(self.job.project, self.job.modules))
            self.prover: Prover = stack.enter_context(Prover(self.job.declared, project, space, self.job.effort))
            self.stack = stack.pop_all()

    def prove(self, places: Sequence[int], fail_fast: bool) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for place in places:
            outcomes.append(self.prover.prove(self.job.chosen[place]))
            if fail_fast and self.job.gate.fails(outcomes[-1]):
                break
        return outcomes


class _Worker:
    """This process as a worker: one chunk at a time, also where it has threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bench: _Bench | None = None
        self._idle: threading.Timer | None = None

    def prove(self, work: Work, places: Sequence[int], fail_fast: bool) -> list[Outcome]:
        with self._lock:
            self._rest(False)
            try:
                if self._bench is None or self._bench.key != work.key:
                    self._close()
                    self._bench = _Bench(work)
                return self._bench.prove(places, fail_fast)
            except BaseException:
                self._close()
                raise
            finally:
                self._rest(True)

    def dismiss(self, key: str | None = None) -> None:
        """Closes what was opened for a job, or for any."""
        with self._lock:
            if self._bench is not None and key in (None, self._bench.key):
                self._close()

    def _close(self) -> None:
        bench, self._bench = self._bench, None
        if bench is not None:
            bench.stack.close()

    def _rest(self, begins: bool) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if begins and self._bench is not None:
            self._idle = threading.Timer(IDLE_SECONDS, self.dismiss, [self._bench.key])
            self._idle.daemon = True
            self._idle.start()


_worker = _Worker()


def prove_chunk(work: Work, places: Sequence[int], fail_fast: bool) -> list[Outcome]:
    """What an executor runs on a worker: the outcomes of these checks, or up to the first that fails."""
    return _worker.prove(work, places, fail_fast)


@atexit.register
def dismiss(key: str | None = None) -> None:
    """Has this process close what it opened for a job."""
    _worker.dismiss(key)
