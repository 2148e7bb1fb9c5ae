"""sqlfluff on the migrations, from the project's own ``.sqlfluff``: the same verdict as ``sqlfluff lint schema``.

The house rules come in as a plugin of sqlfluff: :mod:`harness.lint.plugin`.
"""

from harness.lint.linter import Report, Violation, lint, look

__all__ = ["Report", "Violation", "lint", "look"]
