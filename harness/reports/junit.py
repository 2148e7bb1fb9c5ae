"""Renders JUnit XML: a test suite for each table, a test case for each check.

Decides which outcomes are failures, errors or skipped there; checks that were not tried are one error.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from harness.outcome import STRICT, Gate, Outcome, Status
from harness.reports import words
from harness.reports.run import Run

# Characters that an XML 1.0 document may not contain, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(run: Run, outcomes: Sequence[Outcome], gate: Gate = STRICT) -> str:
    """Returns the document. A broken check is a ``failure``, any other that is not green an ``error``.

    ``type`` is the status. A present check passes, and has the status as a property. A check that the gate knows is
    ``skipped``. Checks that were not tried are one ``error``: else a run that was cancelled early would look green.
    """
    suites: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        suites.setdefault(words.heading(outcome), []).append(outcome)
    left = run.selected - len(outcomes)
    root = ElementTree.Element("testsuites", _counts(run.project, outcomes, gate, left))
    for name, members in suites.items():
        suite = ElementTree.SubElement(root, "testsuite", _counts(name, members, gate))
        properties = ElementTree.SubElement(suite, "properties")
        for key, value in (("server", run.server), ("profile", run.profile), ("seed", str(run.seed))):
            ElementTree.SubElement(properties, "property", name=key, value=_legal(value))
        for outcome in members:
            _case(suite, name, outcome, gate)
    if left > 0:
        suite = ElementTree.SubElement(root, "testsuite", _counts("the run", (), gate, left))
        case = ElementTree.SubElement(suite, "testcase", name="all checks are tried", classname="the run", time="0.000")
        ElementTree.SubElement(case, "error", message=f"{words.counted(left, 'check')} not tried", type="not tried")
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _case(suite: ElementTree.Element, classname: str, outcome: Outcome, gate: Gate) -> None:
    case = ElementTree.SubElement(
        suite,
        "testcase",
        name=_legal(outcome.name),
        classname=_legal(classname),
        file=_legal(outcome.place.path.as_posix()),
        line=str(outcome.place.line or 1),
        time=f"{outcome.seconds:.3f}",
    )
    if outcome.status is Status.PRESENT:
        ElementTree.SubElement(
            ElementTree.SubElement(case, "properties"), "property", name="status", value=outcome.status.value
        )
    if gate.knows(outcome):
        ElementTree.SubElement(case, "skipped", message=f"{outcome.status.value}, as the baseline knows")
        return
    if outcome.status.green:
        if outcome.notes:
            ElementTree.SubElement(case, "system-out").text = _legal("\n".join(outcome.notes))
        return
    first = next(iter(outcome.counterexamples), None)
    message = (
        outcome.reason if outcome.reason or first is None else f"expected: {first.expected}; actual: {first.actual}"
    )
    found = ElementTree.SubElement(
        case,
        "failure" if outcome.status is Status.BROKEN else "error",
        message=_legal(message or ""),
        type=outcome.status.value,
    )
    found.text = _legal(
        "\n".join([f"{outcome.place}: {outcome.label}", *words.lines(outcome), *words.traceback(outcome)])
    )


def _counts(name: str, outcomes: Sequence[Outcome], gate: Gate, left: int = 0) -> dict[str, str]:
    """Returns the attributes of a suite; ``left`` checks that were not tried are one more error."""
    statuses = [outcome.status for outcome in outcomes if not gate.knows(outcome)]
    return {
        "name": _legal(name),
        "tests": str(len(outcomes) + (left > 0)),
        "failures": str(statuses.count(Status.BROKEN)),
        "errors": str(statuses.count(Status.UNRELIABLE) + statuses.count(Status.ERROR) + (left > 0)),
        "skipped": str(len(outcomes) - len(statuses)),
        "time": f"{sum(outcome.seconds for outcome in outcomes):.3f}",
    }


def _legal(text: str) -> str:
    return _FORBIDDEN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)
