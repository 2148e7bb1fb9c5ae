"""Ask sqlfluff, through its Python interface, what its command line would say."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import Place, ProjectError

if TYPE_CHECKING:
    from sqlfluff.core import FluffConfig, Linter

SETTINGS = ".sqlfluff"


@dataclass(frozen=True, order=True)
class Violation:
    """What sqlfluff found; ``place`` is relative to the project's root.

    ``code`` is the rule (``LT01``) or ``PRS`` where something cannot be read, ``name`` the rule's long name.
    ``fixable`` is what ``sqlfluff fix`` mends. A ``warning`` is shown and never red: a rule that the
    settings list under ``warnings``, or what sqlfluff cannot read and PostgreSQL can.
    """

    place: Place
    code: str
    name: str
    description: str
    warning: bool = False
    fixable: bool = False


def lint(project_root: Path, paths: Iterable[Path] | None = None) -> list[Violation]:
    """What ``sqlfluff lint <paths>``, run in ``project_root``, reports; in the order of the files.

    ``paths`` are files or directories, relative to the root or absolute; without any, it is ``schema/``.
    ``-- noqa`` and ``.sqlfluffignore`` hold. Raises :class:`~harness.errors.ProjectError` for a path that is not
    there and for settings that sqlfluff refuses. Changes the working directory while it runs, since that is
    where sqlfluff begins to look for settings.
    """
    root = project_root.resolve()
    targets = [root / path for path in paths] if paths is not None else [root / "schema"]
    with contextlib.chdir(root), _translated(root):
        return [violation for record in _records(root, targets) for violation in _violations(record)]


def _records(root: Path, targets: list[Path]) -> list[Any]:
    from sqlfluff.core import FluffConfig, Linter
    from sqlfluff.core.config import clear_config_caches

    clear_config_caches()  # the settings as they are now, not as an earlier call in this process read them
    try:
        config = FluffConfig.from_root(require_dialect=False)  # a file may name its own
    except KeyError as error:
        raise ProjectError(f"sqlfluff: {error.args[0]}", place=Place(Path(SETTINGS))) from error
    files = [file for target in targets for file in _files(root, target, config)]
    if not files:
        return []
    linter = Linter(config)
    records = linter.lint_paths(tuple(files), ignore_files=False).as_records()
    return [_understood(linter, record) for record in records]


def _understood(linter: Linter, record: Any) -> Any:
    """A record of a file without what sqlfluff says of statements that it cannot read."""
    from harness.lint import unread

    found = record["violations"]
    if any(each["code"] in unread.UNREAD and not each["warning"] for each in found):
        return {**record, "violations": unread.again(linter, Path(record["filepath"]), found)}
    return record


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
    return paths_from_path(str(path), working_path=str(root), target_file_exts=extensions)


def _violations(record: Any) -> Iterator[Violation]:
    for found in record["violations"]:
        yield Violation(
            place=Place(Path(record["filepath"]), found["start_line_no"], found["start_line_pos"]),
            code=found["code"],
            name=found["name"],
            description=found["description"],
            warning=found["warning"],
            fixable=bool(found.get("fixes")),
        )


@contextlib.contextmanager
def _translated(root: Path) -> Iterator[None]:
    """sqlfluff's complaints about its settings and paths as errors of the project."""
    from sqlfluff.core import SQLFluffUserError

    try:
        yield
    except SQLFluffUserError as error:
        message, hint = str(error), None
        if not (root / SETTINGS).exists():
            message = message.partition(". ")[0]  # the rest is a long list of dialects
            hint = f"write a {SETTINGS} with '[sqlfluff]' and 'dialect = postgres'"
        raise ProjectError(f"sqlfluff: {message}", place=Place(Path(SETTINGS)), hint=hint) from error
