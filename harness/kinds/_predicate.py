"""The equivalence behind ``check`` and ``accepted_values``: where all other rules hold,
true or null means accepted, and false means refused by the rule of that name."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence

from hypothesis import strategies as st

from harness.catalog.model import Table
from harness.generation.draft import Draft
from harness.kinds._roads import new_parent
from harness.kinds.base import Begun, Pair, Subject, Unreliable
from harness.oracle import Answer
from harness.probes import Accepted, Family, Insert, Probe, Refused, Scenario, Update, Variants
from harness.project import sql
from harness.project.model import NewRow, Tuple, Values
from harness.solver.rules import computable, deciding_columns, domain_predicates, implying

MENDED = 4000
"""Combinations tried to find values of other columns that mend what one column's value breaks."""

LED = 3
"""Values of a foreign key for which parents are inserted, for each road."""

TRIED = 80
"""Combinations of values tried in one scenario on each side of the rule; of more, a drawn part."""


def breaking(subject: Subject, predicate: str, refused: Refused, implied_by: str | None = None) -> list[NewRow]:
    """Values that a predicate does not let pass, as :func:`equivalence` has them."""
    return _sides(subject, predicate, refused.constraint, implied_by)[1]


def equivalence(
    subject: Subject, predicate: str, refused: Refused, implied_by: str | None = None
) -> st.SearchStrategy[Scenario] | Begun:
    """Scenarios in which values on both sides of a predicate are inserted and updated.

    What it is ``implied_by`` refuses them as well. Raises :class:`Unreliable` if no values were found on one of the
    sides.
    """
    table = subject.table
    for name in sql.columns(predicate):
        table.column(name)
    foreign = table.foreign_columns
    present = tuple(column for column in deciding_columns(table, predicate) if column in foreign)
    good, bad = _sides(subject, predicate, refused.constraint, implied_by)
    valued = _valued(foreign, good, bad)

    if not foreign & {column for row in (*good, *bad) for column in row} and max(len(good), len(bad)) <= TRIED:

        def begun(pair: Pair) -> Scenario:
            sides = ((good, good), Accepted(1), "accepted"), ((bad, bad), refused, "refused")
            families = [_tried(subject, pair.fresh, pair.resident, *side) for side in sides]
            return Scenario(pair.setup, tuple(itertools.chain(*families)))

        return subject.begun(begun)

    def build(draft: Draft) -> Scenario:
        resident = draft.insert(table.name, present=present)
        fresh = draft.row(table.name, present=present)
        roads = [
            _Road(subject, draft, row, foreign, present, valued, turn) for turn, row in enumerate((fresh, resident))
        ]
        families: list[Family] = []
        for rows, expected, aspect in ((good, Accepted(1), "accepted"), (bad, refused, "refused")):
            changed = [[road.changes(row) for road in roads] for row in draft.sample(rows, TRIED)]
            inserted, updated = ([each[turn] for each in changed] for turn in (0, 1))
            families += _tried(subject, fresh, resident, (inserted, updated), expected, aspect)
        return Scenario(tuple(draft.inserts), tuple(families))

    return subject.scenarios(build)


def _tried(
    subject: Subject,
    fresh: Values,
    resident: Values,
    changes: tuple[Sequence[NewRow], Sequence[NewRow]],
    expected: Accepted | Refused,
    aspect: str,
) -> Iterator[Family]:
    """Values put into a row that is inserted, and into the one that stands."""
    table = subject.table.name
    inserted, updated = changes
    insert = Probe(Insert(table, fresh), expected, f"{aspect} on insert")
    kept = {column for each in inserted for column in each}
    yield from _families(insert, inserted, subject.variants(Insert(table, fresh), kept))
    update = Probe(Update(table, subject.key(resident), {}), expected, f"{aspect} on update")
    yield from _families(update, [each for each in updated if subject.may_update(each)], Variants())


def _families(probe: Probe, changes: Sequence[NewRow], variants: Variants) -> Iterator[Family]:
    """The probe with each of the changes, those of the same columns together; without a change there is none."""
    groups: dict[tuple[str, ...], list[Tuple]] = {}
    for change in changes:
        if change:
            groups.setdefault(tuple(change), []).append(tuple(change.values()))
    for columns, rows in groups.items():
        yield Family(probe, columns, tuple(rows), variants, named=True)


