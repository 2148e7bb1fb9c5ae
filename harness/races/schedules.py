"""Enumerates every order of the turns of two sessions that the server allows.

The possible orders show only while they are run: a session that waits for the other cannot go on. So the first schedule
takes the first session that can go on each time; every next one repeats the last up to where another session could
have gone on, and takes that one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Turn:
    """The session that took a turn, of those that were able to, which are in a fixed order."""

    taken: str
    able: tuple[str, ...]


def following(turns: Sequence[Turn]) -> tuple[str, ...] | None:
    """The beginning of the next schedule; None after the last one. Started from ``()``, each order comes once."""
    for place in reversed(range(len(turns))):
        taken, able = turns[place].taken, turns[place].able
        later = able[able.index(taken) + 1 :]
        if later:
            return (*(turn.taken for turn in turns[:place]), later[0])
    return None
