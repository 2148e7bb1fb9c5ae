"""JSON Schema (draft 2020-12) of the project's files: editors complete keys and mark unknown ones.

Not here: writing them into ``.harness/schemas/`` (``cli/editor.py``), and the schema of ``report.json``
(``reports/json.py``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PurePath

from harness.project import keys
from harness.project.columns import DeclaredColumn, forms_of
from harness.project.keys import ColumnForm, object_schema, scopes_of
from harness.project.readers import JsonSchema
from harness.project.settings import Settings

DIRECTORY = Path(".harness", "schemas")
"""The folder of the schemas, below the root of a project."""

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_COMMON: JsonSchema = {
    "name": {**keys.text.schema(), "description": "the name of the check, instead of the derived one"},
    "description": {**keys.text.schema(), "description": "what is meant, for people"},
    "tags": {**keys.texts.schema(), "description": "words to select checks by: --select tag:…"},
}


def modeline(file: Path, schema: str) -> str:
    """The comment by which editors find the schema of a file; ``file`` is relative to the project's root."""
    path = PurePath(os.path.relpath(DIRECTORY / f"{schema}.json", file.parent))
    return f"# yaml-language-server: $schema={path.as_posix()}"


def project_schema() -> JsonSchema:
    """The schema of ``project.yml``."""
    return {"$schema": _DRAFT, "title": "project.yml", **object_schema(Settings)}


_USE: JsonSchema = {
    "type": "object",
    "description": "checks that project.yml has under `shared`",
    "properties": {
        "use": {**keys.name.schema(), "description": "their name under `shared` of project.yml"},
        "with": {"type": "object", "description": "a value for each of their parameters: a text, a list or a mapping"},
    },
    "required": ["use"],
    "additionalProperties": False,
}


def checks_schema(kinds: Mapping[str, type]) -> JsonSchema:
    """The schema of the files under ``checks/`` for these kinds, by the key that an entry begins with."""
    return {
        "$schema": _DRAFT,
        "title": "checks of a table or of a module",
        "if": {"required": ["module"]},
        "then": _document("module", kinds),
        "else": _document("table", kinds),
        "$defs": {
            **{f"kind-{name}": _kind(name, kind) for name, kind in kinds.items() if scopes_of(kind)},
            "column": _column(kinds),
            "use": _USE,
        },
    }


def _summary(kind: type) -> str:
    """The first paragraph of the manual page."""
    return " ".join((kind.__doc__ or "").split("\n\n")[0].split())


def _kind(name: str, kind: type) -> JsonSchema:
    schema = {**object_schema(kind), "description": _summary(kind)}
    schema["properties"].update(_COMMON)
    schema["required"] = list(dict.fromkeys([name, *schema["required"]]))
    return schema


def _document(scope: str, kinds: Mapping[str, type]) -> JsonSchema:
    names = [name for name, kind in kinds.items() if scope in scopes_of(kind)]
    subject = {
        "table": {**keys.table.schema(), "description": "schema.table, of which this document speaks"},
        "module": {**keys.name.schema(), "description": "the module whose folder the file is in"},
    }
    columns = {"type": "object", "additionalProperties": {"$ref": "#/$defs/column"}}
    return {
        "type": "object",
        "properties": {
            scope: subject[scope],
            "description": {**keys.text.schema(), "description": "what it is for, for people"},
            "tags": {**keys.texts.schema(), "description": "tags of all checks of the document"},
            **(
                {
                    **(object_schema(kinds["declared"])["properties"] if "declared" in kinds else {}),
                    "columns": {**columns, "description": "the table's contract: every column"},
                }
                if scope == "table"
                else {}
            ),
            "checks": {
                "type": "array",
                "description": "the rules that are meant; each begins with its kind",
                "items": {"anyOf": [*({"$ref": f"#/$defs/kind-{name}"} for name in names), {"$ref": "#/$defs/use"}]},
            },
        },
        "required": [scope],
        "additionalProperties": False,
    }


def _column(kinds: Mapping[str, type]) -> JsonSchema:
    properties: JsonSchema = {}
    for name, form in forms_of(kinds).items():
        properties[name] = _short_form(kinds[name], form)
        own = object_schema(kinds[name])["properties"]
        properties.update({key: own[key] for key in form.keys if key not in properties})
    contract = {key: each for key, each in object_schema(DeclaredColumn)["properties"].items() if key not in properties}
    return {"type": ["object", "null"], "properties": properties | contract, "additionalProperties": False}


def _short_form(kind: type, form: ColumnForm) -> JsonSchema:
    schema = object_schema(kind)
    if form.value is not None:
        return {**schema["properties"][form.value], "description": _summary(kind)}
    schema["properties"] = {name: each for name, each in schema["properties"].items() if name != form.column} | _COMMON
    schema["required"] = [name for name in schema["required"] if name != form.column]
    return {"anyOf": [{"type": "boolean"}, schema], "description": _summary(kind)}
