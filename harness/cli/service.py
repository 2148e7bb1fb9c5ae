"""The other verbs: ``init``, ``new``, ``doctor``, ``clean``, ``schema``, ``explain``.

Each is a call and its printed lines. Not here: what ``clean`` removes and keeps (``scratch/templates.py``,
``global_objects``).
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import click

from harness.cli import editor
from harness.cli.common import (
    CLEAN,
    FINDINGS,
    given_directory,
    load_own_project,
    load_project,
    open_target,
    target_option,
    tell,
)
from harness.errors import HarnessError, ProjectError, did_you_mean
from harness.reports.words import MEANINGS

_DEFAULT_TARGET = "\0"  # no argument of a command line can be that


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
def init(directory: Path) -> None:
    """Start a small project, proved as it stands."""
    from harness import scaffold

    written = scaffold.write(directory)
    editor.refresh(directory)
    tell(str(directory / path) for path in written)
    click.echo("\nNow prove it:\n")
    tell(scaffold.next_steps(directory))
    tell(scaffold.for_the_root(directory), indent="")


@click.command()
@click.argument("module")
@click.argument("name")
def new(module: str, name: str) -> None:
    """Write the next pair of migration files of a module."""
    from harness.project import migrations

    project = load_own_project("new")
    known = [each.name for each in project.modules]
    if module not in known:
        raise ProjectError(
            f"no module {module!r}{did_you_mean(module, known)}",
            hint=f"modules: {', '.join(known)}; "
            f"to begin a new one, write under 'modules:' of project.yml: {module}: {{}}",
        )
    tell(map(os.path.relpath, migrations.new(project.root / project.paths.schema / module, name)), indent="")


@click.command()
@click.option(
    "--target",
    metavar="[NAME|DSN]",
    is_flag=False,
    flag_value=_DEFAULT_TARGET,
    help="Go through this target step by step; without a name, through the one that a run would take.",
)
def doctor(*, target: str | None) -> int:
    """Say what works here, what does not, and what to do about it.

    With --target: whether it can be reached, and used for harness test. It makes no database.

    Exits with 1 if there is a problem.
    """
    from harness.doctor import Severity, examine, examine_target

    if target is None:
        found = examine(load_project() if _inside_of_a_project() else None, os.environ)
    else:
        found = examine_target(load_project(), None if target == _DEFAULT_TARGET else target, os.environ)
    problems = False
    for each in found:
        click.echo(f"{each.severity.value:<8} {each.what}")
        if each.advice and each.severity is not Severity.OK:
            click.echo(f"{'':<8} {each.advice}")
        problems = problems or each.severity is Severity.PROBLEM
    return FINDINGS if problems else CLEAN


def _inside_of_a_project() -> bool:
    from harness.project.load import find_root

    try:
        return bool(given_directory() or find_root(Path.cwd()))
    except ProjectError:
        return False


@click.command()
@click.option("--all", "every", is_flag=True, help="Of all projects on that server, not of this one alone.")
@target_option
def clean(*, target: str | None, every: bool) -> None:
    """Remove what the tool keeps on a server.

    That is: templates, the roles they made, and scratch databases of killed runs.
    """
    from harness.scratch import templates

    project = load_project()
    with open_target(project, target) as server:
        said = templates.clean(server, None if every else project)
    tell(said or ["nothing to do"], indent="")


@click.command()
@click.argument("name", metavar="checks|project|report", type=click.Choice(["checks", "project", "report"]))
def schema(name: str) -> None:
    """Print the JSON Schema of a project's files, or of the report in JSON."""

    click.echo(editor.text(name), nl=False)


@click.command()
@click.argument("name", metavar="KIND|RULE", required=False)
def explain(name: str | None) -> None:
    """Print the manual page of a kind of check, or of a rule of the SQL style; without a name, of all kinds.

    Rules go by code or name (HS02, harness.text, LT05); lint lists those of the house. The verdicts (proved, present,
    broken, unreliable) have their sentence, too; verdicts prints all of them.
    """
    from harness.kinds import KINDS, manual

    if name is None:
        click.echo(manual.reference(KINDS), nl=False)
    elif name == "verdicts":
        tell((f"{word}: {meaning}" for word, meaning in MEANINGS.items()), indent="")
        click.echo("\nproved and present are green. The best is proved, then present, unreliable, broken, error.")
    elif name in MEANINGS:
        click.echo(f"{name}: {MEANINGS[name]}")
    elif name in KINDS:
        click.echo(manual.page(name, KINDS[name]), nl=False)
    else:
        click.echo(_rule(name, {*KINDS, *MEANINGS, "verdicts"}), nl=False)


def _rule(name: str, words: Collection[str]) -> str:
    from harness.lint import names, pages

    if (text := pages.explained(name)) is not None:
        return text
    meant = names.meant(name, {*words, *pages.known()})
    said = f"; did you mean {meant!r}?" if meant else ""
    raise HarnessError(
        f"no kind or rule {name!r}{said}",
        hint="harness explain prints all kinds, harness explain lint lists the house rules",
    )
