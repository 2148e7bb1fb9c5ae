"""Names and texts of Python: identifiers made of PostgreSQL's names, literals of strings, docstrings."""

from __future__ import annotations

import keyword
import re
import textwrap
from collections.abc import Collection, Iterable, Iterator, Mapping

from harness.errors import ProjectError
from harness.types.javascript_names import pascal

OF_MODELS = frozenset(
    [
        *("construct", "copy", "dict", "from_orm", "json", "parse_file", "parse_obj", "parse_raw", "schema"),
        *("schema_json", "update_forward_refs", "validate", "model_computed_fields", "model_config", "model_construct"),
        *("model_copy", "model_dump", "model_dump_json", "model_extra", "model_fields", "model_fields_set"),
        *("model_json_schema", "model_parametrized_name", "model_post_init", "model_rebuild", "model_validate"),
        *("model_validate_json", "model_validate_strings"),
    ]
)
"""The public attributes that every Pydantic model has: no field can have such a name."""

WIDTH = 120
"""Characters of a line, as far as texts can be broken."""

_HINT = "rename one of them in the database, or leave its schema out under 'types' in project.yml"


class ModuleNames:
    """The names that a generated module has, each for one thing only."""

    def __init__(self, file: str, imported: Iterable[str]) -> None:
        self._file = file
        self._of = dict.fromkeys(imported, "what a module imports")

    def __iter__(self) -> Iterator[str]:
        return iter(self._of)

    def claim(self, name: str, thing: str) -> str:
        """Takes a name for a thing (``table absence.users``); raises :class:`ProjectError` if another one has it."""
        other = self._of.setdefault(name, thing)
        if other != thing:
            raise ProjectError(f"{other} and {thing} would both be called {name} in {self._file}", hint=_HINT)
        return name

    def free(self, name: str, thing: str) -> str:
        """Takes a name for a thing, with a number behind it if another one has it."""
        found, number = name, 1
        while self._of.setdefault(found, thing) != thing:
            number += 1
            found = f"{name}{number}"
        return found


def module_names(schemas: Iterable[str]) -> dict[str, str]:
    """Returns the module of each schema; raises :class:`ProjectError` if two would be one."""
    found: dict[str, str] = {}
    for schema in schemas:
        name = identifier(schema)
        other = next((each for each, taken in found.items() if taken == name), None)
        if other is not None:
            raise ProjectError(
                f"the types of the schemas {other} and {schema} would both be written to {name}.py",
                hint="leave one of them out under 'types' in project.yml, or rename it",
            )
        found[schema] = name
    return found


def identifier(name: str) -> str:
    """A name as Python has identifiers: ``class`` as ``class_``, ``2fa`` as ``n2fa``, ``my-app`` as ``my_app``."""
    found = re.sub(r"\W", "_", name).lstrip("_") or "n"
    found = found if found.isidentifier() else f"n{found}"
    return f"{found}_" if keyword.iskeyword(found) else found


def constant(*names: str) -> str:
    """``milestone_actions`` as ``MILESTONE_ACTIONS``; several names one after the other."""
    found = "_".join(word for name in names for word in re.split(r"[\W_]+", name) if word).upper()
    return found if found.isidentifier() else f"N{found}"


def model(name: str, shape: str) -> str:
    """The class of a shape: ``MilestoneActionsRow``."""
    found = pascal(name)
    return f"{found.replace('_', 'N', 1) if found.startswith('_') else found}{shape}"


def attributes(columns: Collection[str], taken: Collection[str]) -> Mapping[str, str]:
    """Returns the attribute of each column in a model: its name, or one like it that Python and Pydantic allow."""
    found: dict[str, str] = {}
    for column in columns:
        name = identifier(column)
        while name in OF_MODELS or name in taken or (name != column and name in {*columns, *found.values()}):
            name += "_"
        found[column] = name
    return found


def quoted(text: str) -> str:
    """A string literal on one line, with the quotes that ruff prefers."""
    if text.isprintable() and "\\" not in text and '"' not in text:
        return f'"{text}"'
    quote = "'" if text.count('"') > text.count("'") else '"'
    escaped = "".join(_escaped(each, quote) for each in text)
    return f"{quote}{escaped}{quote}"


def raw(text: str) -> str:
    """A string literal that shows the backslashes of a pattern as they are, if it can."""
    if "\\" not in text or '"' in text or text.endswith("\\") or not text.isprintable():
        return quoted(text)
    return f'r"{text}"'


def _escaped(character: str, quote: str) -> str:
    if character in ("\\", quote):
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    named = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(character)
    return named or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")


def docstring(paragraphs: Iterable[str], indent: str = "") -> list[str]:
    """The lines of a docstring."""
    texts = (" ".join(each.split()) for part in paragraphs for each in part.split("\n\n"))
    lines: list[str] = []
    for text in filter(None, texts):
        safe = "".join(_escaped(each, '"') for each in text)
        found = textwrap.wrap(safe, WIDTH - len(indent) - 3, break_long_words=False, break_on_hyphens=False)
        lines += [*([""] if lines else []), *found]
    if len(lines) == 1 and len(indent) + len(lines[0]) + 6 <= WIDTH:
        return [f'{indent}"""{lines[0]}"""']
    if len(lines) == 1:  # ruff would have the quotes on the same line, too long as it is
        lines = textwrap.wrap(lines[0], WIDTH - len(indent) - 6, break_long_words=False, break_on_hyphens=False)
    first, *rest = lines
    return [f'{indent}"""{first}', *(f"{indent}{each}".rstrip() for each in rest), f'{indent}"""']