def _valued(foreign: frozenset[str], good: list[NewRow], bad: list[NewRow]) -> dict[str, list[str]]:
    """The foreign keys' columns of which the rule asks more than whether they are NULL, with the values tried."""

    def pattern(row: NewRow) -> tuple[object, ...]:
        return tuple((column, value is None if column in foreign else value) for column, value in row.items())

    if not {*map(pattern, good)} & {*map(pattern, bad)}:
        return {}
    # By turns from the two sides: the rule may forbid a single value.
    rows = [row for pair in itertools.zip_longest(bad, good) for row in pair if row is not None]
    columns = sorted({column for row in rows for column in row} & foreign)
    found = {
        column: list(dict.fromkeys(row[column] for row in rows if row.get(column) is not None)) for column in columns
    }
    return {column: [value for value in values if value is not None] for column, values in found.items()}


class _Road:
    """Inserts, or updates: what becomes of a row when values of the rule's columns are put in.

    A foreign key's value comes from a parent. Where the rule asks only whether it is NULL, that is the row's own, or,
    where rules about births leave it NULL, one made for it; where it asks for the value, one that has it. Where that is
    a row of the same table each road has a few to itself, and keys do not clash.
    """

    def __init__(
        self,
        subject: Subject,
        draft: Draft,
        row: Values,
        foreign: frozenset[str],
        present: tuple[str, ...],
        valued: Mapping[str, list[str]],
        turn: int,
    ) -> None:
        self._subject, self._draft, self._row, self._foreign = subject, draft, row, foreign
        self._values = {name: self._few(name, values, turn) for name, values in valued.items()}
        unvalued = [name for name in present if name not in valued and row[name] is None]
        self._led = {name: new_parent(subject, draft, row, name)[name] for name in unvalued}

    def _few(self, column: str, values: list[str], turn: int) -> list[str]:
        table = self._subject.table
        within = any(column in key.columns for key in table.foreign_keys if key.references == table.name)
        # The last: rows that are drawn have the first ones more often.
        return values[::-1][turn * LED :][:LED] if within else values[: 2 * LED]

    def changes(self, row: NewRow) -> NewRow:
        """The part of the row that is put in; none if it cannot be."""
        changes: NewRow = {}
        for column, value in row.items():
            if column in self._values and value is not None:
                if value not in self._values[column]:
                    return {}
                changes[column] = value
            elif value is None or column not in self._foreign:
                changes[column] = value
            elif column in self._led:
                changes[column] = self._led[column]
        return changes if self._have_parents({**self._row, **changes}) else {}

    def _have_parents(self, row: NewRow) -> bool:
        """Inserts the parents that a row's values lead to; False if a row with its key would stand there.

        A row may be its own parent: the first value is kept for that, so that no other row has it for a key.
        """
        table = self._subject.table
        for key in table.foreign_keys:
            expected = key.referenced(row)
            valued = [name for name in key.columns if name in self._values]
            if not valued or None in expected.values():
                continue
            own = key.references == table.name and all(row.get(name) == value for name, value in expected.items())
            if key.references == table.name and own != all(row[name] == self._values[name][0] for name in valued):
                return False
            there = (insert.values for insert in self._draft.inserts if insert.table == key.references)
            stands = own or any(expected.items() <= values.items() for values in there)
            if not stands and self._draft.existing_row(key.references, expected) is None:
                self._draft.insert(key.references, expected)
        return True


def speaking(subject: Subject, constraint: str, implied_by: str | None) -> str:
    """The name that a refusal bears where a constraint may be implied by another.

    CHECKs are tried in the order of their names; the rule of a domain, or another one, comes before them.
    """
    checks = {each.name for each in subject.table.checks}
    stricter = implying(subject.pools.declared(subject.table.name), implied_by)
    outer = next((name for name in stricter if name not in checks), None)
    if outer is not None or constraint not in checks:
        return outer or implied_by or constraint
    return min((constraint, *stricter), key=str.encode)


_NULL_IN_A_LIST = re.compile(r"(?:\barray\s*\[|\bin\s*\()[^])]*\bnull\b", re.IGNORECASE)


