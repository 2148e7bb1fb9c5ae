"""Writes the files of repositories into the package of the models: classes, refusals, and what all share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import resources

from harness.errors import ProjectError
from harness.types.model import DatabaseTypes
from harness.types.pydantic_models import HEADER, PythonModule, joined, package, written_modules
from harness.types.python_imports import imports
from harness.types.python_layout import statement
from harness.types.python_names import docstring, quoted
from harness.types.repositories.classes import ClassWriter
from harness.types.repositories.methods import ASYNC, SYNC, ConnectionKind
from harness.types.repositories.model import DatabaseRepositories, ModuleRepositories, RuleRefusal
from harness.types.repositories.refusals import RAISED

_SHARED = "_repository"
_IMPORTED: Mapping[str, str] = {
    "Iterable": "collections.abc",
    "Decimal": "decimal",
    "Any": "typing",
    "UUID": "uuid",
    **dict.fromkeys(("AsyncConnection", "Connection"), "psycopg"),
    **dict.fromkeys(("Json", "Jsonb"), "psycopg.types.json"),
    "Multirange": "psycopg.types.multirange",
    "Range": "psycopg.types.range",
    **dict.fromkeys(("AsyncRepository", "Repository", "document", "documents"), f".{_SHARED}"),
}
_EXPORTS: Mapping[str, Sequence[str]] = {
    ".": ("refusals",),  # so that each is known as soon as the package is used
    f".{_SHARED}": ("AsyncRepository", "NotNullRefusal", "PrivilegeRefusal", "Refusal", "Repository", "as_refusals"),
}


def render(types: DatabaseTypes, repositories: DatabaseRepositories, role: str | None, case: str) -> dict[str, str]:
    """Returns the files of a package with its models and its repositories by name.

    Raises :class:`ProjectError` if one of the models' files has the name of another.
    """
    modules = written_modules(types, case)
    models = package(modules, case, _EXPORTS)
    found = {"refusals.py": _refusals(repositories.refusals), "refusals.md": _table(repositories.refusals)}
    for (name, module), own in zip(modules.items(), repositories.modules, strict=True):
        for connection, ending in ((SYNC, "repository"), (ASYNC, "async_repository")):
            found[f"{name}_{ending}.py"] = HEADER + _module(own, module, name, role, connection)
    for name in found:
        if name in models:
            raise ProjectError(f"{name} would be a file of models and of repositories", hint="leave that schema out")
    shared = resources.files(__package__).joinpath("runtime.py").read_text(encoding="utf-8")
    found[f"{_SHARED}.py"] = HEADER + shared.replace("from harness.types.runtime import", "from ._rules import")
    return {**models, **found}


def _module(
    repositories: ModuleRepositories, models: PythonModule, name: str, role: str | None, connection: ConnectionKind
) -> str:
    blocks = list(ClassWriter(repositories, models).blocks(connection))
    known = {**_IMPORTED, **dict.fromkeys((each for each in models.own_names if each not in _IMPORTED), f".{name}")}
    connections = "asynchronous connections of psycopg 3" if connection is ASYNC else "psycopg 3"
    as_role = f", as the role {role}" if role else ""
    about = [f"Repositories of the schema {repositories.schema} over {connections}{as_role}."]
    return f"{joined([[*docstring(about), '', *imports(joined(blocks), known)], *blocks])}\n"


def _refusals(refusals: Sequence[tuple[str, RuleRefusal]]) -> str:
    blocks = [_refusal(name, refusal) for name, refusal in refusals]
    bases = dict.fromkeys((refusal.base for _, refusal in refusals), f".{_SHARED}")
    about = ["What the database refuses: a class for each constraint, and for what triggers and functions raise."]
    return f"{HEADER}{joined([[*docstring(about), '', *imports(joined(blocks), bases)], *blocks])}\n"


def _refusal(name: str, refusal: RuleRefusal) -> list[str]:
    raised = refusal.base == RAISED
    given = [f"name={quoted(refusal.name)}"]
    given += [f"of={quoted(str(refusal.of))}"] if refusal.of is not None else []
    given += [f"sqlstate={quoted(refusal.sqlstate)}"] if raised else []
    given += [f"routines={_tuple(refusal.routines)}"] if refusal.routines else []
    about = f"{refusal.name}{f' of {refusal.of}' if refusal.of else ''} ({refusal.sqlstate})."
    own = ["", f"    status = {refusal.status}"] if raised and refusal.status != 409 else []
    return [
        *statement("class ", f"{name}({', '.join([refusal.base, *given])})", after=":"),
        *docstring([about, refusal.about], "    "),
        *own,
    ]


def _tuple(texts: Sequence[str]) -> str:
    return f"({', '.join(map(quoted, texts))}{',' if len(texts) == 1 else ''})"


def _table(refusals: Sequence[tuple[str, RuleRefusal]]) -> str:
    """The refusals as a table of Markdown, for those who answer requests of HTTP."""
    return "\n".join([f"<!-- {HEADER[2:].strip()} -->", "", "# Refusals", "", *_lines(refusals), ""])


def _lines(refusals: Sequence[tuple[str, RuleRefusal]]) -> Iterator[str]:
    yield "| class | refused by | SQLSTATE | HTTP |"
    yield "|---|---|---|---|"
    for name, refusal in refusals:
        of = f" of `{refusal.of}`" if refusal.of else ""
        yield f"| `{name}` | `{refusal.name}`{of} | {refusal.sqlstate} | {refusal.status} |"
    yield "| `NotNullRefusal` | a column that is NOT NULL | 23502 | 422 |"
    yield "| `PrivilegeRefusal` | a privilege that the role lacks, or a policy | 42501 | 403 |"
