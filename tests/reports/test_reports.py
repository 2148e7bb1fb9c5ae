"""Reports of planted outcomes, to the letter; and of any text at all, still well-formed."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from harness.errors import Place, shortened
from harness.outcome import THERE, Counterexample, Outcome, Status
from harness.reports import closing, junit, scripts, words
from harness.reports import json as json_report
from harness.reports.run import Run
from harness.reports.terminal import Terminal

RUN = Run("demo", "embedded PostgreSQL 18.6", "dev", 5, 123, 6)
PROVED = Outcome(
    name="shop.orders.check.total",
    kind="check",
    subject="total",
    module="shop",
    table="shop.orders",
    place=Place(Path("checks/shop/orders.yml"), 7, 5),
    status=Status.PROVED,
    probes=1280,
    seconds=0.25,
)
FACTS = replace(PROVED, name="shop.rollback.all", kind="rollback", subject="all", table=None, probes=0, facts=1)
PRESENT = replace(
    PROVED, name="shop.orders.columns", kind="columns", subject="", status=Status.PRESENT, probes=0, facts=4
)
EXAMPLE = Counterexample(
    expected="'whim' refused by chk_status (23514)",
    actual="accepted",
    rows=(
        ("shop.customers", {"id": "1", "note": None}),
        ("shop.orders", {"id": "2", "status": "it's", "text": "x" * 61, "note": None}),
    ),
    script="begin;\nrollback;\n",
)
BROKEN = replace(
    PROVED,
    name="shop.orders.accepted_values.status",
    kind="accepted_values",
    subject="status",
    status=Status.BROKEN,
    probes=64,
    counterexamples=(EXAMPLE, Counterexample("an index", "none")),
)
UNRELIABLE = replace(
    PROVED,
    name="shop.orders.row_security.a user sees their own orders, and nobody else's",
    kind="row_security",
    subject="a user sees their own orders, and nobody else's",
    status=Status.UNRELIABLE,
    probes=0,
    reason="no scenario could be built",
)
ERROR = replace(
    PROVED,
    name="shop.orders.unique.number",
    kind="unique",
    subject="number",
    status=Status.ERROR,
    probes=3,
    reason="KeyError: 'number', at harness/kinds/unique.py:12: this is a bug in harness",
    counterexamples=(Counterexample("an index", "none"),),
    again="harness --debug test --select shop.orders.unique.number --seed 123",
    traceback="Traceback (most recent call last):\n  File \"x\", line 12\x1b[2J\nKeyError: 'number'\n",
)
OUTCOMES = [FACTS, PRESENT, PROVED, BROKEN, UNRELIABLE]

TERMINAL = f"""\
heading

shop
  proved   rollback all                                             1 fact

shop.orders
  present  columns                                                 4 facts
  proved   check total                                        1,280 probes
  BROKEN   accepted_values status                 checks/shop/orders.yml:7
          expected: 'whim' refused by chk_status (23514)
          actual:   accepted
          with:     shop.customers id='1'
          row:      id='2' status='it''s' text='{"x" * 60}…' (61 characters)
          expected: an index
          actual:   none
          replay:   harness replay shop.orders.accepted_values.status
  UNRELIABLE  row_security a user sees their own orders, and nobody else's  checks/shop/orders.yml:7
          reason:   no scenario could be built

broken: expected: an index; actual: none
  shop.orders.accepted_values.status  checks/shop/orders.yml:7

unreliable: no scenario could be built
  shop.orders.row_security.a user sees their own orders, and nobody else's  checks/shop/orders.yml:7

read on: harness explain accepted_values
what to do, reason by reason: {closing.documentation()}/how-to/unreliable.md

