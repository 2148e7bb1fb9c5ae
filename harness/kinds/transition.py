"""transition"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.catalog.roles import WHO_MAY_DISABLE_TRIGGERS
from harness.kinds.base import (
    Draft,
    Fact,
    RacesStrategy,
    Rule,
    ScenarioStrategy,
    Subject,
    Unreliable,
    Values,
    condition,
    identifier,
    literal,
    qualified,
)
from harness.kinds.row_access.acting_roles import ActingRole, as_roles, reachable_by
from harness.kinds.toolkit.changes import change_to, pools_of
from harness.kinds.toolkit.constraints import REFUSED_BY, GuardedKind, RefusedBy
from harness.kinds.toolkit.statements import upserts, without_triggers
from harness.probes import Accepted, Insert, Probe, Refused, Scenario, SqlStatement, Update
from harness.project.keys import FrozenDict, concurrently, key, listed, mapping, name, several, text
from harness.races import Invariant, Race, Races

RACED = 6
"""Pairs of moves raced in one scenario."""

UNNAMED = 10
"""States tried besides the named ones."""


@dataclass(frozen=True)
class TransitionKind(GuardedKind):
    """The moves of a state column: those that are listed, and no others.

    ```yaml
    - transition: status
      initial: PENDING
      from:
        PENDING: [OVERDUE, COMPLETED, SKIPPED]
        OVERDUE: [COMPLETED, SKIPPED]
      refused_by: {sqlstate: AB001, trigger: [milestone_actions_moves, milestone_actions_begin]}
    ```

    Proven: from every state each listed move is accepted, together with other columns that CHECKs ask for. Every other
    move is refused as `refused_by` says, by UPDATE and by INSERT … ON CONFLICT DO UPDATE. An update to the same state
    is no move. With `initial` a row can be inserted in one of these states and in no other. A state that is no key of
    `from` has no moves. The states are all that are named here, other values that the column's rules accept, and NULL
    if the column accepts it; NULL is never a listed state.

    Rows in every state are inserted with triggers switched off, which takes a superuser in the scratch database, or the
    right to SET session_replication_role. With `as` these roles move and insert rows, with `claims`, each a row that it
    reaches. `concurrently: true`: two transactions that move one row at once, to two states or to the same one, leave
    it in a state that listed moves lead to, whichever commits first.
    """

    transition: str = key(name, "the column that holds the state")
    from_: FrozenDict[tuple[str, ...]] = key(mapping(listed(text)), "state: the states it may move to")
    refused_by: RefusedBy = key(REFUSED_BY, "how any other move is refused")
    initial: tuple[str, ...] = key(several(text), "the states that a row may begin in", default=())
    concurrently: tuple[str, ...] = concurrently()

    @property
    def subject(self) -> str:
        return self.refused_by.name or self.transition

    def rules(self) -> tuple[Rule, ...]:
        if not self.initial:
            return ()
        values = ", ".join(literal(state).strip() for state in self.initial)
        return (Rule(f"coalesce({identifier(self.transition)} in ({values}), false)", on_insert_only=True),)

    def bars(self, probe: Probe) -> bool:
        # A state that another rule refuses is no listed move either.
        moves = isinstance(probe.statement, Update) and self.transition in probe.statement.set
        return moves and isinstance(probe.expected, Refused)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        subject.table.column(self.transition)
        yield from super().facts(subject)

    def scenarios(self, subject: Subject) -> ScenarioStrategy:
        if not subject.roles.may_disable_triggers:
            raise Unreliable(
                f"rows in every state are made with triggers switched off, which takes {WHO_MAY_DISABLE_TRIGGERS}"
            )
        states = self._states(subject)
        refused = self.refused_by.by(subject.table)
        roles = self.acting_roles(subject)

        def build(draft: Draft) -> Scenario:
            existing: list[SqlStatement] = []
            probes: list[Probe] = []
            for state in states:
                row = self._row(subject, draft, state, roles)
                existing.append(Insert(subject.table.name, row))
                probes += as_roles(roles, draft, row, self._moves(subject, draft, row, states, refused))
                if self.initial:
                    fresh = self._row(subject, draft, state, roles)
                    expected = Accepted(1) if state in self.initial else refused
                    aspect, value = f"begins {_word(state)}", f"a row that begins as {_word(state)}"
                    insert = Probe(Insert(subject.table.name, fresh), expected, aspect, value)
                    probes += as_roles(roles, draft, fresh, [insert], "no row")
            return Scenario((*draft.inserts, *without_triggers(*existing)), tuple(probes))

        return subject.scenarios(build)

    def races(self, subject: Subject) -> RacesStrategy:
        table = subject.table
        # First the pairs whose second move is not allowed after the first.
        pairs = sorted(
            ((state, one, other) for state, ends in self.from_.items() for one in ends for other in ends),
            key=lambda pair: (pair[2] in self.from_.get(pair[1], ()), pair[1] == pair[2]),
        )
        if not pairs:
            raise Unreliable("no state has a move, so that no two can meet")

        def build(draft: Draft) -> Races:
            existing: list[SqlStatement] = []
            races: list[Race] = []
            for state, *ends in draft.sample(pairs, RACED):
                row = draft.changed_row(table.name, {self.transition: state})
                existing.append(Insert(table.name, row))
                one, other = (
                    [subject.update(row, change_to(subject, draft, row, self.transition, end))] for end in ends
                )
                what = f"{self.transition} from {state} to {ends[0]} and to {ends[1]}"
                races.append(Race(f"from {state}", what, one, other, self._watch(subject, row)))
            return Races((*draft.inserts, *without_triggers(*existing)), tuple(races))

        return subject.scenarios(build)

    def _watch(self, subject: Subject, row: Values) -> Invariant:
        where = f"{qualified(subject.table.name)} where {condition(subject.key(row))}"
        seen = f"select coalesce((select coalesce({identifier(self.transition)}::text, 'null') from {where}), 'no row')"
        return Invariant(seen, "only listed moves", self._may)

    def _may(self, before: str, after: str) -> bool:
        return before == after or after in self.from_.get(before, ())

    def _states(self, subject: Subject) -> list[str | None]:
        """Returns the states that are named here, those that the column's rules accept, and NULL if it is accepted."""
        named = [*self.initial, *self.from_, *(state for states in self.from_.values() for state in states)]
        column = subject.table.column(self.transition)
        pools = pools_of(subject, subject.table, column.name)
        others = [state for pool in pools for state in pool.of_column(column.name)]
        if not pools:
            others = [*subject.pools.finder.candidates(subject.table, column.name, ())[:2], None]
        null = [None] if None in others and not column.not_null else []
        unnamed = [state for state in dict.fromkeys(others) if state is not None and state not in named]
        return [*dict.fromkeys(named), *unnamed[:UNNAMED], *null]

    def _moves(
        self, subject: Subject, draft: Draft, row: Values, states: list[str | None], refused: Refused
    ) -> Iterator[Probe]:
        table, state = subject.table, row[self.transition]
        stay = subject.update(row, {self.transition: state})
        yield Probe(stay, Accepted(1), f"{_word(state)} stays", f"{_word(state)} stays", required=False)
        for other in (each for each in states if each != state):
            expected = Accepted(1) if state is not None and other in self.from_.get(state, ()) else refused
            changes = change_to(subject, draft, row, self.transition, other)
            aspect = f"{_word(state)} to {_word(other)}"
            value = f"{self.transition} from {aspect}"
            yield Probe(subject.update(row, changes), expected, aspect, value)
            for by_upsert in upserts(table, row, changes):
                yield Probe(by_upsert, expected, f"{aspect} by upsert", f"{value} by an upsert", required=False)

    def _row(self, subject: Subject, draft: Draft, state: str | None, roles: Sequence[ActingRole]) -> Values:
        """Draws a row in a state, which the roles reach."""
        fixed, present = reachable_by(roles, draft)
        return draft.changed_row(subject.table.name, {**fixed, self.transition: state}, present)


def _word(state: str | None) -> str:
    return "null" if state is None else state
