"""``harness adopt`` makes a project of an existing schema; ``harness declare`` adds what is new.

Refuses to overwrite files that are there, and lists the tables that could not be filled.
Not here: which check files an update changes or removes (``adopt/adoption.py``).
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from harness.cli import editor
from harness.cli.common import (
    CLEAN,
    COULD_NOT_RUN,
    FINDINGS,
    debugging,
    given_directory,
    load_project,
    open_target,
    table,
    target_option,
    tell,
)
from harness.errors import Place, ProjectError
from harness.grammar import quoted
from harness.reports.words import counted
from harness.scaffold import for_the_root

if TYPE_CHECKING:
    from harness.adopt.adoption import Adoption
    from harness.adopt.filling import FilledTables
    from harness.adopt.project_texts import SchemaSource
    from harness.adopt.survey import TableError
    from harness.catalog.model import Table
    from harness.inference import Blocker
    from harness.project.model import TableName
    from harness.server.connection import Server

CLOSED = "tables that take no row, by a rule or a CHECK that is false, or for want of a partition"
EMPTY = "tables without rows; what they need can be said under `rows:`"
FULL = "tables that hold rows from the start and take no others"

LOST = "tables lost to an error; please report what is a bug, with what `harness --debug adopt …` shows"

SHOWN = 20
"""Lines of one sort before the rest is only counted."""


@click.command()
@click.argument("source", nargs=-1, metavar="[SOURCE]...")
@click.option("--base", type=click.Path(path_type=Path), multiple=True, help="SQL run first: what the platform brings.")
@click.option("--layout", metavar="NAME", help="How the migrations lie there, if it is not found out by looking.")
@click.option("--schema", metavar="NAME", multiple=True, help="Describe this schema alone; may be given several times.")
@click.option("--stand-in", metavar="NAME", multiple=True, help="An extension that --base stands in for.")
@click.option("--search-path", metavar="NAME", multiple=True, help="A schema that the application's sessions look in.")
@click.option("--update", is_flag=True, help="Bring the project here up to date with its schema; keeps what you wrote.")
@click.option("--name", metavar="NAME", help="The name of the project.  [default: that of the directory]")
@target_option
def adopt(
    *,
    source: tuple[str, ...],
    base: tuple[Path, ...],
    layout: str | None,
    schema: tuple[str, ...],
    stand_in: tuple[str, ...],
    search_path: tuple[str, ...],
    update: bool,
    name: str | None,
    target: str | None,
) -> int:
    """Describe an existing schema: project.yml, and a check for every rule, one file a table.

    SOURCE is a connection string, a directory of migrations in any common layout, or SQL files in their order. A live
    database is only read; everything else happens in scratch databases. Files that are there are not overwritten.
    """
    from harness.adopt.project_texts import project_name

    if update:
        return _update(source, schema, target, "follow")
    root = given_directory() or Path.cwd()
    origin, texts = _origin(root, source, base, layout, schema)
    origin = replace(origin, search_path=search_path or origin.search_path, stand_ins=stand_in)
    _refuse_there(root, [Path("project.yml"), Path("checks"), *texts])
    return _adopt(root, name or project_name(root.resolve().name), origin, texts, schema, target)


@click.command()
@click.argument("source", nargs=-1, metavar="[DSN]")
@click.option("--schema", metavar="NAME", multiple=True, help="Look at this schema alone; may be given several times.")
@target_option
def declare(source: tuple[str, ...], schema: tuple[str, ...], target: str | None) -> int:
    """Declare what is new in the schema, and no check says: columns, keys, rules, tables.

    Nothing that the check files say is changed or taken out: where the schema does not keep it, harness test is red,
    and people decide which of the two is wrong. In a project of adopted schemas, where the schema is right, harness
    adopt --update changes what nobody has touched. The DSN is that of the database that was adopted, to look at it
    again.
    """
    return _update(source, schema, target, "add")


def _update(source: Sequence[str], schemas: Sequence[str], target: str | None, way: Literal["add", "follow"]) -> int:
    """Brings the project's files up to date; ``source`` may be the adopted database, which is dumped anew."""
    from harness.adopt import adoption, origin, project_texts

    project = load_project()
    if source:
        if len(source) > 1 or not origin.is_dsn(source[0]):
            raise ProjectError(
                "an update takes its schema from project.yml",
                hint="name nothing, or the connection string of the database that was adopted",
            )
        _, texts = origin.from_database(project.root, source[0], (), schemas)
        project_texts.write(project.root, texts)
        project = load_project()
    with open_target(project, target) as server:
        found = adoption.update(server, project, schemas, _progress, way)
    found.texts.write()
    done, left = [*found.changes.done, *found.hints.done], [*found.changes.left, *found.hints.left]
    tell(done, indent="")
    _listed("for you to decide", left)
    _list_unfilled(found.filled)
    click.echo(f"{counted(len(done), 'change')}" + ("" if done or left else ": nothing is new"))
    if _list_errors({**found.filled.errors, **found.hints.errors, **found.changes.errors}):
        return COULD_NOT_RUN
    return FINDINGS if left else CLEAN


