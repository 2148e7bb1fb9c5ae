"""The pytest plugin: one item for each declared check, and fixtures for people's own tests.

Loaded in every run of pytest on the machine, so it imports next to nothing until it meets a project.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from harness import pytest_session
from harness.errors import HarnessError
from harness.proving.effort import default_profile
from harness.pytest_plugin.items import SAID, ChecksFile

if TYPE_CHECKING:
    import psycopg

    from harness.project.model import Project

T = TypeVar("T")

_ENDINGS = (".yml", ".yaml")
_BEFORE = pytest.StashKey[pytest_session.Options]()
_OPTIONS = pytest.StashKey[pytest_session.Options]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("harness", "rules of a PostgreSQL schema (harness)")
    group.addoption("--harness-target", metavar="TARGET", help="where to prove: a target's name or a connection string")
    group.addoption("--harness-profile", metavar="NAME", help="how hard to try: dev, ci, nightly")
    group.addoption("--harness-seed", type=int, metavar="N", help="repeat the run that said this number")
    group.addoption("--no-harness", action="store_true", help="collect no checks")
    parser.addini("harness_target", "where checks are proved: a target's name or a connection string")
    parser.addini("harness_profile", "how hard checks are tried: dev, ci, nightly")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "harness: a rule that a project declares of its database")
    config.stash[SAID] = set()
    config.stash[_OPTIONS] = _options(config)
    config.stash[_BEFORE] = pytest_session.configure(config.stash[_OPTIONS])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Gives all workers of pytest-xdist one seed, so that one number repeats the run."""
    node.workerinput["harness_seed"] = node.config.stash[_OPTIONS].spare_seed


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    pytest_session.close_all()
    terminal: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None and exitstatus == pytest.ExitCode.OK and _refused(terminal):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure(config: pytest.Config) -> None:
    pytest_session.close_all()
    if _BEFORE in config.stash:
        pytest_session.configure(config.stash[_BEFORE])


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ChecksFile | None:
    if file_path.suffix not in _ENDINGS or parent.config.getoption("--no-harness"):
        return None
    root = _root_from(file_path.parent)
    if root is None or not _holds_checks(root, file_path):
        return None
    file: ChecksFile = ChecksFile.from_parent(parent, path=file_path, root=root)
    return file


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Starts the server for ``harness.rows`` before Hypothesis measures the time of a test."""
    row_strategies = sys.modules.get("harness.row_strategies")
    if row_strategies is not None and item.get_closest_marker("hypothesis"):
        row_strategies.prepare()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    from harness.outcome import Status

    for text in _refused(terminalreporter):
        terminalreporter.write_line(f"harness: {text}", red=True)
    found: list[dict[str, Any]] = [dict(report.user_properties) for report in _reports(terminalreporter)]
    found = [properties for properties in found if "harness_probes" in properties]
    if found:
        probes, facts = (sum(properties[f"harness_{name}"] for properties in found) for name in ("probes", "facts"))
        seeds = ", ".join(sorted({str(properties["harness_seed"]) for properties in found}))
        checks = f"{len(found)} check{'s' if len(found) != 1 else ''}"
        present = sum(properties["harness_status"] == Status.PRESENT.value for properties in found)
        checks += f" ({present} only present)" if present else ""
        terminalreporter.write_line(f"harness: {checks}, {probes:,} probes, {facts:,} facts; seed {seeds}")


@pytest.fixture(scope="module")
def harness_project(request: pytest.FixtureRequest) -> Project:
    """The nearest project above the test's file, else that of the directory in which pytest runs."""
    return _or_fail(lambda: _session(request).project)


@pytest.fixture(scope="module")
def harness_transaction(
    request: pytest.FixtureRequest,
) -> Callable[[], AbstractContextManager[psycopg.Connection[Any]]]:
    """A factory of transactions that are rolled back, on a database with migrations and seeds.

    ``with harness_transaction() as connection:`` is for tests under ``@given``: each example needs its own transaction.
    """
    session = _session(request)

    @contextmanager
    def transaction() -> Iterator[psycopg.Connection[Any]]:
        with ExitStack() as stack:
            yield _or_fail(lambda: stack.enter_context(session.transaction()))

    return transaction


@pytest.fixture
def harness_database(
    harness_transaction: Callable[[], AbstractContextManager[psycopg.Connection[Any]]],
) -> Iterator[psycopg.Connection[Any]]:
    """A connection to a database with migrations and seeds, in a transaction that is rolled back after the test."""
    with harness_transaction() as connection:
        yield connection


def _options(config: pytest.Config) -> pytest_session.Options:
    """Reads the settings: an option before the ini file, before the project's own settings."""
    options = pytest_session.Options(
        target=config.getoption("--harness-target") or config.getini("harness_target") or None,
        profile=config.getoption("--harness-profile")
        or config.getini("harness_profile")
        or default_profile(os.environ),
        seed=_seed(config),
        start=next(filter(_root_from, (config.invocation_params.dir, config.rootpath)), None),
    )
    from_controller = getattr(config, "workerinput", {}).get("harness_seed")
    return options if from_controller is None else replace(options, spare_seed=from_controller)


def _seed(config: pytest.Config) -> int | None:
    seed: int | None = config.getoption("--harness-seed")
    of_hypothesis = str(config.getoption("--hypothesis-seed", None))
    return int(of_hypothesis) if seed is None and of_hypothesis.isdecimal() else seed


def _root_from(directory: Path) -> Path | None:
    return next((path for path in (directory, *directory.parents) if (path / "project.yml").is_file()), None)


def _holds_checks(root: Path, file: Path) -> bool:
    """Whether a YAML file is one of the project's check files, as far as the project can be read."""
    if not file.is_relative_to(root / _checks_directory(root)):
        return False
    try:
        return any(file in module.checks for module in pytest_session.of(root).project.modules)
    except HarnessError:
        return True


def _checks_directory(root: Path) -> str:
    """Returns the setting of ``project.yml`` without parsing it: the file may be broken, or of another tool."""
    try:
        text = (root / "project.yml").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "checks"
    found = re.search(r"\bchecks[ \t]*:[ \t]*[\"']?([\w./-]+)", text)
    return found[1] if found else "checks"


def _reports(terminalreporter: pytest.TerminalReporter) -> Iterator[pytest.TestReport]:
    for reports in terminalreporter.stats.values():
        yield from (report for report in reports if isinstance(report, pytest.TestReport) and report.when == "call")


def _refused(terminalreporter: pytest.TerminalReporter) -> list[str]:
    """Returns the texts about seeds that the schema refuses: they have no item, but the run must not be green."""
    found = ((name, text) for report in _reports(terminalreporter) for name, text in report.user_properties)
    return list(dict.fromkeys(str(text) for name, text in found if name == "harness_refused"))


def _session(request: pytest.FixtureRequest) -> pytest_session.ProjectSession:
    return _or_fail(lambda: pytest_session.of(_root_from(request.path.parent)))


def _or_fail(work: Callable[[], T]) -> T:
    """Fails without a traceback at an error that a person can correct."""
    try:
        return work()
    except HarnessError as error:
        pytest.fail(str(error), pytrace=False)
