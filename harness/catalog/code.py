"""Code of a database, and all that it may lead to: by the names in functions, views, triggers, rules and policies.

A text leads to everything of the database whose name is a word of it, whatever the schema: more than it uses, and
nothing less, for a function in PL/pgSQL says nowhere else what it reads. Two words are no names: ``DYNAMIC`` is said
of a text that computes statements, which may name anything, ``OUTSIDE`` of one that leaves the server or uses files.
Not here: who may use what (``roles.py``), and what is then used (``kinds/row_access/doors.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import psycopg

from harness.catalog.grouping import grouped
from harness.catalog.model import Catalog, Column
from harness.catalog.read import Types, query_rows
from harness.project.model import TableName

DYNAMIC, OUTSIDE = "*", "!"

ACTIONS = frozenset({"cascade", "set null", "set default"})
"""Actions of foreign keys that write to the rows which refer to another."""

TRIED_LANGUAGES = ("sql", "plpgsql")

_LEAVES = ("dblink", "postgres_fdw", "file_fdw", "http", "pg_net", "adminpack", "aws_lambda", "aws_s3", "pg_background")
"""Extensions whose functions reach other servers, files or sessions."""
_COMPUTED = re.compile(
    r"\bexecute\b(?!\s+(function|procedure|on)\b)|\b(query|table|schema|database|cursor)_to_xml"
    r"|\bts_(stat|rewrite)\b|\bcrosstab",
    re.IGNORECASE,
)
_FILES = re.compile(
    r"\bcopy\s+(\([^;]*\)|[\w.\"%]+(\s*\([^)]*\))?)\s+(to|from)\s+(program\b|stdin\b|stdout\b|e?'|%|\|\|)"
    r"|\blo_(im|ex)port\b|\bpg_(read_|ls_|stat_file|file_|terminate_backend|cancel_backend|reload_conf|promote"
    r"|rotate_logfile|switch_wal)",
    re.IGNORECASE,
)
_GOES_OUT, _OF_ANY_SORT = "copy (select) to program", "execute copy (select) to program"
"""Texts that stand for code that nobody reads: of an extension, and of another language."""
_DELETES = re.compile(r"\b(delete|truncate|merge)\b|\bon update\b", re.IGNORECASE)
_FILLS = re.compile(r"\b(insert|update|merge|create|copy)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Routine:
    """A function or procedure; ``modes`` are those of its arguments, of which the last ``defaults`` may be left out.

    It ``fires`` if only triggers call it. What it returns ``is_cursor``, or ``is_bare``: a record without a word of
    its columns.
    """

    schema: str
    name: str
    signature: str
    language: str
    kind: str
    extension: str | None
    fires: bool
    is_cursor: bool
    is_bare: bool
    defaults: int
    text: str
    arguments: tuple[Column, ...]
    modes: tuple[str, ...]

    @property
    def is_called(self) -> bool:
        """Whether a statement can call it."""
        return self.kind in ("f", "p") and not self.fires and self.extension is None


@dataclass(frozen=True)
class Code:
    """The routines of a database, and texts by the name of the relation or domain whose use runs them.

    ``fired`` are those texts that only writes run.
    """

    catalog: Catalog
    routines: tuple[Routine, ...]
    texts: Mapping[str, tuple[str, ...]]
    fired: Mapping[str, tuple[str, ...]]
    common: tuple[str, ...] = ()
    _reached: dict[str, frozenset[str]] = field(default_factory=dict, compare=False, repr=False)
    _closures: dict[str, frozenset[str]] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def _of_name(self) -> Mapping[str, str]:
        """For each name the text of all that has it; a routine that leaves the server has that word alone."""
        pairs = [(each.name, self._of_routine(each)) for each in self.routines]
        pairs += [(name, text) for texts in (self.texts, self.fired) for name, own in texts.items() for text in own]
        pairs += [(name.table, "") for name in (*self.catalog.tables, *(view.name for view in self.catalog.views))]
        pairs += [(name.table, part.table) for part, above in self.catalog.above.items() for name in above]
        pairs += [(name.table, heir.table) for name, heirs in self.catalog.heirs.items() for heir in heirs]
        return {name: "\n".join(texts) for name, texts in grouped((name.lower(), text) for name, text in pairs).items()}

    def _of_routine(self, routine: Routine) -> str:
        if routine.extension is not None:
            return _GOES_OUT if routine.extension in _LEAVES else ""
        return routine.text if routine.language in TRIED_LANGUAGES else f"{_OF_ANY_SORT} {routine.text}"

    @cached_property
    def _odd_names(self) -> tuple[str, ...]:
        return tuple(name for name in self._of_name if not re.fullmatch(r"\w+", name))

    def reached(self, *texts: str) -> frozenset[str]:
        """The names, in small letters, that texts lead to, by themselves or through others; with the two words."""
        found: set[str] = set()
        behind = set().union(*map(self._named, (*texts, *self.common)))
        deletes = any(map(_DELETES.search, texts))
        while behind:
            found |= behind
            new = [self._of_name.get(name, "") for name in behind]
            deletes = deletes or any(map(_DELETES.search, new))
            behind = set().union(*map(self._named, new)) - found
            if deletes and not behind:
                behind = {each for name in found for each in self._passed_on.get(name, ())} - found
        return frozenset(found)

    @cached_property
    def _passed_on(self) -> Mapping[str, Sequence[str]]:
        """For each table those whose rows a foreign key changes with its rows."""
        pairs = (
            (key.references.table.lower(), table.name.table.lower())
            for table in self.catalog.tables.values()
            for key in table.foreign_keys
            if {key.on_delete, key.on_update} & ACTIONS
        )
        return grouped(pairs)

    def _named(self, text: str) -> frozenset[str]:
        if text not in self._reached:
            lower = text.lower()
            words = {word for word in re.findall(r"\w+", lower) if word in self._of_name}
            words |= {name for name in self._odd_names if name in lower}
            if _COMPUTED.search(text):
                words.add(DYNAMIC)
            if _FILES.search(text):
                words.add(OUTSIDE)
            self._reached[text] = frozenset(words)
        return self._reached[text]

    def of_routine(self, routine: Routine) -> frozenset[str]:
        """The names that a call of a routine leads to."""
        text = self._of_routine(routine)
        if text not in self._closures:
            self._closures[text] = self.reached(text)
        return self._closures[text]

    def of_write(self, table: TableName) -> frozenset[str]:
        """The names that a write to a table leads to by its triggers and rules."""
        return self.reached(*self.fired.get(table.table, ()))

    def of_use(self, relation: TableName) -> frozenset[str]:
        """The names that the use of a relation leads to."""
        return self.reached(self._of_name.get(relation.table.lower(), ""))

    def fills(self, routine: Routine) -> bool:
        """Whether a call may write to a table that is read afterwards."""
        names = self.of_routine(routine)
        return any(_FILLS.search(text) for text in (routine.text, *(self._of_name.get(name, "") for name in names)))


def read_code(connection: psycopg.Connection[Any], catalog: Catalog, ledger: str) -> Code:
    """Reads the routines of a database and the texts that its relations run."""
    with connection.transaction():
        connection.execute("select set_config('search_path', '', true)")
        types = Types(query_rows(connection, "harness.catalog", "types", {"ledger": ledger}))
        routines = tuple(
            _routine(types, row) for row in query_rows(connection, "harness.catalog", "routines", {"ledger": ledger})
        )
        rows = query_rows(connection, "harness.catalog", "texts", {})
    return Code(
        catalog,
        routines,
        _by_name(row for row in rows if row["name"] and not row["fires"]),
        _by_name(row for row in rows if row["name"] and row["fires"]),
        tuple(row["text"] for row in rows if not row["name"]),
    )


def _by_name(rows: Iterable[Mapping[str, Any]]) -> Mapping[str, tuple[str, ...]]:
    return {name: tuple(texts) for name, texts in grouped((row["name"], row["text"] or "") for row in rows).items()}


def _routine(types: Types, row: dict[str, Any]) -> Routine:
    bare: dict[str, Any] = {"typmod": -1, "not_null": False, "default": None}
    bare |= {"identity": "", "generated": "", "comment": None}
    arguments = row.pop("arguments")
    return Routine(
        **row,
        arguments=tuple(types.column({**bare, **each}) for each in arguments),
        modes=tuple(each["mode"] for each in arguments),
    )
