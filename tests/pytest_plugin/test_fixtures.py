"""Fixtures for tests that people write themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from . import shop
from .conftest import Run

pytest_plugins = ["pytester"]

OWN = """
    import harness
    import psycopg
    import pytest
    from hypothesis import given

    orders = harness.rows("shop.orders", status="open")

    @pytest.mark.parametrize("turn", [1, 2])
    def test_undone(harness_database, turn):
        assert harness_database.execute("select count(*) from shop.customers").fetchone() == (2,)
        harness_database.execute("insert into shop.customers values (3, 'cy@example.org')")

    def test_closed_by_the_test(harness_database):
        harness_database.close()

    def test_lost(harness_transaction):
        with pytest.raises(psycopg.OperationalError), harness_transaction() as connection:
            connection.execute("select pg_terminate_backend(pg_backend_pid())")

    def test_no_commit(harness_database):
        with pytest.raises(psycopg.ProgrammingError):
            harness_database.commit()

    def test_project(harness_project):
        assert harness_project.name == "shop"

    @given(order=orders)
    def test_delete_cascades(harness_transaction, order):
        with harness_transaction() as connection:
            order.insert(connection)
            connection.execute("delete from shop.customers where id = %s", [order["customer_id"]])
            assert connection.execute("select * from shop.orders").fetchall() == []
    """


@pytest.mark.parametrize("workers", [(), pytest.param(("-n", "2"), marks=pytest.mark.nightly)])
def test_own_tests(project: Path, run: Run, scratch: Callable[[], set[str]], workers: tuple[str, ...]) -> None:
    shop.write(project, {"tests/test_own.py": OWN})
    run("tests", "--strict-markers", "-p", "no:cacheprovider", *workers).assert_outcomes(passed=7)
    assert scratch() == set()


def test_a_property_that_does_not_hold(project: Path, run: Run) -> None:
    own = """
        import harness
        from hypothesis import given

        @given(harness.rows("shop.orders"))
        def test_open(order):
            assert order["status"] == "open"
        """
    shop.write(project, {"tests/test_own.py": own})
    result = run("tests")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*order=Row('shop.orders', {*'status': 'paid'*parents=(Row('shop.customers', *"])
    assert "Flaky" not in result.stdout.str()


def test_rows_are_ready_before_hypothesis_watches_the_time(project: Path, run: Run) -> None:
    """Also where the strategy cannot be seen from outside, since the test draws itself."""
    own = """
        import harness
        from hypothesis import given
        from hypothesis import strategies as st

        customers = harness.rows("shop.customers")

        @given(st.data())
        def test_draw(data):
            assert len(data.draw(customers)) == 2
        """
    conftest = """
        from hypothesis import currently_in_test_context
        from harness import pytest_session

        was = pytest_session.ProjectSession._open

        def outside(self):
            assert not currently_in_test_context()
            return was(self)

        pytest_session.ProjectSession._open = outside
        """
    shop.write(project, {"tests/test_own.py": own, "conftest.py": conftest})
    run("tests").assert_outcomes(passed=1)


def test_without_the_plugin(project: Path, run: Run, scratch: Callable[[], set[str]]) -> None:
    own = """
        import harness
        from hypothesis import given

        @given(harness.rows("shop.orders", status="paid"))
        def test_status(order):
            assert order["status"] == "paid"
        """
    shop.write(project, {"test_own.py": own})
    run("-p", "no:harness", "test_own.py").assert_outcomes(passed=1)
    assert scratch() == set()


def test_what_a_person_has_to_mend_comes_without_a_traceback(pytester: pytest.Pytester, run: Run) -> None:
    shop.write(pytester.path, {"test_own.py": "def test_one(harness_database): pass\n"})
    result = run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at setup of test_one*",
            f"no project.yml in {pytester.path} or above",
            "hint: go to the directory of a project, or start one with 'harness init'",
        ]
    )
