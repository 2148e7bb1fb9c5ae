"""Renders ``report.json``: all that a run found, for programs. ``version`` changes if a reader must change."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from harness.errors import Place
from harness.outcome import STRICT, Counterexample, Gate, Outcome, Status
from harness.reports import scripts
from harness.reports.run import Run, Totals

VERSION = 3


def render(run: Run, outcomes: Sequence[Outcome], seconds: float, gate: Gate = STRICT) -> str:
    """Returns the document. ``seconds`` is the wall time of the whole run."""
    totals = Totals.of(outcomes)
    document = {
        "version": VERSION,
        "project": run.project,
        "server": run.server,
        "profile": {"name": run.profile, "scenarios": run.scenarios},
        "seed": run.seed,
        "totals": {
            **{status.value: totals.outcomes[status] for status in Status},
            "known": sum(map(gate.knows, outcomes)),
            "not_tried": run.selected - totals.checks,
            "probes": totals.probes,
            "facts": totals.facts,
            "seconds": round(seconds, 3),
        },
        "checks": [_check(outcome) | _before(outcome, gate) for outcome in outcomes],
    }
    return json.dumps(document, indent=2) + "\n"


def _check(outcome: Outcome) -> dict[str, Any]:
    script = scripts.path(outcome)
    return {
        "name": outcome.name,
        "kind": outcome.kind,
        "subject": outcome.subject,
        "module": outcome.module,
        "table": outcome.table,
        "place": _place(outcome.place),
        **({"shared": _place(outcome.shared)} if outcome.shared else {}),
        "status": outcome.status.value,
        "probes": outcome.probes,
        "facts": outcome.facts,
        "seconds": round(outcome.seconds, 3),
        "reason": outcome.reason,
        "notes": list(outcome.notes),
        "counterexamples": [_example(example) for example in outcome.counterexamples],
        "replay": script.as_posix() if script else None,
        **({"again": outcome.again, "traceback": outcome.traceback} if outcome.status is Status.ERROR else {}),
    }


def _place(place: Place) -> dict[str, Any]:
    return {"path": place.path.as_posix(), "line": place.line, "column": place.column}


def _before(outcome: Outcome, gate: Gate) -> dict[str, Any]:
    """Returns the status in the baseline, if there is a baseline; null for a new check."""
    before = gate.baseline.get(outcome.name)
    return {"baseline": before.value if before else None} if gate.baseline else {}


def _example(example: Counterexample) -> dict[str, Any]:
    return {
        "expected": example.expected,
        "actual": example.actual,
        "rows": [{"table": table, "values": values} for table, values in example.rows],
        **({"steps": list(example.steps)} if example.steps else {}),
    }
