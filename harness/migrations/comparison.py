"""How migrations stand: their files and the rows of the ledger, brought together.

A row belongs to the file of its number, unless another file of the module is more like what was applied: two people
take one number, one of them moves, and the row stays behind.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from harness.migrations.ledger import Entry
from harness.project.model import Migration, Module


class State(enum.Enum):
    """How a migration stands, comparing files and ledger; only the first two are healthy."""

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
class Standing:
    """One migration, by its files, its row in the ledger, or both."""

    state: State
    migration: Migration | None
    entry: Entry | None

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
        """``intents/003``: the short name the command line takes."""
        return f"{self._known.module}/{self._known.version:03d}"

    @property
    def text(self) -> str:
        """``applied``, ``half applied (2 of 5 statements done)`` or ``renumbered (applied as 004_add_status)``."""
        entry = self.entry
        if entry and self.state in (State.HALF_APPLIED, State.HALF_ROLLED_BACK):
            return f"{self.state.value} ({entry.statements_done} of {entry.statements} statements done)"
        if entry and (self.state is State.RENUMBERED or self.other_name):
            applied = _HALF.get(entry.state, State.APPLIED).value
            return f"{self.state.value} ({applied} as {entry.version:03d}_{entry.name})"
        return self.state.value

    @property
    def other_name(self) -> bool:
        """Whether the file of this number is neither by its name nor by its statements what the ledger has."""
        if self.migration is None or self.entry is None:
            return False
        return self.entry.name != self.migration.name and not self.entry.has(self.migration)

    @property
    def _known(self) -> Migration | Entry:
        known = self.migration or self.entry
        if known is None:
            raise ValueError("a standing of nothing")
        return known


def status(modules: Iterable[Module], entries: Iterable[Entry]) -> list[Standing]:
    """Every migration that is in the files or in the ledger, in the order of modules and versions."""
    modules, entries = tuple(modules), tuple(entries)
    standings = []
    for module in modules:
        standings += _of_module(module, [entry for entry in entries if entry.module == module.name])
    # Rows of modules that the project does not know any more.
    known = {module.name for module in modules}
    return standings + [Standing(State.MISSING_FILE, None, entry) for entry in entries if entry.module not in known]


def _of_module(module: Module, entries: list[Entry]) -> list[Standing]:
    files = _files(module, entries)
    standings = [Standing(_state(file, entry), file, entry) for entry, file in files]
    newest = max((each.version for each in standings), default=0)
    taken = {file for _, file in files}
    for migration in (*module.migrations, *module.drafts):
        if migration not in taken:
            waiting = State.OUT_OF_ORDER if migration.version < newest else State.PENDING
            state = State.DRAFT if migration.draft else waiting
            standings.append(Standing(state, migration, None))
    return sorted(standings, key=lambda each: each.version)


def _files(module: Module, entries: list[Entry]) -> list[tuple[Entry, Migration | None]]:
    """The file of each row: the most alike are brought together first, and what fits to several fits to none."""
    rows = dict.fromkeys(entries)
    free = {migration.version: migration for migration in (*module.migrations, *module.drafts)}
    found: dict[Entry, Migration] = {}
    for here, alike in _LIKENESS:
        for entry in [entry for entry in rows if entry not in found]:
            candidates = [free[entry.version]] if here and entry.version in free else () if here else free.values()
            fitting = [each for each in candidates if alike(entry, each)]
            if len(fitting) == 1:
                found[entry] = free.pop(fitting[0].version)
    return [(entry, found.get(entry)) for entry in rows]


def _same_name(entry: Entry, migration: Migration) -> bool:
    return entry.name == migration.name


def _same_content(entry: Entry, migration: Migration) -> bool:
    return entry.has(migration)


def _same(entry: Entry, migration: Migration) -> bool:
    return _same_name(entry, migration) and _same_content(entry, migration)


def _whatever(entry: Entry, migration: Migration) -> bool:
    return True


# The most convincing first; whether the file has to have the row's number.
_LIKENESS: tuple[tuple[bool, Callable[[Entry, Migration], bool]], ...] = (
    (True, _same),
    (False, _same),
    (True, _same_content),
    (True, _same_name),
    (False, _same_name),
    (False, _same_content),
    (True, _whatever),
)


def _state(migration: Migration | None, entry: Entry) -> State:
    if migration is None:
        return State.MISSING_FILE
    if migration.version != entry.version:
        return State.RENUMBERED
    return _HALF.get(entry.state) or (State.APPLIED if entry.has(migration) else State.EDITED)
