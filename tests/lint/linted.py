"""The violations that the tests look at."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from harness.lint import linter
from harness.lint.linter import Violation


def lint(root: Path, paths: Iterable[Path] | None = None) -> list[Violation]:
    return linter.lint(root, paths).violations
