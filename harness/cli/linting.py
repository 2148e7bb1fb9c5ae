"""``harness lint``: prints the violations of the style of SQL in the migrations, and counts them.

Not here: which violations there are, and which are only warnings (``lint``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.common import load_own_project, load_project
from harness.reports.words import counted

if TYPE_CHECKING:
    from harness.lint.linter import Violation


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
def lint(paths: tuple[Path, ...]) -> int:
    """Check the style of the migrations, or of the one file that is the schema.

    Gives the verdict of `sqlfluff lint` with the project's .sqlfluff.
    """
    from harness.lint.linter import lint as run_linter
    from harness.project.folders import WITHHELD, leads_out

    project = load_project()
    if not paths and project.adopted and project.adopted.layout != "files":
        load_own_project("lint", "name the files: harness lint FILE …")
    schema = project.adopted.path if project.adopted else Path(project.paths.schema)
    report = run_linter(project.root, [path.absolute() for path in paths] or [schema])
    for each in report.violations:
        note = " (warning)" if each.warning else ""
        said = WITHHELD if leads_out(project.root, each.place.path) else each.description
        code = f"{each.code} " if each.code else ""  # what is said of settings has none
        click.echo(f"{each.place}: {code}{said}{note}")
    clean_files = f"{counted(report.files, 'file')}, clean"
    click.echo(f"\n{_total(report.violations)}" if report.violations else clean_files)
    return int(any(not each.warning for each in report.violations))


def _total(violations: Sequence[Violation]) -> str:
    """Returns ``3 violations and 1 warning in 2 files; sqlfluff fix mends 2 of them``."""
    files = len({each.place.path for each in violations})
    warnings = sum(each.warning for each in violations)
    numbers = {"violation": len(violations) - warnings, "warning": warnings}
    said = " and ".join(counted(number, word) for word, number in numbers.items() if number)
    fixable = sum(each.fixable for each in violations)
    mends = f"; sqlfluff fix mends {fixable} of them" if fixable else ""
    return f"{said} in {counted(files, 'file')}{mends}"
