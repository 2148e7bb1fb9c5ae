"""Two transactions step by step, in every order in which the server lets them."""

from harness.races.database import RaceDatabase, Unplayable
from harness.races.play import IsolationLevel, RaceRun, play
from harness.races.race import NOTHING, RESULT, SESSIONS, Invariant, Race, Races, found_nothing

__all__ = [
    "NOTHING",
    "RESULT",
    "SESSIONS",
    "Invariant",
    "IsolationLevel",
    "Race",
    "RaceDatabase",
    "RaceRun",
    "Races",
    "Unplayable",
    "found_nothing",
    "play",
]
