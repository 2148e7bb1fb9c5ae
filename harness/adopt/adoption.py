"""The steps of ``adopt`` and of an update: builds the schema, describes it, tries rows, returns texts.

Decides which tables belong to the platform and get no file (those that ``base:`` alone makes), and for which tables an
update tries rows again (those whose files it changes).
Not here: which files are written, changed or removed (``refresh.py``), and lines within one file (``update.py``).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from harness.adopt import check_file, project_file, record
from harness.adopt.filling import FilledTables, Tell, entry, fill
from harness.adopt.project_file import SchemaSource
from harness.adopt.project_texts import ProjectTexts
from harness.adopt.refresh import ProjectChanges, add, add_row_hints, refresh
from harness.adopt.survey import Survey, survey
from harness.catalog import read
from harness.foreign import builder
from harness.project.load import FILE, from_text
from harness.project.model import Project, TableName
from harness.proving import draws
from harness.scratch.workspaces import Workspace, workspace
from harness.server.connection import Server

CHECKS = Path("checks")


@dataclass(frozen=True)
class Adoption:
    """A schema that has been described and tried, with the texts of the project that it becomes."""

    survey: Survey
    filled: FilledTables
    texts: dict[Path, str]


def adopt(
    server: Server, project: Project, schemas: Sequence[str], source: SchemaSource, target: str, tell: Tell
) -> Adoption:
    """Describes the schema of a project that has no files yet, and finds out by trying what its rows need.

    ``target`` is what ``project.yml`` is to name. Raises what building the schema raises.
    """
    found = described(server, project, schemas)
    texts = project_texts(found, project.name, source, target)
    loaded = from_text(project.root, texts[Path(FILE)], base=project.base, adopted=project.adopted)
    filled = fill_tables(server, ProjectTexts(loaded, texts), found, found.descriptions, tell)
    found = replace(
        found,
        descriptions={
            name: replace(each, rows=entry(filled.hints[name])) if name in filled.hints else each
            for name, each in found.descriptions.items()
        },
    )
    source = replace(source, search_path=source.search_path or filled.search_path)
    return Adoption(found, filled, project_texts(found, project.name, source, target))


@dataclass(frozen=True)
class Refreshed:
    """A project after an update, its texts not written yet; ``changes`` come from the schema, ``hints`` from trying."""

    texts: ProjectTexts
    changes: ProjectChanges
    hints: ProjectChanges
    filled: FilledTables


def update(
    server: Server, project: Project, schemas: Sequence[str], tell: Tell, way: Literal["add", "follow"]
) -> Refreshed:
    """Brings a project up to date with its schema; to ``add`` changes nothing that its files say."""
    before = ProjectTexts(project)
    found = described(server, project, schemas)
    changes = add(before, found) if way == "add" else refresh(before, found)
    texts = before.with_changes(changes.files)
    # No rule of the catalog says what a new trigger needs of rows.
    filled = fill_tables(
        server, texts, found, [table for table, path in texts.described.items() if path in changes.files], tell
    )
    hints = add_row_hints(texts, found, {table: entry(each) for table, each in filled.hints.items()})
    if filled.search_path:
        names = ", ".join(filled.search_path)
        hints.left.append(f"project.yml: functions name things without a schema; with search_path: [{names}] they work")
    return Refreshed(texts.with_changes(hints.files), changes, hints, filled)


def described(server: Server, project: Project, schemas: Sequence[str]) -> Survey:
    """Builds the schema and describes its tables. Raises what building it raises."""
    with workspace(server, project, project.modules) as space:
        others = frozenset() if schemas else platform(space, project)
        with space.connect(space.clone()) as connection:
            return replace(
                survey(connection, project.ledger_schema, schemas=schemas, without=others),
                search_path=bool(project.search_path),
            )


def platform(space: Workspace, project: Project) -> frozenset[TableName]:
    """The tables that ``base:`` alone brings: the platform describes them, not the project."""
    if not project.base:
        return frozenset()
    with space.connect(space.empty()) as connection:
        builder.prepare(connection, project, space.guard())
        return frozenset(read(connection, project.ledger_schema).tables)


def project_texts(survey: Survey, name: str, source: SchemaSource, target: str) -> dict[Path, str]:
    """The texts of ``project.yml`` and of all check files, by their paths below the project's root."""
    names = [table.name for table in survey.tables]
    paths = {table: CHECKS / path for table, path in check_file.paths(names).items()}
    files = {path: check_file.render(survey.descriptions[table], path) for table, path in paths.items()}
    files[CHECKS / record.FILE] = record.dumps(survey.descriptions.values())
    return {Path(FILE): project_file.render(name, list(check_file.modules(names).values()), source, target), **files}


def fill_tables(
    server: Server, texts: ProjectTexts, survey: Survey, names: Collection[TableName], tell: Tell
) -> FilledTables:
    """Tries rows of tables, one after the other, with all that their check files say."""
    tables = [table for table in survey.tables if table.name in names]
    if not tables:
        return FilledTables(0, {}, {})
    draws.make_reproducible()
    project = texts.project
    with workspace(server, project, project.modules) as space, space.connect(space.clone()) as connection:
        return fill(connection, survey.catalog, texts.checks, tables, project.search_path, tell)