def _sides(
    subject: Subject, predicate: str, constraint: str | None, implied_by: str | None
) -> tuple[list[NewRow], list[NewRow]]:
    """Values that the predicate lets pass and those it does not, where every other declared rule holds.

    They are values of the predicate's own columns; where those alone break a rule that ties other columns to them
    (`processed_at` is set exactly when `status` is 'processed'), with values of the others that mend it.
    """
    table = subject.table
    columns = deciding_columns(table, predicate)
    declared = subject.pools.declared(table.name)
    stricter = implying(declared, implied_by)
    others = [
        rule.predicate
        for rule in (*declared, *computable(table))
        if predicate != rule.predicate
        and (constraint is None or constraint not in (rule.constraint, *implying(declared, rule.implied_by)))
        and (rule.constraint is None or rule.constraint not in stricter)
        and set(deciding_columns(table, rule.predicate)) & set(columns)
    ]
    rows = _possible(table, columns, subject.pools.combinations(table, columns, (predicate,)))
    typed = [
        each
        for each in domain_predicates(subject.pools.catalog, table)
        if set(deciding_columns(table, each)) & set(columns)
    ]
    always = len(others)
    others += typed
    if any(each.name == constraint for each in table.constraints):
        always += len(typed)  # Else the rule of a domain is tried, or refuses first: only what is accepted keeps it.
    good: list[NewRow] = []
    bad: list[NewRow] = []
    refused: list[Tuple] = []
    answers = subject.oracle.answers(table, columns, rows, [predicate, *others])
    for row, (own, *rest) in zip(rows, answers, strict=True):
        if own is Answer.ERROR:
            continue
        if all(answer.holds for answer in (rest if own.holds else rest[:always])):
            (good if own.holds else bad).append(dict(zip(columns, row, strict=True)))
        else:
            refused.append(row)
    for changes, holds in _mended(subject, predicate, others, always, columns, refused):
        (good if holds else bad).append(changes)
    for side, words in ((good, "keep"), (bad, "break")):
        if not side:
            hidden = any(own is not Answer.ERROR and own.holds == (side is good) for own, *_ in answers)
            hint = " and keep the other rules; if one of them always refuses first, say `implied_by:`" if hidden else ""
            if side is bad and not hidden and _NULL_IN_A_LIST.search(predicate):
                hint = ": a list with NULL in it is never false, so that it lets every value pass"
            values = f"values of {', '.join(columns)}" if columns else "rows"
            raise Unreliable(f"no {values} found that {words} {predicate}{hint}")
    constants = {constant.text for constant in sql.constants(predicate)}
    return _varied(good, constants), _varied(bad, constants)


def _mended(
    subject: Subject,
    predicate: str,
    others: list[str],
    always: int,
    columns: tuple[str, ...],
    refused: list[Tuple],
) -> Iterator[tuple[NewRow, bool]]:
    """For values that other rules refuse alone, values of the columns tied to them with which those rules hold.

    Values that break the predicate have to keep the first of the others only, as many as ``always``.
    """
    table = subject.table
    named = {name for other in others for name in deciding_columns(table, other)}
    tied = tuple(column.name for column in table.columns if column.name in named and column.name not in columns)
    if not tied or not refused:
        return
    completions = _possible(table, tied, subject.pools.combinations(table, tied))
    completions = completions[: max(MENDED // len(refused), 1)]
    rows = [(*row, *completion) for row in refused for completion in completions]
    answers = subject.oracle.answers(table, (*columns, *tied), rows, [predicate, *others])
    seen: set[Tuple] = set()
    for row, (own, *rest) in zip(rows, answers, strict=True):
        values = row[: len(columns)]
        kept = all(answer.holds for answer in (rest if own.holds else rest[:always]))
        if own is not Answer.ERROR and kept and values not in seen:
            seen.add(values)
            yield dict(zip((*columns, *tied), row, strict=True)), own.holds


def _possible(table: Table, columns: tuple[str, ...], rows: Sequence[Tuple]) -> list[Tuple]:
    """The combinations without a NULL where none may be."""
    bound = [place for place, column in enumerate(columns) if table.column(column).not_null]
    return [row for row in rows if all(row[place] is not None for place in bound)]


def _varied(rows: list[NewRow], constants: set[str]) -> list[NewRow]:
    """The first row of every pattern of NULLs and constants of the rule ahead, so that none is left to chance."""
    ahead: dict[tuple[str | None, ...], NewRow] = {}
    for row in rows:
        pattern = tuple(value if value is None or value in constants else "other" for value in row.values())
        ahead.setdefault(pattern, row)
    first = {id(row) for row in ahead.values()}
    return [*ahead.values(), *(row for row in rows if id(row) not in first)]
