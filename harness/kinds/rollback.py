"""rollback"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from harness.catalog.inventory import Entry, differences, inventory
from harness.catalog.read import read
from harness.database import migrate, seeds
from harness.errors import StatementError
from harness.generation import Oracle, Pools
from harness.generation.bulk import fill_all
from harness.kinds.base import Fact, Kind, Subject
from harness.project.keys import choice, key
from harness.project.model import Module

if TYPE_CHECKING:
    import psycopg

FEW = 50
"""Rows in each table when migrations are rolled back over data."""


@dataclass(frozen=True)
class Rollback(Kind):
    """Every `down` undoes its `up`, and nothing stays behind.

    ```yaml
    module: intents
    checks:
      - rollback: all
    ```

    Proven in a database of its own, with the modules this one depends on: after each `down` everything that people
    made in the database (tables, functions, types, privileges, comments, …) is as it was before its `up`; `up` again
    gives the same as the first time; and it all goes down as well when the tables are full of rows.
    """

    levels: ClassVar[tuple[str, ...]] = ("module",)

    rollback: str = key(choice("all"), "`all`: every migration of the module")

    @property
    def subject(self) -> str:
        return "all"

    def facts(self, subject: Subject) -> Iterator[Fact]:
        dbname = subject.databases.empty()
        with subject.databases.connect(dbname) as connection:
            yield from _Trial(subject, connection).facts()
        subject.databases.drop(dbname)


class _Trial:
    """Goes up and down in a database of its own."""

    def __init__(self, subject: Subject, connection: psycopg.Connection[Any]) -> None:
        self._subject = subject
        self._connection = connection
        self._project = subject.project
        self._modules = subject.project.with_dependencies([subject.module])
        self._module: Module = subject.project.module(subject.module)

    def facts(self) -> Iterator[Fact]:
        before = [module for module in self._modules if module.name != self._module.name]
        migrate.apply(self._connection, self._project, before)
        states = [self._inventory()]
        for _ in self._module.migrations:
            migrate.apply(self._connection, self._project, self._modules, steps=1)
            states.append(self._inventory())
        yield from self._down(states, "")
        migrate.apply(self._connection, self._project, self._modules)
        yield self._same("up again", states[-1])
        seeds.load(self._connection, self._modules)
        self._fill()
        yield from self._down(states, " with rows in the tables")

    def _down(self, states: list[frozenset[Entry]], under: str) -> Iterator[Fact]:
        for migration, state in reversed(list(zip(self._module.migrations, states, strict=False))):
            what = f"{migration.id} down{under}"
            try:
                migrate.rollback(self._connection, self._project, self._modules, steps=1)
            except StatementError as error:
                yield Fact(f"{what}: works", f"{what}: {error}")
                return
            yield self._same(what, state)

    def _same(self, what: str, state: frozenset[Entry]) -> Fact:
        found = differences(state, self._inventory())
        return Fact(f"{what}: nothing differs", f"{what}: {'; '.join(found) or 'nothing differs'}")

    def _inventory(self) -> frozenset[Entry]:
        return inventory(self._connection, self._project.ledger_schema)

    def _fill(self) -> None:
        catalog = read(self._connection, self._project.ledger_schema)
        declared = {name: self._subject.pools.declared(name) for name in catalog.tables}
        pools = Pools(Oracle(self._connection), catalog, declared)
        fill_all(self._connection, catalog, pools, FEW)
