"""Decides how many workers prove a run: this process alone, several processes, or a Dask cluster.

By default it follows from the expected seconds and the cores. Starts and ends the workers, and writes the durations of
the checks when the run is done.
Not here: which worker gets which checks, and shards (``workers/durations.py``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from harness import plugins
from harness.catalog import Catalog, read
from harness.declarations import DeclaredCheck
from harness.outcome import Gate, Outcome
from harness.proving.prover import Effort, Prover
from harness.scratch.workspaces import Workspace
from harness.server.targets import resolve
from harness.workers import (
    Durations,
    Job,
    OwnServer,
    Positioned,
    Shard,
    SharedServer,
    Work,
    chunks,
    executors,
    job,
    prove,
)
from harness.workers.durations import FILE, record

SECONDS_PER_WORKER = 4.0
"""Seconds of work for which ``auto`` takes one more worker: each imports and clones before it begins."""

MOST = 8
"""Workers that ``auto`` takes at most: each has some six connections, and servers have a hundred."""


@dataclass(frozen=True)
class StartedRun:
    """A run that has begun; ``outcomes`` come ``in_order`` of the run, or as they are ready."""

    catalog: Catalog
    size: str
    in_order: bool
    outcomes: Iterator[Positioned] = field(repr=False)


@dataclass(frozen=True)
class Execution:
    """The options for the workers of a run, which ends at the first check that fails at ``stop``."""

    workers: int | None
    scheduler: str | None
    target: str | None
    durations: Durations
    stop: Gate | None

    @contextmanager
    def start(
        self,
        databases: Workspace,
        declared: Sequence[DeclaredCheck],
        chosen: Sequence[DeclaredCheck],
        effort: Effort,
        tried: Callable[[int], None],
    ) -> Iterator[StartedRun]:
        """Starts the workers, and ends them at the end; ``tried`` is called with the number of checks that are done."""
        project = databases.project
        worth = int(sum(self.durations.weights(chosen)) / SECONDS_PER_WORKER)
        count = self.workers or max(1, min(executors.cores(), MOST, worth))
        if self.scheduler is None and count == 1:
            with Prover(declared, project, databases, effort) as prover:
                yield StartedRun(prover.catalog, "", True, self._one_by_one(prover, chosen))
            return
        server: SharedServer | OwnServer = SharedServer(databases.server, databases.run)
        if self.scheduler is not None:
            server = OwnServer(resolve(project, self.target, os.environ), job.pack(project))
        else:
            databases.template()  # once, before all of them ask for it
        modules = tuple(module.name for module in databases.modules)
        work = Work.of(Job(project, modules, tuple(declared), tuple(chosen), effort, server))
        opened = plugins.load("dask")(self.scheduler, work) if self.scheduler else executors.processes(count)
        with opened as pool:
            in_order = self.stop is not None
            parts = chunks(chosen, self.durations, pool.size, in_order=in_order)
            outcomes = prove(pool.executor, work, parts, stop=self.stop, alive=pool.alive, tried=tried)
            size = f", {pool.size} workers{f' of {self.scheduler}' if self.scheduler else ''}"
            # The workers start while this process reads the catalog.
            yield StartedRun(_catalog(databases), size, in_order, outcomes)

    def _one_by_one(self, prover: Prover, chosen: Sequence[DeclaredCheck]) -> Iterator[Positioned]:
        for position, check in enumerate(chosen):
            outcome = prover.prove(check)
            yield position, outcome
            if self.stop is not None and self.stop.fails(outcome):
                return


def _catalog(databases: Workspace) -> Catalog:
    name = databases.clone()
    with databases.connect(name) as connection:
        catalog = read(connection, databases.project.ledger_schema)
    databases.drop(name)
    return catalog


def remember(
    root: Path,
    shard: Shard | None,
    given: Sequence[str],
    declared: Sequence[DeclaredCheck],
    outcomes: Sequence[Outcome],
) -> None:
    """Writes the durations of the checks.

    A shard has a file of its own, and does not write it if it was ``given``: the other shards need the same durations.
    """
    path = root / (FILE if shard is None else FILE.with_name(f"durations-{shard.number}-of-{shard.count}.json"))
    if shard is not None and path.absolute() in (Path(each).absolute() for each in given):
        return
    with suppress(OSError):  # no reason to call a run a failure
        record(path, declared, outcomes)
