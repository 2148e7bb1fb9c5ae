"""The group of all verbs in the order of their use, with its options ``--project`` and ``--debug``."""

from __future__ import annotations

import click

from harness.cli.adopting import adopt, declare
from harness.cli.covering import coverage
from harness.cli.database import apply, reset, rollback, status
from harness.cli.linting import lint
from harness.cli.opening import psql, replay
from harness.cli.proving import test
from harness.cli.seeding import seed
from harness.cli.server import server
from harness.cli.service import clean, doctor, explain, init, new, schema


class _Ordered(click.Group):
    """Lists the verbs in the order of their use."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(self.commands)


_VERBS: list[click.Command] = [
    init,
    adopt,
    new,
    doctor,
    apply,
    rollback,
    status,
    seed,
    reset,
    server,
    psql,
    test,
    replay,
    declare,
    coverage,
    explain,
    lint,
    clean,
    schema,
]


@click.group(cls=_Ordered, commands=_VERBS, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--project", metavar="DIR", help="The directory of project.yml; by default the nearest, here or above.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="constraint-harness", prog_name="harness", message="%(prog)s %(version)s")
def harness(*, project: str | None, debug: bool) -> None:
    """Prove the integrity rules of a PostgreSQL schema with generated data.

    Exit codes: 0 clean, 1 findings, 2 could not run.
    """
