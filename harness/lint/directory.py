"""Reads a file of SQL together with the other migrations of its directory.

Decides which files are read so: only those named ``NNN_name.up.sql``.
Not here: what the statements do to the tables (``final_schema.py``).
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from harness.lint.final_schema import CreatedByFile, Replay
from harness.lint.statements import all_statements

_MIGRATION = re.compile(r"(\d{3,})_\w[\w-]*\.up\.sql")


def created_by(path: Path | None, text: str) -> CreatedByFile:
    """The tables and columns that one file creates, as its whole directory leaves them.

    ``text`` is the file's text in the editor. Only a file named ``NNN_name.up.sql`` is read with its directory. Text
    without a name may be such a migration, so nothing is known of its tables.
    """
    if path is None:
        return CreatedByFile()
    if not _MIGRATION.fullmatch(path.name):
        return _replay((text,))[0]
    names = _migrations(path)
    texts = tuple(text if name == path.name else _read(path.parent / name) for name in names)
    return _replay(texts)[names.index(path.name)]


def _migrations(path: Path) -> list[str]:
    """The names of the up files in the directory of ``path``, itself included, in the order they are applied in."""
    names = {path.name}  # it may never have been saved
    with suppress(OSError):
        names |= {each.name for each in path.parent.iterdir()}
    matches = [match for name in names if (match := _MIGRATION.fullmatch(name))]
    return [match[0] for match in sorted(matches, key=lambda match: (int(match[1]), match[0]))]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):  # it has its own error, in its own place
        return ""


@lru_cache(maxsize=32)
def _replay(texts: tuple[str, ...]) -> tuple[CreatedByFile, ...]:
    replay = Replay()
    return tuple([replay.migrate(all_statements(text)) for text in texts])
