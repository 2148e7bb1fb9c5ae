"""The steps of ``adopt`` and of an update: builds the schema, describes it, tries rows, returns texts.

Decides which tables belong to the platform and get no file (those that ``base:`` alone makes), for which tables an
update tries rows again, and by file what an update does: written, changed, removed with its table, or only reported.
Nothing here writes files. Not here: which lines change within one file (``update.py``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import yaml as pyyaml

from harness.adopt import check_file, record
from harness.adopt.asking import Asked, ask
from harness.adopt.edit import Editor
from harness.adopt.filling import FilledTables, Tell, entry, fill
from harness.adopt.project_texts import ROLLBACK, SQLFLUFF, ProjectTexts, SchemaSource, render
from harness.adopt.record import AdoptedTable
from harness.adopt.survey import Survey, TableError, guarded, survey
from harness.adopt.update import CheckFileUpdate
from harness.catalog import Table, read
from harness.declarations import DeclaredCheck
from harness.describe import CheckEntry, yaml
from harness.foreign import builder
from harness.project.json_schema import modeline
from harness.project.load import FILE, from_text
from harness.project.model import Project, TableName
from harness.proving import draws
from harness.scratch.workspaces import Workspace, workspace
from harness.server.connection import Server


@dataclass
class ProjectChanges:
    """Changes to the files of a project.

    ``files`` are texts to be written, None for a file to be removed; ``done`` and ``left`` are sentences to report.
    Tables with ``errors`` stay as they are.
    """

    texts: ProjectTexts
    files: dict[Path, str | None] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    errors: dict[TableName, TableError] = field(default_factory=dict)

    @property
    def record_path(self) -> Path:
        return Path(self.texts.project.paths.checks) / record.FILE

    def update(self, path: Path, update: CheckFileUpdate, new: str) -> None:
        """Books the new text of a check file, and what was done to it."""
        if new != update.editor.text:
            self.files[path] = new
        self.done += [f"{path}: {what}" for what in update.done]
        self.left += [f"{path}: {what}" for what in update.left]

    def update_table(self, survey: Survey, table: Table, before: AdoptedTable | None) -> None:
        """Brings the file of a table up to date."""
        path = self.texts.described[table.name]
        text = self.texts.text(path)
        if len(list(pyyaml.compose_all(text, Loader=pyyaml.SafeLoader))) != 1:
            self.left.append(f"{path}: several documents in a file are not brought up to date")
            return
        of_table = [check for check in self.texts.checks if check.table == table.name]
        update = CheckFileUpdate(
            Editor(text),
            table,
            survey.descriptions[table.name],
            before,
            [check for check in of_table if check.place.path == path],
            [check for check in of_table if check.place.path != path],
        )
        self.update(path, update, update.run())

    def add_table(self, survey: Survey, table: TableName) -> None:
        """Adds the file of a table that has none."""
        path = Path(self.texts.project.paths.checks) / check_file.paths(each.name for each in survey.tables)[table]
        if (self.texts.project.root / path).exists():
            self.left.append(f"{path}: is there, and describes another table than {table}")
            return
        self.files[path] = check_file.render(survey.descriptions[table], path)
        self.done.append(f"{path}: new")

    def remove_table(self, table: TableName, before: AdoptedTable) -> None:
        """Removes the file of a table that is not in the schema any more, if it is as it was written."""
        path = self.texts.described.get(table)
        if path is None:
            return
        gone = f"{table} has no rules of its own any more" if before.partition else f"the table {table} is gone"
        # Older files lack the first line, by which editors find the schema.
        text = self.texts.text(path).removeprefix(f"{modeline(path, 'checks')}\n")
        if text == check_file.document(before.described(table)):
            self.files[path] = None
            self.done.append(f"{path}: removed, {gone}")
        else:
            self.left.append(f"{path}: {gone}; the file says more of it than adopt did")

    def add_modules(self) -> None:
        """Makes the schemas of new files modules of ``project.yml``."""
        new = sorted(
            {path.parts[1] for path in self.files if len(path.parts) > 2}
            - {module.name for module in self.texts.project.modules}
        )
        if not new:
            return
        editor = Editor(self.texts.text(Path(FILE)))
        modules = editor.get(editor.root, "modules")
        if not isinstance(modules, pyyaml.MappingNode):
            self.left.append(f"{FILE}: add the modules {', '.join(new)}")
            return
        editor.change(modules, {name: {} for name in new})
        self.files[Path(FILE)] = editor.result()
        self.done += [f"{FILE}: module {name}" for name in new]


def add(texts: ProjectTexts, survey: Survey) -> ProjectChanges:
    """Declares the rules of the schema that no check declares; all that the files say stays."""
    found = ProjectChanges(texts, errors=dict(survey.errors))
    new = []
    for table in survey.tables:
        with guarded(found.errors, table.name):
            if table.name in texts.described:
                found.update_table(survey, table, None)
            else:
                new.append(survey.descriptions[table.name])
                found.add_table(survey, table.name)
    found.add_modules()
    kept = record.load(texts.project.root / found.record_path)
    if kept and new:
        # The other files are those of ``adopt``, so these can be brought up to date like them.
        found.files[found.record_path] = record.dumps(new, kept)
    return found


def refresh(texts: ProjectTexts, survey: Survey) -> ProjectChanges:
    """Has the files of a project follow its schema, which is right where the two differ."""
    found = ProjectChanges(texts, errors=dict(survey.errors))
    recorded = record.load(texts.project.root / found.record_path)
    for table in survey.tables:
        with guarded(found.errors, table.name):
            before = recorded.get(table.name)
            if table.name in texts.described:
                found.update_table(survey, table, before)
            elif before is None:
                found.add_table(survey, table.name)
            else:
                found.left.append(f"{table.name}: no file describes it any more")
    for name, before in recorded.items():
        if name not in survey.descriptions and name not in found.errors:
            found.remove_table(name, before)
    found.add_modules()
    descriptions = [each for name, each in survey.descriptions.items() if name not in found.errors]
    found.files[found.record_path] = record.dumps(
        descriptions, {name: before for name, before in recorded.items() if name in found.errors}
    )
    return found


def add_row_hints(texts: ProjectTexts, survey: Survey, hints: Mapping[TableName, CheckEntry]) -> ProjectChanges:
    """Adds what was found out by trying about the rows of tables to their files."""
    found = ProjectChanges(texts)
    for table, hint in hints.items():
        with guarded(found.errors, table):
            path = texts.described[table]
            now, own = survey.descriptions[table], [check for check in texts.checks if check.table == table]
            own = [check for check in own if check.place.path == path]
            update = CheckFileUpdate(Editor(texts.text(path)), survey.catalog.table(table), now, None, own)
            found.update(path, update, update.add_row_hints(hint))
    return found


CHECKS = Path("checks")
SETTINGS = Path(".sqlfluff")


@dataclass(frozen=True)
class Adoption:
    """A schema that has been described and tried, with the texts of the project that it becomes."""

    survey: Survey
    filled: FilledTables
    checks: tuple[DeclaredCheck, ...]
    texts: dict[Path, str]
    without_down: tuple[Path, ...] = ()


def adopt(
    server: Server, project: Project, schemas: Sequence[str], source: SchemaSource, target: str, tell: Tell
) -> Adoption:
    """Describes the schema of a project that has no files yet, and finds out by trying what its rows need.

    ``target`` is what ``project.yml`` is to name. Raises what building the schema raises.
    """
    found = describe_tables(server, project, schemas)
    steps = project.adopted.steps if project.adopted else ()
    without_down = tuple(step.path for step in steps if step.down is None)
    undone = rollback_check(found) if steps and not without_down else {}
    texts = project_texts(found, project.name, source, target) | undone
    loaded = from_text(project.root, texts[Path(FILE)], base=project.base, adopted=project.adopted)
    files = ProjectTexts(loaded, texts)
    filled = fill_tables(server, files, found, found.descriptions, tell)
    errors = {**found.errors}
    asked = ask(server, files, found, filled, errors)
    hinted: dict[TableName, Asked] = {table: {"rows": entry(hints)} for table, hints in filled.hints.items()}
    described = {
        name: replace(each, **hinted.get(name, {}), **asked.get(name, {})) for name, each in found.descriptions.items()
    }
    found = replace(found, descriptions=described, errors=errors)
    source = replace(source, search_path=source.search_path or filled.search_path)
    texts = project_texts(found, project.name, source, target) | undone
    if not (project.root / SETTINGS).exists():
        texts[SETTINGS] = SQLFLUFF
    return Adoption(found, filled, files.checks, texts, without_down if len(without_down) < len(steps) else ())


def rollback_check(survey: Survey) -> dict[Path, str]:
    """The file that declares the rollback of all migrations: they belong to no module, so that one stands for all."""
    module = next(iter(check_file.modules(table.name for table in survey.tables).values()))
    path = CHECKS / module / "_module.yml"
    return {path: "\n".join([modeline(path, "checks"), *yaml.entry("module", module), ROLLBACK])}


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
    found = describe_tables(server, project, schemas, before.checks)
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


def describe_tables(
    server: Server, project: Project, schemas: Sequence[str], declared: Sequence[DeclaredCheck] = ()
) -> Survey:
    """Builds the schema and describes its tables, beside what is declared. Raises what building it raises."""
    draws.make_reproducible()
    with workspace(server, project, project.modules) as space:
        others = {} if schemas else platform(space, project)
        with space.connect(space.clone()) as connection:
            return replace(
                survey(connection, project.ledger_schema, schemas=schemas, without=others, declared=declared),
                search_path=bool(project.search_path),
                skipped=space.skipped(),
            )


def platform(space: Workspace, project: Project) -> Mapping[TableName, Table]:
    """The tables that ``base:`` alone brings: the platform describes them, not the project."""
    if not project.base:
        return {}
    with space.connect(space.empty()) as connection:
        builder.prepare(connection, project, space.guard())
        return read(connection, project.ledger_schema).tables


def project_texts(survey: Survey, name: str, source: SchemaSource, target: str) -> dict[Path, str]:
    """The texts of ``project.yml`` and of all check files, by their paths below the project's root."""
    names = [table.name for table in survey.tables]
    paths = {table: CHECKS / path for table, path in check_file.paths(names).items()}
    files = {path: check_file.render(survey.descriptions[table], path) for table, path in paths.items()}
    files[CHECKS / record.FILE] = record.dumps(survey.descriptions.values())
    return {Path(FILE): render(name, list(check_file.modules(names).values()), source, target), **files}


def fill_tables(
    server: Server, texts: ProjectTexts, survey: Survey, names: Collection[TableName], tell: Tell
) -> FilledTables:
    """Tries rows of tables, one after the other, with all that their check files say."""
    tables = [table for table in survey.tables if table.name in names]
    if not tables:
        return FilledTables(0, {}, {})
    project = texts.project
    with workspace(server, project, project.modules) as space, space.connect(space.clone()) as connection:
        return fill(connection, survey.catalog, texts.checks, tables, project.search_path, tell)
