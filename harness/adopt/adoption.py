"""From a schema to a project: built in a scratch database, read from its catalog, and tried there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness import declarations
from harness.adopt import check_file, places, project_file, record
from harness.adopt.filling import FillResult, Tell, entry, fill
from harness.adopt.project_file import SchemaSource
from harness.adopt.refresh import ProjectChanges, add, check, learn, refresh
from harness.adopt.survey import Survey, survey
from harness.catalog import read
from harness.catalog.model import Table
from harness.foreign import builder
from harness.kinds import KINDS
from harness.project.model import Project, TableName
from harness.scratch.workspaces import Workspace, workspace
from harness.server.connection import Server

CHECKS = Path("checks")


def described(server: Server, project: Project, schemas: Sequence[str]) -> Survey:
    """Builds the schema and describes its tables. Raises what building it raises."""
    with workspace(server, project, project.modules) as space:
        others = frozenset() if schemas else platform(space, project)
        with space.connect(space.clone()) as connection:
            found = survey(connection, project.ledger_schema, schemas=schemas, without=others)
            return replace(found, search_path=bool(project.search_path))


def platform(space: Workspace, project: Project) -> frozenset[TableName]:
    """The tables that ``base:`` alone brings: they are somebody else's."""
    if not project.base:
        return frozenset()
    with space.connect(space.empty()) as connection:
        builder.prepare(connection, project, space.outside())
        return frozenset(read(connection, project.ledger_schema).tables)


def written(survey: Survey, name: str, origin: SchemaSource, target: str) -> dict[Path, str]:
    """All files of the project, by their paths below its directory."""
    names = [table.name for table in survey.tables]
    paths = {table: CHECKS / path for table, path in places.paths(names).items()}
    files = {path: check_file.render(survey.sheets[table], path) for table, path in paths.items()}
    files[CHECKS / record.FILE] = record.dumps(survey.sheets.values())
    modules = list(places.modules(names).values())
    return {Path("project.yml"): project_file.render(name, modules, origin, target), **files}


def filled(server: Server, project: Project, survey: Survey, tables: Sequence[Table], tell: Tell) -> FillResult:
    """Tries rows of tables, one after the other, with all that their check files say."""
    if not tables:
        return FillResult(0, {}, {})
    declared = declarations.read(project, KINDS)
    with workspace(server, project, project.modules) as space, space.connect(space.clone()) as connection:
        return fill(connection, survey.catalog, declared, tables, project.search_path, tell)


def taught(survey: Survey, found: FillResult) -> Survey:
    """The survey with what was found out about the rows of its tables."""
    sheets = {
        name: replace(sheet, rows=entry(found.learnt[name])) if name in found.learnt else sheet
        for name, sheet in survey.sheets.items()
    }
    return replace(survey, sheets=sheets)


def learnt(project: Project, survey: Survey, found: FillResult) -> ProjectChanges:
    """What has to change in a project that is there, with what was found out. Writes nothing."""
    change = learn(project, survey, {table: entry(hints) for table, hints in found.learnt.items()})
    check(change, project)
    if found.search_path:
        names = ", ".join(found.search_path)
        change.left.append(
            f"project.yml: functions name things without a schema; with search_path: [{names}] they work"
        )
    return change


def refreshed(
    server: Server, project: Project, schemas: Sequence[str], *, change_what_is_there: bool
) -> tuple[Survey, ProjectChanges]:
    """What has to change in a project so that it describes its schema as that is now. Writes nothing.

    Without ``change_what_is_there`` only what no check declares comes in.
    """
    found = described(server, project, schemas)
    change = refresh(project, found) if change_what_is_there else add(project, found)
    check(change, project)
    return found, change
