"""The equivalence behind ``check`` and ``accepted_values``: where all other rules hold,
true or null means accepted, and false means refused by the rule of that name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hypothesis import strategies as st

from harness.generation import Answer, Draft
from harness.generation.oracle import Tuple
from harness.generation.pools import computable, supplied
from harness.kinds.base import Subject, Unreliable, show
from harness.probes import Accepted, Insert, Probe, Refused, Scenario, Update
from harness.project import sql

TRIED = 80
"""Combinations of values tried in one scenario on each side of the rule; of more, a drawn part."""


def equivalence(subject: Subject, predicate: str, refused: Refused) -> st.SearchStrategy[Scenario]:
    """Scenarios in which values on both sides of a predicate are inserted and updated.

    Raises :class:`Unreliable` if no values were found on one of the sides.
    """
    table = subject.table
    for name in sql.columns(predicate):
        table.column(name)
    columns = supplied(table, predicate)
    foreign = tuple({column for key in table.of_type("f") for column in key.columns} & set(columns))
    good, bad = _sides(subject, columns, predicate, refused.constraint)

    def build(draft: Draft) -> Scenario:
        resident = draft.insert(table.name, present=foreign)
        fresh = draft.row(table.name, present=foreign)

        def tried(rows: Sequence[Tuple], wanted: Accepted | Refused, aspect: str) -> Iterator[Probe]:
            for row in draft.some(rows, TRIED):
                # A foreign key's value comes from its parent: of a candidate only NULL is taken.
                changes = {
                    column: value
                    for column, value in zip(columns, row, strict=True)
                    if value is None or column not in foreign
                }
                if not changes:
                    continue
                yield Probe(Insert(table.name, {**fresh, **changes}), wanted, f"{aspect} on insert", show(changes))
                if subject.may_update(changes):
                    update = Update(table.name, subject.key(resident), changes)
                    yield Probe(update, wanted, f"{aspect} on update", show(changes))

        probes = (*tried(good, Accepted(1), "accepted"), *tried(bad, refused, "refused"))
        return Scenario(tuple(draft.inserts), probes)

    return subject.scenarios(build)


def _sides(
    subject: Subject, columns: tuple[str, ...], predicate: str, constraint: str | None
) -> tuple[list[Tuple], list[Tuple]]:
    """Combinations that the predicate lets pass and those it does not, where every other declared rule holds."""
    table = subject.table
    rows = [
        row
        for row in subject.pools.combinations(table, columns, (predicate,))
        if all(
            value is not None or not table.column(column).not_null for column, value in zip(columns, row, strict=True)
        )
    ]
    others = [
        rule.predicate
        for rule in (*subject.pools.declared(table.name), *computable(table))
        if predicate != rule.predicate
        and (rule.constraint is None or rule.constraint != constraint)
        and set(supplied(table, rule.predicate)) & set(columns)
    ]
    good: list[Tuple] = []
    bad: list[Tuple] = []
    answers = subject.oracle.answers(table, columns, rows, [predicate, *others])
    for row, (own, *rest) in zip(rows, answers, strict=True):
        if own is not Answer.ERROR and all(answer.holds for answer in rest):
            (good if own.holds else bad).append(row)
    for side, words in ((good, "keep"), (bad, "break")):
        if not side:
            hidden = any(own is not Answer.ERROR and own.holds == (side is good) for own, *_ in answers)
            hint = " and keep the other rules; if one of them always refuses first, say `implied_by:`" if hidden else ""
            raise Unreliable(f"no values of {', '.join(columns)} found that {words} {predicate}{hint}")
    constants = {constant.text for constant in sql.constants(predicate)}
    return _varied(good, constants), _varied(bad, constants)


def _varied(rows: list[Tuple], constants: set[str]) -> list[Tuple]:
    """The first row of every pattern of NULLs and constants of the rule ahead, so that none is left to chance."""
    firsts: dict[tuple[str | None, ...], Tuple] = {}
    for row in rows:
        pattern = tuple(value if value is None or value in constants else "other" for value in row)
        firsts.setdefault(pattern, row)
    ahead = set(firsts.values())
    return [*firsts.values(), *(row for row in rows if row not in ahead)]
