"""Checks as items of a pytest run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pytest_plugin import shop
from tests.pytest_plugin.conftest import Run

pytest_plugins = ["pytester"]

ALL = [
    "checks/shop/customers.yml::primary_key id",
    "checks/shop/customers.yml::unique customers_email_key",
    "checks/shop/orders.yml::columns",
    "checks/shop/orders.yml::not_null status",
    "checks/shop/orders.yml::accepted_values chk_status",
    "checks/shop/orders.yml::check chk_amount",
    "checks/shop/orders.yml::foreign_key customer_id",
]


def ids(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if "::" in line]


def between(result: pytest.RunResult, first: str, last: str) -> str:
    """The lines between one that contains ``first`` and the next that contains ``last``."""
    start = next(number for number, line in enumerate(result.outlines) if first in line) + 1
    end = next(number for number in range(start, len(result.outlines)) if last in result.outlines[number])
    return "\n".join(result.outlines[start:end]) + "\n"


def test_a_check_is_an_item(project: Path, run: Run) -> None:
    result = run("--collect-only", "-q")
    assert ids(result) == ALL
    assert result.ret == 0


def test_collecting_starts_no_server(project: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nowhere")
    assert ids(run("--collect-only", "-q")) == ALL


def test_an_item_stands_on_its_line(project: Path, run: Run) -> None:
    shop.write(project, {"conftest.py": "def pytest_runtest_logstart(location): print('at', *location[:2])\n"})
    result = run("-s", "-q", "-k", "chk_amount")
    result.stdout.fnmatch_lines(["*at checks/shop/orders.yml 5"])


def test_all_proved(project: Path, run: Run) -> None:
    result = run()
    result.assert_outcomes(passed=7)
    result.stdout.re_match_lines([r"harness: 7 checks, \d+ probes, \d+ facts; seed 0$"])
    assert not (project / ".harness" / "repro").exists()


def test_a_broken_check(project: Path, run: Run) -> None:
    shop.change(project / "schema/shop/001_tables.up.sql", " constraint chk_amount check (amount > 0)", "")
    result = run()
    result.assert_outcomes(passed=6, failed=1)
    assert between(result, "__ check chk_amount __", "short test summary") == BROKEN
    result.stdout.fnmatch_lines(["FAILED checks/shop/orders.yml::check chk_amount*"])
    script = next((project / ".harness" / "repro").iterdir())
    assert "insert into" in script.read_text(encoding="utf-8")


BROKEN = """\
checks/shop/orders.yml:6: check chk_amount is broken
"""


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
    assert between(result, "__ check chk_amount __", "short test summary") == UNRELIABLE


UNRELIABLE = """\
checks/shop/orders.yml:6: check chk_amount is unreliable
"""


def test_last_failed_and_exitfirst(project: Path, run: Run) -> None:
    shop.change(project / "schema/shop/001_tables.up.sql", "'open', 'paid'", "'open', 'paid', 'void'")
    shop.change(project / "schema/shop/001_tables.up.sql", "amount > 0", "amount > 1")
    run("-x").assert_outcomes(passed=4, failed=1)
    run("--lf").assert_outcomes(failed=1)
    run().assert_outcomes(passed=5, failed=2)
    run("--lf").assert_outcomes(failed=2)


def test_an_item_by_its_id(project: Path, run: Run) -> None:
    run(ALL[5]).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("option", "wanted"),
    [
        (("-k", "chk_status or email"), [ALL[1], ALL[4]]),
        (("-k", "shop.orders and foreign_key"), [ALL[6]]),
        (("-m", "money_first"), [ALL[5]]),
        (("-m", "tag_skip"), [ALL[5]]),
        (("-m", "sales and not columns and not money_first"), [ALL[3], ALL[4], ALL[6]]),
        (("-m", "primary_key"), [ALL[0]]),
        (("-m", "harness"), ALL),
        (("-m", "not harness"), []),
        (("--no-harness",), []),
        (("-p", "no:harness"), []),
    ],
)
def test_choosing(project: Path, run: Run, option: tuple[str, ...], wanted: list[str]) -> None:
    assert ids(run("--collect-only", "-q", "--strict-markers", *option)) == wanted


def test_two_labels_alike(project: Path, run: Run) -> None:
    shop.write(
        project,
        {
            "checks/shop/orders.yml": shop.ORDERS
            + "  - check: amount > -1\n    constraint: chk_amount\n    name: again\n"
        },
    )
    result = run("--collect-only", "-q", "-k", "chk_amount")
    assert ids(result) == [
        "checks/shop/orders.yml::check chk_amount (shop.orders.check.chk_amount)",
        "checks/shop/orders.yml::check chk_amount (again)",
    ]


@pytest.mark.parametrize(
    ("arguments", "environment", "ini", "seed"),
    [
        ((), {}, "", "0"),
        ((), {"CI": "true"}, "", "1"),
        ((), {"CI": "false"}, "", "0"),
        (("--harness-profile", "dev"), {"CI": "true"}, "", "0"),
        ((), {}, "harness_profile = ci", "1"),
        (("--harness-profile", "dev"), {}, "harness_profile = ci", "0"),
        (("--harness-seed", "7", "--hypothesis-seed", "8"), {}, "", "7"),
        (("--hypothesis-seed", "8"), {}, "", "8"),
    ],
)
def test_profile_and_seed(
    project: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    environment: dict[str, str],
    ini: str,
    seed: str,
) -> None:
    shop.write(project, {"pytest.ini": f"[pytest]\n{ini}\n"})
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    result = run("-k", "primary_key", *arguments)
    result.assert_outcomes(passed=1, deselected=6)
    result.stdout.re_match_lines([rf"harness: 1 check, \d+ probes, \d+ facts; seed {seed}$"])


@pytest.mark.parametrize("as_ini", [True, False])
def test_the_target_is_asked_once(project: Path, run: Run, as_ini: bool) -> None:
    dsn = "postgresql://somebody:geheim@127.0.0.1:1/nowhere"
    shop.write(project, {"pytest.ini": f"[pytest]\nharness_target = {dsn if as_ini else 'nonsense'}\n"})
    result = run("-k", "shop.customers", *(() if as_ini else ("--harness-target", dsn)))
    result.assert_outcomes(failed=2, deselected=5)
    result.stdout.fnmatch_lines(["cannot connect to PostgreSQL at 127.0.0.1:1: *", "hint: *"])
    assert "geheim" not in result.stdout.str()
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


def test_workers_share_the_items_and_one_seed(project: Path, run: Run, scratch: Callable[[], set[str]]) -> None:
    shop.change(project / "project.yml", "dev: {scenarios: 3, seed: 0}", "dev: {scenarios: 3}")
    result = run("-n", "2")
    result.assert_outcomes(passed=7)
    result.stdout.re_match_lines([r"harness: 7 checks, \d+ probes, \d+ facts; seed \d+$"])
    assert scratch() == set()


def test_what_failed_in_a_worker_reads_the_same(project: Path, run: Run) -> None:
    shop.change(project / "schema/shop/001_tables.up.sql", " constraint chk_amount check (amount > 0)", "")
    result = run("-n", "2")
    result.assert_outcomes(passed=6, failed=1)
    shown = between(result, "__ check chk_amount __", "short test summary").splitlines()
    assert [line for line in shown if not line.startswith("[gw")] == BROKEN.splitlines()


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
