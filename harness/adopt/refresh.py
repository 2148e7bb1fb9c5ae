"""A project's check files brought up to date with its schema, file by file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml as pyyaml

from harness import declarations, files
from harness.adopt import check_file, places, record
from harness.adopt.edit import Editor
from harness.adopt.record import AdoptedTable
from harness.adopt.survey import Survey
from harness.adopt.table_errors import TableError, guarded
from harness.adopt.update import CheckFileUpdate
from harness.declarations import Check
from harness.describe.description import CheckEntry, TableDescription, table_name
from harness.kinds import KINDS
from harness.project.json_schema import modeline
from harness.project.load import FILE
from harness.project.model import Project, TableName


@dataclass
class ProjectChanges:
    """``files`` are texts to be written, None for a file to be removed; ``done`` and ``left`` are what to report.

    Of the tables that are ``lost``, for an error of ours, everything stays as it is.
    """

    files: dict[Path, str | None] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    lost: dict[TableName, TableError] = field(default_factory=dict)

    def write(self, root: Path) -> None:
        """Brings the files below ``root`` up to date."""
        for path, text in self.files.items():
            if text is None:
                (root / path).unlink()
            else:
                files.write(root / path, text)


def add(project: Project, survey: Survey) -> ProjectChanges:
    """What has to come into a project's files so that all is declared; what they say stays. Writes nothing itself."""
    declared = declarations.read(project, KINDS)
    described = _files(project, declared)
    found = ProjectChanges(lost=dict(survey.lost))
    for table in survey.tables:
        with guarded(found.lost, table.name):
            if table.name in described:
                _update(found, project, described[table.name], survey.sheets[table.name], None, declared)
            else:
                _add(found, project, survey, table.name)
    _modules(found, project, survey)
    _remember(found, project, [survey.sheets[table.name] for table in survey.tables if table.name not in described])
    return found


def _remember(found: ProjectChanges, project: Project, new: Sequence[TableDescription]) -> None:
    """Records files that are new, if the others are those of ``adopt``, so that it can bring them up to date."""
    file = Path(project.paths.checks) / record.FILE
    kept = record.load(project.root / file)
    if kept and new:
        found.files[file] = record.dumps(new, kept)


def refresh(project: Project, survey: Survey) -> ProjectChanges:
    """What has to change in a project so that its files follow its schema, which counts. Writes nothing itself."""
    checks = project.root / project.paths.checks
    before = record.load(checks / record.FILE)
    declared = declarations.read(project, KINDS)
    described = _files(project, declared)
    found = ProjectChanges(lost=dict(survey.lost))
    for table in survey.tables:
        with guarded(found.lost, table.name):
            sheet, was = survey.sheets[table.name], before.get(table_name(table.name))
            if table.name in described:
                _update(found, project, described[table.name], sheet, was, declared)
            elif was is None:
                _add(found, project, survey, table.name)
            else:
                found.left.append(f"{table.name}: no file describes it any more")
    there = {table_name(name) for name in (*survey.sheets, *found.lost)}
    for name, was in before.items():
        if name not in there:
            _gone(found, project, name, was, described)
    _modules(found, project, survey)
    sheets = [sheet for name, sheet in survey.sheets.items() if name not in found.lost]
    kept = {name: was for name, was in before.items() if name in set(map(table_name, found.lost))}
    found.files[Path(project.paths.checks) / record.FILE] = record.dumps(sheets, kept)
    return found


def learn(project: Project, survey: Survey, learnt: Mapping[TableName, CheckEntry]) -> ProjectChanges:
    """What has to change in a project's files once it was found out what rows have to be. Writes nothing itself."""
    declared = declarations.read(project, KINDS)
    described = _files(project, declared)
    found = ProjectChanges()
    for table, entry in learnt.items():
        with guarded(found.lost, table):
            path = described[table]
            own = [check for check in declared if check.table == table and project.root / check.place.path == path]
            update = CheckFileUpdate(Editor(path.read_text(encoding="utf-8")), survey.sheets[table], None, own)
            text, shown = update.learn(entry), path.relative_to(project.root)
            found.files |= {shown: text} if update.done else {}
            found.done += [f"{shown}: {what}" for what in update.done]
            found.left += [f"{shown}: {what}" for what in update.left]
    return found


