"""The items of pytest: a collector for each file of checks, an item for each check.

Decides the name of an item, and its markers: a tag that pytest would take for one of its own gets another name. Decides
what pytest shows of a failure. Has psql scripts of failures written.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness import pytest_session
from harness.errors import HarnessError, Place
from harness.outcome import Outcome, Status
from harness.project.folders import read_utf8, withheld

if TYPE_CHECKING:
    from _pytest._code.code import TerminalRepr

    from harness.declarations import DeclaredCheck

_RESERVED = frozenset({"skip", "skipif", "xfail", "usefixtures", "parametrize", "filterwarnings", "and", "or", "not"})
"""Markers that pytest acts upon: a tag must not switch a check off."""

SAID = pytest.StashKey[set[str]]()
"""Errors of projects that were reported already."""


class NotProved(Exception):
    """A check is broken or unreliable, or ended with an error."""

    def __init__(self, outcome: Outcome, script_error: OSError | None) -> None:
        super().__init__(outcome.name)
        self.outcome = outcome
        self.script_error = script_error


class _Said(Exception):
    """A text, in the place of an exception."""


class ChecksFile(pytest.File):
    """A file of checks."""

    def __init__(self, *, root: Path, **further: Any) -> None:
        super().__init__(**further)
        self._root = root

    def collect(self) -> Iterator[CheckItem]:
        try:
            checks = self._checks()
        except HarnessError as error:
            # Only the first file reports an error of the whole project.
            text = str(withheld(self._root, error))
            if text not in self.config.stash[SAID]:
                self.config.stash[SAID].add(text)
                raise self.CollectError(text) from None
            return
        for name, check in _named(checks):
            item: CheckItem = CheckItem.from_parent(self, name=name, check=check, root=self._root)
            yield item

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, self.CollectError):
            return _shown(excinfo, str(excinfo.value), Place(self.path.relative_to(self._root)))
        return super().repr_failure(excinfo)

    def _checks(self) -> list[DeclaredCheck]:
        from harness import declarations, kinds

        session = pytest_session.of(self._root)
        _ = session.effort  # an unknown profile is found before anything runs
        module = next(module.name for module in session.project.modules if self.path in module.checks)
        shown = self.path.relative_to(self._root)
        try:
            return [check for check in session.checks if check.place.path == shown]
        except HarnessError as error:
            text, registry = read_utf8(self.path, shown), kinds.KINDS
            own = list(declarations.read_text(text, shown, module, registry, session.project.shared))
            if error.place is None or error.place.path == shown:
                raise
            # The error is in another file: that file reports it if it is collected, else these items do.
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
        """Adds a marker for ``-m``, and registers it: pytest warns of unknown markers, or refuses them."""
        name = re.sub(r"\W+", "_", tag).strip("_") or "tag"
        name = f"tag_{name}" if name in _RESERVED or name[0].isdigit() else name
        known = [line.partition(":")[0].partition("(")[0].strip() for line in self.config.getini("markers")]
        if name not in known:
            self.config.addinivalue_line("markers", f"{name}: of checks that harness proves")
        self.add_marker(name)

    def runtest(self) -> None:
        from harness.reports import scripts

        session = pytest_session.of(self._root)
        outcome = session.prove(self.check)
        self.user_properties += [
            ("harness_status", outcome.status.value),
            ("harness_probes", outcome.probes),
            ("harness_facts", outcome.facts),
            ("harness_seed", session.effort.seed),
            *(("harness_refused", "\n".join(failure_lines(outcome))) for outcome in session.broken_seeds),
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
            return _shown(
                excinfo,
                "\n".join(failure_lines(error.outcome, error.script_error)),
                self.check.place,
                closing.title(error.outcome),
            )
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        line = self.check.place.line
        return self.path, None if line is None else line - 1, self.name


def _named(checks: Iterable[DeclaredCheck]) -> Iterator[tuple[str, DeclaredCheck]]:
    """Yields a name for each item: its label, with the name of the check if a file has the same label twice."""
    checks = list(checks)
    labels = Counter(_label(check.label) for check in checks)
    for check in checks:
        label = _label(check.label)
        yield (label if labels[label] == 1 else f"{label} ({_label(check.name)})"), check


def _label(text: str) -> str:
    """Returns a label without ``::``, which separates the parts of an id on the command line."""
    return re.sub(r"\s+", " ", text).replace("::", ":")


def _shown(
    excinfo: pytest.ExceptionInfo[BaseException], text: str, place: Place, summary: str | None = None
) -> TerminalRepr:
    """Returns what pytest shows of a failure: the text, and for its list of failures one line, by default the first.

    pytest would list a plain text whole in CI, and pytest-xdist passes on only objects of pytest's own classes.
    """
    shown = pytest.ExceptionInfo.from_exc_info((_Said, _Said(text), excinfo.tb)).getrepr(style="value", chain=False)
    if shown.reprcrash is not None:
        shown.reprcrash.path = place.path.as_posix()
        shown.reprcrash.lineno = place.line or 1
        shown.reprcrash.message = summary or text.partition("\n")[0]
    return shown


def failure_lines(outcome: Outcome, script_error: OSError | None = None) -> Iterator[str]:
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
