"""``harness psql`` and ``replay``: open a database in psql, and show a saved failure there again.

Refuses a check without a saved script, and a script that takes two sessions.
Not here: which scripts are kept (``reports/scripts.py``), and their text (``proving/reproduction.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.common import CLEAN, COULD_NOT_RUN, FINDINGS, load_project, open_target, target_option
from harness.errors import Place, ProjectError, TargetError, did_you_mean

if TYPE_CHECKING:
    from harness.declarations import DeclaredCheck
    from harness.project.model import Project


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[ARGUMENT]...")
@click.option("--scratch", is_flag=True, help="A copy with migrations and fixtures, dropped at the end.")
@target_option
def psql(*, arguments: tuple[str, ...], scratch: bool, target: str | None) -> int:
    """Open the target's database in psql.

    What is no option of ours goes to psql: harness psql -c 'select 1'; behind -- everything does. The exit code is that
    of psql.
    """
    from harness.scratch.workspaces import workspace
    from harness.server import psql, targets
    from harness.server.data_directory import APPLICATION, SCRATCH

    project = load_project()
    psql.psql()  # before a server starts
    with open_target(project, target, ending=SCRATCH if scratch else APPLICATION) as server:
        if scratch:
            with workspace(server, project, project.modules) as space:
                return psql.run(server, space.clone(), arguments)
        name = server.default_database
        if server.own and not targets.has_database(server, name):
            raise TargetError(
                f"there is no database {name} yet",
                hint="harness apply makes it; harness psql --scratch opens a copy that is dropped at the end",
            )
        return psql.run(server, name, arguments)


@click.command()
@click.argument("check")
@target_option
def replay(check: str, target: str | None) -> int:
    """Show the saved failure of a check again, in a scratch database.

    CHECK is its name, as the run has said it. psql shows each statement of the script .harness/repro/CHECK.sql, and
    what comes of it; at the end stands what was expected, what was actual, and what comes of it now. Exits with 1 if
    the fault is there, and with 0 if it is gone; with 2 if that could not be tried.
    """
    from harness import declarations, kinds
    from harness.proving.reproduction import GONE, SHOWN
    from harness.scratch.workspaces import workspace
    from harness.server import psql

    project = load_project()
    found = _named(declarations.read(project, kinds.KINDS), check)
    script = _script(project, found)
    psql.psql()  # before a server starts
    with (
        open_target(project, target) as server,
        workspace(server, project, project.with_dependencies([found.module])) as space,
    ):
        said = psql.output(server, space.clone(), ["--no-psqlrc", "--echo-queries", f"--file={script}"])
    click.echo(said, nl=False)
    return {GONE: CLEAN, SHOWN: FINDINGS}.get(said.rstrip().rpartition("\n")[2], COULD_NOT_RUN)


def _named(checks: Sequence[DeclaredCheck], name: str) -> DeclaredCheck:
    known = {check.name: check for check in checks}
    if name not in known:
        hint = "name it as the run did; see what fails: harness test"
        raise ProjectError(f"no check {name!r}{did_you_mean(name, known)}", hint=hint)
    return known[name]


def _script(project: Project, check: DeclaredCheck) -> Path:
    """Returns the script of a check; raises :class:`ProjectError` if psql cannot run it alone."""
    from harness.proving.reproduction import by_hand
    from harness.reports import scripts

    script = scripts.of(project.root, check.name)
    if script is None:
        raise ProjectError(
            f"no failure of {check.name} is saved, or none that psql can show",
            hint=f"look whether it fails: harness test --select {check.name}",
        )
    if by_hand(script.read_text(encoding="utf-8")):
        raise ProjectError(
            "this takes two sessions, so it is followed by hand",
            place=Place(script.relative_to(project.root)),
            hint="open psql twice on a database that can be thrown away, and type what stands in the file",
        )
    return script
