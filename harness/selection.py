"""``--select`` and ``--exclude``, in dbt's grammar: decides which checks are chosen.

Arguments are a union, commas an intersection. A word is a module, a table (``intents.scheduled_intents`` or
``scheduled_intents``) or the name of a check; ``kind:``, ``path:``, ``tag:`` and ``name:`` say which is meant. ``*``
and ``?`` are wildcards. Refuses a word that matches nothing.
Not here: shards (``workers/durations.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase

from harness.declarations import DeclaredCheck
from harness.errors import ProjectError, did_you_mean


def select(
    checks: Sequence[DeclaredCheck], selectors: Sequence[str] = (), exclude: Sequence[str] = ()
) -> tuple[DeclaredCheck, ...]:
    """The checks selected (all without selectors) and not excluded, in their order.

    Raises :class:`ProjectError` for a selector that matches nothing: it is likely a slip.
    """
    chosen = _union(checks, selectors) if selectors else set(checks)
    dropped = _union(checks, exclude)
    return tuple(check for check in checks if check in chosen and check not in dropped)


def _union(checks: Sequence[DeclaredCheck], selectors: Iterable[str]) -> set[DeclaredCheck]:
    chosen: set[DeclaredCheck] = set()
    for selector in selectors:
        exactly = [check for check in checks if check.name == selector]
        for words in [] if exactly else selector.split():
            chosen |= _intersection(checks, words)
        chosen.update(exactly)
    return chosen


def _intersection(checks: Sequence[DeclaredCheck], selector: str) -> set[DeclaredCheck]:
    words = [word for word in selector.split(",") if word]
    chosen = set.intersection(*(_matching(checks, word) for word in words)) if words else set()
    if not chosen:
        raise ProjectError(f"nothing matches {selector!r}", hint="'kind:', 'path:', 'tag:' and 'name:' select as well")
    return chosen


def _matching(checks: Sequence[DeclaredCheck], word: str) -> set[DeclaredCheck]:
    method, colon, value = word.partition(":")
    if not colon:
        method, value = "", word
    if method not in _METHODS:
        known = [name for name in _METHODS if name]
        raise ProjectError(
            f"{word!r} selects by {method!r}, which is not known{did_you_mean(method, known)}",
            hint=f"select by {', '.join(f'{name}:' for name in known)} or by a module, a table or a check",
        )
    candidates = {check: _METHODS[method](check) for check in checks}
    found = {check for check, names in candidates.items() if any(fnmatchcase(name, value) for name in names)}
    if not found:
        known = sorted({name for names in candidates.values() for name in names})
        near = did_you_mean(value, known)
        there = known if method else sorted({check.module for check in checks})
        hint = f"{method or 'module'}s: {', '.join(there) or 'none'}"
        inside = sum(value in check.name for check in checks) if value else 0
        if not method and any(value == check.kind for check in checks):
            near = f"; did you mean 'kind:{value}'?"
        elif inside and not method:
            hint = f"{inside} of the checks have it in their names: --select '*{value}*'"
        raise ProjectError(f"nothing matches {word!r}{near}", hint=None if near else hint)
    return found


def _words(check: DeclaredCheck) -> tuple[str, ...]:
    if check.table is None:
        return check.module, check.name
    table = check.table.table
    return check.module, str(check.table), check.table.plain, f"{check.module}.{table}", table, check.name


def _paths(check: DeclaredCheck) -> tuple[str, ...]:
    """The file and every folder above it, as ``path:checks/intents`` and ``path:checks/intents/`` name them."""
    path = check.place.path
    folders = [parent.as_posix() for parent in path.parents if parent.name]
    return path.as_posix(), *folders, *(f"{folder}/" for folder in folders)


_METHODS: dict[str, Callable[[DeclaredCheck], tuple[str, ...]]] = {
    "": _words,
    "kind": lambda check: (check.kind,),
    "path": _paths,
    "tag": lambda check: check.tags,
    "name": lambda check: (check.name,),
}
