"""Statements tried on a server: what is expected of each, how they travel, and what came of them."""

from harness.probes.family import Family, Tally, Variants
from harness.probes.patience import Endless, Patience
from harness.probes.probe import Accepted, Either, Expected, Foreseen, Permitted, Probe, Refused, Then, Untouched
from harness.probes.reply import Refusal, Reply
from harness.probes.scenario import Scenario
from harness.probes.session import Answer, Session, Tries
from harness.probes.statement import Delete, Execute, Insert, Statement, Update, Values
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
    "Probe",
    "Refusal",
    "Refused",
    "Reply",
    "Scenario",
    "Session",
    "Statement",
    "Tally",
    "Then",
    "Tries",
    "Untouched",
    "Update",
    "Values",
    "Variants",
    "Verdict",
    "judge",
]
