"""As whom rows are written: the role and the settings that ``as`` and ``claims`` of their row hints name.

They come before each statement of a setup, and as settings of a probe. Decides which row the variables take their
values from. A probe by a role of its own keeps to its own claims: what the setup has set is empty for it.
Not here: as whom a check asks (``kinds/row_access``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from harness.probes import (
    Delete,
    Execute,
    Family,
    Harmless,
    Insert,
    Probe,
    Scenario,
    SqlStatement,
    Update,
    assume,
    claim_settings,
    single,
)
from harness.project.model import TableName, Values
from harness.solver.pools import Pools

S = TypeVar("S", bound=Scenario)


@dataclass(frozen=True)
class Users:
    """Has statements run as the users of the rows that they write; ``rows`` are those of a table that were drawn."""

    pools: Pools
    rows: Callable[[TableName], Sequence[Values]]

    def of(self, scenario: S) -> S:
        """The scenario with its rows, and those of its probes, written by their users."""
        if not any(each.as_ or each.claims for each in self.pools.row_hints.values()):
            return scenario
        if any(isinstance(each, Family) and self.settings(each.statement) for each in scenario.probes):
            scenario = replace(scenario, probes=scenario.one_by_one().probes)
        made = dict.fromkeys(name for each in scenario.setup for name in self.settings(each) if name != "role")
        probes = (self._probe(each, made) if isinstance(each, Probe) else each for each in scenario.probes)
        return replace(scenario, setup=(*self.setup(scenario.setup),), probes=(*probes,))

    def setup(self, statements: Iterable[SqlStatement]) -> Iterator[SqlStatement]:
        """The statements, each behind the settings of its user; no role is kept for the next."""
        for statement in statements:
            settings = self.settings(statement)
            yield from map(Execute, assume(settings))
            yield statement
            if "role" in settings:
                yield from map(Execute, assume({"role": "none"}))

    def together(self, statement: SqlStatement) -> SqlStatement:
        """A statement that makes its settings itself, for a session that runs nothing else before it."""
        settings = self.settings(statement)
        text = "; ".join([*assume(settings), statement.sql])
        row = single(statement)
        return Execute(text, row if isinstance(row, Insert) else None, instead_of=row) if settings else statement

    def settings(self, statement: SqlStatement) -> dict[str, str]:
        """The settings by which a statement is run: those of the row as it is written, as far as that is known."""
        match statement:
            case Insert(table, known) | Update(table, known) | Delete(table, known):
                hints = self.pools.hints(table)
                if not (hints.as_ or hints.claims):
                    return {}
                drawn = [*reversed(self.rows(table))]
                row = next((each for each in drawn if known.items() <= each.items()), drawn[0] if drawn else {})
                changed = statement.set if isinstance(statement, Update) else {}
                role = self.pools.catalog.table(table).owner if hints.as_ == "$owner" else hints.as_
                settings = claim_settings(hints.claims, {**row, **known, **changed})
                return {**settings, **({"role": role} if role else {})}
            case Execute(leaves=row, beside=others, instead_of=one):
                written = [each for each in (one or row, *others) if each is not None]
                return next((found for each in written if (found := self.settings(each))), {})

    def _probe(self, probe: Probe, made: Iterable[str]) -> Probe:
        # Calls of doors take on a role by themselves.
        if "role" in probe.settings or isinstance(probe.expected, Harmless):
            return replace(probe, left_empty=tuple(name for name in made if name not in probe.settings))
        return replace(probe, settings={**self.settings(probe.statement), **probe.settings})
