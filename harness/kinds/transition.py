"""transition"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from hypothesis import strategies as st

from harness.catalog.roles import SILENCING
from harness.generation.draft import Draft
from harness.kinds._refused_by import REFUSED_BY, RefusedBy, unnoticed
from harness.kinds._roads import move, upsert
from harness.kinds.base import Fact, Kind, Subject, Unreliable
from harness.kinds.owners.askers import (
    Asker,
    as_key,
    asked,
    askers,
    check_keys,
    claims_key,
    drawn_for,
    known,
    named,
    sees_key,
    variables_key,
)
from harness.probes import Accepted, Insert, Probe, Refused, Scenario, Statement, Update
from harness.probes.statement import condition, identifier, literal, qualified
from harness.project.keys import FrozenDict, concurrently, key, listed, mapping, name, several, text
from harness.project.model import TableName, Values
from harness.races import Race, Races, Watch
from harness.solver.rules import Rule

RACED = 6
"""Pairs of moves raced in one scenario."""

STRANGERS = 10
"""States tried besides the named ones."""


@dataclass(frozen=True)
class TransitionKind(Kind):
    """The moves of a state column: those that are listed, and no others.

    ```yaml
    - transition: status
      initial: PENDING
      from:
        PENDING: [OVERDUE, COMPLETED, SKIPPED]
        OVERDUE: [COMPLETED, SKIPPED]
      refused_by: {sqlstate: AB001, trigger: [milestone_actions_moves, milestone_actions_begin]}
    ```

    Proven: from every state of the set, each listed move is accepted, with whatever other columns its CHECKs ask for
    changed with it, and every other move is refused as `refused_by` says, by UPDATE and by INSERT … ON CONFLICT DO
    UPDATE; to stay is no move. With `initial` a row can be inserted in one of these states and in no other. A state
    that stands nowhere under `from` is an end: nothing leads out of it. States are all that are named here, those
    that the column's rules let pass besides, and NULL where the column takes it: NULL is never a listed state.
    Rows in every state are made with triggers switched off, which takes a superuser in the scratch database, or
    the right to SET session_replication_role.
    With `as` it is these roles that move and insert rows, with `claims`, each a row that it reaches.
    `concurrently: true`: two transactions that move one row at once, to two states and to the same one, leave it on a
    way of listed moves, whoever commits first.
    """

    about_triggers: ClassVar = True

    transition: str = key(name, "the column that holds the state")
    from_: FrozenDict[tuple[str, ...]] = key(mapping(listed(text)), "state: the states it may move to")
    refused_by: RefusedBy = key(REFUSED_BY, "how any other move is refused")
    initial: tuple[str, ...] = key(several(text), "the states that a row may begin in", default=())
    concurrently: tuple[str, ...] = concurrently()
    as_: tuple[str, ...] = as_key()
    claims: FrozenDict[Any] | None = claims_key()
    variables: FrozenDict[str] | None = variables_key()
    sees: str | None = sees_key()

    def __post_init__(self) -> None:
        check_keys(self, self.concurrently)

    @property
    def subject(self) -> str:
        return self.refused_by.name or self.transition

    def rules(self) -> tuple[Rule, ...]:
        if not self.initial:
            return ()
        values = ", ".join(literal(state).strip() for state in self.initial)
        return (Rule(f"coalesce({identifier(self.transition)} in ({values}), false)", on_insert_only=True),)

    def bars(self, probe: Probe) -> bool:
        # A state that no rule lets pass is no listed move either.
        moves = isinstance(probe.statement, Update) and self.transition in probe.statement.set
        return moves and isinstance(probe.expected, Refused)

    def refusals(self, table: TableName) -> tuple[Refused, ...]:
        return (self.refused_by.anywhere(),)

    def roles(self) -> tuple[str, ...]:
        return named(self)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        subject.table.column(self.transition)
        yield from self.refused_by.facts(subject)
        yield from known(self, subject)

    def scenarios(self, subject: Subject) -> st.SearchStrategy[Scenario]:
        if not subject.roles.silent:
            raise Unreliable(f"rows in every state are made with triggers switched off, which takes {SILENCING}")
        states = self._states(subject)
        refused = self.refused_by.by(subject.table)
        asking = askers(self, subject)

        def build(draft: Draft) -> Scenario:
            grown: list[Statement] = []
            probes: list[Probe] = []
            for state in states:
                row = self._row(subject, draft, state, asking)
                grown.append(Insert(subject.table.name, row))
                moves = self._moves(subject, draft, row, states, refused)
                probes += asked(asking, draft, row, moves, self.refused_by.silently)
                if self.initial:
                    born = self._row(subject, draft, state, asking)
                    birth = self._birth(subject, born, state, refused)
                    probes += asked(asking, draft, born, [birth], stands=False)
            return Scenario((*draft.inserts, *unnoticed(*grown)), tuple(probes))

        return subject.scenarios(build)

    def races(self, subject: Subject) -> st.SearchStrategy[Races]:
        table = subject.table
        # Those first of which the second would be wrong after the first.
        pairs = sorted(
            ((state, one, other) for state, ends in self.from_.items() for one in ends for other in ends),
            key=lambda pair: (pair[2] in self.from_.get(pair[1], ()), pair[1] == pair[2]),
        )
        if not pairs:
            raise Unreliable("no state has a move, so that no two can meet")

        def build(draft: Draft) -> Races:
            grown: list[Statement] = []
            races: list[Race] = []
            for state, *ends in draft.sample(pairs, RACED):
                row = draft.changed_row(table.name, {self.transition: state})
                grown.append(Insert(table.name, row))
                one, other = (
                    [Update(table.name, subject.key(row), move(subject, draft, row, self.transition, end))]
                    for end in ends
                )
                what = f"{self.transition} from {state} to {ends[0]} and to {ends[1]}"
                races.append(Race(f"from {state}", what, one, other, self._watch(subject, row)))
            return Races((*draft.inserts, *unnoticed(*grown)), tuple(races))

        return subject.scenarios(build)

    def _watch(self, subject: Subject, row: Values) -> Watch:
        where = f"{qualified(subject.table.name)} where {condition(subject.key(row))}"
        seen = f"select coalesce((select coalesce({identifier(self.transition)}::text, 'null') from {where}), 'no row')"
        return Watch(seen, "only listed moves", self._may)

    def _may(self, before: str, after: str) -> bool:
        return before == after or after in self.from_.get(before, ())

    def _states(self, subject: Subject) -> list[str | None]:
        """All states: those that are named here, and those that the column's rules let pass."""
        named = [*self.initial, *self.from_, *(state for states in self.from_.values() for state in states)]
        column = subject.table.column(self.transition)
        pool = next(
            (pool for pool in subject.pools.of_changed_rows(subject.table) if column.name in pool.columns), None
        )
        others = (
            [row[pool.columns.index(column.name)] for row in pool.rows]
            if pool
            else [*subject.pools.finder.candidates(subject.table, column.name, ())[:2], None]
        )
        null = [None] if None in others and not column.not_null else []
        strangers = [state for state in dict.fromkeys(others) if state is not None and state not in named]
        return [*dict.fromkeys(named), *strangers[:STRANGERS], *null]

    def _moves(
        self, subject: Subject, draft: Draft, row: Values, states: list[str | None], refused: Refused
    ) -> Iterator[Probe]:
        table, state = subject.table, row[self.transition]
        stay = Update(table.name, subject.key(row), {self.transition: state})
        yield Probe(stay, Accepted(1), f"{_word(state)} stays", f"{_word(state)} stays", required=False)
        for other in states:
            if other == state:
                continue
            allowed = state is not None and other in self.from_.get(state, ())
            expected = Accepted(1) if allowed else refused
            changes = move(subject, draft, row, self.transition, other)
            aspect = f"{_word(state)} to {_word(other)}"
            value = f"{self.transition} from {aspect}"
            yield Probe(Update(table.name, subject.key(row), changes), expected, aspect, value)
            by_upsert = upsert(table, row, changes)
            if by_upsert is not None:
                yield Probe(by_upsert, expected, f"{aspect} by upsert", f"{value} by an upsert", required=False)

    def _row(self, subject: Subject, draft: Draft, state: str | None, asking: Sequence[Asker]) -> Values:
        """A row in a state, that those who ask can reach."""
        fixed, there = drawn_for(asking, draft)
        return draft.changed_row(subject.table.name, {**fixed, self.transition: state}, there)

    def _birth(self, subject: Subject, row: Values, state: str | None, refused: Refused) -> Probe:
        expected = Accepted(1) if state in self.initial else refused
        aspect, value = f"begins {_word(state)}", f"a row that begins as {_word(state)}"
        return Probe(Insert(subject.table.name, row), expected, aspect, value)


def _word(state: str | None) -> str:
    return "null" if state is None else state
