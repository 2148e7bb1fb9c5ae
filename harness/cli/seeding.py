"""``harness seed``: loads the fixtures, or generates rows with ``--rows``, and prints the result.

Not here: which rows of a file are inserted (``seeds``), and how rows are made (``bulk``).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from harness import plugins
from harness.cli.common import (
    ask,
    chosen,
    described,
    load_project,
    open_database,
    say_waiting,
    table,
    target_option,
    tell,
    yes_option,
)
from harness.reports.words import counted

if TYPE_CHECKING:
    from harness.project.model import Module, Project
    from harness.server.connection import Connection


@click.command()
@click.option("--rows", type=click.IntRange(min=1), metavar="N", help="Fill every table with N generated rows instead.")
@click.option(
    "--select",
    metavar="MODULE",
    multiple=True,
    help="Only these modules and what they depend on; with --rows also schemas and tables.",
)
@target_option
@yes_option
def seed(*, target: str | None, select: tuple[str, ...], rows: int | None) -> int:
    """Load the fixtures; loading them twice leaves the same rows.

    With --rows every table gets N generated rows more, which keep all rules, beside what stands in it. Exits with 1
    where a table stays empty.
    """
    project = load_project()
    with open_database(project, target, create=False) as (server, connection):
        click.echo(described(server, connection))
        ask("seed", server, connection)
        if rows is not None:
            return _generate(project, connection, rows, select)
        load(project, connection, chosen(project, select))
    return 0


def load(project: Project, connection: Connection, modules: Sequence[Module]) -> None:
    """Loads the fixtures of modules, and prints the result of each file."""
    from harness.project.folders import relative
    from harness.seeds import loading

    loaded = loading.load(connection, modules, root=project.root)
    changes = [f"{each.changed:,} written" if each.changed else "unchanged" for each in loaded]
    rows = [
        (str(relative(each.seed.path, project.root)), counted(each.rows, "row"), change)
        for each, change in zip(loaded, changes, strict=True)
    ]
    tell(table(rows))
    total = f"{counted(len(loaded), 'file')}, {counted(sum(each.rows for each in loaded), 'row')}"
    click.echo(total if loaded else "nothing to do")


def _generate(project: Project, connection: Connection, rows: int, select: tuple[str, ...]) -> int:
    from harness import declarations, kinds
    from harness.catalog import read
    from harness.migrations import ledger
    from harness.probes.statement import identifier
    from harness.proving import draws
    from harness.solver.declared import declared_pools
    from harness.solver.row_hints import as_meant

    bulk = plugins.load("bulk")
    draws.make_reproducible()
    checks = declarations.read(project, kinds.KINDS)
    started, empty, written, done = time.perf_counter(), 0, 0, 0
    with ledger.lock(connection, say_waiting):
        if project.search_path:
            # Triggers resolve names without a schema as they do for the application.
            connection.execute(f"set search_path = {', '.join(map(identifier, project.search_path))}".encode())
        catalog = read(connection, project.ledger_schema)
        site = bulk.BulkContext(connection, as_meant(catalog), declared_pools(connection, catalog, checks))
        wanted = bulk.sizes(site, rows, select)
        for each in bulk.load(site, [site.tables[name] for name in wanted], lambda table: wanted[table.name]):
            click.echo(f"  {each.table}  {counted(each.rows, 'row')}{_why_not_all(each)}")
            done, written, empty = done + 1, written + each.rows, empty + (not each.rows and not each.before)
    seconds = time.perf_counter() - started
    click.echo(f"{counted(done, 'table')}, {counted(written, 'row')} in {seconds:.1f} s" if done else "no tables")
    if empty:
        click.echo(f"{counted(empty, 'table')} left empty")
    return int(bool(empty))


def _why_not_all(filled: Any) -> str:
    """Says why a table that ``bulk`` has filled got fewer rows than were requested, and what was there before."""
    if filled.rows >= filled.requested:
        return ""
    before = f", {counted(filled.before, 'row')} there before" if filled.before and not filled.rows else ""
    return f" of {filled.requested:,}{before}: {filled.reason}"
