"""Recognises triggers that only keep the time of the last change."""

from __future__ import annotations

import re

from harness.catalog.model import Table, Trigger

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_NOW = r"(?:(?:now|clock_timestamp|transaction_timestamp|statement_timestamp)\(\)|current_timestamp|localtimestamp)"
_TOUCH = re.compile(
    rf'begin\s+new\.(?P<column>"[^"]+"|\w+)\s*:?=\s*(?:pg_catalog\.)?{_NOW}\s*;\s*return\s+new\s*;\s*end\s*\w*\s*;?',
    re.IGNORECASE,
)
_IN_TIME = ("timestamptz", "timestamp")
_CHANGED = re.compile(r"\(*old\.\* is distinct from new\.\*\)*", re.IGNORECASE)


def touched(table: Table, trigger: Trigger) -> str | None:
    """The column that a trigger sets to the current time at each update; None if it does anything else."""
    if (trigger.timing, trigger.level, trigger.enabled) != ("before", "row", "O") or "update" not in trigger.events:
        return None
    if trigger.columns or {*trigger.events} - {"insert", "update"}:
        return None
    if trigger.when and not _CHANGED.fullmatch(trigger.when):
        return None
    name = _by_extension(trigger) or _by_source(trigger)
    column = next((column for column in table.columns if column.name == name), None)
    # A lower precision rounds: the time may then be in the future.
    return column.name if column and column.base_name in _IN_TIME and column.typmod in (-1, 6) else None


def _by_source(trigger: Trigger) -> str | None:
    found = _TOUCH.fullmatch(_COMMENT.sub(" ", trigger.source).strip())
    if not found:
        return None
    name = found["column"]
    return name[1:-1] if name.startswith('"') else name.lower()


def _by_extension(trigger: Trigger) -> str | None:
    if trigger.function.rpartition(".")[2] != "moddatetime":
        return None
    return trigger.arguments.strip("'")
