"""Starts whatever proves the checks of ``harness test``: this process, several processes, or a Dask cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness import plugins
from harness.outcome import Gate
from harness.workers import Durations, Job, OwnServer, Shard, SharedServer, Work, chunks, prove
from harness.workers.durations import FILE, record
from harness.workers.prove import Positioned

if TYPE_CHECKING:
    from harness.catalog.model import Catalog
    from harness.declarations import DeclaredCheck
    from harness.outcome import Outcome
    from harness.proving.prover import Effort, Prover
    from harness.scratch.workspaces import Workspace

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
        from harness.proving.prover import Prover
        from harness.server.targets import resolve
        from harness.workers import bundle, executors

        project = databases.project
        count = self.workers or self._worth(chosen)
        if self.scheduler is None and count == 1:
            with Prover(declared, project, databases, effort) as prover:
                yield StartedRun(prover.catalog, "", True, self._one_by_one(prover, chosen))
            return
        server: SharedServer | OwnServer = SharedServer(databases.server, databases.run)
        if self.scheduler is not None:
            server = OwnServer(resolve(project, self.target, os.environ), bundle.pack(project))
        else:
            databases.template()  # once, before all of them ask for it
        work = Work.of(
            Job(
                project,
                tuple(module.name for module in databases.modules),
                tuple(declared),
                tuple(chosen),
                effort,
                server,
            )
        )
        opened = plugins.load("dask")(self.scheduler, work) if self.scheduler else executors.processes(count)
        with opened as pool:
            in_order = self.stop is not None
            outcomes = prove(
                pool.executor,
                work,
                chunks(chosen, self.durations, pool.size, in_order=in_order),
                stop=self.stop,
                alive=pool.alive,
                tried=tried,
            )
            size = f", {pool.size} workers{f' of {self.scheduler}' if self.scheduler else ''}"
            # The workers start while this process reads the catalog.
            yield StartedRun(_catalog(databases), size, in_order, outcomes)

    def _one_by_one(self, prover: Prover, chosen: Sequence[DeclaredCheck]) -> Iterator[Positioned]:
        for position, check in enumerate(chosen):
            outcome = prover.prove(check)
            yield position, outcome
            if self.stop is not None and self.stop.fails(outcome):
                return

    def _worth(self, chosen: Sequence[DeclaredCheck]) -> int:
        """Returns a number of workers: that of the cores, or fewer for a short run."""
        from harness.workers.executors import cores

        return max(1, min(cores(), MOST, int(sum(self.durations.weights(chosen)) / SECONDS_PER_WORKER)))


def _catalog(databases: Workspace) -> Catalog:
    from harness.catalog import read

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
    name = FILE if shard is None else FILE.with_name(f"durations-{shard.number}-of-{shard.count}.json")
    path = root / name
    if shard is not None and path.absolute() in (Path(each).absolute() for each in given):
        return
    with suppress(OSError):  # no reason to call a run a failure
        record(path, declared, outcomes)
