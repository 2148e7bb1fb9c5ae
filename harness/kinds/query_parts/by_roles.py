"""Writes of a sequence as roles make them, each with claims that reach its row."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.kinds.base import Draft, TableName
from harness.kinds.query_parts.writes import Write
from harness.kinds.row_access.acting_roles import ActingRole
from harness.probes import Execute, assuming


@dataclass(frozen=True)
class WritesByRoles:
    """Gives each write to one of the ``roles`` of its table; rows by which these reach a row are inserted."""

    roles: Mapping[TableName, Sequence[ActingRole]]
    draft: Draft
    chance: random.Random

    def of(self, writes: Iterable[Write]) -> tuple[Write, ...]:
        """Returns the writes for which a role has the privilege."""
        return tuple(each for write in writes if (each := self._by_a_role(write)) is not None)

    def _by_a_role(self, write: Write) -> Write | None:
        statement = write.statement
        assert not isinstance(statement, Execute), "sequences are made of writes to one row"
        may = [role for role in self.roles.get(statement.table, ()) if not role.lacks(statement)]
        if not may:
            return None
        role = self.chance.choice(may)
        settings = role.session(self.draft, write.row).settings
        change = f"{write.change} by {role.word}".strip()
        return replace(write, change=change, statement=assuming(settings, statement))
