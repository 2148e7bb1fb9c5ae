"""Decides which migrations an apply or a rollback concerns, and whether it may begin. Changes nothing.

Refuses where a migration is edited, renumbered, missing, half done or out of order. Decides whether one is taken back
by its down file or by the text that the ledger keeps, and which rows may be renumbered or accepted.
Not here: running the files (``migrate.py``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import MigrationError, Place
from harness.migrations.ledger import LedgerRow
from harness.migrations.migration_set import SEE_STATUS, MigrationSet, MigrationStatus, State
from harness.project import Migration, relative

_MOVE = re.compile(r"(?P<old>(?:(?P<module>[^/]+)/)?\d+)=(?:(?P=module)/)?(?P<new>\d+)")
_HALF = (State.HALF_APPLIED, State.HALF_ROLLED_BACK)


@dataclass(frozen=True)
class Undo:
    """A migration to take back, by its down file or by the ``text`` that the ledger keeps."""

    migration: Migration
    text: str | None = None


@dataclass(frozen=True)
class MigrationPlan(MigrationSet):
    """Chooses migrations to apply, to take back, or to change in the ledger; raises :class:`MigrationError`."""

    def to_apply(self, *, to: str | None, steps: int | None, rerun: str | None) -> list[Migration]:
        """Returns the pending migrations, after the half applied one that is to run again.

        Raises :class:`MigrationError` if any other migration is neither applied nor pending.
        """
        again = None if rerun is None else self._half(rerun, State.HALF_APPLIED)[1]
        wanted = (State.PENDING, State.OUT_OF_ORDER) if self.out_of_order else (State.PENDING,)
        pending = [again] if again else []
        obstacles = []
        for status in self.statuses():
            if status.state in wanted and status.migration:
                pending.append(status.migration)
            elif status.state not in (State.APPLIED, State.DRAFT) and (again is None or status.migration != again):
                obstacles.append(status)
        if obstacles:
            # A renumbered migration makes others look out of order.
            raise self.obstacle(min(obstacles, key=lambda each: each.state is not State.RENUMBERED))
        if to is not None:
            last = self.find(to)
            pending = pending[: pending.index(last) + 1] if last in pending else []
        return pending if steps is None else pending[:steps]

    def to_mark(self, name: str) -> Migration:
        """Returns a migration to be marked as applied: a half applied one, or the first pending one of its module."""
        migration, status = self.status_of(name)
        of_module = [each for each in self.statuses() if each.module == migration.module]
        for each in of_module:
            if each.state is State.RENUMBERED or (each == status and each.other_name):
                raise self.obstacle(each)  # the row of this number belongs to another migration
        waiting = [each for each in of_module if each.state in (State.PENDING, State.OUT_OF_ORDER)]
        if status.state is State.HALF_APPLIED or (self.out_of_order and status in waiting):
            return migration
        if status.state is State.PENDING and status == waiting[0]:
            return migration
        why = f"{waiting[0].id} comes first" if status.state is State.PENDING else f"it is {status.state.value}"
        raise MigrationError(f"{migration.id} cannot be marked as applied: {why}", hint=SEE_STATUS)

    def to_take_back(self, *, to: str | None, steps: int | None) -> list[Undo]:
        """Returns the migrations applied last, newest first: those after ``to``, or ``steps`` of them, else all."""
        chosen = {module.name for module in self.modules}
        applied = [(each.row, each) for each in self.statuses() if each.row and each.module in chosen]
        applied.sort(key=lambda each: each[0].position, reverse=True)
        if to is not None:
            last = self.find(to)
            steps = next((index for index, (_, each) in enumerate(applied) if each.migration == last), None)
            if steps is None:
                raise MigrationError(f"{last.id} is not applied", hint=SEE_STATUS)
        found = []
        for row, status in applied[:steps]:
            if row.state != "applied":
                error = self.obstacle(status)
                if status.state is State.HALF_APPLIED and not status.other_name:
                    error.hint = f"{error.hint}; then it can be taken back"
                raise error
            found.append(self._undo(status, row))
        return found

    def to_rerun_down(self, name: str) -> Undo:
        """Returns the named migration, which must be half rolled back, to run its down file again."""
        row, migration = self._half(name, State.HALF_ROLLED_BACK)
        return self._undo(MigrationStatus(State.HALF_ROLLED_BACK, migration, row), row)

    def to_mark_down(self, name: str) -> Undo:
        """Returns the named migration, which must be half rolled back, to remove it from the ledger."""
        return Undo(self._half(name, State.HALF_ROLLED_BACK)[1])

    def to_accept(self, names: Sequence[str]) -> list[tuple[LedgerRow, Migration]]:
        """Returns the rows of the named migrations, which must be edited, and their files."""
        found = {}
        for name in names:
            migration, status = self.status_of(name)
            if status.state is State.EDITED and status.row:
                found[status.row] = migration
            elif status.state in (State.RENUMBERED, *_HALF):
                raise self.obstacle(status)
            else:
                raise MigrationError(f"{migration.id} is not edited: it is {status.text}", hint=SEE_STATUS)
        return list(found.items())

    def to_renumber(self, names: Sequence[str]) -> list[tuple[LedgerRow, Migration]]:
        """Returns the rows that ``intents/004=005`` names, and the files whose numbers they shall get.

        Raises :class:`MigrationError` where a file is not the migration that was applied, and for a number that
        another row has and keeps.
        """
        found = dict(map(self._move, names))
        if len(found) < len(names):
            raise MigrationError("one migration cannot become two", hint="name each number once")
        kept = {each.number: each for each in self.rows if each not in found}
        files = list(found.values())
        for migration in files:
            if other := kept.get((migration.module, migration.version)):
                moves = any(row == other for row, _ in self.renumbered())
                raise MigrationError(
                    f"number {migration.version:03d} is taken in the ledger by {other.id}",
                    hint=f"renumber both at once: {self.renumbering()}" if moves else SEE_STATUS,
                )
            if files.count(migration) > 1:
                raise MigrationError(f"two migrations cannot both become {migration.id}", hint=SEE_STATUS)
        return list(found.items())

    def _move(self, name: str) -> tuple[LedgerRow, Migration]:
        match = _MOVE.fullmatch(name)
        if match is None:
            raise MigrationError(
                f"{name!r} does not say which number became which",
                hint="write it as MODULE/NNN=NNN: --renumbered intents/004=005",
            )
        module = match["module"] or self.only_module(name)
        version = int(match["old"].rpartition("/")[2])
        status = next((s for s in self.statuses() if s.row and s.row.number == (module, version)), None)
        if status is None or status.row is None:
            raise MigrationError(f"{module}/{version:03d} is not in the ledger", hint=SEE_STATUS)
        row, migration = status.row, self.find(f"{module}/{match['new']}")
        if status.migration and status.state is not State.RENUMBERED and not status.other_name:
            raise MigrationError(f"{row.id} was not renumbered: it is {status.text}", hint=SEE_STATUS)
        if row.name != migration.name and not row.has(migration):
            raise MigrationError(
                f"{migration.id} is not what was applied as {row.id}: neither name nor statements are the same",
                place=Place(relative(migration.up, self.project.root)),
                hint=SEE_STATUS,
            )
        return row, migration

    def _half(self, name: str, state: State) -> tuple[LedgerRow, Migration]:
        migration, status = self.status_of(name)
        if status.state is State.RENUMBERED or (status.state is state and status.other_name):
            raise self.obstacle(status)
        if status.state is not state or status.row is None:
            raise MigrationError(f"{migration.id} is not {state.value}: it is {status.text}", hint=SEE_STATUS)
        return status.row, migration

    def _undo(self, status: MigrationStatus, row: LedgerRow) -> Undo:
        """Takes the down file if the up file is what was applied, else the down text that the ledger keeps."""
        migration = status.migration
        if migration and migration.version == row.version and row.has(migration):
            return Undo(migration)
        if row.down is not None:
            # The path of its file, which need not exist.
            folder = migration.up.parent if migration else self.project.root / self.project.paths.schema / row.module
            up = folder / f"{row.version:03d}_{row.name}.up.sql"
            known = Migration(row.module, row.version, row.name, up, None, row.hash, tokens=row.tokens or "")
            return Undo(known, row.down)
        if migration is None or status.state is State.RENUMBERED:
            raise self.obstacle(status)
        accept = f"harness apply --accept-edit {status.number}"
        way = f"if its down file of today undoes what was applied, have the ledger take it over: {accept}"
        if status.state is State.HALF_ROLLED_BACK:
            way = f"after finishing it by hand: harness rollback --mark-rolled-back {status.number}"
        raise MigrationError(
            "edited after it was applied, and the ledger of an older version does not keep what would undo it",
            place=Place(relative(migration.up, self.project.root)),
            hint=f"put the file back; or {way}",
        )
