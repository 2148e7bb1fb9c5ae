"""rollback"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from harness.bulk import fill_all
from harness.catalog.inventory import LEFT_OVER, Entry, differences, inventory
from harness.catalog.read import read
from harness.errors import StatementError
from harness.foreign import builder, stepwise
from harness.kinds.base import Fact, Kind, Subject, Unreliable
from harness.project import layouts
from harness.project.keys import choice, key, several, text
from harness.project.model import Project
from harness.seeds import loading, tolerant
from harness.solver.pools import Pools

if TYPE_CHECKING:
    import psycopg

FEW = 50
"""Rows in each table when migrations are rolled back over data."""


@dataclass(frozen=True)
class RollbackKind(Kind):
    """Every `down` undoes its `up`, and nothing stays behind.

    ```yaml
    module: intents
    checks:
      - rollback: all
    ```

    Proven in a database of its own, with the modules this one depends on: after each `down` everything that people made
    in the database (tables, functions, types, privileges, comments, …) is as it was before its `up`; `up` again gives
    the same as the first time; fixtures that are loaded twice change nothing the second time; and it all goes down as
    well when the tables are full of rows. Rows are not compared: a `down` that leaves rows otherwise than they were is
    not noticed. In a database that has what a file of `over` makes (`over: [checks/intents/hosted.sql]`), that stays as
    it is, on the way up and on the way down.

    Where another tool owns the migrations it is all of them that go up and down, whatever the module; each needs a file
    that undoes it.
    """

    levels: ClassVar[tuple[str, ...]] = ("module",)

    rollback: str = key(choice("all"), "`all`: every migration of the module")
    over: tuple[str, ...] = key(
        several(text), "SQL files, each of what a database may have already; seen from project.yml", default=()
    )

    @property
    def subject(self) -> str:
        return "all"

    def unfit(self, project: Project) -> str | None:
        """A project error: nothing undoes a migration of another tool."""
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
                trial = _Trial(subject, connection)
                yield from trial.facts() if path is None else trial.over(path)
            subject.databases.drop(dbname)


class _Trial:
    """Goes up and down in a database of its own."""

    def __init__(self, subject: Subject, connection: psycopg.Connection[Any]) -> None:
        self._subject = subject
        self._connection = connection
        self._project = subject.project
        self._modules = subject.project.with_dependencies([subject.module])
        self._outside = subject.databases.outside()
        self._rungs = stepwise.rungs(subject.project, subject.module, self._outside)
        self._height = 0

    def facts(self) -> Iterator[Fact]:
        stepwise.stand(self._connection, self._project, self._subject.module, self._outside)
        states = [self._inventory()]
        for rung in self._rungs:
            rung.up(self._connection)
            states.append(self._inventory())
        self._height = len(self._rungs)
        yield from self._down(states, "")
        try:
            self._up()
        except StatementError as error:
            yield Fact("up again: works", f"up again: {error}", tried=True)
            return
        yield self._same("up again", states[-1])
        if not tolerant.load(self._connection, self._modules):  # rows that are refused are told by themselves
            again = loading.load(self._connection, self._modules)
            changed = ", ".join(each.seed.path.name for each in again if each.changed) or "nothing"
            if again:
                yield Fact("fixtures again change: nothing", f"fixtures again change: {changed}", tried=True)
        self._fill()
        yield from self._down(states, " with rows in the tables")

    def over(self, path: str) -> Iterator[Fact]:
        """Goes up and down where a file has been run: what it has made is there before and after."""
        steps = layouts.plain.steps(layouts.Source(self._project.root, {}), [self._project.root / path])
        builder.prepare(self._connection, self._project, self._outside)
        bare = self._inventory()
        stepwise.run(self._connection, self._project, steps, self._outside)
        if self._inventory() == bare:
            raise Unreliable(f"{path} makes nothing, so that nothing of it could be lost")
        stepwise.below(self._connection, self._project, self._subject.module, self._outside)
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
        """To the top, from where the way down has ended."""
        for rung in self._rungs[self._height :]:
            rung.up(self._connection)
        self._height = len(self._rungs)

    def _down(self, states: list[frozenset[Entry]], under: str) -> Iterator[Fact]:
        for rung, state in reversed(list(zip(self._rungs, states, strict=False))):
            what = f"{rung.name} down{under}"
            try:
                rung.down(self._connection)
            except StatementError as error:
                yield Fact(f"{what}: works", f"{what}: {error}", tried=True)
                return
            self._height -= 1
            yield self._same(what, state)

    def _same(self, what: str, state: frozenset[Entry]) -> Fact:
        found = differences(state, self._inventory())
        return Fact(f"{what}: nothing differs", f"{what}: {'; '.join(found) or 'nothing differs'}", tried=True)

    def _inventory(self) -> frozenset[Entry]:
        return inventory(self._connection, self._project.ledger_schema)

    def _fill(self) -> None:
        catalog = read(self._connection, self._project.ledger_schema)
        declared = {name: self._subject.pools.declared(name) for name in catalog.tables}
        pools = Pools(self._connection, catalog, declared, self._subject.pools.row_hints)
        fill_all(self._connection, catalog, pools, FEW)
