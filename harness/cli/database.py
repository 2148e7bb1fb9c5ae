"""The verbs of migrations: ``apply``, ``rollback``, ``status``, and ``reset`` of a private database.

Refuses migrations without a statement, and options that contradict each other. Decides when a person is asked: before a
rollback, and before an apply to a server that ``.env`` names.
Not here: which migrations are applied or taken back (``migrations/plan.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from harness.cli.common import (
    ask,
    chosen,
    described,
    load_own_project,
    open_database,
    private_target,
    say_waiting,
    table,
    target_option,
    tell,
    yes_option,
)
from harness.reports.words import counted

if TYPE_CHECKING:
    from harness.migrations.migrate import Direction, Event, Migrator
    from harness.project.model import Migration, Module, Project
    from harness.server.connection import Connection, Server


@click.command()
@click.option("--to", metavar="MODULE/NNN", help="The last migration to apply.")
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="How many to apply at most.")
@click.option("--dry-run", is_flag=True, help="Say what would be applied; parse it, execute nothing.")
@click.option("--rerun", metavar="MODULE/NNN", help="Run a half applied migration again from its first statement.")
@click.option("--mark-applied", metavar="MODULE/NNN", help="Enter a migration in the ledger without running it.")
@click.option(
    "--accept-edit",
    metavar="MODULE/NNN",
    multiple=True,
    help="Enter an edited migration in the ledger as it is now, without running it.",
)
@click.option(
    "--renumbered",
    metavar="MODULE/NNN=NNN",
    multiple=True,
    help="Give a migration in the ledger the number that its file has now.",
)
@click.option("--out-of-order", is_flag=True, help="Apply also what is pending below the newest that is applied.")
@click.option("--select", metavar="MODULE", multiple=True, help="Only these modules and what they depend on.")
@target_option
@yes_option
def apply(
    *,
    target: str | None,
    select: tuple[str, ...],
    dry_run: bool,
    accept_edit: tuple[str, ...],
    renumbered: tuple[str, ...],
    **options: Any,
) -> None:
    """Apply the migrations that are pending."""
    project = load_own_project("apply")
    modules = chosen(project, select)
    _refuse_two_of(
        ("rerun", "mark_applied", "accept_edit", "renumbered"),
        options | {"accept_edit": accept_edit, "renumbered": renumbered},
    )
    if not (options["to"] or options["steps"] or options["mark_applied"] or accept_edit or renumbered):
        _refuse_drafts(project, modules)
    names = accept_edit or renumbered
    progress = _MigrationProgress(project)
    with open_database(project, target, create=not dry_run and not names) as (server, connection):
        click.echo(described(server, connection))
        if server.from_dotenv:
            ask("apply", server, connection)
        migrator = _migrator(server, connection, project, modules, progress)
        migrator = replace(migrator, dry_run=dry_run, out_of_order=options.pop("out_of_order"))
        if names:
            for row, migration in migrator.accept(names) if accept_edit else migrator.renumber(names):
                what = "its file has it now" if accept_edit else migration.id
                click.echo(f"  {row.id}  {'would be entered' if dry_run else 'entered'} as {what}")
            click.echo("nothing was executed")
            return
        found = migrator.apply(**options)
    progress.total(found)


@click.command()
@click.option("--to", metavar="MODULE/NNN", help="The last migration to keep.")
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="How many to take back.  [default: 1]")
@click.option("--all", "everything", is_flag=True, help="Take everything back.")
@click.option("--dry-run", is_flag=True, help="Say what would be taken back; parse it, execute nothing.")
@click.option("--rerun", metavar="MODULE/NNN", help="Run the down file of a half rolled back migration again.")
@click.option("--mark-rolled-back", metavar="MODULE/NNN", help="Only take a migration out of the ledger.")
@click.option("--select", metavar="MODULE", multiple=True, help="Only these modules and what depends on them.")
@target_option
@yes_option
def rollback(
    *,
    target: str | None,
    select: tuple[str, ...],
    dry_run: bool,
    steps: int | None,
    everything: bool,
    **options: Any,
) -> None:
    """Take back what was applied last."""
    project = load_own_project("rollback")
    modules = project.with_dependents(select) if select else project.modules
    _refuse_two_of(("to", "steps", "all"), options | {"steps": steps, "all": everything})
    progress = _MigrationProgress(project, "down")
    with open_database(project, target, create=False) as (server, connection):
        click.echo(described(server, connection))
        ask("rollback", server, connection)
        migrator = replace(_migrator(server, connection, project, modules, progress), dry_run=dry_run)
        found = migrator.rollback(steps=None if everything else steps or 1, **options)
    progress.total(found)


@click.command()
@click.option("--exit-code", is_flag=True, help="Exit with 1 unless every migration is applied.")
@target_option
def status(*, target: str | None, exit_code: bool) -> int:
    """Show which migrations the database has."""
    from harness.migrations import ledger, migration_set

    project = load_own_project("status")
    with open_database(project, target, create=False) as (server, connection):
        click.echo(described(server, connection))
        migrations = migration_set.MigrationSet(
            project, project.modules, ledger.read(connection, project.ledger_schema)
        )
    statuses = migrations.statuses()
    times = [each.row.applied_at if each.row else None for each in statuses]
    rows = [("migration", "state", "applied at")] + [
        (each.id, each.text, at.strftime("%Y-%m-%d %H:%M:%S %Z").strip() if at else "")
        for each, at in zip(statuses, times, strict=True)
    ]
    if statuses:
        click.echo()
    tell(table(rows) if statuses else ["no migrations"], indent="")
    if command := migrations.renumbering():
        click.echo(f"hint: {command}")
    return int(exit_code and any(each.state is not migration_set.State.APPLIED for each in statuses))


def _refuse_drafts(project: Project, modules: tuple[Module, ...]) -> None:
    """Raises :class:`ProjectError` at a file without a statement, which is not written yet."""
    from harness.project.migrations import refuse_draft

    for module in modules:
        for each in (*module.migrations, *module.drafts):
            refuse_draft(project.root, each)


def _refuse_two_of(names: tuple[str, ...], options: Mapping[str, Any]) -> None:
    given = ["--" + name.replace("_", "-") for name in names if options[name]]
    if len(given) > 1:
        raise click.UsageError(f"{' and '.join(given)} say different things: give one of them")


@click.command()
@target_option
def reset(target: str | None) -> None:
    """Take everything back, apply it anew and load the fixtures; on the tool's own server only."""
    from harness.cli.seeding import load

    project = load_own_project("reset")
    one_by_one = "harness rollback --all, harness apply and harness seed do it one by one"
    private_target(project, target, "reset", f"say --target embedded; on your own server {one_by_one}")
    _refuse_drafts(project, project.modules)
    with open_database(project, target, create=True) as (server, connection):
        click.echo(described(server, connection))
        back, forth = _MigrationProgress(project, "down"), _MigrationProgress(project)
        migrator = _migrator(server, connection, project, project.modules, back)
        back.total(migrator.rollback(steps=None))
        forth.total(replace(migrator, on_event=forth).apply())
        load(project, connection, project.modules)


