"""Which migrations an apply or a rollback concerns, and why it may not begin. Decides; does nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import MigrationError, Place, did_you_mean
from harness.migrations import comparison
from harness.migrations.comparison import Standing, State
from harness.migrations.ledger import Entry
from harness.project.folders import relative
from harness.project.migrations import refuse_draft
from harness.project.model import Migration, Module, Project

_NUMBER = re.compile(r"(?:(?P<module>[^/]+)/)?(?P<version>\d+)")
_MOVE = re.compile(r"(?P<old>(?:(?P<module>[^/]+)/)?\d+)=(?:(?P=module)/)?(?P<new>\d+)")
_HALF = (State.HALF_APPLIED, State.HALF_ROLLED_BACK)
_SHOWN = 6
"""Migrations that are all named where one is not found."""
_LOOK = "see where all stand: harness status"


@dataclass(frozen=True)
class Undo:
    """A migration to take back: by its down file, or by the ``text`` that the ledger keeps of it."""

    migration: Migration
    text: str | None = None


@dataclass(frozen=True)
class Plan:
    """What is to be done with these modules of a project, on a database with this ledger.

    ``own`` is true on a private server of ours: elsewhere nobody is told to take back more than the last migration.
    """

    project: Project
    modules: tuple[Module, ...]
    entries: tuple[Entry, ...]
    own: bool = False

    def to_apply(
        self, *, to: str | None, steps: int | None, rerun: str | None, out_of_order: bool = False
    ) -> list[Migration]:
        """Pending migrations, behind the half applied one that is to run again.

        Raises :class:`MigrationError` if anything but that one stands in the way.
        """
        again = None if rerun is None else self._half(rerun, State.HALF_APPLIED)[1]
        wanted = (State.PENDING, State.OUT_OF_ORDER) if out_of_order else (State.PENDING,)
        pending = [again] if again else []
        obstacles = []
        for standing in self.standings():
            if standing.state in wanted and standing.migration:
                pending.append(standing.migration)
            elif standing.state not in (State.APPLIED, State.DRAFT) and (again is None or standing.migration != again):
                obstacles.append(standing)
        if obstacles:
            # What was renumbered makes others look out of order.
            raise self._in_the_way(min(obstacles, key=lambda each: each.state is not State.RENUMBERED))
        if to is not None:
            last = self.find(to)
            pending = pending[: pending.index(last) + 1] if last in pending else []
        return pending if steps is None else pending[:steps]

    def to_mark(self, name: str, *, out_of_order: bool = False) -> Migration:
        """A half applied migration, or the first pending one of its module, to be entered as applied."""
        migration = self.find(name)
        of_module = [each for each in self.standings() if each.module == migration.module]
        standing = next(each for each in of_module if each.migration == migration)
        for each in of_module:
            if each.state is State.RENUMBERED or (each == standing and each.other_name):
                raise self._in_the_way(each)  # the row of this number is another migration's
        waiting = [each for each in of_module if each.state in (State.PENDING, State.OUT_OF_ORDER)]
        if standing.state is State.HALF_APPLIED or (out_of_order and standing in waiting):
            return migration
        if standing.state is State.PENDING and standing == waiting[0]:
            return migration
        why = f"{waiting[0].id} comes first" if standing.state is State.PENDING else f"it is {standing.state.value}"
        raise MigrationError(f"{migration.id} cannot be marked as applied: {why}", hint=_LOOK)

    def to_take_back(self, *, to: str | None, steps: int | None) -> list[Undo]:
        """What was applied last, newest first: down to ``to``, which stays, or so many steps; else everything."""
        chosen = {module.name for module in self.modules}
        applied = [each for each in self.standings() if each.entry and each.module in chosen]
        applied.sort(key=lambda each: each.entry.position if each.entry else 0, reverse=True)
        if to is not None:
            last = self.find(to)
            steps = next((index for index, each in enumerate(applied) if each.migration == last), None)
            if steps is None:
                raise MigrationError(f"{last.id} is not applied", hint=_LOOK)
        found = []
        for standing in applied[:steps]:
            if standing.entry is None or standing.entry.state != "applied":
                raise self._in_the_way(standing, taking_back=True)
            found.append(self._undo(standing, standing.entry))
        return found

    def to_rerun_down(self, name: str) -> Undo:
        """The named migration, which must be half rolled back, to be taken back again."""
        entry, migration = self._half(name, State.HALF_ROLLED_BACK)
        return self._undo(Standing(State.HALF_ROLLED_BACK, migration, entry), entry)

    def to_mark_down(self, name: str) -> Undo:
        """The named migration, which must be half rolled back, to be taken out of the ledger only."""
        return Undo(self._half(name, State.HALF_ROLLED_BACK)[1])

    def to_accept(self, names: Sequence[str]) -> list[tuple[Entry, Migration]]:
        """The rows of the named migrations, which must be edited, and their files."""
        found = {}
        for name in names:
            migration = self.find(name)
            standing = next(each for each in self.standings() if each.migration == migration)
            if standing.state is State.EDITED and standing.entry:
                found[standing.entry] = migration
            elif standing.state in (State.RENUMBERED, *_HALF):
                raise self._in_the_way(standing)
            else:
                raise MigrationError(f"{migration.id} is not edited: it is {standing.text}", hint=_LOOK)
        return list(found.items())

    def to_renumber(self, names: Sequence[str]) -> list[tuple[Entry, Migration]]:
        """The rows that ``intents/004=005`` names, and the files whose numbers they are to have.

        Raises :class:`MigrationError` where a file is not the migration that was applied, and for a number that
        another row has and keeps.
        """
        found = dict(map(self._move, names))
        if len(found) < len(names):
            raise MigrationError("one migration cannot become two", hint="name each number once")
        kept = {each.number: each for each in self.entries if each not in found}
        files = list(found.values())
        for migration in files:
            if other := kept.get((migration.module, migration.version)):
                moves = any(renumbered == other for renumbered, _ in self._renumbered())
                raise MigrationError(
                    f"number {migration.version:03d} is taken in the ledger by {other.id}",
                    hint=f"renumber both at once: {self.renumbering()}" if moves else _LOOK,
                )
            if files.count(migration) > 1:
                raise MigrationError(f"two migrations cannot both become {migration.id}", hint=_LOOK)
        return list(found.items())

    def find(self, name: str) -> Migration:
        """The migration meant by ``intents/003``, ``intents/003_name``, or ``003`` if there is one module.

        Raises :class:`MigrationError` if there is none, and :class:`ProjectError` if it is a draft.
        """
        known = {each.id: each for module in self.modules for each in (*module.migrations, *module.drafts)}
        match = _NUMBER.fullmatch(name)
        if match and name not in known:
            number = match["module"] or self._only_module(name), int(match["version"])
            name = next((each.id for each in known.values() if (each.module, each.version) == number), name)
        if name not in known:
            there = [*known] if len(known) <= _SHOWN else [next(iter(known)), "…", next(reversed(known))]
            hint = f"name it as module/NNN; there are: {', '.join(there)}" if there else "there is none"
            raise MigrationError(f"no migration {name!r}{did_you_mean(name, known)}", hint=hint)
        if known[name].draft:
            refuse_draft(self.project.root, known[name])
        return known[name]

    def standings(self) -> list[Standing]:
        """Of these modules, and of those that the project has lost."""
        chosen = {module.name for module in self.modules}
        others = {module.name for module in self.project.modules} - chosen
        return comparison.status(self.modules, [entry for entry in self.entries if entry.module not in others])

    def renumbering(self) -> str | None:
        """The command by which the ledger follows files that got other numbers; None if none did."""
        flags = [f"--renumbered {e.module}/{e.version:03d}={m.version:03d}" for e, m in self._renumbered()]
        return " ".join(["harness apply", *flags]) if flags else None

    def _renumbered(self) -> list[tuple[Entry, Migration]]:
        found = [each for each in self.standings() if each.state is State.RENUMBERED]
        return [(each.entry, each.migration) for each in found if each.entry and each.migration]

    def _only_module(self, name: str) -> str:
        if len(self.modules) > 1:
            raise MigrationError(f"{name!r} does not say which module", hint=f"write {self.modules[-1].name}/{name}")
        return self.modules[0].name

    def _move(self, name: str) -> tuple[Entry, Migration]:
        match = _MOVE.fullmatch(name)
        if match is None:
            hint = "write it as MODULE/NNN=NNN: --renumbered intents/004=005"
            raise MigrationError(f"{name!r} does not say which number became which", hint=hint)
        module = match["module"] or self._only_module(name)
        version = int(match["old"].rpartition("/")[2])
        standing = next((s for s in self.standings() if s.entry and s.entry.number == (module, version)), None)
        if standing is None or standing.entry is None:
            raise MigrationError(f"{module}/{version:03d} is not in the ledger", hint=_LOOK)
        entry, migration = standing.entry, self.find(f"{module}/{match['new']}")
        if standing.migration and standing.state is not State.RENUMBERED and not standing.other_name:
            raise MigrationError(f"{entry.id} was not renumbered: it is {standing.text}", hint=_LOOK)
        if entry.name != migration.name and not entry.has(migration):
            raise MigrationError(
                f"{migration.id} is not what was applied as {entry.id}: neither name nor statements are the same",
                place=Place(relative(migration.up, self.project.root)),
                hint=_LOOK,
            )
        return entry, migration

    def _half(self, name: str, state: State) -> tuple[Entry, Migration]:
        migration = self.find(name)
        standing = next(each for each in self.standings() if each.migration == migration)
        if standing.state is State.RENUMBERED or (standing.state is state and standing.other_name):
            raise self._in_the_way(standing)
        if standing.state is not state or standing.entry is None:
            raise MigrationError(f"{migration.id} is not {state.value}: it is {standing.text}", hint=_LOOK)
        return standing.entry, migration

    def _undo(self, standing: Standing, entry: Entry) -> Undo:
        """By its down file where the up file is what was applied, else by the down text that stood beside it then."""
        migration = standing.migration
        if migration and migration.version == entry.version and entry.has(migration):
            return Undo(migration)
        if entry.down is not None:
            # Where its file was, or would be.
            beside = migration.up.parent if migration else self.project.root / self.project.paths.schema / entry.module
            up = beside / f"{entry.version:03d}_{entry.name}.up.sql"
            known = Migration(entry.module, entry.version, entry.name, up, None, entry.hash, tokens=entry.tokens or "")
            return Undo(known, entry.down)
        if migration is None or standing.state is State.RENUMBERED:
            raise self._in_the_way(standing)
        accept = f"harness apply --accept-edit {standing.number}"
        way = f"if its down file of today undoes what was applied, have the ledger take it over: {accept}"
        if standing.state is State.HALF_ROLLED_BACK:
            way = f"after finishing it by hand: harness rollback --mark-rolled-back {standing.number}"
        raise MigrationError(
            "edited after it was applied, and the ledger of an older version does not keep what would undo it",
            place=Place(relative(migration.up, self.project.root)),
            hint=f"put the file back; or {way}",
        )

    def _in_the_way(self, standing: Standing, *, taking_back: bool = False) -> MigrationError:
        """Why nothing can be done before this migration is put right, and how."""
        migration, entry = standing.migration, standing.entry
        if migration is None:
            back = self._back(entry) if entry and entry.down is not None and entry.state == "applied" else None
            return MigrationError(
                f"{standing.id} is in the ledger, but {standing.id.rpartition('/')[2]}.up.sql is missing",
                hint="bring the file back from version control" + (f", or take it back: {back}" if back else ""),
            )
        place = Place(relative(migration.up, self.project.root))
        if entry is None:
            return self._out_of_order(migration, place)
        if standing.state is State.RENUMBERED:
            return MigrationError(
                f"renumbered after it was applied: the ledger has it as {entry.id}",
                place=place,
                hint=f"have the ledger follow, which executes nothing: {self.renumbering()}",
            )
        if standing.state is State.EDITED:
            return self._edited(standing, entry, place)
        if standing.other_name:
            return MigrationError(
                f"{standing.text}; but that was {entry.id}, and this is another file",
                place=place,
                hint=f"bring {entry.id}.up.sql back from version control",
            )
        verb, mark = "apply", "mark-applied"
        if standing.state is State.HALF_ROLLED_BACK:
            verb, mark = "rollback", "mark-rolled-back"
        return MigrationError(
            f"{standing.text}; statement {entry.statements_done + 1} may have run too",
            place=place,
            hint=f"harness {verb} --rerun {standing.number} runs it again from its first statement; "
            f"after finishing it by hand: harness {verb} --{mark} {standing.number}"
            + ("; then it can be taken back" if taking_back and verb == "apply" else ""),
        )

    def _out_of_order(self, migration: Migration, place: Place) -> MigrationError:
        later = [
            each.entry
            for each in self.standings()
            if each.entry and each.module == migration.module and each.version > migration.version
        ]
        first = min(later, key=lambda each: each.position)
        back = self._back(first)
        return MigrationError(
            f"out of order: {migration.id} is not applied, but {first.id} is",
            place=place,
            hint="if it is applied nowhere yet, give it the next free number; if it is, apply it behind the others: "
            "harness apply --out-of-order" + (f"; or take those back first: {back}" if back else ""),
        )

    def _edited(self, standing: Standing, entry: Entry, place: Place) -> MigrationError:
        more = [each for each in self.standings() if each.state is State.EDITED and each != standing]
        ways = ["put the file back and write a new migration"]
        if back := self._back(entry):
            ways.append(f"take it back first: {back}")
        accept = f"harness apply --accept-edit {standing.number}"
        ways.append(f"if this database is as the file says already, have the ledger say so: {accept}")
        what = f"edited after it was applied as {entry.id}" if standing.other_name else "edited after it was applied"
        also = f"; so {'is 1 more' if len(more) == 1 else f'are {len(more)} more'}: harness status" if more else ""
        return MigrationError(what + also, place=place, hint="; or ".join(ways))

    def _back(self, entry: Entry) -> str | None:
        """How this migration can be taken back with those applied after it, if that may be proposed."""
        # Those of modules that the project has lost are not taken back with the others.
        known = {module.name for module in self.project.modules}
        later = [each for each in self.entries if each.position >= entry.position and each.module in known]
        steps = len(later)
        if entry not in later:
            return None
        if steps == 1:
            return "harness rollback"
        return f"harness rollback --steps {steps}" if self.own else None
