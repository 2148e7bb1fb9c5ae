"""Recognizes triggers that set a column to the current time at each update, by the source of their functions."""

from __future__ import annotations

import re

from harness.catalog import Table, Trigger

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_CLOCK = (
    r"(?:(?:pg_catalog\.)?(?:now|clock_timestamp|transaction_timestamp|statement_timestamp)\(\)"
    r"|current_timestamp|localtimestamp)"
)
_NOW = rf"(?:{_CLOCK}|timezone\(\s*'utc'(?:::text)?,\s*{_CLOCK}\s*\)|\(?{_CLOCK}\s+at\s+time\s+zone\s+'utc'\)?)"
_SIDE = r"(?:row\()?{0}(?:\.\*)?\)?"
_TOUCH = re.compile(
    # Of some templates the row is a copy, or it is only touched if it differs.
    rf"""(?:declare\s+(?P<copy>\w+)\s+record\s*;\s*)?
    begin\s+(?(copy)(?P=copy)\s*:?=\s*new\s*;\s*)
    (?P<if>if\s+\(?(?:{_SIDE.format("new")}\s+is\s+distinct\s+from\s+{_SIDE.format("old")}
        |{_SIDE.format("old")}\s+is\s+distinct\s+from\s+{_SIDE.format("new")})\)?\s+then\s+)?
    (?(copy)(?P=copy)|new)\.(?P<column>"[^"]+"|\w+)\s*:?=\s*{_NOW}\s*;\s*
    (?(if)(?:return\s+new\s*;\s*else\s+return\s+old\s*;\s*)?end\s+if\s*;\s*)
    (?(if)(?:return\s+new\s*;\s*)?|return\s+(?(copy)(?P=copy)|new)\s*;\s*)
    end\s*\w*\s*;?""",
    re.IGNORECASE | re.VERBOSE,
)
_IN_TIME = ("timestamptz", "timestamp")
_CHANGED = re.compile(r"(?:\(*old\.\* is distinct from new\.\*\)*)?", re.IGNORECASE)


def touched(table: Table, trigger: Trigger) -> str | None:
    """The column that a trigger sets to the current time at each update; None if it does anything else."""
    if (trigger.timing, trigger.level, trigger.enabled) != ("before", "row", "O") or "update" not in trigger.events:
        return None
    if trigger.columns or {*trigger.events} - {"insert", "update"} or not _CHANGED.fullmatch(trigger.when or ""):
        return None
    name = _by_extension(trigger) or _by_source(trigger)
    column = next((column for column in table.columns if column.name == name), None)
    # A lower precision rounds: the time may then be in the future.
    return column.name if column and column.base_name in _IN_TIME and column.typmod in (-1, 6) else None


def _by_source(trigger: Trigger) -> str | None:
    found = _TOUCH.fullmatch(_COMMENT.sub(" ", trigger.source).strip())
    if not found or (found["if"] and "insert" in trigger.events):
        return None
    name = found["column"]
    return name[1:-1] if name.startswith('"') else name.lower()


def _by_extension(trigger: Trigger) -> str | None:
    return trigger.arguments.strip("'") if trigger.function.rpartition(".")[2] == "moddatetime" else None