def _migrator(
    server: Server,
    connection: Connection,
    project: Project,
    modules: tuple[Module, ...],
    progress: _MigrationProgress,
) -> Migrator:
    from harness.global_objects.takeover import ApplicationGuard
    from harness.migrations import migrate

    return migrate.Migrator(connection, project, modules, ApplicationGuard(server), server.own, on_event=progress)


class _MigrationProgress:
    """Prints each file when it is done, and at the end how many there were."""

    def __init__(self, project: Project, direction: Direction = "up") -> None:
        self._project = project
        self._verb, self._done = ("apply", "applied") if direction == "up" else ("roll back", "rolled back")
        self._seconds = 0.0

    def __call__(self, event: Event) -> None:
        if event.kind == "waiting":
            say_waiting()
        elif event.kind == "finished" and event.migration is not None:
            self._seconds += event.seconds
            click.echo(f"  {self._file(event.migration)}  {event.seconds * 1000:,.0f} ms")

    def total(self, found: tuple[Migration, ...]) -> None:
        """Prints the last line; for a dry run the files first."""
        given = click.get_current_context().params
        if not found:
            click.echo("nothing to do")
        elif given.get("dry_run"):
            tell(map(self._file, found))
            click.echo(f"would {self._verb} {counted(len(found), 'migration')}")
        elif given.get("mark_applied") or given.get("mark_rolled_back"):
            click.echo(f"{found[0].id} marked as {self._done}; nothing was executed")
        else:
            click.echo(f"{counted(len(found), 'migration')} {self._done} in {self._seconds:.1f} s")

    def _file(self, migration: Migration) -> str:
        from harness.project.folders import relative

        path = migration.up if self._verb == "apply" else migration.down
        if path is None:
            return f"{migration.id}, by the down text in the ledger"
        return str(relative(path, self._project.root))
