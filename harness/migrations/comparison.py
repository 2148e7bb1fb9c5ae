"""Compares the migration files of a project with the rows of the ledger.

A row belongs to the file of its number, unless another file of the module resembles more what was applied: two people
take the same number, one of them renumbers the file, and the row keeps the old number.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from harness.migrations.ledger import LedgerRow
from harness.project.model import Migration, Module


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
        if known is None:
            raise ValueError("a status without a migration")
        return known


def statuses(modules: Iterable[Module], rows: Iterable[LedgerRow]) -> list[MigrationStatus]:
    """Returns the status of every migration in the files or the ledger, in the order of modules and versions."""
    modules, rows = tuple(modules), tuple(rows)
    found = []
    for module in modules:
        found += _of_module(module, [row for row in rows if row.module == module.name])
    # Rows of modules that were removed from the project.
    known = {module.name for module in modules}
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
            candidates = [each for each in free.values() if each.version == row.version or not same_number]
            fitting = [each for each in candidates if matches(row, each)]
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
