"""Messages that calls of doors send to the client, by RAISE NOTICE and its like: they may show rows of others, too.

The functions of ``kinds/row_access/door_functions.py`` say before each call which values tell a hidden row; what is
sent between two such messages is of the call before it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from psycopg.errors import Diagnostic

from harness.probes import Probe, Reply, literal

BEGINS = '{"harness_door"'
"""The beginning of a message of ours."""


@dataclass
class DoorMessages:
    """The calls that showed a row, since they were last looked at; ``kept`` says why rows could not be deleted."""

    shown: list[tuple[str, str, str]] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    _call: dict[str, Any] = field(default_factory=dict)

    def hear(self, message: Diagnostic) -> None:
        """Takes a message of the server."""
        text = "\n".join(filter(None, (message.message_primary, message.message_detail, message.message_hint)))
        if text.startswith(BEGINS):
            self._call = json.loads(text)
            if "stay" in self._call:
                self.kept[self._call["harness_door"]] = self._call["stay"]
            return
        call = self._call.get("call", "")
        for column, value in self._call.get("marks", ()):
            if value.lower() in text.lower() and value.lower() not in call.lower():
                told = f"{column} = {literal(value).strip()} is shown in a message, by {call}"
                self.shown.append((self._call["harness_door"], call, told))
                break

    def seen(self, probe: Probe, reply: Reply) -> Reply:
        """Returns the reply to a probe, or what a message showed while it was tried."""
        told = (
            told
            for door, call, told in self.shown
            if door == probe.aspect and literal(call).strip() in probe.statement.sql
        )
        found = next(told, None)
        return reply if found is None else replace(reply, refusal=None, then=found)
