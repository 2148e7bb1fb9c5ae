"""A run compared with the report of an earlier one: what is known, what is worse, what is better, what is gone."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from rich.console import Console

from harness.errors import Place, ProjectError
from harness.outcome import Counterexample, Gate, Outcome, Status
from harness.reports import closing, junit
from harness.reports import json as json_report
from harness.reports.json import Baseline, report_schema
from harness.reports.run import Run
from harness.reports.terminal import Terminal

RUN = Run("demo", "embedded PostgreSQL 18.6", "dev", 5, 123, 6)
FILE = Path("baseline.json")
STATUSES = list(Status)


def outcome(name: str, status: Status) -> Outcome:
    reason = None if status.green or status is Status.BROKEN else "why"
    raced = Counterexample("w", "accepted", (("a.b", {"id": "1", "note": None}),), steps=("1 A: begin",))
    return Outcome(
        f"app.t.{name}",
        "check",
        name,
        "app",
        "app.t",
        Place(Path("checks/t.yml"), 3, 1),
        status,
        reason=reason,
        counterexamples=(raced,) if status is Status.BROKEN else (),
        again="harness test" if status is Status.ERROR else None,
    )


def gate(fail_on: Status = Status.UNRELIABLE, **known: Status) -> Gate:
    return Gate({f"app.t.{name}": status for name, status in known.items()}, fail_on)


def test_the_best_comes_first() -> None:
    assert STATUSES == [Status.PROVED, Status.PRESENT, Status.UNRELIABLE, Status.BROKEN, Status.ERROR]
    assert [status.green for status in STATUSES] == [True, True, False, False, False]


@pytest.mark.parametrize("before", STATUSES)
@pytest.mark.parametrize("now", STATUSES)
def test_what_is_worse_than_before_fails(before: Status, now: Status) -> None:
    worse = STATUSES.index(now) > STATUSES.index(before)
    assert gate(x=before).fails(outcome("x", now)) == worse
    tolerant = gate(Status.BROKEN, x=before).fails(outcome("x", now))
    assert tolerant == (worse and now in (Status.BROKEN, Status.ERROR))
    known = gate(x=before).knows(outcome("x", now))
    assert known == (not worse and now in (Status.UNRELIABLE, Status.BROKEN))


@pytest.mark.parametrize("now", STATUSES)
def test_what_is_new_fails_unless_it_is_green(now: Status) -> None:
    assert gate(y=Status.BROKEN).fails(outcome("x", now)) == (not now.green)
    assert gate(Status.BROKEN).fails(outcome("x", now)) == (now in (Status.BROKEN, Status.ERROR))
    assert not gate().knows(outcome("x", now))


BEFORE = {
    "better": Status.BROKEN,
    "known": Status.BROKEN,
    "hidden": Status.UNRELIABLE,
    "worse": Status.UNRELIABLE,
    "untried": Status.PROVED,
    "gone": Status.PRESENT,
}
OUTCOMES = [
    outcome("better", Status.PROVED),
    outcome("known", Status.BROKEN),
    outcome("hidden", Status.UNRELIABLE),
    outcome("worse", Status.BROKEN),
    outcome("untried", Status.PRESENT),
    outcome("added", Status.UNRELIABLE),
]
DECLARED = {each.name for each in OUTCOMES}
TERMINAL = f"""\
heading

app.t
  proved   check better
  known    check known                              broken  checks/t.yml:3
  known    check hidden                         unreliable  checks/t.yml:3
  BROKEN   check worse                                      checks/t.yml:3
          expected: w
          actual:   accepted
          steps:    1 A: begin
          row:      a.b id='1'
  present  check untried
  UNRELIABLE  check added                                   checks/t.yml:3
          reason:   why

broken: expected: w; actual: accepted
  app.t.worse  checks/t.yml:3  was unreliable

unreliable: why
  app.t.added  checks/t.yml:3  new

present: nothing was tried any more
  app.t.untried  checks/t.yml:3  was proved

read on: harness explain check
what to do, reason by reason: {closing.documentation()}/how-to/unreliable.md

1 proved, 1 present, 2 broken, 2 unreliable; 0 probes and 0 facts in 2.0 s
known from baseline.json, and no failure: 1 unreliable, 1 broken
better than in baseline.json:
  app.t.better: was broken, is proved
in baseline.json, and no check any more:
  app.t.gone: was present
