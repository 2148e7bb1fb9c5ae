"""What is wrong with a project, and what is none of the plugin's business."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from . import shop
from .conftest import Run

pytest_plugins = ["pytester"]

HEAVY = ("psycopg", "hypothesis", "yaml", "postgast", "click", "rich", "sqlfluff")


def said(result: pytest.RunResult) -> str:
    """All that stands under ``ERRORS``."""
    lines = result.outlines
    start = next(number for number, line in enumerate(lines) if " ERRORS " in line) + 1
    end = next(number for number in range(start, len(lines)) if "short test summary" in lines[number])
    return "\n".join(line for line in lines[start:end] if not line.startswith("[gw"))


def headed(*errors: tuple[str, str]) -> str:
    return "\n".join(f"{f' ERROR collecting {file} ':_^80}\n{text}" for file, text in errors)


SLIP = "checks/shop/orders.yml:11:5: unknown kind 'chek'; did you mean 'check'?\nhint: kinds: "


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_a_slip_in_a_file(project: Path, run: Run, workers: tuple[str, ...]) -> None:
    shop.change(project / "checks/shop/orders.yml", "check: amount", "chek: amount")
    result = run(*workers)
    assert result.ret == pytest.ExitCode.INTERRUPTED if not workers else result.ret != 0
    assert said(result).startswith(headed(("checks/shop/orders.yml", SLIP)))
    assert "Traceback" not in result.stdout.str()
    assert any(line.startswith("ERROR checks/shop/orders.yml - checks/shop") for line in result.outlines)


def test_a_slip_elsewhere_stops_what_needs_it(project: Path, run: Run) -> None:
    shop.change(project / "checks/shop/orders.yml", "check: amount", "chek: amount")
    result = run("checks/shop/customers.yml")
    result.assert_outcomes(failed=4)
    result.stdout.fnmatch_lines(["*__ primary_key id __*", SLIP.splitlines()[0].replace("?", "[?]"), "hint: kinds: *"])
    assert "Traceback" not in result.stdout.str()


def test_two_files_with_a_check_of_one_name(project: Path, run: Run) -> None:
    (project / "checks/shop/more.yml").write_text(shop.CUSTOMERS, encoding="utf-8")
    assert said(run()) == headed(
        (
            "checks/shop/more.yml",
            "checks/shop/more.yml:3:5: a second check of the name 'shop.customers.primary_key.id', "
            "the first is checks/shop/customers.yml:3:5\n"
            "hint: remove one of them, or give one a name of its own with the key 'name'",
        )
    )


def test_a_fault_of_the_project_is_said_once(project: Path, run: Run) -> None:
    shop.change(project / "project.yml", "modules:", "moduls:")
    shown = said(run())
    assert shown.startswith(headed(("checks/shop/customers.yml", "project.yml:2:1: unknown key 'moduls'")))
    assert shown.count("ERROR collecting") == 1


def test_an_unknown_profile(project: Path, run: Run) -> None:
    assert said(run("--harness-profile", "nigthly")) == headed(
        (
            "checks/shop/customers.yml",
            "no profile 'nigthly'; did you mean 'nightly'?\nhint: profiles: dev, ci, nightly",
        )
    )


def test_a_migration_that_fails(project: Path, run: Run) -> None:
    shop.change(project / "schema/shop/001_tables.up.sql", "note        text", "note        txt")
    result = run("checks/shop/customers.yml")
    result.assert_outcomes(failed=4)
    result.stdout.fnmatch_lines(['schema/shop/001_tables.up.sql:11:15: type "txt" does not exist*'])
    assert "Traceback" not in result.stdout.str()


def test_other_yaml_is_left_alone(project: Path, run: Run) -> None:
    """Beside the checks of a project, and beside a ``project.yml`` that belongs to somebody else."""
    shop.write(
        project,
        {
            "tests/data.yml": "\t- no: yaml",
            "tests/test_one.py": "def test_one(): pass\n",
            "other/project.yml": "\t- no: yaml",
            "other/data.yaml": "\t- no: yaml",
            "other/test_two.py": "def test_two(): pass\n",
        },
    )
    result = run("tests", "other")
    result.assert_outcomes(passed=2)
    assert "harness:" not in result.stdout.str()


def test_checks_in_a_directory_of_another_name(project: Path, run: Run) -> None:
    shop.change(project / "project.yml", "name: shop", "name: shop\npaths: {checks: rules}")
    (project / "checks").rename(project / "rules")
    shop.write(project, {"checks/data.yml": "\t- no: yaml"})
    run().assert_outcomes(passed=14)
    shop.change(project / "rules/shop/orders.yml", "check: amount", "chek: amount")
    assert said(run()).startswith(headed(("rules/shop/orders.yml", SLIP.replace("checks/", "rules/"))))


def test_a_project_below_the_directory(project: Path, pytester: pytest.Pytester, run: Run) -> None:
    below = project / "services" / "shop"
    shop.build(below)
    (project / "project.yml").unlink()
    result = run("services")
    result.assert_outcomes(passed=14)
    result.stdout.fnmatch_lines(["services/shop/checks/shop/customers.yml .... *"])


def test_importing_the_plugin_is_cheap() -> None:
    code = f"import sys, harness.pytest_plugin; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_run_without_a_project_stays_cheap(pytester: pytest.Pytester, run: Run) -> None:
    shop.write(
        pytester.path,
        {
            "data.yml": "a: b\n",
            "test_one.py": f"""
                import sys
                def test_one(): assert [name for name in {HEAVY} if name in sys.modules] == []
                """,
        },
    )
    run().assert_outcomes(passed=1)
