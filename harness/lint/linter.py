"""Ask sqlfluff, through its Python interface, what its command line would say."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import Place, ProjectError
from harness.lint import settings

if TYPE_CHECKING:
    from sqlfluff.core import FluffConfig, Linter
    from sqlfluff.core.linter import LintedFile

_UNFIXED = ("PRS", "TMP")
"""``sqlfluff fix`` leaves a file alone that has one of these, hidden by ``noqa`` or not."""


@dataclass(frozen=True, order=True)
class Violation:
    """What sqlfluff found; ``place`` is relative to the project's root.

    ``code`` is the rule (``LT01``) or ``PRS`` where something cannot be read, ``name`` the rule's long name; both are
    empty of what is said about settings.
    ``fixable`` is what ``sqlfluff fix`` mends. A ``warning`` is shown and never red: a rule that the
    settings list under ``warnings``, or what sqlfluff cannot read and PostgreSQL can.
    """

    place: Place
    code: str
    name: str
    description: str
    warning: bool = False
    fixable: bool = False


@dataclass(frozen=True)
class Report:
    """What was found in so many ``files``."""

    files: int
    violations: list[Violation]


def lint(project_root: Path, paths: Iterable[Path] | None = None) -> list[Violation]:
    """The violations of :func:`look`."""
    return look(project_root, paths).violations


def look(project_root: Path, paths: Iterable[Path] | None = None) -> Report:
    """What ``sqlfluff lint <paths>``, run in ``project_root``, reports; in the order of the files and of their lines.

    ``paths`` are files or directories, relative to the root or absolute; without any, it is ``schema/``.
    ``-- noqa`` and ``.sqlfluffignore`` hold. Raises :class:`~harness.errors.ProjectError` for a path that is not
    there and for settings that sqlfluff refuses. Changes the working directory while it runs, since that is
    where sqlfluff begins to look for settings.
    """
    root = project_root.resolve()
    targets = [root / path for path in paths] if paths is not None else [root / "schema"]
    with contextlib.chdir(root), _translated(root), _quiet():
        config, files = _found(root, targets)
        found = [*_of_settings(root, files), *(each for file in files for each in _of_settings_in(Path(file)))]
        linted = list(_linted(config, files)) if files else []
    violations = [violation for file in linted for violation in file]
    return Report(len(linted), [*found, *violations])


def _found(root: Path, targets: list[Path]) -> tuple[FluffConfig, list[str]]:
    """The settings of the project, and its files."""
    from sqlfluff.core import FluffConfig
    from sqlfluff.core.config import clear_config_caches

    clear_config_caches()  # the settings as they are now, not as an earlier call in this process read them
    _of_settings(root, [])
    try:
        config = FluffConfig.from_root(require_dialect=False)  # a file may name its own
    except KeyError as error:
        raise ProjectError(f"sqlfluff: {error.args[0]}", place=Place(Path(settings.SETTINGS))) from error
    return config, [file for target in targets for file in _files(root, target, config)]


def _of_settings(root: Path, files: list[str]) -> list[Violation]:
    """What is odd about the project's ``.sqlfluff`` and those on the way to its files."""
    directories = {root, *(each for file in files for each in (root / file).parents if each.is_relative_to(root))}
    paths = [each / settings.SETTINGS for each in sorted(directories) if (each / settings.SETTINGS).is_file()]
    found = (warning for path in paths for warning in settings.warnings_of(path.relative_to(root)))
    return [Violation(place, "", "", said, warning=True) for place, said in found]


def _of_settings_in(file: Path) -> list[Violation]:
    from harness.project import sqlfile

    try:
        text = sqlfile.read(file, file)
    except ProjectError:  # sqlfluff reads other encodings too
        return []
    return [Violation(place, "", "", said, warning=True) for place, said in settings.warnings_in(file, text)]


def _linted(config: FluffConfig, files: list[str]) -> Iterator[list[Violation]]:
    """The violations of each file, in the order of their places."""
    from sqlfluff.core import Linter

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
    """What is said of a file, without what sqlfluff says of statements that it cannot read."""
    from harness.lint import names, noqa, unread

    path = Path(file.path)
    if any(each.rule_code() in unread.UNREAD and not (each.warning or each.ignore) for each in file.violations):
        found = unread.again(linter, path, found, file.ignore_mask)
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
    for line, column, said in noqa.without_effect(path, names.rules()):
        yield Violation(Place(path, line, column), noqa.CODE, "", said, warning=True)


def _files(root: Path, target: Path, config: FluffConfig) -> list[str]:
    """The files sqlfluff would lint under ``target``.

    ``lint_paths`` would find them by itself, but looks for ``.sqlfluffignore`` from the directory in which
    sqlfluff was imported.
    """
    from sqlfluff.core.linter.discovery import paths_from_path

    extensions = str(config.get("sql_file_exts", default=".sql")).lower().split(",")
    path = target.relative_to(root) if target.is_relative_to(root) else target
    if not path.exists():
        raise ProjectError("no such file or directory", place=Place(path))
    found = paths_from_path(str(path), working_path=str(root), target_file_exts=extensions)
    if not found and not _may_be_ignored(path, extensions):
        raise ProjectError("no .sql file", place=Place(path))
    return found


def _may_be_ignored(path: Path, extensions: list[str]) -> bool:
    """Whether there is a file to lint, which ``.sqlfluffignore`` then leaves out."""
    files = path.rglob("*") if path.is_dir() else [path]
    return any(each.name.lower().endswith(tuple(extensions)) for each in files)


@contextlib.contextmanager
def _translated(root: Path) -> Iterator[None]:
    """sqlfluff's complaints about its settings and paths as errors of the project."""
    from sqlfluff.core import SQLFluffUserError

    try:
        yield
    except SQLFluffUserError as error:
        message, hint = str(error), None
        if not (root / settings.SETTINGS).exists():
            message = message.partition(". ")[0]  # the rest is a long list of dialects
            hint = f"write a {settings.SETTINGS} with '[sqlfluff]' and 'dialect = postgres'"
        raise ProjectError(f"sqlfluff: {message}", place=Place(Path(settings.SETTINGS)), hint=hint) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what sqlfluff logs of names of rules, once for each file: it is told with its place."""
    logger = logging.getLogger("sqlfluff.rules")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
