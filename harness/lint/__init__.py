"""sqlfluff on the migrations, from the project's own ``.sqlfluff``: the same verdict as ``sqlfluff lint schema``."""

from harness.lint.linter import Violation, lint

__all__ = ["Violation", "lint"]
