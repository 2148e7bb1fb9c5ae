"""Queries before and after a write: they count the records that it left, and compare them.

Decides whether the written row is an occasion for a record, by the row as the table has it before and after.
Not here: which writes are tried (``writes.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.kinds.base import Subject, TableName, Values, condition, identifier, literal, qualified
from harness.project import sql

VARIABLES = ("old", "new", "row", "command")
"""Variables in :attr:`Records.row`: the written row before and after, the row, and the command."""

RowChange = tuple[Values | None, Values | None]
"""A written row before and after; None before an INSERT and after a DELETE."""


@dataclass(frozen=True)
class Records:
    """The table of records, the predicate on one record, and which records are about the written table."""

    table: TableName
    row: str
    where: str | None


@dataclass(frozen=True)
class Occasion:
    """The written rows that leave a record: a column of ``of`` has changed and ``when`` is true; by default each row.

    Without ``leaves`` these rows are expected to leave none, since the probe is about writes that are no occasion.
    """

    of: tuple[str, ...]
    when: str | None
    leaves: bool

    @property
    def certain(self) -> bool:
        """Whether it does not depend on the row."""
        return not self.of and self.when is None


@dataclass(frozen=True)
class Comparison:
    """The rows that a statement writes, and the records that it is expected to leave."""

    subject: Subject
    records: Records
    command: str
    written: Sequence[RowChange]
    occasion: Occasion

    def before(self) -> str:
        """Returns a query that keeps in settings the rows that will be written, as text, and the existing records."""
        table = qualified(self.subject.table.name)
        records, alias = qualified(self.records.table), identifier(self.records.table.table)
        rows = (
            f"set_config('harness.old_{place}', (select harness_r::text from {table} as harness_r"
            f" where {condition(self.subject.key(old))}), true)"
            for place, (old, _) in enumerate(self.written)
            if old is not None
        )
        existing = f"set_config('harness.records', (select array_agg(ctid)::text from {records} as {alias}), true)"
        return f"select {', '.join([existing, *rows])}"

    def after(self, words: str, idle: str) -> str:
        """Returns a query for ``words`` if the new records are as declared, else for the records as text.

        As declared means one record for each written row that is an occasion, and no others. Its result is ``idle``
        where the rows are no occasion.
        """
        records, alias = qualified(self.records.table), identifier(self.records.table.table)
        about = f" and ({self.records.where}\n)" if self.records.where else ""
        # A setting holds no NULL: it has become an empty text.
        existing = "coalesce(nullif(current_setting('harness.records'), ''), '{}')::tid[]"
        added = f"select * from {records} as {alias} where ctid <> all ({existing}){about}"
        # Only the columns of the predicate are shown: the number of a record and its time do not matter.
        named = {*sql.columns(self.records.row), *sql.columns(self.records.where or "true")}
        shown = [c.name for c in self.subject.catalog.table(self.records.table).columns if c.name in named]
        named_only = f"select {', '.join(map(identifier, shown))} from harness_added"
        texts = f"(select string_agg(to_jsonb(harness_a)::text, ', ') from ({named_only}) as harness_a)"
        found = f"when n = 0 then 'none' when n = m then n || ', not so: ' || {texts} else n || ': ' || {texts}"
        return (
            f"with harness_added as ({added}), harness_count as (select (select count(*) from harness_added) as n,"
            f" {self._count()} as m, {self._are_right()} as harness_right)"
            f" select case {self._idle(idle)}when n = m and harness_right then {literal(words)} {found} end"
            " from harness_count"
        )

    def _idle(self, idle: str) -> str:
        if self.occasion.certain:
            return ""
        return f"when m {'=' if self.occasion.leaves else '>'} 0 then {literal(idle)} "

    def _count(self) -> str:
        """Returns an expression for the number of records that there should be."""
        if self.occasion.certain:
            return str(len(self.written) if self.occasion.leaves else 0)
        return " + ".join(f"({self._is_occasion(place)})::int" for place in range(len(self.written)))

    def _are_right(self) -> str:
        """Returns a condition: there is one record as declared for each row that leaves one."""
        if self.occasion.certain and not self.occasion.leaves:
            return "true"
        alias = identifier(self.records.table.table)
        one = (
            f"(select count(*) from harness_added as {alias} where ({self._bound(self.records.row, place)}\n)) = 1"
            for place in range(len(self.written))
        )
        if self.occasion.certain:
            return " and ".join(one)
        return " and ".join(f"(not {self._is_occasion(place)} or {each})" for place, each in enumerate(one))

    def _is_occasion(self, place: int) -> str:
        """Returns a condition: a row leaves a record, judged by the row as the table had it and has it."""
        old, new, *_ = self._variables(place)
        changed = (
            f"({old}).{identifier(name)}{as_text} is distinct from ({new}).{identifier(name)}{as_text}"
            for name in self.occasion.of
            for as_text in ["" if self.subject.table.column(name).is_comparable else "::text"]
        )
        parts = [f"({' or '.join(changed)})"] if self.occasion.of else []
        if self.occasion.when is not None:
            parts.append(f"({self._bound(self.occasion.when, place)}\n)")
        return f"coalesce({' and '.join(parts)}, false)"

    def _variables(self, place: int) -> tuple[str, ...]:
        """Returns an expression for each of the variables."""
        table = qualified(self.subject.table.name)
        old, new = self.written[place]
        before = f"null::{table}" if old is None else f"current_setting('harness.old_{place}')::{table}"
        after = f"null::{table}"
        if new is not None:
            after = f"(select harness_r from {table} as harness_r where {condition(self.subject.key(new))})"
        return before, after, after if new is not None else before, literal(self.command).strip() + "::text"

    def _bound(self, predicate: str, place: int) -> str:
        """Returns a declared predicate with the variables replaced."""
        return sql.bind(predicate, dict(zip(VARIABLES, self._variables(place), strict=True)))