def _origin(
    root: Path, source: Sequence[str], base: Sequence[Path], layout: str | None, schemas: Sequence[str]
) -> tuple[SchemaSource, dict[Path, str]]:
    from harness.adopt import origin

    if not source:
        url = os.environ.get("DATABASE_URL")
        if not url:
            raise ProjectError(
                "name what to adopt, or set DATABASE_URL",
                hint="harness adopt postgresql://user@host/database, harness adopt db/migrations, "
                "harness adopt schema.sql",
            )
        source = (url,)
    if any(map(origin.is_dsn, source)):
        if len(source) > 1:
            raise ProjectError("one database at a time")
        return origin.from_database(root, source[0], base, schemas)
    return origin.from_files(root, [Path(each) for each in source], layout, base), {}


def _refuse_there(root: Path, paths: Sequence[Path]) -> None:
    for path in paths:
        if os.path.lexists(root / path):
            raise ProjectError(
                "is there already, and adopt overwrites nothing",
                place=Place(path),
                hint="bring what is there up to date with --update, move it away, or adopt into another directory",
            )


def _adopt(
    root: Path, name: str, source: SchemaSource, texts: dict[Path, str], schemas: Sequence[str], target: str | None
) -> int:
    from harness.adopt import adoption, origin, project_texts
    from harness.server.targets import BUILT_IN

    home = target if target in BUILT_IN else "embedded"  # a connection string may hold a password
    project = origin.bare(root, name, source, texts)
    with open_target(project, target) as server:
        found = adoption.adopt(server, project, schemas, source, home, _progress)
    project_texts.create(root, texts | found.texts)
    editor.refresh(root)
    _report(server, found, len({*texts, *found.texts}))
    return COULD_NOT_RUN if _list_errors({**found.filled.errors, **found.survey.errors}) else CLEAN


def _progress(tables: Sequence[Table]) -> Iterator[Table]:
    """Shows on a terminal how far it is while tables are gone through."""
    if not sys.stdout.isatty():
        yield from tables
        return
    with click.progressbar(tables, label="rows") as shown:
        yield from shown


def _report(server: Server, adopted: Adoption, files_written: int) -> None:
    survey, filled = adopted.survey, adopted.filled
    kinds = Counter(check.kind for check in adopted.checks)
    schemas = Counter(each.name.schema for each in survey.tables)
    click.echo(f"{server.description}: {counted(len(survey.tables), 'table')}, {counted(kinds.total(), 'check')}")
    tell(table([(quoted(schema), counted(number, "table")) for schema, number in schemas.items()]))
    tell(table([(kind, f"{number:,}") for kind, number in kinds.most_common()]))
    if survey.partitions:
        click.echo(f"{counted(len(survey.partitions), 'partition')}: their rules are those of the partitioned tables")
    undeclarable = [f"{table}: {what}" for table, each in survey.descriptions.items() for what in each.undeclarable]
    undeclarable += [
        f"{table}: {quoted(name)}, {why}"
        for table, each in survey.descriptions.items()
        for name, why in each.known.items()
    ]
    _listed("what no check could say", undeclarable)
    _listed("not run in scratch databases", survey.skipped)
    _listed("no check of rollbacks, as nothing undoes these migrations", [str(each) for each in adopted.without_down])
    full = filled.tables - len(filled.empty) - len(filled.closed) - len(filled.errors)
    click.echo(f"{full:,} of {counted(filled.tables, 'table')} could be filled with rows")
    if filled.hints:
        hinted = counted(len(filled.hints), "table")
        click.echo(f"what triggers want of rows of {hinted} was found by trying: see `rows:` there")
    if kinds["policy"]:
        of = counted(len({check.table for check in adopted.checks if check.kind == "policy"}), "table")
        click.echo(f"policies of {of} are only compared as text: say by row_security who sees what, and it is tried")
    if filled.search_path:
        click.echo(f"functions name things without a schema: search_path is {', '.join(filled.search_path)}")
    _list_unfilled(filled)
    tell(for_the_root(Path.cwd()), indent="")
    click.echo(f"wrote {counted(files_written, 'file')}; now prove them: harness test --baseline baseline.json")


def _list_errors(errors: Mapping[TableName, TableError]) -> bool:
    """Lists the tables that an error of ours has cost; returns whether there are any."""
    _listed(LOST, [f"{name}: {each.reason}" for name, each in errors.items()], shown=len(errors))
    for each in errors.values() if debugging() else ():
        click.echo(each.traceback, err=True, nl=bool(each.traceback))
    return bool(errors)


def _list_unfilled(filled: FilledTables) -> None:
    """Lists the tables that could not be filled, each with the reason."""
    for title, tables in ((EMPTY, filled.empty), (FULL, filled.full), (CLOSED, filled.closed)):
        _listed(title, [_why(name, blocker) for name, blocker in tables.items()], shown=len(tables))


def _why(name: TableName, blocker: Blocker) -> str:
    above = f"needs {blocker.table}, which has none: " if blocker.table != name else ""
    return f"{name}: {above}{blocker.reason.removeprefix(f'{blocker.table} ')}"


def _listed(what: str, lines: Sequence[str], shown: int = SHOWN) -> None:
    if not lines:
        return
    click.echo(f"{what}:")
    tell(lines[:shown])
    if len(lines) > shown:
        click.echo(f"  and {len(lines) - shown:,} more")
