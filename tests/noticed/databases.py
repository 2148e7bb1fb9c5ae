"""Databases in which one mutant has been at work."""

from __future__ import annotations

import psycopg

from harness.database.outside import Confined
from harness.database.scratch import Workspace

from .mutant import Mutant


class Mutated:
    """The first one that is asked for is only a transaction: it is undone in no time, where a clone for each of
    thousands of mutants takes hours. What comes after (to be filled and vacuumed, or for two sessions) is a clone.
    """

    def __init__(self, space: Workspace, base: str, mutant: Mutant | None = None) -> None:
        self._space = space
        self._base = base
        self._mutant = mutant
        self._made: list[str] = []
        self._first: psycopg.Connection[tuple[object, ...]] | None = None
        self._changed: set[str] = set()

    def clone(self) -> str:
        name = self._space.clone() if self._made else self._base
        self._made.append(name)
        return name

    def empty(self) -> str:
        return self._space.empty()

    def connect(self, dbname: str) -> psycopg.Connection[tuple[object, ...]]:
        if self._first is not None and dbname == self._base:
            return self._first  # what it has changed no other sees, and whoever would change it waits
        connection = self._space.connect(dbname)
        if dbname == self._base:
            connection.execute("begin")
            self._first = connection
        if self._mutant is not None and dbname not in self._changed:
            connection.execute(self._mutant.sql.encode())
        self._changed.add(dbname)
        return connection

    def outside(self) -> Confined:
        return self._space.outside()

    def drop(self, dbname: str) -> None:
        self._space.drop(dbname)
        self._made.remove(dbname)

    def drop_clones(self) -> None:
        for name in self._made[1:]:
            self._space.drop(name)