2 proved, 1 present, 1 broken, 1 unreliable; 1,344 probes and 5 facts in 2.0 s (672 probes/s)
1 not tried: --fail-fast
repeat with: harness test
"""


def shown(
    outcomes: list[Outcome],
    run: Run = RUN,
    *,
    terminal: bool = False,
    quiet: bool = False,
    tracebacks: bool = False,
) -> str:
    file = io.StringIO()
    console = Console(file=file, width=40, force_terminal=terminal, color_system="standard" if terminal else None)
    report = Terminal(console, run, quiet=quiet, tracebacks=tracebacks)
    report.begin("heading")
    for outcome in outcomes:
        report.add(outcome)
    report.end(outcomes, 2.0, "harness test")
    return file.getvalue()


def test_terminal() -> None:
    assert shown(OUTCOMES) == TERMINAL


def test_quiet_says_nothing_of_what_is_green() -> None:
    lines = TERMINAL.splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(("  proved", "  present"))]
    assert shown(OUTCOMES, quiet=True) == "".join(kept).replace("\nshop\n\n", "\n")
    assert shown([PROVED, FACTS, PRESENT], replace(RUN, selected=3), quiet=True).splitlines()[:2] == ["heading", ""]


def test_what_is_not_green_is_listed_by_reason_in_the_files_order() -> None:
    other = replace(BROKEN, name="shop.orders.check.z", counterexamples=(Counterexample("w", "refused by x (23514)"),))
    late = replace(BROKEN, name="shop.orders.check.late", place=Place(Path("checks/shop/late.yml"), 1))
    wordy = replace(UNRELIABLE, name="shop.wordy", reason="long\n" * 80)
    error = replace(BROKEN, name="shop.error", status=Status.ERROR, reason="KeyError: 'x'")
    assert closing.groups([error, UNRELIABLE, other, PROVED, BROKEN, wordy, late]) == [
        (
            Status.BROKEN,
            "broken: expected: w; actual: refused by x (23514)",
            ["shop.orders.check.z  checks/shop/orders.yml:7"],
        ),
        (
            Status.BROKEN,
            "broken: expected: an index; actual: none",
            [
                "shop.orders.accepted_values.status  checks/shop/orders.yml:7",
                "shop.orders.check.late  checks/shop/late.yml:1",
            ],
        ),
        (
            Status.UNRELIABLE,
            "unreliable: no scenario could be built",
            [f"{UNRELIABLE.name}  checks/shop/orders.yml:7"],
        ),
        (
            Status.UNRELIABLE,
            f"unreliable: {shortened('long ' * 80, closing.REASON)}",
            ["shop.wordy  checks/shop/orders.yml:7"],
        ),
        (Status.ERROR, "error: KeyError: 'x'", ["shop.error  checks/shop/orders.yml:7"]),
    ]


def test_a_run_that_is_broken_off_says_what_is_left_and_how_to_go_on() -> None:
    file = io.StringIO()
    report = Terminal(Console(file=file), RUN)
    report.broken_off([PROVED], 2.0, "interrupted", "go on with: harness test --resume")
    assert file.getvalue().splitlines()[-3:] == [
        "1 proved, 0 present, 0 broken, 0 unreliable; 1,280 probes and 0 facts in 2.0 s (640 probes/s)",
        "5 not tried: interrupted",
        "go on with: harness test --resume",
    ]


def test_terminal_colours_the_verdicts() -> None:
    text = shown(OUTCOMES, terminal=True)
    assert "\x1b[32mproved\x1b[0m" in text
    assert "\x1b[36mpresent\x1b[0m" in text
    assert "\x1b[1;31mBROKEN\x1b[0m" in text


def test_colours_are_the_only_controls() -> None:
    run = replace(RUN, project="shop")
    file = io.StringIO()
    report = Terminal(Console(file=file, force_terminal=True, color_system="standard"), run)
    report.begin("server \x1b[2J, shop")
    report.add(replace(OUTCOMES[0], subject="\x1b[8m\r"))
    report.end([], 2.0, "harness test --select '\x1b]0;x\x07'")
    said = re.sub(r"\x1b\[[\d;]*m|\x1b\[\?25[lh]|\x1b\[2K|\x1b\[1A|\r", "", file.getvalue())
    assert "server \\x1b[2J, shop" in said
    assert "\\x1b[8m" in said
    assert "--select '\\x1b]0;x" in said
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", said)


ERROR_LINES = """\
  ERROR    unique number                          checks/shop/orders.yml:7
          reason:   KeyError: 'number', at harness/kinds/unique.py:12: this is a bug in harness
          report:   please, with what this shows: harness --debug test --select shop.orders.unique.number --seed 123
          expected: an index
          actual:   none
