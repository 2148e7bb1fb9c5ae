"""Statements tried on a server: what is expected of each, how they travel, and what came of them."""

from harness.probes.family import Family, Tally, Variants
from harness.probes.patience import Endless, Patience
from harness.probes.probe import (
    Accepted,
    Either,
    Expected,
    Foreseen,
    Permitted,
    Postcondition,
    Probe,
    Refused,
    Untouched,
)
from harness.probes.reply import Reply, ServerError
from harness.probes.scenario import Scenario
from harness.probes.session import Answer, Session, Tries
from harness.probes.statement import Delete, Execute, Insert, Statement, Update
from harness.probes.verdict import Verdict, judge

__all__ = [
    "Accepted",
    "Answer",
    "Delete",
    "Either",
    "Endless",
    "Execute",
    "Expected",
    "Family",
    "Foreseen",
    "Insert",
    "Patience",
    "Permitted",
    "Postcondition",
    "Probe",
    "Refused",
    "Reply",
    "Scenario",
    "ServerError",
    "Session",
    "Statement",
    "Tally",
    "Tries",
    "Untouched",
    "Update",
    "Variants",
    "Verdict",
    "judge",
]
