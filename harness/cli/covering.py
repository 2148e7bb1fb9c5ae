"""``harness coverage``: lists the rules that no check declares, and decides the exit code.

It fails below ``--fail-under`` percent, or if a check matches nothing.
Not here: the comparison of checks and catalog (``adopt/coverage.py``).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness import files
from harness.cli.common import load_project, table, target_option, tell
from harness.grammar import quoted
from harness.reports.words import counted

if TYPE_CHECKING:
    from harness.adopt.coverage import Coverage
    from harness.catalog.model import Catalog
    from harness.project.model import Project, TableName

REPORT = "coverage.json"


@click.command()
@click.option(
    "--fail-under",
    type=click.FloatRange(0, 100),
    default=100.0,
    show_default=True,
    metavar="PERCENT",
    help="Exit with 1 if fewer of the rules are declared.",
)
@click.option("--report", type=click.Choice(["json"]), help="Also write a report.")
@click.option("--report-dir", metavar="DIR", help="Where the report goes.  [default: .harness/reports]")
@target_option
def coverage(fail_under: float, report: str | None, report_dir: str | None, target: str | None) -> int:
    """Say which rules of the schema no check declares, and which checks match nothing.

    Columns, defaults and privileges count, too; the rules that test names are fewer.

    A trigger counts as declared also if no check says what it does; such triggers are listed separately.

    Looks at a scratch database that is built from the project; with a connection string as --target, at that database,
    which is only read. Exits with 1 if fewer than --fail-under percent of the rules are declared, or a check matches
    nothing.
    """
    from harness import declarations, kinds
    from harness.adopt.coverage import coverage as compare

    project = load_project()
    declared = declarations.read(project, kinds.KINDS)
    with _catalog(project, target) as (catalog, description, foreign):
        found = compare(catalog, declared, foreign)
    tell(_lines(found), indent="")
    what = "columns, defaults, privileges and rules"
    click.echo(f"{description}: {found.declared:,} of {found.rules:,} {what} declared, {found.percent:.1f} %")
    if report:
        directory = Path(report_dir) if report_dir else project.root / ".harness" / "reports"
        files.write(directory / REPORT, json.dumps(_json(found), indent=2) + "\n")
    return int(found.percent < fail_under or bool(found.idle))


@contextmanager
def _catalog(project: Project, flag: str | None) -> Iterator[tuple[Catalog, str, frozenset[TableName]]]:
    """The catalog to look at, its name in the report, and the tables in it that need no checks."""
    from harness.adopt import adoption, survey
    from harness.catalog import read
    from harness.scratch.workspaces import workspace
    from harness.server.targets import open_server, resolve

    target = resolve(project, flag, os.environ)
    with open_server(project, target) as server:
        if target.kind == "dsn":
            with server.connect(server.default_database) as connection:
                connection.execute("set default_transaction_read_only = on")
                catalog, foreign = read(connection, project.ledger_schema), survey.of_extensions(connection)
                yield catalog, f"{server.description}, {server.default_database}", foreign
            return
        with workspace(server, project, project.modules) as space, space.connect(space.clone()) as connection:
            foreign = survey.of_extensions(connection) | {*adoption.platform(space, project)}
            yield read(connection, project.ledger_schema), server.description, foreign


def _lines(found: Coverage) -> Iterator[str]:
    rows = [
        (str(each.table), f"{each.percent:5.1f} %", f"{each.declared}/{each.rules}")
        for each in found.tables
        if each.undeclared
    ]
    for row, each in zip(table(rows), [each for each in found.tables if each.undeclared], strict=True):
        yield row
        yield from (f"  undeclared: {part}" for part in each.undeclared)
    if found.triggers:
        yield f"declared, but no check says what it does: {counted(found.triggers, 'trigger')}"
        yield from (
            f"  {each.table}  {', '.join(map(quoted, each.triggers))}" for each in found.tables if each.triggers
        )
    texts = [each for each in found.tables if each.policies]
    if texts:
        yield f"policies that are only compared as text, of {counted(len(texts), 'table')} without a row_security:"
        yield from (f"  {each.table}  {', '.join(map(quoted, each.policies))}" for each in texts)
    yield from (f"matches nothing: {check.name}  {check.place}  ({what})" for check, what in found.idle)


def _json(found: Coverage) -> dict[str, Any]:
    return {
        "rules": found.rules,
        "declared": found.declared,
        "percent": round(found.percent, 2),
        "opaque_triggers": found.triggers,
        "opaque_policies": found.policies,
        "tables": [
            {
                "table": str(each.table),
                "rules": each.rules,
                "declared": each.declared,
                "percent": round(each.percent, 2),
                "undeclared": [{"kind": part.kind, "name": part.name} for part in each.undeclared],
                "opaque_triggers": list(each.triggers),
                "opaque_policies": list(each.policies),
            }
            for each in found.tables
        ],
        "matching_nothing": [
            {"check": check.name, "place": str(check.place), "missing": what} for check, what in found.idle
        ],
    }
