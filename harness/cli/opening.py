"""``harness psql``: a database of the project, opened in psql."""

from __future__ import annotations

import click

from harness.cli.common import load_project, open_target, target_option
from harness.errors import TargetError


@click.command()
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGUMENT...]")
@click.option("--scratch", is_flag=True, help="A copy with migrations and fixtures, dropped at the end.")
@target_option
def psql(arguments: tuple[str, ...], scratch: bool, target: str | None) -> int:
    """Open the target's database in psql.

    What stands behind -- goes to psql: harness psql -- -c 'select 1'. The exit code is that of psql.
    """
    from harness.database import client
    from harness.database.scratch import workspace
    from harness.database.targets import has_database

    project = load_project()
    client.psql()  # before a server starts
    with open_target(project, target) as server:
        if scratch:
            with workspace(server, project, project.modules) as space:
                return client.run(server, space.clone(), arguments)
        name = server.default_database
        if server.own and not has_database(server, name):
            raise TargetError(
                f"there is no database {name} yet",
                hint="harness apply makes it; harness psql --scratch opens a copy that is dropped at the end",
            )
        return client.run(server, name, arguments)
