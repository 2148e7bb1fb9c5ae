"""Shares one server, one workspace and one prover for each project among the tests of a process.

They are opened when they are first needed, and closed by :func:`close_all`, at the latest when Python ends. Refuses a
database for tests if the schema refuses rows of its seeds. The import costs next to nothing: the plugin does it in
every run of pytest.
"""

from __future__ import annotations

import atexit
import os
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError, SeedRefused

if TYPE_CHECKING:
    import psycopg

    from harness.declarations import DeclaredCheck
    from harness.outcome import Outcome
    from harness.project.model import Project
    from harness.proving.prover import Effort, Prover
    from harness.scratch.workspaces import Workspace
    from harness.solver.pools import Pools


@dataclass(frozen=True)
class Options:
    """The options of a caller. ``spare_seed`` is used if neither ``seed`` nor the profile gives a seed.

    ``start`` is the directory in which, or above which, the default project lies.
    """

    target: str | None = None
    profile: str = "dev"
    seed: int | None = None
    spare_seed: int = field(default_factory=lambda: random.SystemRandom().randrange(2**32))
    start: Path | None = None


class ProjectSession:
    """A project in this process. Raises :class:`HarnessError` where the server is needed and cannot be used."""

    def __init__(self, root: Path, options: Options) -> None:
        self.root = root
        self._options = options
        self._stack = ExitStack()
        self._failure: HarnessError | None = None

    @cached_property
    def project(self) -> Project:
        from harness.project.load import load

        return load(self.root)

    @cached_property
    def checks(self) -> tuple[DeclaredCheck, ...]:
        """All checks of the project."""
        from harness import declarations, kinds

        return declarations.read(self.project, kinds.KINDS)

    @cached_property
    def effort(self) -> Effort:
        from harness.proving.prover import Effort

        profile = self.project.profile(self._options.profile)
        seed = next(seed for seed in (self._options.seed, profile.seed, self._options.spare_seed) if seed is not None)
        return Effort.of(profile, seed)

    @cached_property
    def broken_seeds(self) -> list[Outcome]:
        """The outcomes of seeds with rows that the schema refuses: the checks are proved without those rows."""
        from harness.proving import seeding

        return seeding.outcomes(self._workspace.left_out())

    def prove(self, check: DeclaredCheck) -> Outcome:
        """Proves one of the checks."""
        return self._prover.prove(check)

    @contextmanager
    def transaction(self) -> Iterator[psycopg.Connection[Any]]:
        """Opens a connection to a database with migrations and seeds, in a transaction that is rolled back."""
        connection = self._workspace.connect(self._database)
        block = connection.transaction(force_rollback=True)
        try:
            block.__enter__()
            try:
                yield connection
            finally:
                # If a test has closed it, there is nothing to roll back.
                if not connection.closed:
                    block.__exit__(None, None, None)
        finally:
            connection.close()

    @cached_property
    def pools(self) -> Pools:
        """The values for generated rows, read from a database that nothing else uses."""
        from harness.catalog import read
        from harness.solver.declared import declared_pools

        return declared_pools(self.reader, read(self.reader, self.project.ledger_schema), self.checks)

    @cached_property
    def reader(self) -> psycopg.Connection[Any]:
        """A connection to a database with migrations and seeds, to which nothing is written."""
        return self._stack.enter_context(self._workspace.connect(self._whole()))

    @cached_property
    def _database(self) -> str:
        return self._whole()

    def _whole(self) -> str:
        """Makes a clone with all seeds; raises :class:`SeedRefused` if some are left out, since tests rely on them."""
        for outcome in self.broken_seeds:
            raise SeedRefused(
                f"{outcome.counterexamples[0].actual}, so the database of this test would lack rows",
                place=outcome.place,
            )
        return self._workspace.clone()

    @cached_property
    def _prover(self) -> Prover:
        from harness.proving.prover import Prover

        return self._stack.enter_context(Prover(self.checks, self.project, self._workspace, self.effort))

    @cached_property
    def _workspace(self) -> Workspace:
        # A missing server is tried once, not once for every test.
        if self._failure is not None:
            raise self._failure
        try:
            return self._open()
        except HarnessError as error:
            self._failure = error
            raise

    def _open(self) -> Workspace:
        from harness.scratch.workspaces import workspace
        from harness.server.targets import open_server, resolve

        project = self.project
        target = resolve(project, self._options.target, os.environ)
        with ExitStack() as stack:
            server = stack.enter_context(open_server(project, target))
            space = stack.enter_context(workspace(server, project, project.modules))
            space.template()  # errors of the migrations are found once, too
            self._stack.enter_context(stack.pop_all())
        return space

    def close(self) -> None:
        """Drops the scratch databases and releases the server."""
        self._stack.close()


_options = Options()
_sessions: dict[Path, ProjectSession] = {}


def configure(options: Options) -> Options:
    """Sets the options for sessions that are opened from now on; returns the old ones."""
    global _options
    before, _options = _options, options
    return before


def of(directory: Path | None = None) -> ProjectSession:
    """Returns the session of the project in ``directory`` or above; raises :class:`ProjectError` if there is none.

    The default directory is the one of :func:`configure`, then the working directory.
    """
    from harness.project.load import find_root

    root = find_root(directory or _options.start or Path.cwd())
    if root not in _sessions:
        _sessions[root] = ProjectSession(root, _options)
    return _sessions[root]


@atexit.register
def close_all() -> None:
    """Closes every session of this process."""
    while _sessions:
        _, session = _sessions.popitem()
        session.close()
