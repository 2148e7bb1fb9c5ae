"""Two transactions run step by step, in every order that the server allows, like PostgreSQL's isolation tester.

Enter by :func:`~harness.races.play.play` for one order; :func:`~harness.races.play.following` enumerates the orders.
Not here: which races a rule needs (``kinds``), and whether one speaks against a check (``proving/racing.py``).
"""

from harness.races.database import Databases, RaceDatabase, Unplayable
from harness.races.play import IsolationLevel, RaceRun, following, play
from harness.races.race import NOTHING, RESULT, SESSIONS, Invariant, Race, Races, found_nothing

__all__ = [
    "NOTHING",
    "RESULT",
    "SESSIONS",
    "Databases",
    "Invariant",
    "IsolationLevel",
    "Race",
    "RaceDatabase",
    "RaceRun",
    "Races",
    "Unplayable",
    "following",
    "found_nothing",
    "play",
]
