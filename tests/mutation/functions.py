"""Functions and views that do less, or otherwise, and that others may call.

Two kinds of mutants are left out, since nobody could see them. A search_path that is not pinned shows where a function
has more rights than its caller: without SECURITY DEFINER it does what its caller could do anyway. And a function of a
trigger is called by nobody, so who may execute it makes no difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from harness.catalog import Catalog
from harness.probes.statement import qualified
from harness.project.model import TableName

from . import bodies
from .mutant import Mutant
from .sources import Function, Sources, View
from .words import Edit


def mutants(catalog: Catalog, sources: Sources) -> Iterator[Mutant]:
    """All of a module."""
    for function in sources.functions:
        rules = _rules(function.name, catalog, sources)
        tables = tuple(_tables(rules, function.body, catalog))
        for group, what, sql in (*_bodies(function), *_rights(function)):
            yield Mutant(group, f"{function.name}: {what}", sql, rules, tables)
    for view in sources.views:
        rules = _rules(str(view.name), catalog, sources)
        tables = tuple(_tables(rules, view.query, catalog))
        for what, sql in _view(view):
            yield Mutant("views", f"{view.name}: {what}", sql, rules, tables)


def _bodies(function: Function) -> Iterator[tuple[str, str, str]]:
    edits: Iterable[Edit]
    if function.language == "sql":
        edits = bodies.sql(function.body)
        yield "functions", "without its statement", function.with_body(function.nothing)
    else:
        edits = bodies.procedural(function.body)
    for group, made in (("functions", edits), ("races", bodies.locks(function.body))):
        for edit in made:
            line = function.body[: edit.start].count("\n")
            yield group, f"line {line}: {edit.what}", function.with_body(edit.of(function.body))


def _rights(function: Function) -> Iterator[tuple[str, str, str]]:
    alter = f"alter function {function.signature}"
    if function.definer:
        yield "functions", "security invoker", f"{alter} security invoker"
    for setting in re.findall(r"(\w+)=", function.settings):
        if function.definer or setting.lower() != "search_path":
            yield "functions", f"without its {setting}", f"{alter} reset {setting}"
    if function.fires:
        return
    for role in function.callers:
        sql = f"revoke execute on function {function.signature} from {role}"
        yield "function grants", f"{role} may not call it", sql
    for role in ("public", "anon"):
        yield "function grants", f"{role} may call it", f"grant execute on function {function.signature} to {role}"


def _view(view: View) -> Iterator[tuple[str, str]]:
    name = qualified(view.name)
    if "security_invoker" in view.options:
        yield "not security_invoker", f"alter view {name} reset (security_invoker)"
    options = f" with ({view.options})" if view.options else ""
    for edit in bodies.sql(view.query):
        yield edit.what, f"create or replace view {name}{options} as {edit.of(view.query)}"
    for role in view.readers:
        yield f"{role} may not read it", f"revoke select on {name} from {role}"
    for role in ("public", "anon"):
        yield f"{role} may read it", f"grant select on {name} to {role}"


def _rules(name: str, catalog: Catalog, sources: Sources) -> tuple[str, ...]:
    """What a check may name instead of a function or view: what is made of it, at any distance."""
    found = {name: None}
    texts = {
        **{function.name: function.body for function in sources.functions},
        **{str(view.name): view.query for view in sources.views},
        **{trigger.name: trigger.function for table in catalog.tables.values() for trigger in table.triggers},
        **{
            policy.name: f"{policy.using} {policy.check}"
            for table in catalog.tables.values()
            for policy in table.policies
        },
    }
    size = 0
    while size < len(found):
        size = len(found)
        found |= {user: None for user, text in texts.items() if any(mentions(text, used) for used in found)}
    return tuple(found)


def _tables(rules: Iterable[str], text: str, catalog: Catalog) -> Iterator[TableName]:
    """The tables whose triggers and policies these are, then those that the text names."""
    named = set(rules)
    for table in catalog.tables.values():
        if named & {*(trigger.name for trigger in table.triggers), *(policy.name for policy in table.policies)}:
            yield table.name
    for table in catalog.tables.values():
        if mentions(text, str(table.name)):
            yield table.name


def mentions(text: str, name: str) -> bool:
    """Whether a text has a name, not as a part of a longer one."""
    return re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", text) is not None
