"""Who proves the checks of ``harness test``: this process, several of them, or the workers of a Dask cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.outcome import Gate, Outcome
from harness.workers import Durations, Job, OwnServer, Shard, SharedServer, Work, chunks, prove
from harness.workers.durations import FILE, record
from harness.workers.prove import Placed

if TYPE_CHECKING:
    from harness.catalog.model import Catalog
    from harness.declarations import DeclaredCheck
    from harness.proving.prover import Effort
    from harness.scratch.workspaces import Workspace

WORTH = 4.0
"""Seconds of work for which ``auto`` takes one more worker: each imports and clones before it begins."""

MOST = 8
"""Workers that ``auto`` takes at most: each has some six connections, and servers have a hundred."""


@dataclass(frozen=True)
class Crew:
    """A run that has begun. ``outcomes`` takes what wants to hear how many checks are done; they come ``in_order`` of
    the run, or as they are ready."""

    catalog: Catalog
    size: str
    in_order: bool
    outcomes: Callable[[Callable[[int], None]], Iterator[Placed]] = field(repr=False)


@dataclass(frozen=True)
class Means:
    """The options that say who proves."""

    workers: int | None
    scheduler: str | None
    target: str | None
    durations: Durations
    fail_fast: bool
    gate: Gate

    @contextmanager
    def open(
        self, databases: Workspace, there: Sequence[DeclaredCheck], chosen: Sequence[DeclaredCheck], effort: Effort
    ) -> Iterator[Crew]:
        """Begins; whoever was to prove has ended when this is left."""
        count = self.workers or self._worth(chosen)
        if self.scheduler is not None:
            opened = self._far(databases, there, chosen, effort)
        elif count > 1:
            opened = self._near(databases, there, chosen, effort, count)
        else:
            opened = self._alone(databases, there, chosen, effort)
        with opened as crew:
            yield crew

    @contextmanager
    def _alone(
        self, databases: Workspace, there: Sequence[DeclaredCheck], chosen: Sequence[DeclaredCheck], effort: Effort
    ) -> Iterator[Crew]:
        from harness.proving.prover import Prover

        with Prover(there, databases.project, databases, effort) as prover:

            def outcomes(tried: Callable[[int], None]) -> Iterator[Placed]:
                for place, check in enumerate(chosen):
                    outcome = prover.prove(check)
                    yield place, outcome
                    if self.fail_fast and self.gate.fails(outcome):
                        return

            yield Crew(prover.catalog, "", True, outcomes)

    @contextmanager
    def _near(
        self,
        databases: Workspace,
        there: Sequence[DeclaredCheck],
        chosen: Sequence[DeclaredCheck],
        effort: Effort,
        count: int,
    ) -> Iterator[Crew]:
        from harness.workers.processes import processes

        databases.template()  # once, before all of them ask for it
        names = tuple(module.name for module in databases.modules)
        place = SharedServer(databases.server, databases.run)
        work = Work.of(Job(databases.project, names, tuple(there), tuple(chosen), effort, place, self.gate))
        with processes(count) as executor:
            # They start while this process reads the catalog.
            parts = chunks(chosen, self.durations, count, in_order=self.fail_fast)
            outcomes = prove(executor, work, parts, fail_fast=self.fail_fast, gate=self.gate)
            yield Crew(_catalog(databases), f", {count} workers", self.fail_fast, outcomes)

    @contextmanager
    def _far(
        self, databases: Workspace, there: Sequence[DeclaredCheck], chosen: Sequence[DeclaredCheck], effort: Effort
    ) -> Iterator[Crew]:
        from harness.server.targets import resolve
        from harness.workers import luggage
        from harness.workers.scheduler import cluster

        project = databases.project
        names = tuple(module.name for module in databases.modules)
        place = OwnServer(resolve(project, self.target, os.environ), luggage.pack(project))
        work = Work.of(Job(project, names, tuple(there), tuple(chosen), effort, place, self.gate))
        assert self.scheduler is not None
        with cluster(self.scheduler, work) as dask:
            parts = chunks(chosen, self.durations, dask.size, in_order=self.fail_fast)
            outcomes = prove(dask.executor, work, parts, fail_fast=self.fail_fast, gate=self.gate, alive=dask.alive)
            size = f", {dask.size} workers of {self.scheduler}"
            yield Crew(_catalog(databases), size, self.fail_fast, outcomes)

    def _worth(self, chosen: Sequence[DeclaredCheck]) -> int:
        """As many workers as there are cores, and as the run is worth."""
        from harness.workers.processes import cores

        return max(1, min(cores(), MOST, int(sum(self.durations.weights(chosen)) / WORTH)))


def _catalog(databases: Workspace) -> Catalog:
    from harness.catalog import read

    name = databases.clone()
    with databases.connect(name) as connection:
        catalog = read(connection, databases.project.ledger_schema)
    databases.drop(name)
    return catalog


def known_durations(root: Path, given: Sequence[str]) -> Durations:
    """Those of the files that were named, else what the last runs wrote."""
    return Durations.merged(map(Path, given)) if given else Durations.recorded(root)


def remember(
    root: Path,
    shard: Shard | None,
    given: Sequence[str],
    declared: Sequence[DeclaredCheck],
    outcomes: Sequence[Outcome],
) -> None:
    """Writes what the checks took.

    A shard has a file to itself, and leaves it alone where it was given: the others have to be dealt by the same.
    """
    name = FILE if shard is None else FILE.with_name(f"durations-{shard.number}-of-{shard.of}.json")
    path = root / name
    if shard is not None and path.absolute() in (Path(each).absolute() for each in given):
        return
    with suppress(OSError):  # no reason to call a run a failure
        record(path, declared, outcomes)
