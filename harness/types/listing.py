"""The list of what types do not say, for people: CHECKs first, and only the number of keys, references and triggers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from harness.types.model import Unstated, UnstatedKind

_COUNTED: Mapping[UnstatedKind, str] = {"between rows": "keys and references", "trigger": "triggers"}

SHOWN = 3
"""Columns that are named of those which have a reason in common."""


def lines(unstated: Mapping[str, Sequence[Unstated]]) -> Iterator[str]:
    """Yields the list; the keys are directories. What they have in common stands there first, and once."""
    of: dict[Unstated, list[str]] = {}
    for directory, found in unstated.items():
        for each in dict.fromkeys(found):
            of.setdefault(each, []).append(directory)
    groups: dict[tuple[str, ...], list[Unstated]] = {}
    for each, directories in of.items():
        groups.setdefault(tuple(directories), []).append(each)
    for sharing, group in sorted(groups.items(), key=lambda item: len(item[0]), reverse=True):
        told = [*_by_table(group), *_by_reason(group)]
        yield from ([f"  {', '.join(sharing)}", *told] if told else [])
    numbers = Counter(kind for _, _, kind in {(each.table, each.subject, each.kind) for each in of})
    counts = [f"{noun}: {numbers[kind]}" for kind, noun in _COUNTED.items() if numbers[kind]]
    if counts:
        yield f"  {', '.join(counts)}; --report json has them by name"


def _by_table(unstated: Iterable[Unstated]) -> Iterator[str]:
    """The rules and names of each table, with the reason."""
    found: dict[tuple[str, str], list[str]] = {}
    for each in unstated:
        if each.kind in ("rule", "name"):
            found.setdefault((each.table, each.reason), []).append(each.subject)
    for (table, reason), subjects in found.items():
        yield f"    {table}  {', '.join(subjects)}: {reason}"


def _by_reason(unstated: Iterable[Unstated]) -> Iterator[str]:
    """The values that have no place in a language, with their columns."""
    found: dict[str, list[str]] = {}
    for each in unstated:
        if each.kind == "value":
            found.setdefault(each.reason, []).append(f"{each.table}.{each.subject}")
    for reason, columns in found.items():
        more = f" and {len(columns) - SHOWN} more" if len(columns) > SHOWN else ""
        yield f"    {reason}: {', '.join(columns[:SHOWN])}{more}"