def described(project: Project) -> dict[TableName, Path]:
    """The file of each table, below the project's directory."""
    files = _files(project, declarations.read(project, KINDS))
    return {table: path.relative_to(project.root) for table, path in files.items()}


def _files(project: Project, declared: Sequence[Check]) -> dict[TableName, Path]:
    """The file of each table: the first that speaks of it."""
    found: dict[TableName, Path] = {}
    for check in declared:
        if check.table is not None:
            found.setdefault(check.table, project.root / check.place.path)
    return found


def _update(
    found: ProjectChanges,
    project: Project,
    path: Path,
    sheet: TableDescription,
    was: AdoptedTable | None,
    declared: Sequence[Check],
) -> None:
    text = path.read_text(encoding="utf-8")
    if len(list(pyyaml.compose_all(text, Loader=pyyaml.SafeLoader))) != 1:
        found.left.append(f"{path.relative_to(project.root)}: several documents in a file are not brought up to date")
        return
    own = [check for check in declared if check.table == sheet.table and project.root / check.place.path == path]
    others = [check for check in declared if check.table == sheet.table and check not in own]
    update = CheckFileUpdate(Editor(text), sheet, was, own, others)
    new = update.run()
    shown = path.relative_to(project.root)
    if new != text:
        found.files[shown] = new
    found.done += [f"{shown}: {what}" for what in update.done]
    found.left += [f"{shown}: {what}" for what in update.left]


def _add(found: ProjectChanges, project: Project, survey: Survey, table: TableName) -> None:
    path = places.paths(each.name for each in survey.tables)[table]
    shown = Path(project.paths.checks) / path
    if (project.root / shown).exists():
        found.left.append(f"{shown}: is there, and describes another table than {table}")
        return
    found.files[shown] = check_file.render(survey.sheets[table], shown)
    found.done.append(f"{shown}: new")


def _gone(
    found: ProjectChanges, project: Project, name: str, was: AdoptedTable, files: Mapping[TableName, Path]
) -> None:
    """A table that is not in the schema any more: its file goes, if it is as it was written."""
    path = next((path for table, path in files.items() if table_name(table) == name), None)
    if path is None:
        return
    table = next(table for table in files if table_name(table) == name)
    sheet = TableDescription(table, was.description, {k: dict(v) for k, v in was.columns.items()})
    sheet.checks.extend((part, dict(entry)) for part, entry in was.checks.items())
    sheet.known.update(was.known)
    shown = path.relative_to(project.root)
    # Older files lack the first line, by which editors find the schema.
    if path.read_text(encoding="utf-8").removeprefix(f"{modeline(shown, 'checks')}\n") == check_file.document(sheet):
        found.files[shown] = None
        found.done.append(f"{shown}: removed, the table is gone")
    else:
        found.left.append(f"{shown}: the table {name} is gone; the file says more of it than adopt did")


def _modules(found: ProjectChanges, project: Project, survey: Survey) -> None:
    """New schemas become modules of ``project.yml``."""
    folders = {path.parts[1] for path in found.files if len(path.parts) > 2}
    new = sorted(folders - {module.name for module in project.modules})
    if not new:
        return
    text = (project.root / FILE).read_text(encoding="utf-8")
    editor = Editor(text)
    modules = editor.get(editor.root, "modules")
    if not isinstance(modules, pyyaml.MappingNode):
        found.left.append(f"{FILE}: add the modules {', '.join(new)}")
        return
    editor.change(modules, {name: {} for name in new})
    found.files[Path(FILE)] = editor.result()
    found.done += [f"{FILE}: module {name}" for name in new]


def check(found: ProjectChanges, project: Project) -> None:
    """Reads the new texts as check files are read: an update never leaves one behind that cannot be read."""
    modules = {module.name for module in project.modules}
    for path, text in found.files.items():
        if text is not None and path.suffix == ".yml" and path != Path(FILE):
            module = next((part for part in path.parts if part in modules), path.parts[-2])
            list(declarations.read_text(text, path, module, KINDS, project.shared))
