"""Statements tried on a server: what is expected of each, how they travel there, and the replies.

Enter by :class:`~harness.probes.session.Session`, which tries scenarios: rows, and the probes tried on them.
Not here: which probes a rule needs (``kinds``), and whether a reply speaks for or against a check
(``proving/attribution.py``).
"""

from harness.probes.family import Family, FamilyReply, Variants
from harness.probes.probe import (
    Accepted,
    AcceptedIf,
    AcceptedOrRefused,
    Expected,
    NoRowChanged,
    NotDenied,
    Postcondition,
    Probe,
    Refused,
)
from harness.probes.reply import Reply, ServerError
from harness.probes.scenario import Scenario
from harness.probes.session import ScenarioResult, ScenarioRunner, Session, TimedOut, TimeLimits
from harness.probes.statement import Delete, Execute, Insert, SqlStatement, Update

__all__ = [
    "Accepted",
    "AcceptedIf",
    "AcceptedOrRefused",
    "Delete",
    "Execute",
    "Expected",
    "Family",
    "FamilyReply",
    "Insert",
    "NoRowChanged",
    "NotDenied",
    "Postcondition",
    "Probe",
    "Refused",
    "Reply",
    "Scenario",
    "ScenarioResult",
    "ScenarioRunner",
    "ServerError",
    "Session",
    "SqlStatement",
    "TimeLimits",
    "TimedOut",
    "Update",
    "Variants",
]
