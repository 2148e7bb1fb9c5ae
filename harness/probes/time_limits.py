"""How long statements may take: a trigger that never ends must not hold up a run, nor look like a rule that refuses."""

from __future__ import annotations

from dataclasses import dataclass

from harness.probes.statement import SqlStatement

PROBE_MILLISECONDS = 10_000
"""For one probe, where nothing else is said."""

BATCH = 6
"""For a batch, so many times as long as for a probe."""

STATEMENT = 300
"""Characters of a statement that are shown."""


@dataclass(frozen=True)
class TimeLimits:
    """Milliseconds for one probe, with the rows that stand before it, and for a batch of them."""

    probe: int = PROBE_MILLISECONDS

    @property
    def batch(self) -> int:
        return self.probe * BATCH


class TimedOut(Exception):
    """A statement was cancelled, also when it was tried alone."""

    def __init__(self, statement: SqlStatement, patience: TimeLimits) -> None:
        text = statement.sql if len(statement.sql) <= STATEMENT else f"{statement.sql[:STATEMENT]}…"
        super().__init__(f"a statement was cancelled that did not end within {patience.probe / 1000:g} s: {text}")
