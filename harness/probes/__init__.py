"""Statements tried on a server: what is expected of each, how they travel there, and the replies.

Enter by :class:`~harness.probes.session.Session`, which tries scenarios: rows, and the probes tried on them.
Not here: which probes a rule needs (``kinds``), and whether a reply speaks for or against a check
(``proving/attribution.py``).
"""

from __future__ import annotations

from harness.probes.family import Family, FamilyReply, Variants, shorten
from harness.probes.interference import (
    DEADLOCK,
    NOT_AVAILABLE,
    PAUSES,
    SERIALIZATION,
    Interference,
    conflicts,
    deadlocked,
    interference_of,
    is_raised,
    of_error,
    others,
)
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
    actual,
    expected,
    has_expected_rows,
)
from harness.probes.reply import (
    INSUFFICIENT_PRIVILEGE,
    LOST,
    Function,
    Reply,
    ServerError,
    function_of,
    of_diagnostic,
    of_root,
)
from harness.probes.scenario import Scenario
from harness.probes.session import (
    BATCH,
    Renewal,
    ScenarioResult,
    ScenarioRunner,
    Session,
    TimedOut,
    TimeLimits,
    never_set,
)
from harness.probes.settling import IMMEDIATE, settle
from harness.probes.shapes import UNTRIED
from harness.probes.statement import (
    Delete,
    Execute,
    Insert,
    SqlStatement,
    Update,
    assume,
    condition,
    identifier,
    literal,
    qualified,
)

__all__ = [
    "BATCH",
    "DEADLOCK",
    "IMMEDIATE",
    "INSUFFICIENT_PRIVILEGE",
    "LOST",
    "NOT_AVAILABLE",
    "PAUSES",
    "SERIALIZATION",
    "UNTRIED",
    "Accepted",
    "AcceptedIf",
    "AcceptedOrRefused",
    "Delete",
    "Execute",
    "Expected",
    "Family",
    "FamilyReply",
    "Function",
    "Insert",
    "Interference",
    "NoRowChanged",
    "NotDenied",
    "Postcondition",
    "Probe",
    "Refused",
    "Renewal",
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
    "actual",
    "assume",
    "condition",
    "conflicts",
    "deadlocked",
    "expected",
    "function_of",
    "has_expected_rows",
    "identifier",
    "interference_of",
    "is_raised",
    "literal",
    "never_set",
    "of_diagnostic",
    "of_error",
    "of_root",
    "others",
    "qualified",
    "settle",
    "shorten",
]
