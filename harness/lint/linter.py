"""Asks sqlfluff, through its Python interface, for the verdict of its command line.

Decides which files are linted, and which violations ``sqlfluff fix`` can mend. Refuses a path that does not exist, and
settings without meaning.
Not here: statements that sqlfluff cannot read, and when these are only warnings (``unread.py``); faults of settings and
of ``-- noqa`` (``settings.py``).
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlfluff.core import FluffConfig, Linter, SQLFluffUserError
from sqlfluff.core.config import clear_config_caches
from sqlfluff.core.linter import LintedFile
from sqlfluff.core.linter.discovery import paths_from_path

from harness.errors import Place, ProjectError
from harness.lint import names, settings, unread
from harness.project import sqlfile

_UNFIXED = ("PRS", "TMP")
"""``sqlfluff fix`` leaves a file alone that has one of these, hidden by ``noqa`` or not."""


@dataclass(frozen=True, order=True)
class Violation:
    """A fault that sqlfluff found; ``place`` is relative to the project's root.

    ``code`` is the rule (``LT01``), or ``PRS`` for text that cannot be read; ``name`` is the rule's long name. Both are
    empty for a fault of the settings. ``fixable`` ones are mended by ``sqlfluff fix``. A ``warning`` is shown and does
    not fail: a rule that the settings list under ``warnings``, or text that PostgreSQL can read and sqlfluff cannot.
    """

    place: Place
    code: str
    name: str
    description: str
    warning: bool = False
    fixable: bool = False


@dataclass(frozen=True)
class Report:
    """The violations in so many ``files``."""

    files: int
    violations: list[Violation]


def lint(project_root: Path, paths: Iterable[Path] | None = None) -> Report:
    """The report of ``sqlfluff lint <paths>``, run in ``project_root``; in the order of the files and of their lines.

    ``paths`` are files or directories, relative to the root or absolute; ``schema/`` by default. ``-- noqa`` and
    ``.sqlfluffignore`` are obeyed. Raises :class:`~harness.errors.ProjectError` for a path that does not exist and for
    settings that sqlfluff refuses. Changes the working directory while it runs: there sqlfluff begins to look for
    settings.
    """
    root = project_root.resolve()
    targets = [root / path for path in paths] if paths is not None else [root / "schema"]
    with contextlib.chdir(root), _translated(root), _quiet():
        config = _config(root)
        files = [file for target in targets for file in _files(root, target, config)]
        found = [*_of_settings(root, files), *(each for file in files for each in _of_settings_in(Path(file)))]
        linted = list(_linted(config, files)) if files else []
    return Report(len(linted), [*found, *(violation for file in linted for violation in file)])


def _config(root: Path) -> FluffConfig:
    clear_config_caches()  # the settings as they are now, not as an earlier call in this process read them
    _of_settings(root, [])
    try:
        return FluffConfig.from_root(require_dialect=False)  # a file may name its own
    except KeyError as error:
        raise ProjectError(f"sqlfluff: {error.args[0]}", place=Place(Path(settings.SETTINGS))) from error


def _of_settings(root: Path, files: list[str]) -> list[Violation]:
    """The warnings about the project's ``.sqlfluff`` and those in the directories of its files."""
    directories = {root, *(each for file in files for each in (root / file).parents if each.is_relative_to(root))}
    paths = [each / settings.SETTINGS for each in sorted(directories) if (each / settings.SETTINGS).is_file()]
    return [
        Violation(place, "", "", text, warning=True)
        for path in paths
        for place, text in settings.warnings_of(path.relative_to(root))
    ]


def _of_settings_in(file: Path) -> list[Violation]:
    try:
        text = sqlfile.read(file, file)
    except ProjectError:  # sqlfluff reads other encodings too
        return []
    return [Violation(place, "", "", said, warning=True) for place, said in settings.warnings_in(file, text)]


def _linted(config: FluffConfig, files: list[str]) -> Iterator[list[Violation]]:
    """The violations of each file, in the order of their places."""
    linter = Linter(config)
    result = linter.lint_paths(tuple(files), ignore_files=False)
    read = {file.path: file for directory in result.paths for file in directory.files}
    crashed = [file for file in files if file not in read]
    if len(crashed) > result.files_skipped:
        raise ProjectError(
            "sqlfluff could not check this file; what it says stands above", place=Place(Path(crashed[0]))
        )
    for record in result.as_records():
        yield sorted(_of_file(linter, read[record["filepath"]], record["violations"]), key=lambda each: each.place)


def _of_file(linter: Linter, file: LintedFile, found: list[Any]) -> Iterator[Violation]:
    """The violations of a file; statements that sqlfluff alone cannot read are judged without its grammar."""
    path = Path(file.path)
    if any(each.rule_code() in unread.UNREAD and not (each.warning or each.ignore) for each in file.violations):
        found = unread.lint_again(linter, path, found, file.ignore_mask)
    mended = not any(each.rule_code() in _UNFIXED for each in file.violations)
    for each in found:
        yield Violation(
            place=Place(path, each["start_line_no"], each["start_line_pos"]),
            code=each["code"],
            name=each["name"],
            description=each["description"],
            warning=each["warning"],
            fixable=mended and bool(each.get("fixes")),
        )
    for line, column, said in settings.without_effect(path, names.rules()):
        yield Violation(Place(path, line, column), settings.NOQA, "", said, warning=True)


def _files(root: Path, target: Path, config: FluffConfig) -> list[str]:
    """The files sqlfluff would lint under ``target``.

    ``lint_paths`` would find them by itself, but looks for ``.sqlfluffignore`` from the directory in which
    sqlfluff was imported.
    """
    extensions = str(config.get("sql_file_exts", default=".sql")).lower().split(",")
    path = target.relative_to(root) if target.is_relative_to(root) else target
    if not path.exists():
        raise ProjectError("no such file or directory", place=Place(path))
    found = paths_from_path(str(path), working_path=str(root), target_file_exts=extensions)
    candidates = path.rglob("*") if path.is_dir() else [path]
    # With candidates .sqlfluffignore leaves them out.
    if not found and not any(each.name.lower().endswith(tuple(extensions)) for each in candidates):
        raise ProjectError("no .sql file", place=Place(path))
    return found


@contextlib.contextmanager
def _translated(root: Path) -> Iterator[None]:
    """Turns sqlfluff's complaints about its settings and paths into errors of the project."""
    try:
        yield
    except SQLFluffUserError as error:
        message, hint = str(error), None
        if not (root / settings.SETTINGS).exists():
            message = message.partition(". ")[0]  # the rest is a long list of dialects
            hint = f"write {settings.SETTINGS}:\n\n[sqlfluff]\ndialect = postgres\ntemplater = raw"
        raise ProjectError(f"sqlfluff: {message}", place=Place(Path(settings.SETTINGS)), hint=hint) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps sqlfluff from logging unknown names of rules, once for each file: they are reported with their place."""
    logger = logging.getLogger("sqlfluff.rules")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
