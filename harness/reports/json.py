"""Renders ``report.json``, all that a run found, for programs, and its JSON Schema (draft 2020-12).

``version`` changes if a reader must change.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from harness.errors import Place
from harness.outcome import STRICT, Counterexample, Gate, Outcome, Status
from harness.reports import scripts
from harness.reports.run import Run, Totals

VERSION = 3
ReportSchema = dict[str, Any]

_TEXT: ReportSchema = {"type": "string"}
_TEXT_OR_NULL: ReportSchema = {"type": ["string", "null"]}
_COUNT: ReportSchema = {"type": "integer", "minimum": 0}
_POSITION: ReportSchema = {"type": ["integer", "null"], "minimum": 1}
_SECONDS: ReportSchema = {"type": "number", "minimum": 0}
_STATUSES = [status.value for status in Status]


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


def report_schema() -> ReportSchema:
    """Returns the schema of the current version. New keys may be added without a new version."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:constraint-harness:report:{VERSION}",
        "title": f"report.json of harness test, version {VERSION}",
        **_object(
            version={"const": VERSION},
            project=_TEXT,
            server=_said(_TEXT, "such as embedded PostgreSQL 18.6, without secrets"),
            profile=_object(name=_TEXT, scenarios=_COUNT),
            seed=_said(_COUNT, "repeats the run: harness test --seed"),
            totals=_object(
                **dict.fromkeys(_STATUSES, _COUNT),
                known=_said(_COUNT, "of those that are not green: no worse than in the baseline"),
                not_tried=_COUNT,
                probes=_COUNT,
                facts=_COUNT,
                seconds=_SECONDS,
            ),
            checks={"type": "array", "items": {"$ref": "#/$defs/check"}},
        ),
        "$defs": {"check": _check_schema(), "counterexample": _example_schema()},
    }


def _check_schema() -> ReportSchema:
    always = _object(
        name=_said(_TEXT, "unique in the project"),
        kind=_TEXT,
        subject=_TEXT,
        module=_TEXT,
        table=_said(_TEXT_OR_NULL, "null for the checks of a module"),
        place=_place_schema(),
        status=_said({"enum": _STATUSES}, f"the best first: {', '.join(_STATUSES)}"),
        probes=_said(_COUNT, "statements tried on the server"),
        facts=_said(_COUNT, "what was compared with the catalog"),
        seconds=_SECONDS,
        reason=_said(_TEXT_OR_NULL, "why it is unreliable, or what the error was"),
        notes=_said({"type": "array", "items": _TEXT}, "what else to know of it: what is undeclared, or was not tried"),
        counterexamples={"type": "array", "items": {"$ref": "#/$defs/counterexample"}},
        replay=_said(_TEXT_OR_NULL, "the script for psql, from the project's directory"),
    )
    always["properties"] |= {
        "shared": _said(_place_schema(), "of a shared check: where its text stands"),
        "baseline": _said({"enum": [*_STATUSES, None]}, "what it was in the baseline; null if it is new"),
        "again": _said(_TEXT_OR_NULL, "of an error: the command that tries this check alone"),
        "traceback": _said(_TEXT_OR_NULL, "of an error: what to report"),
    }
    return always


def _place_schema() -> ReportSchema:
    return _object(path=_TEXT, line=_POSITION, column=_POSITION)


def _example_schema() -> ReportSchema:
    rows = {
        "type": "array",
        "items": _object(table=_TEXT, values={"type": "object", "additionalProperties": _TEXT_OR_NULL}),
    }
    found = _object(expected=_TEXT, actual=_TEXT, rows=_said(rows, "the row of the probe last"))
    found["properties"]["steps"] = _said({"type": "array", "items": _TEXT}, "of a race: those of sessions A and B")
    return found


def _object(**properties: ReportSchema) -> ReportSchema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _said(schema: ReportSchema, description: str) -> ReportSchema:
    return {**schema, "description": description}
