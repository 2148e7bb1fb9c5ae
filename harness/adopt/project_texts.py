"""A project with texts of its files that are not written yet; writes and removes all of them at once.

Refuses to write anything if the project could not be read afterwards.
Not here: which files change and which are removed (``refresh.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from harness import declarations, files
from harness.declarations import DeclaredCheck
from harness.kinds import KINDS
from harness.project.load import FILE, from_text
from harness.project.model import Project, TableName

ChangedTexts = Mapping[Path, str | None]
"""Texts of files by their paths below the project's root; None is a file to be removed."""


@dataclass(frozen=True)
class ProjectTexts:
    """A project as its files will be once the texts in ``changed`` are written."""

    project: Project
    changed: ChangedTexts = field(default_factory=dict)

    def with_changes(self, changed: ChangedTexts) -> ProjectTexts:
        """The project after further changes."""
        project = self.project
        if (settings := changed.get(Path(FILE))) is not None:
            project = from_text(project.root, settings, base=project.base, adopted=project.adopted)
        return replace(self, project=project, changed={**self.changed, **changed})

    @cached_property
    def checks(self) -> tuple[DeclaredCheck, ...]:
        return declarations.read(self.project, KINDS, self.changed)

    @cached_property
    def described(self) -> dict[TableName, Path]:
        """The file of each table, below the project's root: the first that speaks of it."""
        found: dict[TableName, Path] = {}
        for check in self.checks:
            if check.table is not None:
                found.setdefault(check.table, check.place.path)
        return found

    def text(self, path: Path) -> str:
        """The text of a file, by its path below the project's root."""
        if path in self.changed:
            return self.changed[path] or ""
        return (self.project.root / path).read_text(encoding="utf-8")

    def write(self) -> None:
        """Writes the changed files, and removes those that are to go.

        Raises :class:`ProjectError`, and writes nothing, if the project could not be read afterwards.
        """
        declarations.read(self.project, KINDS, self.changed)
        write(self.project.root, self.changed)


def write(root: Path, texts: ChangedTexts) -> None:
    for path, text in texts.items():
        if text is None:
            (root / path).unlink()
        else:
            files.write(root / path, text)


def create(root: Path, texts: ChangedTexts) -> None:
    """Writes files that are new; removes them all again if that is interrupted."""
    try:
        write(root, texts)
    except BaseException:
        for path in texts:
            files.remove(root / path, root)
        raise
