"""The pytest plugin: one item for each declared check, and fixtures for tests that people write themselves.

Loaded in every run of pytest on the machine, so it imports next to nothing until it meets a project.
"""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from harness import pytest_session
from harness.errors import HarnessError, Place
from harness.project.folders import withheld

if TYPE_CHECKING:
    import psycopg
    from _pytest._code.code import TerminalRepr

    from harness.declarations import DeclaredCheck
    from harness.outcome import Outcome
    from harness.project.model import Project

T = TypeVar("T")

_ENDINGS = (".yml", ".yaml")
_RESERVED = frozenset({"skip", "skipif", "xfail", "usefixtures", "parametrize", "filterwarnings", "and", "or", "not"})
"""Markers that pytest acts upon: a tag must not switch a check off."""

_BEFORE = pytest.StashKey[pytest_session.Options]()
_OPTIONS = pytest.StashKey[pytest_session.Options]()
_SAID = pytest.StashKey[set[str]]()


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
    config.stash[_SAID] = set()
    config.stash[_OPTIONS] = _options(config)
    config.stash[_BEFORE] = pytest_session.configure(config.stash[_OPTIONS])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Workers of pytest-xdist draw from one seed, so that one number repeats the run."""
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
    root = _root_above(file_path)
    if root is None or not _holds_checks(root, file_path):
        return None
    file: ChecksFile = ChecksFile.from_parent(parent, path=file_path, root=root)
    return file


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Starts the server for ``harness.rows`` before Hypothesis begins to watch the time."""
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


class NotProved(Exception):
    """A check is broken or unreliable, or ended with an error."""

    def __init__(self, outcome: Outcome, script_error: OSError | None) -> None:
        super().__init__(outcome.name)
        self.outcome = outcome
        self.script_error = script_error


class _Said(Exception):
    """A text that stands for an exception."""


class ChecksFile(pytest.File):
    """A file of checks."""

    def __init__(self, *, root: Path, **further: Any) -> None:
        super().__init__(**further)
        self._root = root

    def collect(self) -> Iterator[CheckItem]:
        try:
            checks = self._checks()
        except HarnessError as error:
            # What is wrong with the project as a whole is said by its first file only.
            said = str(withheld(self._root, error))
            if said not in self.config.stash[_SAID]:
                self.config.stash[_SAID].add(said)
                raise self.CollectError(said) from None
            return
        for name, check in _named(checks):
            item: CheckItem = CheckItem.from_parent(self, name=name, check=check, root=self._root)
            yield item

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, self.CollectError):
            return _shown(excinfo, str(excinfo.value), Place(self.path.relative_to(self._root)))
        return super().repr_failure(excinfo)

    def _checks(self) -> list[DeclaredCheck]:
        from harness.declarations import read_file
        from harness.kinds import KINDS

        bench = pytest_session.of(self._root)
        _ = bench.effort  # a profile that is not there is found before anything runs
        module = next(module.name for module in bench.project.modules if self.path in module.checks)
        shown = self.path.relative_to(self._root)
        try:
            return [check for check in bench.checks if check.place.path == shown]
        except HarnessError as error:
            own = list(read_file(self.path, shown, module, KINDS, bench.project.shared))
            if error.place is None or error.place.path == shown:
                raise
            # Another file is at fault and says so where it is collected; where it is not, these items will.
            return own


class CheckItem(pytest.Item):
    """A check."""

    def __init__(self, *, check: DeclaredCheck, root: Path, **further: Any) -> None:
        super().__init__(**further)
        self.check = check
        self._root = root
        for marker in ("harness", check.kind, *check.tags):
            self._mark(marker)
        self.extra_keyword_matches.update((check.name, check.module, *([str(check.table)] if check.table else [])))

    def _mark(self, tag: str) -> None:
        """Makes ``-m`` find it; registered, since pytest refuses or warns of what it does not know."""
        name = re.sub(r"\W+", "_", tag).strip("_") or "tag"
        name = f"tag_{name}" if name in _RESERVED or name[0].isdigit() else name
        known = [line.partition(":")[0].partition("(")[0].strip() for line in self.config.getini("markers")]
        if name not in known:
            self.config.addinivalue_line("markers", f"{name}: of checks that harness proves")
        self.add_marker(name)

    def runtest(self) -> None:
        from harness.reports import scripts

        bench = pytest_session.of(self._root)
        outcome = bench.prove(self.check)
        self.user_properties += [
            ("harness_status", outcome.status.value),
            ("harness_probes", outcome.probes),
            ("harness_facts", outcome.facts),
            ("harness_seed", bench.effort.seed),
            *(("harness_refused", "\n".join(_words(outcome))) for outcome in bench.broken_seeds),
        ]
        unwritten = None
        try:
            scripts.keep(self._root, outcome)
        except OSError as error:
            unwritten = error
        if not outcome.status.green:
            raise NotProved(outcome, unwritten)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        from harness.reports import closing

        error = excinfo.value
        if isinstance(error, HarnessError):
            return _shown(excinfo, str(withheld(self._root, error)), self.check.place)
        if isinstance(error, NotProved):
            text = "\n".join(_words(error.outcome, error.script_error))
            return _shown(excinfo, text, self.check.place, closing.title(error.outcome))
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        line = self.check.place.line
        return self.path, None if line is None else line - 1, self.name


@pytest.fixture(scope="module")
def harness_project(request: pytest.FixtureRequest) -> Project:
    """The project of the test's file: the nearest one above it, else that of the directory pytest runs in."""
    return _or_fail(lambda: _bench(request).project)


