"""Two transactions step by step, in every order in which the server lets them."""

from harness.races.play import Level, Played, play
from harness.races.race import NOTHING, RESULT, SESSIONS, Race, Races, Watch, found_nothing
from harness.races.stage import Stage, Unplayable

__all__ = [
    "NOTHING",
    "RESULT",
    "SESSIONS",
    "Level",
    "Played",
    "Race",
    "Races",
    "Stage",
    "Unplayable",
    "Watch",
    "found_nothing",
    "play",
]
