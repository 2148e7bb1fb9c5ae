"""Which migrations an apply or a rollback concerns, and why it may not begin. Decides; does nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.database import ledger
from harness.database.ledger import Entry, Standing, State
from harness.errors import MigrationError, Place, did_you_mean
from harness.project.migrations import relative
from harness.project.model import Migration, Module, Project

_NUMBER = re.compile(r"(?:(?P<module>[^/]+)/)?(?P<version>\d+)")
_HALF = (State.HALF_APPLIED, State.HALF_ROLLED_BACK)
_LOOK = "see where all stand: harness status"


@dataclass(frozen=True)
class Plan:
    """What is to be done with these modules of a project, on a database with this ledger."""

    project: Project
    modules: tuple[Module, ...]
    entries: tuple[Entry, ...]

    def to_apply(self, *, to: str | None, steps: int | None, rerun: str | None) -> list[Migration]:
        """Pending migrations, behind the half applied one that is to run again.

        Raises :class:`MigrationError` if anything but that one stands in the way.
        """
        again = None if rerun is None else self.half(rerun, State.HALF_APPLIED)
        pending = [again] if again else []
        for standing in self._standings():
            if standing.state is State.PENDING and standing.migration:
                pending.append(standing.migration)
            elif standing.state is not State.APPLIED and (again is None or standing.migration != again):
                raise self._in_the_way(standing)
        if to is not None:
            last = self.find(to)
            pending = pending[: pending.index(last) + 1] if last in pending else []
        return pending if steps is None else pending[:steps]

    def to_mark(self, name: str) -> Migration:
        """A half applied migration, or the first pending one of its module, to be entered as applied."""
        migration = self.find(name)
        standings = [each for each in self._standings() if each.module == migration.module]
        state = next(each.state for each in standings if each.migration == migration)
        first = next((each for each in standings if each.state in (State.PENDING, State.OUT_OF_ORDER)), None)
        if state is State.HALF_APPLIED or (state is State.PENDING and first and first.migration == migration):
            return migration
        why = f"{first.id} comes first" if state is State.PENDING and first else f"it is {state.value}"
        raise MigrationError(f"{migration.id} cannot be marked as applied: {why}", hint=_LOOK)

    def to_take_back(self, *, to: str | None, steps: int | None) -> list[Migration]:
        """What was applied last, newest first: down to ``to``, which stays, or so many steps; else everything."""
        chosen = {module.name for module in self.modules}
        applied = [each for each in self._standings() if each.entry and each.module in chosen]
        applied.sort(key=lambda each: each.entry.position if each.entry else 0, reverse=True)
        if to is not None:
            last = self.find(to)
            steps = next((index for index, each in enumerate(applied) if each.migration == last), None)
            if steps is None:
                raise MigrationError(f"{last.id} is not applied", hint=_LOOK)
        found = []
        for standing in applied[:steps]:
            if standing.migration is None or standing.state in _HALF:
                raise self._in_the_way(standing)
            found.append(standing.migration)
        return found

    def half(self, name: str, state: State) -> Migration:
        """The named migration, which must be half applied or half rolled back."""
        migration = self.find(name)
        standing = next(each for each in self._standings() if each.migration == migration)
        if standing.state is not state:
            raise MigrationError(f"{migration.id} is not {state.value}: it is {standing.text}", hint=_LOOK)
        return migration

    def find(self, name: str) -> Migration:
        """The migration meant by ``intents/003``, ``intents/003_name``, or ``003`` if there is one module."""
        known = {migration.id: migration for module in self.modules for migration in module.migrations}
        if name in known:
            return known[name]
        match = _NUMBER.fullmatch(name)
        if match and match["module"] is None and len(self.modules) > 1:
            raise MigrationError(f"{name!r} does not say which module", hint=f"write {self.modules[-1].name}/{name}")
        if match:
            module = match["module"] or self.modules[0].name
            for migration in known.values():
                if (migration.module, migration.version) == (module, int(match["version"])):
                    return migration
        raise MigrationError(f"no migration {name!r}{did_you_mean(name, known)}", hint="name it as module/NNN")

    def _standings(self) -> list[Standing]:
        """Of these modules, and of those that the project has lost."""
        chosen = {module.name for module in self.modules}
        others = {module.name for module in self.project.modules} - chosen
        return ledger.status(self.modules, [entry for entry in self.entries if entry.module not in others])

    def _in_the_way(self, standing: Standing) -> MigrationError:
        """Why nothing can be done before this migration is put right, and how."""
        migration, entry = standing.migration, standing.entry
        if migration is None:
            return MigrationError(
                f"{standing.id} is in the ledger, but {standing.id.rpartition('/')[2]}.up.sql is missing",
                hint="bring the file back from version control",
            )
        place = Place(relative(migration.up, self.project.root))
        if entry is None:
            later = [each for each in self.entries if each.module == migration.module]
            first = min((each for each in later if each.version > migration.version), key=lambda each: each.position)
            return MigrationError(
                f"out of order: {migration.id} is not applied, but {first.id} is",
                place=place,
                hint=f"give it the next free number, or take the later ones back first: {self._back(first)}",
            )
        if standing.state is State.EDITED:
            return MigrationError(
                f"edited after it was applied: the ledger has hash {entry.hash[:8]}, the file {migration.hash[:8]}",
                place=place,
                hint=f"put the file back and write a new migration, or take it back first: {self._back(entry)}",
            )
        verb, mark = "apply", "mark-applied"
        if standing.state is State.HALF_ROLLED_BACK:
            verb, mark = "rollback", "mark-rolled-back"
        return MigrationError(
            f"{standing.text}; statement {entry.statements_done + 1} may have run too",
            place=place,
            hint=f"harness {verb} --rerun {standing.number} runs it again from its first statement; "
            f"after finishing it by hand: harness {verb} --{mark} {standing.number}",
        )

    def _back(self, entry: Entry) -> str:
        steps = sum(1 for each in self.entries if each.position >= entry.position)
        return f"harness rollback --steps {steps}"