@pytest.fixture(scope="module")
def harness_transaction(
    request: pytest.FixtureRequest,
) -> Callable[[], AbstractContextManager[psycopg.Connection[Any]]]:
    """``with harness_transaction() as connection:`` on a database with migrations and seeds; all is undone at its end.

    For tests under ``@given``, where each example needs a transaction of its own.
    """
    bench = _bench(request)

    @contextmanager
    def transaction() -> Iterator[psycopg.Connection[Any]]:
        with ExitStack() as stack:
            yield _or_fail(lambda: stack.enter_context(bench.transaction()))

    return transaction


@pytest.fixture
def harness_database(
    harness_transaction: Callable[[], AbstractContextManager[psycopg.Connection[Any]]],
) -> Iterator[psycopg.Connection[Any]]:
    """A connection to a database with migrations and seeds, in a transaction that is undone after the test."""
    with harness_transaction() as connection:
        yield connection


def _options(config: pytest.Config) -> pytest_session.Options:
    """Option before ini file before the project's own settings."""
    options = pytest_session.Options(
        target=config.getoption("--harness-target") or config.getini("harness_target") or None,
        profile=config.getoption("--harness-profile")
        or config.getini("harness_profile")
        or pytest_session.default_profile(os.environ),
        seed=_seed(config),
        start=next(filter(_root_from, (config.invocation_params.dir, config.rootpath)), None),
    )
    handed_down = getattr(config, "workerinput", {}).get("harness_seed")
    return options if handed_down is None else replace(options, spare_seed=handed_down)


def _seed(config: pytest.Config) -> int | None:
    given: int | None = config.getoption("--harness-seed")
    if given is None:
        hypothesis_seed = str(config.getoption("--hypothesis-seed", None))
        return int(hypothesis_seed) if re.fullmatch(r"\d+", hypothesis_seed) else None
    return given


def _root_above(file: Path) -> Path | None:
    return _root_from(file.parent)


def _root_from(directory: Path) -> Path | None:
    return next((path for path in (directory, *directory.parents) if (path / "project.yml").is_file()), None)


def _holds_checks(root: Path, file: Path) -> bool:
    """Whether a YAML file is one of checks. Any other is left alone, also while the project has faults."""
    if not file.is_relative_to(root / _checks_directory(root)):
        return False
    try:
        return any(file in module.checks for module in pytest_session.of(root).project.modules)
    except HarnessError:
        return True


def _checks_directory(root: Path) -> str:
    """As ``project.yml`` says it, found without a parser: the file need not be a project of ours, nor be sound."""
    try:
        text = (root / "project.yml").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "checks"
    found = re.search(r"\bchecks[ \t]*:[ \t]*[\"']?([\w./-]+)", text)
    return found[1] if found else "checks"


def _named(checks: Iterable[DeclaredCheck]) -> Iterator[tuple[str, DeclaredCheck]]:
    """Names for items: labels, with the name of the check where a file has the same label twice."""
    checks = list(checks)
    labels = Counter(_label(check.label) for check in checks)
    for check in checks:
        label = _label(check.label)
        yield (label if labels[label] == 1 else f"{label} ({_label(check.name)})"), check


def _label(text: str) -> str:
    """On the command line ``::`` separates the parts of an id."""
    return re.sub(r"\s+", " ", text).replace("::", ":")


def _shown(
    excinfo: pytest.ExceptionInfo[BaseException], text: str, place: Place, summary: str | None = None
) -> TerminalRepr:
    """What pytest shows of a failure: the text, and one line where it lists failures, by default the text's first.

    A text alone would be listed whole in CI. pytest-xdist hands over pytest's own objects alone, so this is one.
    """
    said = pytest.ExceptionInfo.from_exc_info((_Said, _Said(text), excinfo.tb))
    shown = said.getrepr(style="value", chain=False)
    if shown.reprcrash is not None:
        shown.reprcrash.path = place.path.as_posix()
        shown.reprcrash.lineno = place.line or 1
        shown.reprcrash.message = summary or text.partition("\n")[0]
    return shown


def _words(outcome: Outcome, script_error: OSError | None = None) -> Iterator[str]:
    from harness.outcome import Status
    from harness.reports import words

    place = f"{outcome.place.path.as_posix()}:{outcome.place.line}"
    came = "ended with an error" if outcome.status is Status.ERROR else f"is {outcome.status.value}"
    yield f"{place}: {words.plain(outcome.label)} {came}"
    lines = words.lines(outcome)
    if script_error is not None:
        lines = [line for line in lines if not line.startswith("replay:")]
        lines.append(f"replay: not written, {script_error.strerror or script_error}")
    yield from lines
    yield from words.traceback(outcome)


def _reports(terminalreporter: pytest.TerminalReporter) -> Iterator[pytest.TestReport]:
    for reports in terminalreporter.stats.values():
        yield from (report for report in reports if isinstance(report, pytest.TestReport) and report.when == "call")


def _refused(terminalreporter: pytest.TerminalReporter) -> list[str]:
    """What is said of seeds that the schema refuses: no item stands for them, and yet the run is not green."""
    properties = [each for report in _reports(terminalreporter) for each in report.user_properties]
    return list(dict.fromkeys(str(text) for name, text in properties if name == "harness_refused"))


def _bench(request: pytest.FixtureRequest) -> pytest_session.Workbench:
    return _or_fail(lambda: pytest_session.of(_root_above(request.path)))


def _or_fail(work: Callable[[], T]) -> T:
    """What a person has to mend is said without a traceback."""
    try:
        return work()
    except HarnessError as error:
        pytest.fail(str(error), pytrace=False)
