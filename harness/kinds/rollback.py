"""rollback"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from harness import plugins
from harness.catalog.inventory import LEFT_OVER, DatabaseObject, differences, inventory
from harness.catalog.read import read
from harness.errors import StatementError
from harness.foreign import builder, stepwise
from harness.kinds.base import Fact, Kind, Subject, Unreliable
from harness.project import Project, PsqlFiles
from harness.project.keys import choice, key, several, text
from harness.seeds import loading, tolerant
from harness.solver.pools import Pools

FEW = 50
"""Rows in each table when migrations are rolled back over rows."""


@dataclass(frozen=True)
class RollbackKind(Kind):
    """Every `down` undoes its `up`, and leaves nothing behind.

    ```yaml
    module: intents
    checks:
      - rollback: all
    ```

    Proven in a database of its own, with the modules that this one depends on. After each `down` everything in the
    database (tables, functions, types, privileges, comments, …) is as it was before its `up`. `up` again gives the same
    as the first time. Fixtures that are loaded twice change nothing the second time. Every `down` also works when the
    tables are full of rows. Rows are not compared: a `down` that changes rows is not noticed. `over` names SQL files
    that a database may have run before (`over: [checks/intents/hosted.sql]`): what such a file makes stays the same on
    the way up and on the way down.

    If another tool owns the migrations, all of them go up and down, whatever the module; each needs a file that undoes
    it.
    """

    scopes = ("module",)

    rollback: str = key(choice("all"), "`all`: every migration of the module")
    over: tuple[str, ...] = key(
        several(text), "SQL files, each of what a database may have already; seen from project.yml", default=()
    )

    def unfit(self, project: Project) -> str | None:
        """Returns the error for a missing file of ``over``, and for migrations of another tool that nothing undoes."""
        absent = next((each for each in self.over if not (project.root / each).is_file()), None)
        if absent is not None:
            return f"there is no such file: {absent}"
        missing = [step for step in project.adopted.steps if step.down is None] if project.adopted else []
        if not missing:
            return None
        return f"nothing undoes {missing[0].path}" + (
            f", and {len(missing) - 1} more are like it" if missing[1:] else ""
        )

    def facts(self, subject: Subject) -> Iterator[Fact]:
        for path in (None, *self.over):
            dbname = subject.databases.empty()
            with subject.databases.connect(dbname) as connection:
                run = _UpAndDown(subject, connection)
                yield from run.facts() if path is None else run.over(path)
            subject.databases.drop(dbname)


class _UpAndDown:
    """Runs migrations up and down in a database of its own."""

    def __init__(self, subject: Subject, connection: psycopg.Connection[Any]) -> None:
        self._subject = subject
        self._connection = connection
        self._project = subject.project
        self._modules = subject.project.with_dependencies([subject.module])
        self._guard = subject.databases.guard()
        self._rungs = stepwise.steps(subject.project, subject.module, self._guard)
        self._height = 0
        self._told: set[str] = set()

    def facts(self) -> Iterator[Fact]:
        stepwise.prepare(self._connection, self._project, self._subject.module, self._guard)
        states = [self._inventory()]
        for rung in self._rungs:
            rung.up(self._connection)
            states.append(self._inventory())
        self._height = len(self._rungs)
        yield from self._down(states, "")
        if self._told:
            return  # up again would only stumble over what is left
        try:
            self._up()
        except StatementError as error:
            yield Fact("up again: works", f"up again: {error}", tried=True)
            return
        yield self._same("up again", states[-1])
        if not tolerant.load(self._connection, self._modules):  # refused rows are reported elsewhere
            again = loading.load(self._connection, self._modules)
            changed = ", ".join(each.seed.path.name for each in again if each.changed) or "nothing"
            if again:
                yield Fact("fixtures again change: nothing", f"fixtures again change: {changed}", tried=True)
        self._fill()
        yield from self._down(states, " with rows in the tables")

    def over(self, path: str) -> Iterator[Fact]:
        """Runs the migrations up and down after a file: what the file has made does not change."""
        steps = PsqlFiles(self._project.root, {}).scripts([self._project.root / path])
        builder.prepare(self._connection, self._project, self._guard)
        bare = self._inventory()
        stepwise.run(self._connection, self._project, steps, self._guard)
        if self._inventory() == bare:
            raise Unreliable(f"{path} makes nothing, so that nothing of it could be lost")
        stepwise.apply_dependencies(self._connection, self._project, self._subject.module, self._guard)
        before = self._inventory()
        try:
            self._up()
        except StatementError as error:
            yield Fact(f"up over {path}: works", f"up over {path}: {error}", tried=True)
            return
        lost = [line for line in differences(before, self._inventory()) if not line.endswith(LEFT_OVER)]
        yield Fact(
            f"up over {path}: nothing differs", f"up over {path}: {'; '.join(lost) or 'nothing differs'}", tried=True
        )
        for rung in reversed(self._rungs):
            try:
                rung.down(self._connection)
            except StatementError as error:
                yield Fact(f"{rung.name} down over {path}: works", f"{rung.name} down over {path}: {error}", tried=True)
                return
        yield self._same(f"down over {path}", before)

    def _up(self) -> None:
        """Runs up all migrations that are not up."""
        for rung in self._rungs[self._height :]:
            rung.up(self._connection)
        self._height = len(self._rungs)

    def _down(self, states: list[frozenset[DatabaseObject]], under: str) -> Iterator[Fact]:
        for rung, state in reversed(list(zip(self._rungs, states, strict=False))):
            what = f"{rung.name} down{under}"
            try:
                rung.down(self._connection)
            except StatementError as error:
                self._told.add(str(error))
                yield Fact(f"{what}: works", f"{what}: {error}", tried=True)
                return
            self._height -= 1
            yield self._same(what, state)

    def _same(self, what: str, state: frozenset[DatabaseObject]) -> Fact:
        # What one migration leaves is there below it, too.
        found = [line for line in differences(state, self._inventory()) if line not in self._told]
        self._told.update(found)
        return Fact(f"{what}: nothing differs", f"{what}: {'; '.join(found) or 'nothing differs'}", tried=True)

    def _inventory(self) -> frozenset[DatabaseObject]:
        return inventory(self._connection, self._project.ledger_schema)

    def _fill(self) -> None:
        catalog = read(self._connection, self._project.ledger_schema)
        declared = {name: self._subject.pools.declared(name) for name in catalog.tables}
        pools = Pools(self._connection, catalog, declared, self._subject.pools.row_hints)
        plugins.load("bulk").fill_all(self._connection, catalog, pools, FEW)
