"""What a write leaves in a table of records, asked on the server before and after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.kinds.base import Subject
from harness.probes import Values
from harness.probes.statement import condition, identifier, literal, qualified
from harness.project import sql
from harness.project.model import TableName

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
class Look:
    """What stands in both tables before a statement, and what it added to the records."""

    subject: Subject
    records: Records
    command: str
    written: Sequence[Pair]

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

    def after(self, wanted: int, words: str) -> str:
        """A query for the number of new records, and whether there is one as declared for each row that was written."""
        records, alias = qualified(self.records.table), identifier(self.records.table.table)
        about = f" and ({self.records.where}\n)" if self.records.where else ""
        # A setting holds no NULL: it has become an empty text.
        standing = "coalesce(nullif(current_setting('harness.records'), ''), '{}')::tid[]"
        added = f"select * from {records} as {alias} where ctid <> all ({standing}){about}"
        right = " and ".join(
            f"(select count(*) from harness_added as {alias} where ({self._bound(place)}\n)) = 1"
            for place in range(len(self.written))
        )
        # What the predicate speaks of: the number of a record and its moment are of no interest.
        named = {*sql.columns(self.records.row), *sql.columns(self.records.where or "true")}
        shown = [c.name for c in self.subject.catalog.table(self.records.table).columns if c.name in named]
        named_only = f"select {', '.join(map(identifier, shown))} from harness_added"
        texts = f"(select string_agg(to_jsonb(harness_a)::text, ', ') from ({named_only}) as harness_a)"
        return (
            f"with harness_added as ({added}), harness_count as (select count(*) as n from harness_added)"
            f" select case when n = 0 then 'none' when n = {wanted} and {right} then {literal(words)}"
            f" when n = {wanted} then n || ', not so: ' || {texts} else n || ': ' || {texts} end from harness_count"
        )

    def _bound(self, place: int) -> str:
        """The declared predicate with the row that was written put in."""
        table = qualified(self.subject.table.name)
        old, new = self.written[place]
        before = f"null::{table}" if old is None else f"current_setting('harness.old_{place}')::{table}"
        after = f"null::{table}"
        if new is not None:
            after = f"select harness_r from {table} as harness_r where {condition(self.subject.key(new))}"
        values = (before, after, after if new is not None else before, literal(self.command).strip() + "::text")
        return sql.bind(self.records.row, dict(zip(VARIABLES, values, strict=True)))
