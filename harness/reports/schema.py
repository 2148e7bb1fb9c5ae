"""Returns the JSON Schema (draft 2020-12) of ``report.json``, for programs that read it."""

from __future__ import annotations

from typing import Any

from harness.outcome import Status
from harness.reports.json import VERSION

ReportSchema = dict[str, Any]

_TEXT: ReportSchema = {"type": "string"}
_TEXT_OR_NULL: ReportSchema = {"type": ["string", "null"]}
_COUNT: ReportSchema = {"type": "integer", "minimum": 0}
_POSITION: ReportSchema = {"type": ["integer", "null"], "minimum": 1}
_SECONDS: ReportSchema = {"type": "number", "minimum": 0}
_STATUSES = [status.value for status in Status]


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
        "$defs": {"check": _check(), "counterexample": _counterexample()},
    }


def _check() -> ReportSchema:
    always = _object(
        name=_said(_TEXT, "unique in the project"),
        kind=_TEXT,
        subject=_TEXT,
        module=_TEXT,
        table=_said(_TEXT_OR_NULL, "null for the checks of a module"),
        place=_place(),
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
        "shared": _said(_place(), "of a shared check: where its text stands"),
        "baseline": _said({"enum": [*_STATUSES, None]}, "what it was in the baseline; null if it is new"),
        "again": _said(_TEXT_OR_NULL, "of an error: the command that tries this check alone"),
        "traceback": _said(_TEXT_OR_NULL, "of an error: what to report"),
    }
    return always


def _place() -> ReportSchema:
    return _object(path=_TEXT, line=_POSITION, column=_POSITION)


def _counterexample() -> ReportSchema:
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
