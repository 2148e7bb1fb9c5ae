"""Scratch databases for tests that have no project to clone them from."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from psycopg import sql

from harness.global_objects.guards import ScratchGuard
from harness.server.connection import Connection, Server

_numbers = itertools.count()


@dataclass
class Scratch:
    """Makes databases that hold a schema, and counts its ``clones``; ``made`` are those that are not dropped yet.

    Dropping one fails while a session is left in it, unless by ``force``.
    """

    server: Server
    maintenance: Connection = field(repr=False)
    schema: str = ""
    template: str = "template0"
    force: bool = False
    made: list[str] = field(default_factory=list)
    clones: int = 0

    def clone(self) -> str:
        self.clones += 1
        name = self._create(self.template)
        if self.schema:
            with self.connect(name) as connection:
                connection.execute(self.schema.encode())
        return name

    def empty(self) -> str:
        return self._create("template0")

    def connect(self, dbname: str) -> Connection:
        return self.server.connect(dbname)

    def guard(self) -> ScratchGuard:
        return ScratchGuard(self.maintenance, own=True, may_make=True)

    def drop(self, dbname: str) -> None:
        statement = "drop database {} with (force)" if self.force else "drop database {}"
        self.maintenance.execute(sql.SQL(statement).format(sql.Identifier(dbname)))
        self.made.remove(dbname)

    def drop_all(self) -> None:
        while self.made:
            self.drop(self.made[-1])

    def _create(self, template: str) -> str:
        name = f"scratch_{next(_numbers)}"
        statement = sql.SQL("create database {} template {} strategy file_copy")
        self.maintenance.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        self.made.append(name)
        return name
