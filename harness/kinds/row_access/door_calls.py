"""Calls made as a role, and whether they show rows that it may not see, or change rows that are not its own.

A call is made with all rows in place, and again without those that the role may not see; everything is undone. Decides
by what comes back: rows, results, and errors with their DETAIL and HINT. A value that only a hidden row has shows that
row. Any other difference shows that there is one, unless the call differs by itself (it is made twice more), or a
unique key or foreign key tells it.
Not here: which calls are made (``doors.py``), and with which arguments (``arguments.py``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.kinds.base import identifier, literal, qualified
from harness.kinds.row_access.door_functions import SHUT
from harness.kinds.row_access.principal import Principal
from harness.kinds.row_access.row_queries import row_key
from harness.probes import Execute, Harmless, Postcondition, Probe

_THEN = Postcondition("select current_setting('harness.seen')", SHUT, "of others", idle="nobody has a row")


@dataclass(frozen=True)
class Caller:
    """A role that makes calls. ``hidden`` are the rows that it may not see and ``kept`` those that are not its own.

    ``columns`` are those whose values tell a row, by the texts of ``marks``. ``session`` is the role that it has logged
    in as, and ``user`` the one that the tool is connected as.
    """

    principal: Principal
    hidden: str
    kept: str
    columns: Sequence[str]
    marks: Sequence[str]
    session: str | None
    user: str

    def probe(
        self, label: str, calls: Sequence[str], reads: Sequence[str], refresh: Sequence[str], also: Sequence[str] = ()
    ) -> Probe:
        """Returns the probe of calls, each by itself; what is in ``reads`` only after one has come back, too.

        ``also`` says that a call returns a ``cursor``, that a procedure has ``outputs``, or that calls are judged
        ``alone``: not by what comes back without rows of others.
        """
        subject, settings = self.principal.subject, dict(self.principal.settings)
        alias = identifier(subject.table.name.table)
        door: dict[str, Any] = {"label": label, "role": settings.pop("role"), "key": row_key(subject.table)}
        door |= {"table": f"{qualified(subject.table.name)} as {alias}", "hidden": self.hidden, "kept": self.kept}
        door |= {
            "alias": alias,
            "marks": [*self.marks],
            "refresh": [*refresh],
            "reads": [*reads],
            **dict.fromkeys(also, True),
        }
        if self.session:
            door |= {"session": self.session, "user": self.user}
        if subject.roles.may_disable_triggers:
            door["silent"] = True
        listed = ", ".join(literal(each).strip() for each in calls)
        statement = f"select pg_temp.harness_door(array[{listed}], {literal(json.dumps(door)).strip()})"
        what = f"{label} by {self.principal.who}:"
        return Probe(Execute(statement), Harmless(), label, what, settings, then=_THEN, required=False)
