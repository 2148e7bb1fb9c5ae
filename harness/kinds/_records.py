"""What a write leaves in a table of records, asked on the server before and after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.kinds.base import Subject
from harness.probes.statement import condition, identifier, literal, qualified
from harness.project import sql
from harness.project.model import TableName, Values

VARIABLES = ("old", "new", "row", "command")
"""What stands in ``row`` of :class:`Records` for the row that was written, and for how."""

Pair = tuple[Values | None, Values | None]
"""The keys of a written row before and after."""


@dataclass(frozen=True)
class Records:
    """The table of records, what one of them says, and which are about the table that is written to."""

    table: TableName
    row: str
    where: str | None


@dataclass(frozen=True)
class Occasion:
    """Which written rows leave a record: where one of ``of`` has changed and ``when`` is true, by default each.

    If it ``leaves`` none, those that do are no occasion.
    """

    of: tuple[str, ...]
    when: str | None
    leaves: bool

    @property
    def certain(self) -> bool:
        return not self.of and self.when is None


@dataclass(frozen=True)
class Look:
    """What stands in both tables before a statement, and what it added to the records."""

    subject: Subject
    records: Records
    command: str
    written: Sequence[Pair]
    occasion: Occasion

    def before(self) -> str:
        """Keeps the rows that will be written, as texts of their whole row, and where the records are."""
        table = qualified(self.subject.table.name)
        records, alias = qualified(self.records.table), identifier(self.records.table.table)
        rows = (
            f"set_config('harness.old_{place}', (select harness_r::text from {table} as harness_r"
            f" where {condition(self.subject.key(old))}), true)"
            for place, (old, _) in enumerate(self.written)
            if old is not None
        )
        standing = f"set_config('harness.records', (select array_agg(ctid)::text from {records} as {alias}), true)"
        return f"select {', '.join([standing, *rows])}"

    def after(self, words: str, idle: str) -> str:
        """A query for ``words`` if the new records are as declared, ``idle`` without an occasion, else what they are.

        As declared is one for each row that was written and is an occasion, and no other.
        """
        records, alias = qualified(self.records.table), identifier(self.records.table.table)
        about = f" and ({self.records.where}\n)" if self.records.where else ""
        # A setting holds no NULL: it has become an empty text.
        standing = "coalesce(nullif(current_setting('harness.records'), ''), '{}')::tid[]"
        added = f"select * from {records} as {alias} where ctid <> all ({standing}){about}"
        # What the predicate speaks of: the number of a record and its moment are of no interest.
        named = {*sql.columns(self.records.row), *sql.columns(self.records.where or "true")}
        shown = [c.name for c in self.subject.catalog.table(self.records.table).columns if c.name in named]
        named_only = f"select {', '.join(map(identifier, shown))} from harness_added"
        texts = f"(select string_agg(to_jsonb(harness_a)::text, ', ') from ({named_only}) as harness_a)"
        found = f"when n = 0 then 'none' when n = m then n || ', not so: ' || {texts} else n || ': ' || {texts}"
        return (
            f"with harness_added as ({added}), harness_count as (select (select count(*) from harness_added) as n,"
            f" {self._expected()} as m, {self._right()} as harness_right)"
            f" select case {self._idle(idle)}when n = m and harness_right then {literal(words)} {found} end"
            " from harness_count"
        )

    def _idle(self, idle: str) -> str:
        if self.occasion.certain:
            return ""
        return f"when m {'=' if self.occasion.leaves else '>'} 0 then {literal(idle)} "

    def _expected(self) -> str:
        """How many records there should be."""
        if self.occasion.certain:
            return str(len(self.written) if self.occasion.leaves else 0)
        return " + ".join(f"({self._occasion(place)})::int" for place in range(len(self.written)))

    def _right(self) -> str:
        """Whether there is one record as declared for each row that leaves one."""
        if self.occasion.certain and not self.occasion.leaves:
            return "true"
        alias = identifier(self.records.table.table)
        one = (
            f"(select count(*) from harness_added as {alias} where ({self._bound(self.records.row, place)}\n)) = 1"
            for place in range(len(self.written))
        )
        if self.occasion.certain:
            return " and ".join(one)
        return " and ".join(f"(not {self._occasion(place)} or {each})" for place, each in enumerate(one))

    def _occasion(self, place: int) -> str:
        """Whether a row leaves a record, judged by what it was and is in the table."""
        old, new, *_ = self._rows(place)
        changed = (
            f"({old}).{identifier(name)}{as_text} is distinct from ({new}).{identifier(name)}{as_text}"
            for name in self.occasion.of
            for as_text in ["" if self.subject.table.column(name).is_comparable else "::text"]
        )
        parts = [f"({' or '.join(changed)})"] if self.occasion.of else []
        if self.occasion.when is not None:
            parts.append(f"({self._bound(self.occasion.when, place)}\n)")
        return f"coalesce({' and '.join(parts)}, false)"

    def _rows(self, place: int) -> tuple[str, ...]:
        """What the variables stand for."""
        table = qualified(self.subject.table.name)
        old, new = self.written[place]
        before = f"null::{table}" if old is None else f"current_setting('harness.old_{place}')::{table}"
        after = f"null::{table}"
        if new is not None:
            after = f"(select harness_r from {table} as harness_r where {condition(self.subject.key(new))})"
        return before, after, after if new is not None else before, literal(self.command).strip() + "::text"

    def _bound(self, predicate: str, place: int) -> str:
        """A declared predicate with the row that was written put in."""
        return sql.bind(predicate, dict(zip(VARIABLES, self._rows(place), strict=True)))
