"""Decides the state of each migration by its files and its row: applied, pending, edited, renumbered …

A row belongs to the file of its number, unless another file of the module resembles more what was applied: two people
take the same number, one renumbers the file, and the row keeps the old number. Words the errors that stop a run.
Not here: which of them apply or rollback takes (``plan.py``), and the rows as a table (``ledger.py``).
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from harness.errors import MigrationError, Place, did_you_mean
from harness.migrations.ledger import LedgerRow
from harness.project import Migration, Module, Project, relative
from harness.project.migrations import refuse_draft

SEE_STATUS = "see where all stand: harness status"
_NUMBER = re.compile(r"(?:(?P<module>[^/]+)/)?(?P<version>\d+)")
_SHOWN = 6
"""Migrations that are all named where one is not found."""


class State(enum.Enum):
    """The state of a migration in files and ledger; only the first two are healthy."""

    APPLIED = "applied"
    PENDING = "pending"
    EDITED = "edited"
    RENUMBERED = "renumbered"
    MISSING_FILE = "missing file"
    HALF_APPLIED = "half applied"
    HALF_ROLLED_BACK = "half rolled back"
    OUT_OF_ORDER = "out of order"
    DRAFT = "no statement yet"


_HALF = {"started": State.HALF_APPLIED, "reverting": State.HALF_ROLLED_BACK}


@dataclass(frozen=True)
class MigrationStatus:
    """The state of a migration, with its files, its row in the ledger, or both."""

    state: State
    migration: Migration | None
    row: LedgerRow | None

    @property
    def id(self) -> str:
        return self._known.id

    @property
    def module(self) -> str:
        return self._known.module

    @property
    def version(self) -> int:
        return self._known.version

    @property
    def number(self) -> str:
        """The short name that the command line takes: ``intents/003``."""
        return f"{self._known.module}/{self._known.version:03d}"

    @property
    def text(self) -> str:
        """The state in words: ``half applied (2 of 5 statements done)``, ``renumbered (applied as 004_add_status)``."""
        row = self.row
        if row and self.state in (State.HALF_APPLIED, State.HALF_ROLLED_BACK):
            return f"{self.state.value} ({row.statements_done} of {row.statements} statements done)"
        if row and (self.state is State.RENUMBERED or self.other_name):
            return f"{self.state.value} ({_HALF.get(row.state, State.APPLIED).value} as {row.version:03d}_{row.name})"
        return self.state.value

    @property
    def other_name(self) -> bool:
        """Whether the file of this number has neither the name nor the statements that the ledger has."""
        if self.migration is None or self.row is None:
            return False
        return self.row.name != self.migration.name and not self.row.has(self.migration)

    @property
    def _known(self) -> Migration | LedgerRow:
        known = self.migration or self.row
        assert known is not None, "a status is of a file, of a row or of both"
        return known


def statuses(modules: Iterable[Module], rows: Sequence[LedgerRow]) -> list[MigrationStatus]:
    """Returns the status of every migration in the files or the ledger, in the order of modules and versions."""
    known = {module.name: module for module in modules}
    found = [
        each for name, module in known.items() for each in _of_module(module, [r for r in rows if r.module == name])
    ]
    # Rows of modules that were removed from the project.
    return found + [MigrationStatus(State.MISSING_FILE, None, row) for row in rows if row.module not in known]


def _of_module(module: Module, rows: list[LedgerRow]) -> list[MigrationStatus]:
    files = _files(module, rows)
    found = [MigrationStatus(_state(file, row), file, row) for row, file in files]
    newest = max((each.version for each in found), default=0)
    taken = {file for _, file in files}
    for migration in (*module.migrations, *module.drafts):
        if migration not in taken:
            waiting = State.OUT_OF_ORDER if migration.version < newest else State.PENDING
            state = State.DRAFT if migration.draft else waiting
            found.append(MigrationStatus(state, migration, None))
    return sorted(found, key=lambda each: each.version)


def _files(module: Module, rows: list[LedgerRow]) -> list[tuple[LedgerRow, Migration | None]]:
    """Returns the file of each row, the closest matches first; a row that several files match gets none of them."""
    free = {migration.version: migration for migration in (*module.migrations, *module.drafts)}
    found: dict[LedgerRow, Migration] = {}
    for same_number, matches in _MATCHES:
        for row in [row for row in rows if row not in found]:
            near = (each for each in free.values() if each.version == row.version or not same_number)
            fitting = [each for each in near if matches(row, each)]
            if len(fitting) == 1:
                found[row] = free.pop(fitting[0].version)
    return [(row, found.get(row)) for row in rows]


def _same_name(row: LedgerRow, migration: Migration) -> bool:
    return row.name == migration.name


# The closest first: whether the number must be the same, and what else.
_MATCHES: tuple[tuple[bool, Callable[[LedgerRow, Migration], bool]], ...] = (
    (True, lambda row, migration: _same_name(row, migration) and row.has(migration)),
    (False, lambda row, migration: _same_name(row, migration) and row.has(migration)),
    (True, LedgerRow.has),
    (True, _same_name),
    (False, _same_name),
    (False, LedgerRow.has),
    (True, lambda row, migration: True),
)


def _state(migration: Migration | None, row: LedgerRow) -> State:
    if migration is None:
        return State.MISSING_FILE
    if migration.version != row.version:
        return State.RENUMBERED
    return _HALF.get(row.state) or (State.APPLIED if row.has(migration) else State.EDITED)


@dataclass(frozen=True)
class MigrationSet:
    """The migrations of these modules of a project, and the ``rows`` of the ledger of one database.

    ``own`` is true on a private server of ours: on others, no hint proposes to take back more than the last migration.
    ``out_of_order`` permits to apply also what is pending below the newest applied migration.
    """

    project: Project
    modules: tuple[Module, ...]
    rows: tuple[LedgerRow, ...]
    own: bool = False
    out_of_order: bool = False

    def statuses(self) -> list[MigrationStatus]:
        """Returns the statuses of the migrations of these modules, and of modules that the project has lost."""
        others = {module.name for module in self.project.modules} - {module.name for module in self.modules}
        return statuses(self.modules, [row for row in self.rows if row.module not in others])

    def find(self, name: str) -> Migration:
        """Returns the migration named ``intents/003``, ``intents/003_name``, or ``003`` if there is one module.

        Raises :class:`MigrationError` if there is none, and :class:`ProjectError` if it is a draft.
        """
        known = {each.id: each for module in self.modules for each in (*module.migrations, *module.drafts)}
        match = _NUMBER.fullmatch(name)
        if match and name not in known:
            number = match["module"] or self.only_module(name), int(match["version"])
            name = next((each.id for each in known.values() if (each.module, each.version) == number), name)
        if name not in known:
            there = [*known] if len(known) <= _SHOWN else [next(iter(known)), "…", next(reversed(known))]
            raise MigrationError(
                f"no migration {name!r}{did_you_mean(name, known)}",
                hint=f"name it as module/NNN; there are: {', '.join(there)}" if there else "there is none",
            )
        if known[name].draft:
            refuse_draft(self.project.root, known[name])
        return known[name]

    def status_of(self, name: str) -> tuple[Migration, MigrationStatus]:
        """Returns a migration and its status; raises as :meth:`find` does."""
        migration = self.find(name)
        return migration, next(each for each in self.statuses() if each.migration == migration)

    def only_module(self, name: str) -> str:
        """Returns the module of a number without one; raises :class:`MigrationError` if there are several modules."""
        if len(self.modules) > 1:
            raise MigrationError(f"{name!r} does not say which module", hint=f"write {self.modules[-1].name}/{name}")
        return self.modules[0].name

    def renumbered(self) -> list[tuple[LedgerRow, Migration]]:
        """Returns the rows whose files have another number now, with these files."""
        return [
            (each.row, each.migration)
            for each in self.statuses()
            if each.state is State.RENUMBERED and each.row and each.migration
        ]

    def renumbering(self) -> str | None:
        """Returns the command that gives the ledger the new numbers of renumbered files; None if there are none."""
        flags = [f"--renumbered {row.module}/{row.version:03d}={m.version:03d}" for row, m in self.renumbered()]
        return " ".join(["harness apply", *flags]) if flags else None

    def obstacle(self, status: MigrationStatus) -> MigrationError:
        """Returns the error that nothing can be done before this migration is put right, and how to do that."""
        migration, row = status.migration, status.row
        if migration is None:
            back = self._rollback_of(row) if row and row.down is not None and row.state == "applied" else None
            return MigrationError(
                f"{status.id} is in the ledger, but {status.id.rpartition('/')[2]}.up.sql is missing",
                hint="bring the file back from version control" + (f", or take it back: {back}" if back else ""),
            )
        place = Place(relative(migration.up, self.project.root))
        if row is None:
            return self._out_of_order(migration, place)
        if status.state is State.RENUMBERED:
            return MigrationError(
                f"renumbered after it was applied: the ledger has it as {row.id}",
                place=place,
                hint=f"have the ledger follow, which executes nothing: {self.renumbering()}",
            )
        if status.state is State.EDITED:
            return self._edited(status, row, place)
        if status.other_name:
            return MigrationError(
                f"{status.text}; but that was {row.id}, and this is another file",
                place=place,
                hint=f"bring {row.id}.up.sql back from version control",
            )
        verb, mark = "apply", "mark-applied"
        if status.state is State.HALF_ROLLED_BACK:
            verb, mark = "rollback", "mark-rolled-back"
        return MigrationError(
            f"{status.text}; statement {row.statements_done + 1} may have run too",
            place=place,
            hint=f"harness {verb} --rerun {status.number} runs it again from its first statement; "
            f"after finishing it by hand: harness {verb} --{mark} {status.number}",
        )

    def _out_of_order(self, migration: Migration, place: Place) -> MigrationError:
        later = [
            each.row
            for each in self.statuses()
            if each.row and each.module == migration.module and each.version > migration.version
        ]
        first = min(later, key=lambda each: each.position)
        back = self._rollback_of(first)
        return MigrationError(
            f"out of order: {migration.id} is not applied, but {first.id} is",
            place=place,
            hint="if it is applied nowhere yet, give it the next free number; if it is, apply it behind the others: "
            "harness apply --out-of-order" + (f"; or take those back first: {back}" if back else ""),
        )

    def _edited(self, status: MigrationStatus, row: LedgerRow, place: Place) -> MigrationError:
        more = [each for each in self.statuses() if each.state is State.EDITED and each != status]
        ways = ["put the file back and write a new migration"]
        if back := self._rollback_of(row):
            ways.append(f"take it back first: {back}")
        accept = f"harness apply --accept-edit {status.number}"
        ways.append(f"if this database is as the file says already, have the ledger say so: {accept}")
        what = f"edited after it was applied as {row.id}" if status.other_name else "edited after it was applied"
        also = f"; so {'is 1 more' if len(more) == 1 else f'are {len(more)} more'}: harness status" if more else ""
        return MigrationError(what + also, place=place, hint="; or ".join(ways))

    def _rollback_of(self, row: LedgerRow) -> str | None:
        """Returns the command that takes back this migration and those applied after it, if it may be proposed."""
        # Migrations of modules that were removed from the project are not taken back with the others.
        known = {module.name for module in self.project.modules}
        later = [each for each in self.rows if each.position >= row.position and each.module in known]
        if row not in later:
            return None
        if len(later) == 1:
            return "harness rollback"
        return f"harness rollback --steps {len(later)}" if self.own else None
