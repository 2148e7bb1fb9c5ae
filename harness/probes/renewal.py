"""Replaces a session by a new one once a custom setting was set in it: the setting stays there, empty.

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
    """Makes new connections with ``connect``; ``settings`` are the custom ones that the database's code may set.

    With ``unknown_names`` the code may also set others, whose names it computes.
    """

    connect: Callable[[], psycopg.Connection[Any]]
    settings: tuple[str, ...]
    unknown_names: bool = False

    def due(self, connection: psycopg.Connection[Any]) -> bool:
        """Whether one of the settings was, or may have been, set over a connection."""
        return self.unknown_names or never_set(connection, self.settings) != self.settings


def never_set(connection: psycopg.Connection[Any], settings: tuple[str, ...]) -> tuple[str, ...]:
    """The settings that have no value in a session, not even an empty one."""
    if not settings:
        return ()
    row = connection.execute(NEVER_SET.encode(), [list(settings)]).fetchone()
    return tuple(row[0]) if row else ()
