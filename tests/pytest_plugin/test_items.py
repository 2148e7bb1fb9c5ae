"""Checks as items of a pytest run."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness import pytest_plugin
from tests.proving.planted import SITECUSTOMIZE

from . import shop
from .conftest import Run

pytest_plugins = ["pytester"]

FILES = {
    "customers": ["primary_key id", "not_null email", "unique customers_email_key", "declared"],
    "orders": [
        "columns",
        "default id",
        "not_null customer_id",
        "not_null status",
        "accepted_values status",
        "not_null amount",
        "primary_key id",
        "check chk_amount",
        "foreign_key customer_id",
        "declared",
    ],
}
ALL = [f"checks/shop/{file}.yml::{name}" for file, names in FILES.items() for name in names]
AMOUNT = "checks/shop/orders.yml::check chk_amount"


def collected(pytester: pytest.Pytester, *arguments: str) -> list[str]:
    """The ids of what is left of a collection in this process."""
    hooks = pytester.inline_run("-W", "error", "--strict-markers", "--collect-only", *arguments)
    return [item.nodeid for item in hooks.getcall("pytest_collection_finish").session.items]


def assert_said(result: pytest.RunResult, patterns: list[str]) -> None:
    """All that stands between the heading of the failed check and the summary."""
    lines = result.outlines
    start = next(number for number, line in enumerate(lines) if "__ check chk_amount __" in line) + 1
    end = next(number for number in range(start, len(lines)) if lines[number].startswith("harness: "))
    assert len(lines[start:end]) == len(patterns), lines[start:end]
    for line, pattern in zip(lines[start:end], patterns, strict=True):
        assert re.fullmatch(pattern, line), (line, pattern)


def test_collecting_starts_no_server(project: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_TARGET", "postgresql://nobody@127.0.0.1:1/nowhere")
    result = run("--collect-only", "-q")
    assert result.ret == 0
    assert [line for line in result.outlines if "::" in line] == ALL


def test_an_item_stands_on_its_line(project: Path, run: Run) -> None:
    shop.write(project, {"conftest.py": "def pytest_runtest_logstart(location): print('at', *location[:2])\n"})
    result = run("-s", "-q", "-k", "chk_amount")
    result.stdout.fnmatch_lines(["*at checks/shop/orders.yml 10"])


def test_all_proved(project: Path, run: Run) -> None:
    result = run()
    result.assert_outcomes(passed=14)
    result.stdout.re_match_lines([r"harness: 14 checks \(1 only present\), \d+ probes, \d+ facts; seed 0$"])
    assert not (project / ".harness" / "repro").exists()


def test_a_broken_check(project: Path, run: Run) -> None:
    shop.change(project / "schema/shop/001_tables.up.sql", " constraint chk_amount check (amount > 0)", "")
    result = run()
    result.assert_outcomes(passed=13, failed=1)
    assert_said(result, BROKEN)
    result.stdout.fnmatch_lines(["FAILED checks/shop/orders.yml::check chk_amount*"])
    script = next((project / ".harness" / "repro").iterdir())
    assert "insert into" in script.read_text(encoding="utf-8")


BROKEN = [
    r"checks/shop/orders.yml:11: check chk_amount is broken",
    r"expected: '0' refused by chk_amount \(23514\)",
    r"actual:   accepted",
    r"with:     shop.customers .*",
    r"row:      id='[-0-9a-f]{36}' customer_id='-?[0-9]+' status='(open|paid)' amount='0'",
    r"expected: what the check names is in the database",
    r"actual:   no constraint on shop.orders: chk_amount",
    r"replay:   harness replay shop.orders.check.chk_amount",
]


SCHEMA = "schema/shop/001_tables.up.sql"


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_in_ci_what_failed_is_listed_one_line_a_check(
    project: Path, run: Run, monkeypatch: pytest.MonkeyPatch, workers: tuple[str, ...]
) -> None:
    monkeypatch.setenv("CI", "true")
    shop.change(project / SCHEMA, " constraint chk_amount check (amount > 0)", "")
    shop.change(project / SCHEMA, "'open', 'paid'", "'open', 'paid', 'void'")
    assert sorted(summary(run("--junitxml", "junit.xml", *workers))) == [
        "FAILED checks/shop/orders.yml::accepted_values status"
        " - broken: expected: 'void' refused by chk_status (23514); actual: accepted",
        "FAILED checks/shop/orders.yml::check chk_amount - broken: no constraint on shop.orders: chk_amount",
    ]
    failures = ElementTree.parse(project / "junit.xml").iter("failure")
    assert sorted(str(failure.get("message")) for failure in failures) == [
        "broken: expected: 'void' refused by chk_status (23514); actual: accepted",
        "broken: no constraint on shop.orders: chk_amount",
    ]


def test_the_line_of_a_failure_has_its_place(project: Path, run: Run) -> None:
    shop.change(project / SCHEMA, " constraint chk_amount check (amount > 0)", "")
    result = run("-k", "chk_amount", "--tb=line")
    assert "checks/shop/orders.yml:11: broken: no constraint on shop.orders: chk_amount" in result.outlines


def test_in_ci_a_server_that_is_not_there_is_one_line_a_check(
    project: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    (line,) = summary(run("-k", "unique", "--harness-target", "embeded"))
    assert line == (
        "FAILED checks/shop/customers.yml::unique customers_email_key - "
        "no target 'embeded', which --target names; did you mean 'embedded'?"
    )


def summary(result: pytest.RunResult) -> list[str]:
    """The lines between the last two rules, in the order of the alphabet: workers end in any."""
    start = next(number for number, line in enumerate(result.outlines) if "short test summary info" in line) + 1
    return sorted(result.outlines[start:-1])


def test_the_script_goes_when_the_check_is_proved_again(project: Path, run: Run) -> None:
    schema = project / "schema/shop/001_tables.up.sql"
    shop.change(schema, "amount > 0", "amount > 1")
    run("-k", "chk_amount").assert_outcomes(failed=1)
    shop.change(schema, "amount > 1", "amount > 0")
    run("-k", "chk_amount").assert_outcomes(passed=1)
    assert list((project / ".harness" / "repro").iterdir()) == []


def test_an_unreliable_check_fails(project: Path, run: Run) -> None:
    shop.change(
        project / "schema/shop/001_tables.up.sql",
        "check (amount > 0)",
        "check (amount > 0) constraint chk_a check (amount >= 10)",
    )
    shop.change(
        project / "checks/shop/orders.yml",
        "  - foreign_key",
        "  - check: amount >= 10\n    constraint: chk_a\n  - foreign_key",
    )
    result = run("-k", "chk_amount")
    result.assert_outcomes(failed=1)
    assert_said(result, UNRELIABLE)


UNRELIABLE = [
    r"checks/shop/orders.yml:11: check chk_amount is unreliable",
    r"reason:   no values of amount found that break amount > 0 and keep the other rules; .*",
]


def test_a_bug_of_ours_fails_one_item_and_says_what_to_report(project: Path, run: Run) -> None:
    shop.write(project, {"conftest.py": SITECUSTOMIZE})
    result = run()
    result.assert_outcomes(passed=len(ALL) - 1, failed=1)
    shown = result.stdout.str()
    assert re.search(
        r"\nchecks/shop/orders\.yml:11: check chk_amount ended with an error\n"
        r"reason:   KeyError: 'planted', at harness/proving/prover\.py:\d+: this is a bug in harness\n"
        r"report:   please, with what this shows: harness --debug test --select shop\.orders\.check\.chk_amount .*\n"
        r"Traceback \(most recent call last\):\n",
        shown,
    ), shown


def test_last_failed_and_exitfirst(project: Path, run: Run) -> None:
    shop.change(project / "schema/shop/001_tables.up.sql", "'open', 'paid'", "'open', 'paid', 'void'")
    shop.change(project / "schema/shop/001_tables.up.sql", "amount > 0", "amount > 1")
    run("-x").assert_outcomes(passed=8, failed=1)
    run("--lf").assert_outcomes(failed=1)


def test_an_item_by_its_id(project: Path, run: Run) -> None:
    run(AMOUNT).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        (("-k", "accepted_values or email"), [ALL[1], ALL[2], ALL[8]]),
        (("-k", "shop.orders and foreign_key"), [ALL[12]]),
        (("-m", "money_first"), [AMOUNT]),
        (("-m", "tag_skip"), [AMOUNT]),
        (("-m", "sales and not columns and not money_first and not not_null"), [ALL[5], ALL[8], ALL[10], *ALL[12:]]),
        (("-m", "primary_key"), [ALL[0], ALL[10]]),
        (("-m", "harness"), ALL),
        (("-m", "not harness"), []),
        (("--no-harness",), []),
        (("-p", "no:harness"), []),
    ],
)
def test_choosing(project: Path, pytester: pytest.Pytester, option: tuple[str, ...], expected: list[str]) -> None:
    assert collected(pytester, *option) == expected


def test_two_labels_alike(project: Path, pytester: pytest.Pytester) -> None:
    shop.write(
        project,
        {
            "checks/shop/orders.yml": shop.ORDERS
            + "  - check: amount > -1\n    constraint: chk_amount\n    name: again\n"
        },
    )
    assert collected(pytester, "-k", "chk_amount") == [
        "checks/shop/orders.yml::check chk_amount (shop.orders.check.chk_amount)",
        "checks/shop/orders.yml::check chk_amount (again)",
    ]


@pytest.mark.parametrize(
    ("arguments", "environment", "ini", "expected"),
    [
        ((), {}, "", (None, "dev", None)),
        ((), {"CI": "true"}, "", (None, "ci", None)),
        ((), {"CI": "false"}, "", (None, "dev", None)),
        (("--harness-profile", "dev"), {"CI": "true"}, "", (None, "dev", None)),
        ((), {}, "harness_profile = ci\nharness_target = system", ("system", "ci", None)),
        (
            ("--harness-profile", "dev", "--harness-target", "embedded"),
            {},
            "harness_profile = ci\nharness_target = system",
            ("embedded", "dev", None),
        ),
        (("--harness-seed", "0", "--hypothesis-seed", "8"), {}, "", (None, "dev", 0)),
        (("--hypothesis-seed", "8"), {}, "", (None, "dev", 8)),
        (("--hypothesis-seed", "random"), {}, "", (None, "dev", None)),
    ],
)
def test_option_before_ini_before_project(
    project: Path,
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    environment: dict[str, str],
    ini: str,
    expected: tuple[str | None, str, int | None],
) -> None:
    shop.write(project, {"pytest.ini": f"[pytest]\n{ini}\n"})
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    options = pytest_plugin._options(pytester.parseconfig(*arguments))
    assert (options.target, options.profile, options.seed) == expected


def test_a_seed_repeats_the_run(project: Path, run: Run) -> None:
    shop.change(project / "project.yml", "dev: {scenarios: 3, seed: 0}", "dev: {scenarios: 3}")
    runs = [run("-k", "chk_amount", "--harness-seed", "7") for _ in range(2)]
    first, again = [next(line for line in each.outlines if line.startswith("harness:")) for each in runs]
    assert first == again
    assert first.endswith("; seed 7")


@pytest.mark.parametrize("as_ini", [True, False])
def test_the_target_is_asked_once(project: Path, run: Run, as_ini: bool) -> None:
    dsn = "postgresql://somebody:geheim@127.0.0.1:1/nowhere"
    shop.write(project, {"pytest.ini": f"[pytest]\nharness_target = {dsn if as_ini else 'nonsense'}\n"})
    result = run("-k", "shop.customers", *(() if as_ini else ("--harness-target", dsn)))
    result.assert_outcomes(failed=4, deselected=10)
    result.stdout.fnmatch_lines(["cannot connect to PostgreSQL at 127.0.0.1:1: *", "hint: *"])
    assert "geheim" not in result.stdout.str()
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


def test_workers_share_the_items_and_one_seed(project: Path, run: Run, scratch: Callable[[], set[str]]) -> None:
    shop.change(project / "project.yml", "dev: {scenarios: 3, seed: 0}", "dev: {scenarios: 3}")
    shop.change(project / "schema/shop/001_tables.up.sql", " constraint chk_amount check (amount > 0)", "")
    result = run("-n", "2")
    result.assert_outcomes(passed=13, failed=1)
    result.stdout.re_match_lines([r"harness: 14 checks \(1 only present\), \d+ probes, \d+ facts; seed \d+$"])
    assert_said(result, [r"\[gw\d\] .*", *BROKEN])
    assert scratch() == set()


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_seeds_that_the_schema_refuses_are_told_and_the_run_is_not_green(
    project: Path, run: Run, workers: tuple[str, ...]
) -> None:
    shop.write(
        project,
        {
            "seeds/shop/customers.csv": shop.SEEDS + "3,ada@example.org\n",
            "tests/test_own.py": "def test_own(harness_database): pass\n",
        },
    )
    result = run("checks", "-k", "shop.customers", *workers)
    result.assert_outcomes(passed=4, deselected=0 if workers else 10)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    said = "harness: seeds/shop/customers.csv:4: seeds customers.csv is broken"
    assert result.outlines.count(said) == 1
    result.stdout.fnmatch_lines(["actual:   refused by customers_email_key (23505)"])
    # A test of one's own would miss them.
    own = run("tests")
    own.assert_outcomes(errors=1)
    own.stdout.fnmatch_lines(["seeds/shop/customers.csv:4: refused by customers_email_key (23505), so the *"])


def test_an_interrupt_leaves_nothing(project: Path, run: Run, scratch: Callable[[], set[str]]) -> None:
    conftest = """
        def pytest_runtest_logreport(report):
            if report.when == "call":
                raise KeyboardInterrupt
        """
    shop.write(project, {"conftest.py": conftest})
    result = run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert scratch() == set()
