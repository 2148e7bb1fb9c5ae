"""Manual pages of the kinds as Markdown: a kind's docstring, the files it can be in, and its keys."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from harness.kinds.base import Kind
from harness.project.keys import MISSING, key_fields

_INTRODUCTION = """\
# Checks

Every kind of check, as `harness explain` prints it. A file `checks/<module>/<table>.yml` begins with `table:` and lists
the table's columns under `columns:`, its other checks under `checks:`; one for a module begins with `module:`.
Every entry may also have a `name`, a `description` and `tags`.
"""


def reference(kinds: Mapping[str, type[Kind]]) -> str:
    """Returns the pages of all kinds."""
    return "\n".join([_INTRODUCTION, *(page(name, kinds[name]) for name in sorted(kinds))])


def page(name: str, kind: type[Kind]) -> str:
    """Returns the page of one kind."""
    rows = [
        f"| `{written}` | {_cell(field.metadata['doc'])} | {'yes' if field.default is MISSING else ''} |"
        for written, field in key_fields(kind).items()
    ]
    table = "\n".join(["| key | what it says | needed |", "|---|---|---|", *rows])
    return f"## {name}\n\n{inspect.getdoc(kind)}\n\n{_places(name, kind)}\n\n{table}\n"


def _places(name: str, kind: type[Kind]) -> str:
    if name == "columns":
        return "It is the key `columns` at the top of a table's file."
    if name == "declared":
        return "Every table with a file has it; its keys are at the top of the file."
    places = [f"in the checks of a {level}" for level in kind.scopes]
    places += ["at a column"] if hasattr(kind, "column_form") else []
    return f"It is written {' or '.join(places)}."


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "\\<")
