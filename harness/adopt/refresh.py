"""Decides by file what an update does: check files are written, changed or removed, or only reported.

A new table gets a new file. The file of a table that is gone is removed if it is as ``adopt`` wrote it, else it stays
and is reported. Files with several documents stay as they are. New schemas become modules of ``project.yml``.
Not here: what changes within one file (``update.py``), and the writing itself (``project_texts.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml as pyyaml

from harness.adopt import check_file, record
from harness.adopt.edit import Editor
from harness.adopt.project_texts import ProjectTexts
from harness.adopt.record import AdoptedTable
from harness.adopt.survey import Survey
from harness.adopt.table_errors import TableError, guarded
from harness.adopt.update import CheckFileUpdate
from harness.describe.description import TableDescription
from harness.describe.entries import CheckEntry, table_name
from harness.project.json_schema import modeline
from harness.project.load import FILE
from harness.project.model import TableName


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

    def update_table(self, description: TableDescription, before: AdoptedTable | None) -> None:
        """Brings the file of a table up to date."""
        path = self.texts.described[description.table]
        text = self.texts.text(path)
        if len(list(pyyaml.compose_all(text, Loader=pyyaml.SafeLoader))) != 1:
            self.left.append(f"{path}: several documents in a file are not brought up to date")
            return
        of_table = [check for check in self.texts.checks if check.table == description.table]
        update = CheckFileUpdate(
            Editor(text),
            description,
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

    def remove_table(self, name: str, before: AdoptedTable) -> None:
        """Removes the file of a table that is not in the schema any more, if it is as it was written."""
        table, path = next(
            ((table, path) for table, path in self.texts.described.items() if table_name(table) == name), (None, None)
        )
        if table is None or path is None:
            return
        # Older files lack the first line, by which editors find the schema.
        text = self.texts.text(path).removeprefix(f"{modeline(path, 'checks')}\n")
        if text == check_file.document(before.described(table)):
            self.files[path] = None
            self.done.append(f"{path}: removed, the table is gone")
        else:
            self.left.append(f"{path}: the table {name} is gone; the file says more of it than adopt did")

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
                found.update_table(survey.descriptions[table.name], None)
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
            before = recorded.get(table_name(table.name))
            if table.name in texts.described:
                found.update_table(survey.descriptions[table.name], before)
            elif before is None:
                found.add_table(survey, table.name)
            else:
                found.left.append(f"{table.name}: no file describes it any more")
    there = {table_name(name) for name in (*survey.descriptions, *found.errors)}
    for name, before in recorded.items():
        if name not in there:
            found.remove_table(name, before)
    found.add_modules()
    descriptions = [each for name, each in survey.descriptions.items() if name not in found.errors]
    unknown = set(map(table_name, found.errors))
    found.files[found.record_path] = record.dumps(
        descriptions, {name: before for name, before in recorded.items() if name in unknown}
    )
    return found


def add_row_hints(texts: ProjectTexts, survey: Survey, hints: Mapping[TableName, CheckEntry]) -> ProjectChanges:
    """Adds what was found out by trying about the rows of tables to their files."""
    found = ProjectChanges(texts)
    for table, entry in hints.items():
        with guarded(found.errors, table):
            path = texts.described[table]
            update = CheckFileUpdate(
                Editor(texts.text(path)),
                survey.descriptions[table],
                None,
                [check for check in texts.checks if check.table == table and check.place.path == path],
            )
            found.update(path, update, update.add_row_hints(entry))
    return found
