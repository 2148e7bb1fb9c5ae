"""When a session is replaced by a new one: a custom setting that was ever set stays in it, empty.

Neither ROLLBACK nor RESET nor DISCARD ALL brings back the state in which ``current_setting(…, true)`` is NULL.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

NEVER_SET = "select array(select name from unnest(%s::text[]) as t (name) where current_setting(name, true) is null)"


@dataclass(frozen=True)
class Renewal:
    """How a new session is had, and the custom ``settings`` that code of the database may set in one.

    ``untold`` if there may be others, whose names nobody can tell.
    """

    connect: Callable[[], psycopg.Connection[Any]]
    settings: tuple[str, ...]
    untold: bool = False

    def due(self, connection: psycopg.Connection[Any]) -> bool:
        """Whether one of the settings was, or may have been, set in a session."""
        return self.untold or never_set(connection, self.settings) != self.settings


def never_set(connection: psycopg.Connection[Any], settings: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the settings that a session has no value of, not even an empty one."""
    if not settings:
        return ()
    row = connection.execute(NEVER_SET.encode(), [list(settings)]).fetchone()
    return tuple(row[0]) if row else ()
