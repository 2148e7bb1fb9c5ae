"""The result of linting: violations in files."""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import Place


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
