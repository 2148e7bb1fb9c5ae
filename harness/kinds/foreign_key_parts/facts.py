"""The words for a foreign key and its actions, in which what is declared is compared with the catalog."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from types import MappingProxyType

from harness.catalog.model import ForeignKey
from harness.kinds.base import Fact, TableName, column_list
from harness.project.keys import Reader, column_names, text
from harness.project.nodes import Node, expected

_ACTION = re.compile(r"(no action|restrict|cascade|set null|set default)(?:\s*\(([^()]+)\))?", re.IGNORECASE)


def _read_action(what: str, node: Node) -> str:
    """Reads ``SET NULL( goal_id )`` as ``set null (goal_id)``."""
    found = _ACTION.fullmatch(text.read(node).strip())
    if not found:
        raise expected(what, node)
    columns = column_names(found[2] or "")
    return found[1].lower() + (f" {column_list(columns)}" if columns else "")


_WORDS = "no action, restrict, cascade, set null, set default or set null (columns)"
action: Reader[str] = Reader(_WORDS, partial(_read_action, _WORDS), {"type": "string", "pattern": _ACTION.pattern})


LAST_COLUMN = MappingProxyType({False: "{}", True: "period {}"})
"""The last column of a foreign key, without and with PERIOD, in the words of PostgreSQL."""


def in_words(columns: Sequence[str], parent: TableName, referenced: Sequence[str], last: str) -> str:
    """Returns a foreign key in the words of PostgreSQL: ``(room, period during) references …``."""
    return f" references {parent} ".join(column_list(each, last) for each in (columns, referenced))


def action_facts(found: ForeignKey, on_delete: str, on_update: str | None) -> Iterator[Fact]:
    """Compares the declared actions of a foreign key with those in the catalog, as far as they are declared."""
    limited = f" {column_list(found.on_delete_columns)}" if found.on_delete_columns else ""
    yield Fact(f"on delete {on_delete}", f"on delete {found.on_delete}{limited}")
    if on_update is not None:
        yield Fact(f"on update {on_update}", f"on update {found.on_update}")
