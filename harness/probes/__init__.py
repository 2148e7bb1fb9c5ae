"""Statements tried on a server: what is wanted of each, how they travel, and what came of them."""

from harness.probes.probe import (
    Accepted,
    Either,
    Probe,
    Refused,
    Scenario,
    Then,
    Untouched,
    Wanted,
)
from harness.probes.reply import Refusal, Reply
from harness.probes.session import Session
from harness.probes.statement import Delete, Execute, Insert, Statement, Update, Values
from harness.probes.verdict import Verdict, judge

__all__ = [
    "Accepted",
    "Delete",
    "Either",
    "Execute",
    "Insert",
    "Probe",
    "Refusal",
    "Refused",
    "Reply",
    "Scenario",
    "Session",
    "Statement",
    "Then",
    "Untouched",
    "Update",
    "Values",
    "Verdict",
    "Wanted",
    "judge",
]
