"""Removes casts that people would not write: PostgreSQL adds them to a predicate when it reads or prints one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from harness.catalog.canonical import Canonical
from harness.catalog.model import Missing, Table
from harness.describe.description import TableDescription
from harness.describe.predicates import readable

_TYPE = r'::(?:"[^"]+"|[\w.]+)(?: varying| precision| with(?:out)? time zone)?(?:\(\d+(?:, *\d+)?\))?(?:\[\])*'
_EVERY = re.compile(rf"('(?:[^']|'')*'|[\w)\]])({_TYPE})")
_OF_LITERALS = re.compile(rf"('(?:[^']|'')*'|\b\d+(?:\.\d+)?)({_TYPE})")
_KEYS = ("check", "where")


def without_casts(description: TableDescription, table: Table, canonical: Canonical) -> None:
    """Removes casts from the predicates of a description, where the server reads the same without them."""
    entries: list[dict[str, Any]] = [*description.columns.values(), *(entry for _, entry in description.checks)]
    for entry in entries:
        for key in _KEYS:
            text = entry.get(key)
            if isinstance(text, str) and "::" in text and "policy" not in entry:
                entry[key] = _plainer(table, text, canonical)


def _plainer(table: Table, text: str, canonical: Canonical) -> str:
    try:
        expected = canonical.check(table, text)
    except Missing:
        return text
    for candidate in _candidates(text):
        try:
            if canonical.check(table, candidate) == expected:
                return candidate
        except Missing:
            continue
    return text


def _candidates(text: str) -> Iterator[str]:
    """The text without any of its casts, then without those of its literals."""
    for pattern in (_EVERY, _OF_LITERALS):
        bare = pattern.sub(r"\1", text)
        if bare != text:
            yield readable(bare)