to renew it, delete baseline.json and run all of it again with --baseline baseline.json
"""


def shown(quiet: bool = False) -> str:
    known = gate(**BEFORE)
    file = io.StringIO()
    report = Terminal(Console(file=file, width=40), RUN, gate=known, quiet=quiet)
    report.begin("heading")
    for each in OUTCOMES:
        report.add(each)
    report.end(OUTCOMES, 2.0, None, Baseline(FILE, known.baseline).compared(OUTCOMES, DECLARED))
    return file.getvalue()


def test_the_terminal_tells_what_is_known_apart() -> None:
    assert "\n".join(line.rstrip() for line in shown().splitlines()) + "\n" == TERMINAL
    assert "known  " not in shown(quiet=True)
    assert "known from baseline.json" in shown(quiet=True)


def test_machines_are_told_too() -> None:
    known = gate(**BEFORE)
    root = ElementTree.fromstring(junit.render(RUN, OUTCOMES, known))
    counts = [root.get(name) for name in ("tests", "failures", "errors", "skipped")]
    assert counts == ["6", "1", "1", "2"]
    assert [each.get("message") for each in root.iter("skipped")] == [
        "broken, as the baseline knows",
        "unreliable, as the baseline knows",
    ]
    document = json.loads(json_report.render(RUN, OUTCOMES, 1.0, known))
    assert document["totals"]["known"] == 2
    assert [check["baseline"] for check in document["checks"]] == [
        "broken",
        "broken",
        "unreliable",
        "unreliable",
        "proved",
        None,
    ]


def test_reports_keep_their_schema() -> None:
    schema = report_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    every = [outcome(status.value, status) for status in Status]
    every.append(replace(every[0], notes=("left out",), shared=Place(Path("project.yml"), 2, 3)))
    for known in (Gate(), gate(**BEFORE)):
        document = json.loads(json_report.render(replace(RUN, selected=12), [*OUTCOMES, *every], 1.0, known))
        validator.validate(document)
        for check in document["checks"]:
            _no_others(check, schema["$defs"]["check"])
        _no_others(document, schema)
        _no_others(document["totals"], schema["properties"]["totals"])
    document["checks"][0]["status"] = "green"
    assert not validator.is_valid(document)
    assert not validator.is_valid(json.loads(json_report.render(RUN, [], 1.0)) | {"version": 1})


def _no_others(found: dict[str, Any], schema: dict[str, Any]) -> None:
    """What is written is in the schema, which lets readers expect more."""
    assert found.keys() <= schema["properties"].keys()


def test_a_baseline_is_a_report(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    assert Baseline.read(path) is None
    path.write_text(json_report.render(RUN, OUTCOMES, 1.0))
    found = Baseline.read(path)
    assert found is not None
    assert found.statuses == {each.name: each.status for each in OUTCOMES}
    assert list(found.compared([replace(each, seconds=9.0) for each in OUTCOMES], DECLARED)) == [
        f"known from {path}, and no failure: 2 unreliable, 2 broken"
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ":1:1: the baseline is no JSON: "),
        ('{"version": 3,\n "checks": [}', ":2:13: the baseline is no JSON: "),
        ("[" * 100_000, ": the baseline is no JSON"),
        ("\\udcff", ": the baseline is no JSON"),
        ("[]", ": the baseline is no report of harness test"),
        ('{"checks": []}', ": the baseline is no report of harness test"),
        ('{"version": 3, "checks": {}}', ": the baseline is no report of harness test"),
        ('{"version": 1, "checks": []}', ": the baseline is a report of version 1, and this is 3"),
        (
            '{"version": 3, "checks": [7]}',
            ": the baseline is a report in which not every check has a name and a status",
        ),
        (
            '{"version": 3, "checks": [{"name": "a", "status": "green"}]}',
            ": the baseline is a report in which not every",
        ),
        ('{"version": 3, "checks": [{"name": "a", "status": []}]}', ": the baseline is a report in which not every"),
    ],
)
def test_what_is_no_baseline(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "baseline.json"
    path.write_bytes(b"\xff" if text == "\\udcff" else text.encode())
    with pytest.raises(ProjectError) as caught:
        Baseline.read(path)
    assert f"{path}{said}" in str(caught.value)
    assert str(caught.value).endswith("delete the file, and the next run writes it anew")


def test_a_directory_is_no_baseline(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="cannot be read: Is a directory"):
        Baseline.read(tmp_path)
