"""Every order of the turns of two sessions, as far as the server lets them take their turns.

Which orders there are shows only while they are played: who waits for the other cannot go on. So the first schedule
takes the first session that can go on each time; every next one repeats the last up to where another session could
have gone on, and lets that one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Turn:
    """Who took a turn, of those who could, in a fixed order."""

    taken: str
    able: tuple[str, ...]


def following(turns: Sequence[Turn]) -> tuple[str, ...] | None:
    """How the next schedule begins; None after the last one. Played from ``()`` on, each order comes once."""
    for place in reversed(range(len(turns))):
        taken, able = turns[place].taken, turns[place].able
        later = able[able.index(taken) + 1 :]
        if later:
            return (*(turn.taken for turn in turns[:place]), later[0])
    return None
