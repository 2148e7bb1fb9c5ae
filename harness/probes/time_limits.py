"""Time limits for statements: a trigger that never ends must not hold up a run, nor look like a rule that refuses."""

from __future__ import annotations

from dataclasses import dataclass

from harness.probes.statement import SqlStatement

PROBE_MILLISECONDS = 10_000
"""The limit for one probe, unless a profile sets another."""

BATCH = 6
"""The limit for a batch, as a multiple of the limit for one probe."""

STATEMENT = 300
"""Characters of a statement that a message shows."""


@dataclass(frozen=True)
class TimeLimits:
    """Milliseconds for one probe together with the rows before it, and for a batch."""

    probe: int = PROBE_MILLISECONDS

    @property
    def batch(self) -> int:
        return self.probe * BATCH


class TimedOut(Exception):
    """A statement was cancelled also when it was tried alone."""

    def __init__(self, statement: SqlStatement, time_limits: TimeLimits) -> None:
        text = statement.sql if len(statement.sql) <= STATEMENT else f"{statement.sql[:STATEMENT]}…"
        super().__init__(f"a statement was cancelled that did not end within {time_limits.probe / 1000:g} s: {text}")