"""
TRACEBACK_LINES = """\
          Traceback (most recent call last):
            File "x", line 12\\x1b[2J
          KeyError: 'number'
"""
ERROR_TOTALS = (
    "1 proved, 0 present, 0 broken, 0 unreliable, 1 error; 1,283 probes and 0 facts in 2.0 s (642 probes/s)\n"
)


def test_terminal_shows_what_to_report_of_an_error() -> None:
    text = shown([ERROR, PROVED])
    assert f"\nshop.orders\n{ERROR_LINES}  proved   " in text
    assert ERROR_TOTALS in text
    assert f"{ERROR_LINES}{TRACEBACK_LINES}  proved   " in shown([ERROR, PROVED], tracebacks=True)


def test_machines_tell_an_error_from_what_is_unreliable() -> None:
    root = ElementTree.fromstring(junit.render(replace(RUN, selected=3), [UNRELIABLE, ERROR, PROVED]))
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("3", "0", "2")
    errors = list(root.iter("error"))
    assert [each.get("type") for each in errors] == ["unreliable", "error"]
    assert errors[1].get("message") == ERROR.reason
    assert "KeyError: 'number'" in (errors[1].text or "").splitlines()
    document = json.loads(json_report.render(RUN, [UNRELIABLE, ERROR, PROVED], 1.0))
    totals = {key: document["totals"][key] for key in ("proved", "broken", "unreliable", "error")}
    assert totals == {"proved": 1, "broken": 0, "unreliable": 1, "error": 1}
    unreliable, error, proved = document["checks"]
    assert [check["status"] for check in (unreliable, error, proved)] == ["unreliable", "error", "proved"]
    assert (error["reason"], error["again"], error["traceback"]) == (ERROR.reason, ERROR.again, ERROR.traceback)
    assert "traceback" not in unreliable and "again" not in proved


def test_only_so_many_counterexamples() -> None:
    many = replace(BROKEN, counterexamples=tuple(Counterexample(f"{n}", "x") for n in range(7)))
    assert words.lines(many) == [
        line for n in range(5) for line in (f"expected: {n}", "actual:   x")
    ] + ["… and 2 more: 5, 6"]  # fmt: skip


def test_only_so_many_neighbours() -> None:
    rows: list[tuple[str, dict[str, str | None]]] = [("shop.customers", {"id": str(n)}) for n in range(13)]
    lines = words.lines(replace(BROKEN, counterexamples=(Counterexample("w", "c", tuple(rows)),)))
    assert lines[2] == "with:     shop.customers id='0'"
    assert lines[-2:] == ["with:     2 more rows", "row:      shop.customers id='12'"]


def test_of_a_wide_row_the_columns_that_the_failure_names() -> None:
    wide: dict[str, str | None] = {f"column_{n}": "x" * 20 for n in range(10)}
    example = Counterexample("column_7 = null refused", "accepted", (("shop.customers", wide), ("shop.orders", wide)))
    lines = words.lines(replace(BROKEN, subject="column_8", counterexamples=(example,)))
    shown = " ".join(f"column_{n}='{'x' * 20}'" for n in (0, 7, 8))
    assert lines[2:4] == [
        f"with:     shop.customers {shown} … and 7 more columns",
        f"row:      {shown} … and 7 more columns",
    ]
    document = json.loads(json_report.render(RUN, [replace(BROKEN, counterexamples=(example,))], 1.0))
    assert document["checks"][0]["counterexamples"][0]["rows"][1]["values"] == wide


def test_the_columns_that_a_rule_names() -> None:
    wide: dict[str, str | None] = {f"column_{n}": "x" * 20 for n in range(10)} | {"ended": None, "gone": None}
    example = Counterexample("w", "c", (("shop.customers", wide), ("shop.orders", wide)), columns=("column_9", "ended"))
    lines = words.lines(replace(BROKEN, subject="", counterexamples=(example,)))
    others = " ".join(f"column_{n}='{'x' * 20}'" for n in range(3))
    assert lines[2] == f"with:     shop.customers {others} … and 7 more columns"
    assert lines[3].startswith("row:      ")
    assert " column_9='" in lines[3]
    assert " ended=null … and " in lines[3]
    assert "gone" not in lines[3]


def test_what_the_catalog_lacks_is_told_once() -> None:
    lacking = tuple(
        replace(BROKEN, name=f"shop.orders.check.{n}", counterexamples=(Counterexample(THERE, "no table shop.orders"),))
        for n in range(12)
    )
    printed = shown([*lacking]).splitlines()
    assert printed.count("          actual:   no table shop.orders") == 1
    assert [line for line in printed if line.startswith("  … and ")] == ["  … and 2 more"]
    assert not [line for line in printed if line.startswith("read on:")]


def test_steps_of_two_sessions() -> None:
    long = f"2 B: update t set a = '{'x' * 200}' where id = '1' → waits for A"
    raced = Counterexample("w", "c", script="-- by hand", steps=("1 A: begin", long, "3 A: commit"))
    broken = replace(BROKEN, counterexamples=(raced,))
    assert words.lines(broken) == [
        "expected: w",
        "actual:   c",
        "steps:    1 A: begin",
        f"          2 B: update t set a = '{'x' * 57} … {'x' * 50}' where id = '1' → waits for A",
        "          3 A: commit",
        "replay:   by hand in two sessions: .harness/repro/shop.orders.accepted_values.status.sql",
    ]
    document = json.loads(json_report.render(RUN, [broken], 1.0))
    assert document["checks"][0]["counterexamples"][0]["steps"] == ["1 A: begin", long, "3 A: commit"]


def test_where_the_text_of_a_shared_check_stands() -> None:
    shared = Place(Path("project.yml"), 12, 9)
    broken, unreliable = (replace(each, shared=shared) for each in (BROKEN, UNRELIABLE))
    for each in (broken, unreliable):
        assert "shared:   project.yml:12:9" in words.lines(each)
    assert words.lines(replace(PROVED, shared=shared)) == []
    found = json.loads(json_report.render(RUN, [broken, PROVED], 1.0))["checks"]
    assert found[0]["shared"] == {"path": "project.yml", "line": 12, "column": 9}
    assert "shared" not in found[1]


def test_nothing_in_a_value_moves_the_cursor() -> None:
    rows = (("shop.orders", {"note": "a  b\n\x1b[2J\u202e", "gone": None}),)
    lines = words.lines(replace(BROKEN, counterexamples=(Counterexample("two\nlines", "\x07", rows),)))
    assert lines == ["expected: two lines", r"actual:   \x07", r"row:      note='a  b\n\x1b[2J\u202e'"]


def test_junit() -> None:
    root = ElementTree.fromstring(junit.render(RUN, OUTCOMES))
    assert root.attrib == {
        "name": "demo",
        "tests": "6",
        "failures": "1",
        "errors": "2",
        "skipped": "0",
        "time": "1.250",
    }
    assert [(suite.get("name"), suite.get("tests")) for suite in root] == [
        ("shop", "1"),
        ("shop.orders", "4"),
        ("the run", "1"),
    ]
    (untried,) = root[2].iter("error")
    assert untried.get("message") == "1 check not tried"
    properties = {each.get("name"): each.get("value") for each in root[0].iter("property")}
    assert properties == {"server": "embedded PostgreSQL 18.6", "profile": "dev", "seed": "123"}
    cases = list(root.iter("testcase"))
    assert cases[2].attrib == {
        "name": "shop.orders.check.total",
        "classname": "shop.orders",
        "file": "checks/shop/orders.yml",
        "line": "7",
        "time": "0.250",
    }
    assert [[child.tag for child in case] for case in cases] == [
        [],
        ["properties"],
        [],
        ["failure"],
        ["error"],
        ["error"],
    ]
    assert [each.attrib for each in cases[1][0]] == [{"name": "status", "value": "present"}]
    failure, error = cases[3][0], cases[4][0]
    assert failure.attrib == {
        "message": "expected: 'whim' refused by chk_status (23514); actual: accepted",
        "type": "broken",
    }
    assert (failure.text or "").splitlines()[:2] == [
        "checks/shop/orders.yml:7:5: accepted_values status",
        "expected: 'whim' refused by chk_status (23514)",
    ]
    assert error.attrib == {"message": "no scenario could be built", "type": "unreliable"}


def test_json() -> None:
    document = json.loads(json_report.render(RUN, OUTCOMES, 2.0))
    checks = document.pop("checks")
    assert document == {
        "version": 3,
        "project": "demo",
        "server": "embedded PostgreSQL 18.6",
        "profile": {"name": "dev", "scenarios": 5},
        "seed": 123,
        "totals": {
            "proved": 2,
            "present": 1,
            "broken": 1,
            "unreliable": 1,
            "error": 0,
            "known": 0,
            "not_tried": 1,
            "probes": 1344,
            "sequences": 0,
            "facts": 5,
            "seconds": 2.0,
        },
    }
    assert checks[3] == {
        "name": "shop.orders.accepted_values.status",
        "kind": "accepted_values",
        "subject": "status",
        "module": "shop",
        "table": "shop.orders",
        "place": {"path": "checks/shop/orders.yml", "line": 7, "column": 5},
        "status": "broken",
        "probes": 64,
        "sequences": 0,
        "facts": 0,
        "seconds": 0.25,
        "reason": None,
        "notes": [],
        "counterexamples": [
            {
                "expected": "'whim' refused by chk_status (23514)",
                "actual": "accepted",
                "rows": [
                    {"table": "shop.customers", "values": {"id": "1", "note": None}},
                    {
                        "table": "shop.orders",
                        "values": {"id": "2", "status": "it's", "text": "x" * 61, "note": None},
                    },
                ],
            },
            {"expected": "an index", "actual": "none", "rows": []},
        ],
        "replay": ".harness/repro/shop.orders.accepted_values.status.sql",
    }
    assert [check["replay"] for check in checks] == [None, None, None, checks[3]["replay"], None]


def test_what_was_not_tried_is_noted() -> None:
    noted = replace(PROVED, notes=("not tried: app.report()", "not tried: " + "x" * 400))
    lines = [line.strip() for line in shown([noted]).splitlines() if "note:" in line]
    assert lines == ["note:     not tried: app.report()", f"note:     not tried: {'x' * 389} …"]
    assert shown([noted, replace(noted, name="other")]).count("note:") == 2, "each once"
    assert "note:" not in shown([noted], quiet=True)
    assert json.loads(json_report.render(RUN, [noted], 1.0))["checks"][0]["notes"] == list(noted.notes)
    (case,) = ElementTree.fromstring(junit.render(replace(RUN, selected=1), [noted])).iter("testcase")
    assert [(each.tag, each.text) for each in case] == [("system-out", "\n".join(noted.notes))]


anything = st.text(st.characters(codec=None))


@given(expected=anything, actual=anything, column=anything, value=anything, name=anything)
def test_any_text_makes_a_whole_report(expected: str, actual: str, column: str, value: str, name: str) -> None:
    example = Counterexample(expected, actual, ((name, {column: value}),), script="x")
    outcomes = [
        replace(BROKEN, name=name, table=name, counterexamples=(example,)),
        replace(UNRELIABLE, name=name, table=name, reason=expected),
    ]
    root = ElementTree.fromstring(junit.render(replace(RUN, selected=2), outcomes).encode())
    assert [len(case) for case in root.iter("testcase")] == [1, 1]
    document = json.loads(json_report.render(RUN, outcomes, 1.0))
    assert document["checks"][0]["counterexamples"] == [
        {"expected": expected, "actual": actual, "rows": [{"table": name, "values": {column: value}}]}
    ]
    written = shown(outcomes)
    assert not [each for each in written if each != "\n" and ord(each) < 32]
    # One line each: the lines of the plain report do not depend on what the values hold.
    assert len(written.split("\n")) == len(shown([BROKEN_PLAIN, replace(UNRELIABLE, table="t")]).split("\n"))


BROKEN_PLAIN = replace(BROKEN, table="t", counterexamples=(Counterexample("w", "c", (("t", {"c": "v"}),), script="x"),))


NAMES = st.one_of(
    st.text('aAbB.-_ /\\:*?"<>|\n', max_size=4),
    st.sampled_from(["con", "CON", "con.x", "nul", "com1", "a-01234567", "." * 9, "ä", "a" * 300, "a" * 299 + "b"]),
    anything,
)


@given(NAMES, NAMES)
def test_two_names_never_share_a_file(one: str, other: str) -> None:
    for name in (one, other):
        file = scripts.file_name(name)
        stem = file.partition(".")[0]
        assert set(file) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-")
        assert len(file) < 140 and not file.startswith((".", "-"))
        assert stem not in ("con", "prn", "aux", "nul", "com1", "lpt1")
    assert (scripts.file_name(one) == scripts.file_name(other)) == (one == other)


def test_the_name_of_a_plain_check_is_its_file() -> None:
    assert scripts.file_name("shop.orders.check.total") == "shop.orders.check.total.sql"


def test_scripts_come_and_go(tmp_path: Path) -> None:
    scripts.keep(tmp_path, BROKEN)
    file = tmp_path / ".harness/repro/shop.orders.accepted_values.status.sql"
    assert file.read_text() == "begin;\nrollback;\n"
    scripts.keep(tmp_path, replace(BROKEN, status=Status.UNRELIABLE, counterexamples=()))
    scripts.keep(tmp_path, replace(BROKEN, status=Status.ERROR, counterexamples=()))
    assert file.exists()
    scripts.keep(tmp_path, replace(BROKEN, status=Status.PROVED, counterexamples=()))
    assert list(file.parent.iterdir()) == []


def test_what_words_make_visible() -> None:
    assert words.visible("a\x1b[31mb\r\n\tc\x9b2J\x07\u202e") == "a\\x1b[31mb\\r\n\tc\\x9b2J\\x07\\u202e"
    assert words.visible("grün, 東京, 👩‍🚀, a\u00a0b") == "grün, 東京, 👩‍🚀, a\u00a0b"
