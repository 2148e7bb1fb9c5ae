"""Values on both sides of a predicate: accepted ones, and those that its constraint refuses.

PostgreSQL says which they are. Drops values that another rule refuses, or mends them by values of other columns.
Not here: the candidates (``values/candidates.py``), and the probes of the values (``predicates.py``).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from harness.catalog.model import Column, Missing
from harness.kinds.base import Subject, Table, Unreliable, identifier, literal, show
from harness.kinds.toolkit.changes import by_pattern, entries
from harness.kinds.toolkit.deciding_rows import DecidingRows
from harness.oracle import Answer
from harness.project import NewRow, Tuple, sql
from harness.solver.rules import (
    Rule,
    Unfillable,
    computable,
    deciding_columns,
    domain_predicates,
    earlier_domain_predicates,
    implying,
    merged,
    parent_domain_predicates,
)

MENDED = 4000
"""Combinations tried to find values of other columns with which a value keeps the other rules."""


@dataclass(frozen=True)
class PredicateValues:
    """The values of a predicate's columns that are worth trying; ``constraint`` refuses those for which it is false."""

    subject: Subject
    predicate: str
    constraint: str
    implied_by: str | None

    def sides(self) -> tuple[list[NewRow], list[NewRow]]:
        """Values for which the predicate is true or null, and values for which it is false; all keep the other rules.

        They are values of the predicate's columns. Where another rule ties other columns to them (`processed_at` is set
        exactly when `status` is 'processed'), they have values of those columns, too. Raises :class:`Unreliable` if
        there are no values on one of the sides.
        """
        columns = deciding_columns(self.subject.table, self.predicate)
        also = (self.predicate, *self._of_parents)
        judged = [*self._judged(columns, [*combinations(self.subject, columns, also), *self._null_for_domain(columns)])]
        accepted = [(dict(zip(columns, row, strict=True)), holds) for row, holds, kept in judged if kept]
        # They were judged beside NULL in all other columns.
        nulls = dict.fromkeys(name for name in self._tied if not self.subject.table.column(name).not_null)
        as_judged = [({**row, **nulls}, holds) for row, holds in accepted if nulls]
        mended = self._mended(columns, [row for row, _, kept in judged if not kept])
        found = [*accepted, *as_judged, *mended]
        good, bad = ([row for row, holds in found if holds is side] for side in (True, False))
        bad = bad or self._refused_first(columns, [row for row, holds, _ in judged if not holds])
        for side, words in ((good, "keep"), (bad, "break")):
            if not side:
                hidden = any(holds == (side is good) for _, holds, _ in judged)
                hint = " and keep the other rules; if one of them always refuses first, say `implied_by:`"
                values = f"values of {', '.join(columns)}" if columns else "rows"
                unknown = self._unknown(columns, [row for row, _, kept in judged if kept]) if side is bad else ""
                raise Unreliable(f"no {values} found that {words} {self.predicate}{hint if hidden else ''}{unknown}")
        return self._by_constants(good), self._deciding(columns, self._by_constants(bad))

    def _null_for_domain(self, columns: tuple[str, ...]) -> Iterator[Tuple]:
        """NULL in a column that is NOT NULL, which the CHECK of its domain refuses before that."""
        column = domain_column(self.subject.table, self.predicate, self.constraint)
        own = column is not None and column.not_null and columns == (column.name,)
        if column and own and self.subject.oracle.refusal_of_null(column) == "check":
            yield (None,)

    def _deciding(self, columns: tuple[str, ...], bad: list[NewRow]) -> list[NewRow]:
        """Puts rows in front by which one condition of the predicate alone decides; they may be new ones."""
        conditions = sql.deciding(self.predicate, "check")
        if len(conditions) < 2:
            return bad
        table, always = self.subject.table, self._others[0]
        if (actual := self._actual()) is not None:
            # What another CHECK in its place would accept comes first.
            conditions = (*((*said, f"({actual}) is not false") for said in conditions), *conditions)
        far = {
            rule.predicate: names
            for rule in self.subject.pools.declared(table.name)
            if (names := {*deciding_columns(table, rule.predicate)}) and not names & {*columns}
        }
        # A row keeps the rules of tied columns as well, and those of the columns that these tie.
        near = next(group for group in merged([{*columns, *self._tied}, *far.values()]) if group >= {*columns})
        rules = [*always, *(predicate for predicate, names in far.items() if names <= near)]
        wider = (tuple(each.name for each in table.columns if each.name in near), rules)
        rows = DecidingRows(self.subject, columns, always, wider if self._tied else ((), ()))
        found, missing = rows.of(bad, conditions)
        self.undecided.update(dict.fromkeys(missing))
        return [*found, *(row for row in bad if row not in found)]

    @property
    def undecided(self) -> dict[str, None]:
        """The conditions that no row decides alone; they are known when the values are."""
        asked = ("undecided", self.subject.table.name, self.predicate, self.constraint)
        found: dict[str, None] = self.subject.pools.cached(asked, dict)
        return found

    def _actual(self) -> str | None:
        """Returns the predicate of the constraint in the database, if it is another one."""
        table = self.subject.table
        found = next((each.expression for each in table.checks if each.name == self.constraint), None)
        with suppress(Missing):
            return found if found != self.subject.canonical.check(table, self.predicate) else None
        return None

    def _unknown(self, columns: tuple[str, ...], rows: Sequence[Tuple]) -> str:
        """Returns a remark about values for which the predicate is NULL: `array_length` is of an empty array."""
        rows = [row for row in rows if None not in row]
        answers = self.subject.oracle.answers(self.subject.table, columns, rows, [self.predicate])
        for row, (own,) in zip(rows, answers, strict=True):
            if own is Answer.NULL:
                return f"; for {show(dict(zip(columns, row, strict=True)))} it is NULL, and a CHECK accepts that"
        return ""

    @property
    def _of_parents(self) -> Iterator[str]:
        """The rules of the parents about the columns that the predicate's refer to: parents have to have the values."""
        columns = {*deciding_columns(self.subject.table, self.predicate)}
        for key in self.subject.table.foreign_keys:
            names = {to: own for own, to in key.pairs if own in columns}
            parent = self.subject.catalog.table(key.references)
            for rule in self.subject.pools.rules(parent) if names else ():
                if {*deciding_columns(parent, rule.predicate)} <= names.keys():
                    yield sql.renamed(rule.predicate, names)

    def missing(self, every: Sequence[str], rows: Sequence[NewRow]) -> list[str]:
        """Returns those values of the predicate's one column that no row has, however it is written there.

        Not those that another rule refuses which looks at nothing else, nor values that are computed.
        """
        table, columns, oracle = self.subject.table, sql.columns(self.predicate), self.subject.oracle
        if not every or deciding_columns(table, self.predicate) != columns:
            return []
        (column,) = columns
        equal = [f"{identifier(column)} = {literal(value)}" for value in every]
        had = oracle.answers(table, columns, [(row[column],) for row in rows], equal)
        found = {value for row in had for value, answer in zip(every, row, strict=True) if answer is Answer.TRUE}
        left = [value for value in every if value not in found]
        alone = [each for each in self._others[0] if deciding_columns(table, each) == columns]
        refusing = oracle.answers(table, columns, [(value,) for value in left], alone)
        return [value for value, row in zip(left, refusing, strict=True) if all(answer.holds for answer in row)]

    @cached_property
    def _others(self) -> tuple[list[str], list[str]]:
        """Other rules on the same columns: those for all values, and those for values that are accepted.

        The rules of a domain refuse before a CHECK of the table does; where the rule itself is that of a domain, values
        that break it need not keep those of the columns that the table refers to.
        """
        table, constraint = self.subject.table, self.constraint
        columns = {*deciding_columns(table, self.predicate)}
        declared = self.subject.pools.declared(table.name)
        stricter = implying(declared, self.implied_by)
        others = [
            rule
            for rule in (*declared, *computable(table))
            if self.predicate != rule.predicate
            and constraint not in (rule.constraint, *implying(declared, rule.implied_by))
            and (rule.constraint is None or rule.constraint not in stricter)
            and columns & {*deciding_columns(table, rule.predicate)}
        ]
        always = [rule.predicate for rule in others if not rule.late]
        # Whether a row keeps one about more columns is seen of whole rows only.
        late = [
            each.predicate for each in others if each.late and {*deciding_columns(table, each.predicate)} <= columns
        ]
        named = "" if domain_column(table, self.predicate, constraint) is None else constraint
        beside, domains = domain_predicates(table, named), domain_predicates(table)
        above = parent_domain_predicates(self.subject.pools.catalog, table)
        own = [each for each in beside if columns & {*deciding_columns(table, each)}]
        # One that refuses before this rule can has to let pass what is accepted.
        typed = [*above, *(each for each in domains if self.implied_by and each not in beside)]
        typed = [each for each in typed if columns & {*deciding_columns(table, each)}]
        return ([*always, *own], [*typed, *late]) if named else ([*always, *own, *typed], late)

    @property
    def rules(self) -> tuple[str, ...]:
        """The predicate, and the other rules on its columns."""
        return (self.predicate, *itertools.chain(*self._others))

    def _refused_first(self, columns: tuple[str, ...], rows: list[Tuple]) -> list[NewRow]:
        """Values that break other rules as well that come later, so that this one refuses.

        Those are CHECKs of the table whose names come later; after a rule of a domain, all but its earlier ones.
        """
        table, names = self.subject.table, {each.name for each in self.subject.table.checks}
        domain = domain_column(table, self.predicate, self.constraint)
        later = {
            rule.predicate
            for rule in self.subject.pools.declared(table.name)
            if {self.constraint, rule.constraint} <= names
            and (rule.constraint or "").encode() > self.constraint.encode()
        }
        earlier = (
            earlier_domain_predicates(domain, self.constraint)
            if domain is not None
            else [predicate for predicate in self._others[0] if predicate not in later]
        )
        answers = self.subject.oracle.answers(table, columns, rows, earlier)
        kept = (row for row, each in zip(rows, answers, strict=True) if all(answer.holds for answer in each))
        return [dict(zip(columns, row, strict=True)) for row in kept] if later or domain is not None else []

    def _judged(self, columns: tuple[str, ...], rows: Sequence[Tuple]) -> Iterator[tuple[Tuple, bool, bool]]:
        """Asks PostgreSQL of each row whether the predicate holds, and whether the row keeps the other rules."""
        always, when_accepted = self._others
        predicates = [self.predicate, *always, *when_accepted]
        answers = self.subject.oracle.answers(self.subject.table, columns, rows, predicates)
        for row, (own, *rest) in zip(rows, answers, strict=True):
            if own is not Answer.ERROR:
                asked = rest if own.holds else rest[: len(always)]
                yield row, own.holds, all(answer.holds for answer in asked)

    def _mended(self, columns: tuple[str, ...], refused: list[Tuple]) -> Iterator[tuple[NewRow, bool]]:
        """For values that other rules refuse, finds values of other columns with which they keep those rules."""
        tied = self._tied
        if not tied or not refused:
            return
        every = [*self._in_pool(tied), *combinations(self.subject, tied)]
        patterns = {tuple(each is None for each in row): row for row in reversed(every)}.values()
        completions = [*patterns, *every][: max(MENDED // len(refused), len(patterns))]
        rows = [(*row, *completion) for row in refused for completion in completions]
        seen: set[Tuple] = set()
        for row, holds, kept in self._judged((*columns, *tied), rows):
            values = row[: len(columns)]
            if kept and values not in seen:
                seen.add(values)
                yield dict(zip((*columns, *tied), row, strict=True)), holds
        if len(columns) != 1:
            return
        # As PostgreSQL writes them: candidates are.
        column = self.subject.table.column(columns[0])
        written = self.subject.oracle.readable(column.base_type, [*self._constants])
        for row in refused:
            if row not in seen and row[0] in written:
                yield from ((found, True) for found in self._searched((*columns, *tied), row[0]))

    def _searched(self, columns: tuple[str, ...], value: str) -> list[NewRow]:
        """Values with which a constant of the predicate keeps all rules, searched step by step; none or one."""
        subject, (first, *_) = self.subject, columns
        rules = [Rule(each) for each in (self.predicate, *itertools.chain(*self._others))]
        fixed = Rule(f"{identifier(first)} is not distinct from {literal(value)}")
        try:
            pool = subject.pools.finder.pool(subject.pools.catalog, subject.table, columns, [*rules, fixed], rules)
        except Unfillable:
            return []
        return entries(pool)[:1]

    @cached_property
    def _constants(self) -> frozenset[str]:
        return frozenset(constant.text for constant in sql.constants(self.predicate))

    @cached_property
    def _tied(self) -> tuple[str, ...]:
        """The columns that other rules tie to those of the predicate."""
        table, rules = self.subject.table, itertools.chain(*self._others)
        named = {name for rule in rules for name in deciding_columns(table, rule)}
        named -= {*deciding_columns(table, self.predicate)}
        return tuple(column.name for column in table.columns if column.name in named)

    def _in_pool(self, columns: tuple[str, ...]) -> Iterator[Tuple]:
        """The values that columns have together in rows that keep all rules, each pattern of NULLs once in front."""
        for pool in self.subject.pools.of(self.subject.table) if self.subject.can_have_rows() else ():
            if {*columns} <= {*pool.columns}:
                rows = [{name: row[name] for name in columns} for row in entries(pool)]
                ahead = by_pattern(rows, lambda values: tuple(each is None for each in values))
                yield from dict.fromkeys(tuple(row.values()) for row in ahead)

    def _by_constants(self, rows: list[NewRow]) -> list[NewRow]:
        """Puts the first row of every pattern of NULLs and constants in front, so that it is always tried."""
        return by_pattern(
            rows, lambda values: tuple(each if each is None or each in self._constants else "other" for each in values)
        )


def domain_column(table: Table, predicate: str, constraint: str) -> Column | None:
    """Returns the one column of a predicate that a domain keeps; None where the constraint is one of the table."""
    if any(each.name == constraint for each in table.constraints):
        return None
    found = [each for each in table.columns if each.name in sql.columns(predicate)]
    named = len(found) == 1 and any(each.name == constraint for each in found[0].domain_check_names)
    return found[0] if named else None


def combinations(subject: Subject, columns: Sequence[str], also: tuple[str, ...] = ()) -> list[Tuple]:
    """Returns combinations of values of columns that are worth trying, without NULL in a NOT NULL column."""
    bound = [place for place, column in enumerate(columns) if subject.table.column(column).not_null]
    rows = subject.pools.combinations(subject.table, columns, also)
    return [row for row in rows if all(row[place] is not None for place in bound)]
