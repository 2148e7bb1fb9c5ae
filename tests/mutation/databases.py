"""Databases in which one mutant has been at work."""

from __future__ import annotations

from harness.global_objects.guards import ScratchGuard
from harness.scratch.workspaces import Workspace
from harness.server.connection import Connection

from .mutant import Mutant


class Mutated:
    """Scratch databases that are changed as soon as they are there, before anybody connects to them.

    Each is a real one: what checks set in a session they may only be rid of in another.
    """

    def __init__(self, space: Workspace, mutant: Mutant | None = None) -> None:
        self._space = space
        self._mutant = mutant
        self._made: list[str] = []

    def clone(self) -> str:
        name = self._space.clone()
        self._made.append(name)
        if self._mutant is not None:
            with self._space.connect(name) as connection:
                connection.execute(self._mutant.sql.encode())
        return name

    def empty(self) -> str:
        return self._space.empty()

    def connect(self, dbname: str) -> Connection:
        return self._space.connect(dbname)

    def guard(self) -> ScratchGuard:
        return self._space.guard()

    def drop(self, dbname: str) -> None:
        self._space.drop(dbname)
        if dbname in self._made:
            self._made.remove(dbname)

    def drop_clones(self) -> None:
        while self._made:
            self.drop(self._made[-1])
