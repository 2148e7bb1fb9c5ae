"""Renders ``report.json``, all that a run found, for programs, and its JSON Schema (draft 2020-12).

``version`` changes if a reader must change. A :class:`Baseline` is such a report of an earlier run, with which a run is
compared, so that known failures do not fail it; or names and statuses alone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import Place, ProjectError
from harness.outcome import STRICT, Counterexample, Gate, Outcome, Status
from harness.reports import scripts, words
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
            "sequences": totals.sequences,
            "facts": totals.facts,
            "seconds": round(seconds, 3),
        },
        "checks": [_check(outcome) | _before(outcome, gate) for outcome in outcomes],
    }
    return json.dumps(document, indent=2) + "\n"


def baseline(outcomes: Sequence[Outcome]) -> str:
    """Returns the part of a report that :class:`Baseline` reads, with a line for each check, by name."""
    ordered = sorted(outcomes, key=lambda outcome: outcome.name)
    checks = ",\n".join(json.dumps({"name": each.name, "status": each.status.value}) for each in ordered)
    return f'{{"version": {VERSION}, "checks": [\n{checks}\n]}}\n'


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
        "sequences": outcome.sequences,
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
                sequences=_COUNT,
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
        sequences=_said(_COUNT, "sequences of writes tried on the server, besides the probes"),
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


SHOWN = 20
"""Names that are listed of checks that are better, and of checks that are gone."""


@dataclass(frozen=True)
class Baseline:
    """The ``report.json`` of an earlier run, with the status of each check in it."""

    path: Path
    statuses: Mapping[str, Status]

    @classmethod
    def read(cls, path: Path) -> Baseline | None:
        """Reads a report; None if the file does not exist. Raises :class:`ProjectError` if it is no such report."""
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ProjectError(f"the baseline cannot be read: {error.strerror}", place=Place(path)) from None
        except json.JSONDecodeError as error:
            raise _unfit(Place(path, error.lineno, error.colno), f"no JSON: {error.msg}") from None
        except (ValueError, RecursionError):
            raise _unfit(Place(path), "no JSON in UTF-8") from None
        return cls(path, _statuses(document, Place(path)))

    def compared(self, outcomes: Sequence[Outcome], declared: Collection[str]) -> Iterator[str]:
        """Yields the lines that compare a run with the baseline. A check that is not ``declared`` any more is gone."""
        known = Counter(outcome.status for outcome in outcomes if Gate(self.statuses).knows(outcome))
        if known:
            counts = ", ".join(f"{known[status]:,} {status.value}" for status in Status if known[status])
            yield f"known from {self.path}, and no failure: {counts}"
        named = {outcome.name: outcome for outcome in outcomes}
        better = [
            f"{name}: was {before.value}, is {named[name].status.value}"
            for name, before in self.statuses.items()
            if name in named and before.worse_than(named[name].status)
        ]
        gone = [f"{name}: was {before.value}" for name, before in self.statuses.items() if name not in declared]
        yield from _listed(f"better than in {self.path}:", better)
        yield from _listed(f"in {self.path}, and no check any more:", gone)
        if better or gone:
            yield f"to renew it, delete {self.path} and run all of it again with --baseline {self.path}"


def _listed(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield title
        yield from (f"  {words.plain(line)}" for line in lines[:SHOWN])
    if len(lines) > SHOWN:
        yield f"  and {len(lines) - SHOWN:,} more"


def _statuses(document: Any, place: Place) -> dict[str, Status]:
    if not isinstance(document, dict) or not isinstance(document.get("checks"), list) or "version" not in document:
        raise _unfit(place, "no report of harness test")
    if document["version"] != VERSION:
        raise _unfit(place, f"a report of version {words.plain(str(document['version']))}, and this is {VERSION}")
    try:
        return {str(check["name"]): Status(check["status"]) for check in document["checks"]}
    except (KeyError, TypeError, ValueError):
        raise _unfit(place, "a report in which not every check has a name and a status") from None


def _unfit(place: Place, what: str) -> ProjectError:
    return ProjectError(
        f"the baseline is {what}",
        place=place,
        hint=f"it has to be a report.json of version {VERSION}; delete the file, and the next run writes it anew",
    )
