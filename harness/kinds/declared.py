"""declared"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hypothesis.errors import UnsatisfiedAssumption

from harness.catalog.parts import enforced
from harness.kinds.base import Draft, Fact, Kind, ScenarioStrategy, Subject
from harness.kinds.declared_parts.similar_rows import ColumnNames, Region, possible, similar_row
from harness.kinds.toolkit.keys import room_for_rows
from harness.probes import Accepted, Insert, Probe
from harness.project.keys import FrozenDict, key, mapping, text
from harness.project.settings import UNDECLARED, UNDECLARED_DOC
from harness.project.types_keys import ReferenceData, reference

NAMED = 3
"""Rows that a note names."""


@dataclass(frozen=True)
class DeclaredKind(Kind):
    """The table has no rule that no check declares.

    ```yaml
    table: shop.orders
    undeclared: shown    # a hint, and not broken; for all tables it stands in project.yml
    known:
      orders_archive: a rule that moves old orders, which no kind of check can state
    ```

    This check need not be written: each table with a file has it, as `<table>.declared`. Looked up in the catalog: each
    constraint, NOT NULL, unique index, trigger, policy and rule (CREATE RULE) is declared by a check, or `known`. So is
    each CHECK of a domain that a column has, or that parts of its type have; for all tables it is enough to declare it
    of one column. If one is not, the check is broken, with the YAML that would declare it.

    Proven: rows that keep all declared rules are accepted. So are two rows that differ only in one column of each
    declared key and in one element of each exclusion, with the columns that this one decides. Each choice of such
    columns is tried, inside and outside of every `where`; of more than 64 choices, as many as it takes to have each
    other column equal once. NULL is accepted in each column that may be NULL. If no such rows are found, or declared
    rules refuse them, a note says so. If an undeclared trigger refuses them, the check is unreliable. Rows for all
    other checks keep undeclared rules as well, so that only this check reports them.
    """

    scopes = ()
    drawn = 3
    leaves_out = True

    undeclared: str = key(UNDECLARED, UNDECLARED_DOC, default="broken")
    known: FrozenDict[str] = key(
        mapping(text), "NAME: why it is there; rules that no kind of check can state", default=FrozenDict({})
    )
    reference: ReferenceData | None = key(
        reference, "true, or names: the rows are reference data, and become constants of `harness types`", default=None
    )

    def __or__(self, other: Any) -> DeclaredKind:
        """Joins the keys of two documents about one table."""
        undeclared = "shown" if "shown" in (self.undeclared, other.undeclared) else "broken"
        known = FrozenDict({**self.known, **other.known})
        return replace(self, undeclared=undeclared, known=known, reference=self.reference or other.reference)

    @property
    def subject(self) -> str:
        return ""

    @property
    def shown(self) -> bool:
        """Whether undeclared rules are only shown."""
        return self.undeclared == "shown"

    def facts(self, subject: Subject) -> Iterator[Fact]:
        there = dict.fromkeys((*enforced(subject.catalog, subject.table), *subject.undeclared))
        for part in there:
            entry = subject.undeclared.get(part)
            if part.name not in self.known and not (entry and self.shown):
                yield Fact(f"{part} declared", f"undeclared; declare it: {entry}" if entry else f"{part} declared")
        names = {part.name for part in there}
        for name in self.known:
            yield Fact(f"known: {name} is there", f"known: {name} is {'' if name in names else 'not '}there")

    def scenarios(self, subject: Subject) -> ScenarioStrategy:
        table = subject.table
        regions = list(possible(subject)) if room_for_rows(subject) > 1 else []
        nullable = list(self._nullable(subject))

        def build(draft: Draft) -> Iterator[Probe]:
            draft.share_ancestors()
            for region, patterns in regions:
                for present in patterns:
                    try:
                        resident = draft.insert(table.name, present=present, also=region.also)
                    except UnsatisfiedAssumption:
                        continue
                    for columns in region.choices:
                        other = similar_row(subject, draft, resident, columns, region.also)
                        if other is not None:
                            aspect = _alike_but_for(region, columns)
                            yield Probe(Insert(table.name, other), Accepted(1), aspect, f"a second row, {aspect},")
            for column in nullable:
                try:
                    row = draft.row(table.name, {column: None})
                except UnsatisfiedAssumption:
                    continue
                yield Probe(Insert(table.name, row), Accepted(1), f"NULL in {column}", f"NULL in {column}")

        return subject.probes(build)

    def _nullable(self, subject: Subject) -> Iterator[str]:
        """Yields the columns that may be NULL by the declared rules."""
        pools = subject.pools.of(subject.table)
        free = (each for each in subject.table.columns if each.is_supplied and not each.not_null and not each.identity)
        for column in free:
            allowed = all(pool.allows({column.name: None}) for pool in pools)
            if allowed and subject.oracle.refusal_of_null(column) is None:
                yield column.name

    def notes(self, subject: Subject, shown: Collection[str], masked: Mapping[str, str]) -> Iterator[str]:
        if self.shown:
            yield from (f"undeclared: {part}; declare it: {entry}" for part, entry in subject.undeclared.items())
        one = room_for_rows(subject) <= 1
        if one:
            yield "left out: two rows that are alike, as there is room for one"
        choices = ((region, columns) for region, _ in possible(subject) if not one for columns in region.choices)
        unseen = dict.fromkeys((_alike_but_for(*choice) for choice in choices), "as no such rows were found")
        unseen |= {aspect: f"each time {refused}" for aspect, refused in masked.items()}
        missing: dict[str, list[str]] = {}
        for aspect, why in unseen.items():
            if aspect not in shown:
                missing.setdefault(why, []).append(aspect)
        for why, aspects in missing.items():
            more = f", and {len(aspects) - NAMED} more" if len(aspects) > NAMED else ""
            yield f"left out, {why}: {'; '.join(aspects[:NAMED])}{more}"


def _alike_but_for(region: Region, columns: ColumnNames) -> str:
    return f"alike but for {', '.join(columns) or 'nothing'}{region.name}"
